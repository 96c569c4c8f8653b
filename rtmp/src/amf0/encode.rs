//! [pure] AMF0 out: the same values give the same bytes, properties in their order.

use bytes::Bytes;

use super::{Value, marker};

/// Encodes values one after another. Names longer than 65535 bytes cannot be written; such properties are left
/// out.
#[must_use]
pub fn encode(values: &[Value]) -> Bytes {
    let mut out = Vec::new();
    for value in values {
        write(&mut out, value);
    }
    Bytes::from(out)
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Number(number) => fixed(out, marker::NUMBER, &number.to_be_bytes()),
        Value::Boolean(boolean) => fixed(out, marker::BOOLEAN, &[u8::from(*boolean)]),
        Value::Null => out.push(marker::NULL),
        Value::Undefined => out.push(marker::UNDEFINED),
        Value::Reference(index) => fixed(out, marker::REFERENCE, &index.to_be_bytes()),
        Value::Date { unix_ms } => {
            fixed(out, marker::DATE, &unix_ms.to_be_bytes());
            out.extend([0, 0]);
        }
        Value::String(text) => match u16::try_from(text.len()) {
            Ok(length) => {
                fixed(out, marker::STRING, &length.to_be_bytes());
                out.extend(text.as_bytes());
            }
            Err(_) => long_text(out, marker::LONG_STRING, text),
        },
        Value::Xml(text) => long_text(out, marker::XML, text),
        Value::Object(all) => {
            out.push(marker::OBJECT);
            properties(out, all);
        }
        Value::Typed {
            class,
            properties: all,
        } => {
            out.push(marker::TYPED_OBJECT);
            name(out, class);
            properties(out, all);
        }
        Value::EcmaArray(all) => {
            fixed(out, marker::ECMA_ARRAY, &length(all.len()));
            properties(out, all);
        }
        Value::StrictArray(items) => {
            fixed(out, marker::STRICT_ARRAY, &length(items.len()));
            for item in items {
                write(out, item);
            }
        }
    }
}

fn properties(out: &mut Vec<u8>, all: &[(String, Value)]) {
    for (key, value) in all {
        if name(out, key) {
            write(out, value);
        }
    }
    out.extend([0, 0, marker::OBJECT_END]);
}

/// Writes a text without its marker, unless it is too long.
fn name(out: &mut Vec<u8>, text: &str) -> bool {
    let Ok(length) = u16::try_from(text.len()) else {
        return false;
    };
    out.extend(length.to_be_bytes());
    out.extend(text.as_bytes());
    true
}

fn fixed(out: &mut Vec<u8>, marker: u8, bytes: &[u8]) {
    out.push(marker);
    out.extend(bytes);
}

fn long_text(out: &mut Vec<u8>, marker: u8, text: &str) {
    fixed(out, marker, &length(text.len()));
    out.extend(text.as_bytes());
}

/// Lengths have 32 bits, and nothing we hold comes near.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}
