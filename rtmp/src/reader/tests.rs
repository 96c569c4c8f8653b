use bytes::Bytes;
use proptest::prelude::*;
use rml_rtmp::chunk_io::{ChunkDeserializer, ChunkSerializer};
use rml_rtmp::messages::MessagePayload;
use rml_rtmp::time::RtmpTimestamp;

use super::{ChunkReader, Limits, ReadError};
use crate::writer::MediaHeader;
use crate::{Message, MessageKind};

/// What the remote kills of rml_rtmp 0.8 do to us: nothing.
mod remote_kills {
    use super::*;

    #[test]
    fn audio_between_two_chunks_of_a_video_message() {
        let mut input = vec![4, 0, 0, 40, 0, 0, 200, 9, 1, 0, 0, 0];
        input.extend([7; 128]);
        input.extend([5, 0, 0, 41, 0, 0, 3, 8, 1, 0, 0, 0, 1, 2, 3]);
        input.push(0xC4);
        input.extend([7; 72]);
        check(
            &input,
            &[
                message(41, MessageKind::Audio, &[1, 2, 3]),
                message(40, MessageKind::Video, &[7; 200]),
            ],
        );
    }

    #[test]
    fn an_extended_delta_below_the_24_bit_maximum() {
        let input = [
            4, 0, 0, 9, 0, 0, 1, 9, 1, 0, 0, 0, 1, // at 9
            0x44, 0xFF, 0xFF, 0xFF, 0, 0, 1, 9, 0, 0, 0, 5, 2, // 5 later, needlessly extended
        ];
        check(
            &input,
            &[
                message(9, MessageKind::Video, &[1]),
                message(14, MessageKind::Video, &[2]),
            ],
        );
    }

    #[test]
    fn a_message_of_16_mib() {
        let input = [4, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0, 1];
        let limit = Limits::STRANGER.message;
        check_error(
            &input,
            ReadError::MessageTooLong {
                length: 0xFF_FFFF,
                limit,
            },
        );
    }

    #[test]
    fn thousands_of_chunk_streams() {
        let input: Vec<u8> = (0..=255)
            .flat_map(|id| [0, id, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, 7])
            .collect();
        check_error(&input, ReadError::TooManyChunkStreams(16));
    }

    #[test]
    fn many_unfinished_messages() {
        let one = |csid| {
            [csid, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0]
                .into_iter()
                .chain([0; 128])
        };
        check_error(
            &(2..11).flat_map(one).collect::<Vec<_>>(),
            ReadError::TooManyUnfinished,
        );
        let half = |csid| {
            [csid, 0, 0, 0, 0, 0x80, 1, 9, 1, 0, 0, 0]
                .into_iter()
                .chain([0; 128])
        };
        check_error(
            &(2..4).flat_map(half).collect::<Vec<_>>(),
            ReadError::TooManyUnfinished,
        );
    }

    #[test]
    fn endless_input_before_login() {
        check_error(
            &[[2, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0]; 6000].concat(),
            ReadError::TooManyBytes(65536),
        );
    }
}

#[test]
fn all_three_forms_of_chunk_stream_id() {
    let body = [0, 0, 1, 0, 0, 1, 9, 1, 0, 0, 0, 7];
    let input: Vec<u8> = [
        &[63_u8][..],
        &body,
        &[0, 0],
        &body,
        &[0, 255],
        &body,
        &[1, 0, 1],
        &body,
        &[1, 255, 255],
        &body,
    ]
    .concat();
    check(&input, &vec![message(1, MessageKind::Video, &[7]); 5]);
    // The two long forms name the same chunk stream: 64 + 5.
    let same = [&[0_u8, 5][..], &body, &[0xC1, 5, 0, 8]].concat();
    check(
        &same,
        &[
            message(1, MessageKind::Video, &[7]),
            message(2, MessageKind::Video, &[8]),
        ],
    );
}

#[test]
fn the_four_formats_take_what_they_leave_out_from_the_last_header() {
    let input = [
        4, 0, 0, 10, 0, 0, 1, 9, 1, 0, 0, 0, 1, // all of it
        0x44, 0, 0, 5, 0, 0, 2, 8, 2, 2, // delta, length, kind
        0x84, 0, 0, 7, 3, 3, // delta
        0xC4, 4, 4, // the same delta again
    ];
    check(
        &input,
        &[
            message(10, MessageKind::Video, &[1]),
            message(15, MessageKind::Audio, &[2, 2]),
            message(22, MessageKind::Audio, &[3, 3]),
            message(29, MessageKind::Audio, &[4, 4]),
        ],
    );
}

