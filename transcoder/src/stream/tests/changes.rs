//! A show that becomes another in mid-stream: each plays, and the seam is at one segment in all renditions.

use bytes::Bytes;
use live::{
    MediaTime, Msn,
    cutter::{Cutter, SegmentTarget},
};

use super::*;
use crate::show::{AV1C, AVCC, HVCC};

const OPUS: &[u8] = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";

/// A show and what it is coded with.
#[derive(Debug, Clone)]
struct Kind {
    show: Show,
    video: Option<(VideoCodec, &'static [u8])>,
    audio: Option<(SoundCodec, &'static [u8])>,
}

impl Kind {
    fn usual() -> Self {
        Self {
            show: Show {
                seconds: 9,
                ..Show::default()
            },
            video: Some((VideoCodec::Avc, AVCC)),
            audio: Some((SoundCodec::Aac, b"\x11\x90")),
        }
    }

    fn headers(&self) -> Vec<Message> {
        let video = self
            .video
            .map(|(codec, record)| Message::VideoConfig(codec, Bytes::from_static(record)));
        let audio = self
            .audio
            .map(|(codec, config)| Message::AudioConfig(codec, Bytes::from_static(config)));
        video.into_iter().chain(audio).collect()
    }

    /// The show from `start_ms` on, in the codecs of this kind.
    fn session(&self, start_ms: u64, last: Option<live::cutter::LastNumbers>) -> Vec<Message> {
        let mut messages = self.show.session(start_ms, last);
        messages.retain_mut(|message| match message {
            Message::Video { codec, .. } => self.video.map(|(is, _)| *codec = is).is_some(),
            Message::Audio { codec, .. } => self.audio.map(|(is, _)| *codec = is).is_some(),
            Message::VideoConfig(..)
            | Message::AudioConfig(..)
            | Message::Metadata(_)
            | Message::DateRange(_)
            | Message::Cue(..)
            | Message::Stamp(_)
            | Message::End => true,
        });
        messages
    }

    /// The same behind what was there, in its session: with the next discontinuity sequence number if it is `another`.
    fn behind(&self, before: &[Message], another: bool) -> Vec<Message> {
        let (_, open) = *stamps(before).last().unwrap();
        let start = open.pts.millis() + 2000;
        let mut messages = self.session(start, last_numbers(before));
        for message in &mut messages {
            if let Message::Stamp(stamp) = message {
                stamp.msn.0 = stamp.msn.0 - (start / 1000).max(open.msn.0 + 1) + open.msn.0 + 1;
                stamp.session = open.session;
                stamp.dsn.0 = open.dsn.0 + u64::from(another);
            }
        }
        messages
    }
}

/// Feeds one show, then another; every playlist on the way is valid.
fn change(one: &Kind, other: &Kind, another: bool) -> (Stage, Vec<Message>, Vec<Message>) {
    let mut stage = Stage::new(settings());
    let mut before = Vec::new();
    let first = one.session(START_MS, None);
    let second = other.behind(&first, another);
    let all = [
        one.headers(),
        first.clone(),
        other.headers(),
        second.clone(),
    ];
    for (count, message) in all.concat().into_iter().enumerate() {
        let look = matches!(message, Message::Stamp(_)) || count % 16 == 0;
        stage.feed_one(message);
        if look {
            assert_playlists(&mut stage.stream, &mut before);
        }
    }
    (stage, first, second)
}

fn discontinuities(stage: &mut Stage, rendition: Rendition) -> Vec<Msn> {
    let list = playlist(&mut stage.stream, rendition).unwrap();
    let broken = list
        .numbered()
        .filter(|(_, segment)| segment.head.discontinuity);
    broken.map(|(msn, _)| msn).collect()
}

#[test]
fn another_picture_or_sound_is_a_seam_at_one_segment_everywhere() {
    let usual = Kind::usual();
    let with = |change: fn(&mut Kind)| {
        let mut kind = Kind::usual();
        change(&mut kind);
        kind
    };
    let others = [
        with(|kind| kind.video = Some((VideoCodec::Hevc, HVCC))),
        with(|kind| kind.video = Some((VideoCodec::Av1, AV1C))),
        with(|kind| {
            kind.video = Some((VideoCodec::Av1, AV1C));
            kind.show.rate = (60, 1);
            kind.show.gops = vec![120];
        }),
        with(|kind| {
            kind.show.audio_rate = Some(44_100);
            kind.audio = Some((SoundCodec::Aac, b"\x12\x10"));
        }),
        with(|kind| kind.audio = Some((SoundCodec::Aac, b"\x11\x88"))),
        with(|kind| kind.audio = Some((SoundCodec::Opus, OPUS))),
        with(|kind| kind.audio = Some((SoundCodec::Mp3, b""))),
    ];
    for other in &others {
        for (one, two) in [(&usual, other), (other, &usual)] {
            let (mut stage, first, second) = change(one, two, true);
            let (_, last) = *stamps(&first).last().unwrap();
            for rendition in ALL {
                let broken = discontinuities(&mut stage, rendition);
                assert_eq!(broken, [last.msn.next()], "{two:?}: {rendition}");
                let real = segments(&mut stage.stream, rendition);
                let after = real.iter().filter(|(msn, _)| *msn > last.msn).count();
                assert!(
                    after + 1 >= stamps(&second).len() - 1,
                    "{two:?}: {rendition}, {after}"
                );
            }
            assert_presentation(&mut stage.stream);
        }
    }
}

#[test]
fn the_multivariant_playlist_names_what_is_published_now() {
    let mut hevc = Kind::usual();
    hevc.video = Some((VideoCodec::Hevc, HVCC));
    let (stage, ..) = change(&Kind::usual(), &hevc, true);
    let text = stage.stream.multivariant().unwrap();
    let text = String::from_utf8_lossy(&text.whole()).into_owned();
    assert!(text.contains("hvc1.2.4.L63.90,mp4a.40.2"), "{text}");
    assert!(text.contains("avc1.4d401e"), "the rung: {text}");
}

#[test]
fn sound_that_comes_late_joins_and_sound_that_vanishes_is_silence() {
    let mut silent = Kind::usual();
    silent.audio = None;
    let (mut late, first, _) = change(&silent, &Kind::usual(), false);
    let (_, open) = *stamps(&first).last().unwrap();
    let heard = segments(&mut late.stream, Rendition::Audio);
    assert_eq!(heard[0].0, open.msn.next());
    assert_presentation(&mut late.stream);

    let (mut gone, ..) = change(&Kind::usual(), &silent, false);
    assert_continuous(&mut gone.stream, Rendition::Audio);
    let position = |rendition| gone.stream.position(rendition).unwrap().open.0;
    let behind = position(Rendition::Source) - position(Rendition::Audio);
    assert!(behind <= 1, "silence is {behind} segments late");
    let list = playlist(&mut gone.stream, Rendition::Audio).unwrap();
    let real = list.segments.iter().skip_while(|segment| segment.gap);
    assert!(real.clone().count() > 5 && real.clone().all(|segment| !segment.gap));
    assert_presentation(&mut gone.stream);
}

#[test]
fn sound_alone_plays() {
    let mut cutter = Cutter::new(SegmentTarget::from_millis(2000).unwrap(), None);
    cutter.start(START_MS);
    let mut stage = Stage::new(settings());
    let headers = Kind::usual().headers();
    stage.feed(&headers[1..]);
    let mut before = Vec::new();
    for n in 0..600_u64 {
        let ms = START_MS + n * 64 / 3;
        let mut stamps = Vec::new();
        cutter.audio(MediaTime::from_millis(ms), ms, &mut stamps);
        stamps
            .into_iter()
            .for_each(|stamp| stage.feed_one(Message::Stamp(stamp)));
        stage.feed_one(Message::Audio {
            codec: SoundCodec::Aac,
            wire_ms: u32::try_from(ms & 0xffff_ffff).unwrap(),
            bytes: Bytes::from_static(b"sound"),
        });
        assert_playlists(&mut stage.stream, &mut before);
    }
    assert_continuous(&mut stage.stream, Rendition::Audio);
    let text = stage.stream.multivariant().unwrap();
    let parsed = Multivariant::parse(&text.whole()).unwrap();
    let uris: Vec<_> = parsed.variants.iter().map(|v| v.uri.as_str()).collect();
    assert_eq!(uris, ["audio/media.m3u8"]);
}
