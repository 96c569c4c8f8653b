//! A distributor on free ports, origins that do as a test says, and viewers.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use distributor::{Distributor, config::Config};
use http::{HeaderMap, Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt, Empty, Full, channel::Channel, combinators::BoxBody};
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use live::{
    StreamName,
    cluster::ClusterSecret,
    daemon::{
        Chassis, Daemon,
        config::{Given, read},
    },
    placement::{Member, ranks},
};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(crate) const SECRET: &str = "0123456789abcdef";

/// A self-signed certificate.
pub(crate) struct Identity {
    chain: String,
    key: String,
    pub(crate) der: CertificateDer<'static>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            chain: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            der: made.cert.der().clone(),
        }
    }
}

/// A running distributor.
pub(crate) struct Stage {
    pub(crate) chassis: Chassis,
    pub(crate) distributor: Distributor,
    pub(crate) https: SocketAddr,
    pub(crate) identity: Identity,
    origins: Vec<SocketAddr>,
}

/// The configuration of a distributor in front of `origins`, named `a`, `b` and so on.
pub(crate) fn config(origins: &[SocketAddr], identity: &Identity, more: &str) -> Config {
    let files = files(Path::new("/"), origins, identity, more);
    let given = Given {
        files: files.into(),
        variables: BTreeMap::new(),
    };
    read(Path::new("/d"), &given, Distributor::resolve)
        .unwrap()
        .1
}

/// The same as files in `directory`; which one is the configuration.
pub(crate) fn write(
    directory: &Path,
    origins: &[SocketAddr],
    identity: &Identity,
    more: &str,
) -> PathBuf {
    for (path, text) in files(directory, origins, identity, more) {
        fs::write(path, text).unwrap();
    }
    directory.join("d")
}

fn files(
    directory: &Path,
    origins: &[SocketAddr],
    identity: &Identity,
    more: &str,
) -> [(PathBuf, String); 4] {
    let [d, c, k, s] = ["d", "c", "k", "s"].map(|name| directory.join(name));
    let mut text = format!(
        "https.listen = \"127.0.0.1:0\"\nhttps.certificate = {c:?}\nhttps.key = {k:?}\n\
        http.listen = \"127.0.0.1:0\"\ncluster.secret = {{ file = {s:?} }}\n"
    );
    text.push_str(more);
    for (name, address) in ('a'..).zip(origins) {
        write!(
            text,
            "\n[[transcoder]]\nname = \"{name}\"\naddress = \"{address}\"\n"
        )
        .unwrap();
    }
    [
        (d, text),
        (c, identity.chain.clone()),
        (k, identity.key.clone()),
        (s, SECRET.to_owned()),
    ]
}

impl Stage {
    pub(crate) async fn new(origins: &[&Origin]) -> Self {
        Self::with(origins, "").await
    }

    pub(crate) async fn with(origins: &[&Origin], more: &str) -> Self {
        let origins: Vec<_> = origins.iter().map(|origin| origin.address).collect();
        let identity = Identity::new();
        let chassis = Chassis::new("distributor");
        let distributor = Distributor::start(config(&origins, &identity, more), &chassis)
            .await
            .unwrap();
        let https = chassis.address("https").unwrap();
        Self {
            chassis,
            distributor,
            https,
            identity,
            origins,
        }
    }

    /// The same configuration with another certificate.
    pub(crate) fn config(&self, identity: &Identity, more: &str) -> Config {
        config(&self.origins, identity, more)
    }

    /// A viewer over HTTP/1.1.
    pub(crate) async fn viewer(&self) -> Viewer {
        let tls = self.tls(&self.identity, b"http/1.1").await.unwrap();
        let (sender, connection) = client::conn::http1::handshake(TokioIo::new(tls))
            .await
            .unwrap();
        tokio::spawn(connection);
        Viewer::H1(sender)
    }

    /// A viewer over HTTP/2.
    pub(crate) async fn viewer_h2(&self) -> Viewer {
        let tls = self.tls(&self.identity, b"h2").await.unwrap();
        let handshake =
            client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await;
        let (sender, connection) = handshake.unwrap();
        tokio::spawn(connection);
        Viewer::H2(sender)
    }

    /// A viewer over HTTP/1.1 who comes from `address`.
    pub(crate) async fn viewer_from(&self, address: [u8; 4]) -> Viewer {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let tcp = socket.connect(self.https).await.unwrap();
        let tls = self.secure(tcp, &self.identity, b"http/1.1").await.unwrap();
        let handshake = client::conn::http1::handshake(TokioIo::new(tls));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        Viewer::H1(sender)
    }

    /// A TLS connection that trusts `identity` only.
    pub(crate) async fn tls(
        &self,
        identity: &Identity,
        protocol: &[u8],
    ) -> io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.https).await?;
        self.secure(tcp, identity, protocol).await
    }

    async fn secure(
        &self,
        tcp: TcpStream,
        identity: &Identity,
        protocol: &[u8],
    ) -> io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions();
        let mut config = builder
            .unwrap()
            .with_root_certificates(roots(identity))
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsConnector::from(Arc::new(config))
            .connect(ServerName::try_from("localhost").unwrap(), tcp)
            .await
    }

    /// Returns when so many requests wait for an object.
    pub(crate) async fn waiting(&self, count: u64) {
        self.until(|status| status["waiters"] == count).await;
    }

    /// Returns when the status is as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&serde_json::Value) -> bool) {
        while !wanted(&self.chassis.status()) {
            tokio::task::yield_now().await;
        }
    }
}

