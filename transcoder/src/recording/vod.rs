//! [pure] A recorded show once it is over: playlists that start and end together and last equally long, and an index with
//! measured rates.
//!
//! A rung that came later or went earlier gets EXT-X-GAP where the others have media, so that players find the same
//! moment at the same place in all playlists. Where no rendition has anything, at either end, the show is cut; so is a hold
//! that nobody came back from, with its silence and its slate: the show ends with the last that was published.

use std::collections::{BTreeMap, BTreeSet};

use live::{
    Dsn, Msn, Object, Rendition,
    playlist::{
        AlternativeRendition, DateRange, IFrameVariant, Line, MediaPlaylist, MediaType,
        Multivariant, ProgramDateTime, Seconds, Segment, SegmentHead, Text, Uri, Variant,
    },
};

use super::journal::{Kind, write};

mod length;

/// The bytes of each kept segment, by number: what is not there, or is empty, was lost and becomes a GAP.
pub(super) type Sizes = BTreeMap<Msn, u64>;

/// Bits per second of one rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rates {
    /// Over all that was kept.
    pub(super) average: u64,
    /// Of its largest segment; those shorter than half the target duration say nothing (RFC 8216bis §4.4.6.2).
    pub(super) peak: u64,
}

/// What is known of one segment, whichever rendition has it.
#[derive(Debug, Clone, Copy)]
struct Slot {
    duration: Seconds,
    date: Option<ProgramDateTime>,
    discontinuity: bool,
    media: bool,
}

/// Marks what was lost, and fills and cuts all to the same segments. Renditions without any media are left out. In the
/// segments of `held` nobody published.
pub(super) fn align(
    mut renditions: BTreeMap<Rendition, (MediaPlaylist, Sizes)>,
    held: &BTreeSet<Msn>,
) -> Vec<Recorded> {
    let mut slots: BTreeMap<Msn, Slot> = BTreeMap::new();
    for (playlist, sizes) in renditions.values_mut() {
        let first = playlist.media_sequence;
        for (segment, msn) in playlist.segments.iter_mut().zip(first.0..) {
            segment.gap |= sizes.get(&Msn(msn)).is_none_or(|size| *size == 0);
            let told = Slot {
                duration: segment.duration,
                date: segment.head.program_date_time,
                discontinuity: segment.head.discontinuity,
                media: !segment.gap,
            };
            let slot = slots.entry(Msn(msn)).or_insert(told);
            slot.discontinuity |= told.discontinuity;
            if told.media && !slot.media {
                (slot.duration, slot.date, slot.media) = (told.duration, told.date, true);
            }
        }
    }
    let media = slots.iter().filter(|(_, slot)| slot.media);
    let mut media = media.map(|(msn, _)| *msn);
    let Some(first) = media.next() else {
        return Vec::new();
    };
    let published = media.rfind(|msn| !held.contains(msn));
    let last = published.unwrap_or(first);
    let ranges = date_ranges(renditions.values().map(|(playlist, _)| playlist));
    let crossed = |playlist: &MediaPlaylist| {
        let before = slots.range(playlist.media_sequence..=first).skip(1);
        let crossed = before.filter(|(_, slot)| slot.discontinuity).count();
        playlist.discontinuity_sequence.0 + u64::try_from(crossed).unwrap_or(u64::MAX)
    };
    let earliest = renditions.values().map(|(playlist, _)| playlist);
    let earliest = earliest.min_by_key(|playlist| playlist.media_sequence);
    let dsn = Dsn(earliest.map(crossed).unwrap_or_default());
    let kept: Vec<(Msn, Slot)> = slots.range(first..=last).map(|(m, s)| (*m, *s)).collect();
    let mut recorded: Vec<Recorded> = renditions
        .into_iter()
        .filter_map(|(rendition, (playlist, sizes))| {
            let mut recorded = Recorded::new(rendition, playlist, &sizes, &kept, dsn)?;
            recorded.playlist.date_ranges.clone_from(&ranges);
            Some(recorded)
        })
        .collect();
    length::agree(&mut recorded);
    recorded
}

