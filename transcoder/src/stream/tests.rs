//! What a viewer, a distributor and the other transcoder would notice of a stream.

use bytes::Bytes;
use live::{
    Msn, Object, PartIndex, Rendition,
    playlist::{MediaPlaylist, Multivariant, Seconds, Uri, Wording, check},
};
use mp4_atom::{Any, Decode, Moof};
use proptest::prelude::*;

use super::*;
use crate::part::PartTarget;
use crate::show::{RUNG, START_MS, Show, Stage, last_numbers, settings, stamps};

mod bad;
mod changes;
mod ending;
mod hold;
mod late;
mod next_show;
mod rate;
mod room;
mod sound;
mod timed;

const ALL: [Rendition; 3] = [Rendition::Source, RUNG, Rendition::Audio];

/// A sample as it stands in a fragment, on the track's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    at: u64,
    pts: i64,
    duration: u64,
    key: bool,
}

fn told(segment: &Bytes) -> Vec<Told> {
    let mut rest: &[u8] = segment;
    let mut all = Vec::new();
    while !rest.is_empty() {
        if let Any::Moof(moof) = Any::decode(&mut rest).unwrap() {
            all.extend(told_by(&moof));
        }
    }
    all
}

fn told_by(moof: &Moof) -> Vec<Told> {
    let traf = &moof.traf[0];
    let mut at = traf.tfdt.as_ref().unwrap().base_media_decode_time;
    let entries = traf.trun[0].samples.iter();
    entries
        .map(|entry| {
            let duration = u64::from(entry.duration.unwrap());
            let told = Told {
                at,
                pts: i64::try_from(at).unwrap() + entry.cts.unwrap_or(0),
                duration,
                key: entry.flags.is_none_or(|flags| flags & 0x1_0000 == 0),
            };
            at += duration;
            told
        })
        .collect()
}

fn bytes(found: Found) -> Option<Bytes> {
    match found {
        Found::Bytes(pieces, _) => Some(pieces.concat().into()),
        Found::Saved(..) | Found::Soon | Found::Nothing => None,
    }
}

fn playlist(stream: &mut Stream, rendition: Rendition) -> Option<MediaPlaylist> {
    let written = stream.playlist(rendition)?;
    Some(MediaPlaylist::parse(&written.full.whole()).unwrap())
}

/// The complete segments that can be fetched, with their numbers.
fn segments(stream: &mut Stream, rendition: Rendition) -> Vec<(Msn, Bytes)> {
    let listed = playlist(stream, rendition).unwrap_or_default();
    listed
        .numbered()
        .filter(|(_, segment)| !segment.gap)
        .map(|(msn, _)| {
            let segment = bytes(stream.find(Object::Segment(rendition, msn)));
            (msn, segment.unwrap())
        })
        .collect()
}

fn parts(stream: &Stream, rendition: Rendition, msn: Msn) -> Vec<Bytes> {
    let part = |n| bytes(stream.find(Object::Part(rendition, msn, PartIndex(n))));
    (0..).map_while(part).collect()
}

/// Playlists as they were, each with its version.
type Before = Vec<(Rendition, u64, MediaPlaylist)>;

/// Everything that can be said of the playlists as they are now, and of each against the one before.
fn assert_playlists(stream: &mut Stream, before: &mut Before) {
    // Where a boundary is overdue among B-frames, the last picture before it stands still for longer than is told.
    assert_playlists_but(stream, before, &[check::Rule::PartsAddUp]);
}

