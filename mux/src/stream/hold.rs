//! [pure] A stream without media: when it is held, how the segment clock goes on alone, and when its session ends.

use live::MediaTime;

use super::{Event, State, Stream};
use crate::ring::Entry;

/// Milliseconds without media after which a stream is held: shorter stalls of an uplink lose nothing, and OBS needs
/// longer than this to reconnect. A publisher whose own pace is slower is given the time that it takes to be silent.
const HOLD_AFTER: u64 = 2_000;
/// Longest hold by command, milliseconds: a day's break, not a stream that was forgotten.
const LONGEST_HOLD: u64 = 12 * 60 * 60 * 1_000;
/// How long the ring of an ended session is kept for consumers to read its end, milliseconds: longer than a transcoder's
/// output waits before it tries again.
const END_KEPT: u64 = 30_000;

impl Stream {
    /// When [`Self::handle_timeout`] wants to be called, Unix milliseconds.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        let of_state = match self.state {
            State::Idle => None,
            State::Live => Some(self.hold_at()),
            State::Held => {
                // Rounded up: at a whole millisecond before it nothing would be due yet.
                let due = |at: MediaTime| self.timeline.when(at.millis().saturating_add(1));
                let hold = self.cutter.next_hold().map(due);
                let end = self.end_at();
                Some(hold.map_or(end, |hold| hold.min(end)))
            }
            State::Ended => Some(self.since.saturating_add(END_KEPT)),
        };
        let stand_in = self.stand_in().map(|(_, due)| due);
        of_state.into_iter().chain(stand_in).min()
    }

    /// To call when `now` has reached [`Self::poll_timeout`]; harmless at any time.
    pub(crate) fn handle_timeout(&mut self, now: u64) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        if let Some((id, due)) = self.stand_in()
            && due <= now
            && self.put_stand_in(id, now)
        {
            return;
        }
        match self.state {
            State::Live if now >= self.hold_at() => {
                self.election.silence();
                self.begin_hold(now);
                self.events.push_back(Event::Held);
            }
            State::Held if now >= self.end_at() => self.end(now),
            State::Held => self.hold(now),
            State::Ended if now >= self.since.saturating_add(END_KEPT) => {
                self.ring.clear();
                self.state = State::Idle;
            }
            State::Idle | State::Live | State::Ended => {}
        }
    }

    /// When the stream would be held, should nothing come.
    pub(super) fn hold_at(&self) -> u64 {
        let silent_after = self.election.silent_after().unwrap_or_default();
        self.since.saturating_add(HOLD_AFTER.max(silent_after))
    }

    fn end_at(&self) -> u64 {
        self.since.saturating_add(if self.is_suspended() {
            LONGEST_HOLD
        } else {
            self.settings.hold
        })
    }

    pub(super) fn begin_hold(&mut self, now: u64) {
        self.shut();
        self.cool_all();
        self.state = State::Held;
        self.hold(now);
    }

    fn hold(&mut self, now: u64) {
        let until = MediaTime::from_millis(self.timeline.at(now));
        self.cutter.hold(until, now, &mut self.stamps);
        self.push_stamps(now);
    }

    /// Ends the session.
    pub(super) fn end(&mut self, now: u64) {
        if let Some(stamp) = self.cutter.open() {
            self.timeline.reach(stamp.pts.millis());
        }
        if let Some(session) = self.cutter.end() {
            self.push(Entry::End(session), now, false);
            self.events.push_back(Event::Ended(session));
        }
        self.election.silence();
        self.election.resume();
        self.fall_silent();
        self.shut();
        self.cool_all();
        self.since = now;
        self.state = State::Ended;
    }

    fn cool_all(&mut self) {
        for publisher in &mut self.publishers {
            publisher.warm.clear();
        }
    }
}
