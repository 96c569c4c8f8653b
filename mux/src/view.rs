//! [pure] What `footlight-mux status` shows: a status and a width in, lines out.
//!
//! Each stream that has a show is a paragraph: who publishes and how, what is wrong, where it goes. A stream without a
//! show is one line.

use std::collections::{BTreeMap, VecDeque};

mod figure;
mod line;
mod status;

pub(crate) use line::Paper;
pub(crate) use status::Status;

use figure::{bit_rate, bytes, millis, plot, seconds, short};
use line::{Cell, Line, Tone, table, wrapped};
use status::{Output, Players, Publisher, Stream};

/// Bit rates that are plotted: a minute, at one a second.
const PLOTTED: usize = 60;

/// The bit rates of the last minute, by stream.
#[derive(Debug, Default)]
pub(crate) struct History(BTreeMap<String, VecDeque<u64>>);

impl History {
    /// Takes over the rates of one more look. Streams that are no more are forgotten.
    pub(crate) fn add(&mut self, status: &Status) {
        let mut old = std::mem::take(&mut self.0);
        for (name, rate) in status.rates() {
            let mut rates = old.remove(name).unwrap_or_default();
            if rates.len() >= PLOTTED {
                rates.pop_front();
            }
            rates.push_back(rate);
            self.0.insert(name.to_owned(), rates);
        }
    }

    /// Nothing to plot before there are two.
    fn plot(&self, stream: &str) -> Option<String> {
        let rates = self.0.get(stream).filter(|rates| rates.len() > 1)?;
        rates
            .iter()
            .any(|rate| *rate > 0)
            .then(|| plot(rates.iter().copied()))
    }
}

/// The whole view, a string for each line.
pub(crate) fn draw(status: &Status, history: &History, paper: Paper) -> Vec<String> {
    let mut lines = vec![head(status)];
    lines.extend(status.memory.as_ref().map(|memory| {
        let text = format!(
            "memory {} of {}",
            bytes(memory.used_bytes),
            bytes(memory.budget_bytes)
        );
        Line::default().with(Tone::Faint, text)
    }));
    if status.streams.is_empty() {
        let text = "no [[stream]] is configured: nothing can be published";
        lines.push(Line::default().with(Tone::Odd, text));
    }
    let name_width = status.streams.keys().map(|name| name.chars().count()).max();
    for (name, stream) in &status.streams {
        let has_show = matches!(stream.state.as_str(), "live" | "held");
        let title = title(name, name_width.unwrap_or_default(), stream);
        if has_show {
            lines.push(Line::default());
        }
        lines.push(title);
        if has_show {
            show(name, stream, history, paper, &mut lines);
        }
    }
    lines.iter().map(|line| line.write(paper)).collect()
}

/// What is shown above the last view while mux does not answer. `looks`: how often in a row, once a second.
pub(crate) fn unreachable(error: &str, looks: u64, paper: Paper) -> Vec<String> {
    let text = format!("for {}: {error}; it is asked on", seconds(looks));
    let lines = wrapped(0, (Tone::Bad, "NO ANSWER "), &text, paper);
    lines.iter().map(|line| line.write(paper)).collect()
}

fn head(status: &Status) -> Line {
    let (tone, state) = if status.draining {
        (Tone::Odd, "stopping".to_owned())
    } else if status.missing.is_empty() {
        (Tone::Good, "ready".to_owned())
    } else {
        (
            Tone::Odd,
            format!("waits for {}", status.missing.join(", ")),
        )
    };
    Line::default()
        .with(Tone::Strong, format!("{} {}", status.name, status.version))
        .with(
            Tone::Plain,
            format!("  up {}  ", seconds(status.uptime_seconds)),
        )
        .with(tone, state)
}

fn title(name: &str, width: usize, stream: &Stream) -> Line {
    let (tone, what) = match stream.state.as_str() {
        "live" => (Tone::Good, "LIVE"),
        "held" => (Tone::Odd, "HELD: viewers wait for a publisher"),
        "ended" => (Tone::Faint, "ended"),
        "idle" => (Tone::Faint, "idle"),
        other => (Tone::Plain, other),
    };
    let waiting = stream
        .publishers
        .saturating_sub(u64::from(stream.publisher.is_some()));
    let line = Line::default()
        .with(Tone::Strong, format!("{name:width$}  "))
        .with(tone, what);
    match waiting {
        0 => line,
        1 => line.with(Tone::Plain, "  1 more publisher waits"),
        more => line.with(Tone::Plain, format!("  {more} more publishers wait")),
    }
}

