//! A segment on its way from the disk: read piece by piece, off the runtime's threads, as fast as it is sent.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinHandle, spawn_blocking},
};

/// Bytes that one answer has in memory: what a distributor reads in a turn or two.
const PIECE: u64 = 256 << 10;

/// Why a segment cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Too many are read at once.
    #[error("too many segments are read from the disk at once")]
    Busy,
    /// It is not there, or is not what was written.
    #[error("the segment has vanished from the disk")]
    Missing,
}

/// An open segment. It stays readable when its file is deleted.
#[derive(Debug)]
pub struct Reading {
    file: Arc<File>,
    at: u64,
    left: u64,
    piece: Option<JoinHandle<io::Result<Bytes>>>,
    _place: OwnedSemaphorePermit,
}

impl Reading {
    /// The first `length` bytes of `file`.
    pub(crate) fn new(file: File, length: u64, place: OwnedSemaphorePermit) -> Self {
        Self {
            file: Arc::new(file),
            at: 0,
            left: length,
            piece: None,
            _place: place,
        }
    }

    /// Of what is still to come the bytes from `start` to before `end`. Before anything was read.
    #[must_use]
    pub fn between(self, start: u64, end: u64) -> Self {
        let end = end.min(self.left);
        Self {
            at: self.at.saturating_add(start),
            left: end.saturating_sub(start),
            ..self
        }
    }

    /// Bytes that are still to come.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; `None` at the end.
    pub fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let (file, at, length) = (&self.file, self.at, self.left.min(PIECE));
        let piece = self.piece.get_or_insert_with(|| {
            let file = file.clone();
            spawn_blocking(move || {
                let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
                file.read_exact_at(&mut bytes, at)?;
                Ok(bytes.into())
            })
        });
        let read = ready!(Pin::new(piece).poll(context));
        self.piece = None;
        let read = read.unwrap_or_else(|error| Err(error.into()));
        // After an error nothing follows.
        self.left = if read.is_ok() { self.left - length } else { 0 };
        self.at += length;
        Poll::Ready(Some(read))
    }
}
