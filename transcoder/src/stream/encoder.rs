//! [pure] What the encoder is fed, and what it missed.
//!
//! An encoder that starts, at first or anew, begins with the newest stamped keyframe: everything since is kept for it.
//! So when two transcoders are fed the same from the start their encoders are too, however long each took to come up.

use live::MediaTime;

use crate::{track::Fed, worker::Input};

/// The way to the encoder of one configuration.
#[derive(Debug, Clone)]
pub(super) struct Encoder {
    /// Tells events of this encoder from those of the one before.
    pub(super) generation: u64,
    pub(super) running: bool,
    backlog: Vec<Input>,
    backlog_bytes: usize,
    /// The backlog starts with a stamped keyframe and lacks nothing since.
    backlog_whole: bool,
    last_fed: Option<MediaTime>,
}

impl Encoder {
    /// Inputs kept for a newcomer: ten seconds at 60 frames per second.
    const MAX_BACKLOG: usize = 600;
    /// Bytes kept: ten seconds at 25 Mbit/s. They are shared with the message they came in.
    const MAX_BACKLOG_BYTES: usize = 32 << 20;

    pub(super) const fn new(generation: u64) -> Self {
        Self {
            generation,
            running: false,
            backlog: Vec::new(),
            backlog_bytes: 0,
            backlog_whole: false,
            last_fed: None,
        }
    }

    /// A stamped keyframe follows: whoever starts may start with it.
    pub(super) fn restart_here(&mut self) {
        self.backlog.clear();
        self.backlog_bytes = 0;
        self.backlog_whole = true;
    }

    /// Takes an input, and gives it back if the running encoder is to have it.
    pub(super) fn feed(&mut self, input: Input) -> Option<Input> {
        if let Input::Frame { pts, bytes, .. } = &input {
            self.last_fed = self.last_fed.max(Some(*pts));
            self.backlog_bytes += bytes.len();
        }
        if self.backlog.len() >= Self::MAX_BACKLOG || self.backlog_bytes > Self::MAX_BACKLOG_BYTES {
            self.backlog.clear();
            self.backlog_whole = false;
        }
        if self.backlog_whole {
            self.backlog.push(input.clone());
        }
        self.running.then_some(input)
    }

    /// The encoder is up: what it has to be fed first.
    pub(super) fn started(&mut self) -> Vec<Input> {
        self.running = true;
        self.backlog.clone()
    }

    /// What was fed of the segment that ends at `end`, where nothing follows.
    pub(super) fn fed_before(&self, end: MediaTime) -> Fed {
        Fed {
            last: self.last_fed.filter(|last| *last < end),
        }
    }

    /// What was fed of the segment that ends at `end`. `distance` is that of two frames: when the last one fed is
    /// further from the end, frames of the segment may still follow.
    pub(super) fn fed_until(&self, end: MediaTime, distance: u64) -> Fed {
        let fed = self.fed_before(end);
        Fed {
            last: fed
                .last
                .filter(|last| end.since(*last) <= distance + distance / 2),
        }
    }
}
