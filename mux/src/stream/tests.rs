use live::{Dsn, Msn, stamp::StampKind};
use proptest::prelude::*;
use rtmp::MessageKind;

use super::*;
use crate::{
    cursor::{Audience, Budget, Cursor, Item},
    election::Cause,
    key::PublishRole,
    timeline::{MediaKind, TooFast},
};

mod announce;
mod backup;
mod commands;
mod four_hours;
mod sound;
mod tracks;

/// Some Saturday in 2026.
const NOW: u64 = 1_795_000_000_000;
const A: PublisherId = PublisherId(1);
const B: PublisherId = PublisherId(2);

const METADATA: &[u8] = b"\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x05";
const AVC: &[u8] = b"\x17\x00\x00\x00\x00configuration";
const OTHER_AVC: &[u8] = b"\x17\x00\x00\x00\x00another one";
const AAC: &[u8] = b"\xaf\x00\x11\x90";
const KEY: &[u8] = b"\x17\x01\x00\x00\x00key";
const INTER: &[u8] = b"\x27\x01\x00\x00\x00inter";
const SOUND: &[u8] = b"\xaf\x01sound";

fn settings() -> Settings {
    Settings {
        target: SegmentTarget::from_millis(2_000).unwrap(),
        hold: 300_000,
        ring: RingLimits {
            bytes: 1 << 20,
            span: 12_000,
        },
        merge: Duration::ZERO,
    }
}

/// A stream, its wall clock, and what it asked for.
struct Stage {
    stream: Stream,
    now: u64,
    events: Vec<Event>,
}

impl Stage {
    fn new() -> Self {
        Self {
            stream: Stream::new(settings(), None),
            now: NOW,
            events: Vec::new(),
        }
    }

    fn send(&mut self, id: PublisherId, kind: MessageKind, timestamp: u32, payload: &'static [u8]) {
        let message = Message {
            timestamp,
            kind,
            stream_id: 1,
            payload: Bytes::from_static(payload),
        };
        self.stream
            .publisher_message(id, &message, self.now)
            .unwrap();
        self.drain();
    }

    /// A publisher with the usual headers.
    fn join(&mut self, id: PublisherId, avc: &'static [u8]) {
        self.join_as(id, PublishRole::Primary, avc);
    }

    fn join_as(&mut self, id: PublisherId, role: PublishRole, avc: &'static [u8]) {
        self.stream.publisher_joined(id, role);
        self.send(id, MessageKind::DataAmf0, 0, METADATA);
        self.send(id, MessageKind::Video, 0, avc);
        self.send(id, MessageKind::Audio, 0, AAC);
    }

    /// Picture and sound of `ms` milliseconds at 25 frames a second in real time, a keyframe at each multiple of
    /// `gop`, from the publisher's own time `from`.
    fn show(&mut self, id: PublisherId, from: u32, ms: u32, gop: u32) {
        for at in (from..from + ms).step_by(40) {
            let frame = if at.is_multiple_of(gop) { KEY } else { INTER };
            self.send(id, MessageKind::Video, at, frame);
            self.send(id, MessageKind::Audio, at + 5, SOUND);
            self.wait(40);
        }
    }

    /// Lets time pass, timers included.
    fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        let mut wakes = 0;
        while let Some(due) = self.stream.poll_timeout()
            && due <= until
        {
            self.now = self.now.max(due);
            self.stream.handle_timeout(self.now);
            self.drain();
            wakes += 1;
            assert!(wakes < 10 + ms, "a timer does not move");
        }
        self.now = until;
    }

    fn drain(&mut self) {
        while let Some(event) = self.stream.poll_event() {
            self.events.push(event);
        }
    }

    /// What a process that takes over has of it.
    fn restart(&mut self) {
        let saved = postcard::to_allocvec(&self.stream.save()).unwrap();
        let saved = postcard::from_bytes(&saved).unwrap();
        self.stream = Stream::restore(settings(), saved);
    }

    fn leave(&mut self, id: PublisherId) {
        self.stream.publisher_left(id);
    }

    fn command(&mut self, command: Command) -> Result<(), CommandError> {
        let result = self.stream.command(command, self.now);
        self.drain();
        result
    }

    fn take(&self, cursor: &mut Cursor) -> Vec<Item> {
        let mut items = Vec::new();
        let budget = Budget {
            messages: usize::MAX,
            bytes: usize::MAX,
        };
        cursor.find_place(self.stream.ring(), self.now);
        cursor.take(self.stream.ring(), budget, &mut items);
        items
    }
}

