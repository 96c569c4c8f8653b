//! [pure] Stops a recording before the disk is full, and lets it go on once there is room again.

use std::fmt;

/// How full the disk may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    stop_at_free: u64,
    stopped: Option<u64>,
}

/// Nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped {
    /// Bytes that are free.
    pub(super) free: u64,
    /// Bytes at which it stopped.
    pub(super) stop_at_free: u64,
    /// Bytes at which it goes on.
    pub(super) go_on_at: u64,
}

impl Guard {
    /// Room that must have come back: recordings that stop and start every few segments help nobody.
    const ROOM: u64 = 256 << 20;

    /// Leaves `stop_at_free` bytes.
    pub(super) const fn new(stop_at_free: u64) -> Self {
        Self {
            stop_at_free,
            stopped: None,
        }
    }

    /// What there is now; whether media may be written.
    pub(super) fn look(&mut self, free: u64) -> bool {
        let needed = match self.stopped {
            Some(_) => self.go_on_at(),
            None => self.stop_at_free,
        };
        self.stopped = (free < needed).then_some(free);
        self.stopped.is_none()
    }

    const fn go_on_at(&self) -> u64 {
        let room = if self.stop_at_free < Self::ROOM {
            self.stop_at_free
        } else {
            Self::ROOM
        };
        self.stop_at_free.saturating_add(room)
    }

    /// Why nothing is written, if so.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.stopped.map(|free| Stopped {
            free,
            stop_at_free: self.stop_at_free,
            go_on_at: self.go_on_at(),
        })
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes >> 20;
        write!(
            f,
            "{} MiB are free on the recordings' disk, less than recording.stop_at_free ({} MiB); the show goes on \
             unrecorded until {} MiB are free: delete or move recordings",
            mib(self.free),
            mib(self.stop_at_free),
            mib(self.go_on_at)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_in_time_and_goes_on_once_there_is_room_to_speak_of() {
        const MIB: u64 = 1 << 20;
        let mut guard = Guard::new(2048 * MIB);
        assert!(guard.look(2048 * MIB));
        assert!(!guard.look(2047 * MIB));
        let words = guard.stopped().unwrap().to_string();
        assert!(words.starts_with("2047 MiB are free"), "{words}");
        assert!(!guard.look(2200 * MIB));
        assert!(guard.look(2304 * MIB));
        assert_eq!(guard.stopped(), None);
    }
}
