//! [pure] What is said beside the media, by an operator or of a hold: its place on the timeline, and who hears it.
//!
//! Transcoders alone do: players and platforms are sent what the publisher sends. It stands in the ring like media, so
//! that all transcoders hear it at the same place, and is told again every few segments while it lasts, for those that
//! begin later.

use live::{
    playlist::{
        DateRange, DateRangeError, DateRanges, Extent, ProgramDateTime, Seconds, Text, Unfit,
    },
    stamp::Stamp,
    telling::{HOLD, ON_DATE_RANGE, Telling},
};
use rtmp::amf0::{self, Value};
use serde::{Deserialize, Serialize};

use super::{State, Stream};
use crate::{announcement::Announcement, ring::Entry};

/// Segments from one repetition to the next: a transcoder that begins knows all after ten seconds.
pub(super) const REPEAT: u64 = 5;
/// One a second on average, and so many at once.
const BURST: u64 = 10;
const EACH: u64 = 1_000;

/// What was said and is so, or will be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Announced {
    ranges: DateRanges,
    /// When all that was said is paid for by time, Unix milliseconds.
    paid: u64,
    /// It is to be told again after the next frame.
    pub(super) due: bool,
}

/// The same as plain data.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct SavedAnnounced {
    ranges: Vec<String>,
    paid: u64,
    due: bool,
}

/// The operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnnounceError {
    /// Neither live nor held.
    #[error("there is no show: nobody has published since the last one ended")]
    NoShow,
    /// More than one a second.
    #[error("so much cannot be said at once: {BURST} at a time, and one a second")]
    TooMuch,
    /// It does not go with what was said before.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The tag's own rules.
    #[error(transparent)]
    Range(#[from] DateRangeError),
}

impl Announced {
    /// Whether transcoders were told of a hold, and not yet of its end.
    pub(super) fn holds(&self) -> bool {
        let is_hold =
            |range: &&DateRange| range.class().is_some_and(|class| class.as_str() == HOLD);
        let newest = self.ranges.iter().filter(is_hold).last();
        newest.is_some_and(|range| range.extent() == Extent::UntilNext)
    }

    pub(super) fn save(&self) -> SavedAnnounced {
        SavedAnnounced {
            ranges: self.ranges.iter().map(ToString::to_string).collect(),
            paid: self.paid,
            due: self.due,
        }
    }

    pub(super) fn restore(saved: &SavedAnnounced) -> Self {
        let mut ranges = DateRanges::default();
        for range in saved.ranges.iter().filter_map(|line| line.parse().ok()) {
            // They went together before.
            let _fits = ranges.add(range);
        }
        Self {
            ranges,
            paid: saved.paid,
            due: saved.due,
        }
    }
}

impl Stream {
    /// Says something. It starts where the media is now, or so much later.
    pub(crate) fn announce(
        &mut self,
        announcement: &Announcement,
        now: u64,
    ) -> Result<DateRange, AnnounceError> {
        let open = self.cutter.open();
        let (State::Live | State::Held, Some(open)) = (self.state, open) else {
            return Err(AnnounceError::NoShow);
        };
        if self.announced.paid > now.saturating_add((BURST - 1) * EACH) {
            return Err(AnnounceError::TooMuch);
        }
        let place = self.timeline.at(now).max(open.pts.millis());
        self.announced.ranges.end_by(place);
        let mut start = place.saturating_add(announcement.in_ms());
        // Two of a class at the same moment would both end with the next: the later one is a moment later.
        let class = Some(announcement.class());
        let taken = |start: u64| {
            let mut known = self.announced.ranges.iter();
            known.any(|range| range.class() == class && range.start().unix_millis() == start)
        };
        while taken(start) {
            start = start.saturating_add(1);
        }
        let range = announcement.at(start)?;
        self.announced.ranges.add(range.clone())?;
        self.announced.paid = self.announced.paid.max(now).saturating_add(EACH);
        self.tell_transcoders(range.clone(), false, place, now);
        Ok(range)
    }

    /// The hold that `stamp` begins lasts until the next range of its class, which starts with the show's media and has no
    /// length: players know of it at the first reload in the hold, on `source` too.
    pub(super) fn announce_hold(&mut self, stamp: &Stamp, now: u64) {
        if !self.announced.holds() {
            self.say_of_hold("hold", stamp, Extent::UntilNext, now);
        }
    }

    fn say_of_hold(&mut self, word: &str, stamp: &Stamp, extent: Extent, now: u64) {
        let id = Text::shown(&format!("{word}-{}", stamp.msn), usize::MAX);
        let start = ProgramDateTime::from_unix_millis(stamp.pts.millis());
        let range = DateRange::new(id, Some(Text::shown(HOLD, usize::MAX)), start, extent, None);
        if let Ok(range) = range
            && self.announced.ranges.add(range.clone()).is_ok()
        {
            // Whoever sees the slate needs no word of it in the media.
            self.tell_transcoders(range, true, stamp.pts.millis(), now);
        }
    }

    /// Tells of the end of a hold, and again of what lasts or is to come.
    pub(super) fn announce_again(&mut self, now: u64) {
        if !std::mem::take(&mut self.announced.due) {
            return;
        }
        if let Some(open) = self.cutter.open()
            && self.announced.holds()
        {
            self.say_of_hold("show", &open, Extent::Lasts(Seconds::default()), now);
        }
        let place = self.timeline.at(now);
        self.announced.ranges.end_by(place);
        let all: Vec<DateRange> = self.announced.ranges.iter().cloned().collect();
        for range in all {
            // What is to come is news to whoever begins now, in the media too.
            let again = range.start().unix_millis() <= place;
            self.tell_transcoders(range, again, place, now);
        }
    }

    /// The session is over, and what was said of it.
    pub(super) fn fall_silent(&mut self) {
        self.announced.ranges = DateRanges::default();
    }

    fn tell_transcoders(&mut self, range: DateRange, again: bool, at: u64, now: u64) {
        let telling = Telling { range, again };
        let (name, text) = telling.text();
        let numbers = telling.numbers().into_iter();
        let fields = numbers.map(|(name, number)| (name, Value::Number(number)));
        let fields = fields.chain([(name, Value::String(text))]);
        let payload = amf0::encode(&[ON_DATE_RANGE.into(), Value::object(fields)]);
        self.push(Entry::Telling { at, payload }, now, false);
    }
}