/// The same, but for some rules.
fn assert_playlists_but(stream: &mut Stream, before: &mut Before, but: &[check::Rule]) {
    // The window of these tests is of seconds.
    let allowed = |rule| rule == check::Rule::ShortWindow || but.contains(&rule);
    for (rendition, version) in stream.versions().collect::<Vec<_>>() {
        let known = before.iter().position(|(known, ..)| *known == rendition);
        if known.is_some_and(|known| before[known].1 == version) {
            continue;
        }
        let Some(written) = stream.playlist(rendition) else {
            continue;
        };
        let parsed = MediaPlaylist::parse(&written.full.whole()).unwrap();
        let wording = Wording::parse(&written.full.whole()).unwrap();
        let mut findings = check::media(&parsed);
        findings.extend(check::wording(&wording, &parsed));
        if let Some(known) = known {
            findings.extend(check::successive(&before[known].2, &parsed));
        }
        findings.retain(|finding| !allowed(finding.rule));
        let text = written.full.whole();
        let text = String::from_utf8_lossy(&text);
        assert!(findings.is_empty(), "{rendition}: {findings:#?}\n{text}");
        let delta = MediaPlaylist::parse(&written.delta.whole()).unwrap();
        let mut findings = check::media(&delta);
        findings.retain(|finding| !allowed(finding.rule));
        assert!(findings.is_empty(), "{rendition}, delta: {findings:#?}");
        before.retain(|(known, ..)| *known != rendition);
        before.push((rendition, version, parsed));
    }
}

fn assert_presentation(stream: &mut Stream) {
    let text = stream.multivariant().unwrap();
    let parsed = Multivariant::parse(&text.whole()).unwrap();
    let mut findings = check::multivariant(&parsed);
    // The test show's best rung is below what a viewer begins with.
    findings.retain(|finding| finding.rule != check::Rule::FirstVariant);
    assert_eq!(findings, []);
    let mut playlists = Vec::new();
    for (rendition, _) in stream.versions().collect::<Vec<_>>() {
        // Each is written again, since reports are as old as the playlist they stand in.
        let uri = Uri::of(Object::Media(rendition));
        playlists.push((uri, playlist(stream, rendition).unwrap()));
    }
    let playlists: Vec<_> = playlists.iter().map(|(uri, p)| (uri, p)).collect();
    assert_eq!(check::presentation(&playlists), []);
}

/// The timeline of a rendition has no hole and no overlap, and every segment starts with a key.
fn assert_continuous(stream: &mut Stream, rendition: Rendition) {
    let mut end: Option<(Msn, u64)> = None;
    for (msn, segment) in segments(stream, rendition) {
        assert_eq!(
            parts(stream, rendition, msn).concat(),
            segment,
            "{rendition} {msn}"
        );
        let samples = told(&segment);
        let first = samples.first().unwrap();
        assert!(first.key, "{rendition} {msn}");
        if let Some((before, end)) = end
            && before.next() == msn
        {
            assert_eq!(first.at, end, "{rendition} {msn}");
        }
        for pair in samples.windows(2) {
            assert_eq!(
                pair[0].at + pair[0].duration,
                pair[1].at,
                "{rendition} {msn}"
            );
        }
        end = samples.last().map(|last| (msn, last.at + last.duration));
    }
}

