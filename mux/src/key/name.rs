//! [pure] What a key is called: its id, for the log and for commands, and its label, for people. Neither is secret, and
//! neither is made from the key.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

/// Names one key: random if `footlight-mux keys` made it, else its place in the configuration, `stage.publish[0]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct KeyId(Box<str>);

/// Somebody's words about a key: 1 to 64 characters, none of them a control character.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Label(Box<str>);

/// The operator's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// See [`KeyId`].
    #[error("a key's id is 4 to 32 of a-z, 0-9 and '-'")]
    Id,
    /// See [`Label`].
    #[error("a label is 1 to 64 characters on one line")]
    Label,
}

impl KeyId {
    /// Of the key at a place in the configuration.
    pub(crate) fn of_place(stream: &live::StreamName, list: &str, index: usize) -> Self {
        Self(format!("{stream}.{list}[{index}]").into())
    }
}

impl KeyId {
    /// As it is typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (4..=32).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Id)
        }
    }
}

impl FromStr for Label {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let length = text.chars().take(65).count();
        if (1..=64).contains(&length) && !text.contains(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Label)
        }
    }
}

macro_rules! is_text {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

is_text!(KeyId);
is_text!(Label);
