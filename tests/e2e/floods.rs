//! Floods of HTTP/2 frames, which cost their sender next to nothing: each is ended and counted for what it is, who watches
//! by the same protocol misses nothing, and none of it is worth an operator's look.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::{
    Clip, Picture, Plan, Recording, STAGE, Stage,
    frames::{
        ACK, CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM,
        SETTINGS, UNKNOWN, WINDOW_UPDATE, block, frame, get, preface,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    media, multivariant,
    siege::{missed_nothing, nothing_is_loud, until, watch},
    start,
};

/// Frames of a flood, which are sent again and again.
const FRAMES: u32 = 20_000;
/// Connections that bring it, one after the other.
const TIMES: u8 = 3;
/// Whatever is not ended by then will not be.
const PATIENCE: Duration = Duration::from_secs(60);

/// Error codes of GOAWAY (RFC 9113 §7).
const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const CALM: u32 = 11;

/// What a hostile client sends once it has begun, and what becomes of it.
struct Flood {
    name: &'static str,
    frames: Vec<u8>,
    /// As what it is counted.
    class: &'static str,
    /// What it may be told before it is closed, if it hears it.
    reasons: &'static [u32],
}

/// `frames` of the nth, for each of a flood's.
fn many(frames: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..FRAMES).flat_map(frames).collect()
}

/// The nth stream that a client opens.
const fn stream(n: u32) -> u32 {
    2 * n + 1
}

fn floods(path: &str) -> Vec<Flood> {
    let flood = |name, frames| Flood {
        name,
        frames,
        class: "flood",
        reasons: &[CALM],
    };
    let ask = |n| frame(HEADERS, END_HEADERS, stream(n), &block(path, &[]));
    let cancel = |n| frame(RST_STREAM, 0, stream(n), &8u32.to_be_bytes());
    let wider = |by: u32| frame(WINDOW_UPDATE, 0, 0, &by.to_be_bytes());
    let broken = |name, frames, reasons| Flood {
        name,
        frames,
        class: "http2",
        reasons,
    };
    vec![
        flood(
            "rapid reset",
            many(|n| [get(stream(n), path, &[]), cancel(n)].concat()),
        ),
        flood("PING", many(|_| frame(PING, 0, 0, &[7; 8]))),
        flood("answers to no PING", many(|_| frame(PING, ACK, 0, &[7; 8]))),
        flood("SETTINGS", many(|_| frame(SETTINGS, 0, 0, b""))),
        flood("WINDOW_UPDATE", many(|_| wider(1))),
        flood(
            "PRIORITY",
            many(|n| frame(PRIORITY, 0, stream(n), &[0, 0, 0, 0, 1])),
        ),
        flood("frames of no kind", many(|_| frame(UNKNOWN, 0, 0, b""))),
        flood(
            "CONTINUATION",
            [
                frame(HEADERS, 0, 1, &block(path, &[])),
                many(|_| frame(CONTINUATION, 0, 1, b"")),
            ]
            .concat(),
        ),
        Flood {
            reasons: &[CALM, STREAM_CLOSED],
            ..flood(
                "empty DATA",
                [ask(0), many(|_| frame(DATA, 0, 1, b""))].concat(),
            )
        },
        broken(
            "windows that are too wide",
            [wider(0x7fff_ffff), wider(0x7fff_ffff)].concat(),
            &[FLOW_CONTROL_ERROR],
        ),
        broken(
            "DATA for nobody",
            many(|n| frame(DATA, 0, stream(n), b"")),
            &[PROTOCOL_ERROR],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_frames_is_ended_and_counted_and_nobody_else_notices() -> Result<()> {
    let mut stage = start(Plan {
        rungs: Vec::new(),
        ..Plan::default()
    });
    let _encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source"]).await?;
    let path = media(STAGE, "source");
    let before = Recording::follow(&viewer, &path, 1).await?;
    let over = Arc::new(AtomicBool::new(false));
    let audience = tokio::spawn(watch(viewer, path.clone(), before, over.clone()));

    let admin = stage.distributor.admin()?;
    let broken = "footlight_distributor_connections_broken_total";
    let mut counted = BTreeMap::<_, u32>::new();
    for (from, flood) in (1..).zip(floods(&path)) {
        for time in 1..=TIMES {
            let said = flooded(&stage, Ipv4Addr::new(127, 6, from, time), &flood).await;
            let said = said.with_context(|| flood.name)?;
            let right = said.is_none_or(|reason| flood.reasons.contains(&reason));
            ensure!(right, "{}: {said:?}", flood.name);
            let count = counted.entry(flood.class).or_default();
            *count += 1;
            let label = format!("class=\"{}\"", flood.class);
            let counts = until(admin, broken, &label, *count).await;
            counts.with_context(|| flood.name)?;
        }
    }
    // Somebody who comes now has it all the same.
    let newcomer = stage.viewer().await?;
    let came = Recording::follow(&newcomer, &path, 1).await?;
    over.store(true, Relaxed);
    missed_nothing(&came, &audience.await??)?;
    let status = admin.wait_until(|_| true)?;
    ensure!(status["edge_misses"] == 0, "{status}");
    nothing_is_loud(&stage)?;
    stage.check_unharmed()
}

/// Brings a flood from this address, and hears what comes until the connection is closed: the reason of the last GOAWAY.
async fn flooded(stage: &Stage, from: Ipv4Addr, flood: &Flood) -> Result<Option<u32>> {
    let stream = stage.guest(from, "h2").await?;
    let (mut reads, mut writes) = tokio::io::split(stream);
    let talks = async {
        let mut said = writes.write_all(&preface()).await;
        // Again and again, for as long as any of it is taken.
        while said.is_ok() {
            said = writes.write_all(&flood.frames).await;
        }
    };
    let hears = async {
        let mut heard = Vec::new();
        // However it is closed.
        while reads
            .read_buf(&mut heard)
            .await
            .is_ok_and(|bytes| bytes > 0)
        {}
        heard
    };
    let both = async { tokio::join!(hears, talks) };
    let (heard, ()) = timeout(PATIENCE, both).await.context("it is not closed")?;
    let goaways = frames(&heard).filter(|(kind, _)| *kind == GOAWAY);
    let reason =
        |(_, payload): (u8, &[u8])| Some(u32::from_be_bytes(payload.get(4..8)?.try_into().ok()?));
    Ok(goaways.last().and_then(reason))
}

/// The whole frames of `heard`: kinds and payloads.
fn frames(heard: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = heard;
    std::iter::from_fn(move || {
        let (&[high, middle, low, kind, ..], after) = rest.split_first_chunk::<9>()?;
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let (payload, next) = after.split_at_checked(length)?;
        rest = next;
        Some((kind, payload))
    })
}
