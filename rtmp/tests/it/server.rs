//! What publishers and players get from the server.

use proptest::prelude::*;
use rtmp::amf0::{self, Value};
use rtmp::client::Purpose;
use rtmp::reader::ReadError;
use rtmp::server::{Refusal, ServerAction, ServerConfig, ServerSession};
use rtmp::{CloseReason, Fault, MessageKind};

use crate::pair::{KEY, Pair, client_config, command, media, seconds, transcript, wire};

const HANDSHAKE: usize = 1 + 2 * 1536;

#[test]
fn a_publisher_is_asked_for_answered_and_heard() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle();
    let frame = media(40, MessageKind::Video, &[7; 10_000]);
    pair.write_to_server(&wire(&frame, 4096));
    pair.settle();

    let [
        ServerAction::PublishRequested(request),
        ServerAction::Media(heard),
    ] = &pair.server_actions[..]
    else {
        panic!("{:?}", pair.server_actions)
    };
    assert_eq!((request.app.as_str(), request.key.expose()), ("live", KEY));
    assert_eq!(request.tc_url.expose(), "rtmp://localhost/live");
    assert_eq!(request.flash_ver, "FMLE/3.0 (compatible; FMSc/1.0)");
    assert_eq!(*heard, frame);
    assert_eq!(
        transcript(&pair.to_client[HANDSHAKE..]),
        [
            "WindowAcknowledgementSize",
            "SetPeerBandwidth",
            "_result NetConnection.Connect.Success",
            "_result", // releaseStream
            "_result", // FCPublish
            "_result", // createStream
            "UserControl 0",
            "onFCPublish NetStream.Publish.Start",
            "onStatus NetStream.Publish.Start",
        ]
    );
}

#[test]
fn stopping_and_publishing_again_on_the_same_connection() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle();
    for name in ["FCUnpublish", "deleteStream"] {
        pair.write_to_server(&command(
            0,
            &[name.into(), 0.0.into(), Value::Null, 1.0.into()],
        ));
    }
    pair.write_to_server(&wire(&media(1, MessageKind::Audio, &[1]), 4096)); // too late
    pair.write_to_server(&publish(1, "again"));
    pair.settle();
    let kinds: Vec<_> = pair.server_actions.iter().map(kind).collect();
    assert_eq!(kinds, ["publish", "unpublished", "publish"]);
}

#[test]
fn a_player_gets_no_phantom_streams() {
    let mut pair = Pair::new(client_config(Purpose::Play));
    pair.settle();
    assert!(matches!(
        pair.server_actions[..],
        [ServerAction::PlayRequested(_)]
    ));
    assert_eq!(
        transcript(&pair.to_client[HANDSHAKE..])[4..],
        [
            "UserControl 0",
            "onStatus NetStream.Play.Reset",
            "onStatus NetStream.Play.Start"
        ]
    );
    pair.server.end_play();
    pair.settle();
    assert_eq!(
        pair.server_actions[1..],
        [ServerAction::Closed(CloseReason::Ended)]
    );
}

#[test]
fn a_refusal_has_a_code_that_clients_know_and_closes() {
    for (purpose, refusal, code) in [
        (
            Purpose::Publish,
            Refusal::Denied,
            "NetStream.Publish.Denied",
        ),
        (
            Purpose::Publish,
            Refusal::NotFound,
            "NetStream.Publish.Denied",
        ),
        (
            Purpose::Publish,
            Refusal::Unavailable,
            "NetStream.Publish.Failed",
        ),
        (Purpose::Play, Refusal::Denied, "NetStream.Play.Failed"),
        (
            Purpose::Play,
            Refusal::NotFound,
            "NetStream.Play.StreamNotFound",
        ),
        (Purpose::Play, Refusal::Unavailable, "NetStream.Play.Failed"),
    ] {
        let mut pair = Pair::new(client_config(purpose));
        pair.refusal = Some(refusal);
        pair.settle();
        let Some(ServerAction::Closed(reason)) = pair.server_actions.last() else {
            panic!("{:?}", pair.server_actions)
        };
        assert_eq!(reason.fault(), Fault::Operator);
        let status = format!("onStatus {code}");
        assert_eq!(
            transcript(&pair.to_client[HANDSHAKE..]).last(),
            Some(&status)
        );
    }
}

#[test]
fn an_answer_to_a_request_that_is_gone_changes_nothing() {
    let mut server = connected();
    input(&mut server, &publish(1, "key"));
    let Some(ServerAction::PublishRequested(request)) = server.next_action() else {
        panic!()
    };
    input(
        &mut server,
        &command(
            0,
            &["deleteStream".into(), 0.0.into(), Value::Null, 1.0.into()],
        ),
    );
    server.accept_publish(request.id, seconds(0));
    assert_eq!(server.accept_play(request.id, seconds(0)), None);
    server.refuse(request.id, Refusal::Denied);
    assert_eq!(server.next_action(), None);
}

