//! [pure] What `footlight-distributor status` shows: the box, its origins, the other boxes, and who watches what.
//!
//! What goes out per second, and how the numbers of viewers went, are known from the second look on, so only `--watch`
//! shows them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

mod status;

use live::{
    Rendition,
    daemon::{
        figure::{bit_rate, bytes, plot},
        paper::{Cell, Line, Paper, Tone, table, wrapped},
        status_command::View,
    },
    playlist::ProgramDateTime,
};

use crate::{Distributor, config::ADMIN_PORT};
use status::{Admission, Cache, Origin, Peer, Status, Watched};

/// What is plotted: a minute, at one look a second.
const PLOTTED: usize = 60;

/// What the distributor said last, and how it went in the last minute.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    newest: Status,
    /// Bits that went out between two looks.
    egress: VecDeque<u64>,
    viewers: BTreeMap<String, VecDeque<u64>>,
}

impl View for Screen {
    type Daemon = Distributor;
    const ADMIN_PORT: u16 = ADMIN_PORT;

    fn take(&mut self, body: &[u8]) -> Result<(), String> {
        let status: Status = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if let (Some(before), Some(sent)) = (self.newest.sent_bytes, status.sent_bytes) {
            // Less than before: it was started anew.
            push(&mut self.egress, sent.saturating_sub(before) * 8);
        }
        let mut before = std::mem::take(&mut self.viewers);
        for (stream, watched) in &status.audience.streams {
            let mut numbers = before.remove(stream).unwrap_or_default();
            push(&mut numbers, watched.viewers);
            self.viewers.insert(stream.clone(), numbers);
        }
        self.newest = status;
        Ok(())
    }

    fn draw(&self, paper: Paper) -> Vec<String> {
        let status = &self.newest;
        let mut lines = vec![
            head(status),
            self.traffic(),
            cache(&status.cache),
            certificate(status.certificate_expiry),
        ];
        for concern in &status.concerns {
            lines.extend(wrapped(0, (Tone::Bad, "! "), concern, paper));
        }
        lines.extend(admission(&status.admission));
        lines.push(Line::default());
        lines.extend(table(0, &origins(&status.origins)));
        lines.push(Line::default());
        if !status.peers.distributors.is_empty() {
            lines.extend(table(0, &peers(&status.peers.distributors)));
            lines.push(Line::default());
        }
        lines.extend(self.streams());
        lines.iter().map(|line| line.write(paper)).collect()
    }
}

impl Screen {
    /// What goes out, and what does not.
    fn traffic(&self) -> Line {
        let Status {
            waiters, stalled, ..
        } = self.newest;
        let mut line = Line::default();
        if let Some(newest) = self.egress.back() {
            line = line
                .with(Tone::Faint, "out ")
                .with(Tone::Plain, format!("{}  ", bit_rate(*newest)))
                .with(Tone::Plain, drawn(&self.egress));
        } else if let Some(sent) = self.newest.sent_bytes {
            line = line.with(Tone::Faint, format!("sent {}  ", bytes(sent)));
        }
        line = line.with(Tone::Faint, format!("{waiters} requests wait"));
        match stalled {
            0 => line,
            _ => line.with(
                Tone::Odd,
                format!("  {stalled} closed for taking too little"),
            ),
        }
    }

    fn streams(&self) -> Vec<Line> {
        let status = &self.newest;
        let watched = &status.audience.streams;
        let names: BTreeSet<&String> = status.streams.keys().chain(watched.keys()).collect();
        if names.is_empty() {
            return vec![Line::default().with(Tone::Faint, "nobody has asked for a stream")];
        }
        let all = watched
            .values()
            .flat_map(|one| one.renditions.keys())
            .collect::<BTreeSet<_>>();
        let mut renditions: Vec<&str> = all.into_iter().map(String::as_str).collect();
        // Best first; what this version does not know comes last.
        renditions.sort_by_key(|name| {
            (
                name.parse::<Rendition>().is_err(),
                name.parse::<Rendition>().ok(),
            )
        });
        let figure = |name: &str| Cell::figure(Tone::Faint, name);
        let mut first = vec![
            Cell::word(Tone::Faint, "stream"),
            Cell::word(Tone::Faint, "origin"),
            figure("viewers"),
            figure("most"),
        ];
        first.extend(renditions.iter().map(|name| figure(name)));
        first.push(Cell::word(Tone::Faint, "last minute"));
        let mut rows = vec![first];
        rows.extend(names.into_iter().map(|name| self.row(name, &renditions)));
        table(0, &rows)
    }

