//! Playlists of every form: written, read back, and broken on the way.

use crate::{Dsn, Msn, PartIndex, playlist::*};
use proptest::{collection::vec, option, prelude::*};

fn seconds() -> impl Strategy<Value = Seconds> {
    any::<u64>().prop_map(Seconds::from_units)
}

fn uri() -> impl Strategy<Value = Uri> {
    "[a-zA-Z0-9./_%?&=ä-]{1,20}".prop_map(|text| text.parse().unwrap())
}

fn text() -> impl Strategy<Value = Text> {
    "[ -!#-~\tà-ý]{0,20}".prop_map(|text| text.parse().unwrap())
}

prop_compose! {
    fn parts()(parts in vec((uri(), seconds(), any::<bool>(), any::<bool>()), 0..4)) -> Vec<Part> {
        parts
            .into_iter()
            .map(|(uri, duration, independent, gap)| Part { uri, duration, independent, gap })
            .collect()
    }
}

prop_compose! {
    fn any_head()(
        discontinuity: bool,
        map in option::of(uri()),
        date in option::of(0..253_402_300_800_000u64),
    ) -> SegmentHead {
        let program_date_time = date.map(ProgramDateTime::from_unix_millis);
        SegmentHead { discontinuity, map, program_date_time }
    }
}

prop_compose! {
    fn segment()(
        head in any_head(),
        parts in parts(),
        gap: bool,
        duration in seconds(),
        uri in uri(),
    ) -> Segment {
        Segment { head, parts, gap, duration, uri }
    }
}

prop_compose! {
    fn server_control()(
        can_block_reload: bool,
        can_skip_date_ranges: bool,
        can_skip_until in option::of(seconds()),
        hold_back in option::of(seconds()),
        part_hold_back in seconds(),
    ) -> ServerControl {
        ServerControl {
            can_block_reload,
            can_skip_until,
            can_skip_date_ranges,
            hold_back,
            part_hold_back: Some(part_hold_back),
        }
    }
}

prop_compose! {
    fn start_tag()(from_end: bool, offset in seconds(), precise: bool) -> Start {
        Start { from_end, offset, precise }
    }
}

prop_compose! {
    fn report()(uri in uri(), msn: u64, part in option::of(any::<u32>())) -> RenditionReport {
        RenditionReport { uri, last_msn: Msn(msn), last_part: part.map(PartIndex) }
    }
}

prop_compose! {
    fn media_playlist()(
        (independent_segments, end_list, target_duration) in any::<(bool, bool, u64)>(),
        (media_sequence, discontinuity_sequence) in any::<(u64, u64)>(),
        (server_control, part_target, start) in
            (option::of(server_control()), option::of(seconds()), option::of(start_tag())),
        skipped in option::of((any::<u64>(), option::of(text()))),
        date_ranges in vec("[A-Z]=\"[a-z,\"]{1,9}", 0..3),
        segments in vec(segment(), 0..6),
        open in option::of((any_head(), parts())),
        (preload_hint, rendition_reports) in (option::of(uri()), vec(report(), 0..3)),
    ) -> MediaPlaylist {
        let mut playlist = MediaPlaylist {
            independent_segments,
            target_duration,
            server_control,
            part_target,
            media_sequence: Msn(media_sequence),
            discontinuity_sequence: Dsn(discontinuity_sequence),
            start,
            skipped: skipped.map(|(segments, removed_date_ranges)| {
                Skipped { segments, removed_date_ranges }
            }),
            date_ranges: date_ranges.iter().map(|line| line.parse().unwrap()).collect(),
            segments: segments.into(),
            // An open segment of which nothing is said is none.
            open: open
                .filter(|(head, parts)| head.discontinuity || !parts.is_empty())
                .map(|(head, parts)| OpenSegment { head, parts }),
            preload_hint,
            rendition_reports,
            end_list,
        };
        // Once there is an initialization section, there always is one.
        let heads = playlist.segments.iter_mut().map(|segment| &mut segment.head);
        let mut map: Option<Uri> = None;
        for head in heads.chain(playlist.open.iter_mut().map(|open| &mut open.head)) {
            head.map = head.map.take().or_else(|| map.clone());
            map.clone_from(&head.map);
        }
        playlist
    }
}

