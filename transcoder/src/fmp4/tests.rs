//! What is written, read back by somebody else's reader.

use bytes::Bytes;
use live::{Msn, PartIndex};
use mp4_atom::{Any, Codec, Decode, DecodeMaybe, Ftyp, Moov};

use super::*;
use crate::codec::{AacTrack, VideoCodec, VideoTrack};

fn moov(init: &Bytes) -> Moov {
    let mut rest: &[u8] = init;
    let ftyp = Ftyp::decode(&mut rest).unwrap();
    assert!(ftyp.compatible_brands.contains(&b"cmfc".into()));
    let moov = Moov::decode(&mut rest).unwrap();
    assert!(Any::decode_maybe(&mut rest).unwrap().is_none());
    moov
}

#[test]
fn an_initialization_section_of_video() {
    let track = VideoTrack::parse(VideoCodec::Avc, &Bytes::from_static(crate::show::AVCC)).unwrap();
    let moov = moov(&video_init(&track));
    let trak = &moov.trak[0];
    assert_eq!((trak.tkhd.track_id, moov.trak.len()), (1, 1));
    assert_eq!(trak.mdia.mdhd.timescale, VIDEO_TIMESCALE);
    let Codec::Avc1(avc1) = &trak.mdia.minf.stbl.stsd.codecs[0] else {
        panic!("no avc1");
    };
    assert_eq!((avc1.visual.width, avc1.visual.height), (640, 360));
    assert_eq!(avc1.avcc.avc_level_indication, 0x1e);
    assert_eq!(moov.mvex.unwrap().trex[0].track_id, 1);
}

#[test]
fn initialization_sections_of_hevc_and_av1() {
    let sample_entry = |codec, record: &'static [u8]| {
        let track = VideoTrack::parse(codec, &Bytes::from_static(record)).unwrap();
        let mut moov = moov(&video_init(&track));
        moov.trak[0].mdia.minf.stbl.stsd.codecs.remove(0)
    };
    let Codec::Hvc1(hvc1) = sample_entry(VideoCodec::Hevc, crate::show::HVCC) else {
        panic!("no hvc1");
    };
    assert_eq!((hvc1.visual.width, hvc1.visual.height), (640, 360));
    assert_eq!(hvc1.hvcc.general_profile_idc, 2);
    let Codec::Av01(av01) = sample_entry(VideoCodec::Av1, crate::show::AV1C) else {
        panic!("no av01");
    };
    assert_eq!((av01.visual.width, av01.visual.height), (1280, 720));
    assert_eq!(av01.av1c.seq_level_idx_0, 5);
}

#[test]
fn an_initialization_section_of_sound() {
    let track = AacTrack::parse(&Bytes::from_static(b"\x11\x90")).unwrap();
    let moov = moov(&audio_init(&track));
    let trak = &moov.trak[0];
    assert_eq!(trak.mdia.mdhd.timescale, 48_000);
    let Codec::Mp4a(mp4a) = &trak.mdia.minf.stbl.stsd.codecs[0] else {
        panic!("no mp4a");
    };
    assert_eq!(mp4a.audio.channel_count, 2);
    let specific = mp4a.esds.es_desc.dec_config.dec_specific.as_ref().unwrap();
    assert_eq!(
        (specific.profile, specific.freq_index, specific.chan_conf),
        (2, 3, 2)
    );
}

