//! What our daemons tell their operator.

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The body of `path` at the admin listener on `port`.
pub(crate) async fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let (_, body) = text.split_once("\r\n\r\n").context("no answer")?;
    Ok(body.to_owned())
}

/// A figure of `/metrics`, by its name with labels; none when nothing was counted under it yet.
pub(crate) async fn metric(port: u16, name: &str) -> Result<Option<u64>> {
    let text = get(port, "/metrics").await?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.map(|value| value.trim().parse());
    Ok(value.transpose()?)
}
