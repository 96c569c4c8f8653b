//! [pure] How far apart a publisher's messages lie by its own clock, and from when on its silence means something.
//!
//! Sound and pictures come every few tens of milliseconds; silence of [`SILENT_AFTER`] is then an outage. A slide show
//! without sound has seconds between its pictures, and its stamps say so: it is silent when the next picture is half a
//! step overdue. What the network holds back shows in arrival times alone and changes nothing here.

use serde::{Deserialize, Serialize};

/// Milliseconds. A lost packet is sent again within 200 to 400 ms, so an uplink that stutters is not silent yet; and a
/// backup that starts then is on the air within a second.
const SILENT_AFTER: u64 = 700;
/// How many steps are remembered: the longest of them counts.
const REMEMBERED: usize = 8;
/// Longest step that is believed, milliseconds: a picture every ten seconds.
const LONGEST_STEP: u32 = 10_000;
/// Furthest behind the newest stamp that is interleaving, milliseconds.
const BACK: u32 = 3_000;

/// The pace of one publisher.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Pace {
    newest: Option<u32>,
    steps: [u32; REMEMBERED],
    /// Where the next step is written.
    next: usize,
}

impl Pace {
    /// A picture or sound stamped `stamp` has come.
    pub(crate) fn note(&mut self, stamp: u32) {
        let Some(newest) = self.newest else {
            self.newest = Some(stamp);
            return;
        };
        let step = stamp.wrapping_sub(newest);
        if step == 0 || newest.wrapping_sub(stamp) <= BACK {
            return;
        }
        self.newest = Some(stamp);
        if step <= LONGEST_STEP
            && let Some(place) = self.steps.get_mut(self.next)
        {
            *place = step;
            self.next = (self.next + 1) % REMEMBERED;
        }
    }

    /// Milliseconds after its newest message from which on the publisher is silent. Before the pace is known, that is
    /// in its first two messages, the longest step is allowed for.
    pub(crate) fn silent_after(&self) -> u64 {
        let longest = self.steps.iter().copied().max().filter(|step| *step > 0);
        let step = u64::from(longest.unwrap_or(LONGEST_STEP));
        SILENT_AFTER.max(step + step / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent_after(stamps: impl IntoIterator<Item = u32>) -> u64 {
        let mut pace = Pace::default();
        for stamp in stamps {
            pace.note(stamp);
        }
        pace.silent_after()
    }

    #[test]
    fn sound_or_moving_pictures_are_silent_soon() {
        assert_eq!(silent_after((0..100).map(|n| n * 40)), 700);
        // A slide every two seconds, with sound.
        let slides = (0..500).map(|n| n * 23).chain([10_000, 11_500, 11_523]);
        assert_eq!(silent_after(slides.take(500)), 700);
    }

    #[test]
    fn a_slide_show_without_sound_is_silent_when_its_next_picture_is_overdue() {
        assert_eq!(silent_after((0..4).map(|n| n * 2_000)), 3_000);
        assert_eq!(silent_after([0, 5_000]), 7_500);
        assert_eq!(silent_after([0]), 15_000);
    }

    #[test]
    fn a_clock_that_leaps_wraps_or_interleaves_is_no_slow_pace() {
        let leap = [0, 40, 80, 3_600_000, 3_600_040, 0, 40];
        assert_eq!(silent_after(leap), 700);
        let wrap = (0..20_u32).map(|n| (u32::MAX - 200).wrapping_add(n * 40));
        assert_eq!(silent_after(wrap), 700);
        assert_eq!(silent_after([100, 60, 140, 100, 180, 140]), 700);
        // One long step is forgotten.
        let frozen = [0, 40, 9_000]
            .into_iter()
            .chain((1..9).map(|n| 9_000 + n * 40));
        assert_eq!(silent_after(frozen), 700);
    }
}
