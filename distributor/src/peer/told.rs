//! [pure] What distributors tell each other of themselves, as JSON.

use std::collections::BTreeMap;

use live::{Rendition, StreamName};
use serde::{Deserialize, Serialize};

use super::State;

/// How many watch, by stream and quality.
pub(crate) type Viewers = BTreeMap<StreamName, BTreeMap<Rendition, u64>>;

/// Streams whose viewers a box tells, those with the most. Each takes less than 256 bytes.
pub(crate) const STREAMS_MAX: usize = 256;
/// Longest text that is read.
pub(crate) const TEXT_MAX: usize = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct Text {
    #[serde(flatten)]
    state: State,
    #[serde(default)]
    viewers: BTreeMap<String, BTreeMap<String, u64>>,
}

/// As it is sent.
pub(crate) fn write(state: State, viewers: &Viewers) -> Vec<u8> {
    let name = |(rendition, count): (&Rendition, &u64)| (rendition.to_string(), *count);
    let viewers = viewers
        .iter()
        .map(|(stream, counts)| (stream.to_string(), counts.iter().map(name).collect()));
    let viewers = viewers.collect();
    // Words and numbers always have a JSON form.
    serde_json::to_vec(&Text { state, viewers }).unwrap_or_default()
}

/// As it is read; none if it is something else. Viewers of what has no name here are left out.
pub(crate) fn read(text: &[u8]) -> Option<(State, Viewers)> {
    let Text { state, viewers } = serde_json::from_slice(text).ok()?;
    let named = |(rendition, count): (String, u64)| Some((rendition.parse().ok()?, count));
    let viewers = viewers.into_iter().filter_map(|(stream, counts)| {
        let counts = counts.into_iter().filter_map(named).collect();
        Some((stream.parse().ok()?, counts))
    });
    Some((state, viewers.collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admission::Level;

    #[test]
    fn what_is_told_is_read_again_and_a_box_that_tells_less_is_understood() {
        let state = State {
            egress: 5,
            budget: Some(10),
            level: Level::TopForNew,
            ..State::default()
        };
        let counts = BTreeMap::from([(Rendition::Source, 2), (Rendition::Audio, 1)]);
        let viewers = Viewers::from([("stage".parse().unwrap(), counts)]);
        let text = write(state, &viewers);
        assert_eq!(read(&text), Some((state, viewers)));
        let less =
            r#"{"egress":0,"connections":7,"limit":9,"drained":true,"viewers":{"A B":{"x":1}}}"#;
        let (state, viewers) = read(less.as_bytes()).unwrap();
        assert_eq!((state.connections, state.level), (7, Level::All));
        assert!(viewers.is_empty());
    }

    #[test]
    fn the_longest_text_is_short_enough_to_be_read() {
        let heights = (1..=8).map(|n| (Rendition::Encoded(n * 1080), u64::from(u32::MAX)));
        let counts: BTreeMap<_, _> = heights.collect();
        let stream = |n: usize| format!("{n:064}").parse().unwrap();
        let viewers = (0..STREAMS_MAX).map(|n| (stream(n), counts.clone()));
        assert!(write(State::default(), &viewers.collect()).len() < TEXT_MAX);
    }

    proptest! {
        #[test]
        fn anything_may_come(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(&text);
        }
    }
}
