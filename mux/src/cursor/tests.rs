use proptest::prelude::*;

use super::*;
use crate::ring::{Frame, RingLimits};

const ALL: Budget = Budget {
    messages: usize::MAX,
    bytes: usize::MAX,
};

/// A ring whose frames carry their own number.
struct Feed {
    ring: Ring,
    at: u64,
}

impl Feed {
    fn new() -> Self {
        Self {
            ring: Ring::new(RingLimits {
                bytes: 1 << 20,
                span: 10_000,
            }),
            at: 0,
        }
    }

    fn push(&mut self, join: bool) {
        let number = self.ring.head().0;
        self.ring.push(Slot {
            entry: Entry::Frame(Frame {
                kind: MediaKind::Video,
                at: self.at,
                payload: Bytes::from(number.to_be_bytes().to_vec()),
            }),
            headers: Arc::default(),
            arrived: self.at,
            join,
        });
        self.at += 100;
    }

    /// `count` frames, a keyframe first and every tenth.
    fn push_many(&mut self, count: u64) {
        for _ in 0..count {
            self.push(self.ring.head().0.is_multiple_of(10));
        }
    }

    fn take(&self, cursor: &mut Cursor, budget: Budget) -> Vec<u64> {
        let mut items = Vec::new();
        cursor.find_place(&self.ring, self.at);
        cursor.take(&self.ring, budget, &mut items);
        items.iter().map(number).collect()
    }
}

fn number(item: &Item) -> u64 {
    match item {
        Item::Message { payload, .. } => u64::from_be_bytes(payload[..].try_into().unwrap()),
        Item::Stamp { .. } | Item::End(_) => panic!("no frame"),
    }
}

#[test]
fn a_player_begins_at_the_newest_keyframe_and_misses_nothing_while_it_keeps_up() {
    let mut feed = Feed::new();
    feed.push_many(25);
    let mut cursor = Cursor::new(Audience::Player);
    assert_eq!(feed.take(&mut cursor, ALL), (20..25).collect::<Vec<_>>());
    for n in 25..200 {
        feed.push_many(1);
        assert_eq!(feed.take(&mut cursor, ALL), [n]);
    }
    assert_eq!(cursor.skips(), 0);
}

#[test]
fn a_turn_is_bounded_and_the_next_goes_on_where_it_ended() {
    let mut feed = Feed::new();
    feed.push_many(30);
    let mut cursor = Cursor::new(Audience::Player);
    let three = Budget { messages: 3, ..ALL };
    let mut items = Vec::new();
    cursor.find_place(&feed.ring, feed.at);
    assert!(cursor.take(&feed.ring, three, &mut items));
    assert_eq!(items.iter().map(number).collect::<Vec<_>>(), [20, 21, 22]);
    let ten_bytes = Budget { bytes: 10, ..ALL };
    assert_eq!(feed.take(&mut cursor, ten_bytes), [23, 24]);
    assert!(!cursor.take(&feed.ring, ALL, &mut items));
}

#[test]
fn a_late_player_jumps_to_the_newest_keyframe() {
    let mut feed = Feed::new();
    feed.push_many(15);
    let mut player = Cursor::new(Audience::Player);
    assert_eq!(feed.take(&mut player, ALL), [10, 11, 12, 13, 14]);
    // Two seconds are not too late.
    feed.push_many(20);
    assert_eq!(feed.take(&mut player, ALL), (15..35).collect::<Vec<_>>());
    feed.push_many(26);
    assert_eq!(player.lag(&feed.ring, feed.at), 2_600);
    assert_eq!(feed.take(&mut player, ALL), [60]);
    assert_eq!(player.skips(), 1);
}

#[test]
fn what_has_left_the_ring_is_jumped_over_at_the_next_keyframe() {
    let mut feed = Feed::new();
    feed.push_many(5);
    let mut cursor = Cursor::new(Audience::Player);
    feed.take(&mut cursor, ALL);
    feed.push_many(4);
    // No keyframe in all that is left: nothing to go on with.
    for _ in 0..300 {
        feed.push(false);
    }
    assert!(feed.take(&mut cursor, ALL).is_empty());
    feed.push(true);
    feed.push(false);
    assert_eq!(feed.take(&mut cursor, ALL), [309, 310]);
    assert_eq!(cursor.skips(), 1);
}

proptest! {
    #[test]
    fn never_a_frame_twice_never_out_of_order_never_a_broken_gop(
        steps in prop::collection::vec((0..60_u64, any::<bool>(), 1..50_usize), 1..100)
    ) {
        let mut feed = Feed::new();
        let mut cursor = Cursor::new(Audience::Player);
        let mut last: Option<u64> = None;
        for (count, takes, messages) in steps {
            feed.push_many(count);
            if !takes {
                continue;
            }
            for n in feed.take(&mut cursor, Budget { messages, ..ALL }) {
                let follows = last.is_some_and(|last| n == last + 1);
                let jumps = n.is_multiple_of(10) && last.is_none_or(|last| n > last);
                prop_assert!(follows || jumps, "{n} after {last:?}");
                last = Some(n);
            }
        }
    }
}
