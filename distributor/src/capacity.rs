//! [pure] How many viewers a line carries at each quality.

use live::{
    Rendition,
    daemon::{
        figure::bit_rate,
        paper::{Cell, Line, Tone, table},
    },
};
use serde_json::{Value, json};

use crate::{
    admission::Level,
    ladder::{Ladder, on_the_line},
};

/// What a line carries of one quality, if everybody watches that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Carried {
    rendition: Rendition,
    /// Average bits per second.
    bits: u64,
    /// So many before newcomers are given less.
    comfortable: u64,
    /// So many before newcomers are asked to come again later.
    most: u64,
}

/// What a line of so many bits per second carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capacity {
    egress: u64,
    carried: Vec<Carried>,
}

impl Capacity {
    /// Of streams with these qualities.
    pub(crate) fn of(ladder: &Ladder, egress: u64) -> Self {
        let until = |level: Level, bits: u64| {
            let all = u128::from(egress) * u128::from(level.begins()) / 1_000;
            u64::try_from(all / u128::from(on_the_line(bits).max(1))).unwrap_or(u64::MAX)
        };
        let carried = ladder.rungs().iter().map(|rung| Carried {
            rendition: rung.rendition,
            bits: rung.bits,
            comfortable: until(Level::TopForNew, rung.bits),
            most: until(Level::Full, rung.bits),
        });
        Self {
            egress,
            carried: carried.collect(),
        }
    }

    /// For people; `of` says whose qualities they are.
    pub(crate) fn lines(&self, of: &str) -> Vec<Line> {
        let figure = |name| Cell::figure(Tone::Faint, name);
        let mut rows = vec![vec![
            Cell::word(Tone::Faint, "quality"),
            figure("bit rate"),
            figure("viewers"),
            figure("at most"),
        ]];
        rows.extend(self.carried.iter().map(|carried| {
            vec![
                Cell::word(Tone::Strong, carried.rendition.to_string()),
                Cell::figure(Tone::Plain, bit_rate(carried.bits)),
                Cell::figure(Tone::Good, carried.comfortable.to_string()),
                Cell::figure(Tone::Plain, carried.most.to_string()),
            ]
        }));
        let line = |text: String| Line::default().with(Tone::Faint, text);
        let mut lines = vec![
            line(format!(
                "A line of {} carries, of {of}:",
                bit_rate(self.egress)
            )),
            Line::default(),
        ];
        lines.extend(table(0, &rows));
        lines.push(Line::default());
        lines.push(line(
            "viewers: all at this quality, before newcomers are given less.".to_owned(),
        ));
        lines.push(line(
            "at most: before newcomers are asked to come again later.".to_owned(),
        ));
        lines
    }

    /// For scripts.
    pub(crate) fn json(&self) -> Value {
        let carried = self.carried.iter().map(|carried| {
            json!({
                "rendition": carried.rendition.to_string(),
                "bits_per_second": carried.bits,
                "viewers": carried.comfortable,
                "most": carried.most,
            })
        });
        json!({ "egress": self.egress, "renditions": carried.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use live::daemon::paper::Paper;

    use super::*;

    #[test]
    fn a_gigabit_is_seen_at_a_glance() {
        let paper = Paper {
            width: Some(80),
            colour: false,
        };
        let capacity = Capacity::of(&Ladder::usual(), 1_000_000_000);
        let lines = capacity.lines("what a transcoder makes by default");
        let lines: Vec<String> = lines.iter().map(|line| line.write(paper)).collect();
        let expected = "\
A line of 1.0 Gb/s carries, of what a transcoder makes by default:

quality  bit rate  viewers  at most
source   6.2 Mb/s      122      148
1080p    4.7 Mb/s      162      196
720p     3.0 Mb/s      255      309
480p     1.6 Mb/s      484      587
360p     960 kb/s      786      954
audio    160 kb/s     4721     5724

viewers: all at this quality, before newcomers are given less.
at most: before newcomers are asked to come again later.";
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn a_script_reads_the_same() {
        let json = Capacity::of(&Ladder::usual(), 1_000_000_000).json();
        assert_eq!(json["egress"], 1_000_000_000);
        assert_eq!(
            json["renditions"][0],
            json!({ "rendition": "source", "bits_per_second": 6_160_000, "viewers": 122, "most": 148 })
        );
    }
}