fn shows() -> impl Strategy<Value = Show> {
    let rate = prop::sample::select(vec![
        (24, 1),
        (24_000, 1001),
        (25, 1),
        (30, 1),
        (30_000, 1001),
        (50, 1),
        (60, 1),
    ]);
    let gops = prop::collection::vec(30_u64..150, 1..4);
    let audio = (
        prop::sample::select(vec![None, Some(48_000), Some(44_100), Some(32_000)]),
        0_u64..32_000,
        // Of real sound cards, and so much that there are jumps.
        prop::sample::select(vec![0, 0, 200, -200, 5_000, -5_000]),
        prop::sample::select(vec![0, 0, -40, -7, 35, 400]),
    );
    (rate, gops, any::<bool>(), audio).prop_map(|(rate, gops, b_frames, audio)| {
        let (audio_rate, audio_phase_us, audio_drift_ppm, audio_late_ms) = audio;
        Show {
            rate,
            gops,
            b_frames,
            audio_rate,
            audio_phase_us,
            audio_drift_ppm,
            audio_late_ms,
            seconds: 20,
            ..Show::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_published_every_playlist_is_valid_and_time_is_continuous(
        show in shows(),
        nominal in prop::sample::select(vec![200, 333, 500, 1000]),
    ) {
        let parts = PartTarget::from_millis(nominal).unwrap();
        let mut stage = Stage::new(Settings { parts, ..settings() });
        stage.feed(&show.headers());
        let mut before = Vec::new();
        for message in show.session(START_MS, None) {
            stage.feed_one(message);
            assert_playlists(&mut stage.stream, &mut before);
        }
        assert_continuous(&mut stage.stream, Rendition::Source);
        assert_continuous(&mut stage.stream, RUNG);
        if show.audio_rate.is_some() {
            assert_continuous(&mut stage.stream, Rendition::Audio);
        }
        prop_assert_eq!(crate::lint::tests::broken_by(&mut stage.stream), [""; 0]);
        stage.feed_one(Message::End);
        assert_playlists(&mut stage.stream, &mut before);
    }

    #[test]
    fn who_is_fed_the_same_publishes_the_same_bytes_from_the_first_common_stamp_on(
        show in shows(),
        late in 1_usize..4,
    ) {
        let messages = show.session(START_MS, None);
        let mut first = Stage::new(settings());
        first.feed(&show.headers());
        first.feed(&messages);
        let mut same = Stage::new(settings());
        same.feed(&show.headers());
        same.feed(&messages);
        let renditions: Vec<Rendition> = first.stream.versions().map(|(r, _)| r).collect();
        for rendition in &renditions {
            prop_assert_eq!(
                segments(&mut first.stream, *rendition),
                segments(&mut same.stream, *rendition)
            );
        }
        let stamps = stamps(&messages);
        prop_assume!(late < stamps.len());
        let (from, joined) = stamps[late];
        let mut joiner = Stage::new(settings());
        joiner.feed(&show.headers());
        joiner.feed(&messages[from..]);
        for rendition in renditions {
            let mut expected = segments(&mut first.stream, rendition);
            expected.retain(|(msn, _)| *msn >= joined.msn);
            let mut actual = segments(&mut joiner.stream, rendition);
            if rendition == RUNG {
                // What an encoder that joined late writes is its own; the boundaries are not.
                let bounds = |all: Vec<(Msn, Bytes)>| -> Vec<(Msn, u64)> {
                    all.iter().map(|(msn, s)| (*msn, told(s)[0].at)).collect()
                };
                prop_assert_eq!(bounds(expected), bounds(actual));
            } else {
                actual.retain(|(msn, _)| *msn >= joined.msn);
                prop_assert_eq!(expected, actual);
            }
        }
    }
}

#[test]
fn keyframes_are_at_the_same_times_in_every_rendition() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    stage.feed(&messages);
    let source = segments(&mut stage.stream, Rendition::Source);
    let encoded = segments(&mut stage.stream, RUNG);
    assert!(source.len() >= 5);
    for ((msn, source), (same, encoded)) in source.iter().zip(&encoded) {
        assert_eq!(msn, same);
        let (source, encoded) = (told(source)[0], told(encoded)[0]);
        assert_eq!((source.at, source.pts), (encoded.at, encoded.pts));
        let stamp = stamps(&messages).into_iter().find(|(_, s)| s.msn == *msn);
        assert_eq!(source.at, stamp.unwrap().1.pts.ticks());
    }
    for rendition in ALL {
        let list = playlist(&mut stage.stream, rendition).unwrap();
        assert_eq!(check::media(&list), [], "{rendition}");
    }
    assert_presentation(&mut stage.stream);
}

#[test]
fn sound_is_split_at_the_boundary_by_its_time_and_lies_on_the_grid() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    stage.feed(&messages);
    for (msn, segment) in segments(&mut stage.stream, Rendition::Audio) {
        let first = told(&segment)[0].at;
        assert_eq!(first % 1024, 0);
        let (_, stamp) = stamps(&messages)
            .into_iter()
            .find(|(_, s)| s.msn == msn)
            .unwrap();
        let boundary = stamp.pts.ticks() * 48_000 / 90_000;
        // Half a frame of rounding to the grid either way.
        assert!(
            first + 512 >= boundary && first <= boundary + 1024 + 512,
            "{msn}"
        );
    }
}

#[test]
fn what_segments_say_they_last_adds_up_to_what_they_last() {
    for audio_rate in [48_000, 44_100, 32_000] {
        let show = Show {
            audio_rate: Some(audio_rate),
            seconds: 180,
            ..Show::default()
        };
        let window_ms = 200_000;
        let mut stage = Stage::new(Settings {
            window_ms,
            ..settings()
        });
        stage.feed(&show.headers());
        stage.feed(&show.session(START_MS, None));
        let list = playlist(&mut stage.stream, Rendition::Audio).unwrap();
        let media = list.segments.iter().filter(|it| !it.gap);
        let said: Seconds = media.map(|it| it.duration).sum();
        let segments = segments(&mut stage.stream, Rendition::Audio);
        assert!(segments.len() > 80, "{}", segments.len());
        let samples = segments.iter().flat_map(|(_, segment)| told(segment));
        let samples: u64 = samples.map(|sample| sample.duration).sum();
        let rate = u32::try_from(audio_rate).unwrap();
        let is = Seconds::from_timescale(samples, rate);
        assert!(said.units().abs_diff(is.units()) <= 1, "{said} of {is}");
    }
}

#[test]
fn sound_that_jumps_back_by_less_than_a_frame_never_overlaps() {
    let show = Show::default();
    for jump in 1..=20 {
        let mut stage = Stage::new(settings());
        stage.feed(&show.headers());
        let mut messages = show.session(START_MS, None);
        let (middle, _) = stamps(&messages)[2];
        for message in &mut messages[middle + 60..] {
            if let Message::Audio { wire_ms, .. } = message {
                *wire_ms = wire_ms.wrapping_sub(jump);
            }
        }
        stage.feed(&messages);
        let mut end = 0;
        for (msn, segment) in segments(&mut stage.stream, Rendition::Audio) {
            let first = told(&segment)[0].at;
            assert!(first >= end, "{jump} ms, {msn}: {first} < {end}");
            end = told(&segment).last().unwrap().at + 1024;
        }
    }
}

/// What is on offer once the messages up to `index` were fed, if anything is.
fn offered_at(
    stage: &mut Stage,
    messages: &mut std::vec::IntoIter<Message>,
    index: usize,
) -> Vec<String> {
    let before = messages.len();
    stage.feed(&messages.take(index).collect::<Vec<_>>());
    assert_eq!(before - messages.len(), index);
    let Some(text) = stage.stream.multivariant() else {
        return Vec::new();
    };
    let playlist = Multivariant::parse(&text.whole()).unwrap();
    playlist
        .variants
        .iter()
        .map(|v| v.uri.to_string())
        .collect()
}

const COMPLETE: [&str; 3] = ["240p/media.m3u8", "source/media.m3u8", "audio/media.m3u8"];

#[test]
fn the_multivariant_playlist_is_there_with_the_second_keyframe_and_complete() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    let (second, _) = stamps(&messages)[1];
    let mut messages = messages.into_iter();
    assert!(offered_at(&mut stage, &mut messages, second + 1).is_empty());
    // The rung's last pictures of the first segment come a few later.
    assert_eq!(offered_at(&mut stage, &mut messages, 12), COMPLETE);
    for rendition in ALL {
        let playlist = playlist(&mut stage.stream, rendition).unwrap();
        let media = playlist.segments.iter().filter(|segment| !segment.gap);
        assert_eq!(media.count(), 1, "{rendition}");
    }
}

