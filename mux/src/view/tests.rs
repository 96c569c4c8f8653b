//! What an operator sees, line by line.

use serde_json::json;

use super::*;

const PLAIN: Paper = Paper {
    width: Some(78),
    colour: false,
};

fn venue() -> Status {
    serde_json::from_value(json!({
        "name": "footlight-mux",
        "version": "0.1.0",
        "uptime_seconds": 12_345,
        "draining": false,
        "missing": [],
        "memory": { "used": 163_577_856, "budget": 1_073_741_824 },
        "handover": { "kept": true, "why": null, "connections": { "carried_on": 7, "lost": 1 }, "streams": { "carried_on": 3, "lost": 0 } },
        "listeners": { "rtmp": "[::]:1935" },
        "streams": {
            "stage": {
                "state": "live",
                "publisher": { "bits_per_second": 4_123_456 },
                "publishing": [
                    {
                        "role": "primary",
                        "standing": "on_air",
                        "text": "is on the air",
                        "software": "obs-output module (libobs version 30.2.3)",
                        "address": "10.0.0.5",
                        "health": {
                            "figures": { "bits_per_second": 4_123_456, "frame_rate": 29.97, "keyframe_interval_ms": 8_340 },
                            "video": { "codec": "H.264", "width": 1920, "height": 1080 },
                            "audio": { "codec": "AAC", "sample_rate": 44_100, "channels": 2 },
                            "findings": [{ "severity": "warning", "text": "Keyframes come every 8.3 s; set 'Keyframe interval' to 2 s in OBS, Output, Streaming." }],
                        },
                    },
                    {
                        "role": "backup",
                        "standing": "stands_by",
                        "text": "stands by for the one on the air",
                        "software": null,
                        "address": "10.0.0.6",
                        "health": { "figures": { "bits_per_second": 0 } },
                    },
                ],
                "msn": 1_790_000_042,
                "takeovers": 1,
                "keyframes_overdue": 0,
                "ring": { "bytes": 6_081_741, "ms": 12_000 },
                "outputs": [
                    { "name": "transcoder-1", "state": "publishing", "lag_ms": 7, "sent_bytes": 1_288_490_189, "skips": 0, "failures": 0 },
                    { "name": "transcoder-2", "state": "waiting", "lag_ms": 0, "sent_bytes": 0, "skips": 0, "failures": 12 },
                ],
                "pushes": [
                    { "name": "youtube", "state": "refused", "why": "it says that the key is wrong: copy it anew from the platform", "failures": 1 },
                ],
                "players": { "connected": 3, "sent_bytes": 3_221_225_472_u64, "skips": 2 },
            },
            "hall": { "state": "idle", "publishers": 0, "publisher": null },
            "foyer": {
                "state": "held",
                "publisher": null,
                "ring": { "bytes": 1_048_576, "ms": 4_000 },
            },
        },
    }))
    .unwrap()
}

fn drawn(status: &Status, paper: Paper) -> String {
    draw(status, &History::default(), paper).join("\n")
}

#[test]
fn a_venue_at_a_glance() {
    let shown = "\
footlight-mux 0.1.0  up 3 h 25 min  ready
memory 156 MiB of 1.0 GiB, 15 %
restarted with 7 connections, 1 connection lost

foyer  HELD: viewers wait for a publisher
  kept  4.0 s in 1.0 MiB
hall   idle

stage  LIVE
  from  primary, obs-output module (libobs version 30.2.3), 10.0.0.5
        1920x1080 H.264, 30 fps, AAC 44.1 kHz stereo, 4.1 Mb/s, keyframe ever…
  ! Keyframes come every 8.3 s; set 'Keyframe interval' to 2 s in OBS, Output,
    Streaming.
  from  backup, 10.0.0.6: stands by for the one on the air
        0 b/s
  kept  12.0 s in 5.8 MiB, segment 1790000042, 1 takeover
  to            state         lag     sent  skips  failures
  transcoder-1  publishing   7 ms  1.2 GiB
  transcoder-2  waiting      0 ms      0 B               12
  youtube       refused      0 ms      0 B                1
  players       3 connected        3.0 GiB      2
  ! youtube: it says that the key is wrong: copy it anew from the platform";
    assert_eq!(drawn(&venue(), PLAIN), shown);
}

#[test]
fn a_mux_whose_restart_would_cut_the_show_says_so() {
    let status = serde_json::from_value(json!({
        "handover": { "kept": false, "why": "no systemd keeps mux's connections: run it as footlight-mux.service" },
        "streams": { "stage": { "state": "idle" } },
    }));
    let shown = drawn(&status.unwrap(), PLAIN);
    let expected = "
a restart cuts the show: no systemd keeps mux's connections: run it as
                         footlight-mux.service
";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_colour_takes_no_room() {
    let status = venue();
    for width in 0..120 {
        let plain = draw(
            &status,
            &History::default(),
            Paper {
                width: Some(width),
                colour: false,
            },
        );
        for line in &plain {
            assert!(line.chars().count() <= width.max(24), "{width}: {line:?}");
        }
        let coloured = draw(
            &status,
            &History::default(),
            Paper {
                width: Some(width),
                colour: true,
            },
        );
        let stripped: Vec<String> = coloured.iter().map(|line| without_colour(line)).collect();
        assert_eq!(stripped, plain);
    }
}

fn without_colour(line: &str) -> String {
    let mut pieces = line.split("\x1b[");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str(piece.split_once('m').expect("a code ends").1);
    }
    out.trim_end().to_owned()
}

#[test]
fn what_another_version_does_not_say_is_left_out() {
    let empty: Status = serde_json::from_value(json!({ "new": [1] })).unwrap();
    let shown = drawn(&empty, PLAIN);
    assert!(shown.contains("no [[stream]] is configured"), "{shown}");
    let text = r#"{"streams":{"a":{"state":"live","publishing":[{"health":{"figures":{"bits_per_second":5}}}]}}}"#;
    let little: Status = serde_json::from_str(text).unwrap();
    assert!(drawn(&little, PLAIN).contains("        5 b/s"));
}

#[test]
fn stopping_and_waiting_are_said_first() {
    let mut status = venue();
    status.head.missing = vec!["the certificate".to_owned()];
    assert!(
        drawn(&status, PLAIN)
            .starts_with("footlight-mux 0.1.0  up 3 h 25 min  waits for the certificate\n")
    );
    status.head.draining = true;
    assert!(drawn(&status, PLAIN).starts_with("footlight-mux 0.1.0  up 3 h 25 min  stopping\n"));
}

#[test]
fn the_last_minute_is_plotted_and_no_more() {
    let mut history = History::default();
    let status = venue();
    history.add(&status);
    assert!(!draw(&status, &history, PLAIN).join("\n").contains("rate"));
    for _ in 0..100 {
        history.add(&status);
    }
    let shown = draw(&status, &history, PLAIN).join("\n");
    let plot = format!("  rate  {}\n", "█".repeat(PLOTTED));
    assert!(shown.contains(&plot), "{shown}");
    history.add(&Status::default());
    assert!(history.0.is_empty());
}
