//! What outlives the process of one stream: its state, written whole with every change, and its ring's slots, written
//! once each.
//!
//! A change is over when its state is written; only then may anybody see what it put into the ring. Whatever was
//! written of one that was cut short counts for nothing.

use std::{collections::BTreeMap, fs::File, io, os::fd::OwnedFd, os::unix::fs::FileExt};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tracing::error;

use super::{
    cell,
    log::Log,
    region::{adopt, create, give_back},
};
use crate::{
    push::Order,
    stream::{SavedStream, Settings, Stream},
};

/// Where a state is written: two places, each for far more than a stream's state may be.
const STATE: [u64; 2] = [4_096, 4_096 + PLACE];
const PLACE: u64 = 32 << 20;
/// Where the log begins.
const LOG: u64 = 128 << 20;

/// Goes up with every change of any type that is part of a stream, or of where things are.
pub(super) const FORMAT: u64 = 7;

/// See the module.
#[derive(Debug)]
pub(crate) struct Area {
    file: File,
    log: Log,
    number: u64,
    /// Used again: no allocation for a frame.
    buffer: Vec<u8>,
    /// It could not be written to: it is empty, and stays so.
    lost: bool,
}

/// What is kept of a stream beside itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Aside {
    /// Number of its next publisher.
    pub(crate) next_publisher: u64,
    /// Its clock at the last change, Unix milliseconds.
    pub(crate) now: u64,
    /// What an operator ordered of its push targets, by their names; none of a target that is not configured.
    pub(crate) orders: BTreeMap<String, Order>,
}

impl Area {
    /// An empty one.
    pub(super) fn create(name: &str) -> io::Result<Self> {
        Ok(Self {
            file: create(name, FORMAT)?,
            log: Log::default(),
            number: 0,
            buffer: Vec::new(),
            lost: false,
        })
    }

    /// What a process of the same format left, and the stream in it, if it can be carried on under `settings`.
    pub(super) fn restore(
        descriptor: OwnedFd,
        settings: Settings,
    ) -> Option<(Self, Stream, Aside)> {
        let file = adopt(descriptor, FORMAT)?;
        let places = STATE.map(|at| read_place(&file, at).unwrap_or_default());
        let [a, b] = &places;
        let (number, body) = cell::newest([a, b])?;
        let (aside, mut log, state): (Aside, Log, SavedStream) = postcard::from_bytes(body).ok()?;
        let read = log.wanted().into_iter().map(|range| {
            let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
            read_at(&file, LOG.checked_add(range.start)?, length)
        });
        let slots = log.replay(&read.collect::<Option<Vec<Bytes>>>()?)?;
        let mut stream = Stream::restore(settings, state);
        stream.refill(log.tail(), slots);
        let area = Self {
            file,
            log,
            number,
            buffer: Vec::new(),
            lost: false,
        };
        Some((area, stream, aside))
    }

    /// For systemd.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Keeps the stream as it is now.
    pub(crate) fn commit(&mut self, stream: &Stream, aside: &Aside) {
        if self.lost {
            return;
        }
        if let Err(error) = self.write(stream, aside) {
            self.lost = true;
            // A file that is shorter than its head is no state.
            let emptied = self.file.set_len(0);
            error!(%error, emptied = emptied.is_ok(), "no memory to keep the stream's state in: a restart would begin its show anew");
        }
    }

    fn write(&mut self, stream: &Stream, aside: &Aside) -> io::Result<()> {
        let from = LOG + self.log.end();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.log.follow(stream.ring(), &mut buffer);
        if !buffer.is_empty() {
            self.file.write_all_at(&buffer, from)?;
        }
        let free = self.log.free();
        buffer.clear();
        buffer.extend_from_slice(&[0; cell::HEAD]);
        let state = (aside, &self.log, stream.save());
        buffer = postcard::to_extend(&state, buffer).map_err(io::Error::other)?;
        let number = self.number + 1;
        if let Some((head, body)) = buffer.split_at_mut_checked(cell::HEAD) {
            head.copy_from_slice(&cell::head(number, body));
        }
        if count(buffer.len()) > PLACE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let place = if number % 2 == 1 { STATE[1] } else { STATE[0] };
        self.file.write_all_at(&buffer, place)?;
        self.number = number;
        self.buffer = buffer;
        if let Some(range) = free {
            give_back(&self.file, LOG + range.start..LOG + range.end)?;
        }
        Ok(())
    }
}

fn read_place(file: &File, at: u64) -> Option<Bytes> {
    let head = read_at(file, at, cell::HEAD)?;
    let length = cell::body_len(&head).filter(|length| count(*length) <= PLACE)?;
    read_at(file, at, cell::HEAD + length)
}

fn read_at(file: &File, at: u64, length: usize) -> Option<Bytes> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes.into())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
