//! Several video tracks whose keyframes fall anywhere: what players of a tape and readers of the ring can decode.

use super::*;
use crate::cursor::{Audience, Budget, Cursor, Item};

/// Bytes of each message here.
const LENGTH: usize = 12 + BODY;
const BODY: usize = 24;

/// One message that was pushed.
#[derive(Debug, Clone)]
struct Pushed {
    tracks: Vec<u8>,
    key: bool,
}

/// All that was pushed, by its number in the ring.
struct Show {
    stage: Stage,
    pushed: Vec<Pushed>,
    /// Tracks of which a keyframe has passed: the stream lets no picture through before.
    open: Vec<u8>,
}

impl Show {
    /// A main keyframe is first.
    fn new() -> Self {
        let mut show = Self {
            stage: Stage::new(),
            pushed: Vec::new(),
            open: Vec::new(),
        };
        show.push(&[0], true);
        show
    }

    /// A picture of these tracks; of none, sound.
    fn push(&mut self, tracks: &[u8], key: bool) {
        if key {
            self.open.extend(tracks);
        } else if !tracks.iter().all(|track| self.open.contains(track)) {
            return;
        }
        let frame = if key { 0x10 } else { 0x20 };
        let mut payload = match tracks {
            [] => b"\xaf\x01".to_vec(),
            [0] => vec![frame | 7, 1, 0, 0, 0],
            [track] => [&[0x86 | frame, 0x03], &b"avc1"[..], &[*track]].concat(),
            // The second of the two is as long as the rest.
            [first, second, ..] => {
                let each = [*first, 0, 0, 0, *second, 0, 0, 10];
                [&[0x86 | frame, 0x13][..], b"avc1", &each].concat()
            }
        };
        payload.resize(BODY - 8, 0);
        payload.extend(self.stage.ring.head().0.to_be_bytes());
        let frame = Frame {
            kind: if tracks.is_empty() {
                MediaKind::Audio
            } else {
                MediaKind::Video
            },
            at: 5_000 + self.stage.now,
            payload: payload.into(),
        };
        self.stage.push(Some(frame), key && tracks.contains(&0));
        self.pushed.push(Pushed {
            tracks: tracks.to_vec(),
            key,
        });
    }

    /// Metadata changes with the next message.
    fn say(&mut self) {
        let headers = &self.stage.headers;
        let mut headers = headers.numbered(headers.generation() + 1);
        let mut said = vec![0; BODY];
        said[..8].copy_from_slice(&headers.generation().to_be_bytes());
        let key = PartKey {
            medium: Medium::Audio,
            tracks: TrackSet::one(0),
            part: Part::Extra,
        };
        headers.set(key, &Bytes::from(said)).unwrap();
        self.stage.headers = Arc::new(headers);
    }

    /// Gives a player all that there is for it.
    fn play(&mut self, watcher: &mut Watcher) {
        let stage = &mut self.stage;
        stage.extend();
        loop {
            match stage.index.step(watcher.at, stage.now) {
                Step::Begin(join) => watcher.at = Some(join.from),
                Step::Send(range) => {
                    assert!(!range.is_empty());
                    watcher.at = watcher.at.map(|at| at.moved(range.end));
                    let [start, end] = [range.start, range.end].map(usize::try_from);
                    for message in stage.laid[start.unwrap()..end.unwrap()].chunks(LENGTH) {
                        watcher.see(&message[12..]);
                    }
                }
                Step::Wait | Step::Over => return,
            }
        }
    }

    /// The same from the ring.
    fn read(&self, cursor: &mut Cursor, watcher: &mut Watcher) {
        let all = Budget {
            messages: usize::MAX,
            bytes: usize::MAX,
        };
        let mut items = Vec::new();
        cursor.find_place(&self.stage.ring, self.stage.now);
        cursor.take(&self.stage.ring, all, &mut items);
        for item in items {
            if let Item::Message { payload, .. } = item {
                watcher.see(&payload);
            }
        }
    }