fn stamps(items: &[Item]) -> Vec<Stamp> {
    let stamp = |item: &Item| match item {
        Item::Stamp { stamp, .. } => Some(*stamp),
        Item::Message { .. } | Item::End(_) => None,
    };
    items.iter().filter_map(stamp).collect()
}

fn names(items: &[Item]) -> Vec<&'static str> {
    let name = |item: &Item| match item {
        Item::Stamp { stamp, .. } => match stamp.kind {
            StampKind::Segment => "segment",
            StampKind::Hold => "hold",
        },
        Item::End(_) => "end",
        Item::Message { payload, .. } => match &payload[..] {
            METADATA => "metadata",
            AVC => "avc",
            OTHER_AVC => "other avc",
            AAC => "aac",
            KEY => "key",
            INTER => "inter",
            SOUND => "sound",
            other if other.starts_with(b"\x02\x00\x0bonDateRange") => "telling",
            _ => "onMetaData",
        },
    };
    items.iter().map(name).collect()
}

#[test]
fn a_transcoder_gets_headers_then_stamp_then_keyframe_then_everything_in_order() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.join(A, AVC);
    assert!(stage.take(&mut cursor).is_empty());
    stage.show(A, 0, 40, 2_000);
    let mut items = stage.take(&mut cursor);
    stage.show(A, 40, 4_040, 2_000);
    items.extend(stage.take(&mut cursor));
    assert_eq!(
        names(&items)[..8],
        [
            "metadata", "avc", "aac", "segment", "key", "sound", "inter", "sound"
        ]
    );
    let stamps = stamps(&items);
    let first = stamps[0];
    assert_eq!((first.pts.millis(), first.msn), (NOW, Msn(NOW / 1_000)));
    assert_eq!(stamps.len(), 3);
    for (n, stamp) in (0..).zip(&stamps) {
        assert_eq!(stamp.pts, first.pts.plus_millis(n * 2_000));
        assert_eq!(stamp.msn.0, first.msn.0 + n);
    }
    let Item::Message { timestamp, .. } = items[4] else {
        panic!("no keyframe");
    };
    assert_eq!(u64::from(timestamp), NOW & 0xffff_ffff);
}

#[test]
fn a_player_gets_no_stamps_its_own_clock_and_bare_metadata() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 3_000, 2_000);
    let mut cursor = Cursor::new(Audience::Player);
    let items = stage.take(&mut cursor);
    assert_eq!(
        names(&items)[..5],
        ["onMetaData", "avc", "aac", "key", "sound"]
    );
    assert!(stamps(&items).is_empty());
    let Item::Message { timestamp, .. } = items[4] else {
        panic!("no sound");
    };
    assert_eq!(timestamp, 5);
}

#[test]
fn a_late_transcoder_starts_at_the_newest_stamped_keyframe() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 5_000, 2_000);
    let items = stage.take(&mut Cursor::new(Audience::Transcoder));
    assert_eq!(names(&items)[3..5], ["segment", "key"]);
    assert_eq!(stamps(&items)[0].msn, Msn(NOW / 1_000 + 2));
}

#[test]
fn a_publisher_that_comes_back_goes_on_in_the_same_session() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.join(A, AVC);
    stage.show(A, 0, 4_600, 2_000);
    let mut items = stage.take(&mut cursor);
    stage.leave(A);
    stage.wait(7_000);
    assert_eq!(stage.stream.state(), State::Held);
    assert!(stage.events.contains(&Event::Held));
    // OBS starts at 0 again.
    stage.join(B, AVC);
    stage.show(B, 0, 2_100, 2_000);
    assert_eq!(stage.stream.state(), State::Live);
    items.extend(stage.take(&mut cursor));
    let stamps = stamps(&items);
    assert!(stamps.windows(2).all(|pair| {
        pair[1].msn == pair[0].msn.next()
            && pair[1].pts > pair[0].pts
            && pair[1].session == pair[0].session
            && pair[1].dsn == Dsn(0)
    }));
    let holds: Vec<_> = stamps
        .iter()
        .filter(|s| s.kind == StampKind::Hold)
        .collect();
    assert_eq!(holds.len(), 4);
    // The first hold begins where the media ended, the show goes on at the wall clock.
    assert_eq!(holds[0].pts.millis(), NOW + 4_605);
    assert_eq!(stamps[stamps.len() - 2].pts.millis(), NOW + 4_600 + 7_000);
    // The headers are those that were sent: none is sent again.
    assert_eq!(
        names(&items).iter().filter(|name| **name == "avc").count(),
        1
    );
}