    fn row(&self, name: &str, renditions: &[&str]) -> Vec<Cell> {
        let nobody = Watched::default();
        let status = &self.newest;
        let watched = status.audience.streams.get(name).unwrap_or(&nobody);
        let tone = match watched.viewers {
            0 => Tone::Faint,
            _ => Tone::Good,
        };
        let origin = status.streams.get(name).map_or("", String::as_str);
        let mut row = vec![
            Cell::word(Tone::Strong, name),
            Cell::word(Tone::Faint, origin),
            Cell::figure(tone, watched.viewers.to_string()),
            Cell::figure(Tone::Faint, watched.most.to_string()),
        ];
        let of = |name: &&str| match watched.renditions.get(*name) {
            Some(viewers) => Cell::figure(Tone::Plain, viewers.to_string()),
            None => Cell::figure(Tone::Faint, "·"),
        };
        row.extend(renditions.iter().map(of));
        let numbers = self.viewers.get(name).filter(|_| watched.viewers > 0);
        row.push(Cell::word(
            Tone::Plain,
            numbers.map(drawn).unwrap_or_default(),
        ));
        row
    }
}

fn push(numbers: &mut VecDeque<u64>, newest: u64) {
    if numbers.len() >= PLOTTED {
        numbers.pop_front();
    }
    numbers.push_back(newest);
}

/// Nothing to plot before there are two.
fn drawn(numbers: &VecDeque<u64>) -> String {
    if numbers.len() < 2 {
        return String::new();
    }
    plot(numbers.iter().copied()) + "  "
}

fn head(status: &Status) -> Line {
    let viewers = status.audience.viewers;
    let memory = bytes(status.process.resident_bytes);
    let plural = if viewers == 1 { "" } else { "s" };
    let line = status.head.line();
    line.with(Tone::Strong, format!("  {viewers} viewer{plural}"))
        .with(Tone::Faint, format!("  memory {memory}"))
}

fn cache(cache: &Cache) -> Line {
    let (used, capacity) = (bytes(cache.bytes), bytes(cache.capacity));
    let text = format!("cache {used} of {capacity}, {} objects", cache.entries);
    Line::default().with(Tone::Faint, text)
}

/// How full the line is, if it is limited; and who was refused for a limit's sake, if anybody was.
fn admission(admission: &Admission) -> Option<Line> {
    let refused = admission.refused.iter().filter(|(_, count)| **count > 0);
    let refused: Vec<String> = refused.map(|(class, n)| format!("{n} {class}")).collect();
    let mut line = Line::default();
    if let Some(limited) = &admission.line {
        let tone = match limited.level.as_str() {
            "all" => Tone::Good,
            "full" => Tone::Bad,
            _ => Tone::Odd,
        };
        let (out, of) = (bit_rate(limited.bits_per_second), bit_rate(limited.egress));
        line = line
            .with(Tone::Faint, format!("line {out} of {of}  "))
            .with(tone, format!("{}  ", limited.level));
    } else if refused.is_empty() {
        return None;
    }
    if !refused.is_empty() {
        line = line.with(Tone::Odd, format!("refused: {}", refused.join(", ")));
    }
    Some(line)
}

fn certificate(expiry: Option<i64>) -> Line {
    let millis = expiry.and_then(|seconds| u64::try_from(seconds).ok()?.checked_mul(1000));
    let until = millis.map(ProgramDateTime::from_unix_millis);
    let day = until.map(|until| until.to_string());
    let day = day.as_deref().and_then(|text| text.split('T').next());
    let line = Line::default().with(Tone::Faint, "certificate until ");
    match day {
        Some(day) => line.with(Tone::Plain, day),
        None => line.with(Tone::Odd, "?"),
    }
}

fn origins(origins: &[Origin]) -> Vec<Vec<Cell>> {
    let names = ["origin", "address", "state"].map(|name| Cell::word(Tone::Faint, name));
    let row = |origin: &Origin| {
        let tone = if origin.state == "up" {
            Tone::Good
        } else {
            Tone::Bad
        };
        vec![
            Cell::word(Tone::Strong, &origin.name),
            Cell::word(Tone::Plain, &origin.address),
            Cell::word(tone, &origin.state),
        ]
    };
    let rows = [names.into()].into_iter();
    rows.chain(origins.iter().map(row)).collect()
}

fn peers(peers: &[Peer]) -> Vec<Vec<Cell>> {
    let word = |name| Cell::word(Tone::Faint, name);
    let figure = |name| Cell::figure(Tone::Faint, name);
    let names = vec![
        word("distributor"),
        word("address"),
        word("state"),
        figure("load"),
        figure("connections"),
    ];
    let row = |peer: &Peer| {
        let (tone, state) = match (peer.state.as_str(), peer.drained) {
            ("down", _) => (Tone::Bad, "down"),
            (_, true) => (Tone::Odd, "drained"),
            (state, false) => (Tone::Good, state),
        };
        vec![
            Cell::word(Tone::Strong, &peer.name),
            Cell::word(Tone::Plain, &peer.url),
            Cell::word(tone, state),
            Cell::figure(Tone::Plain, format!("{} %", peer.load_permille / 10)),
            Cell::figure(Tone::Plain, peer.connections.to_string()),
        ]
    };
    let rows = [names].into_iter();
    rows.chain(peers.iter().map(row)).collect()
}

#[cfg(test)]
mod tests;
