use std::io::Cursor;

use proptest::prelude::*;
use rml_rtmp::rml_amf0::{self, Amf0Value};

use super::{DecodeError, MAX_DEPTH, Value, decode, encode, first_text};

#[test]
fn every_kind_of_value() {
    check(&[0, 0x40, 0x08, 0, 0, 0, 0, 0, 0], &[Value::Number(3.0)]);
    check(
        &[1, 1, 1, 0],
        &[Value::Boolean(true), Value::Boolean(false)],
    );
    check(b"\x02\0\x02hi", &[Value::from("hi")]);
    check(
        b"\x03\0\x01b\x05\0\x01a\x06\0\0\x09",
        &[object(&[("b", Value::Null), ("a", Value::Undefined)])],
    );
    check(b"\x07\x01\x02", &[Value::Reference(0x102)]);
    check(
        b"\x08\0\0\0\x01\0\x01a\x05\0\0\x09",
        &[Value::EcmaArray(vec![("a".into(), Value::Null)])],
    );
    check(
        b"\x0A\0\0\0\x02\x05\x06",
        &[Value::StrictArray(vec![Value::Null, Value::Undefined])],
    );
    check(
        &[11, 0x40, 0x08, 0, 0, 0, 0, 0, 0, 0, 0],
        &[Value::Date { unix_ms: 3.0 }],
    );
    check(b"\x0F\0\0\0\x04<a/>", &[Value::Xml("<a/>".into())]);
    check(
        b"\x10\0\x01T\0\x01a\x05\0\0\x09",
        &[Value::Typed {
            class: "T".into(),
            properties: vec![("a".into(), Value::Null)],
        }],
    );
    let long = "x".repeat(70_000);
    check(
        &[&[12, 0, 1, 0x11, 0x70][..], long.as_bytes()].concat(),
        &[Value::from(&*long)],
    );
    check(b"", &[]);
}

#[test]
fn read_otherwise_than_written() {
    let read = |bytes: &[u8]| decode(bytes).unwrap();
    assert_eq!(read(b"\x0D"), [Value::Undefined]);
    assert_eq!(read(b"\x0C\0\0\0\x02hi"), [Value::from("hi")]);
    assert_eq!(
        read(&[11, 0x40, 0x08, 0, 0, 0, 0, 0, 0, 1, 44]),
        [Value::Date { unix_ms: 3.0 }]
    );
    // The count of an ECMA array is a hint.
    let array = Value::EcmaArray(vec![("a".into(), Value::Null)]);
    assert_eq!(read(b"\x08\xFF\xFF\xFF\xFF\0\x01a\x05\0\0\x09"), [array]);
    assert_eq!(read(b"\x01\x07"), [Value::Boolean(true)]);
}

#[test]
fn hostile_values_cost_one_message() {
    check_error(&[10, 0, 0, 0, 1].repeat(10_000), DecodeError::TooDeep);
    check_error(&b"\x03\0\x01a".repeat(10_000), DecodeError::TooDeep);
    check_error(&b"\x05".repeat(10_000), DecodeError::TooManyValues);
    check_error(&[5; 300_000], DecodeError::TooLong);
    check_error(b"\x02\xFF\xFFx", DecodeError::Truncated);
    check_error(b"\x0C\xFF\xFF\xFF\xFFx", DecodeError::Truncated);
    check_error(b"\x0A\xFF\xFF\xFF\xFF\x05", DecodeError::Truncated);
    check_error(b"\x03\0\x01a\x05", DecodeError::Truncated);
    check_error(b"\x03\0\0", DecodeError::Truncated);
    check_error(b"\x02\0\x01\xFF", DecodeError::NotUtf8);
    check_error(b"\x11", DecodeError::UnknownMarker(0x11));
    check_error(b"\x09", DecodeError::UnknownMarker(9));
}

#[test]
fn nesting_up_to_the_limit_is_fine() {
    let nested = [&[10, 0, 0, 0, 1].repeat(MAX_DEPTH)[..], &[5]].concat();
    assert!(decode(&nested).is_ok());
}

