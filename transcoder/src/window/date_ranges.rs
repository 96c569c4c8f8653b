//! [pure] The date ranges that a playlist lists: as long as they reach into it (RFC 8216bis §4.4.5.1), and what a player
//! of delta updates need not be told of them again (§6.2.5.1).

use std::collections::VecDeque;

use live::{
    MediaTime,
    playlist::{DateRange, DateRanges, Line, Seconds, Text, Unfit},
};

use super::Window;
use crate::fmp4::{Event, with_events};

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranges {
    all: DateRanges,
    /// Since when each has been listed, by the playlist's own time, in the order of `all`.
    listed: VecDeque<(Text, MediaTime)>,
    /// Those that have left the playlist, and when: no longer ago than a delta update reaches back.
    removed: VecDeque<(Text, MediaTime)>,
    /// Events that no part has carried yet, and the time that a part must end after.
    events: Vec<(MediaTime, Event)>,
    /// Those that were added since the last segment was over.
    fresh: Vec<Line>,
}

impl Ranges {
    fn remove(&mut self, gone: &[DateRange], now: MediaTime) {
        for range in gone {
            self.listed.retain(|(id, _)| id != range.id());
            self.removed.push_back((range.id().clone(), now));
        }
    }

    /// Forgets what left the playlist before `since`.
    fn forget(&mut self, since: MediaTime) {
        let old = |(_, at): &(Text, MediaTime)| *at < since;
        while self.removed.front().is_some_and(old) || self.removed.len() > DateRanges::MOST {
            self.removed.pop_front();
        }
    }

    /// How many of the oldest have been listed since before `since`.
    fn known(&self, since: MediaTime) -> usize {
        let known = self.listed.iter().take_while(|(_, at)| *at < since);
        known.count()
    }

    /// Those that were added since somebody asked.
    pub(super) fn fresh(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.fresh)
    }
}

impl Window {
    /// A date range, from now on in the playlist. With `event` it is told in the media too: in the first part that ends
    /// after it starts, and after `edge`, up to which parts may have been written.
    pub fn date_range(
        &mut self,
        range: &DateRange,
        edge: MediaTime,
        event: bool,
    ) -> Result<(), Unfit> {
        let gone = self.ranges.all.add(range.clone())?;
        let now = self.edge();
        self.ranges.remove(&gone, now);
        self.ranges.listed.push_back((range.id().clone(), now));
        self.ranges.fresh.push(range.line());
        if event {
            let event = Event::of(range);
            self.ranges.events.push((event.time().max(edge), event));
        }
        self.list_ranges();
        Ok(())
    }

    /// Lets go of those that ended before the first segment.
    pub(super) fn slide_ranges(&mut self) {
        let first = self.playlist.segments.front();
        let first = first.and_then(|segment| segment.head.program_date_time);
        let Some(first) = first.map(live::playlist::ProgramDateTime::unix_millis) else {
            return;
        };
        let now = self.edge();
        let gone = self.ranges.all.end_by(first);
        self.ranges.remove(&gone, now);
        self.ranges.forget(self.skip_boundary());
        if !gone.is_empty() {
            self.list_ranges();
        }
    }

    fn list_ranges(&mut self) {
        self.playlist.date_ranges = self.ranges.all.iter().map(DateRange::line).collect();
        self.touch();
    }

    /// The delta update for `_HLS_skip=v2`.
    pub(super) fn write_delta_v2(&self) -> String {
        let known = self.ranges.known(self.skip_boundary());
        let removed: Vec<&str> = self
            .ranges
            .removed
            .iter()
            .map(|(id, _)| id.as_str())
            .collect();
        // Identifiers have no tabs: they are shown texts.
        let removed = removed.join("\t").parse();
        let removed = removed.unwrap_or_else(|_| Text::shown("", 0));
        self.playlist.write_delta_v2(known, &removed)
    }

    /// The time of the playlist's end.
    fn edge(&self) -> MediaTime {
        self.open.map_or(self.start, |open| open.start)
    }

    /// A player that has a playlist of this time or a later one may be sent a delta update: one from before it asks for
    /// the whole (§6.3.7).
    fn skip_boundary(&self) -> MediaTime {
        let target = Seconds::from_secs(self.limits.target_duration.into());
        let ticks = target.times(Self::SKIP_UNTIL).millis() * MediaTime::HZ / 1000;
        MediaTime::from_ticks(self.edge().ticks().saturating_sub(ticks))
    }

    /// Puts the events into a part that are due in it: how many bytes it is longer now.
    pub(super) fn put_events(&mut self, part: &mut crate::part::CutPart) {
        if self.ranges.events.is_empty() {
            return;
        }
        let end = part.start.saturating_add(part.duration);
        let due = |time: MediaTime| {
            u128::from(time.ticks()) * u128::from(self.timescale)
                < u128::from(end) * u128::from(MediaTime::HZ)
        };
        let all = std::mem::take(&mut self.ranges.events);
        let (due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|(time, _)| due(*time));
        self.ranges.events = later;
        let events: Vec<Event> = due.into_iter().map(|(_, event)| event).collect();
        if !events.is_empty() {
            let before = part.bytes.len();
            part.bytes = with_events(&part.bytes, &events, self.timescale);
            let more = u64::try_from(part.bytes.len().saturating_sub(before)).unwrap_or(0);
            part.picture = part.picture.map(|length| length.saturating_add(more));
        }
    }
}
