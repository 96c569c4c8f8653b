//! [pure] What `footlight-transcoder status` shows: each stream a paragraph, its renditions in a table.

mod status;

use live::daemon::{
    figure::{bit_rate, bytes, millis, short},
    paper::{Cell, Line, Paper, Tone, table, wrapped},
    status_command::View,
};

use crate::{config::ADMIN_PORT, daemon::Transcoder};
use status::{Archive, Rendition, Status, Stream};

/// What the transcoder said last.
#[derive(Debug, Default)]
pub(crate) struct Screen(Status);

impl View for Screen {
    type Daemon = Transcoder;
    const ADMIN_PORT: u16 = ADMIN_PORT;

    fn take(&mut self, body: &[u8]) -> Result<(), String> {
        self.0 = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn draw(&self, paper: Paper) -> Vec<String> {
        let status = &self.0;
        let mut lines = vec![head(status), encoders(status)];
        lines.extend(status.archive.as_ref().map(archive));
        if status.streams.is_empty() {
            lines.push(Line::default().with(Tone::Faint, "mux sends no stream here"));
        }
        for (name, stream) in &status.streams {
            lines.push(Line::default());
            lines.push(title(name, stream));
            if !stream.next_show.is_empty() {
                let text = format!(
                    "with its next show: another {}",
                    stream.next_show.join(", ")
                );
                lines.extend(wrapped(2, (Tone::Faint, "  "), &text, paper));
            }
            for fault in &stream.faults {
                lines.extend(wrapped(2, (Tone::Odd, "! "), fault, paper));
            }
            let rows: Vec<_> = [names()]
                .into_iter()
                .chain(
                    stream
                        .renditions
                        .iter()
                        .map(|rendition| row(stream, rendition)),
                )
                .collect();
            lines.extend(table(2, &rows));
        }
        for name in &status.refused {
            lines.push(Line::default());
            lines.push(refused(name));
        }
        lines.iter().map(|line| line.write(paper)).collect()
    }
}

fn head(status: &Status) -> Line {
    let memory = bytes(status.process.resident_bytes);
    let line = status.head.line();
    line.with(Tone::Faint, format!("  memory {memory}"))
}

/// What new shows are encoded with.
fn encoders(status: &Status) -> Line {
    let line = Line::default().with(Tone::Faint, "encoders ");
    match status.encoders.usable.as_slice() {
        [] => line.with(Tone::Odd, "none yet"),
        usable if status.encoders.examined => line.with(Tone::Plain, usable.join(", ")),
        usable => line.with(Tone::Odd, format!("{} (exam under way)", usable.join(", "))),
    }
}

fn archive(archive: &Archive) -> Line {
    let good = archive.state == "working" && archive.shed_segments == 0;
    let tone = if good { Tone::Faint } else { Tone::Bad };
    let mut text = format!("disk {}, {}", archive.state, bytes(archive.bytes));
    if archive.shed_segments > 0 {
        text.push_str(&format!(", {} segments lost to it", archive.shed_segments));
    }
    Line::default().with(tone, text)
}

fn refused(name: &str) -> Line {
    let line = Line::default().with(Tone::Strong, format!("{name}  "));
    line.with(
        Tone::Bad,
        "REFUSED: there are as many streams as [admission].max_streams allows",
    )
}

fn title(name: &str, stream: &Stream) -> Line {
    let (tone, what) = if stream.session.is_none() {
        (Tone::Odd, "waits for mux's first stamp")
    } else if stream.ended {
        (Tone::Faint, "ended")
    } else if stream.held {
        (Tone::Odd, "HELD: viewers wait for a publisher")
    } else if stream.playable {
        (Tone::Good, "LIVE")
    } else {
        (Tone::Odd, "begins: not to be played yet")
    };
    let mut line = Line::default()
        .with(Tone::Strong, format!("{name}  "))
        .with(tone, what);
    if let Some(encoder) = &stream.encoded_by {
        line = line.with(Tone::Faint, format!("  by {encoder}"));
    }
    if stream.waiting > 0 {
        line = line.with(Tone::Faint, format!("  {} requests wait", stream.waiting));
    }
    line
}

fn names() -> Vec<Cell> {
    let figure = |name: &str| Cell::figure(Tone::Faint, name);
    vec![
        Cell::word(Tone::Faint, "rendition"),
        figure("fps"),
        figure("rate"),
        figure("lag"),
        figure("gaps"),
        figure("no IDR"),
        figure("segments"),
        figure("memory"),
        Cell::word(Tone::Faint, "state"),
    ]
}

fn row(stream: &Stream, rendition: &Rendition) -> Vec<Cell> {
    /// Later than this the watchdog is at work.
    const LATE_MS: u64 = 250;
    let count = |count: u64, tone| match count {
        0 => Cell::figure(Tone::Faint, "0"),
        _ => Cell::figure(tone, count.to_string()),
    };
    let lag = rendition.lag_ms.unwrap_or_default();
    let lag_tone = if lag > LATE_MS && !stream.held {
        Tone::Odd
    } else {
        Tone::Plain
    };
    let pace = match rendition.pace.as_deref() {
        Some("half") => "half of its pictures: the box is too slow",
        Some("suspended") => "suspended: the box is too slow",
        _ => "",
    };
    let plain = |text: Option<String>| Cell::figure(Tone::Plain, text.unwrap_or_default());
    vec![
        Cell::word(Tone::Strong, &rendition.name),
        plain(rendition.frame_rate.map(short)),
        plain(rendition.bits_per_second.map(bit_rate)),
        Cell::figure(lag_tone, rendition.lag_ms.map(millis).unwrap_or_default()),
        count(rendition.gaps, Tone::Odd),
        count(rendition.idr_mismatches, Tone::Bad),
        Cell::figure(Tone::Plain, rendition.segments.to_string()),
        Cell::figure(Tone::Plain, bytes(rendition.bytes)),
        Cell::word(Tone::Odd, pace),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PAPER: Paper = Paper {
        width: Some(110),
        colour: false,
    };

    fn drawn(status: &serde_json::Value) -> String {
        let mut screen = Screen::default();
        screen.take(status.to_string().as_bytes()).unwrap();
        screen.draw(PAPER).join("\n")
    }

    #[test]
    fn a_show_is_seen_at_a_glance() {
        let shown = drawn(&json!({
            "name": "footlight-transcoder", "version": "0.1.0", "uptime_seconds": 725, "draining": false, "missing": [],
            "process": { "resident_bytes": 52_428_800 },
            "encoders": { "examined": true, "usable": ["x264", "openh264"] },
            "archive": { "state": "working", "bytes": 10_485_760, "shed_segments": 0 },
            "streams": { "stage": {
                "session": 1, "playable": true, "encoded_by": "x264", "waiting": 3,
                "next_show": ["ladder", "slate"],
                "faults": ["its keyframes are too far apart: set the encoder's keyframe interval to 2 s"],
                "renditions": [
                    { "name": "source", "frame_rate": 30.0, "bits_per_second": 6_000_000, "segments": 15, "bytes": 9_437_184 },
                    { "name": "480p", "frame_rate": 15.0, "bits_per_second": 1_400_000, "lag_ms": 412, "pace": "half",
                      "gaps": 1, "idr_mismatches": 0, "segments": 15, "bytes": 2_097_152 },
                ],
            } },
            "refused": ["hall"],
        }));
        let expected = "\
footlight-transcoder 0.1.0  up 12 min 5 s  ready  memory 50 MiB
encoders x264, openh264
disk working, 10 MiB

stage  LIVE  by x264  3 requests wait
    with its next show: another ladder, slate
  ! its keyframes are too far apart: set the encoder's keyframe interval to 2 s
  rendition  fps      rate     lag  gaps  no IDR  segments   memory  state
  source      30  6.0 Mb/s             0       0        15  9.0 MiB
  480p        15  1.4 Mb/s  412 ms     1       0        15  2.0 MiB  half of its pictures: the box is too slow

hall  REFUSED: there are as many streams as [admission].max_streams allows";
        assert_eq!(shown, expected, "{shown}");
    }

    #[test]
    fn another_version_or_no_stream_is_shown_all_the_same() {
        assert!(drawn(&json!({})).contains("mux sends no stream here"));
        let begun = drawn(&json!({ "streams": { "a": { "unheard-of": 1 } } }));
        assert!(begun.contains("a  waits for mux's first stamp"), "{begun}");
    }
}