#[test]
fn the_name_of_a_data_message() {
    assert_eq!(
        first_text(b"\x02\0\x0D@setDataFrame"),
        Some("@setDataFrame")
    );
    assert_eq!(first_text(b"\x02\0\x02hi and more"), Some("hi"));
    for bad in [
        &b""[..],
        b"\x02",
        b"\x02\0\x03hi",
        b"\x02\0\x01\xFF",
        b"\x05",
    ] {
        assert_eq!(first_text(bad), None);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let number = any::<f64>().prop_filter("NaN is not equal to itself", |number| !number.is_nan());
    let leaf = prop_oneof![
        number.clone().prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,8}".prop_map(Value::String),
        Just(Value::Null),
        Just(Value::Undefined),
        number.prop_map(|unix_ms| Value::Date { unix_ms }),
        any::<u16>().prop_map(Value::Reference),
        ".{0,8}".prop_map(Value::Xml),
    ];
    leaf.prop_recursive(6, 60, 5, |inner| {
        let properties = || prop::collection::vec((".{0,4}", inner.clone()), 0..5);
        prop_oneof![
            properties().prop_map(Value::Object),
            properties().prop_map(Value::EcmaArray),
            (".{0,4}", properties())
                .prop_map(|(class, properties)| Value::Typed { class, properties }),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::StrictArray),
        ]
    })
}

proptest! {
    #[test]
    fn what_we_encode_we_decode(values in prop::collection::vec(any_value(), 0..5)) {
        prop_assert_eq!(decode(&encode(&values)), Ok(values));
    }

    /// A cut message is an error, or the values before the cut; it is never something else.
    #[test]
    fn a_cut_is_noticed(values in prop::collection::vec(any_value(), 1..5), at in any::<prop::sample::Index>()) {
        let whole = encode(&values);
        match decode(&whole[..at.index(whole.len())]) {
            Ok(read) => prop_assert!(values.starts_with(&read)),
            Err(error) => prop_assert_eq!(error, DecodeError::Truncated),
        }
    }

    #[test]
    fn noise_does_no_harm(noise in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..17], 0..200)) {
        if let Ok(values) = decode(&noise) {
            // A NaN is not equal to itself, its bytes are.
            prop_assert_eq!(encode(&decode(&encode(&values)).unwrap()), encode(&values));
        }
    }

    /// rml_amf0 reads what we encode, of the kinds it knows, and we read what it encodes.
    #[test]
    fn rml_agrees(values in prop::collection::vec(any_value(), 0..5)) {
        let Some(theirs) = values.iter().map(rml).collect::<Option<Vec<_>>>() else { return Ok(()) };
        let read = rml_amf0::deserialize(&mut Cursor::new(encode(&values))).unwrap();
        prop_assert_eq!(&read, &theirs);
        let back = decode(&rml_amf0::serialize(&theirs).unwrap()).unwrap();
        let back: Vec<_> = back.iter().map(|value| rml(value).unwrap()).collect();
        prop_assert_eq!(back, theirs);
    }
}

/// The value as rml has it, where it has one: no duplicate and no empty names.
fn rml(value: &Value) -> Option<Amf0Value> {
    Some(match value {
        Value::Number(number) => Amf0Value::Number(*number),
        Value::Boolean(boolean) => Amf0Value::Boolean(*boolean),
        Value::String(text) => Amf0Value::Utf8String(text.clone()),
        Value::Null => Amf0Value::Null,
        Value::Undefined => Amf0Value::Undefined,
        Value::StrictArray(items) => {
            Amf0Value::StrictArray(items.iter().map(rml).collect::<Option<_>>()?)
        }
        Value::Object(properties) => {
            let mut all = std::collections::HashMap::new();
            for (key, value) in properties {
                if key.is_empty() || all.insert(key.clone(), rml(value)?).is_some() {
                    return None;
                }
            }
            Amf0Value::Object(all)
        }
        Value::Typed { .. } | Value::EcmaArray(_) | Value::Date { .. } => return None,
        Value::Reference(_) | Value::Xml(_) => return None,
    })
}

fn object(properties: &[(&str, Value)]) -> Value {
    Value::object(properties.iter().cloned())
}

#[track_caller]
fn check(bytes: &[u8], expected: &[Value]) {
    assert_eq!(decode(bytes).as_deref(), Ok(expected));
    assert_eq!(encode(expected), bytes);
}

#[track_caller]
fn check_error(bytes: &[u8], expected: DecodeError) {
    assert_eq!(decode(bytes), Err(expected));
}
