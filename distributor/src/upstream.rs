//! Asks an origin for an object over HTTP/1.1, by TLS where that is configured: kept-alive connections, the cluster's
//! token, a deadline on everything. Other distributors are asked in the same way, in the clear, and told that it is one
//! who asks.
//!
//! What an origin may say is narrow: a status, a length, an ETag and bytes as they are. All else it sends (CORS,
//! cookies, its name) ends here.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, DATE, ETAG, SERVER, TRANSFER_ENCODING,
    },
    uri::{InvalidUri, Scheme},
};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use live::cluster::Token;
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::{origin::Answer, route::Key};

/// How long a connection to an origin in the same private net may take.
const CONNECT: Duration = Duration::from_secs(1);
/// A connection is kept for the next object; a held playlist each and the parts between them need a handful.
const IDLE_MAX: usize = 32;
/// Longer than a segment, shorter than any origin waits for the next request.
const IDLE_AFTER: Duration = Duration::from_secs(15);
/// A box that lost its power is noticed after `ALIVE_AFTER` and three more probes, even while a playlist is held.
const ALIVE_AFTER: Duration = Duration::from_secs(2);
const ALIVE_EVERY: Duration = Duration::from_secs(1);
const ALIVE_PROBES: u32 = 2;
/// What is read from an origin at once; its head must fit.
const READ_MAX: usize = 64 << 10;
/// An origin that sends nothing for so long in the middle of an object has broken off.
const SILENCE: Duration = Duration::from_secs(2);
/// Longest ETag that is passed on.
const ETAG_MAX: usize = 128;
/// Names the boxes that a request has been through (RFC 8586).
pub(crate) const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// Marks a request that a distributor sends to another, which sends it to no third.
const HOP: HeaderName = HeaderName::from_static("footlight-hop");

/// The client side towards all origins.
#[derive(Debug)]
pub(crate) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// The origins by index in the configuration, then the peers by theirs.
    sources: Vec<Source>,
    bearer: HeaderValue,
    /// What this box calls itself when it asks a peer.
    name: Option<HeaderValue>,
}

/// Whom to ask.
#[derive(Debug)]
pub(crate) struct Source {
    /// `host:port`.
    pub(crate) authority: String,
    /// In the clear or by TLS.
    pub(crate) scheme: Scheme,
    /// It is another distributor.
    pub(crate) is_peer: bool,
}

/// An origin's answer of 200, before its body.
#[derive(Debug)]
pub(crate) struct Object {
    /// As declared.
    pub(crate) length: Option<u64>,
    /// As sent.
    pub(crate) etag: Option<HeaderValue>,
    body: Incoming,
}

/// What an answer's head says of whoever sent it.
#[derive(Debug)]
pub(crate) struct Sign {
    /// Its name and version.
    pub(crate) server: Option<String>,
    /// Its clock, to the second.
    pub(crate) date: Option<SystemTime>,
}

/// Why there is no object to read, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// 404.
    #[error("it has no such object")]
    Missing,
    /// 400.
    #[error("it says that the request is wrong")]
    Refused,
    /// 503 after a request was held as long as it may be: what it waited for did not come about.
    #[error("what was waited for did not come about")]
    Withheld,
    /// 401 or 403: the boxes do not share one secret. The operator's fault.
    #[error("it does not accept our token: give this box and the origin the same [cluster] secret")]
    Unauthorized,
    /// Any other status, or an encoding that was not asked for.
    #[error("it answered {0}, which is no answer to this request")]
    Status(StatusCode),
    /// Its body would end with the connection, so half of it would look like the whole.
    #[error("its answer does not say where it ends")]
    Endless,
    /// It should be a playlist.
    #[error("it sent something else than a playlist")]
    NoPlaylist,
    /// Nothing came in time.
    #[error("it did not answer within {0:?}")]
    Late(Duration),
    /// The two do not accept each other's certificates. The operator's fault.
    #[error(
        "TLS fails: {0}; see [upstream] in this box's configuration and [origin] in the origin's"
    )]
    Tls(String),
    /// No connection, or one that broke off.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke off in the middle.
    #[error("it broke off: {0}")]
    Broken(String),
}

impl UpstreamError {
    /// What it says about the origin.
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::Missing => Answer::Missing,
            Self::Refused | Self::Withheld => Answer::Refused,
            Self::Unauthorized | Self::Tls(_) | Self::Unreachable(_) => Answer::Unreachable,
            Self::Status(_)
            | Self::Endless
            | Self::NoPlaylist
            | Self::Late(_)
            | Self::Broken(_) => Answer::Failed,
        }
    }
}

