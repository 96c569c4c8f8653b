//! [pure] One rendition's media held against its playlist, and all renditions' against each other and the multivariant.

use std::collections::BTreeMap;

use live::{
    Msn,
    playlist::{
        MediaPlaylist, Multivariant, Part, Seconds, Segment, Uri, Variant,
        check::{FRAME_MS, Rule, is_audio},
    },
};
use serde_json::json;

use super::{boxes::Broken, fragment::Fragment, init::Init, report::Report};

/// Segments that are remembered: an hour of 2 s.
const MOST_SEGMENTS: usize = 1800;

/// What was measured of one rendition.
#[derive(Debug, Default)]
pub(super) struct Media {
    /// Its playlist's URI in the multivariant playlist.
    pub(super) uri: String,
    inits: BTreeMap<String, Init>,
    segments: BTreeMap<Msn, Measured>,
    target: u64,
}

#[derive(Debug)]
struct Measured {
    /// Of the initialization section it needs.
    map: Option<String>,
    discontinuity: bool,
    /// Its date less its media time, milliseconds.
    offset: Option<i64>,
    fragment: Fragment,
}

impl Media {
    pub(super) fn new(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            ..Self::default()
        }
    }

    /// Whether the initialization section of a segment is known or not needed.
    pub(super) fn knows(&self, map: Option<&Uri>) -> bool {
        map.is_none_or(|map| self.inits.contains_key(map.as_str()))
    }

    /// Takes an initialization section in.
    pub(super) fn init(&mut self, uri: &Uri, bytes: &[u8], report: &mut Report) {
        report.tested_rules(&[Rule::Malformed]);
        match Init::parse(bytes) {
            Ok(init) => drop(self.inits.insert(uri.to_string(), init)),
            Err(broken) => self.malformed(uri.as_str(), &broken, report),
        }
    }

    fn malformed(&self, what: &str, broken: &Broken, report: &mut Report) {
        report.need(false, Rule::Malformed, || {
            format!("{}: {what}: {broken}", self.uri)
        });
    }

    fn read(
        &self,
        what: &str,
        map: Option<&Uri>,
        bytes: &[u8],
        report: &mut Report,
    ) -> Option<Fragment> {
        let init = self.inits.get(map?.as_str())?;
        match Fragment::parse(bytes, init) {
            Ok(fragment) => Some(fragment),
            Err(broken) => {
                self.malformed(what, &broken, report);
                None
            }
        }
    }

    fn is_video(&self, map: Option<&Uri>) -> bool {
        let init = map.and_then(|map| self.inits.get(map.as_str()));
        init.and_then(Init::main).is_some_and(|track| track.video)
    }

    /// Holds a complete segment against its playlist and its neighbours.
    pub(super) fn segment(
        &mut self,
        playlist: &MediaPlaylist,
        msn: Msn,
        segment: &Segment,
        bytes: &[u8],
        report: &mut Report,
    ) {
        self.target = playlist.target_duration;
        let map = segment.head.map.as_ref();
        let Some(fragment) = self.read(segment.uri.as_str(), map, bytes, report) else {
            return;
        };
        let place = |figures: String| format!("{}: {msn}: {figures}", self.uri);
        let (told, is) = (segment.duration, Seconds::from_units(fragment.duration()));
        let near = is.units().abs_diff(told.units()) <= fragment.frame().saturating_add(100);
        report.need(near, Rule::SegmentDuration, || {
            place(format!("EXTINF {told} s, samples {is} s"))
        });
        if self.is_video(map) {
            report.need(fragment.starts_sync, Rule::FirstFrameNotIdr, || {
                place("its first picture is no IDR".to_owned())
            });
        }
        let date = segment
            .head
            .program_date_time
            .map(|date| date.unix_millis());
        let date = date.and_then(|date| i64::try_from(date).ok());
        let measured = Measured {
            map: map.map(Uri::to_string),
            discontinuity: segment.head.discontinuity,
            offset: date.map(|date| date.saturating_sub(fragment.shown_ms())),
            fragment,
        };
        self.holes(msn, &measured, report);
        self.segments.insert(msn, measured);
        while self.segments.len() > MOST_SEGMENTS {
            self.segments.pop_first();
        }
    }

    fn holes(&self, msn: Msn, this: &Measured, report: &mut Report) {
        let before = Msn(msn.0.saturating_sub(1));
        let pairs = [
            (self.segments.get(&before), Some(this), msn),
            (Some(this), self.segments.get(&msn.next()), msn.next()),
        ];
        for (earlier, later, at) in pairs {
            let (Some(earlier), Some(later)) = (earlier, later) else {
                continue;
            };
            if earlier.map != later.map || later.discontinuity {
                continue;
            }
            let (end, start) = (earlier.fragment.end, later.fragment.start);
            // A millisecond: what a container with coarser clocks loses.
            let same = end.abs_diff(start) <= u64::from(later.fragment.timescale / 1000);
            report.need(same, Rule::DecodeTimeHole, || {
                let scale = later.fragment.timescale;
                format!(
                    "{}: {at}: tfdt {start}, expected {end}, of {scale} a second",
                    self.uri
                )
            });
        }
    }

    /// Holds a part against its playlist. Its samples and their bytes come back.
    pub(super) fn part(
        &self,
        place: &str,
        part: &Part,
        map: Option<&Uri>,
        bytes: &[u8],
        report: &mut Report,
    ) -> Option<(u64, u64)> {
        let fragment = self.read(part.uri.as_str(), map, bytes, report)?;
        let (told, is) = (part.duration, Seconds::from_units(fragment.duration()));
        let near = is.units().abs_diff(told.units()) <= fragment.frame().saturating_add(100);
        report.need(near, Rule::PartDuration, || {
            format!("{}: {place}: DURATION {told} s, samples {is} s", self.uri)
        });
        if part.independent && self.is_video(map) {
            report.need(fragment.any_sync, Rule::PartNotIndependent, || {
                format!("{}: {place}", self.uri)
            });
        }
        Some((fragment.samples, fragment.media))
    }

    /// Holds the sums of a segment's parts against the segment, when it is known.
    pub(super) fn whole(&self, msn: Msn, parts: (u64, u64), report: &mut Report) {
        if let Some(Measured { fragment, .. }) = self.segments.get(&msn) {
            let whole = (fragment.samples, fragment.media);
            report.need(parts == whole, Rule::PartsDiffer, || {
                format!(
                    "{}: {msn}: parts of {} samples in {} bytes, segment of {} in {}",
                    self.uri, parts.0, parts.1, whole.0, whole.1
                )
            });
        }
    }

    /// The init section that the newest measured segment needs.
    fn current(&self) -> Option<&Init> {
        let (_, newest) = self.segments.last_key_value()?;
        self.inits.get(newest.map.as_deref()?)
    }

    fn is_sound(&self) -> bool {
        self.codecs().iter().all(|codec| is_audio(codec))
    }

    /// CODECS of all tracks.
    fn codecs(&self) -> Vec<String> {
        let tracks = self.current().map(|init| init.tracks.as_slice());
        let tracks = tracks.unwrap_or_default().iter();
        tracks.map(|track| track.codec.clone()).collect()
    }

    /// Bits per second of the busiest run of segments that lasts between half and one and a half target durations
    /// (the draft's peak segment bit rate), and on average.
    fn rates(&self) -> Option<(u64, u64)> {
        let all: Vec<(Msn, u64, u64)> = self
            .segments
            .iter()
            .map(|(msn, s)| (*msn, s.fragment.bytes, s.fragment.duration()))
            .collect();
        let rate = |bytes: u64, units: u64| {
            let bits = u128::from(bytes).saturating_mul(8);
            let bits = bits.saturating_mul(Seconds::PER_SECOND.into());
            u64::try_from(bits / u128::from(units.max(1))).unwrap_or(u64::MAX)
        };
        let target = Seconds::from_secs(self.target).units();
        let mut peak = 0;
        for start in 0..all.len() {
            let (mut bytes, mut units, mut next) = (0_u64, 0_u64, None);
            for (msn, more, longer) in all.iter().skip(start) {
                if next.is_some_and(|next| next != *msn) {
                    break;
                }
                next = Some(msn.next());
                (bytes, units) = (bytes.saturating_add(*more), units.saturating_add(*longer));
                if units > target.saturating_mul(3) / 2 {
                    break;
                }
                if units >= target / 2 {
                    peak = peak.max(rate(bytes, units));
                }
            }
        }
        let sum = |of: fn(&(Msn, u64, u64)) -> u64| all.iter().map(of).fold(0, u64::saturating_add);
        let average = rate(sum(|s| s.1), sum(|s| s.2));
        (!all.is_empty()).then_some((peak, average))
    }

    /// Frames a second in thousandths, of the segments seen.
    fn frame_rate(&self) -> Option<u64> {
        let samples: u64 = self.segments.values().map(|s| s.fragment.samples).sum();
        let units: u64 = self.segments.values().map(|s| s.fragment.duration()).sum();
        samples
            .checked_mul(1000 * Seconds::PER_SECOND)?
            .checked_div(units)
    }

    /// What was measured, for the report.
    pub(super) fn figures(&self, report: &mut Report) {
        let (peak, average) = self.rates().unwrap_or_default();
        let size = self.current().and_then(Init::main).and_then(|t| t.size);
        let figures = json!({
            "codecs": self.codecs().join(","),
            "size": size.map(|(width, height)| format!("{width}x{height}")),
            "segments": self.segments.len(),
            "peak_kbps": peak / 1000,
            "average_kbps": average / 1000,
        });
        report.figures.insert(self.uri.clone(), figures);
    }
}

