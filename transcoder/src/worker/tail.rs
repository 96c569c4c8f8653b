//! [pure] The end of what a worker wrote to its standard error, fit for a log.
//!
//! At most [`Tail::MAX_BYTES`] are kept. A worker may have been taken over, so no control character and no escape
//! sequence (GStreamer writes colours) gets through.

use std::collections::VecDeque;

/// A bounded memory of the newest bytes.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<u8>);

impl Tail {
    /// A few lines: the last words, not the story.
    pub(super) const MAX_BYTES: usize = 2048;

    /// Adds bytes and forgets the oldest beyond the bound.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        let excess = self.0.len().saturating_sub(Self::MAX_BYTES);
        self.0.drain(..excess);
    }

    /// What is kept, as one line.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        one_line(&String::from_utf8_lossy(&bytes))
    }
}

/// `text` without escape sequences and control characters, its lines joined by ` | `.
pub(super) fn one_line(text: &str) -> String {
    let lines = text.lines().map(|line| plain(line).trim().to_owned());
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" | ")
}

/// Removes `ESC [ parameters letter` (ECMA-48 §5.4) whole, and any other control or replacement character.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' && rest.next_if_eq(&'[').is_some() {
            while rest
                .next_if(|c| ('\u{20}'..='\u{3f}').contains(c))
                .is_some()
            {}
            rest.next();
        } else if !c.is_control() && c != char::REPLACEMENT_CHARACTER {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_controls_do_not_reach_the_log() {
        let text = "\u{1b}[31;01mERROR\u{1b}[00m x264\r\n\n\tcannot\u{7}\u{1b} open\u{9b}";
        assert_eq!(one_line(text), "ERROR x264 | cannot open");
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut tail = Tail::default();
        (0..1000).for_each(|n| tail.push(format!("line {n}\n").as_bytes()));
        assert!(tail.text().ends_with("line 998 | line 999"));
        assert!(tail.0.len() <= Tail::MAX_BYTES);
    }
}
