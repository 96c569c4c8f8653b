//! An S3 server, and the wire to it, which can be cut.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, TryAcquireError},
};

/// `tests/bucket/serve.mjs`.
pub(super) struct Server {
    process: Child,
    pub(super) port: u16,
}

impl Server {
    /// On a free port if it is 0. Its objects are below `directory`.
    pub(super) fn start(directory: &Path, port: u16) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/bucket/serve.mjs");
        let mut node = Command::new("node");
        node.arg(script).arg(directory).arg(port.to_string());
        let node = node.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = node.spawn().expect("node is there after make deps");
        let mut said = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut said).unwrap();
        let port = said.trim().parse();
        let port = port.expect("its packages are there after make unit");
        Self { process, port }
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Between an upload and a server: carries as many bytes of the upload as it is allowed.
pub(super) struct Wire {
    pub(super) port: u16,
    gate: Arc<Gate>,
}

struct Gate {
    /// A byte each. Closed when it is cut.
    allowed: Mutex<Arc<Semaphore>>,
    stuck: Notify,
}

impl Wire {
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Gate {
            allowed: Mutex::new(Arc::new(Semaphore::new(0))),
            stuck: Notify::new(),
        });
        let own = gate.clone();
        tokio::spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                    tokio::spawn(carry(peer, server, own.clone()));
                }
            }
        });
        Self { port, gate }
    }

    /// So many bytes more.
    pub(super) fn allow(&self, bytes: usize) {
        let mut allowed = self.gate.allowed.lock().unwrap();
        if allowed.is_closed() {
            *allowed = Arc::new(Semaphore::new(0));
        }
        allowed.add_permits(bytes);
    }

    /// Until something is not allowed.
    pub(super) async fn stuck(&self) {
        self.gate.stuck.notified().await;
    }

    /// Ends all connections, those too that come before more is allowed.
    pub(super) fn cut(&self) {
        self.gate.allowed.lock().unwrap().close();
    }
}

async fn carry(peer: TcpStream, server: TcpStream, gate: Arc<Gate>) {
    let ((mut from, mut back), (mut answers, mut to)) = (peer.into_split(), server.into_split());
    let there = async {
        let mut piece = vec![0; 16 << 10];
        while let Ok(bytes @ 1..) = from.read(&mut piece).await {
            let allowed = gate.allowed.lock().unwrap().clone();
            let bytes_allowed = u32::try_from(bytes).unwrap();
            match allowed.try_acquire_many(bytes_allowed) {
                Ok(permit) => permit.forget(),
                Err(TryAcquireError::NoPermits) => {
                    gate.stuck.notify_one();
                    let Ok(permit) = allowed.acquire_many(bytes_allowed).await else {
                        return;
                    };
                    permit.forget();
                }
                Err(TryAcquireError::Closed) => return,
            }
            if to.write_all(&piece[..bytes]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = there => {}
        _ = copy(&mut answers, &mut back) => {}
    }
}