#[test]
fn the_multivariant_playlist_waits_for_a_rung_but_not_for_ever() {
    let show = Show::default();
    let messages = show.session(START_MS, None);
    let places: Vec<usize> = stamps(&messages).iter().map(|(at, _)| *at).collect();
    for back in [places[2] + 40, usize::MAX] {
        let mut stage = Stage::new(settings());
        stage.stuck = true;
        stage.feed(&show.headers());
        let mut messages = messages.clone().into_iter();
        let until = places[3].min(back);
        assert!(offered_at(&mut stage, &mut messages, until).is_empty());
        stage.stuck = back > places[3];
        let offered = offered_at(&mut stage, &mut messages, places[3] + 1 - until);
        assert_eq!(offered, COMPLETE[usize::from(stage.stuck)..]);
    }
}

#[test]
fn a_source_whose_keyframes_are_overdue_is_not_offered_and_its_rungs_go_on() {
    // OBS "auto": 250 frames.
    let show = Show {
        gops: vec![250],
        seconds: 30,
        ..Show::default()
    };
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let mut before = Vec::new();
    for message in show.session(START_MS, None) {
        stage.feed_one(message);
        assert_playlists(&mut stage.stream, &mut before);
    }
    let source = playlist(&mut stage.stream, Rendition::Source).unwrap();
    let real = source.segments.iter().filter(|s| !s.gap).count();
    assert!(real >= 1 && real < source.segments.len() / 2);
    let rung = playlist(&mut stage.stream, RUNG).unwrap();
    assert!(rung.segments.iter().all(|segment| !segment.gap));
    assert_continuous(&mut stage.stream, RUNG);
    let text = stage.stream.multivariant().unwrap();
    assert!(!String::from_utf8_lossy(&text.whole()).contains("source/media.m3u8"));
    assert!(!stage.stream.status().unwrap().source_offered);
}

