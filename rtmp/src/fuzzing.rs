//! [pure] What the fuzz targets do with their input. The tests replay the corpora through the same functions, so
//! that neither can rot.

use std::time::Duration;

use crate::amf0::{self, Value};
use crate::command::call;
use crate::reader::{ChunkReader, Limits, ReadError};
use crate::server::{ServerAction, ServerConfig, ServerSession};
use crate::writer::MediaHeader;
use crate::{Message, MessageKind, flv, handshake};

/// Chunks, whole and byte by byte: the same messages, none over the limit.
pub fn reader(data: &[u8]) {
    let whole = read(data, data.len());
    assert_eq!(
        whole,
        read(data, 1),
        "messages depend on how the bytes were cut"
    );
    if let Ok(messages) = whole {
        let longest = messages.iter().map(|message| message.payload.len()).max();
        assert!(
            longest.is_none_or(|length| length <= data.len()),
            "more came out than went in"
        );
    }
}

fn read(data: &[u8], size: usize) -> Result<Vec<Message>, ReadError> {
    let mut reader = ChunkReader::new(Limits::STRANGER);
    let mut messages = Vec::new();
    for mut piece in data.chunks(size.max(1)) {
        while let Some(message) = reader.read(&mut piece)? {
            messages.push(message);
        }
    }
    Ok(messages)
}

/// AMF0: what is decoded encodes to bytes that decode to the same.
pub fn amf0(data: &[u8]) {
    let first = amf0::first_text(data);
    let Ok(values) = amf0::decode(data) else {
        return;
    };
    assert!(first.is_none_or(|text| values.first().and_then(Value::as_str) == Some(text)));
    let encoded = amf0::encode(&values);
    let again = amf0::decode(&encoded).map(|values| amf0::encode(&values));
    assert_eq!(again, Ok(encoded));
}

/// FLV tags and configurations: what they lend is theirs.
pub fn flv(data: &[u8]) {
    for tag in [flv::video(data), flv::audio(data)].into_iter().flatten() {
        assert!(data.ends_with(tag.body));
        assert!((-(1 << 23)..1 << 23).contains(&tag.composition_time));
    }
    for codec in [
        flv::Codec::Avc,
        flv::Codec::Hevc,
        flv::Codec::FourCc(*b"av01"),
    ] {
        let picture = flv::Picture::parse(codec, data);
        assert!(picture.is_none_or(|picture| picture.width > 0 && picture.height > 0));
    }
    assert!(!flv::AvcConfig::parse(data).is_ok_and(|config| config.sps.is_empty()));
    assert!(!flv::AacConfig::parse(data).is_ok_and(|config| config.sample_rate == 0));
}

/// A server after connect, whose daemon takes everybody, with a move to another process halfway.
pub fn server(data: &[u8]) {
    let now = Duration::ZERO;
    let mut server = ServerSession::new(ServerConfig::default(), now);
    server.handle_input(
        &[handshake::VERSION; handshake::OPENING + handshake::PACKET],
        now,
    );
    let connect = call("connect", 1.0, &[]);
    let header = MediaHeader::new(0, MessageKind::CommandAmf0, connect.len(), 0);
    header
        .pieces(&connect, 128, 0)
        .for_each(|piece| server.handle_input(piece, now));
    let (first, second) = data.split_at(data.len() / 2);
    for half in [first, second] {
        server.handle_input(half, now);
        while let Some(action) = server.next_action() {
            match action {
                ServerAction::PublishRequested(request) => server.accept_publish(request.id, now),
                ServerAction::PlayRequested(request) => {
                    // None where the same input took the request back.
                    let granted = server.accept_play(request.id, now);
                    assert!(granted.is_none_or(|grant| grant.chunk_size > 0));
                }
                ServerAction::Closed(_) => assert_eq!(server.poll_timeout(), None),
                ServerAction::Send(_)
                | ServerAction::Media(_)
                | ServerAction::Unpublished
                | ServerAction::StoppedPlaying => {}
            }
        }
        let moved = ServerSession::restore(&server.save());
        assert!(
            moved.as_ref() == Some(&server),
            "a session changed on its way"
        );
    }
}