#[test]
fn headers_that_refer_to_nothing() {
    check_error(&[0xC4, 1], ReadError::NoPreviousHeader(4));
    check_error(&[0x84, 0, 0, 0], ReadError::NoPreviousHeader(4));
    // librtmp opens chunk stream 2 this way for its ping replies.
    check(
        &[0x42, 0, 0, 1, 0, 0, 1, 4, 9],
        &[Message {
            stream_id: 0,
            ..message(1, MessageKind::UserControl, &[9])
        }],
    );
}

#[test]
fn a_header_inside_a_message_is_refused() {
    let mut input = vec![4, 0, 0, 0, 0, 0, 200, 9, 1, 0, 0, 0];
    input.extend([7; 128]);
    input.extend([4, 0, 0, 0, 0, 0, 200, 9, 1, 0, 0, 0]);
    check_error(&input, ReadError::HeaderInsideMessage(4));
}

#[test]
fn an_extended_timestamp_may_be_left_out_after_fmt_3() {
    let extended = [4, 0xFF, 0xFF, 0xFF, 0, 0, 130, 9, 1, 0, 0, 0, 1, 2, 3, 4];
    let expected = message(0x0102_0304, MessageKind::Video, &[1; 130]);
    let repeated = [&extended[..], &[1; 128], &[0xC4, 1, 2, 3, 4, 1, 1]].concat();
    check(&repeated, std::slice::from_ref(&expected));
    let left_out = [&extended[..], &[1; 128], &[0xC4, 1, 1]].concat();
    check(&left_out, std::slice::from_ref(&expected));

    // The payload begins like the timestamp, and is over before the difference shows in this chunk.
    let mut ends = message(0x0102_0304, MessageKind::Video, &[1; 130]);
    let mut body = vec![1; 128];
    body.extend([1, 2]);
    ends.payload = Bytes::from(body);
    let next = [5, 0, 0, 1, 0, 0, 1, 8, 1, 0, 0, 0, 9];
    let ambiguous = [&extended[..], &[1; 128], &[0xC4, 1, 2], &next].concat();
    check(&ambiguous, &[ends, message(1, MessageKind::Audio, &[9])]);
}

#[test]
fn an_extended_delta_may_be_repeated_as_the_timestamp() {
    let start = [4, 0, 0, 9, 0, 0, 1, 9, 1, 0, 0, 0, 1];
    let far = [0x44, 0xFF, 0xFF, 0xFF, 0, 0, 130, 9, 1, 0, 0, 0];
    let expected = [
        message(9, MessageKind::Video, &[1]),
        message(0x0100_0009, MessageKind::Video, &[7; 130]),
    ];
    for repeated in [[1, 0, 0, 0], [1, 0, 0, 9]] {
        check(
            &[&start[..], &far, &[7; 128], &[0xC4], &repeated, &[7, 7]].concat(),
            &expected,
        );
    }
}

#[test]
fn timestamps_wrap_at_24_and_32_bits() {
    for start in [
        0xFF_FFFD_u32,
        0xFF_FFFE,
        0xFF_FFFF,
        0x100_0000,
        u32::MAX - 1,
        u32::MAX,
    ] {
        let header = MediaHeader::new(start, MessageKind::Video, 1, 1);
        let input = [header.as_slice(), &[1], &[0x88, 0, 0, 3, 2], &[0xC8, 3]].concat();
        let at =
            |times: u32, byte| message(start.wrapping_add(3 * times), MessageKind::Video, &[byte]);
        check(&input, &[at(0, 1), at(1, 2), at(2, 3)]);
    }
}

