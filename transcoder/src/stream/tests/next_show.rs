//! Settings that change in the middle of a show.

use super::*;
use crate::{ladder::Rung, slate::Card};

fn newer() -> Settings {
    Settings {
        parts: PartTarget::from_millis(250).unwrap(),
        window_ms: 30_000,
        memory: 1,
        ladder: vec![Rung::new(180, 300_000).unwrap()],
        source_bps: 1_000_000,
        audio_bps: 64_000,
        record: true,
        slate: Card::Nothing,
        pictures: false,
    }
}

/// All that a viewer can fetch.
fn published(stream: &mut Stream) -> Vec<Bytes> {
    let index = stream.offered().map(|text| text.whole());
    let mut all: Vec<Bytes> = index.into_iter().collect();
    for rendition in ALL {
        let written = stream.playlist(rendition);
        all.extend(written.map(|written| written.full.whole()));
        all.extend(segments(stream, rendition).into_iter().map(|(_, it)| it));
    }
    all
}

fn rungs(stage: &Stage) -> Vec<String> {
    let status = stage.stream.status().unwrap();
    let names = status.renditions.into_iter().map(|it| it.name);
    names.collect()
}

#[test]
fn a_show_keeps_its_settings_and_the_next_one_has_the_newest() {
    let show = Show::default();
    let [mut left_alone, mut reloaded] = [settings(), settings()].map(Stage::new);
    let first = show.session(START_MS, None);
    let (early, late) = first.split_at(first.len() / 2);
    for stage in [&mut left_alone, &mut reloaded] {
        stage.feed(&show.headers());
        stage.feed(early);
    }
    reloaded.stream.reconfigure(newer().into());
    let status = reloaded.stream.status().unwrap();
    let changed = [
        "ladder",
        "length of parts",
        "window",
        "slate",
        "poster",
        "recording",
    ];
    assert_eq!(status.next_show, changed);
    // The publisher's encoder is configured anew, so that ours starts anew too.
    let avcc = [crate::show::AVCC, b"\0"].concat();
    let codec = VideoCodec::Avc;
    for stage in [&mut left_alone, &mut reloaded] {
        stage.feed_one(Message::VideoConfig(codec, avcc.clone().into()));
        stage.feed(late);
    }
    assert_eq!(rungs(&reloaded), ["source", "240p", "audio"]);
    let session = reloaded.stream.session().unwrap();
    assert!(!reloaded.stream.is_recorded(session));
    let [mine, others] = [&mut reloaded, &mut left_alone].map(|it| published(&mut it.stream));
    assert_eq!(mine, others, "another transcoder of the stream agrees");

    reloaded.stream.reconfigure(settings().into());
    assert!(reloaded.stream.changes().is_empty(), "as the show has them");
    let memory = settings().memory;
    let newest = Settings { memory, ..newer() };
    reloaded.stream.reconfigure(newest.into());
    let next = START_MS + 20_000;
    reloaded.feed(&show.session(next, last_numbers(&first)));
    assert_eq!(rungs(&reloaded), ["source", "180p", "audio"]);
    assert!(reloaded.stream.changes().is_empty());
    let [before, session] = [session, reloaded.stream.session().unwrap()];
    assert!(reloaded.stream.is_recorded(session) && !reloaded.stream.is_recorded(before));
    let sound = playlist(&mut reloaded.stream, Rendition::Audio).unwrap();
    assert!(sound.part_target.unwrap() < Seconds::from_millis(300));
}
