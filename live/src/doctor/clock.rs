//! [pure] Whether this box's clock is kept, as the kernel says it (adjtimex).

use super::finding::{Area, Finding};

/// What the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// Somebody keeps it.
    pub(super) synchronised: bool,
    /// How far it may be off by its keeper's estimate, in microseconds.
    pub(super) estimated_error_us: i64,
    /// The kernel is another system's: in a container nobody inside keeps the clock.
    pub(super) borrowed: bool,
}

/// An estimate beyond this is worth a word.
const OFF_US: i64 = 500_000;

pub(super) fn judge(clock: Option<Clock>) -> Finding {
    const SUBJECT: &str = "this box";
    let remedy = "chronyc sources shows whom it asks; without chrony: sudo apt-get install chrony. Does the firewall upstream let NTP (UDP 123) out?";
    let Some(clock) = clock else {
        let sentence = "the kernel does not say whether it is kept";
        return Finding::not_applicable(Area::Clock, SUBJECT, sentence);
    };
    if clock.borrowed {
        let sentence = "a container has its host's clock: look there";
        return Finding::not_applicable(Area::Clock, SUBJECT, sentence);
    }
    if !clock.synchronised {
        let sentence =
            "nobody keeps the clock right: certificates and the times in playlists depend on it";
        return Finding::warning(Area::Clock, SUBJECT, sentence, remedy);
    }
    let ms = clock.estimated_error_us / 1000;
    if clock.estimated_error_us > OFF_US {
        let sentence = format!("the clock may be {ms} ms off");
        return Finding::warning(Area::Clock, SUBJECT, sentence, remedy);
    }
    Finding::ok(
        Area::Clock,
        SUBJECT,
        format!("the clock is kept, to {ms} ms by estimate"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_clock_is_kept_or_it_is_said_that_it_is_not() {
        let clock = |synchronised, estimated_error_us, borrowed| {
            let clock = Clock {
                synchronised,
                estimated_error_us,
                borrowed,
            };
            judge(Some(clock)).verdict
        };
        assert_eq!(clock(true, 900, false), Verdict::Ok);
        assert_eq!(clock(true, 700_000, false), Verdict::Warning);
        assert_eq!(clock(false, 0, false), Verdict::Warning);
        assert_eq!(clock(false, 0, true), Verdict::NotApplicable);
        assert_eq!(judge(None).verdict, Verdict::NotApplicable);
    }
}
