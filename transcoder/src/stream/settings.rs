//! [pure] What the operator decided for a stream.

use std::{collections::BTreeMap, sync::Arc};

use live::StreamName;

use crate::{ladder::Rung, part::PartTarget, slate::Card};

/// For one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The parts' nominal duration; the same for all streams.
    pub parts: PartTarget,
    /// How long a media playlist is, milliseconds.
    pub window_ms: u64,
    /// Bytes of media that one stream may hold.
    pub memory: usize,
    /// The encoded rungs.
    pub ladder: Vec<Rung>,
    /// Bits per second declared for a source whose metadata do not say.
    pub source_bps: u32,
    /// Bits per second declared for sound whose metadata do not say.
    pub audio_bps: u32,
    /// Whether its shows are recorded.
    pub record: bool,
    /// What its rungs show while nobody publishes.
    pub slate: Card,
    /// Whether there are a poster and a storyboard of its shows.
    pub pictures: bool,
}

/// For every stream there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsByName {
    named: BTreeMap<StreamName, Arc<Settings>>,
    others: Arc<Settings>,
}

impl SettingsByName {
    /// Those that are `named`, and all `others`.
    pub fn new(named: BTreeMap<StreamName, Settings>, others: Settings) -> Self {
        let shared = |(name, settings)| (name, Arc::new(settings));
        Self {
            named: named.into_iter().map(shared).collect(),
            others: Arc::new(others),
        }
    }

    /// Those of one stream.
    pub fn of(&self, name: &StreamName) -> &Arc<Settings> {
        self.named.get(name).unwrap_or(&self.others)
    }

    /// Whether any stream may be recorded.
    pub fn record(&self) -> bool {
        let mut all = self.named.values().chain([&self.others]);
        all.any(|settings| settings.record)
    }

    /// Those of a stream that is not named.
    pub const fn others(&self) -> &Arc<Settings> {
        &self.others
    }
}

impl From<Settings> for SettingsByName {
    /// The same for all.
    fn from(others: Settings) -> Self {
        Self::new(BTreeMap::new(), others)
    }
}
