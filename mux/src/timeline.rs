//! [pure] One continuous absolute timeline per stream, in milliseconds since the Unix epoch, whatever publishers do.
//!
//! RTMP stamps are 32-bit milliseconds of a clock that starts anywhere. Always true of what comes out: times of one
//! kind of media never fall; sound and picture share one offset, so what was in step stays in step; nothing runs away
//! from the wall clock faster than [`Timeline::map`] tolerates. The rules, in the order they are tried:
//! 1. A publisher's first frame is set at the wall clock, or right after the newest frame if that is later.
//! 2. A stamp within [`BACK`] behind and [`STEP_AHEAD`] ahead of the newest is jitter, interleaving or plain progress.
//! 3. So is one that gets there by a wrap of 32 bits, or of the 24 bits that some encoders keep.
//! 4. A longer leap ahead is believed while it ends at most [`LEAP_AHEAD`] after the wall clock (a stalled uplink).
//! 5. Anything else is a clock that was set anew: rule 1 again, for both kinds. Data alone sets no clock: where its
//!    stamp makes no sense it is placed at the newest frame.

use rtmp::MessageKind;
use serde::{Deserialize, Serialize};

/// Furthest a frame may lie behind the newest one: interleaving of sound and picture.
const BACK: i64 = 3_000;
/// Furthest step ahead that needs no second look.
const STEP_AHEAD: i64 = 1_000;
/// Furthest after the wall clock that a long leap may end.
const LEAP_AHEAD: u64 = 10_000;
/// Distance kept from the newest frame when a clock is set anew: about one frame.
const SEAM: u64 = 20;
/// A publisher may send this much media ahead of real time before its pace is judged (bursts, catching up).
const MAX_SURPLUS: u64 = 60_000;
/// ... and is too fast when its surplus is also more than one part in this many of the time it has been on the air;
/// a clock that drifts is far below.
const SURPLUS_SHARE: u64 = 4;

/// What a time belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum MediaKind {
    /// RTMP message type 8.
    Audio,
    /// RTMP message type 9.
    Video,
    /// RTMP message types 15 and 18.
    Data,
}

impl From<MediaKind> for MessageKind {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Audio,
            MediaKind::Video => Self::Video,
            MediaKind::Data => Self::DataAmf0,
        }
    }
}

/// The publisher's fault: media faster than real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("media comes faster than real time; with ffmpeg, publish with -re")]
pub(crate) struct TooFast;

/// The timeline of one stream, over all its sessions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Timeline {
    /// Newest time given out, of any kind.
    newest: Option<u64>,
    /// Newest time given out per kind: audio, video, data.
    newest_of: [u64; 3],
    clock: Option<SourceClock>,
}

/// The clock of the publisher on the air.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SourceClock {
    /// Newest stamp, its wraps undone.
    newest: i64,
    /// Added to a stamp gives the absolute time.
    offset: i64,
    /// Wall clock when the newest frame came.
    arrived: u64,
    /// Wall clock and absolute time of the first frame.
    begun: (u64, u64),
}

impl Timeline {
    /// Where media would be at wall clock `now` had none gone missing since the newest frame.
    pub(crate) fn at(&self, now: u64) -> u64 {
        match (&self.clock, self.newest) {
            (Some(clock), Some(newest)) => newest.saturating_add(now.saturating_sub(clock.arrived)),
            (_, newest) => newest.unwrap_or_default().max(now),
        }
    }

    /// The wall clock at which [`Self::at`] reaches `at`.
    pub(crate) fn when(&self, at: u64) -> u64 {
        match (&self.clock, self.newest) {
            (Some(clock), Some(newest)) => clock.arrived.saturating_add(at.saturating_sub(newest)),
            _ => at,
        }
    }

    /// What comes will be later than `at`: a stamp without media was there.
    pub(crate) fn reach(&mut self, at: u64) {
        self.newest = self.newest.max(Some(at));
    }

