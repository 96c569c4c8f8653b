//! [pure] What a consumer must hold before its first frame: metadata, and every track's configuration.
//!
//! One set per generation: a set that was published never changes, a change makes a new one with the next number. Each
//! frame in the ring points to the set it belongs to, so that a consumer can be given what it lacks at any place.
//! Enhanced RTMP configures tracks one by one or several in one message; messages are kept as they came, and one goes
//! when newer ones of its kind have configured all of its tracks.

use std::sync::Arc;

use bytes::Bytes;
use live::sound_grid::SoundGrid;
use rtmp::flv::{self, AacConfig, Codec, Track, TrackSet};
use serde::{Deserialize, Serialize};

use crate::{media::MAIN, timeline::MediaKind};

/// Most configuration messages of one publisher: 16 tracks with three each and room to spare.
const MAX_PARTS: usize = 64;
/// Most bytes of configuration in one set; an HEVC configuration is under 1 KiB.
const MAX_BYTES: usize = 256 * 1024;

/// Which configuration message of which track. In sending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct PartKey {
    /// Picture before sound.
    pub(crate) medium: Medium,
    /// What it configures.
    pub(crate) part: Part,
    /// Track numbers of Enhanced RTMP; 0 where the publisher has but one.
    pub(crate) tracks: TrackSet,
}

impl PartKey {
    /// Whether pictures cannot be decoded without it.
    pub(crate) fn decodes_video(self) -> bool {
        self.medium == Medium::Video && self.part == Part::Decoder
    }

    /// Whether it says something of what `other` says something of.
    fn overlaps(self, other: Self) -> bool {
        self.is_kind(other) && self.tracks.overlaps(other.tracks)
    }

    /// Whether nothing of it counts once `other` has come.
    fn is_within(self, other: Self) -> bool {
        self.is_kind(other) && self.tracks.is_within(other.tracks)
    }

    fn is_kind(self, other: Self) -> bool {
        (self.medium, self.part) == (other.medium, other.part)
    }
}

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Medium {
    /// RTMP message type 9.
    Video,
    /// RTMP message type 8.
    Audio,
}

/// What a configuration message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Part {
    /// The decoder configuration (sequence start). A change of it is a discontinuity.
    Decoder,
    /// Anything else that decoders want to know: colour, channel layout.
    Extra,
}

/// The publisher's fault: more configuration than any encoder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a publisher may have {MAX_PARTS} configuration messages of {MAX_BYTES} bytes in all")]
pub(crate) struct TooManyHeaders;

/// One generation of metadata and configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Headers {
    generation: u64,
    metadata: Option<Bytes>,
    /// In the order in which they count.
    parts: Vec<(PartKey, Bytes)>,
}

/// What a configuration message changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing: it repeats what is known.
    Same,
    /// Something that is no discontinuity: new metadata, or a track that was not there.
    Added,
    /// The decoder configuration of a track.
    Decoder,
}

impl Headers {
    /// The number of this set within its stream.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The same set under another number.
    #[must_use]
    pub(crate) fn numbered(&self, generation: u64) -> Self {
        Self {
            generation,
            ..self.clone()
        }
    }

    /// The publisher's `onMetaData`, byte for byte as it came.
    pub(crate) const fn metadata(&self) -> Option<&Bytes> {
        self.metadata.as_ref()
    }

    /// Whether some track shows pictures.
    pub(crate) fn has_video(&self) -> bool {
        self.parts
            .iter()
            .any(|(key, _)| key.medium == Medium::Video)
    }

    /// Samples per second of the main sound, if that is AAC-LC in frames of 1024 samples.
    pub(crate) fn aac_rate(&self) -> Option<u32> {
        let (_, payload) = self.parts.iter().rfind(|(key, _)| {
            (key.medium, key.part) == (Medium::Audio, Part::Decoder) && key.tracks.contains(MAIN)
        })?;
        let tag = flv::audio(payload).ok()?;
        let is_main = tag.codec == Codec::Aac && tag.track == Track::One(MAIN);
        let config = AacConfig::parse(tag.body).ok().filter(|_| is_main)?;
        let is_packaged = config.object_type == AacConfig::LC
            && u64::from(config.frame_length) == SoundGrid::FRAME;
        is_packaged.then_some(config.sample_rate)
    }

