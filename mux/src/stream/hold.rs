//! [pure] A stream without media: when it is held, how the segment clock goes on alone, and when its session ends.

use live::MediaTime;

use super::{Event, State, Stream};
use crate::ring::Entry;

/// Milliseconds without media after which a stream is held: shorter stalls of an uplink lose nothing, and OBS needs
/// longer than this to reconnect.
const HOLD_AFTER: u64 = 2_000;
/// How long the ring of an ended session is kept for consumers to read its end, milliseconds.
const END_KEPT: u64 = 10_000;

impl Stream {
    /// When [`Self::handle_timeout`] wants to be called, Unix milliseconds.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        match self.state {
            State::Idle => None,
            State::Live => Some(self.since.saturating_add(HOLD_AFTER)),
            State::Held => {
                let end = self.since.saturating_add(self.settings.hold);
                // Rounded up: at a whole millisecond before it nothing would be due yet.
                let due = |at: MediaTime| self.timeline.when(at.millis().saturating_add(1));
                let hold = self.cutter.next_hold().map(due);
                Some(hold.map_or(end, |hold| hold.min(end)))
            }
            State::Ended => Some(self.since.saturating_add(END_KEPT)),
        }
    }

    /// To call when `now` has reached [`Self::poll_timeout`]; harmless at any time.
    pub(crate) fn handle_timeout(&mut self, now: u64) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        match self.state {
            State::Idle => {}
            State::Live => {
                self.election.silence();
                self.shut();
                self.state = State::Held;
                self.events.push_back(Event::Held);
                self.hold(now);
            }
            State::Held if now >= self.since.saturating_add(self.settings.hold) => self.end(now),
            State::Held => self.hold(now),
            State::Ended => {
                self.ring.clear();
                self.state = State::Idle;
            }
        }
    }

    fn hold(&mut self, now: u64) {
        let until = MediaTime::from_millis(self.timeline.at(now));
        self.cutter.hold(until, now, &mut self.stamps);
        self.push_stamps(now);
    }

    fn end(&mut self, now: u64) {
        if let Some(session) = self.cutter.end() {
            self.push(Entry::End(session), now, false);
            self.events.push_back(Event::Ended(session));
        }
        self.election.silence();
        self.shut();
        self.since = now;
        self.state = State::Ended;
    }
}