#[test]
fn set_chunk_size_takes_effect_and_abort_drops_what_was_begun() {
    let mut input = vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 1]; // chunks of one byte
    input.extend([4, 0, 0, 0, 0, 0, 2, 9, 1, 0, 0, 0, 1]); // the first of two
    input.extend([
        2, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0xC2, 0, 0xC2, 0, 0xC2, 4,
    ]); // Abort 4
    input.extend([4, 0, 0, 5, 0, 0, 1, 9, 1, 0, 0, 0, 3]);
    check(&input, &[message(5, MessageKind::Video, &[3])]);

    let set = |size: [u8; 4]| [&[2_u8, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0][..], &size].concat();
    check_error(&set([0; 4]), ReadError::BadControl);
    check_error(
        &[2, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 7],
        ReadError::BadControl,
    );
    check(&set([0x7F, 0xFF, 0xFF, 0xFF]), &[]);
}

#[test]
fn an_aggregate_is_the_messages_it_holds() {
    let tags = [
        &[8_u8, 0, 0, 2, 0, 0, 100, 0, 0, 0, 0, 1, 2, 0, 0, 0, 13][..],
        &[1, 0, 0, 0, 0, 0, 110, 0, 0, 0, 0, 0, 0, 0, 11], // no media: passed over
        &[9, 0, 0, 1, 0, 0, 120, 0, 0, 0, 0, 3, 0, 0, 0, 12],
        &[18, 0, 0, 1, 0, 0, 90, 0, 0, 0, 0, 4], // the last length is left out
    ]
    .concat();
    let header = MediaHeader::new(1000, MessageKind::Aggregate, tags.len(), 1);
    let expected = [
        message(1000, MessageKind::Audio, &[1, 2]),
        message(1020, MessageKind::Video, &[3]),
        message(990, MessageKind::DataAmf0, &[4]),
    ];
    check(&[header.as_slice(), &tags].concat(), &expected);
    let cut = tags.len() - 1;
    let header = MediaHeader::new(1000, MessageKind::Aggregate, cut, 1);
    check(&[header.as_slice(), &tags[..cut]].concat(), &expected[..2]);
}

fn messages(largest: usize) -> impl Strategy<Value = Vec<Message>> {
    let kind = prop_oneof![
        Just(MessageKind::Audio),
        Just(MessageKind::Video),
        Just(MessageKind::DataAmf0),
        Just(MessageKind::CommandAmf0)
    ];
    let timestamp = prop_oneof![any::<u32>(), 0_u32..100, 0xFF_FFF0_u32..0x100_0010];
    let payload = prop::collection::vec(any::<u8>(), 1..largest);
    let message =
        (timestamp, kind, 0_u32..3, payload).prop_map(|(timestamp, kind, stream_id, payload)| {
            Message {
                timestamp,
                kind,
                stream_id,
                payload: Bytes::from(payload),
            }
        });
    prop::collection::vec(message, 1..12)
}

fn chunk_sizes() -> impl Strategy<Value = u32> {
    prop_oneof![1_u32..300, 1_u32..=0xFF_FFFF, Just(0xFF_FFFF)]
}

fn announce(chunk_size: u32) -> Vec<u8> {
    [
        &[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0],
        &chunk_size.to_be_bytes()[..],
    ]
    .concat()
}

/// The chunks of one message on one chunk stream.
fn chunks(message: &Message, csid: u8, chunk_size: u32) -> Vec<Vec<u8>> {
    let Message {
        timestamp,
        kind,
        stream_id,
        payload,
    } = message;
    let header = MediaHeader::on_chunk_stream(csid, *timestamp, *kind, payload.len(), *stream_id);
    let pieces: Vec<_> = header.pieces(payload, chunk_size, 0).collect();
    pieces.chunks(2).map(<[&[u8]]>::concat).collect()
}

