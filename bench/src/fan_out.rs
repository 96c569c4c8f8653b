//! RTMP fan-out: CPU per gigabit delivered, and memory, of mux beside nginx-rtmp. One real ffmpeg publishes 1080p30 at
//! 4 Mbit/s with B-frames; N players read as fast as they are served. Both servers do the same work in turn.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rtmp::{
    Secret,
    client::{ClientAction, ClientConfig, ClientSession, Purpose},
};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

use crate::{
    Plan,
    server::Server,
    table::{Figure, Row},
};

const MUX: u16 = 21935;
const NGINX: u16 = 21936;
const PLAYERS: [usize; 3] = [10, 100, 300];
const PUBLISH_KEY: &str = "bench-publish-key";
const PLAY_KEY: &str = "bench-play-key";
/// How long the players of a case may take to be served their first picture.
const JOIN: Duration = Duration::from_secs(20);

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    let clip = dir.join("clip.flv");
    plan.progress("encoding the clip");
    encode(&clip)?;
    let mut rows = Vec::new();
    for players in PLAYERS {
        let mut best: [Option<Measured>; 2] = [None, None];
        for round in 0..plan.rounds {
            for (slot, peer) in best.iter_mut().zip([Peer::Nginx, Peer::Mux]) {
                let round = round + 1;
                plan.progress(&format!(
                    "RTMP to {players} players, round {round} of {}, {}",
                    plan.rounds,
                    peer.name()
                ));
                let measured = measure(plan, dir, &clip, peer, players).await?;
                if slot
                    .as_ref()
                    .is_none_or(|best| measured.cpu_s_per_gbit < best.cpu_s_per_gbit)
                {
                    *slot = Some(measured);
                }
            }
        }
        for (measured, peer) in best.into_iter().flatten().zip([Peer::Nginx, Peer::Mux]) {
            rows.push(measured.row(players, peer));
        }
    }
    Ok(rows)
}

#[derive(Clone, Copy)]
enum Peer {
    Nginx,
    Mux,
}

impl Peer {
    const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx-rtmp",
            Self::Mux => "footlight-mux",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Nginx => NGINX,
            Self::Mux => MUX,
        }
    }

    /// What a player asks for: nginx knows streams by the publisher's key.
    const fn play_name(self) -> &'static str {
        match self {
            Self::Nginx => PUBLISH_KEY,
            Self::Mux => PLAY_KEY,
        }
    }

    /// A fresh process, so that its peak of memory is this case's.
    async fn start(self, plan: &Plan, dir: &Path) -> Result<Server> {
        match self {
            Self::Nginx => nginx(dir).await,
            Self::Mux => mux(plan, dir).await,
        }
    }
}

/// One window of one server.
struct Measured {
    cpu_s_per_gbit: f64,
    peak_kib: u64,
    mbit_per_player: f64,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn row(&self, players: usize, peer: Peer) -> Row {
        let figures = vec![
            Figure {
                name: "CPU s/Gbit",
                value: self.cpu_s_per_gbit,
                more_is_better: false,
            },
            Figure {
                name: "peak MiB",
                value: self.peak_kib as f64 / 1024.0,
                more_is_better: false,
            },
            Figure {
                name: "Mbit/s each",
                value: self.mbit_per_player,
                more_is_better: true,
            },
        ];
        Row {
            case: format!("RTMP fan-out, {players} players"),
            server: peer.name(),
            figures,
        }
    }
}

