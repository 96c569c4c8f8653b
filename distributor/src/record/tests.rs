//! rustls is the oracle: what is sealed here it must open, and what it seals must open here.

use std::{io::Read, io::Write, sync::Arc};

use proptest::prelude::*;
use rustls::{
    ClientConfig, ClientConnection, ServerConfig, ServerConnection, SupportedCipherSuite,
    crypto::aws_lc_rs, pki_types::PrivateKeyDer, version::TLS13,
};

use super::*;

/// A client of rustls's, and the server's keys after their handshake.
pub(crate) fn pair(suite: SupportedCipherSuite) -> (ClientConnection, Keys) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![suite];
    let provider = Arc::new(provider);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    server.enable_secret_extraction = true;
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut &wire[..]).unwrap();
        server.process_new_packets().unwrap();
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        hear(&mut client, &wire).unwrap();
    }
    let secrets = server.dangerous_extract_secrets().unwrap();
    (client, Keys::new(secrets).unwrap())
}

/// What `client` makes of `wire`.
fn hear(client: &mut ClientConnection, mut wire: &[u8]) -> Result<Vec<u8>, rustls::Error> {
    let mut heard = Vec::new();
    while !wire.is_empty() {
        client.read_tls(&mut wire).unwrap();
        let state = client.process_new_packets()?;
        let at = heard.len();
        heard.resize(at + state.plaintext_bytes_to_read(), 0);
        client.reader().read_exact(&mut heard[at..]).unwrap();
    }
    Ok(heard)
}

/// What `client` sends when it is given `content`.
fn say(client: &mut ClientConnection, content: &[u8]) -> Vec<u8> {
    client.writer().write_all(content).unwrap();
    let mut wire = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut wire).unwrap();
    }
    wire
}

fn open_all(opener: &mut Opener, wire: &mut [u8]) -> Result<Vec<u8>, Broken> {
    let (mut content, mut rest) = (Vec::new(), wire);
    while let Some(length) = length(rest)? {
        let (record, after) = rest.split_at_mut(length);
        match opener.open(record)? {
            Opened::Data(data) => content.extend_from_slice(data),
            Opened::End => break,
        }
        rest = after;
    }
    Ok(content)
}

const SUITES: [SupportedCipherSuite; 3] = [
    aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
    aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
    aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
];

/// Seals all of `pieces` with `room` bytes at a time.
fn seal_all(sealer: &mut Sealer, pieces: &[Vec<u8>], room: usize) -> Vec<u8> {
    let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut left = &mut slices[..];
    let (mut wire, mut room) = (Vec::new(), vec![0; room]);
    while left.iter().any(|piece| !piece.is_empty()) {
        let sealed = sealer.seal(left, &mut room).unwrap();
        assert!(sealed.taken > 0, "nothing fits");
        wire.extend_from_slice(&room[..sealed.made]);
        IoSlice::advance_slices(&mut left, sealed.taken);
    }
    wire
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rustls_reads_what_is_sealed_here_and_is_read_here(
        suite in 0..SUITES.len(),
        answers in prop::collection::vec(
            (prop::collection::vec(0usize..60_000, 1..4), CONTENT_MAX + OVERHEAD..200_000), 1..4),
        requests in prop::collection::vec(0usize..40_000, 1..4),
    ) {
        let (mut client, mut keys) = pair(SUITES[suite]);
        for (lengths, room) in answers {
            let bytes = |(at, length): (usize, &usize)| -> Vec<u8> {
                (0u8..=250).cycle().skip(at).take(*length).collect()
            };
            let pieces: Vec<_> = lengths.iter().enumerate().map(bytes).collect();
            let wire = seal_all(&mut keys.sealer, &pieces, room);
            prop_assert_eq!(hear(&mut client, &wire).unwrap(), pieces.concat());
        }
        for length in requests {
            let request = vec![b'q'; length];
            let mut wire = say(&mut client, &request);
            prop_assert_eq!(open_all(&mut keys.opener, &mut wire).unwrap(), request);
        }
    }

    #[test]
    fn a_changed_record_is_never_content(at in 0usize..127, bit in 0u8..8) {
        let (mut client, mut keys) = pair(SUITES[0]);
        let mut wire = say(&mut client, &[b'q'; 100]);
        prop_assert_eq!(wire.len(), 100 + OVERHEAD);
        let at = at.min(wire.len() - 1);
        wire[at] ^= 1 << bit;
        if let Ok(Some(length)) = length(&wire) {
            wire.resize(length, 0);
            prop_assert_eq!(
                keys.opener.open(&mut wire),
                Err(Broken::Told(Alert::BadRecordMac))
            );
        }
    }

    #[test]
    fn bytes_of_anybody_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (_, mut keys) = pair(SUITES[0]);
        let mut bytes = bytes;
        if let Ok(Some(length)) = length(&bytes) {
            bytes.resize(length, 0);
            prop_assert!(keys.opener.open(&mut bytes).is_err());
        }
    }
}

