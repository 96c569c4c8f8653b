//! What an operator says beside the media, and who hears it.

use live::{
    playlist::{DateRange, Unfit},
    telling::{ON_DATE_RANGE, Telling},
};
use rtmp::amf0;

use super::*;
use crate::{announcement::Announcement, stream::AnnounceError};

impl Stage {
    fn say(&mut self, body: &str) -> Result<DateRange, AnnounceError> {
        let said = Announcement::parse(body.as_bytes()).unwrap();
        let said = self.stream.announce(&said, self.now);
        self.drain();
        said
    }
}

/// What a consumer is told, and what comes right before it.
fn told(items: &[Item]) -> Vec<(&'static str, Telling)> {
    let told = |items: &[Item]| {
        let [before, Item::Message { payload, .. }] = items else {
            return None;
        };
        let values = amf0::decode(payload).ok()?;
        if values.first()?.as_str() != Some(ON_DATE_RANGE) {
            return None;
        }
        let fields = values.get(1)?;
        let number = |name: &str| fields.get(name)?.as_number();
        let text = |name: &str| fields.get(name)?.as_str();
        let telling = Telling::from_fields(number, text).unwrap();
        Some((names(std::slice::from_ref(before))[0], telling))
    };
    items.windows(2).filter_map(told).collect()
}

#[test]
fn all_transcoders_hear_it_at_the_same_place_and_nobody_else_does() {
    let mut stage = Stage::new();
    let mut audiences = [
        Audience::Transcoder,
        Audience::Transcoder,
        Audience::Player,
        Audience::Platform,
    ]
    .map(Cursor::new);
    assert_eq!(stage.say("{}"), Err(AnnounceError::NoShow));
    stage.join(A, AVC);
    stage.show(A, 0, 3_000, 2_000);
    let range = stage.say(r#"{"title": "So What"}"#).unwrap();
    // Its sound was 5 ms ahead of the clock.
    assert_eq!(range.start().unix_millis(), stage.now + 5);
    stage.show(A, 3_000, 1_000, 2_000);
    let heard = audiences.each_mut().map(|cursor| {
        let items = stage.take(cursor);
        assert!(items.len() > 20);
        told(&items)
    });
    let telling = Telling {
        range,
        again: false,
    };
    assert_eq!(heard[0], [("sound", telling)]);
    assert_eq!(heard[0], heard[1]);
    assert!(heard[2].is_empty() && heard[3].is_empty());
}

#[test]
fn who_begins_later_hears_of_what_lasts_after_a_keyframe() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 4_000, 2_000);
    stage.say(r#"{"id": "one"}"#).unwrap();
    stage.wait(10);
    stage.say(r#"{"id": "two"}"#).unwrap();
    stage
        .say(r#"{"id": "later", "class": "bell", "in_ms": 60000, "duration_ms": 1}"#)
        .unwrap();
    stage
        .say(r#"{"id": "short", "class": "ad", "duration_ms": 100}"#)
        .unwrap();
    stage.show(A, 4_000, 10_000, 2_000);
    // A process that takes over goes on with it.
    stage.restart();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.show(A, 14_000, 2_000, 2_000);
    let mut items = stage.take(&mut cursor);
    stage.show(A, 16_000, 10_000, 2_000);
    items.extend(stage.take(&mut cursor));
    let heard = told(&items);
    let said: Vec<_> = heard
        .iter()
        .map(|(before, telling)| (*before, telling.range.id().as_str(), telling.again))
        .collect();
    // In twelve seconds it is told once or twice.
    assert_eq!(
        said[..2],
        [("key", "two", true), ("telling", "later", false)]
    );
    assert!(
        said.iter().all(|(_, id, _)| ["two", "later"].contains(id)),
        "{said:?}"
    );
}

#[test]
fn what_does_not_go_together_is_refused_and_so_is_too_much() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 1_000, 2_000);
    let one = stage.say(r#"{"id": "one"}"#).unwrap();
    let twice = stage.say(r#"{"id": "one", "class": "other"}"#);
    assert_eq!(twice, Err(AnnounceError::Unfit(Unfit::Known("one".into()))));
    // At the same moment, but after it.
    let two = stage.say(r#"{"id": "two"}"#).unwrap();
    assert_eq!(two.start().unix_millis(), one.start().unix_millis() + 1);
    for n in 2..10 {
        stage.say(&format!(r#"{{"title": "{n}"}}"#)).unwrap();
    }
    assert_eq!(stage.say("{}"), Err(AnnounceError::TooMuch));
    stage.wait(1_000);
    stage.say(r#"{"title": "a second later"}"#).unwrap();
    stage.command(Command::End).unwrap();
    assert_eq!(stage.say("{}"), Err(AnnounceError::NoShow));
}

#[test]
fn a_hold_is_told_where_it_begins_and_its_end_after_the_keyframe_that_ends_it() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 4_000, 2_000);
    let mut cursor = Cursor::new(Audience::Transcoder);
    let before = told(&stage.take(&mut cursor));
    assert!(before.is_empty(), "{before:?}");
    stage.leave(A);
    stage.wait(10_000);
    // Who begins in the hold begins with the show's last pictures, and hears it too.
    let late = told(&stage.take(&mut Cursor::new(Audience::Transcoder)));
    let held = stage.take(&mut cursor);
    let first = stamps(&held)[0];
    // A process that takes over knows that it was told.
    stage.restart();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.wait(3_000);
    assert!(told(&stage.take(&mut cursor)).is_empty());
    stage.join(B, AVC);
    stage.show(B, 0, 12_000, 2_000);
    let resumed = stage.take(&mut cursor);

    let [(place, hold)] = &told(&held)[..] else {
        panic!("{:?}", told(&held));
    };
    assert_eq!(*place, "hold");
    assert_eq!(late, told(&held));
    assert_eq!(hold.range.start().unix_millis(), first.pts.millis());
    assert!(hold.again, "in playlists alone");
    let mut told = told(&resumed).into_iter();
    let (place, end) = told.next().unwrap();
    assert_eq!(place, "key");
    let media = stamps(&resumed);
    let media = media.iter().find(|stamp| stamp.kind == StampKind::Segment);
    assert_eq!(end.range.start().unix_millis(), media.unwrap().pts.millis());
    assert_eq!(hold.range.class(), end.range.class());
    let both = [hold.range.clone(), end.range];
    let mut ranges = live::playlist::DateRanges::default();
    for range in both {
        assert_eq!(ranges.add(range), Ok(vec![]));
    }
    assert_eq!(ranges.end_by(media.unwrap().pts.millis()).len(), 2);
    assert!(told.next().is_none(), "what is over is not told again");
}
