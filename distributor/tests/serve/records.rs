//! What a viewer's TLS may do at the border of its handshake and after it: whichever way the bytes come, the answer is the
//! same.

use std::{io::Read, sync::Arc};

use http::StatusCode;
use rustls::{ClientConnection, SupportedProtocolVersion, version::TLS12};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::{Identity, Origin, Stage, ok, roots};

const MEDIA: &str = "/live/stage/source/7.m4s";
const REQUEST: &[u8] = b"GET /live/stage/source/7.m4s HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A viewer who says himself when his bytes are sent.
struct Wire {
    tcp: TcpStream,
    tls: ClientConnection,
}

impl Wire {
    /// Has all but sent the end of the handshake.
    async fn almost(stage: &Stage, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let tcp = TcpStream::connect(stage.https).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let config = config(&stage.identity, versions);
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut wire = Self { tcp, tls };
        while wire.tls.is_handshaking() {
            let bytes = wire.pending();
            wire.tcp.write_all(&bytes).await.unwrap();
            wire.hear().await.unwrap();
        }
        wire
    }

    /// What is to be sent.
    fn pending(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    fn say(&mut self, bytes: &[u8]) -> Vec<u8> {
        std::io::Write::write_all(&mut self.tls.writer(), bytes).unwrap();
        self.pending()
    }

    /// Reads from the socket once.
    async fn hear(&mut self) -> Result<(), rustls::Error> {
        let mut bytes = vec![0; 64 << 10];
        let count = self.tcp.read(&mut bytes).await.unwrap();
        let mut rest = &bytes[..count];
        loop {
            self.tls.read_tls(&mut rest).unwrap();
            self.tls.process_new_packets()?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// So many answers, each with "media", as they are on the wire.
    async fn answers(&mut self, count: usize) -> String {
        let mut heard = Vec::new();
        loop {
            let _more = self.tls.reader().read_to_end(&mut heard);
            let text = String::from_utf8_lossy(&heard);
            if text.matches("\r\n\r\nmedia").count() == count {
                return text.into_owned();
            }
            self.hear().await.unwrap();
        }
    }
}

fn config(
    identity: &Identity,
    versions: &[&'static SupportedProtocolVersion],
) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots(identity))
        .with_no_client_auth()
}

#[tokio::test]
async fn a_request_may_come_with_the_end_of_the_handshake_and_in_any_pieces() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for cut in [0, 1, 4, 5, 60, 79, 80, 81, 85, 120, usize::MAX] {
        let mut wire = Wire::almost(&stage, &rustls::ALL_VERSIONS[..1]).await;
        let mut bytes = wire.pending();
        bytes.extend(wire.say(REQUEST));
        bytes.extend(wire.say(REQUEST));
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        wire.tcp.write_all(first).await.unwrap();
        // Served meanwhile, so that the pieces come apart.
        assert_eq!(stage.viewer().await.get(MEDIA).await.status, StatusCode::OK);
        wire.tcp.write_all(second).await.unwrap();
        let answers = wire.answers(2).await;
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{cut}");
    }
}

#[tokio::test]
async fn a_record_of_a_connection_in_use_may_come_in_any_pieces() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    let mut wire = Wire::almost(&stage, &rustls::ALL_VERSIONS[..1]).await;
    let mut bytes = wire.pending();
    bytes.extend(wire.say(REQUEST));
    wire.tcp.write_all(&bytes).await.unwrap();
    wire.answers(1).await;
    for cut in [1, 4, 5, 6, 40, 80] {
        let bytes = [wire.say(REQUEST), wire.say(REQUEST)].concat();
        let (first, second) = bytes.split_at(cut);
        wire.tcp.write_all(first).await.unwrap();
        // Served meanwhile, so that the pieces come apart.
        assert_eq!(stage.viewer().await.get(MEDIA).await.status, StatusCode::OK);
        wire.tcp.write_all(second).await.unwrap();
        let answers = wire.answers(2).await;
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{cut}");
    }
}

#[tokio::test]
async fn a_viewer_by_the_older_tls_is_served_alike() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    let mut wire = Wire::almost(&stage, &[&TLS12]).await;
    for _ in 0..3 {
        let bytes = wire.say(REQUEST);
        let (first, second) = bytes.split_at(20);
        wire.tcp.write_all(first).await.unwrap();
        wire.tcp.write_all(second).await.unwrap();
        let answer = wire.answers(1).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_large_answer_comes_whole_to_a_slow_reader() {
    let media: Vec<u8> = (0u8..=250).cycle().take(6_000_000).collect();
    let body = media.clone();
    let origin = Origin::start(move |_| {
        let body = body.clone();
        async move { ok(body) }
    })
    .await;
    let stage = Stage::new(&[&origin]).await;
    for mut viewer in [stage.viewer().await, stage.viewer_h2().await] {
        for _ in 0..3 {
            assert_eq!(viewer.get(MEDIA).await.body, media);
        }
    }
}

#[tokio::test]
async fn a_changed_record_is_told_and_ends_the_connection() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    let mut wire = Wire::almost(&stage, &rustls::ALL_VERSIONS[..1]).await;
    let mut bytes = wire.pending();
    bytes.extend(wire.say(REQUEST));
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    // Apart, since rustls itself opens what comes with the handshake.
    let (handshake, request) = bytes.split_at(80);
    wire.tcp.write_all(handshake).await.unwrap();
    assert_eq!(stage.viewer().await.get(MEDIA).await.status, StatusCode::OK);
    wire.tcp.write_all(request).await.unwrap();
    let told = loop {
        if let Err(told) = wire.hear().await {
            break told;
        }
    };
    let expected = rustls::AlertDescription::BadRecordMac;
    assert_eq!(told, rustls::Error::AlertReceived(expected));
}

#[tokio::test]
async fn a_goodbye_is_answered_with_one() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for updates in [false, true] {
        let mut wire = Wire::almost(&stage, &rustls::ALL_VERSIONS[..1]).await;
        let mut bytes = wire.pending();
        bytes.extend(wire.say(REQUEST));
        wire.tcp.write_all(&bytes).await.unwrap();
        wire.answers(1).await;
        if updates {
            wire.tls.refresh_traffic_keys().unwrap();
        } else {
            wire.tls.send_close_notify();
        }
        let bytes = wire.pending();
        wire.tcp.write_all(&bytes).await.unwrap();
        loop {
            wire.hear().await.unwrap();
            if wire.tls.process_new_packets().unwrap().peer_has_closed() {
                break;
            }
        }
    }
}
