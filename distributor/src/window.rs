//! [pure] What one media playlist says there is, and so what a request for anything of its rendition can come to.
//!
//! Of a playlist only what is near its end is looked at closely: the live edge, which viewers ask for as soon as it is
//! there. What a request is answered follows RFC 8216bis §6.2.5.2, as at an origin; but a window may be behind its
//! origin by as long as a playlist takes to come, so what is one part ahead is left to the origin to judge.

use std::{cmp::Ordering, time::Duration};

use live::{
    Msn, Object, PartIndex, Rendition,
    playlist::{MediaPlaylist, Part, Seconds, SegmentHead, Uri},
};

/// How far from the end a viewer may begin, and so what belongs to the live edge: three target durations is what
/// ordinary players take (RFC 8216bis §4.4.3.8), and one more is for the segment that is being made.
const EDGE: u64 = 4;
/// Most objects of the live edge: four times what segments of 2 s with parts of half a second make.
const EDGE_MAX: usize = 64;
/// Segments that a request may be ahead of the last one (§6.2.5.2).
const SEGMENTS_AHEAD: u64 = 2;
/// Segments that have left the playlist and are asked for all the same: by players that hold an older one.
const LEAVING: u64 = 3;
/// Least "Advance Part Limit", parts (§6.2.5.2).
const PARTS_AHEAD: u32 = 3;

/// What a media playlist says. Made for one with parts that can be waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    first: Msn,
    /// The segment after the last complete one, and its parts that are listed.
    open: Msn,
    open_parts: u32,
    /// Parts that are listed of the last complete segment.
    last_parts: u32,
    /// Parts that three seconds hold, and that a segment can have.
    advance: u32,
    parts_most: u32,
    target_duration: Duration,
    ended: bool,
    /// Initialization sections that are in use.
    inits: Vec<Object>,
    edge: Vec<Object>,
    hint: Option<Object>,
}

/// How a request for a playlist is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reload {
    /// With this playlist.
    Now,
    /// With the first one that has what is asked for.
    Wait,
    /// 400.
    TooFar,
}

impl Window {
    /// What `list` says of `rendition`. None if it cannot be followed: without blocking reloads, without parts, a delta.
    pub(crate) fn read(list: &MediaPlaylist, rendition: Rendition) -> Option<Self> {
        let control = list.server_control?;
        let part = list.part_target?.units();
        if !control.can_block_reload || part == 0 || list.skipped.is_some() {
            return None;
        }
        let parts_in =
            |duration: Seconds| u32::try_from(duration.units().div_ceil(part)).unwrap_or(u32::MAX);
        let open = list.open.as_ref();
        let last = list.segments.back();
        let mut window = Self {
            first: list.media_sequence,
            open: list.open_msn(),
            open_parts: open.map_or(0, |open| count(&open.parts)),
            last_parts: last.map_or(0, |last| count(&last.parts)),
            advance: parts_in(Seconds::from_secs(3)).max(PARTS_AHEAD),
            parts_most: parts_in(Seconds::from_secs(list.target_duration)).saturating_mul(2),
            target_duration: Duration::from_secs(list.target_duration.max(1)),
            ended: list.end_list,
            inits: Vec::new(),
            edge: Vec::new(),
            hint: None,
        };
        window.look(list, rendition);
        Some(window)
    }

    fn look(&mut self, list: &MediaPlaylist, rendition: Rendition) {
        let own = |uri: &Uri| object(uri, rendition);
        let heads = list.segments.iter().map(|segment| &segment.head);
        let heads = heads.chain(list.open.iter().map(|open| &open.head));
        let mut before: Option<&Uri> = None;
        for SegmentHead { map, .. } in heads {
            if map.as_ref() != before {
                self.inits.extend(map.as_ref().and_then(own));
                before = map.as_ref();
            }
        }
        let parts = |parts: &[Part]| -> Vec<Object> {
            let parts = parts.iter().filter(|part| !part.gap);
            parts.filter_map(|part| own(&part.uri)).collect()
        };
        let reach = Seconds::from_secs(list.target_duration).times(EDGE);
        let mut behind = Seconds::default();
        let mut edge = list
            .open
            .as_ref()
            .map(|open| parts(&open.parts))
            .unwrap_or_default();
        for segment in list.segments.iter().rev().take_while(|segment| {
            let within = behind < reach;
            behind = behind.plus(segment.duration);
            within
        }) {
            let whole = (!segment.gap).then(|| own(&segment.uri)).flatten();
            edge.extend(parts(&segment.parts).into_iter().chain(whole));
        }
        // Newest first from here on: that is what is asked for first.
        edge.sort_by_key(|object| std::cmp::Reverse(place(*object)));
        edge.truncate(EDGE_MAX);
        edge.extend(self.inits.last());
        self.edge = edge;
        self.hint = list.preload_hint.as_ref().and_then(own);
    }

    /// EXT-X-TARGETDURATION.
    pub(crate) const fn target_duration(&self) -> Duration {
        self.target_duration
    }

