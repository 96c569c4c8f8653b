//! [pure] One segment's samples on their way into parts.
//!
//! In a session's first segment PART-TARGET may not be known yet: then samples wait, and come into the same parts as if
//! it had been.

use bytes::Bytes;
use live::Msn;

use super::{CutPart, Lengths, PartCutter};
use crate::fmp4::MediaKind;

/// See the module.
#[derive(Debug, Clone)]
pub struct SegmentCutter(State);

#[derive(Debug, Clone)]
enum State {
    /// Until PART-TARGET is known.
    Waiting {
        kind: MediaKind,
        msn: Msn,
        start: u64,
        /// What came so far: as much as a stream takes until it decides without having been told.
        came: Vec<Came>,
    },
    /// Since.
    Cutting(PartCutter),
}

#[derive(Debug, Clone)]
enum Came {
    Sample {
        at: u64,
        composition: i32,
        key: bool,
        bytes: Bytes,
    },
    Edge(u64),
}

impl SegmentCutter {
    /// Segment `msn`, which starts at `start`.
    pub const fn new(kind: MediaKind, lengths: Option<Lengths>, msn: Msn, start: u64) -> Self {
        Self(match lengths {
            Some(lengths) => State::Cutting(PartCutter::new(kind, lengths, msn, start)),
            None => State::Waiting {
                kind,
                msn,
                start,
                came: Vec::new(),
            },
        })
    }

    /// How long parts are to be, for those that do not know yet.
    pub fn decide(&mut self, lengths: Lengths, out: &mut Vec<CutPart>) {
        let State::Waiting {
            kind,
            msn,
            start,
            came,
        } = &mut self.0
        else {
            return;
        };
        let mut cutter = PartCutter::new(*kind, lengths, *msn, *start);
        for came in came.drain(..) {
            match came {
                Came::Sample {
                    at,
                    composition,
                    key,
                    bytes,
                } => cutter.push(at, composition, key, bytes, out),
                Came::Edge(at) => cutter.edge(at, out),
            }
        }
        self.0 = State::Cutting(cutter);
    }

    /// As [`PartCutter::push`].
    pub fn push(
        &mut self,
        at: u64,
        composition: i32,
        key: bool,
        bytes: Bytes,
        out: &mut Vec<CutPart>,
    ) {
        match &mut self.0 {
            State::Cutting(cutter) => cutter.push(at, composition, key, bytes, out),
            State::Waiting { came, .. } => came.push(Came::Sample {
                at,
                composition,
                key,
                bytes,
            }),
        }
    }

    /// As [`PartCutter::edge`].
    pub fn edge(&mut self, at: u64, out: &mut Vec<CutPart>) {
        match &mut self.0 {
            State::Cutting(cutter) => cutter.edge(at, out),
            State::Waiting { came, .. } => came.push(Came::Edge(at)),
        }
    }

    /// As [`PartCutter::finish`]. Nothing when it was never said how long parts are to be.
    pub fn finish(self, end: u64, out: &mut Vec<CutPart>) {
        if let State::Cutting(cutter) = self.0 {
            cutter.finish(end, out);
        }
    }
}