#[test]
fn a_record_counts_once_and_in_its_place() {
    let (mut client, mut keys) = pair(SUITES[0]);
    let mut first = say(&mut client, b"first");
    let mut again = first.clone();
    let second = say(&mut client, b"second");
    let bad = Err(Broken::Told(Alert::BadRecordMac));
    assert_eq!(keys.opener.open(&mut first), Ok(Opened::Data(b"first")));
    assert_eq!(keys.opener.open(&mut again), bad, "sent again");
    let (mut client, mut keys) = pair(SUITES[0]);
    let _first = say(&mut client, b"first");
    let mut out_of_order = say(&mut client, b"second");
    assert_ne!(out_of_order, second);
    assert_eq!(keys.opener.open(&mut out_of_order), bad);
}

#[test]
fn both_ends_say_goodbye() {
    let (mut client, mut keys) = pair(SUITES[0]);
    let goodbye = keys.sealer.alert(Alert::CloseNotify).unwrap();
    client.read_tls(&mut &goodbye[..]).unwrap();
    assert!(client.process_new_packets().unwrap().peer_has_closed());
    client.send_close_notify();
    let mut wire = say(&mut client, b"");
    assert_eq!(keys.opener.open(&mut wire), Ok(Opened::End));
}

#[test]
fn a_fatal_alert_is_understood() {
    let (mut client, mut keys) = pair(SUITES[0]);
    let alert = keys.sealer.alert(Alert::BadRecordMac).unwrap();
    let heard = hear(&mut client, &alert);
    let expected = rustls::AlertDescription::BadRecordMac;
    assert_eq!(heard, Err(rustls::Error::AlertReceived(expected)));
}

#[test]
fn a_peer_that_changes_its_key_has_said_its_last_and_can_still_read() {
    let (mut client, mut keys) = pair(SUITES[0]);
    client.refresh_traffic_keys().unwrap();
    let mut wire = say(&mut client, b"under the new key");
    let update = length(&wire).unwrap().unwrap();
    assert_eq!(keys.opener.open(&mut wire[..update]), Ok(Opened::End));
    let wire = seal_all(&mut keys.sealer, &[b"the answer".to_vec()], RECORD_MAX);
    assert_eq!(hear(&mut client, &wire).unwrap(), b"the answer");
}

#[test]
fn a_key_seals_as_many_records_as_it_may_and_not_one_more() {
    let (mut client, mut keys) = pair(SUITES[0]);
    keys.sealer.key.end = keys.sealer.key.next + 2;
    let content = vec![1; 3 * CONTENT_MAX];
    let mut room = vec![0; 4 * RECORD_MAX];
    let sealed = keys
        .sealer
        .seal(&[IoSlice::new(&content)], &mut room)
        .unwrap();
    assert_eq!(sealed.taken, 2 * CONTENT_MAX);
    let heard = hear(&mut client, &room[..sealed.made]).unwrap();
    assert_eq!(heard.len(), 2 * CONTENT_MAX);
    let more = keys.sealer.seal(&[IoSlice::new(b"more")], &mut room);
    assert_eq!(more, Err(UsedUp));
    assert_eq!(keys.sealer.alert(Alert::CloseNotify), Err(UsedUp));
}

#[test]
fn records_of_nothing_are_taken_for_a_while() {
    let (_, keys) = pair(SUITES[0]);
    let (mut opener, mut peer) = (keys.opener, keys.sealer);
    // Both ends of one key, so that records can be made that no client makes.
    let shared = || {
        let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap();
        (LessSafeKey::new(key), Iv::from([9; 12]))
    };
    (opener.key.key, opener.key.iv) = shared();
    (peer.key.key, peer.key.iv) = shared();
    (opener.key.next, peer.key.next) = (0, 0);
    let mut record = |kind, content: &[u8]| {
        let mut record = vec![0; content.len() + OVERHEAD];
        peer.typed(kind, Content::Apart(content), &mut record)
            .unwrap();
        record
    };
    let unexpected = Err(Broken::Told(Alert::UnexpectedMessage));
    for _ in 0..EMPTY_MAX {
        let mut empty = record(APPLICATION_DATA, &[]);
        assert_eq!(opener.open(&mut empty), Ok(Opened::Data(&[])));
    }
    assert_eq!(opener.open(&mut record(APPLICATION_DATA, &[])), unexpected);
    // Content with its type before padding; padding alone; a message of a handshake that is over.
    let mut padded = record(0, b"content\x17\0\0");
    assert_eq!(opener.open(&mut padded), Ok(Opened::Data(b"content")));
    assert_eq!(opener.open(&mut record(0, &[0; 40])), unexpected);
    assert_eq!(
        opener.open(&mut record(HANDSHAKE, b"\x01\0\0\0")),
        unexpected
    );
    assert_eq!(
        opener.open(&mut record(ALERT, &[2, 80])),
        Err(Broken::Alert(80))
    );
    let too_long = vec![1; CONTENT_MAX + 1];
    let overflow = Err(Broken::Told(Alert::RecordOverflow));
    assert_eq!(
        opener.open(&mut record(APPLICATION_DATA, &too_long)),
        overflow
    );
    let header = |length: usize| {
        let length = u16::try_from(length).unwrap();
        [&[23, 3, 3][..], &length.to_be_bytes()].concat()
    };
    assert_eq!(length(&header(CONTENT_MAX + 256)), Ok(Some(RECORD_MAX)));
    assert_eq!(
        length(&header(CONTENT_MAX + 257)),
        Err(Broken::Told(Alert::RecordOverflow))
    );
    assert_eq!(
        length(b"GET / HTTP/1.1"),
        Err(Broken::Told(Alert::UnexpectedMessage))
    );
}
