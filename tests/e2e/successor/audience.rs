//! Viewers of a distributor that is restarted: some come anew all the time, some stay connected, one is slow. Each asks
//! again when it was cut off, as browsers do, and tells of what no viewer may see.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use live::playlist::MediaPlaylist;
use tests::{STAGE, secure};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{interval, timeout},
};

use crate::media;

/// Viewers who come in a second, and those of each kind who stay.
const COME_EVERY: Duration = Duration::from_millis(40);
const STAY: usize = 4;
/// How often a slow viewer takes the next piece, and how much its connection may hold for it.
const PIECE_EVERY: Duration = Duration::from_millis(10);
const WINDOW: u32 = 16 << 10;
/// How long anybody waits for anything. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// It is asked to stop: whatever it has begun, it finishes.
    Stop,
    /// Whatever it does is cut off, and looks so.
    Kill,
}

/// How a viewer watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One connection for each request, by HTTP/1.1 and by HTTP/2.
    Newcomer(bool),
    /// One connection for as long as it lasts, by HTTP/1.1 and by HTTP/2.
    Regular(bool),
    /// The same by HTTP/2, and takes its time.
    Slow,
    /// Waits for the playlist to change, and again.
    Reloads(bool),
}

/// Everybody.
pub(super) struct Audience {
    viewers: JoinSet<Result<()>>,
    hall: Arc<Hall>,
}

/// What they have in common.
struct Hall {
    address: SocketAddr,
    root: String,
    blow: Blow,
    objects: Arc<BTreeMap<String, Bytes>>,
    /// Whole answers, by kind: newcomers', regulars', the slow one's, the reloads'.
    served: [AtomicUsize; 4],
    over: AtomicBool,
}

/// A connection.
enum Line {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// What became of a request.
enum Asked {
    Whole(StatusCode, Bytes),
    /// The connection ended before anything was answered.
    Unanswered(hyper::Error),
    /// The answer broke off, and said so.
    Cut(hyper::Error),
}

impl Audience {
    /// They come, and find these objects.
    pub(super) fn come(
        address: SocketAddr,
        root: &str,
        blow: Blow,
        objects: &Arc<BTreeMap<String, Bytes>>,
    ) -> Self {
        let hall = Arc::new(Hall {
            address,
            root: root.to_owned(),
            blow,
            objects: Arc::clone(objects),
            served: Default::default(),
            over: AtomicBool::new(false),
        });
        let mut viewers = JoinSet::new();
        for second in [false, true] {
            viewers.spawn(Arc::clone(&hall).newcomers(second));
            viewers.spawn(Arc::clone(&hall).stays(Kind::Reloads(second)));
            for _ in 0..STAY {
                viewers.spawn(Arc::clone(&hall).stays(Kind::Regular(second)));
            }
        }
        viewers.spawn(Arc::clone(&hall).stays(Kind::Slow));
        Self { viewers, hall }
    }

    /// Waits until each kind has had so many more answers, and the slow one another.
    pub(super) async fn goes_on(&self, answers: usize) -> Result<()> {
        let served = || self.hall.served.each_ref().map(|count| count.load(Relaxed));
        let before = served();
        let mut turns = interval(PIECE_EVERY);
        let all = async {
            while served()
                .iter()
                .zip(before)
                .zip([answers, answers, 1, answers])
                .any(|((now, before), answers)| *now < before + answers)
                && !self.hall.over.load(Relaxed)
            {
                turns.tick().await;
            }
        };
        let waited = timeout(PATIENCE, all).await;
        waited.with_context(|| format!("from {before:?} they came to {:?}", served()))
    }

