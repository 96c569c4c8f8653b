//! What is told beside the media: in every playlist, and in the part of its time.

use live::{
    playlist::{DateRange, Extent, Line, ProgramDateTime, Text},
    telling::Telling,
};
use mp4_atom::{Emsg, EmsgTimestamp};
use rtmp::amf0::Value;

use super::*;
use crate::cue::Cue;

fn telling(id: &str, start_ms: u64, extent: Extent, again: bool) -> Message {
    let text = |text: &str| Text::shown(text, 100);
    let start = ProgramDateTime::from_unix_millis(start_ms);
    let range = DateRange::new(text(id), Some(text("song")), start, extent, None).unwrap();
    let range = range
        .with("X-TITLE", text("{$\"Quoted\"}\n#EXT-X-ENDLIST"))
        .unwrap();
    Message::DateRange(Telling { range, again })
}

/// The events in a segment, each with the time at which its part ends: in ticks of 90 kHz.
fn events(segment: &Bytes) -> Vec<(Emsg, u64, u64)> {
    let mut rest: &[u8] = segment;
    let (mut found, mut waiting) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let next = Any::decode(&mut rest).unwrap();
        if let Any::Emsg(emsg) = next {
            waiting.push(emsg);
        } else if let Any::Moof(moof) = next {
            let samples = told_by(&moof);
            let (first, last) = (samples.first().unwrap(), samples.last().unwrap());
            for emsg in waiting.drain(..) {
                let ticks = |units: u64| units * 90_000 / u64::from(emsg.timescale);
                let (start, end) = (ticks(first.at), ticks(last.at + last.duration));
                found.push((emsg, start, end));
            }
        }
    }
    found
}

fn ticks(emsg: &Emsg) -> u64 {
    let EmsgTimestamp::Absolute(time) = emsg.presentation_time else {
        panic!("not absolute")
    };
    time * 90_000 / u64::from(emsg.timescale)
}

/// Feeds it, with an encoder that delivers now and then.
fn feed_unevenly(stage: &mut Stage, messages: &[Message], every: usize) {
    for (n, message) in messages.iter().enumerate() {
        stage.stuck = n % every != 0;
        stage.feed_one(message.clone());
        stage.deliver();
    }
    stage.stuck = false;
    stage.deliver();
}

