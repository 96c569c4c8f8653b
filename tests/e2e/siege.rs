//! An attack on the distributor while a show goes on: its viewers miss nothing, the box takes no more memory than is
//! promised, every attacker is closed for a reason that is counted, and none of it is worth an operator's look.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use live::playlist::check;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tests::{
    Admin, Clip, Picture, Plan, Recording, STAGE, Stage, Viewer,
    frames::{SETTINGS, frame, get, preface},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use crate::{assert_none, media, multivariant, start};

/// Connections that stop in the middle of a handshake, and those that do after it, in the middle of a request.
const HALF_GREETED: u32 = 9_000;
const HALF_ASKED: u32 = 1_000;
/// Viewers who ask for much and take nothing of it, and how often each asks.
const SLOW: u32 = 100;
const ASKED: usize = 150;
/// Connections from one address that are let in: below what it may open in a second.
const EACH: u32 = 50;

/// What is not counted or closed by then will not be.
const PATIENCE: Duration = Duration::from_secs(60);

/// The objects, each connection that has not asked yet, each viewer who takes nothing (16 records of TLS, and its
/// answers), and the daemon itself, bytes.
fn promised() -> u64 {
    let strangers = u64::from(HALF_GREETED + HALF_ASKED);
    (64 << 20) + strangers * (16 << 10) + u64::from(SLOW) * (512 << 10) + (64 << 20)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_siege_costs_the_audience_nothing() -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.max(soft), hard)?;
    let mut stage = start(Plan {
        rungs: Vec::new(),
        distributor_extra: "[limits]\nexempt = [\"127.0.0.1\"]\n\n[cache]\nmemory = \"64MiB\"\n\n",
        ..Plan::default()
    });
    let _encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source"]).await?;
    let path = media(STAGE, "source");
    let before = Recording::follow(&viewer, &path, 1).await?;

    let segment = before.last()?.segments.back().context("a segment")?;
    let segment = path.replace("media.m3u8", segment.uri.as_str());
    let over = Arc::new(AtomicBool::new(false));
    let audience = tokio::spawn(watch(viewer, path.clone(), before, over.clone()));
    let held = attack(&stage, &segment).await?;
    // Somebody who comes while all of them are there has it too.
    let newcomer = stage.viewer().await?;
    let came = Recording::follow(&newcomer, &path, 1).await?;

    let admin = stage.distributor.admin()?;
    let late = "footlight_distributor_handshakes_failed_total";
    until(admin, late, "class=\"late\"", HALF_GREETED).await?;
    let stalled = "footlight_distributor_connections_stalled_total";
    until(admin, stalled, "", SLOW / 2).await?;
    over.store(true, Relaxed);
    missed_nothing(&came, &audience.await??)?;
    drop(held);
    let status = admin.wait_until(|_| true)?;
    ensure!(status["edge_misses"] == 0, "{status}");
    let peak = stage.distributor.peak_memory()?;
    let promised = promised();
    eprintln!("peak {peak} of {promised} bytes");
    ensure!(peak <= promised, "{peak} bytes, {promised} promised");
    nothing_is_loud(&stage)?;
    stage.check_unharmed()
}

/// Nothing in the distributor's log is worth an operator's look.
pub(crate) fn nothing_is_loud(stage: &Stage) -> Result<()> {
    let told = stage.distributor.log();
    let loud = told.iter().find(|line| {
        ["\"WARN\"", "\"ERROR\""]
            .iter()
            .any(|level| line.contains(level))
    });
    ensure!(loud.is_none(), "{loud:?}");
    Ok(())
}

/// Watches until it is over: whatever there is, as soon as it is there.
pub(crate) async fn watch(
    viewer: Viewer,
    path: String,
    mut seen: Recording,
    over: Arc<AtomicBool>,
) -> Result<Recording> {
    while !over.load(Relaxed) {
        let now = Recording::follow(&viewer, &path, 1).await?;
        missed_nothing(&seen, &now)?;
        seen = now;
    }
    Ok(seen)
}

/// What was seen goes on where it was seen before, without a hole.
pub(crate) fn missed_nothing(before: &Recording, after: &Recording) -> Result<()> {
    let (first, last) = (before.last()?, after.last()?);
    assert_none("under attack", &check::successive(first, last));
    for (msn, segment) in last.numbered().filter(|(msn, _)| *msn >= first.open_msn()) {
        ensure!(!segment.gap, "{msn} is missing");
        ensure!(after.segments.contains_key(&msn), "{msn} was not seen");
    }
    Ok(())
}

