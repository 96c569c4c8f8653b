//! [pure] When a playlist request is answered (RFC 8216bis §6.2.5.2).
//!
//! The shell asks again whenever the playlist changes, and gives up after [`deadline_ms`].

use live::{Msn, PartIndex};

use crate::part::PartTarget;

/// How far a media playlist has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The segment after the last complete one.
    pub open: Msn,
    /// Its parts that are listed.
    pub open_parts: u32,
    /// The parts that are listed of the last complete segment.
    pub last_parts: u32,
    /// EXT-X-ENDLIST: nothing will be added.
    pub ended: bool,
    /// How long parts are.
    pub parts: PartTarget,
}

/// What to do with a playlist request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 200 with the playlist as it is.
    Now,
    /// Wait until it changes, then ask again.
    Wait,
    /// 400: what is asked for is too far ahead to be worth waiting for.
    TooFar,
}

/// Segments that a request may be ahead of the last one (§6.2.5.2).
const SEGMENTS_AHEAD: u64 = 2;

/// Decides on a request to a playlist that exists, for what is to be in it; a playlist that does not exist is 404,
/// whatever is asked.
pub fn answer(block: Option<(Msn, Option<PartIndex>)>, position: &Position) -> Answer {
    let Some((msn, part)) = block.filter(|_| !position.ended) else {
        return Answer::Now;
    };
    let last = match position.open_parts {
        0 => position.open.0.saturating_sub(1),
        _ => position.open.0,
    };
    if msn.0 > last.saturating_add(SEGMENTS_AHEAD) || too_far(msn, part, position) {
        Answer::TooFar
    } else if is_there(msn, part, position) {
        Answer::Now
    } else {
        Answer::Wait
    }
}

/// "Advance Part Limit" of §6.2.5.2: three seconds of parts, and no fewer than three.
fn too_far(msn: Msn, part: Option<PartIndex>, position: &Position) -> bool {
    let limit = 3000_u32.div_ceil(position.parts.millis()).max(3);
    let next = match msn.cmp(&position.open) {
        std::cmp::Ordering::Less => return false,
        std::cmp::Ordering::Equal => position.open_parts,
        std::cmp::Ordering::Greater => 0,
    };
    part.is_some_and(|part| part.0 >= next.saturating_add(limit))
}

fn is_there(msn: Msn, part: Option<PartIndex>, position: &Position) -> bool {
    let complete = msn < position.open;
    match part {
        None => complete,
        Some(part) if msn == position.open => part.0 < position.open_parts,
        // A part after a segment's last one means the first of the next segment.
        Some(part) if msn.next() == position.open && part.0 >= position.last_parts => {
            position.open_parts > 0
        }
        Some(_) => complete,
    }
}

/// How long a request may wait: three target durations (§6.2.5.2), milliseconds. Then 503.
pub fn deadline_ms(target_duration: u32) -> u64 {
    u64::from(target_duration) * 3 * 1000
}

#[cfg(test)]
mod tests {
    use live::Directives;

    use super::*;

    fn at() -> Position {
        Position {
            open: Msn(10),
            open_parts: 2,
            last_parts: 4,
            ended: false,
            parts: PartTarget::from_millis(500).unwrap(),
        }
    }

    fn ask(query: &str, position: &Position) -> Answer {
        answer(Directives::parse(query).unwrap().block, position)
    }

    #[test]
    fn a_request_is_answered_when_what_it_wants_is_there_and_not_before() {
        for (query, expected) in [
            ("", Answer::Now),
            ("_HLS_skip=YES", Answer::Now),
            ("_HLS_msn=9", Answer::Now),
            ("_HLS_msn=0", Answer::Now),
            ("_HLS_msn=3&_HLS_part=77", Answer::Now),
            ("_HLS_msn=10", Answer::Wait),
            ("_HLS_msn=10&_HLS_part=1", Answer::Now),
            ("_HLS_msn=10&_HLS_part=2", Answer::Wait),
            // Past the last part of a complete segment: the next segment's first part.
            ("_HLS_msn=9&_HLS_part=4", Answer::Now),
            ("_HLS_msn=11&_HLS_part=0", Answer::Wait),
            ("_HLS_msn=12", Answer::Wait),
            ("_HLS_msn=13", Answer::TooFar),
            // Three seconds are six parts of 535 ms.
            ("_HLS_msn=10&_HLS_part=7", Answer::Wait),
            ("_HLS_msn=10&_HLS_part=8", Answer::TooFar),
            ("_HLS_msn=11&_HLS_part=6", Answer::TooFar),
        ] {
            assert_eq!(ask(query, &at()), expected, "{query}");
        }
    }

    #[test]
    fn the_first_part_of_the_next_segment_is_waited_for() {
        let closed = Position {
            open_parts: 0,
            ..at()
        };
        assert_eq!(ask("_HLS_msn=9&_HLS_part=4", &closed), Answer::Wait);
        assert_eq!(ask("_HLS_msn=9&_HLS_part=3", &closed), Answer::Now);
        assert_eq!(ask("_HLS_msn=11", &closed), Answer::Wait);
        assert_eq!(ask("_HLS_msn=12", &closed), Answer::TooFar);
    }

    #[test]
    fn at_the_end_nobody_waits() {
        let ended = Position {
            ended: true,
            ..at()
        };
        assert_eq!(ask("_HLS_msn=99&_HLS_part=9", &ended), Answer::Now);
    }
}