#[test]
fn a_source_whose_keyframes_are_no_idr_pictures_is_not_offered_and_its_rungs_go_on() {
    // Intra refresh: an IDR picture first, then "keyframes" that lean on what came before.
    const IDR: &[u8] = b"\0\0\0\x02\x06\x05\0\0\0\x03\x65\x88\x84";
    const SLICE: &[u8] = b"\0\0\0\x02\x06\x05\0\0\0\x03\x41\x9a\x00";
    let mut stage = Stage::new(settings());
    stage.feed(&Show::default().headers());
    let mut before = Vec::new();
    let mut first = true;
    for mut message in Show::default().session(START_MS, None) {
        if let Message::Video { bytes, .. } = &mut message {
            let picture = if std::mem::take(&mut first) {
                IDR
            } else {
                SLICE
            };
            *bytes = Bytes::from_static(picture);
        }
        stage.feed_one(message);
        assert_playlists(&mut stage.stream, &mut before);
    }
    let source = playlist(&mut stage.stream, Rendition::Source).unwrap();
    assert_eq!(source.segments.iter().filter(|s| !s.gap).count(), 1);
    let rung = playlist(&mut stage.stream, RUNG).unwrap();
    assert!(rung.segments.iter().filter(|s| !s.gap).count() > 4);
    assert!(!stage.stream.status().unwrap().source_offered);
    let fault = stage.stream.source_fault().unwrap();
    assert!(fault.contains("intra refresh"), "{fault}");
}

#[test]
fn a_rung_that_is_more_than_a_whole_segment_late_is_a_gap_and_comes_back_in_step() {
    let show = Show {
        seconds: 21,
        ..Show::default()
    };
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    let stamps = stamps(&messages);
    let place = |n: usize| stamps[n].0;
    let mut before = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        // Stuck from the middle of the third segment to that of the sixth.
        stage.stuck = index > place(2) + 40 && index < place(5) + 40;
        stage.feed_one(message.clone());
        assert_playlists(&mut stage.stream, &mut before);
    }
    let first = stamps[0].1.msn.0;
    let rung = playlist(&mut stage.stream, RUNG).unwrap();
    let gaps: Vec<u64> = rung
        .numbered()
        .filter(|(msn, segment)| segment.gap && msn.0 >= first)
        .map(|(msn, _)| msn.0 - first)
        .collect();
    assert_eq!(gaps, [2, 3]);
    let source = playlist(&mut stage.stream, Rendition::Source).unwrap();
    assert!(source.segments.iter().all(|segment| !segment.gap));
    assert_presentation(&mut stage.stream);
}

