use live::SessionId;
use proptest::prelude::*;
use rtmp::flv::TrackSet;

use super::*;
use crate::{
    headers::{Medium, Part, PartKey},
    ring::{Frame, RingLimits},
};

mod tracks;

/// A message on these tapes: a header, and the frame's number.
const MESSAGE: u64 = 12 + 8;

/// A ring, its tape and all that was ever laid down.
struct Stage {
    ring: Ring,
    index: Index,
    laid: Vec<u8>,
    headers: Arc<Headers>,
    now: u64,
}

/// One that plays.
#[derive(Default)]
struct Player {
    at: Option<Position>,
    seen: Vec<u64>,
    begun: Vec<u64>,
}

impl Stage {
    fn new() -> Self {
        Self {
            ring: Ring::new(RingLimits {
                bytes: 1 << 20,
                span: 10_000,
            }),
            index: Index::default(),
            laid: Vec::new(),
            headers: Arc::default(),
            now: 0,
        }
    }

    fn push(&mut self, entry: Option<Frame>, join: bool) {
        self.ring.push(Slot {
            entry: entry.map_or(Entry::End(SessionId(1)), Entry::Frame),
            headers: Arc::clone(&self.headers),
            arrived: self.now,
            join,
        });
        self.now += 100;
    }

    /// `count` frames, a keyframe first and every tenth.
    fn push_frames(&mut self, count: u64) {
        for _ in 0..count {
            let number = self.ring.head().0;
            let frame = Frame {
                kind: MediaKind::Video,
                at: 5_000 + self.now,
                payload: Bytes::from(number.to_be_bytes().to_vec()),
            };
            self.push(Some(frame), number.is_multiple_of(10));
        }
    }

    /// Another codec configuration from here on.
    fn configure(&mut self, payload: &'static [u8]) {
        let mut headers = self.headers.numbered(self.headers.generation() + 1);
        let key = PartKey {
            medium: Medium::Video,
            tracks: TrackSet::one(0),
            part: Part::Decoder,
        };
        headers.set(key, &Bytes::from_static(payload)).unwrap();
        self.headers = Arc::new(headers);
    }

    fn extend(&mut self) {
        self.index.extend(&self.ring, self.now, &mut self.laid);
        assert_eq!(usize::try_from(self.index.end()), Ok(self.laid.len()));
    }

    /// Gives `player` one turn. Answers with what it was told last.
    fn turn(&self, player: &mut Player) -> Step {
        let mut step = self.index.step(player.at, self.now);
        if let Step::Begin(join) = step {
            player.begun.push(join.from.at);
            player.at = Some(join.from);
            step = self.index.step(player.at, self.now);
        }
        if let Step::Send(range) = &step {
            let at = player.at.unwrap();
            assert!(at.at <= range.start);
            player.at = Some(at.moved(range.end));
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            for message in self.laid[range].chunks(20) {
                let number = message[12..].try_into().unwrap();
                player.seen.push(u64::from_be_bytes(number));
            }
        }
        step
    }
}

#[test]
fn a_player_begins_at_the_newest_keyframe_and_misses_nothing_while_it_keeps_up() {
    let mut stage = Stage::new();
    let (mut early, mut late) = (Player::default(), Player::default());
    stage.extend();
    assert!(matches!(stage.turn(&mut early), Step::Wait));
    stage.push_frames(25);
    for _ in 0..100 {
        stage.extend();
        stage.turn(&mut early);
        assert!(matches!(stage.turn(&mut early), Step::Wait));
        stage.push_frames(1);
    }
    stage.turn(&mut late);
    assert_eq!(early.seen, (20..124).collect::<Vec<_>>());
    assert_eq!(late.seen, [120, 121, 122, 123]);
    assert_eq!((early.begun.len(), late.begun.len()), (1, 1));
}

#[test]
fn a_late_player_jumps_and_one_in_time_does_not() {
    let mut stage = Stage::new();
    stage.push_frames(1);
    stage.extend();
    let (mut in_time, mut late) = (Player::default(), Player::default());
    stage.turn(&mut in_time);
    stage.turn(&mut late);
    stage.push_frames(20);
    stage.extend();
    stage.turn(&mut in_time);
    stage.push_frames(4);
    stage.extend();
    stage.turn(&mut in_time);
    stage.turn(&mut late);
    assert_eq!(in_time.seen, (0..25).collect::<Vec<_>>());
    assert_eq!(late.seen, [0, 20, 21, 22, 23, 24]);
}

#[test]
fn all_hear_of_the_end_after_the_last_message() {
    let mut stage = Stage::new();
    let mut player = Player::default();
    stage.push_frames(3);
    stage.push(None, false);
    stage.extend();
    assert!(matches!(stage.turn(&mut player), Step::Send(_)));
    assert!(matches!(stage.turn(&mut player), Step::Over));
    // The next session is another tape's.
    stage.push_frames(10);
    stage.extend();
    assert!(matches!(stage.turn(&mut player), Step::Over));
    assert!(stage.index.is_over());
}

#[test]
fn a_new_configuration_lies_before_its_frame_and_who_begins_there_gets_it_once() {
    let mut stage = Stage::new();
    stage.configure(b"avc");
    stage.push_frames(10);
    stage.extend();
    let before = stage.index.end();
    stage.configure(b"other");
    stage.push_frames(1);
    stage.extend();
    let message = 12 + 5;
    assert_eq!(stage.index.end(), before + message + MESSAGE);
    let Step::Begin(join) = stage.index.step(None, stage.now) else {
        panic!("nothing to begin with");
    };
    assert_eq!(join.from.at, before + message);
    assert_eq!(join.headers().len(), 17);
    assert!(join.headers().ends_with(b"other"));
    let there = join.from.moved(before);
    let Step::Send(rest) = stage.index.step(Some(there), stage.now) else {
        panic!("nothing for who was there");
    };
    assert_eq!(rest, before..stage.index.end());
}

#[test]
fn a_turn_is_bounded_and_what_nobody_can_want_is_forgotten() {
    let mut stage = Stage::new();
    for n in 0..200 {
        let frame = Frame {
            kind: MediaKind::Video,
            at: stage.now,
            payload: Bytes::from(vec![0; 100_000]),
        };
        stage.push(Some(frame), n % 10 == 0);
        stage.extend();
        // Ten seconds are ten megabytes; the ring keeps one.
        assert!(stage.index.end() - stage.index.start() <= 1 << 20);
        let at = Position {
            at: stage.index.start(),
            since: Seq(0),
        };
        if let Step::Send(range) = stage.index.step(Some(at), stage.now) {
            assert!(range.end - range.start <= TURN + 100_012);
        }
    }
}

proptest! {
    #[test]
    fn never_a_frame_twice_never_out_of_order_never_a_broken_gop(
        steps in prop::collection::vec((0..60_u64, any::<bool>(), any::<bool>()), 1..100)
    ) {
        let mut stage = Stage::new();
        let mut player = Player::default();
        for (count, extends, takes) in steps {
            stage.push_frames(count);
            if extends {
                stage.extend();
            }
            if takes {
                stage.turn(&mut player);
            }
        }
        let mut last = None;
        for n in player.seen {
            let follows = last.is_some_and(|last| n == last + 1);
            let jumps = n.is_multiple_of(10) && last.is_none_or(|last| n > last);
            prop_assert!(follows || jumps, "{n} after {last:?}");
            last = Some(n);
        }
    }
}
