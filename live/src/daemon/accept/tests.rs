//! The loop as peers find it: bounded, and unharmed by any one of them.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use super::*;
use crate::daemon::Chassis;

/// A chassis that serves `limit` connections with `handler`, and where it listens.
fn serve<H, F>(limit: usize, handler: H) -> (Chassis, SocketAddr)
where
    H: FnMut(TcpStream, SocketAddr) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let chassis = Chassis::new("mux");
    let any = "[::]:0".parse().unwrap();
    let listener = chassis.bind("rtmp", &[any]).unwrap().remove(0);
    let port = listener.local_addr().unwrap().port();
    chassis.serve("rtmp", listener, &ConnectionLimit::new(limit), handler);
    (chassis, ([127, 0, 0, 1], port).into())
}

async fn echo(mut stream: TcpStream) {
    let (mut read, mut write) = stream.split();
    tokio::io::copy(&mut read, &mut write).await.unwrap();
}

/// Sends a byte and gets it back.
async fn answers(stream: &mut TcpStream) {
    stream.write_all(b"x").await.unwrap();
    let mut back = [0];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"x");
}

#[tokio::test]
async fn when_full_a_peer_waits_its_turn_and_is_then_served() {
    let (chassis, address) = serve(1, |stream, _| echo(stream));
    let mut first = TcpStream::connect(address).await.unwrap();
    answers(&mut first).await;
    let mut second = TcpStream::connect(address).await.unwrap();
    answers(&mut first).await;
    let counts = chassis.metrics().listener("rtmp");
    assert_eq!((counts.accepted.get(), counts.open.get()), (1, 1));
    drop(first);
    answers(&mut second).await;
    assert_eq!((counts.accepted.get(), counts.open.get()), (2, 1));
    assert!(counts.full.get() >= 1);
}

#[tokio::test]
async fn a_panic_costs_that_peer_only() {
    let mut first = true;
    let (chassis, address) = serve(8, move |stream, _| {
        let panics = std::mem::take(&mut first);
        async move {
            assert!(!panics, "on purpose");
            echo(stream).await;
        }
    });
    let mut unlucky = TcpStream::connect(address).await.unwrap();
    assert_eq!(unlucky.read(&mut [0]).await.unwrap_or(0), 0);
    let mut other = TcpStream::connect(address).await.unwrap();
    answers(&mut other).await;
    assert_eq!(chassis.tasks().panics().get(), 1);
}

#[tokio::test]
async fn the_peers_address_is_its_own_whatever_the_socket() {
    let (seen, mut peers) = mpsc::channel(1);
    let (_chassis, address) = serve(8, move |_, peer| {
        let seen = seen.clone();
        async move { seen.send(peer).await.unwrap() }
    });
    let stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(peers.recv().await, Some(stream.local_addr().unwrap()));
}

#[tokio::test]
async fn after_the_shutdown_nobody_new_is_accepted_and_the_old_are_served_to_their_end() {
    let (chassis, address) = serve(8, |stream, _| echo(stream));
    let mut stream = TcpStream::connect(address).await.unwrap();
    answers(&mut stream).await;
    chassis.shutdown().trigger();
    while TcpStream::connect(address).await.is_ok() {}
    answers(&mut stream).await;
    let peer = stream.local_addr().unwrap();
    assert_eq!(chassis.tasks().names(), [format!("rtmp {peer}")]);
    drop(stream);
    chassis.tasks().empty().await;
}

#[test]
fn only_the_want_of_descriptors_or_memory_pauses_the_loop() {
    for (errno, pauses) in [
        (Errno::EMFILE, true),
        (Errno::ENFILE, true),
        (Errno::ENOBUFS, true),
        (Errno::ENOMEM, true),
        (Errno::ECONNABORTED, false),
        (Errno::EPERM, false),
    ] {
        assert_eq!(is_exhaustion(&errno.into()), pauses, "{errno}");
    }
}

#[test]
fn a_trouble_that_comes_and_goes_is_told_once_a_minute() {
    let start = Instant::now();
    let mut told = Told::default();
    let after = |seconds| start + Duration::from_secs(seconds);
    let news = [0, 1, 59, 60, 61, 120].map(|seconds| told.is_news(after(seconds)));
    assert_eq!(news, [true, false, false, true, false, true]);
}

#[test]
fn pauses_grow_to_a_second_and_start_again_after_a_success() {
    let mut exhaustion = Exhaustion::default();
    let pauses: [u128; 6] = std::array::from_fn(|_| exhaustion.next_pause().as_millis());
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1000]);
    exhaustion.in_log = true;
    assert_eq!([exhaustion.is_over(), exhaustion.is_over()], [true, false]);
    assert_eq!(exhaustion.next_pause(), PAUSE_MIN);
}