fn was_late(stage: &Stage) -> bool {
    let status = stage.stream.status().unwrap();
    status.renditions.iter().any(|rendition| rendition.late > 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_told_is_told_alike_by_all_and_in_the_part_of_its_time(
        show in shows(),
        told in prop::collection::vec((0..1000_usize, 0..3000_u64, prop::option::of(0..9000_u64)), 1..12),
        every in 1_usize..20,
    ) {
        let mut messages = show.session(START_MS, None);
        for (n, (place, later, lasts)) in told.into_iter().enumerate() {
            let (at, stamp) = stamps(&messages)[0];
            let room = messages.len() - at - 1;
            let place = at + 1 + place * room / 1000;
            let before = messages[..place].iter().rev().find_map(|message| {
                let Message::Video { wire_ms, .. } = message else {
                    return None;
                };
                Some(*wire_ms)
            });
            let low = u32::try_from(stamp.pts.millis() & 0xffff_ffff).unwrap();
            let now = before.map_or(0, |ms| ms.wrapping_sub(low).min(30_000));
            let start = stamp.pts.millis() + u64::from(now) + later;
            let extent = lasts.map_or(Extent::UntilNext, |ms| {
                Extent::Lasts(Seconds::from_millis(ms))
            });
            messages.insert(place, telling(&n.to_string(), start, extent, false));
            // Told once more to whoever joins late.
            let again = (place + 40).min(messages.len());
            messages.insert(again, telling(&n.to_string(), start, extent, true));
        }
        let mut stage = Stage::new(settings());
        stage.feed(&show.headers());
        let mut before = Vec::new();
        for message in &messages {
            stage.feed_one(message.clone());
            assert_playlists(&mut stage.stream, &mut before);
        }
        prop_assert_eq!(crate::lint::tests::broken_by(&mut stage.stream), [""; 0]);
        let mut other = Stage::new(settings());
        other.feed(&show.headers());
        feed_unevenly(&mut other, &messages, every);
        let renditions: Vec<Rendition> = stage.stream.versions().map(|(r, _)| r).collect();
        let mut lists: Vec<Vec<Line>> = Vec::new();
        for rendition in renditions {
            let ours = segments(&mut stage.stream, rendition);
            // What an encoder is too late for is its own affair.
            let late = rendition == RUNG && was_late(&other);
            prop_assert!(late || ours == segments(&mut other.stream, rendition), "{} differs", rendition);
            let listed = playlist(&mut stage.stream, rendition).unwrap();
            let gaps = listed.segments.iter().any(|segment| segment.gap);
            let mut ids = std::collections::BTreeSet::new();
            for (emsg, start, end) in ours.iter().flat_map(|(_, segment)| events(segment)) {
                prop_assert!(ids.insert(emsg.id), "told twice");
                prop_assert!(ticks(&emsg) < end, "{} too early: {} before {}", rendition, ticks(&emsg), start);
                // One that was told when its part was all but over comes in the next; after gaps that is a while.
                let late = start.saturating_sub(ticks(&emsg)) > 4 * 90_000;
                prop_assert!(gaps || !late, "{} too late", rendition);
            }
            lists.push(listed.date_ranges);
        }
        // A playlist whose segments are behind by one may still list what others need no more.
        lists.sort_by_key(Vec::len);
        let within = |two: &[Vec<Line>]| two[0].iter().all(|line| two[1].contains(line));
        prop_assert!(lists.windows(2).all(within), "{:?}", lists);
    }
}

#[test]
fn a_title_is_in_the_media_as_a_tag() {
    let mut messages = Show::default().session(START_MS, None);
    let (at, stamp) = stamps(&messages)[2];
    let start = stamp.pts.millis() + 300;
    messages.insert(at + 2, telling("a", start, Extent::UntilNext, false));
    let mut stage = Stage::new(settings());
    stage.feed(&Show::default().headers());
    stage.feed(&messages);
    for rendition in ALL {
        let told: Vec<_> = segments(&mut stage.stream, rendition)
            .iter()
            .flat_map(|(msn, segment)| events(segment).into_iter().map(|told| (*msn, told)))
            .collect();
        let [(msn, (emsg, from, to))] = told.as_slice() else {
            panic!("{rendition}: {told:?}")
        };
        assert_eq!(*msn, stamp.msn, "{rendition}");
        assert!((*from..*to).contains(&ticks(emsg)), "{rendition}");
        assert!(ticks(emsg).abs_diff(start * 90) < 2, "{rendition}");
        assert_eq!(emsg.scheme_id_uri, "https://aomedia.org/emsg/ID3");
        let tag = String::from_utf8_lossy(&emsg.message_data);
        assert!(tag.starts_with("ID3\u{4}"), "{tag:?}");
        assert!(
            tag.contains("TIT2") && tag.contains("($\u{201d}Quoted"),
            "{tag:?}"
        );
        let length = emsg.message_data[6..10]
            .iter()
            .fold(0, |sum, b| sum << 7 | usize::from(*b));
        assert_eq!(length + 10, emsg.message_data.len());
    }
}

#[test]
fn a_transcoder_that_joins_late_learns_of_what_lasts_and_tells_it_in_its_playlists_alone() {
    let messages = Show::default().session(START_MS, None);
    let (from, stamp) = stamps(&messages)[3];
    let mut stage = Stage::new(settings());
    stage.feed(&Show::default().headers());
    stage.feed(&messages[from..from + 20]);
    let again = telling("a", stamp.pts.millis() - 3000, Extent::UntilNext, true);
    stage.feed(&[again.clone(), again]);
    stage.feed(&messages[from + 20..]);
    for rendition in ALL {
        let listed = playlist(&mut stage.stream, rendition).unwrap();
        assert_eq!(listed.date_ranges.len(), 1, "{rendition}");
        let all = segments(&mut stage.stream, rendition);
        assert!(all.iter().all(|(_, segment)| events(segment).is_empty()));
    }
}

#[test]
fn what_a_publisher_says_is_told_but_not_too_much_of_it() {
    let mut messages = Show::default().session(START_MS, None);
    let (at, stamp) = stamps(&messages)[2];
    let low = u32::try_from(stamp.pts.millis() & 0xffff_ffff).unwrap();
    for (n, place) in (0_u32..100).zip(at + 2..) {
        let said = Value::object([("text", format!("line {n}").as_str().into())]);
        let cue = Cue::read("onTextData", &["onTextData".into(), said]).unwrap();
        messages.insert(place, Message::Cue(low + n, cue));
    }
    let mut stage = Stage::new(settings());
    stage.feed(&Show::default().headers());
    stage.feed(&messages);
    let listed = playlist(&mut stage.stream, Rendition::Audio).unwrap();
    let said: Vec<bool> = (0..5)
        .map(|n| {
            let said = format!("X-TEXT=\"line {n}\"");
            listed
                .date_ranges
                .iter()
                .any(|line| line.as_str().contains(&said))
        })
        .collect();
    // The first ended with the second, and so on: all are listed as long as they reach into the playlist.
    assert_eq!(said, [true, true, true, true, false]);
}
