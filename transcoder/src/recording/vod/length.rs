//! [pure] How long the renditions of a show that is over say that they are: all the same.
//!
//! Sound comes in frames of its own: it begins up to two of them after the pictures, and ends three milliseconds before
//! them. Players take a show's length from the sums of EXTINF. Shaka 5.2.12 cuts all renditions to the least of the sums
//! it has loaded, then moves each to its date: if that which begins first is longer by its sum than another, it is waited
//! for at its end for ever. So the last segment of each says some milliseconds more or less than it has, half of what they
//! differ by, and a GAP lasts until the next segment's date.

use live::playlist::{ProgramDateTime, Seconds};

use super::Recorded;

/// Sums that differ by more than this are left alone: something else is wrong then, and a player goes by dates.
const MOST: Seconds = Seconds::from_millis(200);
/// No last segment is made shorter than this.
const LEAST: Seconds = Seconds::from_millis(10);

/// Makes the sums of EXTINF agree.
pub(super) fn agree(recorded: &mut [Recorded]) {
    recorded.iter_mut().for_each(fit_gaps);
    let sums: Vec<Seconds> = recorded.iter().map(sum).collect();
    let (Some(least), Some(most)) = (sums.iter().min(), sums.iter().max()) else {
        return;
    };
    let apart = most.minus(*least);
    if apart > MOST {
        return;
    }
    let common = least.plus(Seconds::from_units(apart.units() / 2));
    for (one, sum) in recorded.iter_mut().zip(sums) {
        if let Some(last) = one.playlist.segments.back_mut() {
            last.duration = last.duration.plus(common).minus(sum).max(LEAST);
        }
    }
}

fn sum(one: &Recorded) -> Seconds {
    let segments = one.playlist.segments.iter();
    segments.map(|segment| segment.duration).sum()
}

/// A GAP was given the duration that another rendition has there.
fn fit_gaps(one: &mut Recorded) {
    let mut next: Option<ProgramDateTime> = None;
    for segment in one.playlist.segments.iter_mut().rev() {
        let date = segment.head.program_date_time;
        if let (true, Some(date), Some(next)) = (segment.gap, date, next)
            && let Some(ms) = next.unix_millis().checked_sub(date.unix_millis())
        {
            let until = Seconds::from_millis(ms);
            if until.units().abs_diff(segment.duration.units()) <= MOST.units() {
                segment.duration = until;
            }
        }
        next = date;
    }
}