#[test]
fn a_fragment_of_video() {
    let entries = [
        Entry {
            duration: 3000,
            composition: 0,
            key: true,
            bytes: Bytes::from_static(b"key"),
        },
        Entry {
            duration: 2970,
            composition: -3000,
            key: false,
            bytes: Bytes::from_static(b"other"),
        },
    ];
    let written = Fragment {
        kind: MediaKind::Video,
        sequence: sequence_number(Msn(1_795_000_007), PartIndex(3)),
        decode_time: 161_550_000_000_000,
        entries: &entries,
        clock: Some(ReferenceTime {
            time: 161_550_000_045_000,
            timescale: VIDEO_TIMESCALE,
        }),
    }
    .write();
    let mut rest: &[u8] = &written;
    let Any::Prft(prft) = Any::decode(&mut rest).unwrap() else {
        panic!("no prft");
    };
    assert_eq!(prft.reference_track_id, 1);
    assert_eq!(prft.media_time, 161_550_000_045_000);
    // Half a second after 2026-11-18, by NTP's count of seconds since 1900.
    let ntp = (1_795_000_000 + 2_208_988_800) << 32 | 1 << 31;
    assert_eq!(prft.ntp_timestamp, ntp);
    let moof_at = written.len() - rest.len();
    let Any::Moof(moof) = Any::decode(&mut rest).unwrap() else {
        panic!("no moof");
    };
    let expected = (1_795_000_007_003_u64 & 0xffff_ffff) as u32;
    assert_eq!(moof.mfhd.sequence_number, expected);
    let traf = &moof.traf[0];
    let decode_time = traf.tfdt.as_ref().unwrap().base_media_decode_time;
    assert_eq!(decode_time, 161_550_000_000_000);
    let samples: Vec<_> = traf.trun[0].samples.iter().collect();
    let told: Vec<_> = samples
        .iter()
        .map(|s| (s.duration, s.size, s.cts))
        .collect();
    assert_eq!(
        told,
        [
            (Some(3000), Some(3), Some(0)),
            (Some(2970), Some(5), Some(-3000))
        ]
    );
    let Any::Mdat(mdat) = Any::decode(&mut rest).unwrap() else {
        panic!("no mdat");
    };
    assert_eq!(mdat.data, b"keyother");
    let offset = usize::try_from(traf.trun[0].data_offset.unwrap()).unwrap();
    assert!(written[moof_at + offset..].starts_with(b"keyother"));
}

proptest::proptest! {
    /// Whatever the track and however many fragments: what was written is read.
    #[test]
    fn a_segment_is_read_as_it_was_written(
        samples in proptest::collection::vec((1..9000_u32, -4000..4000_i32, proptest::bool::ANY, 0..50_usize), 1..20),
        cut in 1..20_usize,
        sound in proptest::bool::ANY,
    ) {
        let kind = if sound { MediaKind::Audio } else { MediaKind::Video };
        let entries: Vec<Entry> = samples
            .into_iter()
            .map(|(duration, composition, key, length)| Entry {
                duration,
                composition: if sound { 0 } else { composition },
                key: key || sound,
                bytes: vec![7; length].into(),
            })
            .collect();
        let mut written = Vec::new();
        for (index, entries) in (0_u64..).zip(entries.chunks(cut)) {
            let clock = (index % 3 == 0).then_some(ReferenceTime { time: index, timescale: 48_000 });
            let fragment = Fragment { kind, sequence: 1, decode_time: index << 33, entries, clock };
            written.extend(fragment.write_in(3, (index % 2 == 0).then_some(2)));
        }
        let read = read::segment(kind, &written.clone().into()).unwrap();
        let starts = read.iter().zip(0_u64..).all(|(one, index)| one.decode_time == index << 33);
        proptest::prop_assert!(starts);
        let read: Vec<Entry> = read.into_iter().flat_map(|one| one.entries).collect();
        proptest::prop_assert_eq!(read, entries);
        // What is torn is an error and no panic.
        for length in 1..written.len() {
            let torn = Bytes::copy_from_slice(&written[..length]);
            let _no_panic = read::segment(kind, &torn);
        }
    }
}

#[test]
fn a_film_has_every_track_and_configuration() {
    let picture =
        VideoTrack::parse(VideoCodec::Avc, &Bytes::from_static(crate::show::AVCC)).unwrap();
    let sound = AacTrack::parse(&Bytes::from_static(b"\x11\x90")).unwrap();
    let [picture, sound] =
        [video_init(&picture), audio_init(&sound)].map(|init| read::init(&init).unwrap());
    assert_eq!(
        [picture.timescale, sound.timescale],
        [VIDEO_TIMESCALE, 48_000]
    );
    let tracks = [vec![picture.clone(), picture], vec![sound]];
    let tracks = tracks.map(|configurations| FilmTrack { configurations });
    let head = film_head(&tracks, 12_345).unwrap();
    let mut rest: &[u8] = &head;
    Ftyp::decode(&mut rest).unwrap();
    let moov = Moov::decode(&mut rest).unwrap();
    let told: Vec<(u32, usize)> = moov
        .trak
        .iter()
        .map(|trak| (trak.tkhd.track_id, trak.mdia.minf.stbl.stsd.codecs.len()))
        .collect();
    assert_eq!(told, [(1, 2), (2, 1)]);
    assert_eq!(moov.mvex.unwrap().trex.len(), 2);
}