proptest! {
    /// What we write we read, at every chunk size, however the bytes are cut.
    #[test]
    fn what_we_write_we_read(
        sent in messages(600), chunk_size in chunk_sizes(), cut in 1_usize..700,
    ) {
        let mut wire = announce(chunk_size);
        wire.extend(sent.iter().flat_map(|message| chunks(message, 8, chunk_size)).flatten());
        prop_assert_eq!(read_in_pieces(&wire, cut), Ok(sent));
    }

    /// Any interleaving of chunk streams gives the messages of each, whole and in order.
    #[test]
    fn interleaving_changes_nothing(
        sent in messages(400),
        chunk_size in 1_u32..200,
        turns in prop::collection::vec(any::<prop::sample::Index>(), 1..600),
    ) {
        const STREAMS: usize = 5;
        let mut queues: [std::collections::VecDeque<Vec<u8>>; STREAMS] = Default::default();
        let mut expected: [Vec<Message>; STREAMS] = Default::default();
        for (index, message) in sent.iter().enumerate() {
            let to = index % STREAMS;
            let message = Message { stream_id: u32::try_from(to).unwrap(), ..message.clone() };
            queues[to].extend(chunks(&message, u8::try_from(to).unwrap() + 3, chunk_size));
            expected[to].push(message);
        }
        let mut wire = announce(chunk_size);
        let mut turns = turns.iter().cycle();
        while queues.iter().any(|queue| !queue.is_empty()) {
            let busy: Vec<_> = (0..STREAMS).filter(|&queue| !queues[queue].is_empty()).collect();
            wire.extend(queues[*turns.next().unwrap().get(&busy)].pop_front().unwrap());
        }
        let read = read_in_pieces(&wire, usize::MAX).unwrap();
        for (stream, expected) in expected.into_iter().enumerate() {
            let of_stream = |message: &&Message| usize::try_from(message.stream_id) == Ok(stream);
            prop_assert_eq!(read.iter().filter(of_stream).cloned().collect::<Vec<_>>(), expected);
        }
    }

    /// What rml_rtmp serialises, with its compressed headers, we read.
    #[test]
    fn what_rml_writes_we_read(sent in messages(600), chunk_size in 1_u32..1000, compress in any::<bool>()) {
        let mut serializer = ChunkSerializer::new();
        let mut wire = serializer.set_max_chunk_size(chunk_size, RtmpTimestamp::new(0)).unwrap().bytes;
        // rml writes a step back in time as a huge delta, which both sides add modulo 2^32.
        for message in &sent {
            let force = !compress && message.payload.len() <= usize::try_from(chunk_size).unwrap();
            wire.extend(serializer.serialize(&rml(message), force, false).unwrap().bytes);
        }
        let read = read_in_pieces(&wire, 100).unwrap();
        prop_assert_eq!(read, sent);
    }

    /// What we write rml_rtmp reads.
    #[test]
    fn what_we_write_rml_reads(sent in messages(600), chunk_size in 1_u32..1000) {
        let mut deserializer = ChunkDeserializer::new();
        deserializer.set_max_chunk_size(usize::try_from(chunk_size).unwrap()).unwrap();
        for message in &sent {
            let wire = chunks(message, 8, chunk_size).concat();
            let read = deserializer.get_next_message(&wire).unwrap().unwrap();
            prop_assert_eq!(read, rml(message));
        }
    }

    /// No bytes make the reader panic, hold more than its limits, or depend on how they were cut.
    #[test]
    fn noise_is_read_the_same_however_it_is_cut(
        noise in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..10], 0..300), cut in 1_usize..20,
    ) {
        prop_assert_eq!(read_in_pieces(&noise, cut), read_in_pieces(&noise, usize::MAX));
    }
}

fn rml(message: &Message) -> MessagePayload {
    MessagePayload {
        timestamp: RtmpTimestamp::new(message.timestamp),
        type_id: message.kind.id(),
        message_stream_id: message.stream_id,
        data: message.payload.clone(),
    }
}

fn message(timestamp: u32, kind: MessageKind, payload: &[u8]) -> Message {
    Message {
        timestamp,
        kind,
        stream_id: 1,
        payload: Bytes::copy_from_slice(payload),
    }
}

fn read_in_pieces(input: &[u8], size: usize) -> Result<Vec<Message>, ReadError> {
    let mut reader = ChunkReader::new(Limits::STRANGER);
    let mut messages = Vec::new();
    for mut piece in input.chunks(size.min(input.len()).max(1)) {
        while let Some(message) = reader.read(&mut piece)? {
            messages.push(message);
        }
        assert!(piece.is_empty());
    }
    Ok(messages)
}

#[track_caller]
fn check(input: &[u8], expected: &[Message]) {
    for size in [usize::MAX, 1, 7] {
        assert_eq!(
            read_in_pieces(input, size).as_deref(),
            Ok(expected),
            "in pieces of {size}"
        );
    }
}

#[track_caller]
fn check_error(input: &[u8], expected: ReadError) {
    for size in [usize::MAX, 1] {
        assert_eq!(read_in_pieces(input, size), Err(expected));
    }
}
