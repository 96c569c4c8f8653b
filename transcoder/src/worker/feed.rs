//! What waits to go into a worker: bounded, and rather lossy than late.
//!
//! At most [`QUEUED_MESSAGES`] and [`QUEUED_BYTES`] wait. When full, or when the worker is [`BEHIND`] at a key, input is
//! dropped up to the next key, so what goes in can always be decoded.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that knows when a frame went in"
)]

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Buf as _;
use live::{MediaTime, Rendition};
use tokio::{io::AsyncWriteExt as _, net::unix::OwnedWriteHalf, sync::mpsc, time::Instant};

use super::{
    Input, Pace,
    protocol::{Frame, MAX_PAYLOAD, MAX_TICKS, ToWorker},
    watchdog::{Verdict, Watchdog},
};

/// Messages that wait to be written, and frames that are anywhere between feed and output. Room for what comes at once
/// when a stream is joined: a long GOP (8.3 s at 30 frames per second), while the worker still starts.
const QUEUED_MESSAGES: usize = 256;
/// Frames on their way when a key comes, from which on the worker is behind and this GOP is dropped: 0.8 s at 30 frames
/// per second, 0.4 s at 60. Later than that its segment is a GAP anyway; so a slow worker catches up at every key.
const BEHIND: usize = 24;
/// The same for a worker that was not in time yet. One that replaces another begins with the open segment, and has half a
/// second of its own start to make up for: with [`BEHIND`] the next segment would be lost too.
const BEHIND_AT_FIRST: usize = 72;
/// Changes of pace that wait to be written: one of every rung, twice.
const QUEUED_ORDERS: usize = 16;
/// Bytes that wait to be written: two seconds of 64 Mbit/s, or the one largest frame.
const QUEUED_BYTES: usize = 16 << 20;

/// The way into a worker. Dropping it ends the input: the worker encodes what it has, and ends.
#[derive(Debug)]
pub struct Feed {
    inputs: mpsc::Sender<Input>,
    load: Arc<Load>,
    /// Frames on their way when a key comes, from which on it is dropped.
    behind: usize,
    /// Nothing but a key may follow, as the frames between are lost.
    until_key: bool,
    dropped: u64,
}

/// Why an input did not go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The encoders are slower than the source: this input and all up to the next key are dropped.
    #[error("the encoders are behind: frames are dropped up to the next key")]
    Full,
    /// It follows dropped frames, or is before the first key: it could not be decoded.
    #[error("a frame that cannot be decoded before the next key")]
    AwaitingKey,
    /// Empty, larger than 16 MiB, or of a time after the year 2251. The source's fault; it counts as dropped.
    #[error("a frame that is empty, larger than 16 MiB, or after the year 2251")]
    Unfit,
    /// The worker is gone; [`Output::recv`] says the rest.
    #[error("the encoder's process is gone")]
    Gone,
}

impl Feed {
    /// A feed, the orders that overtake what is fed, and the other end of both.
    pub(super) fn new(watchdog: Watchdog) -> (Self, Orders, Queue) {
        Self::with_behind(BEHIND, watchdog)
    }

    /// A feed of sound, whose frames are all keys and cost next to nothing: only what does not fit is dropped.
    pub(super) fn of_sound() -> (Self, Orders, Queue) {
        let watchdog = Watchdog::new(vec![Rendition::Audio], false);
        Self::with_behind(QUEUED_MESSAGES, watchdog)
    }

    fn with_behind(behind: usize, watchdog: Watchdog) -> (Self, Orders, Queue) {
        let (sender, inputs) = mpsc::channel(QUEUED_MESSAGES);
        let (order, orders) = mpsc::channel(QUEUED_ORDERS);
        let load = Arc::new(Load::new(watchdog));
        let feed = Self {
            inputs: sender,
            load: Arc::clone(&load),
            behind,
            until_key: true,
            dropped: 0,
        };
        let queue = Queue {
            inputs,
            orders,
            load,
        };
        (feed, Orders(order), queue)
    }

    /// Hands over one input. Never waits.
    ///
    /// # Errors
    /// The input was dropped; all but [`FeedError::Gone`] pass by themselves at a later key.
    pub fn push(&mut self, input: Input) -> Result<(), FeedError> {
        let outcome = self.try_push(input);
        if outcome.is_err() {
            self.until_key = true;
            self.dropped = self.dropped.saturating_add(1);
        }
        outcome
    }