impl Upstream {
    /// Towards `sources`, with `token`, by TLS as `tls` has it. Peers are told the `name` of this box.
    pub(crate) fn new(
        sources: Vec<Source>,
        token: &Token,
        tls: ClientConfig,
        name: Option<&str>,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_keepalive(Some(ALIVE_AFTER));
        connector.set_keepalive_interval(Some(ALIVE_EVERY));
        connector.set_keepalive_retries(Some(ALIVE_PROBES));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_AFTER)
            .pool_max_idle_per_host(IDLE_MAX)
            .http1_max_buf_size(READ_MAX)
            .build(connector);
        let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
        let Ok(mut bearer) = bearer else {
            unreachable!("a token is hexadecimal")
        };
        bearer.set_sensitive(true);
        Self {
            client,
            sources,
            bearer,
            name: name.and_then(|name| HeaderValue::from_str(name).ok()),
        }
    }

    /// Asks `source` for `key`; its answer must begin within `deadline`.
    pub(crate) async fn get(
        &self,
        source: usize,
        key: &Key,
        deadline: Duration,
    ) -> Result<Object, UpstreamError> {
        self.open(source, &key.to_string(), deadline).await
    }

    /// Asks a peer for `target`, of up to `most` bytes; all of its answer must come within `deadline`.
    pub(crate) async fn told(
        &self,
        source: usize,
        target: &str,
        most: usize,
        deadline: Duration,
    ) -> Result<Bytes, UpstreamError> {
        let told = async {
            let object = self.open(source, target, deadline).await?;
            let body = Limited::new(object.body, most).collect().await;
            body.map(http_body_util::Collected::to_bytes)
                .map_err(|error| UpstreamError::Broken(error.to_string()))
        };
        let told = timeout(deadline, told).await;
        told.unwrap_or(Err(UpstreamError::Late(deadline)))
    }

    /// What `source` says of itself beside its answer to `target`, whatever that answer is, within `deadline`.
    pub(crate) async fn knock(
        &self,
        source: usize,
        target: &str,
        deadline: Duration,
    ) -> Result<Sign, UpstreamError> {
        let response = timeout(deadline, self.send(source, target)).await;
        let response = response.map_err(|_| UpstreamError::Late(deadline))??;
        if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&response.status()) {
            return Err(UpstreamError::Unauthorized);
        }
        let text = |name| response.headers().get(name)?.to_str().ok();
        Ok(Sign {
            server: text(SERVER).map(str::to_owned),
            date: text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()),
        })
    }

    async fn open(
        &self,
        source: usize,
        target: &str,
        deadline: Duration,
    ) -> Result<Object, UpstreamError> {
        let response = timeout(deadline, self.send(source, target)).await;
        let response = response.map_err(|_| UpstreamError::Late(deadline))??;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(UpstreamError::Missing),
            StatusCode::BAD_REQUEST => return Err(UpstreamError::Refused),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(UpstreamError::Unauthorized);
            }
            other => return Err(UpstreamError::Status(other)),
        }
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(UpstreamError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let tells = |name| response.headers().contains_key(name);
        if !tells(CONTENT_LENGTH) && !tells(TRANSFER_ENCODING) {
            return Err(UpstreamError::Endless);
        }
        Ok(Object {
            length: length(response.headers()),
            etag: etag(response.headers()),
            body: response.into_body(),
        })
    }

    /// Sends the request; once more when its connection broke, since one that was kept may have been closed at the
    /// other end in that very moment.
    async fn send(&self, source: usize, target: &str) -> Result<Response<Incoming>, UpstreamError> {
        let request = || {
            self.request(source, target)
                .map_err(|error| UpstreamError::Unreachable(error.to_string()))
        };
        let sent = match self.client.request(request()?).await {
            Err(error) if !error.is_connect() => self.client.request(request()?).await,
            sent => sent,
        };
        sent.map_err(|error| match tls_error(&error) {
            Some(error) => UpstreamError::Tls(error.to_string()),
            None => UpstreamError::Unreachable(causes(&error)),
        })
    }

    fn request(&self, source: usize, target: &str) -> Result<Request<Empty<Bytes>>, InvalidUri> {
        let source = self.sources.get(source);
        let base = source.map(|source| format!("{}://{}", source.scheme, source.authority));
        let uri: Uri = (base.unwrap_or_default() + target).parse()?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.bearer.clone());
        if let Some(name) = &self.name
            && source.is_some_and(|source| source.is_peer)
        {
            headers.insert(CDN_LOOP, name.clone());
            headers.insert(HOP, HeaderValue::from_static("1"));
        }
        Ok(request)
    }
}

impl Object {
    /// The next bytes; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        loop {
            let frame = timeout(SILENCE, self.body.frame())
                .await
                .map_err(|_| UpstreamError::Late(SILENCE))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(UpstreamError::Broken(causes(&error))),
                // Trailers say nothing we use.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn etag(headers: &HeaderMap) -> Option<HeaderValue> {
    headers
        .get(ETAG)
        .filter(|etag| etag.len() <= ETAG_MAX)
        .cloned()
}

/// What TLS says of an error that it has caused.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        // An error of the system's is transparent: what it holds is not among its causes.
        next = match cause.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|held| held as _),
            None => cause.source(),
        };
    }
    None
}

/// An error with what it was caused by, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
