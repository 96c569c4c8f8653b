//! [pure] AMF0 from hostile bytes. What is open stands on a stack of our own, [`MAX_DEPTH`] high.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Value, marker};
use crate::message::take;

/// Objects within objects: onMetaData with its track maps has 3.
pub const MAX_DEPTH: usize = 16;
/// Values in one payload: the richest onMetaData seen has about 60.
pub const MAX_VALUES: usize = 4096;
/// Bytes of one payload: metadata takes a few hundred, so this leaves room for captions and pictures.
pub const MAX_BYTES: usize = 256 << 10;

/// Why a payload is not AMF0 that we take. It costs its sender this one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The payload ends inside a value.
    #[error("AMF0 value is cut short")]
    Truncated,
    /// More bytes than [`MAX_BYTES`].
    #[error("more than {MAX_BYTES} bytes of AMF0")]
    TooLong,
    /// Values nested deeper than [`MAX_DEPTH`].
    #[error("AMF0 values nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// More values than [`MAX_VALUES`].
    #[error("more than {MAX_VALUES} AMF0 values")]
    TooManyValues,
    /// Text that is not UTF-8.
    #[error("AMF0 text is not UTF-8")]
    NotUtf8,
    /// A marker that AMF0 does not define, or that may not stand here.
    #[error("AMF0 marker {0:#04x} is not a value")]
    UnknownMarker(u8),
}

/// A value whose end has not come.
enum Open {
    Properties {
        /// Makes the value of its properties.
        close: fn(String, Vec<(String, Value)>) -> Value,
        class: String,
        properties: Vec<(String, Value)>,
        /// The name of the property whose value is next.
        key: String,
    },
    Items {
        items: Vec<Value>,
        left: u32,
    },
}

/// Decodes every value of a payload.
pub fn decode(payload: &[u8]) -> Result<Vec<Value>, DecodeError> {
    if payload.len() > MAX_BYTES {
        return Err(DecodeError::TooLong);
    }
    let mut rest = payload;
    let mut values = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    let mut count = 0_usize;
    loop {
        let mut done = match stack.last_mut() {
            None if rest.is_empty() => return Ok(values),
            Some(Open::Items { left: 0, .. }) => stack.pop().map(close),
            Some(Open::Properties { key, .. }) => {
                *key = text(&mut rest)?;
                let ends = key.is_empty() && rest.first() == Some(&marker::OBJECT_END);
                if ends {
                    take::<1>(&mut rest);
                    stack.pop().map(close)
                } else {
                    None
                }
            }
            None | Some(Open::Items { .. }) => None,
        };
        if done.is_none() {
            count = count.saturating_add(1);
            if count > MAX_VALUES {
                return Err(DecodeError::TooManyValues);
            }
            match begin(&mut rest)? {
                Begun::Whole(value) => done = Some(value),
                Begun::Open(_) if stack.len() >= MAX_DEPTH => return Err(DecodeError::TooDeep),
                Begun::Open(open) => stack.push(open),
            }
        }
        let Some(value) = done else { continue };
        match stack.last_mut() {
            None => values.push(value),
            Some(Open::Properties {
                properties, key, ..
            }) => {
                properties.push((std::mem::take(key), value));
            }
            Some(Open::Items { items, left }) => {
                items.push(value);
                *left = left.saturating_sub(1);
            }
        }
    }
}

/// The text a payload starts with, without decoding the rest: the name of a data message.
#[must_use]
pub fn first_text(payload: &[u8]) -> Option<&str> {
    let (&marker::STRING, mut rest) = payload.split_first()? else {
        return None;
    };
    let length = take(&mut rest).map(u16::from_be_bytes)?;
    std::str::from_utf8(rest.get(..usize::from(length))?).ok()
}

enum Begun {
    Whole(Value),
    Open(Open),
}

fn begin(rest: &mut &[u8]) -> Result<Begun, DecodeError> {
    let [kind] = fixed(rest)?;
    Ok(Begun::Whole(match kind {
        marker::NUMBER => Value::Number(f64::from_be_bytes(fixed(rest)?)),
        marker::BOOLEAN => Value::Boolean(fixed(rest)? != [0]),
        marker::STRING => Value::String(text(rest)?),
        marker::LONG_STRING => Value::String(long_text(rest)?),
        marker::XML => Value::Xml(long_text(rest)?),
        marker::NULL => Value::Null,
        marker::UNDEFINED | marker::UNSUPPORTED => Value::Undefined,
        marker::REFERENCE => Value::Reference(u16::from_be_bytes(fixed(rest)?)),
        marker::DATE => {
            let unix_ms = f64::from_be_bytes(fixed(rest)?);
            let _zone: [u8; 2] = fixed(rest)?;
            Value::Date { unix_ms }
        }
        marker::OBJECT => return Ok(properties(|_, all| Value::Object(all), String::new())),
        marker::ECMA_ARRAY => {
            // The count is a hint, and often wrong: the end marker decides.
            let _count: [u8; 4] = fixed(rest)?;
            return Ok(properties(|_, all| Value::EcmaArray(all), String::new()));
        }
        marker::TYPED_OBJECT => {
            let class = text(rest)?;
            return Ok(properties(
                |class, properties| Value::Typed { class, properties },
                class,
            ));
        }
        marker::STRICT_ARRAY => {
            let left = u32::from_be_bytes(fixed(rest)?);
            return Ok(Begun::Open(Open::Items {
                items: Vec::new(),
                left,
            }));
        }
        unknown => return Err(DecodeError::UnknownMarker(unknown)),
    }))
}

fn properties(close: fn(String, Vec<(String, Value)>) -> Value, class: String) -> Begun {
    Begun::Open(Open::Properties {
        close,
        class,
        properties: Vec::new(),
        key: String::new(),
    })
}

fn close(open: Open) -> Value {
    match open {
        Open::Properties {
            close,
            class,
            properties,
            ..
        } => close(class, properties),
        Open::Items { items, .. } => Value::StrictArray(items),
    }
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    take(rest).ok_or(DecodeError::Truncated)
}

fn text(rest: &mut &[u8]) -> Result<String, DecodeError> {
    let length = u16::from_be_bytes(fixed(rest)?);
    utf8(rest, usize::from(length))
}

fn long_text(rest: &mut &[u8]) -> Result<String, DecodeError> {
    let length = u32::from_be_bytes(fixed(rest)?);
    utf8(rest, usize::try_from(length).unwrap_or(usize::MAX))
}

fn utf8(rest: &mut &[u8], length: usize) -> Result<String, DecodeError> {
    let (text, after) = rest
        .split_at_checked(length)
        .ok_or(DecodeError::Truncated)?;
    *rest = after;
    std::str::from_utf8(text)
        .map(str::to_owned)
        .map_err(|_| DecodeError::NotUtf8)
}