    /// They leave, and tell what was wrong.
    pub(super) async fn leave(mut self) -> Result<()> {
        self.hall.over.store(true, Relaxed);
        while let Some(viewer) = self.viewers.join_next().await {
            viewer??;
        }
        Ok(())
    }
}

impl Hall {
    /// New connections all the time, each in a task of its own: whoever waits keeps nobody out.
    async fn newcomers(self: Arc<Self>, second: bool) -> Result<()> {
        let mut turns = interval(COME_EVERY);
        let mut here = JoinSet::new();
        for nth in 0.. {
            turns.tick().await;
            if self.over.load(Relaxed) {
                break;
            }
            let hall = Arc::clone(&self);
            here.spawn(async move { hall.comes_and_goes(second, nth).await });
            while let Some(gone) = here.try_join_next() {
                self.unless_over(gone?)?;
            }
        }
        while let Some(gone) = here.join_next().await {
            gone??;
        }
        Ok(())
    }

    async fn comes_and_goes(&self, second: bool, nth: usize) -> Result<()> {
        let kind = Kind::Newcomer(second);
        let Some(mut line) = self.connect(kind).await? else {
            return Ok(());
        };
        let (path, expected) = self.object(nth)?;
        match line.ask(path, kind).await? {
            Asked::Whole(status, body) => self.right(kind, path, status, &body, expected),
            Asked::Unanswered(error) | Asked::Cut(error) if self.blow == Blow::Stop => {
                bail!("a newcomer's first request came to nothing: {error:?}")
            }
            Asked::Unanswered(_) | Asked::Cut(_) => Ok(()),
        }
    }

    async fn stays(self: Arc<Self>, kind: Kind) -> Result<()> {
        let stayed = self.stay(kind).await;
        self.unless_over(stayed.with_context(|| format!("{kind:?}")))
    }

