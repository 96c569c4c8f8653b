//! One viewer: a keep-alive connection by HTTP/1.1, over TLS or in the clear.

use anyhow::{Context, Result, ensure};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Bytes received at once; a body comes past them.
const RECEIVED: usize = 16 << 10;

/// What a connection is carried by.
pub(super) trait Carrier: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket under it.
    fn socket(&self) -> &TcpStream;
}

impl Carrier for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Carrier for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// One connection.
pub(super) struct Viewer<C = TlsStream<TcpStream>> {
    carrier: BufReader<C>,
    /// Header lines that each request has besides `Host`.
    says: String,
    pub(super) body: Vec<u8>,
}

impl Viewer<TlsStream<TcpStream>> {
    /// After a handshake.
    pub(super) async fn connect(connector: &TlsConnector, port: u16) -> Result<Self> {
        let name = ServerName::try_from("localhost")?;
        let carrier = connector.connect(name, tcp(port).await?).await?;
        Ok(Self::over(carrier, String::new()))
    }
}

impl Viewer<TcpStream> {
    /// In the clear, with header lines that each request `says`.
    pub(super) async fn plain(port: u16, says: &str) -> Result<Self> {
        Ok(Self::over(tcp(port).await?, says.to_owned()))
    }
}

async fn tcp(port: u16) -> Result<TcpStream> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

impl<C: Carrier> Viewer<C> {
    fn over(carrier: C, says: String) -> Self {
        Self {
            carrier: BufReader::with_capacity(RECEIVED, carrier),
            says,
            body: Vec::new(),
        }
    }

    /// Asks for `path`, and reads nothing.
    pub(super) async fn ask(&mut self, path: &str) -> Result<()> {
        let says = &self.says;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{says}\r\n");
        let carrier = self.carrier.get_mut();
        carrier.write_all(request.as_bytes()).await?;
        Ok(carrier.flush().await?)
    }

    /// Returns when the first byte of an answer is there, and reads nothing.
    pub(super) async fn begins(&self) -> Result<()> {
        let there = self.carrier.get_ref().socket().peek(&mut [0]).await?;
        ensure!(there > 0, "hung up");
        Ok(())
    }

    /// Reads one whole answer: its status; its body is in `body`.
    pub(super) async fn answer(&mut self) -> Result<u16> {
        let mut line = String::new();
        self.carrier.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no answer: {line:?}"))?;
        let mut length = 0;
        loop {
            line.clear();
            self.carrier.read_line(&mut line).await?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse()?;
                }
                Some(_) => {}
                None => break,
            }
        }
        self.body.resize(length, 0);
        self.carrier.read_exact(&mut self.body).await?;
        Ok(status)
    }

    /// Asks for `path` and reads the whole answer, which must be 200 with `size` bytes.
    pub(super) async fn get(&mut self, path: &str, size: usize) -> Result<()> {
        self.ask(path).await?;
        let status = self.answer().await?;
        ensure!(status == 200, "{path}: {status}");
        let got = self.body.len();
        ensure!(got == size, "{path}: {got} bytes instead of {size}");
        Ok(())
    }

    /// Says goodbye, and waits for the server's.
    pub(super) async fn leave(mut self) -> Result<()> {
        self.carrier.shutdown().await?;
        // What is still to come are session tickets; a server that ends by a reset has ended, too.
        let _ended = self.carrier.read_to_end(&mut self.body).await;
        Ok(())
    }
}
