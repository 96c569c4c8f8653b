//! Mux and one transcoder, wired together: the transcoder on CPU 0, mux beside the load.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use live::cluster::ClusterSecret;
use sha2::{Digest, Sha256};

use crate::{Plan, server::Server};

/// What our daemons know each other by.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "bench-publish-key";
/// The stream's public name.
pub(super) const STREAM: &str = "bench";

/// Dropping it stops both.
pub(crate) struct OurBox {
    pub(crate) transcoder: Server,
    /// Where the transcoder serves playlists and media.
    pub(crate) origin: SocketAddr,
    publish: String,
    _mux: Server,
}

/// A publisher. Dropping it cuts the show.
pub(crate) struct Publisher(Child);

impl OurBox {
    pub(crate) async fn start(plan: &Plan, dir: &Path, rungs: &[(u16, u32)]) -> Result<Self> {
        let secret = dir.join("cluster-secret");
        std::fs::write(&secret, SECRET)?;
        let (rtmp, ingest, origin) = (plan.port(35), plan.port(45), plan.port(80));
        let cluster = format!("[cluster]\nsecret = {{ file = {secret:?} }}\n");
        let ladder: Vec<String> = rungs
            .iter()
            .map(|(height, kilobits)| format!("{{ height = {height}, bitrate = \"{kilobits}k\" }}"))
            .collect();
        let config = write(
            dir,
            "transcoder.toml",
            &format!(
                "[rtmp]\nlisten = \"127.0.0.1:{ingest}\"\n[origin]\nlisten = \"127.0.0.1:{origin}\"\n\
                 [admin]\nlisten = \"127.0.0.1:{}\"\n{cluster}[encoder]\norder = [\"x264\"]\nexam = false\n[ladder]\nrungs = [{}]\n",
                plan.port(102),
                ladder.join(", ")
            ),
        )?;
        let mut command = Command::new(plan.binary("footlight-transcoder"));
        command.arg("--config").arg(config);
        let log = dir.join("transcoder.log");
        let transcoder = Server::start(&mut command, origin, &log).await?;
        let state = dir.join("mux-state");
        std::fs::create_dir_all(&state)?;
        let config = write(
            dir,
            "mux.toml",
            &format!(
                "state_directory = {state:?}\n[rtmp]\nlisten = [\"127.0.0.1:{rtmp}\"]\n\
                 [admin]\nlisten = \"127.0.0.1:{}\"\n{cluster}\
                 [[transcoder]]\nname = \"transcoder\"\naddress = \"127.0.0.1:{ingest}\"\n\
                 [[stream]]\nname = \"{STREAM}\"\npublish = [{{ sha256 = \"{}\" }}]\n",
                plan.port(101),
                hex::encode(Sha256::digest(KEY)),
            ),
        )?;
        let mut command = Command::new(plan.binary("footlight-mux"));
        command.arg("--config").arg(config);
        let mux = Server::start(&mut command, rtmp, &dir.join("mux.log")).await?;
        mux.beside_the_load()?;
        Ok(Self {
            transcoder,
            origin: ([127, 0, 0, 1], origin).into(),
            publish: format!("rtmp://127.0.0.1:{rtmp}/live/{KEY}"),
            _mux: mux,
        })
    }

    /// Publishes the clip over and over in real time.
    pub(crate) fn publish(&self, clip: &Path, log: &Path) -> Result<Publisher> {
        let child = Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"])
            .args(["-re", "-stream_loop", "-1", "-i"])
            .arg(clip)
            .args(["-c", "copy", "-f", "flv", &self.publish])
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(log)?)
            .spawn()
            .context("ffmpeg is missing: run make deps")?;
        Ok(Publisher(child))
    }

    /// The header by which the origin knows a distributor.
    pub(crate) fn authorization() -> Result<String> {
        let secret = ClusterSecret::new(SECRET)?;
        Ok(format!("Bearer {}", secret.origin_token().expose()))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn write(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = dir.join(name);
    std::fs::write(&file, text)?;
    Ok(file)
}