/// Holds dates against media times: their distance is the same in all renditions.
pub(super) fn dates(all: &[Media], report: &mut Report) {
    let mut known: BTreeMap<Msn, (i64, &str)> = BTreeMap::new();
    for media in all {
        let mut last: Option<i64> = None;
        for (msn, measured) in &media.segments {
            let Some(offset) = measured.offset else {
                continue;
            };
            let frame = i64::try_from(FRAME_MS).unwrap_or(0);
            let (other, whose) = *known.entry(*msn).or_insert((offset, &media.uri));
            let near = offset.abs_diff(other) <= FRAME_MS;
            report.need(near, Rule::DateMapping, || {
                let apart = offset.saturating_sub(other);
                format!("{}: {msn}: {apart} ms from that of {whose}", media.uri)
            });
            if let (Some(last), false) = (last, measured.discontinuity) {
                let drift = offset.saturating_sub(last);
                report.need(drift.abs() <= frame, Rule::DateMapping, || {
                    format!("{}: {msn}: {drift} ms from that before", media.uri)
                });
            }
            last = Some(offset);
        }
    }
}

/// Holds what a multivariant playlist says against what was measured.
pub(super) fn description(playlist: &Multivariant, all: &[Media], report: &mut Report) {
    let of = |uri: &Uri| all.iter().find(|media| media.uri == uri.as_str());
    for variant in &playlist.variants {
        let Some(own) = of(&variant.uri) else {
            continue;
        };
        let group = playlist
            .renditions
            .iter()
            .filter(|rendition| variant.audio.as_ref() == Some(&rendition.group_id));
        // A variant of sound alone may be the very playlist of its group.
        let others = group.filter(|rendition| rendition.uri.as_ref() != Some(&variant.uri));
        let sounds: Vec<&Media> = others.filter_map(|r| of(r.uri.as_ref()?)).collect();
        bandwidth(variant, own, &sounds, report);
        if !own.codecs().is_empty() {
            codecs(variant, own, &sounds, report);
        }
        let track = own.current().and_then(Init::main);
        let size = track.and_then(|track| track.size);
        if let (Some(told), Some((width, height))) = (variant.resolution, size) {
            let same = (told.width, told.height) == (width.into(), height.into());
            report.need(same, Rule::ResolutionDiffers, || {
                format!("{}: {told}, pictures of {width}x{height}", own.uri)
            });
        }
        if let (Some(told), Some(is), Some(true)) =
            (variant.frame_rate, own.frame_rate(), track.map(|t| t.video))
        {
            let told = told.thousandths();
            report.need(
                is <= told.saturating_add(told / 20),
                Rule::FrameRateDiffers,
                || format!("{}: {told} thousandths, pictures {is}", own.uri),
            );
        }
    }
}

