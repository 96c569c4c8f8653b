//! [pure] `[[stream.push]]`: where else a stream is published to.

use std::{collections::BTreeSet, fmt, path::PathBuf};

use live::{
    StreamName,
    daemon::config::{Problems, SecretSource},
};
use rtmp::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::push::{self, PushUrl, Start, Target, UrlError, Word};

/// Most targets of one stream.
const MAX_PUSHES: usize = 16;
/// Bounds of `chunk_size`: what every peer begins with, and the largest that RTMP has.
const CHUNK_SIZES: (u32, u32) = (128, 0xFF_FFFF);
/// Longest key, bytes.
const MAX_KEY: usize = 1024;

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPush {
    name: String,
    url: RawUrl,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<SecretSource>,
    #[serde(default = "chunk_size")]
    chunk_size: u32,
    #[serde(default = "codecs")]
    codecs: Vec<String>,
    #[serde(default)]
    start: Start,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<PathBuf>,
}

/// Larger than any frame but the largest, and what SRS takes at most.
const fn chunk_size() -> u32 {
    65_536
}

fn codecs() -> Vec<String> {
    ["avc", "aac"].map(str::to_owned).to_vec()
}

/// A URL, or the file that holds one; it is written without its path, which may hold a secret.
#[derive(Debug)]
enum RawUrl {
    Written(PushUrl),
    Kept(SecretSource),
}

impl Serialize for RawUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Written(url) => serializer.collect_str(&format_args!("{url}/(hidden)")),
            Self::Kept(source) => source.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RawUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UrlVisitor)
    }
}

struct UrlVisitor;

impl<'de> de::Visitor<'de> for UrlVisitor {
    type Value = RawUrl;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"rtmp://HOST/APP\", \"rtmps://HOST/APP\", or { file = \"/path\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RawUrl, E> {
        text.parse().map(RawUrl::Written).map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<RawUrl, A::Error> {
        SecretSource::deserialize(de::value::MapAccessDeserializer::new(map)).map(RawUrl::Kept)
    }
}

/// The targets of one stream, which stands at `at`. `taken` are names that other outputs bear.
pub(super) fn resolve(
    given: &[RawPush],
    taken: &BTreeSet<&str>,
    at: &str,
    problems: &mut Problems<'_>,
) -> Vec<Target> {
    if given.len() > MAX_PUSHES {
        problems.refuse(
            format!("{at}.push"),
            format_args!("there may be {MAX_PUSHES} at most"),
        );
    }
    let mut names = taken.clone();
    let mut targets = Vec::new();
    for (index, raw) in given.iter().enumerate() {
        let at = format!("{at}.push[{index}]");
        let name = format!("{at}.name");
        if problems.parse::<StreamName>(&name, &raw.name).is_some() && !names.insert(&raw.name) {
            problems.refuse(name, "another output of this stream has this name");
        }
        targets.extend(raw.resolve(&at, problems));
    }
    targets
}

impl RawPush {
    /// Where its secrets are kept.
    pub(super) fn sources(&self) -> impl Iterator<Item = &SecretSource> {
        let url = match &self.url {
            RawUrl::Written(_) => None,
            RawUrl::Kept(source) => Some(source),
        };
        url.into_iter().chain(&self.key)
    }

    fn resolve(&self, at: &str, problems: &mut Problems<'_>) -> Option<Target> {
        problems.within(
            format!("{at}.chunk_size"),
            self.chunk_size,
            CHUNK_SIZES.0..=CHUNK_SIZES.1,
        );
        let words: Vec<Word> = self
            .codecs
            .iter()
            .filter_map(|word| problems.parse(format!("{at}.codecs"), word))
            .collect();
        let ca = match &self.ca {
            None => None,
            Some(path) => {
                let key = format!("{at}.ca");
                let text = problems.file(&key, path)?;
                if push::certificates(&text).is_empty() {
                    problems.refuse(key, "the file holds no certificate in PEM");
                }
                Some(text)
            }
        };
        let (url, key) = self.resolve_url(at, problems)?;
        let printable = key.expose().bytes().all(|b| b.is_ascii_graphic());
        if !printable || key.expose().len() > MAX_KEY {
            problems.refuse(
                format!("{at}.key"),
                format_args!("a key has at most {MAX_KEY} printable ASCII characters, none of them blank: is this the right file?"),
            );
        }
        Some(Target {
            name: self.name.clone(),
            url,
            key,
            chunk_size: self.chunk_size,
            codecs: words.into_iter().collect(),
            start: self.start,
            ca,
        })
    }

    fn resolve_url(&self, at: &str, problems: &mut Problems<'_>) -> Option<(PushUrl, Secret)> {
        let (url_at, key_at) = (format!("{at}.url"), format!("{at}.key"));
        let key = match &self.key {
            Some(source) => Some(Secret::new(problems.secret(&key_at, source)?.expose())),
            None => None,
        };
        let source = match &self.url {
            RawUrl::Written(url) => {
                if key.is_none() {
                    problems.refuse(
                        key_at,
                        "is missing: put the stream key into a file and write key = { file = \"/path\" }",
                    );
                }
                return Some((url.clone(), key?));
            }
            RawUrl::Kept(source) => source,
        };
        let text = problems.secret(&url_at, source)?;
        let split = |text: &str| -> Result<_, UrlError> {
            match key {
                Some(key) => Ok((text.parse()?, key)),
                None => PushUrl::with_key(text),
            }
        };
        split(text.expose())
            .map_err(|error| problems.refuse(url_at, error))
            .ok()
    }
}