    /// The first who has seen something wrong sends everybody home.
    fn unless_over<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.over.store(true, Relaxed);
        }
        result
    }

    async fn stay(&self, kind: Kind) -> Result<()> {
        let mut line = None;
        let mut reused = false;
        let mut reload = media(STAGE, "source");
        for nth in 0.. {
            if self.over.load(Relaxed) {
                break;
            }
            let Some(mut connected) = (match line.take() {
                Some(line) => Some(line),
                None => self.connect(kind).await?,
            }) else {
                continue;
            };
            let reloads = matches!(kind, Kind::Reloads(_));
            let (object, expected) = self.object(nth)?;
            let path = if reloads { reload.as_str() } else { object };
            let asked = connected.ask(path, kind).await?;
            let before = std::mem::replace(&mut reused, true);
            match asked {
                Asked::Whole(status, body) => {
                    if reloads {
                        // Its first request on a connection cannot be refused in any other way.
                        let refused = status == StatusCode::SERVICE_UNAVAILABLE && !before;
                        if !refused {
                            reload = self.next(status, &body, &reload)?;
                        }
                    } else {
                        self.right(kind, path, status, &body, expected)?;
                    }
                    line = connected.is_open().then_some(connected);
                    reused &= line.is_some();
                }
                Asked::Cut(error) if self.blow == Blow::Stop => {
                    bail!("an answer was cut off that was to be finished: {error:?}")
                }
                Asked::Unanswered(_) | Asked::Cut(_) => reused = false,
            }
        }
        Ok(())
    }

    /// A connection, by TLS. Nobody is ever refused; a kill may break a handshake off.
    async fn connect(&self, kind: Kind) -> Result<Option<Line>> {
        let second = match kind {
            Kind::Newcomer(second) | Kind::Regular(second) | Kind::Reloads(second) => second,
            Kind::Slow => true,
        };
        let tcp = timeout(PATIENCE, TcpStream::connect(self.address)).await;
        let tcp = tcp
            .context("a connection is not made")?
            .context("refused")?;
        let protocol = if second { "h2" } else { "http/1.1" };
        let stream = timeout(PATIENCE, secure(tcp, "localhost", &self.root, &[protocol])).await;
        let stream = match stream.context("a handshake is not made")? {
            Ok(stream) => TokioIo::new(stream),
            Err(error) if self.blow == Blow::Stop => bail!("a handshake was broken off: {error}"),
            Err(_) => return Ok(None),
        };
        let made = if second {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            if kind == Kind::Slow {
                builder.initial_stream_window_size(WINDOW);
            }
            builder.handshake(stream).await.map(|(sender, connection)| {
                tokio::spawn(connection);
                Line::Http2(sender)
            })
        } else {
            http1::handshake(stream).await.map(|(sender, connection)| {
                tokio::spawn(connection);
                Line::Http1(sender)
            })
        };
        match made {
            Err(error) if self.blow == Blow::Stop => bail!("nothing was agreed on: {error:?}"),
            made => Ok(made.ok()),
        }
    }

    fn object(&self, nth: usize) -> Result<(&str, &Bytes)> {
        let (path, expected) = self
            .objects
            .iter()
            .cycle()
            .nth(nth % self.objects.len())
            .context("objects")?;
        Ok((path, expected))
    }

    /// What is whole is right.
    fn right(
        &self,
        kind: Kind,
        path: &str,
        status: StatusCode,
        body: &Bytes,
        expected: &Bytes,
    ) -> Result<()> {
        ensure!(status == StatusCode::OK, "{path}: {status}");
        ensure!(
            body == expected,
            "{path}: {} bytes, not {}, or others",
            body.len(),
            expected.len()
        );
        let [newcomers, regulars, slow, _] = &self.served;
        match kind {
            Kind::Newcomer(_) => newcomers,
            Kind::Regular(_) | Kind::Reloads(_) => regulars,
            Kind::Slow => slow,
        }
        .fetch_add(1, Relaxed);
        Ok(())
    }

    /// The reload after the one that was answered so.
    fn next(&self, status: StatusCode, body: &Bytes, asked: &str) -> Result<String> {
        ensure!(status == StatusCode::OK, "{asked}: {status}");
        let playlist = MediaPlaylist::parse(body).context("half a playlist?")?;
        let parts = playlist.open.as_ref().map_or(0, |open| open.parts.len());
        let (path, open) = (media(STAGE, "source"), playlist.open_msn());
        let next = format!("{path}?_HLS_msn={open}&_HLS_part={parts}");
        ensure!(next != asked, "it was not waited for: {asked}");
        let [.., reloads] = &self.served;
        reloads.fetch_add(1, Relaxed);
        Ok(next)
    }
}

impl Line {
    fn is_open(&self) -> bool {
        match self {
            Self::Http1(sender) => !sender.is_closed(),
            Self::Http2(sender) => !sender.is_closed(),
        }
    }

    async fn ask(&mut self, path: &str, kind: Kind) -> Result<Asked> {
        let asked = timeout(PATIENCE, self.asked(path, kind)).await;
        asked.with_context(|| format!("{path} is not answered"))?
    }

    async fn asked(&mut self, path: &str, kind: Kind) -> Result<Asked> {
        let request = Request::get(format!("https://localhost{path}")).header("host", "localhost");
        let request = request.body(Empty::new())?;
        let answer = match self {
            Self::Http1(sender) => match sender.ready().await {
                Ok(()) => sender.send_request(request).await,
                Err(error) => Err(error),
            },
            Self::Http2(sender) => match sender.ready().await {
                Ok(()) => sender.send_request(request).await,
                Err(error) => Err(error),
            },
        };
        match answer {
            Ok(answer) => Ok(body(answer, kind).await),
            Err(error) => Ok(Asked::Unanswered(error)),
        }
    }
}

async fn body(answer: Response<Incoming>, kind: Kind) -> Asked {
    let (head, mut body) = answer.into_parts();
    let mut pieces = interval(PIECE_EVERY);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => whole.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(error) => return Asked::Cut(error),
        }
        if kind == Kind::Slow {
            pieces.tick().await;
        }
    }
    Asked::Whole(head.status, whole.freeze())
}