    /// Every picture that was seen is a keyframe, or the one before it in each of its tracks was seen too; nothing comes
    /// twice; once begun, the first track is whole, but for jumps to its keyframes.
    fn check(&self, watcher: &Watcher) {
        let about = |number: &u64| &self.pushed[usize::try_from(*number).unwrap()];
        assert!(
            watcher.seen.is_sorted_by(|a, b| a < b),
            "{:?}",
            watcher.seen
        );
        for number in &watcher.seen {
            let Pushed { tracks, key } = about(number);
            for track in tracks.iter().filter(|_| !key) {
                let before = (0..*number).rfind(|n| about(n).tracks.contains(track));
                let had = before.is_some_and(|n| watcher.seen.binary_search(&n).is_ok());
                assert!(had, "{number} of track {track} without {before:?}");
            }
        }
    }
}

/// What one consumer was sent.
#[derive(Default)]
struct Watcher {
    at: Option<Position>,
    seen: Vec<u64>,
}

impl Watcher {
    fn see(&mut self, payload: &[u8]) {
        let (begin, number) = payload.split_at(BODY - 8);
        let configuration = begin[0] == 0;
        if !configuration {
            let number = number.try_into().unwrap();
            self.seen.push(u64::from_be_bytes(number));
        }
    }
}

#[test]
fn a_late_player_passes_over_a_further_track_until_its_keyframe_and_others_do_not() {
    let mut show = Show::new();
    let (mut early, mut late) = (Watcher::default(), Watcher::default());
    show.push(&[1], true);
    show.play(&mut early);
    show.push(&[0], true);
    show.push(&[1], false);
    show.say();
    show.push(&[1], false);
    show.push(&[0], false);
    show.push(&[], false);
    show.play(&mut late);
    assert_eq!(late.seen, [2, 5, 6], "it joins no later");
    show.push(&[1], false);
    show.push(&[1], true);
    show.push(&[1], false);
    show.play(&mut late);
    assert_eq!(late.seen, [2, 5, 6, 8, 9]);
    show.play(&mut early);
    assert_eq!(early.seen, (0..10).collect::<Vec<_>>());
}

#[test]
fn one_that_is_carried_on_by_another_process_goes_on_passing_over() {
    let mut show = Show::new();
    show.push(&[1], true);
    show.push(&[0], true);
    let mut late = Watcher::default();
    show.play(&mut late);
    let place = show.stage.index.place(late.at.unwrap());
    show.push(&[1], false);
    show.stage.index = Index::going_on(&show.stage.ring, place);
    show.stage.laid.clear();
    show.stage.extend();
    late.at = show.stage.index.find(place);
    assert!(late.at.is_some());
    show.push(&[0], false);
    show.push(&[1], true);
    show.play(&mut late);
    assert_eq!(late.seen, [2, 4, 5]);
}

proptest! {
    #[test]
    fn no_picture_comes_without_what_it_rests_on(
        steps in prop::collection::vec((0..8_u8, 0..5_u8, 0..6_usize), 1..300)
    ) {
        let mut show = Show::new();
        let mut players: Vec<Watcher> = (0..3).map(|_| Watcher::default()).collect();
        let mut readers: Vec<_> = (0..3)
            .map(|_| (Cursor::new(Audience::Player), Watcher::default()))
            .collect();
        for (what, key, who) in steps {
            let key = key == 0;
            match what {
                0 | 1 => show.push(&[0], key),
                2 => show.push(&[1], key),
                3 => show.push(&[2], key),
                4 => show.push(&[1, 2], key),
                5 => show.push(&[0, 1], true),
                6 => show.push(&[], false),
                _ => show.say(),
            }
            if let Some(player) = players.get_mut(who) {
                show.play(player);
            } else if let Some((cursor, watcher)) = readers.get_mut(who - 3) {
                show.read(cursor, watcher);
            }
        }
        for watcher in players.iter().chain(readers.iter().map(|(_, watcher)| watcher)) {
            show.check(watcher);
        }
    }
}
