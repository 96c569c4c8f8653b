//! [pure] `[pictures]`: whether there are a poster and a storyboard.

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPictures {
    pub(super) enabled: bool,
}

/// What one stream has otherwise.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PicturesOverride {
    pub(super) enabled: Option<bool>,
}

impl Default for RawPictures {
    fn default() -> Self {
        Self { enabled: true }
    }
}
