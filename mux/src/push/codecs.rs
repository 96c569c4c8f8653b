//! [pure] Which codecs a push target takes, and which of a publisher's it does not.
//!
//! A show that does not fit is not sent at all: a picture without its sound, or with tracks that the platform cannot
//! read, would look like our fault to everybody who watches there.

use std::{collections::BTreeSet, fmt, str::FromStr};

use rtmp::flv::{self, Codec, TrackSet};

use crate::headers::{Headers, Medium};

/// One word of the list `codecs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Word(&'static str);

/// What may be written, with the FourCC of Enhanced RTMP. Codecs of plain RTMP other than these (H.263, MP3, Speex...)
/// need no word: who takes RTMP at all knows them from their number, or ignores them.
const WORDS: [(&str, Option<&[u8; 4]>); 10] = [
    ("avc", Some(b"avc1")),
    ("hevc", Some(b"hvc1")),
    ("vvc", Some(b"vvc1")),
    ("av1", Some(b"av01")),
    ("vp9", Some(b"vp09")),
    ("aac", Some(b"mp4a")),
    ("opus", Some(b"Opus")),
    ("ac3", Some(b"ac-3")),
    ("eac3", Some(b"ec-3")),
    (MULTITRACK, None),
];
/// More than one track of picture or sound in one connection.
const MULTITRACK: &str = "multitrack";

/// The operator's fault: no such codec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not known here: use {list}", list = WORDS.map(|(word, _)| word).join(", "))]
pub(crate) struct UnknownCodec(String);

impl FromStr for Word {
    type Err = UnknownCodec;

    fn from_str(text: &str) -> Result<Self, UnknownCodec> {
        let known = WORDS.into_iter().find(|(word, _)| *word == text);
        known
            .map(|(word, _)| Self(word))
            .ok_or_else(|| UnknownCodec(text.chars().take(32).collect()))
    }
}

/// The list `codecs` of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Codecs(BTreeSet<Word>);

/// What a target does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A codec of the publisher, by its word.
    Codec(Medium, &'static str),
    /// A codec that has no word, by its FourCC.
    FourCc(Medium, [u8; 4]),
    /// Several tracks.
    Tracks(Medium),
}

impl FromIterator<Word> for Codecs {
    fn from_iter<T: IntoIterator<Item = Word>>(words: T) -> Self {
        Self(words.into_iter().collect())
    }
}

impl Codecs {
    /// The first thing in `headers` that the target does not take.
    pub(crate) fn unfit(&self, headers: &Headers) -> Option<Unfit> {
        headers.decoders().find_map(|(key, payload)| {
            if key.tracks != TrackSet::one(0) && !self.has(MULTITRACK) {
                return Some(Unfit::Tracks(key.medium));
            }
            let tag = match key.medium {
                Medium::Video => flv::video(payload),
                Medium::Audio => flv::audio(payload),
            };
            self.lacks(key.medium, tag.ok()?.codec)
        })
    }

    fn lacks(&self, medium: Medium, codec: Codec) -> Option<Unfit> {
        let four_cc = match codec {
            Codec::Avc => *b"avc1",
            Codec::Hevc => *b"hvc1",
            Codec::Aac => *b"mp4a",
            Codec::FourCc(four_cc) => four_cc,
            Codec::Legacy(_) => return None,
        };
        match WORDS
            .into_iter()
            .find(|(_, known)| *known == Some(&four_cc))
        {
            Some((word, _)) if self.has(word) => None,
            Some((word, _)) => Some(Unfit::Codec(medium, word)),
            None => Some(Unfit::FourCc(medium, four_cc)),
        }
    }

    fn has(&self, word: &'static str) -> bool {
        self.0.contains(&Word(word))
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = |medium: &Medium| match medium {
            Medium::Video => "video",
            Medium::Audio => "audio",
        };
        let (medium, codec) = match self {
            Self::Tracks(medium) => {
                return write!(
                    f,
                    "the encoder sends more than one {} track: send one, or add \"multitrack\" to this target's codecs if it takes that",
                    what(medium)
                );
            }
            Self::FourCc(medium, four_cc) => {
                let name = four_cc.escape_ascii();
                return write!(
                    f,
                    "the encoder sends {} as {name}, which no push target takes: choose another codec in the encoder",
                    what(medium)
                );
            }
            Self::Codec(medium, word) => (what(medium), word),
        };
        write!(
            f,
            "the encoder sends {codec} {medium}, which this target does not take: choose another {medium} codec in the encoder, or add \"{codec}\" to this target's codecs if it does"
        )
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::headers::{Part, PartKey};

    fn codecs(words: &[&str]) -> Codecs {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    fn headers(parts: &[(Medium, u8, &'static [u8])]) -> Headers {
        let mut headers = Headers::default();
        for (medium, track, payload) in parts {
            let key = PartKey {
                medium: *medium,
                tracks: TrackSet::one(*track),
                part: Part::Decoder,
            };
            headers.set(key, &Bytes::from_static(payload)).unwrap();
        }
        headers
    }

    const AVC: &[u8] = b"\x17\x00\x00\x00\x00configuration";
    const HEVC: &[u8] = b"\x90hvc1configuration";
    const LEGACY_HEVC: &[u8] = b"\x1c\x00\x00\x00\x00configuration";
    const AAC: &[u8] = b"\xaf\x00\x11\x90";
    const OPUS: &[u8] = b"\x90OpusOpusHead";

    #[test]
    fn a_show_fits_if_all_its_codecs_are_on_the_list() {
        let usual = headers(&[(Medium::Video, 0, AVC), (Medium::Audio, 0, AAC)]);
        let plain = codecs(&["avc", "aac"]);
        assert_eq!(plain.unfit(&usual), None);
        assert_eq!(plain.unfit(&Headers::default()), None);
        let modern = headers(&[(Medium::Video, 0, HEVC), (Medium::Audio, 0, OPUS)]);
        assert_eq!(
            plain.unfit(&modern),
            Some(Unfit::Codec(Medium::Video, "hevc"))
        );
        let with_hevc = codecs(&["avc", "aac", "hevc"]);
        assert_eq!(
            with_hevc.unfit(&modern),
            Some(Unfit::Codec(Medium::Audio, "opus"))
        );
        let old = headers(&[(Medium::Video, 0, LEGACY_HEVC)]);
        assert_eq!(plain.unfit(&old), Some(Unfit::Codec(Medium::Video, "hevc")));
        assert_eq!(with_hevc.unfit(&old), None);
    }

    #[test]
    fn several_tracks_are_for_who_asks_for_them() {
        let two = headers(&[(Medium::Audio, 0, AAC), (Medium::Audio, 1, AAC)]);
        assert_eq!(
            codecs(&["aac"]).unfit(&two),
            Some(Unfit::Tracks(Medium::Audio))
        );
        assert_eq!(codecs(&["aac", "multitrack"]).unfit(&two), None);
    }

    #[test]
    fn advice_names_the_codec_and_a_wrong_word_the_right_ones() {
        let advice = Unfit::Codec(Medium::Video, "hevc").to_string();
        assert!(
            advice.contains("add \"hevc\" to this target's codecs"),
            "{advice}"
        );
        let wrong = "h264".parse::<Word>().unwrap_err().to_string();
        assert!(
            wrong.contains("\"h264\"") && wrong.contains("avc, hevc"),
            "{wrong}"
        );
    }
}
