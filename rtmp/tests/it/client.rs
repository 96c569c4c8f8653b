//! What the client does with servers, good and bad.

use rtmp::amf0::Value;
use rtmp::client::{ClientAction, ClientConfig, ClientSession, Purpose};
use rtmp::server::{Refusal, ServerAction};
use rtmp::{CloseReason, Fault, MessageKind, Secret};

use crate::pair::{Pair, client_config, command, media, seconds, transcript, wire};

const HANDSHAKE: usize = 1 + 2 * 1536;

#[test]
fn it_publishes_as_obs_does_and_stops_in_good_order() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle();
    assert_eq!(
        pair.client_actions,
        [ClientAction::Publishing {
            stream_id: 1,
            chunk_size: 4096
        }]
    );
    pair.client.stop();
    pair.settle();
    assert_eq!(
        transcript(&pair.to_server[HANDSHAKE..]),
        [
            "connect",
            "WindowAcknowledgementSize",
            "releaseStream",
            "FCPublish",
            "createStream",
            "publish",
            "FCUnpublish",
            "deleteStream",
        ]
    );
    assert_eq!(
        pair.client_actions[1..],
        [ClientAction::Closed(CloseReason::Ended)]
    );
    assert_eq!(pair.server_actions[1..], [ServerAction::Unpublished]);
}

#[test]
fn it_publishes_all_day() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.settle().advance(seconds(86_400));
    assert_eq!(pair.client_actions.len(), 1, "{:?}", pair.client_actions);
    assert!(pair.to_client.len() > 64 << 10);
}

#[test]
fn a_player_is_not_given_the_room_of_a_publisher() {
    for (purpose, held) in [(Purpose::Publish, true), (Purpose::Play, false)] {
        let mut pair = Pair::new(client_config(purpose));
        pair.settle();
        let long = media(0, MessageKind::Video, &[0; 100_000]);
        pair.write_to_server(&wire(&long, 1 << 20)[..4096]);
        pair.settle();
        let closed = |action: &ServerAction| matches!(action, ServerAction::Closed(_));
        assert_eq!(pair.server_actions.iter().any(closed), !held);
    }
}

#[test]
fn it_plays() {
    let mut pair = Pair::new(client_config(Purpose::Play));
    pair.settle();
    let frame = media(40, MessageKind::Video, &[7; 100_000]);
    pair.write_to_client(&wire(&frame, 1 << 20));
    pair.server.end_play();
    pair.settle();
    assert_eq!(
        pair.client_actions,
        [
            ClientAction::Playing,
            ClientAction::Media(frame),
            ClientAction::Closed(CloseReason::Ended),
        ]
    );
}

#[test]
fn a_refusal_is_the_operators_and_says_why() {
    let mut pair = Pair::new(client_config(Purpose::Publish));
    pair.refusal = Some(Refusal::Denied);
    pair.settle();
    let [ClientAction::Closed(reason)] = &pair.client_actions[..] else {
        panic!("{:?}", pair.client_actions)
    };
    assert_eq!(reason.fault(), Fault::Operator);
    assert_eq!(
        reason.to_string(),
        "refused: NetStream.Publish.Denied: Wrong stream key."
    );
}

#[test]
fn a_server_may_refuse_release_stream_but_not_connect() {
    let error = |transaction: f64| {
        let words = [
            ("code", "NetConnection.Connect.Rejected".into()),
            ("description", "no\n".into()),
        ];
        command(
            0,
            &[
                "_error".into(),
                transaction.into(),
                Value::Null,
                Value::object(words),
            ],
        )
    };
    let mut client = shaken(client_config(Purpose::Publish));
    client.handle_input(&error(2.0), seconds(0));
    assert_eq!(others(&mut client), []);
    client.handle_input(&error(1.0), seconds(0));
    let code = "NetConnection.Connect.Rejected".to_owned();
    let reason = CloseReason::Refused {
        code,
        description: "no ".to_owned(),
    };
    assert_eq!(others(&mut client), [ClientAction::Closed(reason)]);
}

#[test]
fn a_server_that_quotes_the_key_does_not_bring_it_into_a_log() {
    let config = ClientConfig {
        key: Secret::new("live-7f3a?sign=0xbeef"),
        app: "app?token=s3cr3t".to_owned(),
        ..client_config(Purpose::Publish)
    };
    let mut client = shaken(config);
    let words = [
        ("code", "NetStream.Publish.BadName".into()),
        (
            "description",
            "/app/live-7f3a?sign=0xbeef (token=s3cr3t) is busy".into(),
        ),
    ];
    let error = [
        "_error".into(),
        5.0.into(),
        Value::Null,
        Value::object(words),
    ];
    client.handle_input(&command(0, &error), seconds(0));
    let reason = CloseReason::Refused {
        code: "NetStream.Publish.BadName".to_owned(),
        description: "/app/(hidden)?(hidden) ((hidden)) is busy".to_owned(),
    };
    assert_eq!(others(&mut client), [ClientAction::Closed(reason)]);
}

#[test]
fn a_server_that_never_starts_is_given_up() {
    let mut client = shaken(client_config(Purpose::Publish));
    assert_eq!(client.poll_timeout(), Some(seconds(10)));
    client.handle_timeout(seconds(10));
    assert_eq!(
        others(&mut client),
        [ClientAction::Closed(CloseReason::Deadline)]
    );
}

#[test]
fn a_silent_server_is_dead_where_servers_ping() {
    for (dead_after, expected) in [(Some(seconds(6)), Some(seconds(1006))), (None, None)] {
        let config = ClientConfig {
            dead_after,
            ..client_config(Purpose::Publish)
        };
        let mut pair = Pair::new(config);
        pair.settle();
        assert_eq!(pair.client.poll_timeout(), expected);
        pair.client.handle_timeout(seconds(1006));
        let closed = expected.map(|_| ClientAction::Closed(CloseReason::Silent));
        assert_eq!(others(&mut pair.client), Vec::from_iter(closed));
    }
}

#[test]
fn a_stream_id_that_is_no_number_is_waited_past() {
    let mut client = shaken(client_config(Purpose::Publish));
    for (transaction, value) in [(1.0, Value::Null), (4.0, "one".into()), (4.0, 9.0.into())] {
        let result = command(
            0,
            &["_result".into(), f64::into(transaction), Value::Null, value],
        );
        client.handle_input(&result, seconds(0));
    }
    client.handle_input(
        &command(
            9,
            &[
                "onStatus".into(),
                0.0.into(),
                Value::Null,
                Value::object([("code", "NetStream.Publish.Start".into())]),
            ],
        ),
        seconds(0),
    );
    assert_eq!(
        others(&mut client),
        [ClientAction::Publishing {
            stream_id: 9,
            chunk_size: 4096
        }]
    );
}

/// A client after the handshake.
fn shaken(config: ClientConfig) -> ClientSession {
    let mut client = ClientSession::new(config, seconds(0));
    client.handle_input(&[3; HANDSHAKE], seconds(0));
    client
}

/// What the client does besides sending.
fn others(client: &mut ClientSession) -> Vec<ClientAction> {
    let actions = std::iter::from_fn(|| client.next_action());
    actions
        .filter(|action| !matches!(action, ClientAction::Send(_)))
        .collect()
}