#[test]
fn an_encoder_that_crashes_costs_its_rung_the_segment_and_starts_with_the_newest_keyframe() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    let stamps = stamps(&messages);
    let mut before = Vec::new();
    let mut crashed = None;
    for (index, message) in messages.iter().enumerate() {
        if index == stamps[2].0 + 70 {
            crashed = Some(stage.crash());
        }
        if index == stamps[3].0 + 30 {
            let (generation, plan) = crashed.take().unwrap();
            stage.start(generation, plan);
        }
        stage.feed_one(message.clone());
        assert_playlists(&mut stage.stream, &mut before);
    }
    let rung = playlist(&mut stage.stream, RUNG).unwrap();
    let gaps: Vec<Msn> = rung
        .numbered()
        .filter(|(msn, segment)| segment.gap && *msn >= stamps[0].1.msn)
        .map(|(msn, _)| msn)
        .collect();
    assert_eq!(gaps, [stamps[2].1.msn]);
    assert_continuous(&mut stage.stream, RUNG);
    assert_presentation(&mut stage.stream);
}

#[test]
fn without_an_encoder_source_and_sound_are_offered_all_the_same() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.no_encoder = true;
    stage.feed(&show.headers());
    stage.feed(&show.session(START_MS, None));
    let text = stage.stream.multivariant().unwrap();
    let playlist = Multivariant::parse(&text.whole()).unwrap();
    let uris: Vec<_> = playlist.variants.iter().map(|v| v.uri.as_str()).collect();
    assert_eq!(uris, ["source/media.m3u8", "audio/media.m3u8"]);
    assert_eq!(stage.stream.playlist(RUNG), None);
}

#[test]
fn a_changed_configuration_is_a_discontinuity_at_the_same_segment_everywhere() {
    let show = Show {
        seconds: 9,
        ..Show::default()
    };
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    stage.feed(&messages);
    let (_, open) = *stamps(&messages).last().unwrap();
    // Level 3.1 instead of 3.0, and mux goes on in the same session with the next discontinuity sequence number.
    let mut avcc = crate::show::AVCC.to_vec();
    avcc[3] = 0x1f;
    stage.feed_one(Message::VideoConfig(VideoCodec::Avc, avcc.into()));
    let start = START_MS + 10_000;
    let mut back = show.session(start, last_numbers(&messages));
    for message in &mut back {
        if let Message::Stamp(stamp) = message {
            stamp.msn.0 = stamp.msn.0 - start / 1000 + open.msn.0 + 1;
            stamp.session = open.session;
        }
    }
    let mut before = Vec::new();
    for message in &back {
        stage.feed_one(message.clone());
        assert_playlists(&mut stage.stream, &mut before);
    }
    for rendition in ALL {
        let list = playlist(&mut stage.stream, rendition).unwrap();
        let broken: Vec<Msn> = list
            .numbered()
            .filter(|(_, segment)| segment.head.discontinuity)
            .map(|(msn, _)| msn)
            .collect();
        assert_eq!(broken, [open.msn.next()], "{rendition}");
    }
    let source = playlist(&mut stage.stream, Rendition::Source).unwrap();
    let mut maps: Vec<_> = source.segments.iter().map(|s| s.head.map.clone()).collect();
    maps.retain(Option::is_some);
    maps.dedup();
    assert_eq!(maps.len(), 2);
    assert_presentation(&mut stage.stream);
}

#[test]
fn a_segment_that_is_cut_off_before_its_first_part_keeps_its_own_configuration() {
    let show = Show {
        seconds: 9,
        ..Show::default()
    };
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let mut messages = show.session(START_MS, None);
    let (last, open) = *stamps(&messages).last().unwrap();
    // The publisher is gone a quarter of a second into the segment, and back at once with another picture.
    messages.truncate(last + 16);
    stage.feed(&messages);
    let mut avcc = crate::show::AVCC.to_vec();
    avcc[3] = 0x1f;
    stage.feed_one(Message::VideoConfig(VideoCodec::Avc, avcc.into()));
    let start = open.pts.millis() + 300;
    let mut back = show.session(start, last_numbers(&messages));
    for message in &mut back {
        if let Message::Stamp(stamp) = message {
            stamp.msn.0 = stamp.msn.0 - start / 1000 + open.msn.0 + 1;
            stamp.session = open.session;
        }
    }
    stage.feed(&back);
    let source = playlist(&mut stage.stream, Rendition::Source).unwrap();
    let maps: Vec<_> = source
        .numbered()
        .filter(|(_, segment)| !segment.gap)
        .map(|(msn, segment)| (msn, segment.head.map.clone().unwrap()))
        .collect();
    let (old, new): (Vec<_>, Vec<_>) = maps.into_iter().partition(|(msn, _)| *msn <= open.msn);
    assert_eq!(old.last().unwrap().0, open.msn, "it was published");
    assert!(old.iter().all(|(_, map)| *map == old[0].1));
    assert!(new.iter().all(|(_, map)| *map == new[0].1));
    assert_ne!(old[0].1, new[0].1);
}