    /// New metadata has come.
    pub(crate) fn set_metadata(&mut self, payload: &Bytes) -> Result<Change, TooManyHeaders> {
        if self.metadata.as_ref() == Some(payload) {
            return Ok(Change::Same);
        }
        self.make_room(payload.len())?;
        self.metadata = Some(payload.clone());
        Ok(Change::Added)
    }

    /// A track's configuration has come.
    pub(crate) fn set(&mut self, key: PartKey, payload: &Bytes) -> Result<Change, TooManyHeaders> {
        if self.in_force(key, payload) {
            return Ok(Change::Same);
        }
        self.make_room(payload.len())?;
        let place = self.parts.iter().position(|(old, _)| old.is_within(key));
        if place.is_none() && self.parts.len() >= MAX_PARTS {
            return Err(TooManyHeaders);
        }
        let known = self.parts.iter().any(|(old, _)| old.overlaps(key));
        self.parts.retain(|(old, _)| !old.is_within(key));
        // In the old one's place, so that tracks keep their order, unless one behind it would count instead.
        let last = self.parts.iter().rposition(|(old, _)| old.overlaps(key));
        let place = place
            .filter(|place| last.is_none_or(|last| last < *place))
            .unwrap_or(usize::MAX)
            .min(self.parts.len());
        self.parts.insert(place, (key, payload.clone()));
        Ok(if known && key.part == Part::Decoder {
            Change::Decoder
        } else {
            Change::Added
        })
    }

    /// Whether the newest that was said of all these tracks is this.
    fn in_force(&self, key: PartKey, payload: &Bytes) -> bool {
        let newest = self.parts.iter().rfind(|(old, _)| old.overlaps(key));
        newest.is_some_and(|(old, said)| *old == key && said == payload)
    }

    /// Whether what was decoded under `other` goes on to decode under this set.
    pub(crate) fn same_decoders(&self, other: &Self) -> bool {
        self.decoders().eq(other.decoders())
    }

    /// The messages of this set that a consumer lacks who holds `held`, in sending order: metadata, picture, sound.
    pub(crate) fn missing(&self, held: Option<&Arc<Self>>) -> Vec<(MediaKind, Bytes)> {
        let metadata = self
            .metadata
            .iter()
            .filter(|mine| held.and_then(|held| held.metadata.as_ref()) != Some(mine))
            .map(|mine| (MediaKind::Data, mine.clone()));
        let lacks =
            |(key, mine): &&(PartKey, Bytes)| !held.is_some_and(|held| held.in_force(*key, mine));
        let mut parts: Vec<_> = self.parts.iter().filter(lacks).collect();
        parts.sort_by_key(|(key, _)| (key.medium, key.part));
        let parts = parts
            .into_iter()
            .map(|(key, mine)| (key.medium.into(), mine.clone()));
        metadata.chain(parts).collect()
    }

    /// The decoder configurations, in an order that does not depend on which came first.
    pub(crate) fn decoders(&self) -> impl Iterator<Item = (&PartKey, &Bytes)> {
        let decoders = self
            .parts
            .iter()
            .filter(|(key, _)| key.part == Part::Decoder);
        let mut decoders: Vec<_> = decoders.map(|(key, payload)| (key, payload)).collect();
        decoders.sort_by_key(|(key, _)| **key);
        decoders.into_iter()
    }

    fn make_room(&self, more: usize) -> Result<(), TooManyHeaders> {
        let held: usize = self
            .parts
            .iter()
            .map(|(_, payload)| payload)
            .chain(&self.metadata)
            .map(Bytes::len)
            .sum();
        if held.saturating_add(more) > MAX_BYTES {
            Err(TooManyHeaders)
        } else {
            Ok(())
        }
    }
}