fn codecs(variant: &Variant, own: &Media, sounds: &[&Media], report: &mut Report) {
    let Some(told) = &variant.codecs else {
        return;
    };
    let told: Vec<&str> = told.as_str().split(',').map(str::trim).collect();
    let mut is = own.codecs();
    is.extend(sounds.iter().flat_map(|sound| sound.codecs()));
    let same = |a: &str, b: &str| {
        // AV1 may add colour behind what its init section says (AV1 in ISOBMFF §5).
        a.eq_ignore_ascii_case(b) || (b.starts_with("av01.") && a.starts_with(b))
    };
    for codec in &is {
        report.need(
            told.iter().any(|t| same(t, codec)),
            Rule::CodecsDiffer,
            || format!("{}: {codec} is not in {told:?}", own.uri),
        );
    }
    let complete = !sounds.is_empty() || variant.audio.is_none() || own.is_sound();
    for codec in told.iter().filter(|codec| complete || !is_audio(codec)) {
        report.need(
            is.iter().any(|i| same(codec, i)),
            Rule::CodecsDiffer,
            || format!("{}: there is no {codec}", own.uri),
        );
    }
}

fn bandwidth(variant: &Variant, own: &Media, sounds: &[&Media], report: &mut Report) {
    let Some((peak, average)) = own.rates() else {
        return;
    };
    let sounds = sounds.iter().filter_map(|sound| sound.rates());
    let (sound_peak, sound_average) = sounds.fold((0, 0), |(p, a), (peak, average)| {
        (p.max(peak), a.max(average))
    });
    let peak = peak.saturating_add(sound_peak);
    let most = variant.bandwidth.saturating_mul(5) / 4;
    report.need(peak <= most, Rule::PeakOverBandwidth, || {
        format!("{}: {peak} bit/s, BANDWIDTH {}", own.uri, variant.bandwidth)
    });
    if let Some(told) = variant.average_bandwidth {
        let is = average.saturating_add(sound_average);
        let most = told.saturating_mul(11) / 10;
        report.need(is <= most, Rule::AverageOverBandwidth, || {
            format!("{}: {is} bit/s, AVERAGE-BANDWIDTH {told}", own.uri)
        });
    }
}