#[test]
fn what_is_not_rtmp_is_closed_at_its_first_byte() {
    let mut server = ServerSession::new(ServerConfig::default(), seconds(0));
    input(&mut server, b"GET / HTTP/1.1\r\n");
    assert_eq!(
        actions(&mut server),
        [ServerAction::Closed(CloseReason::NotRtmp(b'G'))]
    );
    assert_eq!(server.poll_timeout(), None);
    input(&mut server, b"more");
    assert_eq!(server.next_action(), None);
}

#[test]
fn strange_commands_are_answered_or_counted_never_fatal() {
    let mut server = connected();
    let nested = [10, 0, 0, 0, 1].repeat(4000);
    for payload in [
        &b""[..],                    // a command of nothing
        b"\x02\0\x07connect",        // a second connect, and a short one
        b"\x05\x05\x05",             // a name that is no text
        b"\x02\0\x01\xFF",           // a name that is not UTF-8
        b"\x02\0\x07publish",        // no key
        b"\x02\0\x08whatever",       // a command nobody knows
        b"\x02\0\x0Enested strings", // cut short
        &nested,                     // rml_amf0's stack overflow
    ] {
        for kind in [MessageKind::CommandAmf0, MessageKind::CommandAmf3] {
            input(&mut server, &wire(&media(0, kind, payload), 128));
        }
    }
    // A data message of one name, which is media like any other once somebody publishes.
    input(
        &mut server,
        &wire(
            &media(0, MessageKind::DataAmf0, b"\x02\0\x0D@setDataFrame"),
            128,
        ),
    );
    assert_eq!(server.ignored(), 16);
    assert_eq!(actions(&mut server), []);
    input(
        &mut server,
        &command(0, &["_checkbw".into(), 7.0.into(), Value::Null]),
    );
    assert_eq!(said(&mut server), ["_result"]);
}

#[test]
fn commands_before_connect_do_nothing() {
    let mut server = shaken();
    input(&mut server, &publish(1, "key"));
    input(
        &mut server,
        &command(0, &["createStream".into(), 2.0.into(), Value::Null]),
    );
    assert_eq!(actions(&mut server), []);
}

#[test]
fn enhanced_rtmp_is_answered_to_those_who_ask() {
    let texts =
        |texts: &[&str]| Value::StrictArray(texts.iter().map(|&text| text.into()).collect());
    let ask = Value::object([
        ("app", "live/?token=1".into()),
        ("fourCcList", texts(&["hvc1", "av01", "too long"])),
        ("videoFourCcInfoMap", Value::object([("hvc1", 3.0.into())])),
        ("capsEx", 255.0.into()),
    ]);
    let mut server = shaken();
    input(
        &mut server,
        &command(0, &["connect".into(), 1.0.into(), ask]),
    );
    let sent = sent(&mut server);
    let at = sent
        .windows(7)
        .position(|window| window == b"_result")
        .unwrap()
        - 3;
    let answer = amf0::decode(&sent[at..]).unwrap();
    let information = &answer[3];
    assert_eq!(
        information.get("fourCcList"),
        Some(&texts(&["hvc1", "av01"]))
    );
    let every = Value::object([("*", 4.0.into())]);
    assert_eq!(information.get("videoFourCcInfoMap"), Some(&every));
    assert_eq!(information.get("audioFourCcInfoMap"), None);
    assert_eq!(information.get("capsEx"), Some(&Value::Number(14.0)));

    input(&mut server, &publish(1, "key"));
    let Some(ServerAction::PublishRequested(request)) = server.next_action() else {
        panic!()
    };
    assert_eq!(request.app, "live");
}

#[test]
fn who_asks_for_nothing_is_closed_after_five_seconds() {
    let mut server = ServerSession::new(ServerConfig::default(), seconds(100));
    input(&mut server, &[3; 100]);
    assert_eq!(server.poll_timeout(), Some(seconds(105)));
    server.handle_timeout(seconds(104));
    assert_eq!(server.next_action(), None);
    server.handle_timeout(seconds(105));
    assert_eq!(
        actions(&mut server),
        [ServerAction::Closed(CloseReason::Deadline)]
    );
}

#[test]
fn a_publisher_is_pinged_and_dead_after_six_silent_seconds() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle().advance(seconds(60));
    assert!(
        pair.server_actions.len() == 1,
        "pings keep it alive: {:?}",
        pair.server_actions
    );
    let pings = transcript(&pair.to_client[HANDSHAKE..])
        .iter()
        .filter(|said| *said == "UserControl 6")
        .count();
    assert_eq!(pings, 30);

    let mut last = pair.now;
    while let Some(due) = pair.server.poll_timeout() {
        last = due;
        pair.server.handle_timeout(due);
    }
    assert_eq!(last, pair.now + seconds(6));
    let mut closed = actions(&mut pair.server);
    assert_eq!(
        closed.pop(),
        Some(ServerAction::Closed(CloseReason::Silent))
    );
}

