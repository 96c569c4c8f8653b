//! How an authority is asked: HTTPS only, and an answer that is late or too long is none.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Limited;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use live::daemon::tls::{self, Roots};
use tokio::time::timeout;

/// For connecting and the head of an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// Bytes of an answer; a chain of certificates has some 8 KiB.
const BODY_MAX: usize = 256 << 10;

/// Asks over HTTPS. The whole of an order has a deadline of its own.
pub(super) struct AuthorityClient(Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>);

/// Nobody can be asked. The operator's fault, or the system's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The system trusts nobody.
    #[error(
        "no certificate authority is known: install the package ca-certificates, or name the directory's own in acme.ca"
    )]
    Roots,
    /// The library said so.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl AuthorityClient {
    /// Trusts `roots`, or whom the system trusts.
    pub(super) fn new(roots: Option<Roots>) -> Result<Self, ClientError> {
        let system = || Roots::of(rustls_native_certs::load_native_certs().certs);
        let roots = roots.or_else(system).ok_or(ClientError::Roots)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(roots, None)?)
            .https_only()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for AuthorityClient {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answer {
        let answer = timeout(ANSWER, self.0.request(request));
        Box::pin(async move {
            match answer.await {
                Ok(Ok(answer)) => Ok(answer.map(|body| Limited::new(body, BODY_MAX)).into()),
                Ok(Err(error)) => Err(Error::Other(Box::new(error))),
                Err(_) => Err(Error::Other(format!("no answer within {ANSWER:?}").into())),
            }
        })
    }
}
