//! Players of a show, each with a buffer that is played in real time: what did an audience notice?
//!
//!     audience HOST PATH CA VIEWERS        (live.venue.example /live/stage/index.m3u8 ca.pem 20)
//!
//! They play with low latency, half of them by HTTP/2 and half by HTTP/1.1, one rendition after the other. What breaks is
//! asked for again at once, as browsers do. With each line on standard input one JSON object is printed, which tells what
//! was seen since the line before:
//!
//!     viewers, playing   how many there are, and how many of them have had a picture
//!     stalls, stalledMs  how often one of them had nothing left to play, and for how long together
//!     leastMs            the least that one of them had in hand when media came
//!     longestMs          the longest that one of them was without new media (a part plays for half a second)
//!     skipped, back, gaps, discontinuities    segments in no playlist, older playlists, media that are missing, changes
//!     retries, errors    requests that were asked again, and what was wrong with the last of them
//!     msn                the newest segment
//!
//! It ends with standard input.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program asks the clock and prints"
)]

mod buffer;
mod follower;

use std::{
    collections::VecDeque,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use live::playlist::{MediaPlaylist, Multivariant};
use serde_json::{Value, json};
use tests::Viewer;
use tokio::{
    net::lookup_host,
    time::{sleep, timeout},
};

use buffer::{Buffer, Seen};
use follower::{Faults, Follower, Piece, behind};

/// Before something is asked for again.
const AGAIN: Duration = Duration::from_millis(100);
/// Longer than any playlist is held back; who gets no answer asks on another connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of the errors that are told.
const ERRORS: usize = 5;

/// Where the show is.
#[derive(Debug)]
struct Show {
    host: String,
    path: String,
    ca: String,
}

/// What one of the audience has gone through.
#[derive(Debug)]
struct Watching {
    buffer: Buffer,
    follower: Follower,
    retries: u64,
    errors: VecDeque<String>,
}

/// One of the audience.
struct Player {
    show: Arc<Show>,
    number: usize,
    /// The playlist that it follows, once it has found one.
    media: Option<String>,
    /// What it has yet to fetch.
    wanted: VecDeque<Piece>,
    /// When it began to ask for the first of those.
    since: Option<Instant>,
    watching: Arc<Mutex<Watching>>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, path, ca, viewers] = arguments.as_slice() else {
        bail!("usage: audience HOST PATH CA VIEWERS");
    };
    let show = Arc::new(Show {
        host: host.clone(),
        path: path.clone(),
        ca: std::fs::read_to_string(ca).with_context(|| ca.clone())?,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut audience = Vec::new();
    for number in 0..viewers.parse()? {
        let player = Player::new(show.clone(), number);
        audience.push(player.watching.clone());
        runtime.spawn(player.watch());
    }
    for order in std::io::stdin().lines() {
        order?;
        println!("{}", report(&audience));
    }
    Ok(())
}

impl Player {
    fn new(show: Arc<Show>, number: usize) -> Self {
        let watching = Watching {
            buffer: Buffer::new(Duration::ZERO),
            follower: Follower::default(),
            retries: 0,
            errors: VecDeque::new(),
        };
        Self {
            show,
            number,
            media: None,
            wanted: VecDeque::new(),
            since: None,
            watching: Arc::new(Mutex::new(watching)),
        }
    }

    /// For ever; whatever fails is tried again.
    async fn watch(mut self) {
        loop {
            if let Err(error) = self.play().await {
                let mut watching = locked(&self.watching);
                watching.retries += 1;
                watching.errors.truncate(ERRORS - 1);
                watching.errors.push_front(format!("{error:#}"));
            }
            sleep(AGAIN).await;
        }
    }

    /// On one connection, until it breaks.
    async fn play(&mut self) -> Result<()> {
        let viewer = timeout(PATIENCE, self.connect()).await??;
        if self.media.is_none() {
            let index = fetch(&viewer, &self.show.path).await?;
            self.media = Some(self.choose(&Multivariant::parse(&index)?)?);
        }
        let media = self.media.clone().unwrap_or_default();
        loop {
            self.fetch_all(&viewer, &media).await?;
            let query = locked(&self.watching).follower.query();
            let mark = if media.contains('?') { '&' } else { '?' };
            let asked = query.map(|query| format!("{media}{mark}{query}"));
            let list = fetch(&viewer, asked.as_ref().unwrap_or(&media)).await?;
            let list = MediaPlaylist::parse(&list)?;
            ensure!(!list.end_list, "the show has ended");
            let mut watching = locked(&self.watching);
            if asked.is_none() {
                watching.buffer = Buffer::new(behind(&list));
            }
            self.wanted.extend(watching.follower.take(&list));
        }
    }

    async fn connect(&self) -> Result<Viewer> {
        let host = &self.show.host;
        let mut addresses = lookup_host((host.as_str(), 443)).await?;
        let address = addresses.next().context("the name leads nowhere")?;
        if self.number.is_multiple_of(2) {
            Viewer::visit(host, address, &self.show.ca).await
        } else {
            Viewer::visit_http1(host, address, &self.show.ca).await
        }
    }

    /// One variant after the other, by its number.
    fn choose(&self, index: &Multivariant) -> Result<String> {
        let variants = &index.variants;
        ensure!(!variants.is_empty(), "a show without variants");
        let variant = variants.get(self.number % variants.len());
        let uri = variant.map_or("", |variant| variant.uri.as_str());
        ensure!(
            !uri.contains("://"),
            "{uri}: on another host, which is not followed"
        );
        Ok(beside(&self.show.path, uri))
    }

    /// What is wanted, in order. What is not to be had is missing.
    async fn fetch_all(&mut self, viewer: &Viewer, media: &str) -> Result<()> {
        while let Some(piece) = self.wanted.front() {
            let since = *self.since.get_or_insert_with(Instant::now);
            let fetched = fetch(viewer, &beside(media, &piece.uri)).await;
            let now = Instant::now();
            let mut watching = locked(&self.watching);
            match fetched {
                Ok(_media) => watching.buffer.arrived(piece.duration, now),
                Err(_late) if now.duration_since(since) > PATIENCE => {
                    watching.follower.faults.gaps += 1;
                }
                Err(error) => return Err(error),
            }
            self.wanted.pop_front();
            self.since = None;
        }
        Ok(())
    }
}

async fn fetch(viewer: &Viewer, path: &str) -> Result<Bytes> {
    let fetched = timeout(PATIENCE, viewer.fetch(path)).await;
    fetched.with_context(|| format!("{path}: no answer"))?
}

/// The path of what `path` calls `uri`.
fn beside(path: &str, uri: &str) -> String {
    let folder = path.split('?').next().unwrap_or_default();
    let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{uri}")
}

fn report(audience: &[Arc<Mutex<Watching>>]) -> Value {
    let now = Instant::now();
    let (mut seen, mut faults) = (Seen::default(), Faults::default());
    let (mut playing, mut retries, mut msn) = (0, 0, 0);
    let mut errors = Vec::new();
    for watching in audience {
        let mut watching = locked(watching);
        playing += u32::from(watching.buffer.plays());
        seen.add(watching.buffer.seen(now));
        faults.add(std::mem::take(&mut watching.follower.faults));
        retries += std::mem::take(&mut watching.retries);
        errors.extend(watching.errors.drain(..));
        msn = msn.max(watching.follower.msn());
    }
    errors.truncate(ERRORS);
    json!({
        "viewers": audience.len(),
        "playing": playing,
        "stalls": seen.stalls,
        "stalledMs": millis(seen.stalled),
        "leastMs": seen.least.map(millis),
        "longestMs": millis(seen.longest),
        "skipped": faults.skipped,
        "back": faults.back,
        "gaps": faults.gaps,
        "discontinuities": faults.discontinuities,
        "retries": retries,
        "errors": errors,
        "msn": msn,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn locked(watching: &Mutex<Watching>) -> MutexGuard<'_, Watching> {
    watching.lock().unwrap_or_else(PoisonError::into_inner)
}