/// What was told beside any rendition: the same beside all.
fn date_ranges<'a>(playlists: impl Iterator<Item = &'a MediaPlaylist>) -> Vec<Line> {
    let told = playlists.flat_map(|playlist| &playlist.date_ranges);
    let all: BTreeSet<&Line> = told.collect();
    let mut all: Vec<Line> = all.into_iter().cloned().collect();
    let start = |line: &Line| {
        let range: Result<DateRange, _> = line.as_str().parse();
        range.map(|range| range.start()).ok()
    };
    all.sort_by_cached_key(start);
    all
}

/// One rendition of a show that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    /// Which one.
    pub(super) rendition: Rendition,
    /// Its playlist.
    pub(super) playlist: MediaPlaylist,
    /// What it costs.
    pub(super) rates: Rates,
}

impl Recorded {
    fn new(
        rendition: Rendition,
        playlist: MediaPlaylist,
        sizes: &Sizes,
        slots: &[(Msn, Slot)],
        dsn: Dsn,
    ) -> Option<Self> {
        let (first, _) = slots.first()?;
        let rates = rates(&playlist, sizes)?;
        let mut own: BTreeMap<Msn, Segment> = (playlist.media_sequence.0..)
            .map(Msn)
            .zip(playlist.segments)
            .collect();
        let fill = |msn: Msn, slot: &Slot| Segment {
            head: SegmentHead {
                discontinuity: false,
                map: None,
                program_date_time: slot.date,
            },
            parts: Vec::new(),
            gap: true,
            duration: slot.duration,
            uri: Uri::beside(Object::Segment(rendition, msn)),
        };
        let segments = slots.iter().map(|(msn, slot)| {
            let mut segment = own.remove(msn).unwrap_or_else(|| fill(*msn, slot));
            segment.head.discontinuity = slot.discontinuity && msn != first;
            segment
        });
        Some(Self {
            rendition,
            rates,
            playlist: MediaPlaylist {
                independent_segments: true,
                target_duration: playlist.target_duration,
                media_sequence: *first,
                discontinuity_sequence: dsn,
                segments: segments.collect(),
                end_list: true,
                ..MediaPlaylist::default()
            },
        })
    }

    /// Its text.
    pub(super) fn write(&self) -> String {
        write(&self.playlist, self.playlist.needed_version(), Kind::Vod)
    }
}

impl Recorded {
    /// The text of its I-frame playlist, and what that costs. `lengths` says how many bytes at a segment's start decode
    /// its first picture. None without any.
    pub(super) fn pictures(&self, lengths: &Sizes) -> Option<(String, Rates)> {
        const HEAD: &str = "#EXT-X-TARGETDURATION";
        let rates = rates(&self.playlist, lengths)?;
        let length = |msn| lengths.get(&msn).copied();
        let text = self.playlist.write_i_frames(length, None);
        let kind = format!("#EXT-X-PLAYLIST-TYPE:VOD\n{HEAD}");
        Some((text.replacen(HEAD, &kind, 1), rates))
    }
}

/// `None` when nothing was kept.
fn rates(playlist: &MediaPlaylist, sizes: &Sizes) -> Option<Rates> {
    let bps = |bytes: u64, length: Seconds| {
        bytes.saturating_mul(8).saturating_mul(Seconds::PER_SECOND) / length.units().max(1)
    };
    let kept = playlist.numbered().filter(|(_, segment)| !segment.gap);
    let kept = kept.filter_map(|(msn, segment)| Some((segment.duration, *sizes.get(&msn)?)));
    let half = Seconds::from_millis(playlist.target_duration.saturating_mul(500));
    let (mut length, mut bytes, mut peak) = (Seconds::default(), 0_u64, 0);
    for (duration, size) in kept {
        length = length.plus(duration);
        bytes = bytes.saturating_add(size);
        if duration >= half {
            peak = bps(size, duration).max(peak);
        }
    }
    let average = bps(bytes, length);
    (bytes > 0).then(|| Rates {
        average,
        peak: peak.max(average),
    })
}

/// The index while the show runs: what players were offered live, as far as it is recorded.
pub(super) fn running_index(
    live: &Multivariant,
    recorded: impl Fn(Rendition) -> bool,
) -> Option<String> {
    Some(restricted(live, recorded)?.write())
}

