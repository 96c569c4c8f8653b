//! A viewer: HTTPS as a browser speaks it, HTTP/2 or HTTP/1.1, trusting one authority only. A playlist that breaks a rule
//! is an error.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    net::TcpStream,
    sync::Mutex,
    time::{interval, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::lint::lint;

/// Name of the distributor of a stage.
const LOCALHOST: &str = "localhost";
/// How playlists are told from the rest.
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// How often to ask for what is not there yet.
const POLL: Duration = Duration::from_millis(100);
/// How long a show may take until it can be watched. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection. Clones share it; over HTTP/2 their requests run side by side.
#[derive(Clone)]
pub struct Viewer {
    host: Arc<str>,
    sender: Sender,
}

#[derive(Clone)]
enum Sender {
    Http1(Arc<Mutex<http1::SendRequest<Empty<Bytes>>>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body, complete.
    pub body: Bytes,
}

impl Answer {
    /// A header field as text, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.body)?)
    }
}

impl Viewer {
    /// Connects to a stage's distributor with HTTP/2, as browsers do.
    pub async fn connect(address: SocketAddr, root_pem: &str) -> Result<Self> {
        Self::visit(LOCALHOST, address, root_pem).await
    }

    /// Connects to a stage's distributor with HTTP/1.1.
    pub async fn connect_http1(address: SocketAddr, root_pem: &str) -> Result<Self> {
        Self::visit_http1(LOCALHOST, address, root_pem).await
    }

    /// Connects to `host`, which is at `address`, with HTTP/2.
    pub async fn visit(host: &str, address: SocketAddr, root_pem: &str) -> Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        let stream = secure(tcp, host, root_pem, &["h2", "http/1.1"]).await?;
        ensure!(
            stream.get_ref().1.alpn_protocol() == Some(b"h2"),
            "HTTP/2 was not agreed on"
        );
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self::new(host, address, Sender::Http2(sender)))
    }

    /// Connects to `host`, which is at `address`, with HTTP/1.1.
    pub async fn visit_http1(host: &str, address: SocketAddr, root_pem: &str) -> Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        let stream = secure(tcp, host, root_pem, &["http/1.1"]).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let sender = Sender::Http1(Arc::new(Mutex::new(sender)));
        Ok(Self::new(host, address, sender))
    }

    fn new(host: &str, address: SocketAddr, sender: Sender) -> Self {
        let host = match address.port() {
            443 => host.into(),
            port => format!("{host}:{port}").into(),
        };
        Self { host, sender }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.ask(Method::GET, path, &[]).await
    }

    /// Body of a GET that must be answered 200.
    pub async fn fetch(&self, path: &str) -> Result<Bytes> {
        let answer = self.get(path).await?;
        let status = answer.status;
        ensure!(
            status == StatusCode::OK,
            "{path}: {status} {:?}",
            answer.text()
        );
        Ok(answer.body)
    }

    /// Asks until there is something: a show takes a few seconds until it can be watched.
    pub async fn wait_for(&self, path: &str) -> Result<Bytes> {
        self.wait_until(path, |_| true).await
    }

    /// Asks until there is something that `serves`.
    pub async fn wait_until(&self, path: &str, serves: impl Fn(&Bytes) -> bool) -> Result<Bytes> {
        let mut turns = interval(POLL);
        let found = async {
            loop {
                turns.tick().await;
                let answer = self.get(path).await?;
                match answer.status {
                    StatusCode::OK if serves(&answer.body) => return Ok(answer.body),
                    StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => {}
                    status => bail!("{path}: {status}"),
                }
            }
        };
        let found = timeout(PATIENCE, found).await;
        found.with_context(|| format!("{path} does not appear"))?
    }

    /// Any request without a body.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let authority = &self.host;
        let uri = match self.sender {
            Sender::Http1(_) => path.to_owned(),
            Sender::Http2(_) => format!("https://{authority}{path}"),
        };
        let mut request = Request::builder().method(method).uri(uri);
        if matches!(self.sender, Sender::Http1(_)) {
            request = request.header("host", &**authority);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new())?;
        let answer = match &self.sender {
            Sender::Http1(sender) => {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => sender.clone().send_request(request).await?,
        };
        let (head, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .with_context(|| format!("the body of {path}"))?;
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        };
        let plain = answer.header("content-encoding").is_empty() && !answer.body.is_empty();
        if plain && answer.header("content-type") == PLAYLIST {
            lint(path, &answer.body)?;
        }
        Ok(answer)
    }
}

/// A TLS connection over `tcp` to `host`, by the first of `protocols` that the other side speaks too.
pub async fn secure(
    tcp: TcpStream,
    host: &str,
    root_pem: &str,
    protocols: &[&str],
) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root_pem.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(host.to_owned())?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(connector.connect(name, tcp).await?)
}