/// Returns when at least `count` were counted.
pub(crate) async fn until(admin: Admin, metric: &str, label: &str, count: u32) -> Result<()> {
    let counted = async {
        while admin.metric(metric, label)? < f64::from(count) {
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    let counted = timeout(PATIENCE, counted).await;
    counted.with_context(|| format!("{count} of {metric} {label}"))?
}

/// Connections that are held open.
#[derive(Default)]
struct Held {
    bare: Vec<TcpStream>,
    secured: Vec<TlsStream<TcpStream>>,
}

/// An address for the `n`th connection, of as few as may be.
fn address(net: u8, n: u32) -> Ipv4Addr {
    let [.., middle, low] = (n / EACH + 1).to_be_bytes();
    Ipv4Addr::new(127, net, middle, low)
}

async fn attack(stage: &Stage, segment: &str) -> Result<Held> {
    let mut held = Held::default();
    for n in 0..HALF_GREETED {
        let mut stream = stage.stranger(address(1, n)).await?;
        let said: &[u8] = if n % 2 == 0 {
            b""
        } else {
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"
        };
        stream.write_all(said).await?;
        held.bare.push(stream);
    }
    for n in 0..HALF_ASKED {
        let mut stream = stage.guest(address(2, n), "http/1.1").await?;
        stream
            .write_all(b"GET /live/stage/source/media.m3u8 HTTP/1.1\r\nHost:")
            .await?;
        stream.flush().await?;
        held.secured.push(stream);
    }
    slow_readers(stage, segment, &mut held).await?;
    from_one_address(stage).await?;
    garbage(stage).await?;
    Ok(held)
}

async fn slow_readers(stage: &Stage, segment: &str, held: &mut Held) -> Result<()> {
    let request = format!("GET {segment} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for n in 0..SLOW {
        let protocol = if n % 2 == 0 { "http/1.1" } else { "h2" };
        let mut stream = stage.guest(address(3, n), protocol).await?;
        if n % 2 == 0 {
            stream.write_all(request.repeat(ASKED).as_bytes()).await?;
        } else {
            // No window for any answer.
            let mut said = preface();
            said.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
            for stream in (1..64).step_by(2) {
                said.extend(get(stream, segment, &[]));
            }
            stream.write_all(&said).await?;
        }
        stream.flush().await?;
        held.secured.push(stream);
    }
    Ok(())
}

/// An address that opens more than it may is closed before TLS.
async fn from_one_address(stage: &Stage) -> Result<()> {
    let mut opened = Vec::new();
    for _ in 0..600 {
        opened.push(stage.stranger(Ipv4Addr::new(127, 9, 0, 1)).await?);
    }
    let refused = "footlight_distributor_refusals_total";
    let admin = stage.distributor.admin()?;
    until(admin, refused, "connections\"", 200).await
}

async fn garbage(stage: &Stage) -> Result<()> {
    let admin = stage.distributor.admin()?;
    for n in 0..200 {
        let mut stream = stage.stranger(address(4, n)).await?;
        let byte = u8::try_from(n).unwrap_or_default();
        // It may be closed before all of it is taken.
        let _closed_early = stream.write_all(&[byte; 4096]).await;
        let _closed_early = stream.shutdown().await;
        closed(&mut stream).await;
    }
    let failed = "footlight_distributor_handshakes_failed_total";
    until(admin, failed, "class=\"refused\"", 190).await?;
    // Records that nobody could have sealed, after a request.
    for n in 0..20 {
        let protocol = if n % 2 == 0 { "http/1.1" } else { "h2" };
        let mut stream = stage.guest(address(5, n), protocol).await?;
        let path = "/live/stage/index.m3u8";
        let request = match n % 2 {
            0 => format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(),
            _ => [preface(), get(1, path, &[])].concat(),
        };
        stream.write_all(&request).await?;
        stream.flush().await?;
        stream.read_u8().await?;
        let (mut tcp, _keys) = stream.into_inner();
        tcp.write_all(&[&[0x17, 3, 3, 0, 64][..], &[7; 64]].concat())
            .await?;
        closed(&mut tcp).await;
    }
    let broken = "footlight_distributor_connections_broken_total";
    until(admin, broken, "class=\"record\"", 20).await?;
    for malformed in ["\0\r\n\r\n", "GET / HTTP/1.1\r\nA : b\r\n\r\n"] {
        let mut stream = stage.guest(address(5, 100), "http/1.1").await?;
        stream.write_all(malformed.as_bytes()).await?;
        stream.flush().await?;
        closed(&mut stream).await;
    }
    until(admin, broken, "class=\"request\"", 2).await
}

/// Reads until the connection is closed, however it is closed.
async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = vec![0; 64 << 10];
    let read = async { while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {} };
    timeout(PATIENCE, read).await.expect("it is not closed");
}