#[test]
fn a_second_connection_that_repeats_the_open_segment_changes_nothing() {
    let show = Show::default();
    let messages = show.session(START_MS, None);
    let mut whole = Stage::new(settings());
    whole.feed(&show.headers());
    whole.feed(&messages);
    let mut broken = Stage::new(settings());
    broken.feed(&show.headers());
    let (from, _) = stamps(&messages)[3];
    broken.feed(&messages[..from + 50]);
    broken.feed(&show.headers());
    broken.feed(&messages[from..]);
    for rendition in ALL {
        assert_eq!(
            segments(&mut whole.stream, rendition),
            segments(&mut broken.stream, rendition),
            "{rendition}"
        );
    }
}

#[test]
fn missed_stamps_are_gaps() {
    let show = Show {
        seconds: 15,
        ..Show::default()
    };
    let messages = show.session(START_MS, None);
    let stamps = stamps(&messages);
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    stage.feed(&messages[..stamps[3].0]);
    let mut before = Vec::new();
    for message in &messages[stamps[5].0..] {
        stage.feed_one(message.clone());
        assert_playlists(&mut stage.stream, &mut before);
    }
    for rendition in ALL {
        let list = playlist(&mut stage.stream, rendition).unwrap();
        let gaps: Vec<Msn> = list
            .numbered()
            .filter(|(msn, s)| s.gap && *msn >= stamps[0].1.msn)
            .map(|(msn, _)| msn)
            .collect();
        assert_eq!(gaps, [stamps[3].1.msn, stamps[4].1.msn], "{rendition}");
    }
}

#[test]
fn the_end_is_told_and_nothing_follows() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    stage.feed(&show.session(START_MS, None));
    stage.feed_one(Message::End);
    for rendition in ALL {
        let list = playlist(&mut stage.stream, rendition).unwrap();
        assert!(list.end_list && list.open.is_none() && list.preload_hint.is_none());
        assert!(!list.segments.back().unwrap().gap, "{rendition}");
    }
    let written = |stage: &mut Stage| ALL.map(|r| stage.stream.playlist(r).unwrap().full);
    let before = written(&mut stage);
    stage.feed(&show.session(START_MS, None));
    assert_eq!(written(&mut stage), before);
}

#[test]
fn another_session_starts_afresh() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    stage.feed(&messages);
    stage.feed_one(Message::End);
    let next = show.session(START_MS + 100_000, last_numbers(&messages));
    stage.feed(&show.headers());
    stage.feed(&next);
    let first = stamps(&next)[0].1.msn;
    for rendition in ALL {
        assert_eq!(segments(&mut stage.stream, rendition)[0].0, first);
    }
    assert_continuous(&mut stage.stream, RUNG);
}

#[test]
fn the_session_before_is_served_until_there_is_something_of_the_new_one() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    stage.feed(&messages);
    let old = segments(&mut stage.stream, RUNG);
    let all_there = |stage: &Stage| {
        let find = |(msn, _): &(Msn, Bytes)| stage.stream.find(Object::Segment(RUNG, *msn));
        old.iter().map(find).all(|found| bytes(found).is_some())
    };
    // Mux was restarted, and knows nothing of the session before.
    let next = show.session(START_MS + 100_000, last_numbers(&messages));
    let first = stamps(&next)[0].1.msn;
    stage.feed(&show.headers());
    let mut offered = stage.stream.offered().unwrap();
    let mut changes = 0;
    for message in next {
        stage.feed_one(message);
        for rendition in ALL {
            let list = playlist(&mut stage.stream, rendition).unwrap();
            assert!(!list.end_list, "{rendition}");
        }
        let now = stage.stream.offered().unwrap();
        changes += usize::from(now != offered);
        offered = now;
        assert!(all_there(&stage));
    }
    for rendition in ALL {
        assert_eq!(segments(&mut stage.stream, rendition)[0].0, first);
    }
    assert!(changes <= 1, "{changes}");
    let hint = Object::Part(RUNG, Msn(old.last().unwrap().0.0 + 2), PartIndex(9));
    assert_eq!(stage.stream.find(hint), Found::Nothing);
    // As long again as the old playlists were, and they are gone.
    let long = Show {
        seconds: 60,
        ..show
    };
    stage.feed(&long.session(START_MS + 100_000, last_numbers(&messages)));
    assert!(!all_there(&stage));
}