impl From<Medium> for MediaKind {
    fn from(medium: Medium) -> Self {
        match medium {
            Medium::Video => Self::Video,
            Medium::Audio => Self::Audio,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(medium: Medium, part: Part) -> PartKey {
        PartKey {
            medium,
            tracks: TrackSet::one(0),
            part,
        }
    }

    #[test]
    fn a_consumer_is_sent_what_it_lacks_in_order() {
        let mut first = Headers::default();
        first
            .set(
                key(Medium::Audio, Part::Decoder),
                &Bytes::from_static(b"aac"),
            )
            .unwrap();
        first
            .set(key(Medium::Video, Part::Extra), &Bytes::from_static(b"hdr"))
            .unwrap();
        first
            .set(
                key(Medium::Video, Part::Decoder),
                &Bytes::from_static(b"avc"),
            )
            .unwrap();
        first.set_metadata(&Bytes::from_static(b"meta")).unwrap();
        let names = |headers: &Headers, held: Option<&Arc<Headers>>| -> Vec<Bytes> {
            headers.missing(held).into_iter().map(|m| m.1).collect()
        };
        assert_eq!(names(&first, None), ["meta", "avc", "hdr", "aac"]);
        let held = Arc::new(first.clone());
        assert!(names(&first, Some(&held)).is_empty());
        let change = first
            .set(
                key(Medium::Video, Part::Decoder),
                &Bytes::from_static(b"avc2"),
            )
            .unwrap();
        assert_eq!(change, Change::Decoder);
        assert!(!first.same_decoders(&held));
        assert_eq!(names(&first, Some(&held)), ["avc2"]);
    }

    #[test]
    fn a_repeated_header_is_no_change_and_a_new_track_no_discontinuity() {
        let mut headers = Headers::default();
        let avc = Bytes::from_static(b"avc");
        let video = key(Medium::Video, Part::Decoder);
        assert_eq!(headers.set(video, &avc), Ok(Change::Added));
        assert_eq!(headers.set(video, &avc), Ok(Change::Same));
        assert_eq!(headers.set_metadata(&avc), Ok(Change::Added));
        assert_eq!(headers.set_metadata(&avc), Ok(Change::Same));
    }

    #[test]
    fn the_newest_configuration_of_each_track_counts_however_they_are_grouped() {
        let say = |headers: &mut Headers, tracks: &[u8], payload: &'static str| {
            let read: Vec<u8> = tracks.iter().flat_map(|track| [*track, 0, 0, 0]).collect();
            let message = [&b"\x96\x10avc1"[..], &read].concat();
            let tracks = match flv::video(&message).unwrap().track {
                Track::Many(tracks) => tracks,
                Track::One(_) => panic!("not many"),
            };
            let key = PartKey {
                tracks,
                ..key(Medium::Video, Part::Decoder)
            };
            headers.set(key, &Bytes::from_static(payload.as_bytes()))
        };
        let sent = |headers: &Headers, held: Option<&Arc<Headers>>| -> Vec<Bytes> {
            headers.missing(held).into_iter().map(|m| m.1).collect()
        };
        let mut headers = Headers::default();
        assert_eq!(say(&mut headers, &[0, 1], "01"), Ok(Change::Added));
        assert_eq!(say(&mut headers, &[2, 3], "23"), Ok(Change::Added));
        assert_eq!(say(&mut headers, &[1], "1"), Ok(Change::Decoder));
        assert_eq!(sent(&headers, None), ["01", "23", "1"]);
        let held = Arc::new(headers.clone());
        assert_eq!(say(&mut headers, &[0, 1], "01"), Ok(Change::Decoder));
        assert_eq!(say(&mut headers, &[0, 1], "01"), Ok(Change::Same));
        assert_eq!(sent(&headers, None), ["01", "23"]);
        assert_eq!(sent(&headers, Some(&held)), ["01"], "it counts again");
        assert_eq!(say(&mut headers, &[3], "3"), Ok(Change::Decoder));
        assert_eq!(say(&mut headers, &[2, 3], "23 anew"), Ok(Change::Decoder));
        assert_eq!(sent(&headers, None), ["01", "23 anew"]);
    }

    #[test]
    fn a_flood_of_headers_is_refused_and_leaves_the_set_whole() {
        let mut headers = Headers::default();
        for track in 0..=u8::MAX {
            let key = PartKey {
                medium: Medium::Video,
                tracks: TrackSet::one(track),
                part: Part::Decoder,
            };
            let fits = usize::from(track) < MAX_PARTS;
            assert_eq!(headers.set(key, &Bytes::from_static(b"x")).is_ok(), fits);
        }
        let huge = Bytes::from(vec![0; MAX_BYTES]);
        assert_eq!(headers.set_metadata(&huge), Err(TooManyHeaders));
        assert_eq!(headers.parts.len(), MAX_PARTS);
    }
}