#[test]
fn a_changed_codec_configuration_is_a_discontinuity() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.join(A, AVC);
    stage.show(A, 0, 2_000, 2_000);
    stage.take(&mut cursor);
    stage.leave(A);
    stage.wait(1_000);
    stage.join(B, OTHER_AVC);
    stage.show(B, 0, 40, 2_000);
    let items = stage.take(&mut cursor);
    assert_eq!(names(&items), ["other avc", "segment", "key", "sound"]);
    assert_eq!(stamps(&items)[0].dsn, Dsn(1));
}

#[test]
fn a_configuration_that_changes_on_the_air_waits_for_its_keyframe() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.join(A, AVC);
    stage.show(A, 0, 1_000, 2_000);
    stage.take(&mut cursor);
    stage.send(A, MessageKind::Video, 1_000, OTHER_AVC);
    stage.send(A, MessageKind::Video, 1_000, INTER);
    stage.send(A, MessageKind::Video, 1_040, KEY);
    let items = stage.take(&mut cursor);
    assert_eq!(names(&items), ["other avc", "segment", "key"]);
    assert_eq!(stamps(&items)[0].dsn, Dsn(1));
}

#[test]
fn a_newcomer_takes_over_at_its_keyframe_and_the_old_one_is_closed() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Player);
    stage.join(A, AVC);
    stage.show(A, 0, 1_000, 2_000);
    stage.join(B, AVC);
    stage.send(B, MessageKind::Video, 40, INTER);
    stage.send(A, MessageKind::Video, 1_000, INTER);
    stage.take(&mut cursor);
    stage.send(B, MessageKind::Video, 80, KEY);
    // What the old one still sends is nobody's business any more.
    stage.send(A, MessageKind::Video, 1_040, KEY);
    assert_eq!(names(&stage.take(&mut cursor)), ["key"]);
    assert!(
        stage
            .events
            .contains(&Event::Close(A, CloseCause::TakenOver))
    );
    assert_eq!(stage.stream.counters().takeovers, 1);
}

#[test]
fn a_session_ends_when_its_hold_is_over_and_the_next_one_has_higher_numbers() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.join(A, AVC);
    stage.show(A, 0, 2_000, 2_000);
    stage.leave(A);
    stage.wait(301_000);
    assert_eq!(stage.stream.state(), State::Ended);
    let items = stage.take(&mut cursor);
    assert_eq!(names(&items).last(), Some(&"end"));
    let last = stamps(&items).last().unwrap().msn;
    stage.wait(40_000);
    assert_eq!(stage.stream.state(), State::Idle);
    assert_eq!(stage.stream.ring().bytes(), 0);
    stage.join(B, AVC);
    stage.show(B, 0, 40, 2_000);
    let items = stage.take(&mut cursor);
    assert_eq!(names(&items)[..4], ["metadata", "avc", "aac", "segment"]);
    assert!(stamps(&items)[0].msn > last);
    assert_eq!(stamps(&items)[0].dsn, Dsn(1));
}

#[test]
fn a_frozen_publisher_holds_the_stream_and_comes_back_at_a_keyframe() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Player);
    stage.join(A, AVC);
    stage.show(A, 0, 2_000, 2_000);
    stage.wait(5_000);
    assert_eq!(stage.stream.state(), State::Held);
    stage.take(&mut cursor);
    stage.send(A, MessageKind::Video, 2_000, INTER);
    stage.send(A, MessageKind::Video, 2_040, KEY);
    stage.send(A, MessageKind::Video, 2_080, INTER);
    assert_eq!(names(&stage.take(&mut cursor)), ["key", "inter"]);
    assert_eq!(stage.stream.state(), State::Live);
}

#[test]
fn a_short_stall_loses_nothing() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.join(A, AVC);
    stage.show(A, 0, 2_000, 2_000);
    let mut items = stage.take(&mut cursor);
    stage.wait(1_500);
    stage.show(A, 2_000, 2_000, 2_000);
    items.extend(stage.take(&mut cursor));
    assert_eq!(names(&items).iter().filter(|n| **n == "inter").count(), 98);
    assert!(
        stamps(&items)
            .iter()
            .all(|stamp| stamp.kind == StampKind::Segment)
    );
}

