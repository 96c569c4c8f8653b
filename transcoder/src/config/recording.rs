//! [pure] `[recording]`: which shows are kept, where, and what becomes of them.

use std::path::PathBuf;

use live::daemon::config::{ByteSize, Problems, SecretSource};
use serde::{Deserialize, Serialize};

use crate::{
    archive::Place,
    recording::{Bucket, Keep, Terms},
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRecording {
    pub(super) record: bool,
    directory: PathBuf,
    stop_at_free: ByteSize,
    file: bool,
    #[serde(skip_serializing_if = "RawKeep::is_for_ever")]
    keep: RawKeep,
    upload: Option<RawUpload>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeep {
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<ByteSize>,
}

impl RawKeep {
    fn is_for_ever(&self) -> bool {
        *self == Self::default()
    }

    fn resolve(self, problems: &mut Problems<'_>) -> Keep {
        if let Some(days) = self.days {
            problems.within("recording.keep.days", days, 1..=36_500);
        }
        if let Some(size) = self.size {
            let bounds = ByteSize::from_mib(1 << 10)..=ByteSize::from_mib(1 << 30);
            problems.within("recording.keep.size", size, bounds);
        }
        Keep {
            days: self.days,
            bytes: self.size.map(ByteSize::get),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUpload {
    bucket: String,
    #[serde(default = "first_region")]
    region: String,
    endpoint: Option<String>,
    #[serde(default)]
    prefix: String,
    access_key: SecretSource,
    secret_key: SecretSource,
    #[serde(default = "kept")]
    keep_local: bool,
}

/// What providers other than AWS take too.
fn first_region() -> String {
    "us-east-1".to_owned()
}

const fn kept() -> bool {
    true
}

impl Default for RawRecording {
    fn default() -> Self {
        Self {
            record: false,
            directory: "/var/lib/footlight/recordings".into(),
            stop_at_free: ByteSize::from_mib(2048),
            file: true,
            keep: RawKeep::default(),
            upload: None,
        }
    }
}

impl RawRecording {
    /// Where the bucket's secrets are kept.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretSource> {
        let upload = self.upload.iter();
        upload.flat_map(|upload| [&upload.access_key, &upload.secret_key])
    }

    /// `None` when a secret of the bucket's cannot be read.
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Option<Terms> {
        problems.within(
            "recording.stop_at_free",
            self.stop_at_free,
            ByteSize::from_mib(1)..=ByteSize::from_mib(1 << 20),
        );
        if !self.directory.is_absolute() {
            problems.refuse("recording.directory", "give an absolute path");
        }
        let bucket = self.upload.as_ref().map(|upload| upload.resolve(problems));
        Some(Terms {
            place: Place {
                directory: self.directory.clone(),
                stop_at_free: self.stop_at_free.get(),
            },
            film: self.file,
            keep: self.keep.resolve(problems),
            bucket: match bucket {
                Some(bucket) => Some(bucket?),
                None => None,
            },
        })
    }
}

impl RawUpload {
    fn resolve(&self, problems: &mut Problems<'_>) -> Option<Bucket> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.chars().all(plain) {
            problems.refuse(
                "recording.upload.bucket",
                "give a bucket's name: 3 to 63 letters, digits, dots and hyphens",
            );
        }
        if self.region.is_empty() || !self.region.chars().all(plain) {
            problems.refuse("recording.upload.region", "give a region, or leave it out");
        }
        let path = |c: char| plain(c) || c == '/';
        if self.prefix.split('/').any(|part| part == "..") || !self.prefix.chars().all(path) {
            problems.refuse(
                "recording.upload.prefix",
                "letters, digits, dots, hyphens and slashes only",
            );
        }
        let web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if !self.endpoint.iter().all(web) {
            problems.refuse(
                "recording.upload.endpoint",
                "give https://HOST or https://HOST:PORT (http:// on a private net only)",
            );
        }
        let access_key = problems.secret("recording.upload.access_key", &self.access_key);
        let secret_key = problems.secret("recording.upload.secret_key", &self.secret_key);
        Some(Bucket {
            name: self.bucket.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            prefix: self.prefix.trim_matches('/').to_owned(),
            access_key: access_key?,
            secret_key: secret_key?,
            keep_local: self.keep_local,
        })
    }
}
