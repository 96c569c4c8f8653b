//! [pure] The rules by name: what each asks for, how much it matters, and what is needed to see whether it is kept.

use std::fmt;

/// How much a broken rule matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Players may stall, refuse or show less.
    Should,
    /// The specification says MUST.
    Must,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Should => "SHOULD",
            Self::Must => "MUST",
        })
    }
}

macro_rules! rules {
    ($($(#[doc = $title:literal])* $group:ident {
        $($name:ident, $level:ident, $sentence:literal;)*
    })*) => {
        /// What a rule is about: all of a group can be judged once its material is at hand.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Group {
            $($(#[doc = $title])* $group,)*
        }

        impl Group {
            /// What a person reads above the rules.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$group => concat!($($title),*).trim_ascii(),)* }
            }
        }

        /// The rules, each with the section it comes from.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $($(#[doc = $sentence] $name,)*)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)*)*];

            /// What the rule asks for.
            pub const fn sentence(self) -> &'static str {
                match self { $($(Self::$name => $sentence,)*)* }
            }

            /// How much it matters.
            pub const fn level(self) -> Level {
                match self { $($(Self::$name => Level::$level,)*)* }
            }

            /// What it is about.
            pub const fn group(self) -> Group {
                match self { $($(Self::$name => Group::$group,)*)* }
            }
        }
    };
}