#[test]
fn sound_alone_makes_a_show() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    let mut player = Cursor::new(Audience::Player);
    stage.stream.publisher_joined(A, PublishRole::Primary);
    stage.send(A, MessageKind::Audio, 0, AAC);
    let mut items = Vec::new();
    for at in (0..8_000).step_by(20) {
        stage.send(A, MessageKind::Audio, at, SOUND);
        stage.wait(20);
        items.extend(stage.take(&mut cursor));
    }
    assert_eq!(names(&items)[..3], ["aac", "segment", "sound"]);
    assert_eq!(stamps(&items).len(), 3);
    assert_eq!(names(&stage.take(&mut player))[..2], ["aac", "sound"]);
}

#[test]
fn overdue_keyframes_are_told_once_and_late_transcoders_never_see_half_a_gop() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 30_000, 100_000);
    let told = stage
        .events
        .iter()
        .filter(|e| **e == Event::KeyframeOverdue(A));
    assert_eq!(told.count(), 1);
    assert!(stage.stream.counters().overdue >= 9);
    let items = stage.take(&mut Cursor::new(Audience::Transcoder));
    assert!(!names(&items).contains(&"inter"));
    assert!(names(&items).contains(&"sound"));
}

#[test]
fn a_file_at_full_speed_is_closed_and_the_stream_stays_whole() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    for at in (0..100_000).step_by(40) {
        let frame = if at % 2_000 == 0 { KEY } else { INTER };
        stage.send(A, MessageKind::Video, at, frame);
    }
    assert!(stage.events.contains(&Event::Close(A, TooFast.into())));
    assert_eq!(stage.stream.publishers(), 0);
}

#[test]
fn numbers_are_given_to_keep_at_every_boundary() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 4_040, 2_000);
    let kept = stage.events.iter().filter_map(|event| {
        let Event::Numbers(numbers) = event else {
            return None;
        };
        Some(numbers.msn.0 - NOW / 1_000)
    });
    assert_eq!(kept.collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_restored_stream_goes_on_for_whoever_was_up_to_date() {
    let mut stages = [Stage::new(), Stage::new()];
    let mut cursors = [
        Cursor::new(Audience::Transcoder),
        Cursor::new(Audience::Transcoder),
    ];
    let mut late = Cursor::new(Audience::Player);
    let [expected, restored] = [0, 1].map(|n| {
        let (stage, cursor) = (&mut stages[n], &mut cursors[n]);
        stage.join(A, AVC);
        stage.show(A, 0, 3_000, 2_000);
        stage.take(cursor);
        if n == 1 {
            stage.restart();
        }
        stage.show(A, 3_000, 2_000, 2_000);
        stage.take(cursor)
    });
    assert_eq!(restored, expected);
    assert_eq!(stamps(&restored).len(), 1);
    assert_eq!(names(&stages[1].take(&mut late))[3], "key");
}

#[test]
fn a_held_stream_is_restored_as_held() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 3_000, 2_000);
    stage.leave(A);
    stage.wait(10_000);
    stage.restart();
    assert_eq!(stage.stream.state(), State::Held);
    stage.wait(295_000);
    assert_eq!(stage.stream.state(), State::Ended);
}

