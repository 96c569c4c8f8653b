//! [pure] What `footlight-mux status` shows: a status and a width in, lines out.
//!
//! Each stream that has a show is a paragraph: who publishes and how, what is wrong, where it goes. A stream without a
//! show is one line.

use std::collections::{BTreeMap, VecDeque};

mod status;

use live::daemon::{
    figure::{bit_rate, bytes, millis, plot, short},
    paper::{Cell, Line, Paper, Tone, table, wrapped},
    status_command::View,
};

use crate::{config::ADMIN_PORT, daemon::Mux};
pub(crate) use status::Status;
use status::{Handover, Health, Memory, Output, Players, Publisher, Stream};

/// Bit rates that are plotted: a minute, at one a second.
const PLOTTED: usize = 60;

/// What mux said last, and its bit rates of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    newest: Option<Status>,
    history: History,
}

impl View for Screen {
    type Daemon = Mux;
    const ADMIN_PORT: u16 = ADMIN_PORT;

    fn take(&mut self, body: &[u8]) -> Result<(), String> {
        let status = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        self.history.add(&status);
        self.newest = Some(status);
        Ok(())
    }

    fn draw(&self, paper: Paper) -> Vec<String> {
        let newest = self.newest.as_ref();
        newest.map_or_else(Vec::new, |status| draw(status, &self.history, paper))
    }
}

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
    let mut lines = vec![status.head.line()];
    lines.extend(status.memory.as_ref().map(memory));
    if let Some(found) = &status.handover {
        lines.extend(handover(found, paper));
    }
    if status.streams.is_empty() {
        let text = "no [[stream]] is configured: nothing can be published";
        lines.push(Line::default().with(Tone::Odd, text));
    }
    let name_width = status.streams.keys().map(|name| name.chars().count()).max();
    for (name, stream) in &status.streams {
        let has_show =
            matches!(stream.state.as_str(), "live" | "held") || !stream.publishing.is_empty();
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

/// Once it is spent nobody else is let in.
fn memory(memory: &Memory) -> Line {
    let percent = u128::from(memory.used) * 100 / u128::from(memory.budget.max(1));
    let tone = match percent {
        0..75 => Tone::Faint,
        75..90 => Tone::Odd,
        90.. => Tone::Bad,
    };
    let (used, budget) = (bytes(memory.used), bytes(memory.budget));
    Line::default().with(tone, format!("memory {used} of {budget}, {percent} %"))
}

/// Whether the next restart cuts the show; else what the last one left.
fn handover(handover: &Handover, paper: Paper) -> Vec<Line> {
    let Handover {
        kept,
        why,
        connections,
        streams,
    } = handover;
    if !kept {
        let text = why.as_deref().unwrap_or("nothing is kept");
        return wrapped(0, (Tone::Odd, "a restart cuts the show: "), text, paper);
    }
    if connections.carried_on + connections.lost + streams.lost == 0 {
        return Vec::new();
    }
    let counted = |count: u64, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {what}{plural}")
    };
    let carried_on = counted(connections.carried_on, "connection");
    let mut line = Line::default().with(Tone::Faint, format!("restarted with {carried_on}"));
    for (lost, what) in [(connections.lost, "connection"), (streams.lost, "stream")] {
        if lost > 0 {
            line = line.with(Tone::Odd, format!(", {} lost", counted(lost, what)));
        }
    }
    vec![line]
}

fn title(name: &str, width: usize, stream: &Stream) -> Line {
    let (tone, what) = match stream.state.as_str() {
        "live" => (Tone::Good, "LIVE"),
        "held" if stream.on_hold => (Tone::Odd, "ON HOLD by command: resume it to go on"),
        "held" => (Tone::Odd, "HELD: viewers wait for a publisher"),
        "ended" => (Tone::Faint, "ended"),
        "idle" => (Tone::Faint, "idle"),
        other => (Tone::Plain, other),
    };
    Line::default()
        .with(Tone::Strong, format!("{name:width$}  "))
        .with(tone, what)
}

/// A stream that somebody publishes or that is held, below its title.
fn show(name: &str, stream: &Stream, history: &History, paper: Paper, lines: &mut Vec<Line>) {
    for publisher in &stream.publishing {
        from(publisher, paper, lines);
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
        if let Some(why) = &output.why {
            let text = format!("{}: {why}", output.name);
            lines.extend(wrapped(INDENT, (Tone::Odd, "! "), &text, paper));
        }
    }
}

/// A publisher: who it is and how it stands, what it sends, what is wrong with that.
fn from(publisher: &Publisher, paper: Paper, lines: &mut Vec<Line>) {
    let who = [
        Some(&publisher.role),
        publisher.software.as_ref(),
        publisher.address.as_ref(),
    ];
    let mut line = labelled("from").with(Tone::Plain, listed(who.into_iter().flatten()));
    if publisher.standing != "on_air" {
        line = line.with(Tone::Odd, format!(": {}", publisher.text));
    }
    lines.push(line);
    let Some(health) = &publisher.health else {
        return;
    };
    lines.push(labelled("    ").with(Tone::Plain, listed(media(health).iter())));
    for finding in &health.findings {
        let tone = match finding.severity.as_str() {
            "info" => Tone::Plain,
            _ => Tone::Odd,
        };
        lines.extend(wrapped(INDENT, (tone, "! "), &finding.text, paper));
    }
}

/// `1920x1080 H.264`, `30 fps`, `AAC 48 kHz stereo`, `4.1 Mb/s`, `keyframe every 2.0 s`.
fn media(health: &Health) -> Vec<String> {
    let figures = &health.figures;
    let video = health.video.as_ref().map(|video| {
        let size = video.width.zip(video.height);
        let size = size.map(|(width, height)| format!("{width}x{height} "));
        size.unwrap_or_default() + &video.codec
    });
    let audio = health.audio.as_ref().map(|audio| {
        #[expect(clippy::cast_precision_loss, reason = "a figure of two digits")]
        let rate = audio
            .sample_rate
            .map(|rate| format!(" {} kHz", short(rate as f64 / 1_000.0)));
        let channels = match audio.channels {
            Some(1) => " mono".to_owned(),
            Some(2) => " stereo".to_owned(),
            Some(more) => format!(" {more} channels"),
            None => String::new(),
        };
        format!("{}{}{channels}", audio.codec, rate.unwrap_or_default())
    });
    let rate = figures
        .frame_rate
        .map(|rate| format!("{} fps", short(rate)));
    let keyframes = figures.keyframe_interval_ms;
    let keyframes = keyframes.map(|interval| format!("keyframe every {}", millis(interval)));
    let bits = Some(bit_rate(figures.bits_per_second));
    [video, rate, audio, bits, keyframes]
        .into_iter()
        .flatten()
        .collect()
}

fn listed<'a>(parts: impl Iterator<Item = &'a String>) -> String {
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(String::as_str).collect::<Vec<_>>().join(", ")
}

const INDENT: usize = 2;

fn labelled(label: &str) -> Line {
    Line::default().with(Tone::Faint, format!("  {label}  "))
}

fn kept(stream: &Stream) -> String {
    let ring = &stream.ring;
    let mut text = format!("{} in {}", millis(ring.ms), bytes(ring.bytes));
    if let Some(msn) = stream.msn {
        text.push_str(&format!(", segment {msn}"));
    }
    for (count, what) in [
        (stream.takeovers, "takeover"),
        (stream.keyframes_overdue, "late keyframe"),
    ] {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            text.push_str(&format!(", {count} {what}{plural}"));
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
