//! [pure] AMF0 values: a decoder that neither recurses nor trusts a length, and an encoder that keeps order.
//!
//! rml_amf0 keeps properties in a hash map, knows neither ECMA arrays nor dates on the way out, and recurses
//! on the way in; so both ways are ours, and it is the tests' oracle.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::{Deserialize, Serialize};

mod decode;
mod encode;

pub use decode::{DecodeError, MAX_BYTES, MAX_DEPTH, MAX_VALUES, decode, first_text};
pub use encode::encode;

/// One AMF0 value. Properties keep their order and may repeat, as on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// An IEEE double.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// A string of any length; past 65535 bytes it is a long string on the wire.
    String(String),
    /// An anonymous object.
    Object(Vec<(String, Self)>),
    /// An object with a class name.
    Typed {
        /// The class.
        class: String,
        /// Its properties.
        properties: Vec<(String, Self)>,
    },
    /// An object under another marker; onMetaData is one.
    EcmaArray(Vec<(String, Self)>),
    /// A dense array.
    StrictArray(Vec<Self>),
    /// null.
    Null,
    /// undefined; also what `unsupported` is read as.
    Undefined,
    /// A date. Its time zone is reserved by the specification: dropped, written as 0.
    Date {
        /// Milliseconds since the Unix epoch.
        unix_ms: f64,
    },
    /// The n-th object of the message once more. Not resolved: that would let a few bytes stand for many.
    Reference(u16),
    /// An XML document, as text.
    Xml(String),
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        if let Self::Number(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// The number as a whole one, if it is one: cut towards 0, held within 32 bits.
    #[must_use]
    pub fn as_u32(&self) -> Option<u32> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` stays within bounds, and turns NaN into 0"
        )]
        self.as_number().map(|number| number as u32)
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The first property of that name, if this is an object of any sort.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.properties()?
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// All properties in order, if this is an object of any sort.
    #[must_use]
    pub fn properties(&self) -> Option<&[(String, Self)]> {
        if let Self::Object(properties)
        | Self::EcmaArray(properties)
        | Self::Typed { properties, .. } = self
        {
            Some(properties)
        } else {
            None
        }
    }

    /// An anonymous object.
    pub fn object<'a>(properties: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(
            properties
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// The markers of AMF0, sections 2.1 to 2.18.
mod marker {
    pub(super) const NUMBER: u8 = 0;
    pub(super) const BOOLEAN: u8 = 1;
    pub(super) const STRING: u8 = 2;
    pub(super) const OBJECT: u8 = 3;
    pub(super) const NULL: u8 = 5;
    pub(super) const UNDEFINED: u8 = 6;
    pub(super) const REFERENCE: u8 = 7;
    pub(super) const ECMA_ARRAY: u8 = 8;
    pub(super) const OBJECT_END: u8 = 9;
    pub(super) const STRICT_ARRAY: u8 = 10;
    pub(super) const DATE: u8 = 11;
    pub(super) const LONG_STRING: u8 = 12;
    pub(super) const UNSUPPORTED: u8 = 13;
    pub(super) const XML: u8 = 15;
    pub(super) const TYPED_OBJECT: u8 = 16;
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests;