prop_compose! {
    fn rendition()(
        media_type in prop_oneof![
            Just(MediaType::Audio), Just(MediaType::Video),
            Just(MediaType::Subtitles), Just(MediaType::ClosedCaptions),
        ],
        (group_id, name, language, channels) in
            (text(), text(), option::of(text()), option::of(text())),
        (default, autoselect) in any::<(bool, bool)>(),
        uri in option::of(uri()),
    ) -> AlternativeRendition {
        AlternativeRendition {
            media_type, group_id, name, language, default, autoselect, channels, uri,
        }
    }
}

prop_compose! {
    fn variant()(
        (bandwidth, average_bandwidth) in any::<(u64, Option<u64>)>(),
        size in any::<Option<(u32, u32)>>(),
        frame_rate in any::<Option<u64>>(),
        (codecs, audio, pathway) in
            (option::of(text()), option::of(text()), option::of(text())),
        uri in uri(),
    ) -> Variant {
        Variant {
            bandwidth,
            average_bandwidth,
            codecs,
            resolution: size.map(|(width, height)| Resolution { width, height }),
            frame_rate: frame_rate.map(FrameRate::from_thousandths),
            audio,
            pathway,
            uri,
        }
    }
}

prop_compose! {
    fn any_multivariant()(
        independent_segments: bool,
        start in option::of(start_tag()),
        steering in option::of("SERVER-URI=\"[a-z/]{1,9}\""),
        renditions in vec(rendition(), 0..3),
        variants in vec(variant(), 0..4),
        i_frames in vec(variant(), 0..2),
    ) -> Multivariant {
        let i_frame = |v: Variant| IFrameVariant {
            bandwidth: v.bandwidth,
            average_bandwidth: v.average_bandwidth,
            codecs: v.codecs,
            resolution: v.resolution,
            pathway: v.pathway,
            uri: v.uri,
        };
        Multivariant {
            independent_segments,
            start,
            content_steering: steering.map(|line| line.parse().unwrap()),
            renditions,
            variants,
            i_frame_variants: i_frames.into_iter().map(i_frame).collect(),
        }
    }
}

proptest! {
    #[test]
    fn a_media_playlist_that_is_written_is_read_back_equal(playlist in media_playlist()) {
        let text = playlist.write();
        prop_assert_eq!(MediaPlaylist::parse(text.as_bytes()), Ok(playlist.clone()), "{}", text);
        prop_assert_eq!(version_of(text.as_bytes()), Ok(Some(playlist.needed_version())));
    }

    #[test]
    fn a_delta_update_lists_the_tail_of_the_whole(playlist in media_playlist()) {
        let delta = MediaPlaylist::parse(playlist.write_delta().as_bytes()).unwrap();
        prop_assert_eq!(delta.open_msn(), playlist.open_msn());
        let uris = |list: &MediaPlaylist| -> Vec<Uri> {
            list.segments.iter().map(|segment| segment.uri.clone()).collect()
        };
        prop_assert!(uris(&playlist).ends_with(&uris(&delta)));
    }

    #[test]
    fn a_multivariant_playlist_that_is_written_is_read_back_equal(playlist in any_multivariant()) {
        let text = playlist.write();
        prop_assert_eq!(Multivariant::parse(text.as_bytes()), Ok(playlist), "{}", text);
    }

    #[test]
    fn whatever_comes_is_read_or_refused(
        playlist in media_playlist(),
        cut in any::<prop::sample::Index>(),
        put in any::<prop::sample::Index>(),
        junk in vec(any::<u8>(), 0..12),
    ) {
        let mut bytes = playlist.write().into_bytes();
        let at = put.index(bytes.len());
        bytes.splice(at..at, junk);
        bytes.truncate(cut.index(bytes.len() + 1));
        if let Ok(read) = MediaPlaylist::parse(&bytes) {
            // What was taken for a playlist has one meaning, and no check fails on it.
            prop_assert_eq!(MediaPlaylist::parse(read.write().as_bytes()), Ok(read.clone()));
            check::media(&read);
            check::successive(&playlist, &read);
            check::presentation(&[(&"a".parse().unwrap(), &playlist), (&"b".parse().unwrap(), &read)]);
        }
        if let Ok(read) = Multivariant::parse(&bytes) {
            prop_assert_eq!(Multivariant::parse(read.write().as_bytes()), Ok(read));
        }
    }
}
