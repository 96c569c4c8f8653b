//! A crowd on a small box: what a viewer's TLS connection costs while nothing is asked, what a held reload costs while it
//! waits, and how fast all who wait are answered when the part is there. The distributor follows a stream with parts, as
//! on the night; nginx stands beside it for the connections that rest.

use std::{convert::Infallible, path::Path};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Duration, Instant, sleep},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::servers::{self, ADMIN, DISTRIBUTOR, NGINX};
use crate::{
    Plan,
    server::Server,
    table::{Figure, Row},
};

const PLAYLIST: &str = "/live/bench/source/media.m3u8";
/// The segment that is being made, for ever.
const OPEN: u64 = 1_795_000_003;
const VIEWERS: usize = 5000;
/// What a finished handshake leaves behind is given back in this time, and a connection comes to rest.
const REST: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// What a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    H1,
    H2,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::H1 => "HTTP/1.1",
            Self::H2 => "HTTP/2",
        }
    }
}

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let (parts, origin) = origin().await?;
    servers::certificate(dir)?;
    let mut rows = Vec::new();
    for protocol in [Protocol::H1, Protocol::H2] {
        plan.progress(&format!("a crowd by {}, nginx", protocol.name()));
        let nginx = servers::nginx(plan, dir, origin).await?;
        let (_, each) = gather(&nginx, plan.port(NGINX), dir, protocol).await?;
        rows.push(resting(protocol, "nginx", each));
        drop(nginx);
        let ours = servers::distributor(plan, dir, origin).await?;
        plan.progress(&format!("a crowd by {}, footlight", protocol.name()));
        let port = plan.port(DISTRIBUTOR);
        let (mut crowd, each) = gather(&ours, port, dir, protocol).await?;
        rows.push(resting(protocol, "footlight-distributor", each));
        let mut best: Option<Released> = None;
        for _ in 0..plan.rounds {
            let released = release(plan, &ours, &mut crowd, &parts).await?;
            if best
                .as_ref()
                .is_none_or(|best| released.cpu_us < best.cpu_us)
            {
                best = Some(released);
            }
        }
        let best = best.context("no round")?;
        let figure = |name, value| Figure {
            name,
            value,
            more_is_better: false,
        };
        rows.push(Row {
            case: format!("{VIEWERS} held reloads by TLS, {}", protocol.name()),
            server: "footlight-distributor",
            figures: vec![
                figure("KiB/waiter", each + best.more_kib),
                figure("CPU us/released", best.cpu_us),
                figure("ms to the last", best.last_ms),
            ],
        });
    }
    Ok(rows)
}

fn resting(protocol: Protocol, server: &'static str, each: f64) -> Row {
    Row {
        case: format!("{VIEWERS} TLS connections at rest, {}", protocol.name()),
        server,
        figures: vec![Figure {
            name: "KiB/connection",
            value: each,
            more_is_better: false,
        }],
    }
}

/// Everybody connects and asks for the playlist once. What each costs the server after that, KiB.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn gather(
    server: &Server,
    port: u16,
    dir: &Path,
    protocol: Protocol,
) -> Result<(Vec<Viewer>, f64)> {
    let offered = (protocol == Protocol::H2).then_some(b"h2".as_slice());
    let connector = servers::connector(dir, offered)?;
    let mut first = Viewer::connect(&connector, port, protocol).await?;
    first.ask(PLAYLIST).await?;
    first.answer().await?;
    let before = server.rss_kib();
    let mut crowd = Vec::with_capacity(VIEWERS);
    for _ in 0..VIEWERS {
        let mut viewer = Viewer::connect(&connector, port, protocol).await?;
        viewer.ask(PLAYLIST).await?;
        viewer.answer().await?;
        crowd.push(viewer);
    }
    sleep(REST).await;
    let each = server.rss_kib().saturating_sub(before) as f64 / VIEWERS as f64;
    Ok((crowd, each))
}

struct Released {
    more_kib: f64,
    cpu_us: f64,
    last_ms: f64,
}

/// Everybody waits for the next part, and is answered.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn release(
    plan: &Plan,
    server: &Server,
    crowd: &mut Vec<Viewer>,
    parts: &watch::Sender<u32>,
) -> Result<Released> {
    let next = *parts.borrow();
    let path = format!("{PLAYLIST}?_HLS_msn={OPEN}&_HLS_part={next}");
    let before = server.rss_kib();
    for viewer in crowd.iter_mut() {
        viewer.ask(&path).await?;
    }
    let patience = Instant::now() + PATIENCE;
    while waiting(plan).await? < crowd.len() as u64 {
        if Instant::now() > patience {
            bail!("not all of {} wait", crowd.len());
        }
    }
    sleep(REST).await;
    let more_kib = server.rss_kib().saturating_sub(before) as f64 / crowd.len() as f64;
    let mut reading = JoinSet::new();
    let count = crowd.len();
    for mut viewer in crowd.drain(..) {
        reading.spawn(async move {
            viewer.answer().await?;
            anyhow::Ok(viewer)
        });
    }
    // All of them stand at their sockets first.
    tokio::task::yield_now().await;
    let (begun, cpu) = (Instant::now(), server.cpu_ns());
    parts.send_modify(|parts| *parts += 1);
    while let Some(read) = reading.join_next().await {
        crowd.push(read??);
    }
    let lasted = begun.elapsed();
    Ok(Released {
        more_kib,
        cpu_us: (server.cpu_ns() - cpu) as f64 / 1000.0 / count as f64,
        last_ms: lasted.as_secs_f64() * 1000.0,
    })
}