    /// EXT-X-ENDLIST: nothing is added any more.
    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// What the next playlist will have: the part after the last one.
    pub(crate) const fn next(&self) -> (Msn, PartIndex) {
        (self.open, PartIndex(self.open_parts))
    }

    /// Whether the live edge lies in the middle of a segment, with at least a part to each of its ends. Where segments have
    /// so few parts that none lies so, the first half's end counts.
    pub(crate) fn is_mid_segment(&self) -> bool {
        let most = self.last_parts;
        let middle = most.div_ceil(2);
        self.ended || (middle..(middle + 1).max(most.saturating_sub(1))).contains(&self.open_parts)
    }

    /// The part that comes next, which its origin holds back until it is there; then all that the live edge is made of,
    /// newest first.
    pub(crate) fn edge(&self) -> impl Iterator<Item = Object> {
        self.hint.into_iter().chain(self.edge.iter().copied())
    }

    /// Whether `object` has left the live edge only, not the playlist. Parts are named at the edge alone.
    pub(crate) fn names(&self, object: Object) -> bool {
        if let Object::Segment(_, msn) = object {
            return msn >= self.first && msn < self.open;
        }
        self.inits.contains(&object)
    }

    /// How a playlist request that waits for `block` is answered.
    pub(crate) fn reload(&self, block: Option<(Msn, Option<PartIndex>)>) -> Reload {
        let Some((msn, part)) = block.filter(|_| !self.ended) else {
            return Reload::Now;
        };
        let last = match self.open_parts {
            0 => self.open.0.saturating_sub(1),
            _ => self.open.0,
        };
        // One more of each than the draft says, for how far this may be behind.
        let listed = if msn == self.open { self.open_parts } else { 0 };
        let too_late = last.saturating_add(SEGMENTS_AHEAD).saturating_add(1);
        let too_many = listed.saturating_add(self.advance).saturating_add(1);
        if msn.0 > too_late || (msn >= self.open && part.is_some_and(|part| part.0 >= too_many)) {
            Reload::TooFar
        } else if self.has(msn, part) {
            Reload::Now
        } else {
            Reload::Wait
        }
    }

    fn has(&self, msn: Msn, part: Option<PartIndex>) -> bool {
        match part {
            Some(part) if msn == self.open => part.0 < self.open_parts,
            // A part after a segment's last one means the first of the next segment.
            Some(part) if msn.next() == self.open && part.0 >= self.last_parts => {
                self.open_parts > 0
            }
            _ => msn < self.open,
        }
    }

    /// Whether there may be such an object, or will be soon. If not, nobody needs to be asked.
    pub(crate) fn may_have(&self, object: Object) -> bool {
        if let Object::Segment(_, msn) = object {
            return !self.has_lost(msn) && (msn < self.open || self.is_near(msn));
        }
        if let Object::Part(_, msn, part) = object {
            return self.may_have_part(msn, part.0);
        }
        !matches!(object, Object::Init(..)) || self.inits.contains(&object)
    }

    fn may_have_part(&self, msn: Msn, part: u32) -> bool {
        match msn.cmp(&self.open) {
            Ordering::Less => {
                let listed = msn.next() == self.open && self.last_parts > 0;
                let most = if listed {
                    self.last_parts
                } else {
                    self.parts_most
                };
                !self.has_lost(msn) && part < most
            }
            Ordering::Equal => !self.ended && part <= self.open_parts.saturating_add(1),
            Ordering::Greater => self.is_near(msn) && part <= 1,
        }
    }

    const fn has_lost(&self, msn: Msn) -> bool {
        msn.0.saturating_add(LEAVING) < self.first.0
    }

    /// It may have come about since.
    fn is_near(&self, msn: Msn) -> bool {
        !self.ended && msn.0 <= self.open.0.saturating_add(1)
    }
}

fn count(parts: &[Part]) -> u32 {
    u32::try_from(parts.len()).unwrap_or(u32::MAX)
}

/// Where media stand in the stream; a segment comes after its parts.
pub(crate) const fn place(object: Object) -> Option<(Msn, u32)> {
    if let Object::Segment(_, msn) = object {
        return Some((msn, u32::MAX));
    }
    if let Object::Part(_, msn, part) = object {
        return Some((msn, part.0));
    }
    None
}

/// The object of `rendition` that its media playlist names so; nothing else is ours to follow.
fn object(uri: &Uri, rendition: Rendition) -> Option<Object> {
    let uri = uri.as_str();
    let path = match uri.strip_prefix("../") {
        Some(across) => across.to_owned(),
        None => format!("{rendition}/{uri}"),
    };
    let object: Object = path.parse().ok()?;
    let media = matches!(
        object,
        Object::Init(..) | Object::Segment(..) | Object::Part(..)
    );
    (media && object.rendition() == Some(rendition)).then_some(object)
}

#[cfg(test)]
pub(crate) mod tests;