rules! {
    /// One media playlist
    Playlist {
        Syntax, Must, "a playlist can be read: tags, attributes and values are as the specification writes them (4.1 to 4.4)";
        Version, Must, "EXT-X-VERSION is as high as the content needs and no higher (8, 6.2.1)";
        SegmentOverTarget, Must, "EXTINF, rounded to the nearest second, is at most the target duration (4.4.3.1, Apple 7.7)";
        MapMissing, Must, "an fMP4 segment has an EXT-X-MAP before it (3.1.2)";
        PlaylistType, Must, "a playlist without an end is not of PLAYLIST-TYPE VOD (4.4.3.5)";
        DiscontinuitySequenceMissing, Should, "a playlist with discontinuities has EXT-X-DISCONTINUITY-SEQUENCE (Apple 8.17)";
        ProgramDateTimeDrift, Must, "a segment's date is that of the one before plus its duration (4.4.4.6)";
        DateRange, Must, "a date range has an ID and a START-DATE, at most one end, and with END-ON-NEXT a CLASS (4.4.5.1)";
        DateRangesContradict, Must, "two date ranges with the same ID say nothing different (4.4.5.1)";
        DateRangesOverlap, Must, "where one date range of a class ends with the next, none of that class overlap (4.4.5.1)";
        DateRangeUndated, Must, "a playlist with date ranges has EXT-X-PROGRAM-DATE-TIME (4.4.5.1)";
        ProgramDateTimeBack, Must, "no date stands for two moments: after a discontinuity dates go back by less than a second (6.2.4)";
    }
    /// A live playlist
    Live {
        ShortPlaylist, Must, "a live playlist is at least three target durations long (6.2.2)";
        FewSegments, Must, "a live playlist lists at least six segments (Apple 8.11)";
        ProgramDateTimeMissing, Must, "a live playlist has EXT-X-PROGRAM-DATE-TIME (Apple 8.4)";
    }
    /// Parts and preload hints
    LowLatency {
        PartInfMissing, Must, "a playlist with parts declares their target by EXT-X-PART-INF (4.4.3.7)";
        ServerControlMissing, Must, "a playlist with parts has PART-HOLD-BACK (4.4.3.8)";
        BlockingReloadMissing, Must, "a playlist with parts has CAN-BLOCK-RELOAD=YES (Appendix B.1)";
        PartOverTarget, Must, "a part lasts at most PART-TARGET (4.4.4.9)";
        PartUnderTarget, Must, "a part lasts at least 85 % of PART-TARGET, but for independent ones, gaps, those before a gap and the last of a segment (4.4.4.9)";
        PartHoldBackTwice, Must, "PART-HOLD-BACK is at least twice PART-TARGET (4.4.3.8)";
        PartHoldBackThrice, Should, "PART-HOLD-BACK is at least three times PART-TARGET (4.4.3.8, Apple 14.3)";
        HoldBack, Must, "HOLD-BACK is at least three target durations (4.4.3.8)";
        CanSkipUntil, Must, "CAN-SKIP-UNTIL is at least six target durations (4.4.3.8)";
        PartsAddUp, Should, "the parts of a segment last as long as the segment, to within a frame (4.4.4.9)";
        PartsFarFromEdge, Should, "parts leave the playlist when three target durations from its end (6.2.2)";
        PartsLeftEarly, Must, "parts stay in the playlist until three target durations from its end (6.2.2)";
        PartOfGap, Must, "a part of a GAP segment is a GAP too (4.4.4.7)";
        FirstPartIndependent, Must, "the first part of an independent segment says INDEPENDENT=YES (4.4.4.9)";
        HeadAfterPart, Must, "what is said of a segment (discontinuity, key, map, date) stands before its first part (Appendix B.1)";
        PreloadHintMissing, Should, "a live playlist with parts hints at the next part (Apple, Appendix B.1)";
        PreloadHintListed, Must, "what is hinted at is not in the playlist yet (4.4.5.3)";
        HintAfterEnd, Must, "a playlist that has ended has no preload hint and no open segment (6.2.2)";
    }
    /// Two fetches of one playlist, one after the other
    Successive {
        TargetDurationChanged, Must, "the target duration never changes (6.2.1)";
        PartTargetChanged, Must, "PART-TARGET never changes (6.2.1)";
        MediaSequenceFell, Must, "the media sequence number never falls (6.2.2)";
        SegmentVanished, Must, "segments leave at the front only (6.2.2)";
        SegmentChanged, Must, "a segment in the playlist never changes (6.2.1)";
        PartChanged, Must, "a part in the playlist never changes (6.2.1)";
        DiscontinuitySequence, Must, "the discontinuity sequence grows by the discontinuities that left (6.2.2)";
        PreloadHintBroken, Must, "the part that comes is the one that was hinted at (4.4.5.3)";
        ChangedAfterEnd, Must, "a playlist that has ended never changes (6.2.1)";
        ShortWindow, Should, "segments leave a live playlist after 15 minutes at the earliest (Apple 8.12)";
    }
    /// When news comes
    Pace {
        SegmentLate, Must, "a new segment is listed within 1.5 target durations of the one before (6.2.2)";
        PartLate, Must, "a new part is listed within PART-TARGET of the one before; as much again is allowed for the way here (6.2.2)";
    }
    /// The multivariant playlist
    Multivariant {
        NoVariant, Must, "a multivariant playlist has a variant (4.4.6.2)";
        CodecsMissing, Must, "every variant has CODECS (4.4.6.2, Apple 9.1)";
        AverageBandwidthMissing, Must, "every variant has AVERAGE-BANDWIDTH (Apple 9.15)";
        AverageOverPeak, Must, "AVERAGE-BANDWIDTH is at most BANDWIDTH (4.4.6.2)";
        ResolutionMissing, Must, "every variant with pictures has RESOLUTION (Apple 9.13)";
        FrameRateMissing, Must, "every variant with pictures has FRAME-RATE (Apple 9.14)";
        AudioGroupUnknown, Must, "the AUDIO group of a variant is defined by an EXT-X-MEDIA (4.4.6.2)";
        AudioGroupCodecs, Must, "CODECS of a variant names the format of its AUDIO group too (4.4.6.2)";
        GroupNameTwice, Must, "renditions of a group have different names (4.4.6.1.1)";
        GroupDefaults, Must, "at most one rendition of a group is the default (4.4.6.1.1)";
        DefaultNotAutoselect, Must, "a default rendition is one that may be selected by itself: AUTOSELECT=YES (4.4.6.1)";
        ChannelsMissing, Should, "every audio rendition has CHANNELS (4.4.6.1)";
        LanguageMissing, Should, "every audio and subtitle rendition has LANGUAGE (Apple 8.10)";
        IndependentSegmentsMissing, Should, "the multivariant playlist has EXT-X-INDEPENDENT-SEGMENTS (Apple 9.11)";
        FirstVariant, Should, "the first variant, with which players begin, is that of about 2 Mbit/s, if there is one (Apple 1.32)";
        AspectRatiosDiffer, Should, "all variants have the same aspect ratio (Apple 1.33)";
        IFramesMissing, Should, "there is an I-frame playlist (Apple 6.1)";
    }
    /// All playlists of a presentation
    Presentation {
        TargetDurationsDiffer, Must, "all renditions have the same target duration (6.2.4)";
        ServerControlsDiffer, Must, "all renditions have the same EXT-X-SERVER-CONTROL (6.2.4)";
        PlaylistTypesDiffer, Must, "if one playlist is of PLAYLIST-TYPE EVENT, all are (6.2.4)";
        MediaSequencesDiffer, Should, "a moment has the same media sequence number in all renditions (6.2.4)";
        DiscontinuitiesDiffer, Must, "all renditions have their discontinuities at the same segments (6.2.4, Apple 8.15)";
        ProgramDateTimesDiffer, Must, "a segment has the same date in all renditions, to within a frame (6.2.4)";
        RenditionReportMissing, Must, "a low-latency playlist reports on every other rendition (4.4.5.4, Appendix B.1)";
    }
    /// I-frame playlists
    IFrames {
        IFramesOnlyMissing, Must, "a playlist of EXT-X-I-FRAME-STREAM-INF has EXT-X-I-FRAMES-ONLY (4.4.6.3)";
        IFrameRange, Must, "what an I-frame playlist names begins with the fragment's header, moof, and holds a keyframe (Apple 6.10)";
    }
    /// Initialization sections, segments and parts
    Fragments {
        Malformed, Must, "an object is fragmented MP4: boxes that fit, one track, samples that account for all media data (3.1.2)";
        SegmentDuration, Must, "EXTINF is what the segment's samples last, to within a frame (4.4.4.1, Apple 8.1)";
        PartDuration, Must, "a part's DURATION is what its samples last, to within a frame (4.4.4.9)";
        DecodeTimeHole, Must, "tfdt is that of the segment before plus the durations of its samples (Apple 7.3)";
        FirstFrameNotIdr, Must, "a video segment starts with an IDR picture (Apple 7.4)";
        PartNotIndependent, Must, "a part that says INDEPENDENT=YES holds a keyframe (4.4.4.9)";
        PartsDiffer, Must, "the parts of a segment, put together, are the segment's samples (4.4.4.9)";
        DateMapping, Must, "dates and media times have the same distance in all renditions, to within a frame (6.2.4)";
        ObjectChanged, Must, "a path means the same bytes when it is asked for again (6.2.1)";
    }
    /// What the multivariant playlist says of the media
    Description {
        CodecsDiffer, Must, "CODECS names what the initialization sections hold (4.4.6.2)";
        ResolutionDiffers, Must, "RESOLUTION is the picture's size (4.4.6.2)";
        FrameRateDiffers, Should, "no more pictures come than FRAME-RATE says, to within 5 % (4.4.6.2)";
        PeakOverBandwidth, Must, "the peak bit rate of segments with their audio is at most 125 % of BANDWIDTH (4.4.6.2, Apple 1.29)";
        AverageOverBandwidth, Should, "the average bit rate seen is at most 110 % of AVERAGE-BANDWIDTH (Apple 1.28)";
    }
    /// HTTP
    Transport {
        Unavailable, Must, "what a playlist names can be fetched (6.2.1)";
        Redirected, Should, "nothing is answered by a redirection (Apple 8.18)";
        PlaylistContentType, Must, "a playlist is of type application/vnd.apple.mpegurl or audio/mpegurl (4)";
        MediaContentType, Should, "media is of a type that says so, such as video/mp4 (3.1.2)";
        PlaylistNotCompressed, Must, "playlists are compressed by gzip for who accepts it (Apple 10.1)";
        CorsMissing, Should, "Access-Control-Allow-Origin lets pages of other sites play";
        PlaylistKept, Should, "a live playlist is kept no longer than a target duration, one that was waited for no longer than six (6.2.5.2)";
        MediaKept, Should, "media may be kept at least as long as the playlist lists it (6.2.2)";
        RefusalKept, Should, "a refusal is kept no longer than a target duration (6.2.5.2)";
        Http2Missing, Should, "low latency over TLS is offered by HTTP/2 (Appendix B.1)";
    }
    /// Delivery directives
    Directives {
        BlockingReloadIgnored, Must, "a request for a part that is to come is answered when the playlist holds it (6.2.5.2)";
        OldSegmentRefused, Must, "a request for a segment that is long there is answered at once with the playlist (6.2.5.2)";
        FarFutureAccepted, Must, "_HLS_msn more than two segments ahead is answered 400 (6.2.5.2)";
        PartWithoutSegment, Must, "_HLS_part without _HLS_msn is answered 400 (6.2.5.2)";
        DirectivesAfterEnd, Must, "after EXT-X-ENDLIST directives are ignored (6.2.5.2)";
        DeltaIgnored, Must, "_HLS_skip=YES is answered by a delta update where CAN-SKIP-UNTIL allows one (6.2.5.1)";
        DeltaTooDeep, Must, "a delta update leaves out only what ends further than CAN-SKIP-UNTIL from the end (6.2.5.1)";
        DeltaDiffers, Must, "a delta update and the playlist it stands for list the same segments (6.2.5.1)";
        DeltaV2, Must, "_HLS_skip=v2 is answered like YES where CAN-SKIP-DATERANGES allows it, with RECENTLY-REMOVED-DATERANGES (4.4.5.2, 6.2.5.1)";
        HintNotServed, Must, "the part that is hinted at can be asked for before it is there (6.2.6)";
        PartDribbles, Must, "a part is sent whole and at the speed of the link, never while it grows (6.2.6)";
        ReportBehind, Should, "a rendition report is as new as the playlist it speaks of, to within a segment (4.4.5.4)";
    }
    /// What has left the playlist
    Removal {
        SegmentRemovedEarly, Must, "a segment stays available after it left for its duration and that of the longest playlist that listed it (6.2.2)";
        PartRemovedEarly, Must, "a part stays available for three target durations after it left (6.2.2)";
    }
}
