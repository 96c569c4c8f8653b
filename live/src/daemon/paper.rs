//! [pure] Lines of a terminal: pieces of text with a tone, cut or wrapped to a width, aligned in tables.
//!
//! Always true: what came from a peer can colour nothing, move no cursor and turn no text around.

use std::fmt::Write;

/// How a piece of text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As the terminal has it.
    #[default]
    Plain,
    /// A title.
    Strong,
    /// Beside the point.
    Faint,
    /// As it should be.
    Good,
    /// Worth a look.
    Odd,
    /// To be put right.
    Bad,
}

impl Tone {
    /// "Select graphic rendition"; the terminal's own palette, so that it can be read on any background.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Odd => "33",
            Self::Bad => "1;31",
        }
    }
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paper {
    /// Columns; none where there is no edge, as in a pipe.
    pub width: Option<usize>,
    /// Whether tones are shown.
    pub colour: bool,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(Vec<(Tone, String)>);

impl Line {
    /// With one more piece at its end.
    pub fn with(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        let harmless = |c: char| if is_harmless(c) { c } else { '?' };
        self.0
            .push((tone, text.as_ref().chars().map(harmless).collect()));
        self
    }

    /// With all of another one behind it.
    pub fn followed_by(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// With blanks up to a column.
    fn padded(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.with(Tone::Plain, " ".repeat(missing))
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// As it is written, without a line end.
    pub fn write(&self, paper: Paper) -> String {
        let mut out = String::new();
        let fits = paper.width.is_none_or(|width| self.width() <= width);
        let mut left = match paper.width {
            Some(width) if !fits => width.saturating_sub(1),
            Some(_) | None => usize::MAX,
        };
        for (tone, text) in &self.0 {
            let shown: String = text.chars().take(left).collect();
            left = left.saturating_sub(shown.chars().count());
            if paper.colour && *tone != Tone::Plain && !shown.is_empty() {
                // A String takes every write.
                let _infallible = write!(out, "\x1b[{}m{shown}\x1b[0m", tone.code());
            } else {
                out.push_str(&shown);
            }
        }
        if !fits {
            out.push('…');
        }
        out.truncate(out.trim_end_matches(' ').len());
        out
    }
}

fn is_harmless(c: char) -> bool {
    let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !turns
}

/// A sentence over as many lines as it takes, the further ones as far in as the first's `mark` is wide.
pub fn wrapped(indent: usize, (tone, mark): (Tone, &str), text: &str, paper: Paper) -> Vec<Line> {
    /// Narrower than this, words are cut rather than put below each other.
    const NARROW: usize = 20;
    let inset = indent + mark.chars().count();
    let room = paper
        .width
        .map_or(usize::MAX, |width| width.saturating_sub(inset));
    let room = room.max(NARROW);
    let mut rows = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(row) = rows.last_mut() {
            let after = row.chars().count() + 1 + word.chars().count();
            if row.is_empty() {
                row.push_str(word);
            } else if after <= room {
                row.push(' ');
                row.push_str(word);
            } else {
                rows.push(word.to_owned());
            }
        }
    }
    let line = |(index, row): (usize, String)| match index {
        0 => Line::default()
            .padded(indent)
            .with(tone, mark)
            .with(tone, row),
        _ => Line::default().padded(inset).with(tone, row),
    };
    rows.into_iter().enumerate().map(line).collect()
}

/// What stands in one place of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    tone: Tone,
    text: String,
    right: bool,
}

impl Cell {
    /// Words: on the left.
    pub fn word(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            tone,
            text: text.into(),
            right: false,
        }
    }

    /// Figures: on the right.
    pub fn figure(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            tone,
            text: text.into(),
            right: true,
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Rows with their columns below each other; a column without any text is left out.
pub fn table(indent: usize, rows: &[Vec<Cell>]) -> Vec<Line> {
    /// Blanks between two columns.
    const GAP: usize = 2;
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize| {
        let cells = rows.iter().skip(1).filter_map(|row| row.get(column));
        let body = cells.map(Cell::width).max().unwrap_or_default();
        let head = rows.first().and_then(|row| row.get(column));
        if body == 0 {
            0
        } else {
            body.max(head.map_or(0, Cell::width))
        }
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let line = |row: &Vec<Cell>| {
        let mut line = Line::default();
        let mut column = indent;
        for (cell, width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            let blanks = if cell.right {
                width.saturating_sub(cell.width())
            } else {
                0
            };
            line = line.padded(column + blanks).with(cell.tone, &cell.text);
            column += width + GAP;
        }
        line
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paper = Paper {
        width: None,
        colour: false,
    };

    #[test]
    fn a_line_is_coloured_and_cut_at_the_edge() {
        let line = Line::default()
            .with(Tone::Good, "LIVE")
            .with(Tone::Plain, "  and well");
        let paper = |width, colour| Paper { width, colour };
        assert_eq!(line.write(PLAIN), "LIVE  and well");
        assert_eq!(
            line.write(paper(Some(14), true)),
            "\x1b[32mLIVE\x1b[0m  and well"
        );
        assert_eq!(line.write(paper(Some(9), false)), "LIVE  an…");
        assert_eq!(line.write(paper(Some(3), true)), "\x1b[32mLI\x1b[0m…");
        assert_eq!(line.write(paper(Some(0), false)), "…");
    }

    #[test]
    fn what_a_peer_sent_does_nothing_to_the_terminal() {
        let line = Line::default().with(Tone::Plain, "OBS\x1b[2J\r\n\u{202e}evil\u{9b}\u{200f}ä");
        assert_eq!(line.write(PLAIN), "OBS?[2J???evil??ä");
    }

    #[test]
    fn a_sentence_is_wrapped_below_itself() {
        let paper = Paper {
            width: Some(27),
            colour: false,
        };
        let lines = wrapped(
            2,
            (Tone::Odd, "! "),
            "Keyframes come every 8.3 s; set it to 2 s.",
            paper,
        );
        let shown: Vec<String> = lines.iter().map(|line| line.write(paper)).collect();
        assert_eq!(
            shown,
            ["  ! Keyframes come every", "    8.3 s; set it to 2 s."]
        );
    }

    #[test]
    fn columns_stand_below_each_other_and_empty_ones_are_left_out() {
        let row = |name: &str, lag: &str| {
            vec![
                Cell::word(Tone::Plain, name),
                Cell::word(Tone::Plain, ""),
                Cell::figure(Tone::Plain, lag),
            ]
        };
        let mut head = row("to", "lag");
        head[1] = Cell::word(Tone::Faint, "never");
        let lines = table(1, &[head, row("transcoder-1", "7 ms"), row("b", "1200 ms")]);
        let shown: Vec<String> = lines.iter().map(|line| line.write(PLAIN)).collect();
        assert_eq!(
            shown,
            [
                " to                lag",
                " transcoder-1     7 ms",
                " b             1200 ms",
            ]
        );
    }
}
