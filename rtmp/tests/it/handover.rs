//! A session may move to another process between any two bytes, and nobody notices.

use proptest::prelude::*;
use rtmp::MessageKind;
use rtmp::client::{ClientAction, ClientSession, Purpose};
use rtmp::server::{ServerAction, ServerConfig, ServerSession};

use crate::pair::{Pair, answer, client_config, command, media, seconds, wire};

/// A whole dialogue, recorded: handshake, commands, media that interleaves, wraps and aggregates, the end.
fn dialogue(purpose: Purpose) -> Pair {
    let mut pair = Pair::new(client_config(purpose));
    pair.settle();
    let mut bytes = wire(&media(0xFF_FFFE, MessageKind::Video, &[7; 300]), 1 << 20);
    bytes.extend([2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 100]); // chunks of 100 bytes
    bytes.extend([4, 0xFF, 0xFF, 0xFF, 0, 0, 150, 9, 1, 0, 0, 0, 1, 0, 0, 0]);
    bytes.extend([7; 100]);
    bytes.extend([5, 0, 0, 9, 0, 0, 3, 8, 1, 0, 0, 0, 1, 2, 3]); // audio inside video
    bytes.extend([0xC4, 1, 0, 0, 0]);
    bytes.extend([7; 50]);
    bytes.extend([
        0xC5, 4, 5, 6, 0x45, 0, 0, 9, 0, 0, 1, 8, 7, 0x85, 0, 0, 9, 8,
    ]);
    let tags = [
        8, 0, 0, 1, 0, 0, 100, 0, 0, 0, 0, 1, 0, 0, 0, 12, 9, 0, 0, 1, 0, 0, 120, 0, 0, 0, 0, 3,
    ];
    bytes.extend(wire(&media(1000, MessageKind::Aggregate, &tags), 100));
    match purpose {
        Purpose::Publish => {
            pair.write_to_server(&bytes);
            pair.settle();
            pair.client.stop();
        }
        Purpose::Play => {
            pair.write_to_client(&bytes);
            pair.settle();
            let stop = [
                "deleteStream".into(),
                0.0.into(),
                rtmp::amf0::Value::Null,
                1.0.into(),
            ];
            pair.write_to_server(&command(0, &stop));
        }
    }
    pair.settle();
    pair
}

#[test]
fn a_server_moves_between_any_two_bytes() {
    for (purpose, few) in [Purpose::Publish, Purpose::Play]
        .into_iter()
        .flat_map(|purpose| (1..=64).map(move |few| (purpose, few)))
    {
        let recorded = dialogue(purpose);
        let play = |moving: bool| {
            let mut server = ServerSession::new(ServerConfig::default(), seconds(1));
            let mut actions = Vec::new();
            for bytes in recorded.to_server.chunks(few) {
                if moving {
                    server = ServerSession::restore(&server.save()).unwrap();
                }
                server.handle_input(bytes, seconds(1));
                if moving {
                    server = ServerSession::restore(&server.save()).unwrap();
                }
                while let Some(action) = server.next_action() {
                    answer(&mut server, &action, None, seconds(1));
                    actions.push(action);
                }
            }
            actions
        };
        let (moved, stayed) = (play(true), play(false));
        // The handshake's answer is random, and as long.
        assert_eq!(moved.len(), stayed.len());
        assert_eq!(moved[1..], stayed[1..]);
        let others = |actions: Vec<ServerAction>| -> Vec<ServerAction> {
            actions
                .into_iter()
                .filter(|action| !matches!(action, ServerAction::Send(_)))
                .collect()
        };
        // A request is answered before what comes behind it only if that comes later.
        if few == 1 {
            assert!(moved.len() > 10);
            assert_eq!(others(moved), others(recorded.server_actions));
        }
    }
}

#[test]
fn a_client_moves_between_any_two_bytes() {
    for purpose in [Purpose::Publish, Purpose::Play] {
        let recorded = dialogue(purpose);
        let play = |moving: bool| {
            let mut client = ClientSession::new(client_config(purpose), seconds(1));
            let mut actions = Vec::new();
            for byte in &recorded.to_client {
                if moving {
                    client = ClientSession::restore(&client.save()).unwrap();
                }
                client.handle_input(&[*byte], seconds(1));
                if moving {
                    client = ClientSession::restore(&client.save()).unwrap();
                }
                actions.extend(std::iter::from_fn(|| client.next_action()));
            }
            actions
        };
        let (moved, stayed) = (play(true), play(false));
        // C1 and C2 are random, and as long.
        assert_eq!(moved.len(), stayed.len());
        assert!(
            matches!(&moved[..2], [ClientAction::Send(c1), ClientAction::Send(c2)] if (c1.len(), c2.len()) == (1537, 1536))
        );
        assert_eq!(moved[2..], stayed[2..]);
        assert!(moved.len() > 6);
    }
}

#[test]
fn another_version_another_kind_and_other_sizes_are_not_read() {
    let server = ServerSession::new(ServerConfig::default(), seconds(1)).save();
    assert!(ServerSession::restore(&server).is_some());
    assert!(ClientSession::restore(&server).is_none());
    for cut in 0..server.len() {
        assert!(ServerSession::restore(&server[..cut]).is_none());
    }
    assert!(ServerSession::restore(&[&server[..], &[0]].concat()).is_none());
    for at in 0..10 {
        let mut other = server.clone();
        other[at] ^= 1;
        assert!(ServerSession::restore(&other).is_none(), "byte {at}");
    }
}

/// If this fails, the layout of a session has changed: raise `saved::VERSION`, then put the new number here.
#[test]
fn the_layout_is_the_versions() {
    let recorded = dialogue(Purpose::Publish);
    let mut server = ServerSession::new(ServerConfig::default(), seconds(1));
    let (all_but_the_end, _) = recorded.to_server.split_at(recorded.to_server.len() - 100);
    server.handle_input(&[3; 3073], seconds(1));
    server.handle_input(&all_but_the_end[3073..], seconds(1));
    while let Some(action) = server.next_action() {
        answer(&mut server, &action, None, seconds(1));
    }
    server.handle_input(&all_but_the_end[all_but_the_end.len() - 60..], seconds(1));
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
    let hash = server.save().iter().fold(0xCBF2_9CE4_8422_2325, fnv);
    assert_eq!((server.save()[4], hash), (2, 11_186_741_903_938_737_133));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A damaged state is refused, or is a session that does no harm.
    #[test]
    fn a_damaged_state_does_no_harm(
        at in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let recorded = dialogue(Purpose::Publish);
        let (before, after) = recorded.to_server.split_at(at.index(recorded.to_server.len()));
        let mut server = ServerSession::new(ServerConfig::default(), seconds(1));
        server.handle_input(before, seconds(1));
        let mut saved = server.save();
        for (at, byte) in damage {
            let at = 10 + at.index(saved.len() - 10);
            saved[at] = byte;
        }
        if let Some(mut server) = ServerSession::restore(&saved) {
            server.handle_input(after, seconds(1));
            server.handle_timeout(seconds(1));
            while let Some(action) = server.next_action() {
                answer(&mut server, &action, None, seconds(1));
            }
        }
    }
}