#[test]
fn once_withdrawn_playlists_are_gone_and_what_was_in_them_is_not() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    stage.feed(&show.session(START_MS, None));
    let (msn, _) = segments(&mut stage.stream, RUNG)[0];
    stage.stream.withdraw();
    assert_eq!(stage.stream.playlist(RUNG), None);
    assert_eq!(stage.stream.offered(), None);
    let wanted = Wanted::Playlist(RUNG, Some((msn, None)));
    assert_eq!(stage.stream.outcome(wanted), Outcome::Nothing);
    assert!(bytes(stage.stream.find(Object::Segment(RUNG, msn))).is_some());
    stage.stream.readmit();
    assert!(stage.stream.playlist(RUNG).is_some());
}

#[test]
fn memory_is_bounded_the_oldest_goes_first_and_what_cannot_fit_is_refused() {
    let show = Show {
        seconds: 60,
        ..Show::default()
    };
    let messages = show.session(START_MS, None);
    let memory = 60_000;
    let mut stage = Stage::new(Settings {
        memory,
        ..settings()
    });
    stage.feed(&show.headers());
    let mut before = Vec::new();
    for message in &messages {
        stage.feed_one(message.clone());
        assert_playlists(&mut stage.stream, &mut before);
        let held: usize = stage.stream.status().map_or(0, |status| {
            status
                .renditions
                .iter()
                .map(|rendition| rendition.bytes)
                .sum()
        });
        assert!(held <= memory);
    }
    let mut stream = Stream::new(
        Settings {
            memory: 10_000,
            ..settings()
        }
        .into(),
    );
    let outcome = show
        .headers()
        .into_iter()
        .chain(messages)
        .try_for_each(|message| stream.feed(message, &mut Vec::new()));
    assert_eq!(outcome, Err(FeedError::Memory));
}

#[test]
fn what_left_the_playlist_can_be_fetched_for_as_long_as_somebody_may_play_it() {
    let show = Show {
        seconds: 60,
        ..Show::default()
    };
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    stage.feed(&messages);
    let source = playlist(&mut stage.stream, Rendition::Source).unwrap();
    assert_eq!(source.segments.len(), 8);
    let there = |msn: u64| {
        let object = Object::Segment(Rendition::Source, Msn(msn));
        bytes(stage.stream.find(object)).is_some()
    };
    // Eight segments of two seconds were listed: a removed one stays for 18 seconds at least.
    let first = source.media_sequence.0;
    assert!((first - 9..first).all(there));
    assert!(!there(stamps(&messages)[0].1.msn.0));
}

#[test]
fn the_part_that_comes_next_can_be_waited_for_and_no_other() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    let (last, stamp) = *stamps(&messages).last().unwrap();
    stage.feed(&messages[..last + 45]);
    let part = |n| Object::Part(Rendition::Source, stamp.msn, PartIndex(n));
    let at = stage.stream.position(Rendition::Source).unwrap();
    assert_eq!((at.open, at.open_parts), (stamp.msn, 1));
    assert!(matches!(stage.stream.find(part(0)), Found::Bytes(..)));
    assert_eq!(stage.stream.find(part(1)), Found::Soon);
    assert_eq!(stage.stream.find(part(2)), Found::Nothing);
    let segment = Object::Segment(Rendition::Source, stamp.msn);
    assert_eq!(stage.stream.find(segment), Found::Nothing);
}
