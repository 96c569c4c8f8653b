//! A crowd of low-latency players without a picture: each follows a playlist, takes every part, goes where it is steered,
//! goes to the next box by itself when its own is gone, and knows how long its picture would have stood.
#![expect(
    clippy::disallowed_methods,
    reason = "a player's clock runs, and a stall is a time"
)]

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use live::{
    Msn, PartIndex,
    playlist::{MediaPlaylist, Multivariant, Part, Seconds},
};
use serde_json::Value;
use tests::{STAGE, Stage, Viewer};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

/// Held before the picture begins, as PART-HOLD-BACK asks.
const HOLD_BACK: Duration = Duration::from_millis(1600);
/// A player that was given nothing for so long has given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// All of them.
pub(super) struct Crowd {
    players: JoinSet<Result<Seen>>,
    /// Parts that each has taken.
    taken: Vec<Arc<AtomicUsize>>,
    over: Arc<AtomicBool>,
}

/// What came of one.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) stalled: Duration,
    /// From box to box.
    pub(super) moves: usize,
}

impl Crowd {
    /// So many come by the box at `entrance` and begin to play.
    pub(super) async fn come(stage: &Stage, entrance: SocketAddr, count: usize) -> Result<Self> {
        let mut crowd = Self {
            players: JoinSet::new(),
            taken: Vec::new(),
            over: Arc::default(),
        };
        let root: Arc<str> = std::fs::read_to_string(stage.root_certificate())?.into();
        for _ in 0..count {
            let taken = Arc::<AtomicUsize>::default();
            let player = Player::new(entrance, root.clone(), taken.clone()).await?;
            let over = crowd.over.clone();
            crowd.taken.push(taken);
            crowd.players.spawn(player.play(over));
        }
        Ok(crowd)
    }

    /// Waits until everybody has taken so many parts more.
    pub(super) async fn go_on(&mut self, parts: usize) -> Result<()> {
        let all: Vec<usize> = self.taken.iter().map(|taken| taken.load(Relaxed)).collect();
        let behind = |crowd: &Self| {
            let mut now = crowd.taken.iter().zip(&all);
            now.any(|(taken, before)| taken.load(Relaxed) < before + parts)
        };
        let mut turns = tokio::time::interval(Duration::from_millis(50));
        while behind(self) {
            tokio::select! {
                _ = turns.tick() => {}
                ended = self.players.join_next() => {
                    bail!("a player has given up: {:?}", ended.context("nobody")??);
                }
            }
        }
        Ok(())
    }

    /// What everybody has seen.
    pub(super) async fn leave(mut self) -> Result<Vec<Seen>> {
        self.over.store(true, Relaxed);
        let mut all = Vec::new();
        while let Some(seen) = self.players.join_next().await {
            all.push(seen??);
        }
        Ok(all)
    }
}

struct Player {
    root: Arc<str>,
    /// The box that answers when the others are asked where to go.
    entrance: SocketAddr,
    /// Where each box is that it knows of.
    ways: BTreeMap<String, SocketAddr>,
    /// The names of the boxes that it may use, best first.
    order: Vec<String>,
    /// Path and query of the media playlist, but for what is appended.
    path: String,
    steering: String,
    ask_at: Instant,
    moves: usize,
    taken: Arc<AtomicUsize>,
    buffer: Buffer,
}

impl Player {
    async fn new(entrance: SocketAddr, root: Arc<str>, taken: Arc<AtomicUsize>) -> Result<Self> {
        let viewer = Viewer::connect(entrance, &root).await?;
        let text = viewer
            .fetch(&format!("/live/{}/index.m3u8", STAGE.name))
            .await?;
        let list = Multivariant::parse(&text)?;
        let mut ways = BTreeMap::new();
        let mut order = Vec::new();
        let mut path = String::new();
        for variant in &list.variants {
            let (at, target) = address(variant.uri.as_str())?;
            let name = variant.pathway.as_ref().context("a pathway")?.as_str();
            if target.contains("/source/") {
                ways.insert(name.to_owned(), at);
                order.push(name.to_owned());
                path = format!("/{target}");
            }
        }
        let text = std::str::from_utf8(&text)?;
        let steering = text
            .split("SERVER-URI=\"")
            .nth(1)
            .context("a steering server")?;
        let steering = steering.split('"').next().unwrap_or_default().to_owned();
        Ok(Self {
            root,
            entrance,
            ways,
            order,
            path,
            steering,
            ask_at: Instant::now(),
            moves: 0,
            taken,
            buffer: Buffer::default(),
        })
    }

