//! The linter's way to a server: HTTP/1.1 and HTTP/2, plain or under TLS, within bounds that no server can stretch.

#![expect(
    clippy::disallowed_methods,
    reason = "a shell: measures how long an answer takes"
)]

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{http1, http2},
    header,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Mutex, Semaphore},
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{transport::Reply, url::Url};

/// Requests under way at once: blocking ones of every rendition, and the media they name.
const MOST_REQUESTS: usize = 48;
/// Connections of HTTP/1.1 that are kept for the next request.
const MOST_IDLE: usize = 16;
/// Redirections that are followed.
const MOST_REDIRECTIONS: u32 = 5;
/// How long a connection may take to be made, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// Header fields of an answer that are kept.
const MOST_HEADERS: usize = 64;
/// Longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{0} cannot be reached: {1}")]
    Connect(String, io::Error),
    #[error("TLS with {0}: {1}; a private authority is named by --ca FILE")]
    Tls(String, io::Error),
    #[error("{0} speaks no HTTP that we understand: {1}")]
    Http(String, hyper::Error),
    #[error("no answer in time")]
    Time,
    #[error("an answer of more than {0} bytes")]
    Large(usize),
    #[error("redirected more than 5 times, or to no address of HTTP")]
    Redirected,
}

/// How something is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Says that gzip is understood. It is not: the body is of no use then.
    pub(super) gzip: bool,
    /// First byte and length.
    pub(super) range: Option<(u64, u64)>,
    /// Longest body, in bytes.
    pub(super) limit: usize,
    /// For all of it, redirections included.
    pub(super) patience: Duration,
}

/// Who asks.
pub(super) struct Client {
    tls: TlsConnector,
    hosts: Mutex<HashMap<(bool, String), Vec<Sender>>>,
    places: Semaphore,
    /// When all has to be over.
    end: Instant,
}

enum Sender {
    One(http1::SendRequest<Empty<Bytes>>),
    Two(http2::SendRequest<Empty<Bytes>>),
}

/// The authorities of the system, and those of a PEM text.
pub(super) fn roots(ca: Option<&[u8]>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let own = CertificateDer::pem_slice_iter(ca.unwrap_or_default());
    roots.add_parsable_certificates(own.flatten());
    roots
}

impl Client {
    /// `lifetime` bounds the whole visit: after it every request fails.
    pub(super) fn new(roots: RootCertStore, lifetime: Duration) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            hosts: Mutex::default(),
            places: Semaphore::new(MOST_REQUESTS),
            end: Instant::now() + lifetime,
        })
    }

    /// Asks, and reads the whole answer.
    pub(super) async fn get(&self, url: &Url, way: Way) -> Result<Reply, FetchError> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(FetchError::Time);
        };
        let end = self.end.min(Instant::now() + way.patience);
        match timeout_at(end, Box::pin(self.follow(url, way))).await {
            Ok(reply) => reply,
            Err(_) => Err(FetchError::Time),
        }
    }

    async fn follow(&self, url: &Url, way: Way) -> Result<Reply, FetchError> {
        let mut url = url.clone();
        for redirections in 0..=MOST_REDIRECTIONS {
            let (reply, to) = self.once(&url, way).await?;
            match to {
                None => {
                    return Ok(Reply {
                        redirections,
                        ..reply
                    });
                }
                Some(to) => url = url.join(&to).ok_or(FetchError::Redirected)?,
            }
        }
        Err(FetchError::Redirected)
    }

    /// One answer, and where it sends us.
    async fn once(&self, url: &Url, way: Way) -> Result<(Reply, Option<String>), FetchError> {
        let host = (url.secure, url.authority());
        let kept = self.kept(&host).await;
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.connect(url).await?,
        };
        let http2 = matches!(sender, Sender::Two(_));
        let http = |error| FetchError::Http(url.authority(), error);
        if let Sender::Two(shared) = &sender {
            // Shared at once; HTTP/1.1 is when its answer is read.
            let again = Sender::Two(shared.clone());
            self.keep(host.clone(), again).await;
        }
        let response = match &mut sender {
            Sender::One(sender) => sender.send_request(request(url, way, false)).await,
            Sender::Two(sender) => sender.send_request(request(url, way, true)).await,
        };
        let (reply, to) = read(response.map_err(http)?, way.limit, http).await?;
        if matches!(&sender, Sender::One(sender) if sender.is_ready()) {
            self.keep(host, sender).await;
        }
        let reply = Reply {
            http2,
            secure: url.secure,
            ..reply
        };
        Ok((reply, to))
    }

    async fn kept(&self, host: &(bool, String)) -> Option<Sender> {
        let mut hosts = self.hosts.lock().await;
        let idle = hosts.get_mut(host)?;
        idle.retain(|sender| match sender {
            Sender::One(sender) => sender.is_ready(),
            Sender::Two(sender) => !sender.is_closed(),
        });
        idle.pop()
    }

    async fn keep(&self, host: (bool, String), sender: Sender) {
        let mut hosts = self.hosts.lock().await;
        let idle = hosts.entry(host).or_default();
        if idle.len() < MOST_IDLE {
            idle.push(sender);
        }
    }

    async fn connect(&self, url: &Url) -> Result<Sender, FetchError> {
        let end = Instant::now() + CONNECT;
        let failed = |error| FetchError::Connect(url.authority(), error);
        let tcp = timeout_at(end, TcpStream::connect((url.host.as_str(), url.port))).await;
        let tcp = tcp.map_err(|_| FetchError::Time)?.map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        if !url.secure {
            return speak(tcp, false, url).await;
        }
        let failed = |error| FetchError::Tls(url.authority(), error);
        let name = ServerName::try_from(url.host.clone());
        let name = name.map_err(|error| failed(io::Error::other(error)))?;
        let tls = timeout_at(end, self.tls.connect(name, tcp)).await;
        let tls = tls.map_err(|_| FetchError::Time)?.map_err(failed)?;
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        speak(tls, http2, url).await
    }
}

