//! HTTPS requests per second and core: the distributor beside nginx with a proxy cache in memory, both in front of the
//! same origin, warm, TLS 1.3 with one ECDSA certificate, keep-alive HTTP/1.1, closed loop.

use std::{convert::Infallible, path::Path, time::Duration};

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    Plan,
    server::Server,
    table::{Figure, Row},
};

pub(crate) mod crowd;
mod servers;

use servers::{DISTRIBUTOR, NGINX};

const CONNECTIONS: usize = 32;

/// What is asked for: a media playlist's worth, and a part of a good 1080p rendition.
const OBJECTS: [(&str, &str, usize); 2] = [
    ("1 KB playlist", "/live/bench/source/media.m3u8", 1_000),
    (
        "200 KB part",
        "/live/bench/source/1795000000.0.m4s",
        200_000,
    ),
];

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    let origin = origin().await?;
    servers::certificate(dir)?;
    let distributor = servers::distributor(plan, dir, origin).await?;
    let nginx = servers::nginx(plan, dir, origin).await?;
    let connector = servers::connector(dir, None)?;
    let mut rows = Vec::new();
    for (name, path, size) in OBJECTS {
        let mut best: [Option<Measured>; 2] = [None, None];
        for round in 0..plan.rounds {
            for (slot, (server, port)) in best.iter_mut().zip([
                (&nginx, plan.port(NGINX)),
                (&distributor, plan.port(DISTRIBUTOR)),
            ]) {
                plan.progress(&format!(
                    "HTTPS {name}, round {} of {}, port {port}",
                    round + 1,
                    plan.rounds
                ));
                let measured = measure(server, &connector, port, path, size, plan.window).await?;
                if slot
                    .as_ref()
                    .is_none_or(|best| measured.cpu_us < best.cpu_us)
                {
                    *slot = Some(measured);
                }
            }
        }
        for (measured, server) in best
            .into_iter()
            .flatten()
            .zip(["nginx", "footlight-distributor"])
        {
            rows.push(measured.row(
                format!("HTTPS, {name}, {CONNECTIONS} connections"),
                server,
                size,
            ));
        }
    }
    Ok(rows)
}

/// One window of one server.
struct Measured {
    cpu_us: f64,
    peak_kib: u64,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn row(&self, case: String, server: &'static str, size: usize) -> Row {
        let gbit = size as f64 * 8.0 / 1e9;
        let figures = vec![
            Figure {
                name: "requests/s/core",
                value: 1e6 / self.cpu_us,
                more_is_better: true,
            },
            Figure {
                name: "Gbit/s/core",
                value: gbit * 1e6 / self.cpu_us,
                more_is_better: true,
            },
            Figure {
                name: "peak MiB",
                value: self.peak_kib as f64 / 1024.0,
                more_is_better: false,
            },
        ];
        Row {
            case,
            server,
            figures,
        }
    }
}

async fn measure(
    server: &Server,
    connector: &TlsConnector,
    port: u16,
    path: &str,
    size: usize,
    window: Duration,
) -> Result<Measured> {
    let mut viewers = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut viewer = Viewer::connect(connector, port).await?;
        viewer.get(path, size).await?;
        viewers.push(viewer);
    }
    let before = server.cpu_ns();
    let until = Instant::now() + window;
    let running: Vec<_> = viewers
        .into_iter()
        .map(|mut viewer| {
            let path = path.to_owned();
            tokio::spawn(async move {
                let mut requests = 0u64;
                while Instant::now() < until {
                    viewer.get(&path, size).await?;
                    requests += 1;
                }
                anyhow::Ok(requests)
            })
        })
        .collect();
    let mut requests = 0;
    for viewer in running {
        requests += viewer.await??;
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let cpu_us = (server.cpu_ns() - before) as f64 / 1000.0 / requests as f64;
    Ok(Measured {
        cpu_us,
        peak_kib: server.peak_kib(),
    })
}

/// One keep-alive connection.
struct Viewer {
    stream: BufReader<TlsStream<TcpStream>>,
    body: Vec<u8>,
}

impl Viewer {
    async fn connect(connector: &TlsConnector, port: u16) -> Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        tcp.set_nodelay(true)?;
        let stream = connector
            .connect(ServerName::try_from("localhost")?, tcp)
            .await?;
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            body: Vec::new(),
        })
    }

    /// Asks for `path` and reads the whole answer, which must be 200 with `size` bytes.
    async fn get(&mut self, path: &str, size: usize) -> Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        if !line.starts_with("HTTP/1.1 200") {
            bail!("{path}: {line}");
        }
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().ok()
                }
                Some(_) => {}
                None => break,
            }
        }
        if length != Some(size) {
            bail!("{path}: {length:?} bytes instead of {size}");
        }
        self.body.resize(size, 0);
        self.stream.read_exact(&mut self.body).await?;
        Ok(())
    }
}

/// The origin that both caches fill from: each object of its size, cacheable.
async fn origin() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let answer = service_fn(|request: Request<Incoming>| async move {
                let object = OBJECTS
                    .iter()
                    .find(|object| object.1 == request.uri().path());
                let answer = match object {
                    Some(&(_, _, size)) => {
                        Response::builder().body(Full::new(Bytes::from(vec![b'#'; size])))
                    }
                    None => Response::builder().status(404).body(Full::default()),
                };
                Ok::<_, Infallible>(answer.unwrap_or_default())
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(tcp), answer));
        }
    });
    Ok(port)
}
