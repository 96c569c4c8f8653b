//! [pure] What an exam found, as the operator sees it: a line of `/status`, of the log, or of `probe`'s table.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sheet::Fault;
use crate::worker::Encoder;

/// One encoder's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Whose.
    pub encoder: Encoder,
    /// Whether it may encode shows.
    pub passed: bool,
    /// Frames per second of the slowest rung, all shows encoded side by side.
    pub frames_per_second: Option<f64>,
    /// How like the source its worst picture was, decibels.
    pub likeness_db: Option<f64>,
    /// Encoders that were open at the same time.
    pub sessions: Option<usize>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// It was refused for its speed alone.
    #[serde(skip)]
    pub(super) only_slow: bool,
}

/// What was measured of one that passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    pub(super) frames_per_second: f64,
    pub(super) likeness_db: f64,
    pub(super) sessions: usize,
}

impl Report {
    pub(super) fn new(encoder: Encoder, result: Result<Figures, Fault>) -> Self {
        let (figures, fault) = match result {
            Ok(figures) => (Some(figures), None),
            Err(fault) => (None, Some(fault)),
        };
        let slow = match fault {
            Some(Fault::Slow { done, .. }) => Some(done),
            _ => None,
        };
        let speed = figures.map(|figures| figures.frames_per_second).or(slow);
        Self {
            encoder,
            passed: fault.is_none(),
            frames_per_second: speed.map(tenths),
            likeness_db: figures.map(|figures| tenths(figures.likeness_db)),
            sessions: figures.map(|figures| figures.sessions),
            only_slow: fault.as_ref().is_some_and(Fault::is_slowness),
            reason: fault.map(|fault| fault.to_string()),
        }
    }
}

fn tenths(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{} is refused: {reason}", self.encoder),
            None => {
                let [_, _, speed, likeness, sessions, _] = cells(self);
                let encoder = self.encoder;
                write!(
                    f,
                    "{encoder} passed: {speed}, {likeness}, {sessions} open at once"
                )
            }
        }
    }
}

const HEAD: [&str; 6] = ["ENCODER", "VERDICT", "SPEED", "PICTURE", "OPEN", "REASON"];

/// Aligned columns, one line for each encoder.
pub fn table(reports: &[Report], colour: bool) -> String {
    let rows: Vec<[String; 6]> = reports.iter().map(cells).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; 6]| {
        let cells = cells.iter().zip(widths);
        let padded: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let paint = |text: String, code: &str| match colour {
        true => format!("\x1b[{code}m{text}\x1b[0m\n"),
        false => format!("{text}\n"),
    };
    let mut text = paint(line(&HEAD.map(str::to_owned)), "1");
    for (report, row) in reports.iter().zip(&rows) {
        let code = if report.passed { "32" } else { "31" };
        text.push_str(&paint(line(row), code));
    }
    text
}

fn cells(report: &Report) -> [String; 6] {
    let or_none = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
    [
        report.encoder.to_string(),
        if report.passed { "passed" } else { "refused" }.to_owned(),
        or_none(report.frames_per_second.map(|fps| format!("{fps:.1} fps"))),
        or_none(report.likeness_db.map(|db| format!("{db:.1} dB"))),
        or_none(report.sessions.map(|n| n.to_string())),
        report.reason.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports() -> [Report; 2] {
        let figures = Figures {
            frames_per_second: 141.96,
            likeness_db: 41.2,
            sessions: 3,
        };
        let missing = Fault::Missing("no VA device".to_owned());
        [
            Report::new(Encoder::VaLowPower, Err(missing)),
            Report::new(Encoder::X264, Ok(figures)),
        ]
    }

    #[test]
    fn people_get_a_table() {
        let expected = "\
ENCODER   VERDICT  SPEED      PICTURE  OPEN  REASON
vaapi-lp  refused  -          -        -     no VA device
x264      passed   142.0 fps  41.2 dB  3
";
        assert_eq!(table(&reports(), false), expected);
        let coloured = table(&reports(), true);
        assert!(coloured.contains("\x1b[31mvaapi-lp") && coloured.contains("\x1b[32mx264"));
    }

    #[test]
    fn programs_get_json_and_the_log_a_sentence() {
        let [refused, passed] = reports();
        assert_eq!(
            serde_json::to_value(&passed).unwrap(),
            serde_json::json!({
                "encoder": "x264", "passed": true, "frames_per_second": 142.0,
                "likeness_db": 41.2, "sessions": 3, "reason": null,
            })
        );
        assert_eq!(refused.to_string(), "vaapi-lp is refused: no VA device");
        assert_eq!(
            passed.to_string(),
            "x264 passed: 142.0 fps, 41.2 dB, 3 open at once"
        );
    }

    #[test]
    fn one_that_is_only_slow_is_told_with_its_speed() {
        let slow = Fault::Slow {
            done: 21.04,
            wanted: 37.5,
        };
        let report = Report::new(Encoder::X264, Err(slow));
        assert_eq!(report.frames_per_second, Some(21.0));
        assert!(report.only_slow && !report.passed);
        assert_eq!(
            report.reason.as_deref(),
            Some("21.0 frames per second, 37.5 are wanted")
        );
    }
}