    /// Where rule 1 sets a frame of wall clock `now`.
    pub(crate) fn first_at(&self, now: u64, floor: u64) -> u64 {
        let seam = self.newest.map_or(0, |newest| newest.saturating_add(SEAM));
        now.max(seam).max(floor)
    }

    /// A publisher goes on the air with a frame stamped `stamp`: rule 1. Nothing will be earlier than `floor`.
    pub(crate) fn anchor(&mut self, stamp: u32, now: u64, floor: u64) {
        let at = self.first_at(now, floor);
        self.clock = Some(SourceClock {
            newest: i64::from(stamp),
            offset: signed(at) - i64::from(stamp),
            arrived: now,
            begun: (now, at),
        });
    }

    /// The absolute time of a frame of the publisher on the air. It is refused when media came faster than real time
    /// for long; the timeline stays whole then.
    pub(crate) fn map(&mut self, kind: MediaKind, stamp: u32, now: u64) -> Result<u64, TooFast> {
        if self.clock.is_none() {
            self.anchor(stamp, now, 0);
        }
        let newest_out = self.newest.unwrap_or_default();
        let Some(clock) = &mut self.clock else {
            return Ok(newest_out);
        };
        let at = if kind == MediaKind::Data {
            clock.read_data(stamp).unwrap_or(newest_out)
        } else {
            clock.read(stamp, now, newest_out)
        };
        if clock.too_fast(at, now) {
            return Err(TooFast);
        }
        let newest_of = &mut self.newest_of[kind as usize];
        *newest_of = at.max(*newest_of);
        self.newest = Some(newest_out.max(*newest_of));
        Ok(*newest_of)
    }
}

impl SourceClock {
    /// Rules 2 to 5.
    fn read(&mut self, stamp: u32, now: u64, newest_out: u64) -> u64 {
        let unwrapped = unwrap(self.newest, stamp);
        let step = unwrapped - self.newest;
        let at = unsigned(unwrapped + self.offset);
        let believed = (-BACK..=STEP_AHEAD).contains(&step)
            || (step > 0 && at <= now.saturating_add(LEAP_AHEAD));
        self.arrived = now;
        if believed {
            self.newest = self.newest.max(unwrapped);
            return at;
        }
        let at = now.max(newest_out.saturating_add(SEAM));
        self.newest = unwrapped;
        self.offset = signed(at) - unwrapped;
        at
    }

    /// Data never sets the clock: encoders stamp it carelessly.
    fn read_data(&self, stamp: u32) -> Option<u64> {
        let unwrapped = unwrap(self.newest, stamp);
        let plain = (-BACK..=STEP_AHEAD).contains(&(unwrapped - self.newest));
        plain.then(|| unsigned(unwrapped + self.offset))
    }

    fn too_fast(&self, at: u64, now: u64) -> bool {
        let (begun, begun_at) = self.begun;
        let elapsed = now.saturating_sub(begun);
        let surplus = at.saturating_sub(begun_at).saturating_sub(elapsed);
        surplus > MAX_SURPLUS && surplus > elapsed / SURPLUS_SHARE
    }
}

/// The stamp nearest to `newest` that looks like `stamp` in its low 32 bits; in its low 24 only where that alone makes
/// it plain progress.
pub(crate) fn unwrap(newest: i64, stamp: u32) -> i64 {
    const WRAP_32: i64 = 1 << 32;
    const WRAP_24: i64 = 1 << 24;
    let nearest = |wrap: i64| {
        let behind = (newest - i64::from(stamp)).rem_euclid(wrap);
        if behind <= wrap / 2 {
            newest - behind
        } else {
            newest - behind + wrap
        }
    };
    let plain = |at: i64| (-BACK..=STEP_AHEAD).contains(&(at - newest));
    let full = nearest(WRAP_32);
    let short = nearest(WRAP_24);
    if !plain(full) && plain(short) && stamp < 1 << 24 {
        short
    } else {
        full
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX / 2)
}

fn unsigned(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests;