    async fn play(mut self, over: Arc<AtomicBool>) -> Result<Seen> {
        let mut next: Option<(Msn, PartIndex)> = None;
        let mut at = self.order.first().context("a box")?.clone();
        let mut viewer = None;
        while !over.load(Relaxed) {
            self.steer(&at).await;
            let best = self.order.first().context("a box")?.clone();
            if at != best {
                (at, viewer) = (best, None);
                self.moves += 1;
            }
            let turn = self.turn(&at, &mut viewer, next);
            match timeout(PATIENCE, turn).await.context("nothing comes")? {
                Ok(seen) => next = Some(seen),
                // The box is gone, so to the next one, and no more to this one unless somebody says so.
                Err(error) if self.order.len() > 1 && self.order.first() == Some(&at) => {
                    let _logged_by_nobody = error;
                    self.order.remove(0);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Seen {
            stalled: self.buffer.stalled,
            moves: self.moves,
        })
    }

    /// Waits for the playlist that has the part after `next`, and takes what is new.
    async fn turn(
        &mut self,
        at: &str,
        viewer: &mut Option<Viewer>,
        next: Option<(Msn, PartIndex)>,
    ) -> Result<(Msn, PartIndex)> {
        let viewer = match viewer {
            Some(viewer) => viewer,
            None => {
                let address = *self.ways.get(at).context("an unknown box")?;
                viewer.insert(Viewer::connect(address, &self.root).await?)
            }
        };
        let mut target = self.path.clone();
        if let Some((msn, part)) = next {
            target.push_str(&format!("&_HLS_msn={msn}&_HLS_part={part}"));
        }
        let list = MediaPlaylist::parse(&viewer.fetch(&target).await?)?;
        let (directory, _) = self.path.rsplit_once('/').context("a slash")?;
        let open = list.open.as_ref();
        let (msn, parts) = (list.open_msn(), open.map_or(&[][..], |open| &open.parts));
        let newest = (msn, PartIndex(parts.len().try_into()?));
        let from = next.unwrap_or(newest);
        let listed = list
            .numbered()
            .map(|(msn, segment)| (msn, &segment.parts[..]));
        for (msn, parts) in listed.chain([(msn, parts)]) {
            for (index, part) in (0..).map(PartIndex).zip(parts) {
                if (msn, index) >= from {
                    viewer.fetch(&format!("{directory}/{}", part.uri)).await?;
                    self.buffer.take(part);
                    self.taken.fetch_add(1, Relaxed);
                }
            }
        }
        Ok(newest)
    }

    /// Asks where to go, when it is time. Nobody needs an answer.
    async fn steer(&mut self, at: &str) {
        if Instant::now() < self.ask_at {
            return;
        }
        let asked = timeout(PATIENCE, self.manifest(at)).await;
        let ttl = match asked {
            Ok(Ok(manifest)) => self.follow(&manifest),
            Ok(Err(_)) | Err(_) => None,
        };
        self.ask_at = Instant::now() + Duration::from_secs(ttl.unwrap_or(1));
    }

    async fn manifest(&self, at: &str) -> Result<Value> {
        let (_, target) = address(&self.steering)?;
        let viewer = Viewer::connect(self.entrance, &self.root).await?;
        let text = viewer
            .fetch(&format!("/{target}&_HLS_pathway={at}"))
            .await?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Seconds after which to ask again.
    fn follow(&mut self, manifest: &Value) -> Option<u64> {
        for clone in manifest["PATHWAY-CLONES"].as_array().into_iter().flatten() {
            let host: IpAddr = clone["URI-REPLACEMENT"]["HOST"].as_str()?.parse().ok()?;
            let base = self.ways.get(clone["BASE-ID"].as_str()?)?;
            let way = (host, base.port()).into();
            self.ways.insert(clone["ID"].as_str()?.to_owned(), way);
        }
        let names = manifest["PATHWAY-PRIORITY"].as_array()?.iter();
        let names = names.filter_map(|name| Some(name.as_str()?.to_owned()));
        self.order = names.filter(|name| self.ways.contains_key(name)).collect();
        manifest["TTL"].as_u64()
    }
}

/// Where an address leads, and what is asked for there, without the first slash.
fn address(uri: &str) -> Result<(SocketAddr, &str)> {
    let rest = uri
        .strip_prefix("https://")
        .context("an absolute address")?;
    let (host, target) = rest.split_once('/').context("a path")?;
    Ok((host.parse()?, target))
}

/// What a player holds, and how long it had nothing to show.
#[derive(Default)]
struct Buffer {
    began: Option<Instant>,
    media: Duration,
    stalled: Duration,
}

impl Buffer {
    fn take(&mut self, part: &Part) {
        let now = Instant::now();
        match self.began {
            Some(began) => {
                let runs_dry = began + self.stalled + self.media;
                self.stalled += now.saturating_duration_since(runs_dry);
            }
            None if self.media >= HOLD_BACK => self.began = Some(now),
            None => {}
        }
        let units = part.duration.units();
        self.media += Duration::from_micros(units * 1_000_000 / Seconds::PER_SECOND);
    }
}
