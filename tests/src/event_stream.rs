//! Server-sent events as a dashboard reads them: in order, one at a time.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long nothing at all may come; a comment comes every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// Events that one waits through for another.
const PATIENCE: usize = 1_000;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What `event:` says.
    pub kind: String,
    /// What `data:` says.
    pub data: Value,
}

/// A feed that is being watched.
#[derive(Debug)]
pub struct EventStream(BufReader<TcpStream>);

impl EventStream {
    /// Begins to watch `path`.
    pub fn open(address: SocketAddr, path: &str) -> Result<Self> {
        let mut stream = TcpStream::connect_timeout(&address, SILENCE)?;
        stream.set_read_timeout(Some(SILENCE))?;
        // To HTTP/1.0 the body comes as it is, without chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut events = Self(BufReader::new(stream));
        let status = events.line()?;
        ensure!(status.contains(" 200 "), "{status}");
        while !events.line()?.is_empty() {}
        Ok(events)
    }

    /// The next event; comments are passed over.
    pub fn next_event(&mut self) -> Result<Event> {
        let (mut kind, mut data) = (None, None);
        loop {
            let line = self.line()?;
            if let Some(rest) = line.strip_prefix("event: ") {
                kind = Some(rest.to_owned());
            } else if let Some(rest) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(rest)?);
            } else if line.is_empty()
                && let (Some(kind), Some(data)) = (kind.take(), data.take())
            {
                return Ok(Event { kind, data });
            }
        }
    }

    /// Reads on until there is one of this kind.
    pub fn wait_for(&mut self, kind: &str) -> Result<Event> {
        let mut others = Vec::new();
        while others.len() < PATIENCE {
            let event = self
                .next_event()
                .with_context(|| format!("no {kind} after {others:?}"))?;
            if event.kind == kind {
                return Ok(event);
            }
            others.push(event.kind);
        }
        bail!("no {kind} in {PATIENCE} events");
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line)?;
        ensure!(read > 0, "the feed has ended");
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}