#[test]
fn acknowledgements_carry_the_running_total() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle();
    let window = media(
        0,
        MessageKind::WindowAcknowledgementSize,
        &100_000_u32.to_be_bytes(),
    );
    pair.write_to_server(&wire(&window, 4096));
    let mut totals = Vec::new();
    for _ in 0..40 {
        pair.server.handle_input(
            &wire(&media(0, MessageKind::Video, &[7; 10_000]), 4096),
            pair.now,
        );
        for action in actions(&mut pair.server) {
            if let ServerAction::Send(bytes) = action {
                assert_eq!(transcript(&bytes), ["Acknowledgement"]);
                let total = u32::from_be_bytes(*bytes.last_chunk().unwrap());
                assert_eq!(u64::from(total), pair.server.received());
                totals.push(total);
            }
        }
    }
    assert_eq!(totals.len(), 4);
}

#[test]
fn limits_loosen_only_once_the_key_was_right() {
    let mut server = connected();
    let long = media(0, MessageKind::Video, &[7; 100_000]);
    input(&mut server, &wire(&long, 128));
    let error = ReadError::MessageTooLong {
        length: 100_000,
        limit: 65_536,
    };
    assert_eq!(
        actions(&mut server),
        [ServerAction::Closed(CloseReason::Read(error))]
    );

    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle();
    pair.write_to_server(&wire(&long, 4096));
    pair.settle();
    assert_eq!(pair.server_actions.last(), Some(&ServerAction::Media(long)));
}

#[test]
fn a_flood_of_tiny_messages_is_closed() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle();
    let flood = [
        &wire(&media(0, MessageKind::Audio, &[1]), 4096)[..],
        &[0xC8, 1].repeat(30_000),
    ]
    .concat();
    pair.server.handle_input(&flood, pair.now);
    assert_eq!(
        actions(&mut pair.server).pop(),
        Some(ServerAction::Closed(CloseReason::Flood))
    );
}

#[test]
fn data_under_amf3_comes_out_as_amf0() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle();
    pair.write_to_server(&wire(
        &media(5, MessageKind::DataAmf3, b"\0\x02\0\x02hi"),
        4096,
    ));
    pair.settle();
    let expected = media(5, MessageKind::DataAmf0, b"\x02\0\x02hi");
    assert_eq!(
        pair.server_actions.last(),
        Some(&ServerAction::Media(expected))
    );
}

#[test]
fn nothing_printed_holds_a_key() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle();
    let printed = format!(
        "{:?} {:?} {:?}",
        pair.server_actions, pair.server, pair.client
    );
    assert!(!printed.contains("stage-dev"), "{printed}");
}

proptest! {
    /// Whatever comes after the handshake, the server neither panics nor goes on after it closed.
    #[test]
    fn noise_does_no_harm(noise in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..22], 0..400)) {
        let mut server = connected();
        input(&mut server, &noise);
        let actions = actions(&mut server);
        let closed = actions.iter().position(|action| matches!(action, ServerAction::Closed(_)));
        prop_assert!(closed.is_none_or(|at| at + 1 == actions.len()));
    }
}

/// A server after the handshake.
fn shaken() -> ServerSession {
    let mut server = ServerSession::new(ServerConfig::default(), seconds(0));
    input(&mut server, &[3; 1 + 1536 + 1536]);
    assert_eq!(sent(&mut server).len(), 1 + 1536 + 1536);
    server
}

/// A server after connect.
fn connected() -> ServerSession {
    let mut server = shaken();
    let object = Value::object([("app", "live".into())]);
    input(
        &mut server,
        &command(0, &["connect".into(), 1.0.into(), object]),
    );
    assert_eq!(
        said(&mut server).last().unwrap(),
        "_result NetConnection.Connect.Success"
    );
    server
}

fn publish(stream_id: u32, key: &str) -> Vec<u8> {
    command(
        stream_id,
        &[
            "publish".into(),
            5.0.into(),
            Value::Null,
            key.into(),
            "live".into(),
        ],
    )
}

fn input(server: &mut ServerSession, bytes: &[u8]) {
    server.handle_input(bytes, seconds(0));
}

fn actions(server: &mut ServerSession) -> Vec<ServerAction> {
    std::iter::from_fn(|| server.next_action()).collect()
}

/// What the server sends, when it does nothing else.
fn sent(server: &mut ServerSession) -> Vec<u8> {
    let bytes = actions(server).into_iter().map(|action| match action {
        ServerAction::Send(bytes) => bytes,
        other => panic!("{other:?}"),
    });
    bytes.flatten().collect()
}

fn said(server: &mut ServerSession) -> Vec<String> {
    transcript(&sent(server))
}

fn kind(action: &ServerAction) -> &'static str {
    match action {
        ServerAction::Send(_) => "send",
        ServerAction::PublishRequested(_) => "publish",
        ServerAction::PlayRequested(_) => "play",
        ServerAction::Media(_) => "media",
        ServerAction::Unpublished => "unpublished",
        ServerAction::StoppedPlaying => "stopped",
        ServerAction::Closed(_) => "closed",
    }
}