/// What may happen to a stream.
#[derive(Debug, Clone)]
enum Act {
    Join(PublishRole, bool),
    Command(Command),
    Leave(usize),
    Send(usize, MessageKind, u32, &'static [u8]),
    Wait(u64),
    Take(usize),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let payload = prop_oneof![
        2 => Just((MessageKind::Video, KEY)),
        4 => Just((MessageKind::Video, INTER)),
        4 => Just((MessageKind::Audio, SOUND)),
        1 => Just((MessageKind::Video, AVC)),
        1 => Just((MessageKind::Video, OTHER_AVC)),
        1 => Just((MessageKind::Audio, AAC)),
        1 => Just((MessageKind::DataAmf0, METADATA)),
    ];
    let role = prop_oneof![Just(PublishRole::Primary), Just(PublishRole::Backup)];
    let command = prop_oneof![
        Just(Command::Kick),
        Just(Command::Switch),
        Just(Command::Hold),
        Just(Command::Resume),
        Just(Command::End),
    ];
    prop_oneof![
        1 => (role, any::<bool>()).prop_map(|(role, headers)| Act::Join(role, headers)),
        1 => command.prop_map(Act::Command),
        1 => (0..3_usize).prop_map(Act::Leave),
        20 => (0..3_usize, payload, prop_oneof![9 => 0..30_000_u32, 1 => any::<u32>()])
            .prop_map(|(who, (kind, payload), at)| Act::Send(who, kind, at, payload)),
        4 => prop_oneof![0..100_u64, 0..8_000_u64].prop_map(Act::Wait),
        4 => (0..4_usize).prop_map(Act::Take),
        1 => Just(Act::Restart),
    ]
}

/// Checks what one consumer gets, for ever.
#[derive(Default)]
struct Watcher {
    has_headers: bool,
    has_key: bool,
    skips: u64,
    stamp: Option<Stamp>,
    /// Newest time of each kind.
    times: [Option<u32>; 3],
}

impl Watcher {
    fn watch(&mut self, cursor: &Cursor, items: &[Item]) {
        if cursor.skips() > self.skips {
            self.skips = cursor.skips();
            self.has_key = false;
        }
        for (item, name) in items.iter().zip(names(items)) {
            match name {
                // Pictures need their headers, and a keyframe before them.
                "avc" | "other avc" => (self.has_headers, self.has_key) = (true, false),
                "key" => self.has_key = true,
                "inter" => assert!(self.has_key, "a broken GOP"),
                "end" => {
                    *self = Self {
                        skips: self.skips,
                        ..Self::default()
                    }
                }
                _ => {}
            }
            if let Item::Message {
                kind, timestamp, ..
            } = item
                && matches!(name, "key" | "inter" | "sound")
            {
                let before = self.times[*kind as usize].replace(*timestamp);
                let step = timestamp.wrapping_sub(before.unwrap_or(*timestamp));
                assert!(step < 1 << 31, "time falls from {before:?} to {timestamp}");
            }
            if let Item::Stamp { stamp, .. } = item {
                if let Some(before) = self.stamp {
                    assert!(
                        stamp.msn > before.msn && stamp.pts > before.pts && stamp.dsn >= before.dsn
                    );
                }
                self.stamp = Some(*stamp);
            }
        }
    }
}

proptest! {
    #[test]
    fn nobody_ever_gets_a_broken_gop_or_a_falling_number(acts in prop::collection::vec(act(), 1..400)) {
        let mut stage = Stage::new();
        let mut ids: Vec<PublisherId> = Vec::new();
        let mut consumers: Vec<(Cursor, Watcher)> = [Audience::Player, Audience::Transcoder]
            .into_iter()
            .cycle()
            .take(4)
            .map(|audience| (Cursor::new(audience), Watcher::default()))
            .collect();
        let mut next = 0;
        for act in acts {
            match act {
                Act::Command(command) => {
                    let _refused = stage.command(command);
                }
                Act::Join(role, with_headers) => {
                    next += 1;
                    ids.insert(0, PublisherId(next));
                    ids.truncate(3);
                    if with_headers {
                        stage.join_as(PublisherId(next), role, AVC);
                    } else {
                        stage.stream.publisher_joined(PublisherId(next), role);
                    }
                }
                Act::Leave(who) => {
                    if let Some(id) = ids.get(who) {
                        stage.leave(*id);
                    }
                }
                Act::Send(who, kind, at, payload) => {
                    if let Some(id) = ids.get(who) {
                        stage.send(*id, kind, at, payload);
                    }
                }
                Act::Wait(ms) => stage.wait(ms),
                Act::Restart => stage.restart(),
                Act::Take(who) => {
                    let (cursor, watcher) = &mut consumers[who];
                    let items = stage.take(cursor);
                    watcher.watch(cursor, &items);
                }
            }
            prop_assert!(stage.stream.publishers() <= crate::election::MAX_PUBLISHERS);
            prop_assert!(stage.stream.warm_bytes() <= crate::warm::MAX_BYTES);
            // Findings have their own bound: one change a code and second.
            let told = stage.events.iter().filter(|event| {
                event.told().is_some() && !matches!(event, Event::Health(..))
            });
            prop_assert!(told.count() <= 7, "an event storm: {:?}", stage.events);
            stage.events.clear();
        }
    }
}