/// What there is of `live`, without I-frame playlists: those come with the end.
fn restricted(live: &Multivariant, recorded: impl Fn(Rendition) -> bool) -> Option<Multivariant> {
    let has = |uri: &Uri| rendition_of(uri).is_some_and(&recorded);
    let mut index = Multivariant {
        independent_segments: true,
        renditions: live.renditions.clone(),
        variants: live.variants.clone(),
        ..Multivariant::default()
    };
    index
        .renditions
        .retain(|media| media.uri.as_ref().is_some_and(has));
    index.variants.retain(|variant| has(&variant.uri));
    let sound = !index.renditions.is_empty();
    for variant in &mut index.variants {
        variant.audio = variant.audio.take().filter(|_| sound);
        variant.pathway = None;
    }
    (!index.variants.is_empty()).then_some(index)
}

/// The index of a show that is over: `live` as far as it is recorded, with the rates that were measured. Without `live`
/// (it ended before players were offered anything) what is recorded, without codecs. `pictures` are the I-frame playlists
/// that there are.
pub(super) fn final_index(
    live: Option<&Multivariant>,
    recorded: &[Recorded],
    pictures: &BTreeMap<Rendition, Rates>,
) -> Option<String> {
    let rates: BTreeMap<Rendition, Rates> = recorded
        .iter()
        .map(|recorded| (recorded.rendition, recorded.rates))
        .collect();
    let mut index = match live {
        Some(live) => live.clone(),
        None => plain(&rates)?,
    };
    let sound = rates.get(&Rendition::Audio).copied().unwrap_or_default();
    for variant in &mut index.variants {
        let Some((rendition, own)) =
            rendition_of(&variant.uri).and_then(|r| Some((r, *rates.get(&r)?)))
        else {
            continue;
        };
        let beside = match rendition {
            Rendition::Audio => Rates::default(),
            Rendition::Source | Rendition::Encoded(_) => sound,
        };
        variant.bandwidth = own.peak.saturating_add(beside.peak);
        variant.average_bandwidth = Some(own.average.saturating_add(beside.average));
    }
    let mut whole = restricted(&index, |rendition| rates.contains_key(&rendition))?;
    let winding = whole.variants.iter().filter_map(|variant| {
        let rendition = rendition_of(&variant.uri)?;
        Some(pictures_of(variant, rendition, pictures.get(&rendition)?))
    });
    whole.i_frame_variants = winding.collect();
    Some(whole.write())
}

/// The I-frame playlist beside a variant's media playlist: of its codecs those of pictures.
fn pictures_of(variant: &Variant, rendition: Rendition, rates: &Rates) -> IFrameVariant {
    let codecs = variant.codecs.as_ref().and_then(|codecs| {
        let all = codecs.as_str().split(',');
        let pictures: Vec<&str> = all.filter(|codec| !codec.starts_with("mp4a")).collect();
        pictures.join(",").parse().ok()
    });
    IFrameVariant {
        bandwidth: rates.peak,
        average_bandwidth: Some(rates.average),
        codecs,
        resolution: variant.resolution,
        pathway: None,
        uri: Uri::of(Object::IFrames(rendition)),
    }
}

fn rendition_of(uri: &Uri) -> Option<Rendition> {
    match uri.as_str().parse() {
        Ok(Object::Media(rendition)) => Some(rendition),
        _ => None,
    }
}

fn plain(rates: &BTreeMap<Rendition, Rates>) -> Option<Multivariant> {
    let group: Text = "audio".parse().ok()?;
    let sound = rates.contains_key(&Rendition::Audio);
    let variants = rates.keys().map(|rendition| Variant {
        bandwidth: 0,
        average_bandwidth: None,
        codecs: None,
        resolution: None,
        frame_rate: None,
        audio: sound.then(|| group.clone()),
        pathway: None,
        uri: Uri::of(Object::Media(*rendition)),
    });
    let media = AlternativeRendition {
        media_type: MediaType::Audio,
        group_id: group.clone(),
        name: "Sound".parse().ok()?,
        language: "und".parse().ok(),
        default: true,
        autoselect: true,
        channels: None,
        uri: Some(Uri::of(Object::Media(Rendition::Audio))),
    };
    Some(Multivariant {
        independent_segments: true,
        renditions: sound.then_some(media).into_iter().collect(),
        variants: variants.collect(),
        ..Multivariant::default()
    })
}

#[cfg(test)]
mod tests;