    /// Inputs dropped so far.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn try_push(&mut self, input: Input) -> Result<(), FeedError> {
        if self.inputs.is_closed() {
            return Err(FeedError::Gone);
        }
        let frame = match &input {
            Input::Frame {
                pts,
                dts,
                key,
                bytes,
            } => {
                let fits = (1..=MAX_PAYLOAD).contains(&bytes.len());
                if !fits || (*pts).max(*dts).ticks() > MAX_TICKS {
                    return Err(FeedError::Unfit);
                }
                Some((*pts, *key, bytes.len()))
            }
            Input::ForceKey { pts } if pts.ticks() > MAX_TICKS => return Err(FeedError::Unfit),
            Input::ForceKey { .. } | Input::Drain => None,
        };
        let key = frame.is_some_and(|(_, key, _)| key);
        if self.until_key && !key {
            return Err(FeedError::AwaitingKey);
        }
        let size = frame.map_or(0, |(.., size)| size);
        let now = self.load.now();
        let mut watchdog = self.load.watchdog();
        let most = match key {
            true if watchdog.is_ready() => self.behind,
            true => self.behind.max(BEHIND_AT_FIRST),
            false => QUEUED_MESSAGES,
        };
        if watchdog.on_the_way() >= most {
            watchdog.refused();
            return Err(FeedError::Full);
        }
        if !self.load.take(size) {
            return Err(FeedError::Full);
        }
        self.inputs.try_send(input).map_err(|error| {
            self.load.give_back(size);
            match error {
                mpsc::error::TrySendError::Full(_) => FeedError::Full,
                mpsc::error::TrySendError::Closed(_) => FeedError::Gone,
            }
        })?;
        if let Some((pts, ..)) = frame {
            watchdog.went_in(pts, now);
        }
        drop(watchdog);
        self.until_key = false;
        Ok(())
    }
}

/// What is on its way into a worker, as its feed, its writer and its listener see it.
#[derive(Debug)]
pub(super) struct Load {
    queued_bytes: AtomicUsize,
    started: Instant,
    watchdog: Mutex<Watchdog>,
}

impl Load {
    fn new(watchdog: Watchdog) -> Self {
        Self {
            queued_bytes: AtomicUsize::new(0),
            started: Instant::now(),
            watchdog: Mutex::new(watchdog),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn watchdog(&self) -> MutexGuard<'_, Watchdog> {
        self.watchdog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for `size` bytes, if there is room.
    fn take(&self, size: usize) -> bool {
        let grow = |queued: usize| queued.checked_add(size).filter(|sum| *sum <= QUEUED_BYTES);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.queued_bytes.fetch_update(set, fetch, grow).is_ok()
    }

    /// A rung has given a picture.
    pub(super) fn came_out(&self, rendition: Rendition, pts: MediaTime) {
        let now = self.now();
        self.watchdog().came_out(rendition, pts, now);
    }

    /// What is to be done, asked some times a second.
    pub(super) fn look(&self) -> Option<Verdict> {
        let now = self.now();
        self.watchdog().look(now)
    }

    fn give_back(&self, size: usize) {
        self.queued_bytes.fetch_sub(size, Ordering::Relaxed);
    }
}

/// What the worker is told beside its input.
#[derive(Debug, Clone)]
pub(super) struct Orders(mpsc::Sender<(Rendition, Pace)>);

impl Orders {
    /// Lost when the worker has not read for as long as it takes to give so many: then it hangs, and is ended for that.
    pub(super) fn pace(&self, rendition: Rendition, pace: Pace) {
        self.0.try_send((rendition, pace)).ok();
    }
}

/// The end of a feed's queue.
pub(super) struct Queue {
    inputs: mpsc::Receiver<Input>,
    orders: mpsc::Receiver<(Rendition, Pace)>,
    load: Arc<Load>,
}

impl Queue {
    pub(super) fn load(&self) -> Arc<Load> {
        Arc::clone(&self.load)
    }

    /// Writes to the worker until the feed is dropped or the worker reads no more.
    pub(super) async fn write(mut self, mut socket: OwnedWriteHalf, first: Frame) {
        let mut next = Some((first, 0));
        while let Some((Frame { head, payload }, size)) = next {
            if socket
                .write_all_buf(&mut head.chain(payload))
                .await
                .is_err()
            {
                return;
            }
            self.load.give_back(size);
            next = self.next().await;
        }
    }

    /// The next frame of the protocol, and what it counted in the queue.
    async fn next(&mut self) -> Option<(Frame, usize)> {
        tokio::select! {
            biased;
            Some((rendition, pace)) = self.orders.recv() => {
                Some((ToWorker::pace(rendition, pace)?, 0))
            }
            input = self.inputs.recv() => {
                let input = input?;
                let size = match &input {
                    Input::Frame { bytes, .. } => bytes.len(),
                    Input::ForceKey { .. } | Input::Drain => 0,
                };
                // `Feed::push` let in nothing that is too long.
                Some((ToWorker::input(input)?, size))
            }
        }
    }
}

#[cfg(test)]
mod tests;