async fn speak<S>(stream: S, http2: bool, url: &Url) -> Result<Sender, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http = |error| FetchError::Http(url.authority(), error);
    if http2 {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(http)?;
        tokio::spawn(connection);
        Ok(Sender::Two(sender))
    } else {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(http)?;
        tokio::spawn(connection);
        Ok(Sender::One(sender))
    }
}

fn request(url: &Url, way: Way, http2: bool) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    let text = if http2 {
        url.to_string()
    } else {
        url.path.clone()
    };
    // An address has been checked character by character when it was read.
    if let Ok(uri) = text.parse() {
        *request.uri_mut() = uri;
    }
    let mut fields = vec![
        (header::USER_AGENT, "footlight-lint".to_owned()),
        // As a player on somebody's page asks.
        (header::ORIGIN, "https://player.example".to_owned()),
    ];
    if !http2 {
        fields.push((header::HOST, url.authority()));
    }
    if way.gzip {
        fields.push((header::ACCEPT_ENCODING, "gzip".to_owned()));
    }
    if let Some((first, length)) = way.range {
        let last = first.saturating_add(length).saturating_sub(1);
        fields.push((header::RANGE, format!("bytes={first}-{last}")));
    }
    for (name, value) in fields {
        if let Ok(value) = value.parse() {
            request.headers_mut().insert(name, value);
        }
    }
    request
}

async fn read(
    response: Response<Incoming>,
    limit: usize,
    http: impl Fn(hyper::Error) -> FetchError,
) -> Result<(Reply, Option<String>), FetchError> {
    let (head, mut incoming) = response.into_parts();
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .take(MOST_HEADERS)
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let (mut body, mut first) = (BytesMut::new(), None);
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(&http)?.into_data() else {
            continue;
        };
        first.get_or_insert_with(Instant::now);
        if body.len().saturating_add(data.len()) > limit {
            return Err(FetchError::Large(limit));
        }
        body.extend_from_slice(&data);
    }
    let flowed = first.map_or(Duration::ZERO, |first| first.elapsed());
    let reply = Reply {
        status: head.status.as_u16(),
        headers,
        body: body.freeze(),
        flowed_ms: u64::try_from(flowed.as_millis()).unwrap_or(u64::MAX),
        ..Reply::default()
    };
    let to = head
        .status
        .is_redirection()
        .then(|| reply.header("location").map(str::to_owned))
        .flatten();
    Ok((reply, to))
}