/// A stream that is on the air or held, below its title.
fn show(name: &str, stream: &Stream, history: &History, paper: Paper, lines: &mut Vec<Line>) {
    if let Some(publisher) = &stream.publisher {
        lines.push(labelled("from").with(Tone::Plain, describe(publisher)));
        for finding in &publisher.findings {
            lines.extend(wrapped(INDENT, (Tone::Odd, "! "), &finding.text, paper));
        }
    }
    if let Some(plot) = history.plot(name) {
        lines.push(labelled("rate").with(Tone::Good, plot));
    }
    lines.push(labelled("kept").with(Tone::Plain, kept(stream)));
    let outputs = stream.outputs.iter().chain(&stream.pushes);
    let mut rows = vec![head_row()];
    rows.extend(outputs.clone().map(output_row));
    if stream.players.connected > 0 {
        rows.push(players_row(&stream.players));
    }
    if rows.len() > 1 {
        lines.extend(table(INDENT, &rows));
    }
    for output in outputs {
        if let Some(reason) = &output.reason {
            let text = format!("{}: {reason}", output.name);
            lines.extend(wrapped(INDENT, (Tone::Odd, "! "), &text, paper));
        }
    }
}

const INDENT: usize = 2;

fn labelled(label: &str) -> Line {
    Line::default().with(Tone::Faint, format!("  {label}  "))
}

/// `primary, obs-output module (libobs 30.2.3), 1920x1080, 30 fps, 4.1 Mb/s`.
fn describe(publisher: &Publisher) -> String {
    let size = publisher.width.zip(publisher.height);
    let parts = [
        publisher.role.clone(),
        publisher.encoder.clone(),
        size.map(|(width, height)| format!("{}x{}", short(width), short(height))),
        publisher
            .frame_rate
            .map(|rate| format!("{} fps", short(rate))),
        Some(bit_rate(publisher.bits_per_second)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn kept(stream: &Stream) -> String {
    let ring = &stream.ring;
    let mut text = format!("{} in {}", millis(ring.ms), bytes(ring.bytes));
    if let Some(msn) = stream.msn {
        text.push_str(&format!(", segment {msn}"));
    }
    for (count, what) in [
        (stream.takeovers, "takeovers"),
        (stream.keyframes_overdue, "keyframes overdue"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

fn head_row() -> Vec<Cell> {
    let word = |text: &str| Cell::word(Tone::Faint, text);
    let figure = |text: &str| Cell::figure(Tone::Faint, text);
    vec![
        word("to"),
        word("state"),
        figure("lag"),
        figure("sent"),
        figure("skips"),
        figure("failures"),
    ]
}

fn output_row(output: &Output) -> Vec<Cell> {
    let tone = match output.state.as_str() {
        "publishing" | "live" => Tone::Good,
        "stalled" | "refused" | "parked" => Tone::Bad,
        "connecting" | "waiting" => Tone::Odd,
        _ => Tone::Faint,
    };
    vec![
        Cell::word(Tone::Plain, &output.name),
        Cell::word(tone, &output.state),
        Cell::figure(Tone::Plain, millis(output.lag_ms)),
        Cell::figure(Tone::Plain, bytes(output.sent_bytes)),
        count(output.skips),
        count(output.failures),
    ]
}

fn players_row(players: &Players) -> Vec<Cell> {
    vec![
        Cell::word(Tone::Plain, "players"),
        Cell::word(Tone::Good, format!("{} connected", players.connected)),
        Cell::figure(Tone::Plain, ""),
        Cell::figure(Tone::Plain, bytes(players.sent_bytes)),
        count(players.skips),
        Cell::figure(Tone::Plain, ""),
    ]
}

/// Something that should not have happened, so a nought says nothing.
fn count(count: u64) -> Cell {
    match count {
        0 => Cell::figure(Tone::Plain, ""),
        count => Cell::figure(Tone::Odd, count.to_string()),
    }
}

#[cfg(test)]
mod tests;