async fn measure(
    plan: &Plan,
    dir: &Path,
    clip: &Path,
    peer: Peer,
    players: usize,
) -> Result<Measured> {
    let server = peer.start(plan, dir).await?;
    let _publisher = Publisher::start(clip, peer.port())?;
    let count = Arc::new(Count::default());
    let mut running = JoinSet::new();
    for _ in 0..players {
        running.spawn(play(peer, Arc::clone(&count)));
    }
    let joined = tokio::time::timeout(JOIN, async {
        while count.served.load(Ordering::Relaxed) < players {
            tokio::select! {
                Some(ended) = running.join_next() => ended??,
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
        anyhow::Ok(())
    });
    let Ok(joined) = joined.await else {
        bail!("{}: not all of {players} players are served", peer.name())
    };
    joined?;
    let (cpu, bytes, began) = (
        server.cpu_ns(),
        count.bytes.load(Ordering::Relaxed),
        Instant::now(),
    );
    tokio::time::sleep(plan.window).await;
    let cpu = server.cpu_ns() - cpu;
    let bytes = count.bytes.load(Ordering::Relaxed) - bytes;
    let seconds = began.elapsed().as_secs_f64();
    if let Some(ended) = running.try_join_next() {
        ended??;
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (cpu_s, gbit) = (cpu as f64 / 1e9, bytes as f64 * 8.0 / 1e9);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let mbit_per_player = gbit * 1000.0 / seconds / players as f64;
    Ok(Measured {
        cpu_s_per_gbit: cpu_s / gbit,
        peak_kib: server.peak_kib(),
        mbit_per_player,
    })
}

/// What all players of a case have received.
#[derive(Default)]
struct Count {
    bytes: AtomicU64,
    served: AtomicUsize,
}

/// A player that throws away what it gets: the cheapest load there is. Ends only with an error.
async fn play(peer: Peer, count: Arc<Count>) -> Result<()> {
    let mut socket = TcpStream::connect(("127.0.0.1", peer.port())).await?;
    let mut buffer = vec![0; 256 * 1024];
    let mut total = join(peer, &mut socket, &mut buffer).await?;
    let mut served = false;
    let mut acknowledge = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            read = socket.read(&mut buffer) => match read? {
                0 => bail!("{} hung up", peer.name()),
                read => {
                    total += read as u64;
                    count.bytes.fetch_add(read as u64, Ordering::Relaxed);
                    // A picture's worth: past the headers.
                    if !served && total > 20_000 {
                        served = true;
                        count.served.fetch_add(1, Ordering::Relaxed);
                    }
                }
            },
            _ = acknowledge.tick() => socket.write_all(&acknowledgement(total)).await?,
        }
    }
}

/// The dialogue up to the first media; answers how many bytes came.
async fn join(peer: Peer, socket: &mut TcpStream, buffer: &mut [u8]) -> Result<u64> {
    let config = ClientConfig {
        purpose: Purpose::Play,
        app: "live".into(),
        tc_url: Secret::new(format!("rtmp://127.0.0.1:{}/live", peer.port())),
        key: Secret::new(peer.play_name()),
        chunk_size: 65_536,
        deadline: JOIN,
        dead_after: None,
    };
    let began = Instant::now();
    let mut session = ClientSession::new(config, Duration::ZERO);
    let mut total = 0;
    loop {
        while let Some(action) = session.next_action() {
            match action {
                ClientAction::Send(bytes) => socket.write_all(&bytes).await?,
                ClientAction::Closed(reason) => bail!("{}: {reason:?}", peer.name()),
                ClientAction::Playing | ClientAction::Media(_) => return Ok(total),
                ClientAction::Publishing { .. } => {}
            }
        }
        let read = socket.read(buffer).await?;
        if read == 0 {
            bail!("{} hung up on a player", peer.name());
        }
        total += read as u64;
        session.handle_input(buffer.get(..read).unwrap_or_default(), began.elapsed());
    }
}

/// Acknowledgement (RTMP 1.0 §5.4.3) of `total` bytes: tells either server that the player lives.
fn acknowledgement(total: u64) -> [u8; 16] {
    let mut message = [2, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0];
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the sequence number wraps, says the specification"
    )]
    let sequence = total as u32;
    message[12..].copy_from_slice(&sequence.to_be_bytes());
    message
}

/// A real ffmpeg that publishes the clip over and over, in real time.
struct Publisher(Child);

impl Publisher {
    fn start(clip: &Path, port: u16) -> Result<Self> {
        let child = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-re", "-stream_loop", "-1", "-i"])
            .arg(clip)
            .args([
                "-c",
                "copy",
                "-f",
                "flv",
                &format!("rtmp://127.0.0.1:{port}/live/{PUBLISH_KEY}"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("ffmpeg is missing: run make deps")?;
        Ok(Self(child))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Twenty seconds of 1080p30 at 4 Mbit/s with B-frames, two-second GOPs, AAC at 128 kbit/s.
fn encode(clip: &Path) -> Result<()> {
    let made = Command::new("ffmpeg")
        .args([
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=1920x1080:rate=30:duration=20",
        ])
        .args([
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000:duration=20",
        ])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "2",
            "-g",
            "60",
            "-keyint_min",
            "60",
        ])
        .args([
            "-sc_threshold",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-b:v",
            "4M",
            "-minrate",
            "4M",
            "-maxrate",
            "4M",
        ])
        .args([
            "-bufsize",
            "4M",
            "-x264-params",
            "nal-hrd=cbr",
            "-c:a",
            "aac",
            "-b:a",
            "128k",
            "-f",
            "flv",
        ])
        .arg(clip)
        .output()
        .context("ffmpeg is missing: run make deps")?;
    if !made.status.success() {
        bail!("ffmpeg: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(())
}

async fn mux(plan: &Plan, dir: &Path) -> Result<Server> {
    let at = dir.display();
    let hash = |key: &str| hex::encode(Sha256::digest(key));
    std::fs::write(
        dir.join("cluster.secret"),
        "0123456789abcdef0123456789abcdef",
    )?;
    std::fs::create_dir_all(dir.join("state"))?;
    let config = dir.join("mux.toml");
    std::fs::write(
        &config,
        format!(
            "state_directory = \"{at}/state\"\n[rtmp]\nlisten = [\"127.0.0.1:{MUX}\"]\napp = \"live\"\n\
             [admin]\nlisten = \"127.0.0.1:21901\"\n[cluster]\nsecret = {{ file = \"{at}/cluster.secret\" }}\n\
             [[stream]]\nname = \"bench\"\npublish = [{{ sha256 = \"{}\" }}]\nplay = [{{ sha256 = \"{}\" }}]\n",
            hash(PUBLISH_KEY),
            hash(PLAY_KEY),
        ),
    )?;
    let mut command = Command::new(plan.binary("footlight-mux"));
    command.args(["--config".as_ref(), config.as_os_str()]);
    Server::start(&mut command, MUX, &dir.join("mux.log")).await
}

async fn nginx(dir: &Path) -> Result<Server> {
    let config = dir.join("nginx-rtmp.conf");
    std::fs::write(
        &config,
        format!(
            "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\ndaemon off;\nworker_processes 1;\n\
             pid {}/nginx-rtmp.pid;\nerror_log stderr;\nevents {{ worker_connections 4096; }}\n\
             rtmp {{ server {{ listen 127.0.0.1:{NGINX}; application live {{ live on; }} }} }}\n",
            dir.display()
        ),
    )?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&config).arg("-p").arg(dir);
    Server::start(&mut command, NGINX, &dir.join("nginx-rtmp.log")).await
}
