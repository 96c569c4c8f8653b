//! [pure] A publisher's `onMetaData`: what it says of itself. Not checked, but it costs nothing.

use rtmp::amf0::{self, Value};

/// Longest metadata that is looked into, bytes; OBS writes 500.
const MAX_BYTES: usize = 16 * 1024;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata(Option<Value>);

impl Metadata {
    /// From the whole message, with or without `@setDataFrame`.
    pub(crate) fn parse(payload: &[u8]) -> Self {
        if payload.len() > MAX_BYTES {
            return Self(None);
        }
        let values = amf0::decode(payload).unwrap_or_default();
        let object = values
            .into_iter()
            .find(|value| value.properties().is_some());
        Self(object)
    }

    /// A finite number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let value = self.0.as_ref()?.get(name)?.as_number()?;
        value.is_finite().then_some(value)
    }

    /// A number, rounded, 0 to 2^32 - 1.
    pub(crate) fn whole(&self, name: &str) -> Option<u32> {
        let number = self.number(name)?.round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the range"
        )]
        let whole = number as u32;
        (0.0..=f64::from(u32::MAX))
            .contains(&number)
            .then_some(whole)
    }

    /// A text, cut to 64 characters.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = self.0.as_ref()?.get(name)?.as_str()?;
        Some(text.chars().take(64).collect())
    }
}
