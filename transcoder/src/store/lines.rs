//! Who waits for what: a line for each thing that is waited for, whoever stands in it.
//!
//! A line is let go when what it waits for is there, or never will be; nobody is woken before. All in a line are given
//! the same answer, made once. There are few lines: what is too far ahead is not waited for, so each rendition has at
//! most the parts of three segments.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::stream::{Outcome, Stream, Wanted};

/// The lines of one stream.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<Wanted, watch::Sender<Option<Outcome>>>);

/// A place in a line. The answer comes, or the line's end.
pub type Place = watch::Receiver<Option<Outcome>>;

/// Lines with their answers. They are called after the stream is unlocked, for a call may wake thousands.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Served(Vec<(watch::Sender<Option<Outcome>>, Outcome)>);

impl Lines {
    /// A place in the line for `wanted`, which is not there yet.
    pub(super) fn join(&mut self, wanted: Wanted) -> Place {
        self.0
            .entry(wanted)
            .or_insert_with(|| watch::Sender::new(None))
            .subscribe()
    }

    /// Takes those lines whose wait is over. Lines that all have left end too.
    pub(super) fn serve(&mut self, stream: &mut Stream, served: &mut Served) {
        self.0.retain(|wanted, line| {
            let outcome = stream.outcome(*wanted);
            let waits = outcome == Outcome::NotYet && line.receiver_count() > 0;
            if !waits {
                served
                    .0
                    .push((std::mem::replace(line, watch::Sender::new(None)), outcome));
            }
            waits
        });
    }
}

impl Served {
    pub(super) fn call(self) {
        for (line, outcome) in self.0 {
            line.send_replace(Some(outcome));
        }
    }
}
