//! Whoever breaks the rules is closed; the next viewer never notices.

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::{Origin, Stage, ok, pass};

const MEDIA: &str = "/live/stage/source/7.m4s";

/// Reads until the connection is closed, however it is closed.
async fn closed(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = vec![0; 64 << 10];
    while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
}

/// The same, when it takes a deadline: lets time pass until one does it.
async fn closed_in_time(stream: &mut (impl AsyncReadExt + Unpin)) {
    tokio::select! {
        () = closed(stream) => {}
        () = async { loop { pass(10).await } } => {}
    }
}

#[tokio::test]
async fn garbage_instead_of_tls_is_closed() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 100],
        &[0x16, 3, 1, 0xff, 0xff, 0, 0, 0],
        &[0x80; 20000],
    ] {
        let mut stream = TcpStream::connect(stage.https).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        closed(&mut stream).await;
    }
    assert_eq!(stage.viewer().await.get(MEDIA).await.status, StatusCode::OK);
}

#[tokio::test]
async fn garbage_inside_tls_is_closed() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for protocol in [&b"http/1.1"[..], b"h2"] {
        for garbage in [
            &b"\x00\x01\x02\r\n\r\n"[..],
            b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
            &[b'A'; 40_000],
            b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        ] {
            let mut stream = stage.tls(&stage.identity, protocol).await.unwrap();
            // It may be closed before all of it is taken.
            if stream.write_all(garbage).await.is_ok() {
                closed_in_time(&mut stream).await;
            }
        }
    }
    assert_eq!(stage.viewer().await.get(MEDIA).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_is_closed() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for beginning in [&b""[..], &[0x16, 3, 1, 2, 0, 1]] {
        let mut stream = TcpStream::connect(stage.https).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        assert_eq!(
            stage.viewer().await.get(MEDIA).await.status,
            StatusCode::OK,
            "meanwhile"
        );
        closed_in_time(&mut stream).await;
    }
}

#[tokio::test]
async fn a_request_that_is_never_finished_is_closed() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for (protocol, beginning) in [
        (&b"http/1.1"[..], "GET /live"),
        (b"http/1.1", ""),
        (b"h2", ""),
        (b"h2", "PRI *"),
    ] {
        let mut stream = stage.tls(&stage.identity, protocol).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        closed_in_time(&mut stream).await;
    }
}

#[tokio::test]
async fn a_viewer_who_takes_nothing_is_cut_off() {
    // More than the sockets of both ends hold.
    let origin = Origin::start(|_| async { ok(vec![7; 24 << 20]) }).await;
    let stage = Stage::new(&[&origin]).await;
    assert_eq!(stage.viewer().await.get(MEDIA).await.body.len(), 24 << 20);
    let mut stream = stage.tls(&stage.identity, b"http/1.1").await.unwrap();
    let request = format!("GET {MEDIA} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    while stage.chassis.status()["stalled"] == 0 {
        pass(10).await;
    }
    assert_eq!(stage.viewer().await.get(MEDIA).await.body.len(), 24 << 20);
}

#[tokio::test]
async fn a_request_with_a_body_is_refused() {
    let origin = Origin::fixed("media").await;
    let stage = Stage::new(&[&origin]).await;
    let mut stream = stage.tls(&stage.identity, b"http/1.1").await.unwrap();
    let request =
        format!("GET {MEDIA} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    assert!(origin.asked().is_empty());
}