/// Trusts `identity` and nobody else.
pub(crate) fn roots(identity: &Identity) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.der.clone()).unwrap();
    roots
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) enum Viewer {
    H1(client::conn::http1::SendRequest<Empty<Bytes>>),
    H2(client::conn::http2::SendRequest<Empty<Bytes>>),
}

impl Viewer {
    /// The answer's head; the body comes as it comes.
    pub(crate) async fn open(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::H1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::H2(sender) => sender.clone().send_request(request).await,
        }
    }

    /// To send many requests at once.
    pub(crate) fn sender(&self) -> client::conn::http2::SendRequest<Empty<Bytes>> {
        match self {
            Self::H2(sender) => sender.clone(),
            Self::H1(_) => panic!("HTTP/1.1 answers one at a time"),
        }
    }

    pub(crate) async fn send(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Reply> {
        let response = self.open(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    pub(crate) async fn get(&mut self, target: &str) -> Reply {
        self.send(ask("GET", target, &[])).await.unwrap()
    }
}

/// A request for `target` at the distributor.
pub(crate) fn ask(method: &str, target: &str, headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("https://localhost{target}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Empty::new()).unwrap()
}

pub(crate) type Answer = Response<BoxBody<Bytes, io::Error>>;

/// A transcoder's origin listener, as the contract has it: HTTP/1.1 and a bearer token.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// Answers each target, with its query, by `answer`.
    pub(crate) async fn start<F>(answer: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let answer = Arc::new(move |target| {
            Box::pin(answer(target)) as Pin<Box<dyn Future<Output = Answer> + Send>>
        });
        let log = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (answer.clone(), log.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, log) = (answer.clone(), log.clone());
                    async move { Ok::<_, Infallible>(serve(&request, &*answer, &log).await) }
                });
                tokio::spawn(
                    server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, asked }
    }

    /// Answers everything with `body`.
    pub(crate) async fn fixed(body: &'static str) -> Self {
        Self::start(move |_| async move { ok(body) }).await
    }

    /// Does on each connection as `speak` says once the first request is there, whose target it is given; then closes it.
    pub(crate) async fn raw<F>(
        speak: impl Fn(String, TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Self::at(listener.local_addr().unwrap());
        let log = origin.asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // A connection that was opened and not needed says nothing.
                if let Some(target) = target(&mut stream).await {
                    log.lock().unwrap().push(target.clone());
                    tokio::spawn(speak(target, stream));
                }
            }
        });
        origin
    }

    /// Nobody listens there.
    pub(crate) async fn dead() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::at(listener.local_addr().unwrap())
    }

    /// Whatever a test itself does at `address`.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            asked: Arc::default(),
        }
    }

    /// What it was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The target of the request that comes over `stream`.
pub(crate) async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1).map(str::to_owned)
}

async fn serve<F>(
    request: &Request<Incoming>,
    answer: &(impl Fn(String) -> F + ?Sized),
    log: &Mutex<Vec<String>>,
) -> Answer
where
    F: Future<Output = Answer>,
{
    let token = ClusterSecret::new(SECRET).unwrap().origin_token();
    let bearer = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().unwrap().strip_prefix("Bearer "));
    if !bearer.is_some_and(|bearer| token.matches(bearer)) {
        return status(401);
    }
    let target = request.uri().path_and_query().unwrap().to_string();
    log.lock().unwrap().push(target.clone());
    answer(target).await
}

pub(crate) fn ok(body: impl Into<Bytes>) -> Answer {
    Response::new(
        Full::new(body.into())
            .map_err(|never| match never {})
            .boxed(),
    )
}

pub(crate) fn status(status: u16) -> Answer {
    let mut answer = ok("");
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

/// A body that the test sends piece by piece, of `length` in all.
pub(crate) fn growing(
    length: usize,
) -> (http_body_util::channel::Sender<Bytes, io::Error>, Answer) {
    let (sender, body) = Channel::<Bytes, io::Error>::new(1);
    let mut answer = Response::new(body.boxed());
    answer
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, length.into());
    (sender, answer)
}

/// The indices of `count` origins in the order in which `stage` asks them.
pub(crate) fn order(count: usize) -> Vec<usize> {
    let members: Vec<_> = ('a'..)
        .take(count)
        .map(|name| Member::new(&name.to_string(), 1).unwrap())
        .collect();
    ranks(&"stage".parse::<StreamName>().unwrap(), &members)
}

/// Lets `seconds` pass at once, and what they bring about happen.
pub(crate) async fn pass(seconds: u64) {
    {
        let _held = Held::new();
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }
    tokio::task::yield_now().await;
}

/// The runtime's clock, held until this is dropped.
struct Held;

impl Held {
    fn new() -> Self {
        tokio::time::pause();
        Self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