/// Requests that wait at the distributor.
async fn waiting(plan: &Plan) -> Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", plan.port(ADMIN))).await?;
    let request = "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let body = text.split_once("\r\n\r\n").context("no status")?.1;
    let status: serde_json::Value = serde_json::from_str(body)?;
    status["waiters"].as_u64().context("no waiters in /status")
}

/// One keep-alive connection.
struct Viewer {
    stream: TlsStream<TcpStream>,
    protocol: Protocol,
    asked: u32,
    received: Vec<u8>,
}

impl Viewer {
    async fn connect(connector: &TlsConnector, port: u16, protocol: Protocol) -> Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let mut stream = connector.connect(name, tcp).await?;
        if protocol == Protocol::H2 {
            // No settings of ours (RFC 9113 §3.4).
            stream
                .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
                .await?;
        }
        Ok(Self {
            stream,
            protocol,
            asked: 0,
            received: Vec::new(),
        })
    }

    async fn ask(&mut self, path: &str) -> Result<()> {
        let request = match self.protocol {
            Protocol::H1 => format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
                 Accept: */*\r\nAccept-Language: en-GB,en;q=0.9\r\nOrigin: https://localhost\r\n\
                 Referer: https://localhost/watch/bench\r\nConnection: keep-alive\r\n\r\n"
            )
            .into_bytes(),
            Protocol::H2 => {
                let mut fields = vec![0x82, 0x87, 0x04, u8::try_from(path.len())?];
                fields.extend_from_slice(path.as_bytes());
                fields.extend_from_slice(b"\x01\x09localhost");
                let stream = (self.asked * 2 + 1).to_be_bytes();
                let mut frame = vec![0, 0, u8::try_from(fields.len())?, 1, 5];
                frame.extend_from_slice(&stream);
                frame.extend(fields);
                frame
            }
        };
        self.asked += 1;
        self.stream.write_all(&request).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads one whole answer, which must be a playlist.
    async fn answer(&mut self) -> Result<()> {
        let mut room = vec![0; 16 << 10];
        loop {
            let whole = match self.protocol {
                Protocol::H1 => self.whole_h1()?,
                Protocol::H2 => self.whole_h2()?,
            };
            if whole {
                self.received = Vec::new();
                return Ok(());
            }
            let count = self.stream.read(&mut room).await?;
            anyhow::ensure!(count > 0, "hung up");
            self.received
                .extend_from_slice(room.get(..count).unwrap_or_default());
        }
    }

    fn whole_h1(&self) -> Result<bool> {
        let text = String::from_utf8_lossy(&self.received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return Ok(false);
        };
        anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        Ok(Some(body.len()) == length)
    }

    fn whole_h2(&mut self) -> Result<bool> {
        while let Some((&[a, b, c, kind, flags, ..], _)) = self.received.split_first_chunk::<9>() {
            let length = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
            if self.received.len() < length {
                break;
            }
            self.received.drain(..length);
            anyhow::ensure!(kind != 7 && kind != 3, "the server gave up");
            if kind == 0 && flags & 1 == 1 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// An origin with one stream, whose open segment has as many parts as its sender says; and its port.
async fn origin() -> Result<(watch::Sender<u32>, u16)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let (parts, known) = watch::channel(1);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let known = known.clone();
            let answer = service_fn(move |request: Request<Incoming>| {
                let mut known = known.clone();
                async move {
                    let path = request.uri().path();
                    let body = if path == PLAYLIST {
                        let part = request.uri().query().and_then(asked_part);
                        let there = |parts: &u32| part.is_none_or(|part| *parts > part);
                        playlist(known.wait_for(there).await.map_or(1, |parts| *parts)).into()
                    } else {
                        Bytes::from_static(&[b'#'; 1000])
                    };
                    Ok::<_, Infallible>(Response::new(Full::new(body)))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(tcp), answer));
        }
    });
    Ok((parts, port))
}

fn asked_part(query: &str) -> Option<u32> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("_HLS_part="))?
        .parse()
        .ok()
}

fn playlist(parts: u32) -> String {
    let first = OPEN - 10;
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:10\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.6\n\
         #EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-MAP:URI=\"init-0123456789abcdef.mp4\"\n"
    );
    for msn in first..OPEN {
        text.push_str(&format!("#EXTINF:10.00000,\n{msn}.m4s\n"));
    }
    for part in 0..parts {
        text.push_str(&format!(
            "#EXT-X-PART:DURATION=0.50000,URI=\"{OPEN}.{part}.m4s\",INDEPENDENT=YES\n"
        ));
    }
    text.push_str(&format!(
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{OPEN}.{parts}.m4s\"\n"
    ));
    text
}
