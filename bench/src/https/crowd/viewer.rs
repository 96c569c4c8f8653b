//! One of a crowd: a TLS connection that keeps as little as it can while it waits, by HTTP/1.1 or HTTP/2.

use anyhow::Result;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// What a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    H1,
    H2,
}

impl Protocol {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::H1 => "HTTP/1.1",
            Self::H2 => "HTTP/2",
        }
    }
}

/// One keep-alive connection.
pub(super) struct Viewer {
    stream: TlsStream<TcpStream>,
    protocol: Protocol,
    asked: u32,
    received: Vec<u8>,
}

impl Viewer {
    pub(super) async fn connect(
        connector: &TlsConnector,
        port: u16,
        protocol: Protocol,
    ) -> Result<Self> {
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

    pub(super) async fn ask(&mut self, path: &str) -> Result<()> {
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

    /// Returns when an answer begins, and reads nothing.
    pub(super) async fn begins(&self) -> Result<()> {
        let there = self.stream.get_ref().0.peek(&mut [0]).await?;
        anyhow::ensure!(there > 0, "hung up");
        Ok(())
    }

    /// Reads one whole answer, which must be a playlist.
    pub(super) async fn answer(&mut self) -> Result<()> {
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
