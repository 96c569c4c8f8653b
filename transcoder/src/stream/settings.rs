//! [pure] What the operator decided for a stream, and what of it is otherwise in its next show.

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

/// What is otherwise in other settings, by the words for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes(Vec<&'static str>);

impl Settings {
    /// What is otherwise in `newer`.
    pub fn changes(&self, newer: &Self) -> Changes {
        let ladder = |it: &Self| (it.ladder.clone(), it.source_bps, it.audio_bps);
        let window = |it: &Self| (it.window_ms, it.memory);
        let all = [
            ("ladder", ladder(self) != ladder(newer)),
            ("length of parts", self.parts != newer.parts),
            ("window", window(self) != window(newer)),
            ("slate", self.slate != newer.slate),
            ("poster", self.pictures != newer.pictures),
            ("recording", self.record != newer.record),
        ];
        let changed = all.into_iter().filter(|(_, changed)| *changed);
        Changes(changed.map(|(name, _)| name).collect())
    }
}

impl Changes {
    /// Whether all is alike.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As `/status` has it.
    pub fn names(&self) -> &[&'static str] {
        &self.0
    }

    /// `the ladder and the slate of WHOSE change`.
    pub fn said_of(&self, whose: &str) -> String {
        let (last, before) = self.0.split_last().unwrap_or((&"rest", &[]));
        let what = match before {
            [] => format!("the {last}"),
            _ => format!("the {} and the {last}", before.join(", the ")),
        };
        let verb = if before.is_empty() {
            "changes"
        } else {
            "change"
        };
        format!("{what} of {whose} {verb}")
    }
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

    /// The streams that are named.
    pub fn names(&self) -> impl Iterator<Item = &StreamName> {
        self.named.keys()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::settings;

    #[test]
    fn what_is_otherwise_is_said_in_words() {
        let before = settings();
        assert!(before.changes(&before).is_empty());
        let mut newer = before.clone();
        newer.ladder.clear();
        let said = before.changes(&newer).said_of("'main'");
        assert_eq!(said, "the ladder of 'main' changes");
        newer.slate = Card::Nothing;
        newer.record = !before.record;
        newer.memory += 1;
        let changes = before.changes(&newer);
        assert_eq!(changes.names(), ["ladder", "window", "slate", "recording"]);
        let words = "the ladder, the window, the slate and the recording of 'main' change";
        assert_eq!(changes.said_of("'main'"), words);
    }
}
