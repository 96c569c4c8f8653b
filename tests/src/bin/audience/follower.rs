//! [pure] Which media a player asks for: everything from where it joined on, each piece once and in order.

use std::time::Duration;

use live::playlist::{MediaPlaylist, Part, Seconds};

/// Where a player without other advice stays: three parts behind the live edge.
const PARTS_BEHIND: u64 = 3;

/// One player's place in a show.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// The segment and the part in it that come next; none before it joined.
    next: Option<(u64, usize)>,
    pub(crate) faults: Faults,
}

/// What no player should meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Faults {
    /// Segments that were in no playlist.
    pub(crate) skipped: u64,
    /// Playlists that end before one that was served earlier.
    pub(crate) back: u64,
    /// Parts and segments without media.
    pub(crate) gaps: u64,
    /// Changes of configuration.
    pub(crate) discontinuities: u64,
}

/// Something to fetch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) uri: String,
    pub(crate) duration: Duration,
}

impl Faults {
    /// And what another has met.
    pub(crate) const fn add(&mut self, other: Self) {
        self.skipped += other.skipped;
        self.back += other.back;
        self.gaps += other.gaps;
        self.discontinuities += other.discontinuities;
    }
}

impl Follower {
    /// What is new in `list`.
    pub(crate) fn take(&mut self, list: &MediaPlaylist) -> Vec<Piece> {
        let open = list.open.as_ref().map_or(&[][..], |open| &open.parts);
        let end = (list.open_msn().0, open.len());
        let Some(next) = self.next else {
            self.next = Some(end);
            return newest(list, behind(list));
        };
        if end <= next {
            self.faults.back += u64::from(end < next);
            return Vec::new();
        }
        self.next = Some(end);
        let mut pieces = Vec::new();
        let (mut expected, mut from) = next;
        for (msn, segment) in list.numbered().filter(|(msn, _)| msn.0 >= next.0) {
            self.faults.skipped += msn.0.saturating_sub(expected);
            if msn.0 > expected {
                from = 0;
            }
            self.faults.discontinuities += u64::from(segment.head.discontinuity && from == 0);
            if segment.gap {
                self.faults.gaps += 1;
            } else if segment.parts.is_empty() {
                pieces.push(piece(segment.uri.as_str(), segment.duration));
            } else {
                self.parts(segment.parts.get(from..).unwrap_or_default(), &mut pieces);
            }
            (expected, from) = (msn.0 + 1, 0);
        }
        self.faults.skipped += end.0.saturating_sub(expected);
        let begins = from == 0 && !open.is_empty();
        let changes = list
            .open
            .as_ref()
            .is_some_and(|open| open.head.discontinuity);
        self.faults.discontinuities += u64::from(begins && changes);
        self.parts(open.get(from..).unwrap_or_default(), &mut pieces);
        pieces
    }

    fn parts(&mut self, parts: &[Part], pieces: &mut Vec<Piece>) {
        for part in parts {
            if part.gap {
                self.faults.gaps += 1;
            } else {
                pieces.push(piece(part.uri.as_str(), part.duration));
            }
        }
    }

    /// Of the playlist that has more than it has seen.
    pub(crate) fn query(&self) -> Option<String> {
        let (msn, part) = self.next?;
        Some(format!("_HLS_msn={msn}&_HLS_part={part}"))
    }

    /// The segment that is being made.
    pub(crate) fn msn(&self) -> u64 {
        self.next.map_or(0, |(msn, _)| msn)
    }
}

/// How far behind the live edge a player stays.
pub(crate) fn behind(list: &MediaPlaylist) -> Duration {
    let advice = list
        .server_control
        .and_then(|control| control.part_hold_back);
    let three = list.part_target.map(|part| part.times(PARTS_BEHIND));
    time(advice.or(three).unwrap_or_default())
}

/// The newest that play for `length`.
fn newest(list: &MediaPlaylist, length: Duration) -> Vec<Piece> {
    let open = list.open.iter().flat_map(|open| open.parts.iter().rev());
    let whole = list.segments.iter().rev();
    let parts = open.chain(whole.flat_map(|segment| segment.parts.iter().rev()));
    let mut pieces = Vec::new();
    let mut sum = Duration::ZERO;
    for part in parts.take_while(|part| !part.gap) {
        if sum >= length {
            break;
        }
        sum += time(part.duration);
        pieces.push(piece(part.uri.as_str(), part.duration));
    }
    pieces.reverse();
    pieces
}

fn piece(uri: &str, duration: Seconds) -> Piece {
    Piece {
        uri: uri.to_owned(),
        duration: time(duration),
    }
}

const fn time(seconds: Seconds) -> Duration {
    Duration::from_millis(seconds.millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> MediaPlaylist {
        let head = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:3\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.0\n#EXT-X-PART-INF:PART-TARGET=1.0\n";
        MediaPlaylist::parse(format!("{head}{text}").as_bytes()).unwrap()
    }

    fn parts(msn: u64, count: usize) -> String {
        let part = |n| format!("#EXT-X-PART:DURATION=1.0,URI=\"{msn}.{n}.m4s\"\n");
        (0..count).map(part).collect()
    }

    fn segment(msn: u64) -> String {
        format!("{}#EXTINF:2.0,\n{msn}.m4s\n", parts(msn, 2))
    }

    fn uris(pieces: &[Piece]) -> Vec<&str> {
        pieces.iter().map(|piece| piece.uri.as_str()).collect()
    }

    #[test]
    fn it_joins_behind_the_edge_and_takes_each_piece_once() {
        let mut follower = Follower::default();
        let first = format!(
            "#EXT-X-MEDIA-SEQUENCE:7\n{}{}{}",
            segment(7),
            segment(8),
            parts(9, 1)
        );
        assert_eq!(
            uris(&follower.take(&list(&first))),
            ["8.0.m4s", "8.1.m4s", "9.0.m4s"]
        );
        assert_eq!(follower.query().unwrap(), "_HLS_msn=9&_HLS_part=1");
        assert_eq!(uris(&follower.take(&list(&first))), [""; 0]);
        let second = format!(
            "#EXT-X-MEDIA-SEQUENCE:8\n{}{}{}",
            segment(8),
            segment(9),
            parts(10, 1)
        );
        assert_eq!(
            uris(&follower.take(&list(&second))),
            ["9.1.m4s", "10.0.m4s"]
        );
        assert_eq!(follower.faults, Faults::default());
        follower.take(&list(&first));
        assert_eq!(follower.faults.back, 1);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let mut follower = Follower::default();
        follower.take(&list(&format!("#EXT-X-MEDIA-SEQUENCE:7\n{}", segment(7))));
        let later = format!(
            "#EXT-X-MEDIA-SEQUENCE:10\n{}#EXT-X-GAP\n#EXTINF:2.0,\n11.m4s\n#EXT-X-DISCONTINUITY\n#EXTINF:2.0,\n12.m4s\n\
             #EXT-X-DISCONTINUITY\n{}",
            segment(10),
            parts(13, 1)
        );
        assert_eq!(
            uris(&follower.take(&list(&later))),
            ["10.0.m4s", "10.1.m4s", "12.m4s", "13.0.m4s"]
        );
        let met = Faults {
            skipped: 2,
            gaps: 1,
            discontinuities: 2,
            back: 0,
        };
        assert_eq!(follower.faults, met);
    }
}
