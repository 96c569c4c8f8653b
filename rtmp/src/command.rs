//! [pure] Commands: what a command message holds, and the ones we send (RTMP 1.0, section 7.2).

use bytes::Bytes;

use crate::amf0::{self, DecodeError, Value};
use crate::{Message, MessageKind};

/// A command as it came. What is missing is null, 0 or absent: short commands are common and harmless.
pub(crate) struct Command {
    pub(crate) name: String,
    /// 0 if no answer is wanted.
    pub(crate) transaction: f64,
    /// The command object, mostly null.
    pub(crate) object: Value,
    pub(crate) arguments: Vec<Value>,
}

impl Command {
    /// The command of a command message, under either AMF's message type.
    pub(crate) fn parse(message: &Message) -> Result<Self, DecodeError> {
        let mut values = amf0::decode(&amf0_payload(message))?.into_iter();
        let Some(Value::String(name)) = values.next() else {
            return Err(DecodeError::Truncated);
        };
        let transaction = values
            .next()
            .and_then(|value| value.as_number())
            .unwrap_or(0.0);
        let object = values.next().unwrap_or(Value::Null);
        Ok(Self {
            name,
            transaction,
            object,
            arguments: values.collect(),
        })
    }

    /// The `index`-th argument, if it is a text.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        self.arguments.get(index).and_then(Value::as_str)
    }
}

/// The AMF0 in a message: AMF3 messages hold it too, behind a byte 0.
pub(crate) fn amf0_payload(message: &Message) -> Bytes {
    let amf3 = matches!(
        message.kind,
        MessageKind::CommandAmf3 | MessageKind::DataAmf3
    );
    if amf3 && message.payload.first() == Some(&0) {
        message.payload.slice(1..)
    } else {
        message.payload.clone()
    }
}

/// A command without an object.
pub(crate) fn call(name: &str, transaction: f64, arguments: &[Value]) -> Bytes {
    let mut values = vec![name.into(), transaction.into(), Value::Null];
    values.extend_from_slice(arguments);
    amf0::encode(&values)
}

/// An information object (section 7.2.2).
pub(crate) fn information(level: &str, code: &str, description: &str) -> Value {
    Value::object([
        ("level", level.into()),
        ("code", code.into()),
        ("description", description.into()),
    ])
}

/// onStatus.
pub(crate) fn status(level: &str, code: &str, description: &str) -> Bytes {
    call("onStatus", 0.0, &[information(level, code, description)])
}
