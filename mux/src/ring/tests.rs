use live::{Dsn, MediaTime, Msn};

use super::*;

const LIMITS: RingLimits = RingLimits {
    bytes: 100_000,
    span: 10_000,
};

fn frame(at: u64, size: usize, join: bool) -> Slot {
    Slot {
        entry: Entry::Frame(Frame {
            kind: MediaKind::Video,
            at,
            payload: Bytes::from(vec![0; size]),
        }),
        headers: Arc::default(),
        arrived: at,
        join,
    }
}

fn stamp(kind: StampKind, at: u64) -> Slot {
    Slot {
        entry: Entry::Stamp(Stamp {
            kind,
            session: SessionId(1),
            dsn: Dsn(0),
            msn: Msn(at),
            pts: MediaTime::from_millis(at),
            utc_ms: at,
            k_ms: 2_000,
            td: 3,
            sound: None,
            cadence: None,
        }),
        headers: Arc::default(),
        arrived: at,
        join: false,
    }
}

#[test]
fn bytes_and_time_are_bounded_and_numbers_go_on() {
    let mut ring = Ring::new(LIMITS);
    for at in (0..60_000).step_by(40) {
        ring.push(frame(at, 10, at % 2_000 == 0));
        assert!(ring.span() <= LIMITS.span);
    }
    assert_eq!(ring.head(), Seq(1_500));
    assert_eq!(ring.tail(), Seq(1_500 - 251));
    for n in 0..10 {
        ring.push(frame(60_000 + n, 40_000, false));
        assert!(ring.bytes() <= LIMITS.bytes);
    }
    assert!(ring.get(ring.tail()).is_some() && ring.get(ring.head()).is_none());
    ring.clear();
    assert_eq!((ring.bytes(), ring.tail()), (0, Seq(1_510)));
    assert_eq!(ring.newest_join(), None);
}

#[test]
fn empty_messages_fill_it_too() {
    let mut ring = Ring::new(LIMITS);
    for _ in 0..10_000 {
        ring.push(frame(0, 0, false));
    }
    assert!(ring.head().0 - ring.tail().0 <= 100_000 / 192);
}

#[test]
fn one_frame_larger_than_all_limits_is_kept_alone() {
    let mut ring = Ring::new(LIMITS);
    ring.push(frame(0, 10, true));
    ring.push(frame(40, 200_000, true));
    assert_eq!((ring.tail(), ring.newest_join()), (Seq(1), Some(Seq(1))));
}

#[test]
fn players_and_transcoders_begin_where_they_can() {
    let mut ring = Ring::new(LIMITS);
    assert_eq!((ring.newest_join(), ring.newest_boundary()), (None, None));
    ring.push(stamp(StampKind::Segment, 0));
    ring.push(frame(0, 10, true));
    ring.push(frame(40, 10, false));
    ring.push(frame(1_000, 10, true));
    // An overdue boundary: no keyframe follows.
    ring.push(stamp(StampKind::Segment, 2_900));
    ring.push(frame(2_900, 10, false));
    assert_eq!(ring.newest_join(), Some(Seq(3)));
    assert_eq!(ring.newest_boundary(), Some(Seq(0)));
    // Held for longer than the ring is long: who comes then sees how the show was coded; players wait.
    for n in 1..=8 {
        ring.push(stamp(StampKind::Hold, 2_900 + n * 2_000));
    }
    assert_eq!(ring.newest_join(), None);
    assert_eq!(ring.newest_boundary(), Some(Seq(0)));
    // It is the bytes that bound it.
    for n in 9..=500 {
        ring.push(stamp(StampKind::Hold, 2_900 + n * 2_000));
        assert!(ring.bytes() <= LIMITS.bytes);
    }
    assert_eq!(ring.newest_boundary(), Some(Seq(505)));
    // The publisher is back: what is past goes at once.
    for at in [2_000_000, 2_009_000] {
        ring.push(stamp(StampKind::Segment, at));
        ring.push(frame(at, 10, true));
        assert!(ring.span() <= LIMITS.span);
    }
}
