//! An attack on mux while a show goes on: it costs the show nothing, and mux no more memory than its budget says.

use std::{
    collections::BTreeMap,
    io::Write,
    net::{SocketAddr, TcpStream},
    ops::RangeInclusive,
};

use anyhow::{Context, Result};
use rtmp::{Message, MessageKind, client::Purpose};
use tests::{Admin, Clip, Entrance, Peer, Picture};
use tokio::task::JoinSet;

/// Connections that never say a word.
const HALF_OPEN: usize = 1_000;
/// Connections that say one byte, and then wait.
const DRIPPING: usize = 200;
/// Players, and how many of them stop reading.
const PLAYERS: usize = 100;
const STALLED: usize = 20;
/// Pictures that every player who reads must see in a row after the attack has begun: 20 s.
const PICTURES: usize = 600;
/// Milliseconds between two pictures of the clip, one rounded up and one down.
const APART: RangeInclusive<u32> = 33..=34;

const ENDED: &str = "footlight_mux_connections_ended_total";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attack_costs_the_show_no_frame_and_mux_no_more_than_its_budget() -> Result<()> {
    let streams = [
        Entrance::stream("stage", "stage-publishes", "stage-plays"),
        Entrance::stream("hall", "hall-publishes", "hall-plays"),
    ];
    let mut entrance = Entrance::start(&format!("connections = 3000\n{}", streams.concat()))?;
    let address = entrance.address("rtmp")?;
    let admin = entrance.mux.admin()?;
    let _encoder = entrance.publish("stage-publishes", &Clip::of(Picture::Small)?)?;

    let mut watching = JoinSet::new();
    let mut stalled = Vec::new();
    for n in 0..PLAYERS {
        let mut player = Peer::connect(address, b"", Purpose::Play, "stage-plays").await?;
        if n < STALLED {
            // One picture, so that it is on its way.
            player.next().await?;
            stalled.push(player);
        } else {
            watching.spawn(watch(player));
        }
    }
    let half_open = strangers(address, HALF_OPEN, b"")?;
    let dripping = strangers(address, DRIPPING, &[3])?;
    let held = unfinished(address).await?;
    let promised = memory(admin, "used")?;
    oversized(address).await?;

    let mut seen = Vec::new();
    while let Some(watched) = watching.join_next().await {
        seen.push(watched??);
    }
    same_for_all(&seen);
    // Every attacker was closed for a reason that is counted.
    for (classes, least) in [
        (&["too_slow"][..], HALF_OPEN + DRIPPING),
        (&["malformed"], 2),
        // Whoever notices first, mux or the kernel.
        (&["not_reading", "network"], STALLED),
    ] {
        let ended = |class| admin.metric(ENDED, &format!("class=\"{class}\""));
        while classes.iter().map(ended).sum::<Result<f64>>()? < count(least) {
            tokio::task::yield_now().await;
        }
    }
    drop((half_open, dripping, held, stalled));

    let peak = entrance.mux.peak_memory()?;
    let budget = memory(admin, "budget")?;
    eprintln!("peak {peak}, promised {promised}, budget {budget} bytes");
    assert!(promised <= budget, "{promised} of {budget} were promised");
    assert!(peak <= promised, "{peak} bytes held, {promised} promised");
    assert!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    Ok(())
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn memory(admin: Admin, field: &str) -> Result<u64> {
    let (_, status) = admin.get("/status")?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let value = status.get("memory").and_then(|memory| memory.get(field));
    value.and_then(serde_json::Value::as_u64).context("memory")
}

fn strangers(address: SocketAddr, number: usize, said: &[u8]) -> Result<Vec<TcpStream>> {
    let connect = |_| {
        let mut socket = TcpStream::connect(address)?;
        socket.write_all(said)?;
        Ok(socket)
    };
    (0..number).map(connect).collect()
}

/// An admitted publisher that sends a MiB on each of seven chunk streams, and the end of none of them.
async fn unfinished(address: SocketAddr) -> Result<Peer> {
    let mut peer = Peer::connect(address, b"", Purpose::Publish, "hall-publishes").await?;
    for chunk_stream in 10..17 {
        peer.write(&header(chunk_stream, (1 << 20) + (64 << 10)))
            .await?;
        peer.write(&vec![7; 1 << 20]).await?;
    }
    Ok(peer)
}

/// Two more, who announce 16 MB at once, or in two messages at a time.
async fn oversized(address: SocketAddr) -> Result<()> {
    let mut one = Peer::connect(address, b"", Purpose::Publish, "hall-publishes").await?;
    one.write(&header(10, (16 << 20) - 1)).await?;
    one.closed().await;
    let mut two = Peer::connect(address, b"", Purpose::Publish, "hall-publishes").await?;
    for chunk_stream in [10, 11] {
        two.write(&header(chunk_stream, 8 << 20)).await?;
        // The server may have closed already, which is what it should do.
        let _closed = two.write(&vec![7; 1 << 20]).await;
    }
    two.closed().await;
    Ok(())
}

/// The full header of a video message of `length` bytes.
fn header(chunk_stream: u8, length: u32) -> Vec<u8> {
    let [_, high, middle, low] = length.to_be_bytes();
    vec![chunk_stream, 0, 0, 0, high, middle, low, 9, 1, 0, 0, 0]
}

/// What a player has seen: the hash of each picture by its time.
type Seen = BTreeMap<u32, u64>;

async fn watch(mut player: Peer) -> Result<Seen> {
    let mut seen = Seen::new();
    while seen.len() < PICTURES {
        let message: Message = player.next().await?;
        // The sequence header has no time of its own.
        if message.kind == MessageKind::Video && message.payload.get(1) == Some(&1) {
            seen.insert(message.timestamp, hash(&message.payload));
        }
    }
    Ok(seen)
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Every player has seen every picture of its time, and all have seen the same.
fn same_for_all(seen: &[Seen]) {
    assert_eq!(seen.len(), PLAYERS - STALLED);
    let mut all = Seen::new();
    for one in seen {
        let times: Vec<u32> = one.keys().copied().collect();
        for pair in times.windows(2) {
            let apart = pair[1] - pair[0];
            assert!(
                APART.contains(&apart),
                "{apart} ms without a picture at {}",
                pair[0]
            );
        }
        for (time, hash) in one {
            assert_eq!(all.entry(*time).or_insert(*hash), hash, "at {time} ms");
        }
    }
}
