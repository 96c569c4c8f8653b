//! What stamps say of the sound: whoever counts on from one of them comes to what the next one says.

use live::{
    MediaTime,
    sound_grid::{SoundGrid, SoundPlace},
};

use super::*;

const C: PublisherId = PublisherId(3);
const OPUS: &[u8] = b"\x90OpusHead";
const OPUS_SOUND: &[u8] = b"\x91Opussound";
/// 44,100 samples a second.
const OTHER_AAC: &[u8] = b"\xaf\x00\x12\x10";

/// Pictures and, at 48,000 samples a second, sound that begins `phase` samples after them, from the publisher's own
/// time `from` on.
fn sing(stage: &mut Stage, id: PublisherId, from: u32, ms: u32, phase: u32) {
    let sounds = (0..ms * 48 / 1024).map(|n| ((n * 1024 + phase) / 48, false));
    let pictures = (0..ms / 40).map(|n| (n * 40, true));
    let mut frames: Vec<(u32, bool)> = sounds.chain(pictures).collect();
    frames.sort_unstable();
    let begun = stage.now;
    for (at, is_picture) in frames {
        stage.wait((begun + u64::from(at)).saturating_sub(stage.now));
        let at = from + at;
        if is_picture {
            let frame = if at.is_multiple_of(2_000) { KEY } else { INTER };
            stage.send(id, MessageKind::Video, at, frame);
        } else {
            stage.send(id, MessageKind::Audio, at, SOUND);
        }
    }
}

/// What each stamp says; each is what counting from the one before gives.
fn told(items: &[Item], rate: u32) -> Vec<Option<SoundPlace>> {
    let mut grid = SoundGrid::default();
    grid.configure(Some(rate));
    let mut told = Vec::new();
    for item in items {
        match item {
            Item::Stamp { stamp, .. } => {
                if !told.is_empty() {
                    assert_eq!(stamp.sound, grid.newest(), "stamp {}", told.len());
                }
                told.push(stamp.sound);
                grid = SoundGrid::default();
                grid.configure(Some(rate));
                grid.set(stamp.sound);
            }
            Item::Message {
                timestamp, payload, ..
            } if *payload == SOUND => {
                let ms = NOW >> 32 << 32 | u64::from(*timestamp);
                grid.frame(MediaTime::from_millis(ms));
            }
            Item::Message { .. } | Item::End(_) => {}
        }
    }
    told
}

#[test]
fn each_stamp_says_where_the_sound_before_it_lies_whatever_happens_to_the_publisher() {
    for phase in (0..1024).step_by(31) {
        let mut stage = Stage::new();
        let mut transcoder = Cursor::new(Audience::Transcoder);
        let mut items = Vec::new();
        stage.join(A, AVC);
        for from in [0, 40, 2_040, 4_040] {
            sing(
                &mut stage,
                A,
                from,
                if from == 0 { 40 } else { 2_000 },
                phase,
            );
            items.extend(stage.take(&mut transcoder));
        }
        // A new process, a hold, a publisher that is back, and another encoder in its place.
        stage.restart();
        sing(&mut stage, A, 6_040, 3_000, phase);
        items.extend(stage.take(&mut transcoder));
        stage.leave(A);
        stage.wait(5_000);
        stage.join(B, AVC);
        sing(&mut stage, B, 0, 4_000, phase / 2);
        items.extend(stage.take(&mut transcoder));
        stage.join(C, AVC);
        sing(&mut stage, C, 10_000, 4_000, 1023 - phase);
        items.extend(stage.take(&mut transcoder));
        let told = told(&items, 48_000);
        assert_eq!(told[0], None, "nothing was sent before");
        assert!(told.len() > 9 && told[1..].iter().all(Option::is_some));
    }
}

#[test]
fn nothing_is_said_of_sound_that_is_not_counted() {
    let mut stage = Stage::new();
    let mut transcoder = Cursor::new(Audience::Transcoder);
    let mut items = stage.take(&mut transcoder);
    stage.join(A, AVC);
    stage.send(A, MessageKind::Audio, 0, OPUS);
    for at in (0..6_000).step_by(40) {
        let frame = if at % 2_000 == 0 { KEY } else { INTER };
        stage.send(A, MessageKind::Video, at, frame);
        stage.send(A, MessageKind::Audio, at, OPUS_SOUND);
        stage.wait(40);
    }
    items.extend(stage.take(&mut transcoder));
    assert!(stamps(&items).iter().all(|stamp| stamp.sound.is_none()));
    // Sound of another rate lies on another grid.
    stage.send(A, MessageKind::Audio, 6_000, AAC);
    sing(&mut stage, A, 6_000, 4_040, 0);
    let counted = stamps(&stage.take(&mut transcoder));
    assert_eq!(counted[0].sound, None);
    assert!(counted.last().unwrap().sound.is_some());
    stage.send(A, MessageKind::Audio, 10_040, OTHER_AAC);
    stage.send(A, MessageKind::Video, 12_000, KEY);
    assert_eq!(stamps(&stage.take(&mut transcoder))[0].sound, None);
}
