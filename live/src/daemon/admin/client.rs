//! Asks a running daemon's admin listener, for the commands in the operator's shell.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::HOST,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// Bytes of an answer; a status of 256 streams is far smaller.
const ANSWER_MAX: usize = 16 << 20;
/// A daemon that runs answers in milliseconds, over a slow line in a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("nothing answers at {0}: {1}")]
    Unreachable(SocketAddr, std::io::Error),
    /// It does not speak HTTP, or hung up.
    #[error("what answers at {0} is no admin listener of Footlight: {1}")]
    Broken(SocketAddr, Box<dyn std::error::Error + Send + Sync>),
    /// It accepts and says nothing.
    #[error("{at} does not answer within {} s", PATIENCE.as_secs())]
    Silent {
        /// Where.
        at: SocketAddr,
    },
}

/// The body of `path` as the daemon at `address` answers a GET.
///
/// An answer that is no success is the body all the same: what it says is for people.
pub async fn ask(address: SocketAddr, path: &str) -> Result<Bytes, AskError> {
    Ok(exchange(address, Method::GET, path).await?.1)
}

/// Gives the daemon at `address` an order: its status code and the body of its answer.
pub async fn order(address: SocketAddr, path: &str) -> Result<(u16, Bytes), AskError> {
    let (status, body) = exchange(address, Method::POST, path).await?;
    Ok((status.as_u16(), body))
}

async fn exchange(
    address: SocketAddr,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Bytes), AskError> {
    let answer = timeout(PATIENCE, send(address, method, path)).await;
    answer.unwrap_or(Err(AskError::Silent { at: address }))
}

async fn send(
    address: SocketAddr,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Bytes), AskError> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| AskError::Unreachable(address, error))?;
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| AskError::Broken(address, error);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|error| broken(error.into()))?;
    let connected = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(|error| broken(error.into()))?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        Ok((answer.status(), read(answer.into_body()).await?))
    };
    tokio::select! {
        answer = exchange => answer.map_err(broken),
        ended = connection => {
            let error = ended.err().map_or_else(|| "it hung up".into(), Into::into);
            Err(broken(error))
        }
    }
}

async fn read(body: Incoming) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Limited::new(body, ANSWER_MAX).collect().await?.to_bytes())
}
