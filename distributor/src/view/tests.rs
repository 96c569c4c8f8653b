use serde_json::{Value, json};

use super::*;

const PAPER: Paper = Paper {
    width: Some(110),
    colour: false,
};

fn drawn(looks: &[Value]) -> String {
    let mut screen = Screen::default();
    for status in looks {
        screen.take(status.to_string().as_bytes()).unwrap();
    }
    screen.draw(PAPER).join("\n")
}

fn evening(sent_bytes: u64, viewers: u64) -> Value {
    json!({
        "name": "footlight-distributor", "version": "0.1.0", "uptime_seconds": 725, "draining": false, "missing": [],
        "process": { "resident_bytes": 52_428_800 },
        "origins": [
            { "name": "transcoder-1", "address": "10.0.0.2:8080", "state": "up" },
            { "name": "transcoder-2", "address": "10.0.0.3:8080", "state": "down" },
        ],
        "streams": { "hall": "transcoder-2", "stage": "transcoder-1" },
        "audience": { "viewers": viewers, "streams": {
            "stage": { "viewers": viewers, "most": 150, "renditions": { "480p": 20, "audio": 2, "source": viewers - 22 } },
        } },
        "cache": { "bytes": 10_485_760, "entries": 212, "capacity": 536_870_912 },
        "sent_bytes": sent_bytes, "waiters": 90, "stalled": 1, "certificate_expiry": 1_803_000_000_i64,
    })
}

#[test]
fn an_evening_is_seen_at_a_glance() {
    let shown = drawn(&[evening(0, 60), evening(50_000_000, 120)]);
    let expected = "\
footlight-distributor 0.1.0  up 12 min 5 s  ready  120 viewers  memory 50 MiB
out 400 Mb/s  90 requests wait  1 closed for taking too little
cache 10 MiB of 512 MiB, 212 objects
certificate until 2027-02-19

origin        address        state
transcoder-1  10.0.0.2:8080  up
transcoder-2  10.0.0.3:8080  down

stream  origin        viewers  most  source  480p  audio  last minute
hall    transcoder-2        0     0       ·     ·      ·
stage   transcoder-1      120   150      98    20      2  ▄█";
    assert_eq!(shown, expected, "{shown}");
}

#[test]
fn what_an_operator_should_know_is_below_the_certificate() {
    let mut status = evening(0, 60);
    status["concerns"] = json!(["the certificate expires in 3 d"]);
    let shown = drawn(&[status]);
    let expected = "certificate until 2027-02-19\n! the certificate expires in 3 d\n\norigin";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn the_other_boxes_are_shown_where_there_are_any() {
    let peer = |name: &str, state: &str, drained: bool| {
        json!({ "name": name, "url": format!("https://{name}.example"), "state": state,
            "load_permille": 123, "connections": 40, "drained": drained })
    };
    let all = [
        peer("d1", "here", false),
        peer("d2", "up", true),
        peer("d3", "down", true),
    ];
    let shown = drawn(&[json!({ "peers": { "drained": false, "distributors": all } })]);
    let expected = "
distributor  address             state    load  connections
d1           https://d1.example  here     12 %           40
d2           https://d2.example  drained  12 %           40
d3           https://d3.example  down     12 %           40
";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn one_look_tells_what_went_out_so_far() {
    let shown = drawn(&[evening(50_000_000, 60)]);
    assert!(shown.contains("sent 48 MiB  90 requests wait"), "{shown}");
}

#[test]
fn another_version_or_nobody_is_shown_all_the_same() {
    let shown = drawn(&[json!({}), json!({ "origins": [{ "unheard-of": 1 }] })]);
    assert!(shown.contains("nobody has asked for a stream"), "{shown}");
    assert!(shown.contains("certificate until ?"), "{shown}");
}

#[test]
fn a_limited_line_and_whom_it_refused_are_shown() {
    let line = json!({ "level": "full", "bits_per_second": 880_000_000, "egress": 900_000_000 });
    let refused = json!({ "connections": 0, "full": 12, "quality": 40 });
    let shown = drawn(&[json!({ "admission": { "line": line, "refused": refused } })]);
    let expected = "line 880 Mb/s of 900 Mb/s  full  refused: 12 full, 40 quality";
    assert!(shown.contains(expected), "{shown}");
}
