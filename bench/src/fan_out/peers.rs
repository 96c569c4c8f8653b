//! The servers that are measured, each configured to do the same: take one publisher, serve its players.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{Plan, server::Server};

/// The version that is installed for the bench alone, into a folder under target.
const NODE_MEDIA_SERVER: &str = "node-media-server@4.4.3";
const PUBLISH_KEY: &str = "bench-publish-key";
const PLAY_KEY: &str = "bench-play-key";

/// A server under measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Nginx,
    NodeMediaServer,
    SrsLowLatency,
    /// As it comes: writes merged over 350 ms.
    SrsDefault,
    Mux,
    /// With `[players] merge = "350ms"`.
    MuxMerged,
    /// No server at all: see `floor`.
    FloorWritev,
    FloorSendfile,
}

impl Peer {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx-rtmp",
            Self::NodeMediaServer => "Node-Media-S.",
            Self::SrsLowLatency => "SRS low lat.",
            Self::SrsDefault => "SRS default",
            Self::Mux => "footlight-mux",
            Self::MuxMerged => "footlight-mux",
            Self::FloorWritev => "floor: writev",
            Self::FloorSendfile => "floor: sendf.",
        }
    }

    const fn offset(self) -> u16 {
        match self {
            Self::Mux | Self::MuxMerged => 35,
            Self::Nginx => 36,
            Self::NodeMediaServer => 37,
            Self::SrsLowLatency | Self::SrsDefault => 38,
            Self::FloorWritev | Self::FloorSendfile => 39,
        }
    }

    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Mux | Self::MuxMerged)
    }

    pub(super) const fn is_floor(self) -> bool {
        matches!(self, Self::FloorWritev | Self::FloorSendfile)
    }

    pub(super) fn address(self, plan: &Plan) -> SocketAddr {
        ([127, 0, 0, 1], plan.port(self.offset())).into()
    }

    /// What the publisher publishes under, and what a player asks for: only mux has keys.
    pub(super) const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Mux | Self::MuxMerged => (PUBLISH_KEY, PLAY_KEY),
            Self::Nginx
            | Self::NodeMediaServer
            | Self::SrsLowLatency
            | Self::SrsDefault
            | Self::FloorWritev
            | Self::FloorSendfile => ("bench", "bench"),
        }
    }

    /// Whether it can be had here.
    pub(super) fn is_there(self, plan: &Plan) -> bool {
        match self {
            Self::SrsLowLatency | Self::SrsDefault => plan.srs.is_some(),
            Self::NodeMediaServer => installed(plan).exists(),
            Self::Nginx | Self::Mux | Self::MuxMerged | Self::FloorWritev | Self::FloorSendfile => {
                true
            }
        }
    }

    /// A fresh process, so that its peak of memory is this case's.
    pub(super) async fn start(self, plan: &Plan, dir: &Path) -> Result<Server> {
        let port = self.address(plan).port();
        let mut command = match self {
            Self::Nginx => nginx(dir, port)?,
            Self::NodeMediaServer => node_media_server(plan, dir, port)?,
            Self::SrsLowLatency => srs(plan, dir, port, true)?,
            Self::SrsDefault => srs(plan, dir, port, false)?,
            Self::Mux => mux(plan, dir, port, "0s")?,
            Self::MuxMerged => mux(plan, dir, port, "350ms")?,
            Self::FloorWritev | Self::FloorSendfile => floor(self, dir, port)?,
        };
        let log = dir.join(format!("{}.log", self.offset()));
        Server::start(&mut command, port, &log).await
    }
}

/// Where Node-Media-Server is, once it is installed.
fn installed(plan: &Plan) -> PathBuf {
    plan.peers.join("node_modules/node-media-server")
}

/// Fetches Node-Media-Server into a folder of the bench's own; without it its row is left out.
pub(super) fn install(plan: &Plan) -> Result<()> {
    if installed(plan).exists() {
        return Ok(());
    }
    plan.progress("npm installs Node-Media-Server");
    std::fs::create_dir_all(&plan.peers)?;
    let done = Command::new("npm")
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(&plan.peers)
        .arg(NODE_MEDIA_SERVER)
        .output()
        .context("npm is missing: run make deps")?;
    if !done.status.success() {
        bail!("npm: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

fn write(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = dir.join(name);
    std::fs::write(&file, text)?;
    Ok(file)
}

fn mux(plan: &Plan, dir: &Path, port: u16, merge: &str) -> Result<Command> {
    let state = dir.join("state");
    std::fs::create_dir_all(&state)?;
    let hash = |key: &str| hex::encode(Sha256::digest(key));
    let text = format!(
        "state_directory = \"{}\"\n[rtmp]\nlisten = [\"127.0.0.1:{port}\"]\nconnections = 4000\n\
         [players]\nmerge = \"{merge}\"\n[admin]\nlisten = \"127.0.0.1:{}\"\n\
         [[stream]]\nname = \"bench\"\npublish = [{{ sha256 = \"{}\" }}]\nplay = [{{ sha256 = \"{}\" }}]\n",
        state.display(),
        plan.port(101),
        hash(PUBLISH_KEY),
        hash(PLAY_KEY),
    );
    let config = write(dir, "mux.toml", &text)?;
    let mut command = Command::new(plan.binary("footlight-mux"));
    command.arg("--config").arg(config);
    Ok(command)
}

fn nginx(dir: &Path, port: u16) -> Result<Command> {
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\ndaemon off;\nworker_processes 1;\n\
         pid {}/nginx-rtmp.pid;\nerror_log stderr;\nevents {{ worker_connections 4096; }}\n\
         rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}\n",
        dir.display()
    );
    let config = write(dir, "nginx-rtmp.conf", &text)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(config).arg("-p").arg(dir);
    Ok(command)
}

fn node_media_server(plan: &Plan, dir: &Path, port: u16) -> Result<Command> {
    let config = json!({
        "bind": "127.0.0.1",
        "notify": { "url": "" },
        "store": { "path": dir.join("node-media-server") },
        "auth": { "play": false, "publish": false, "secret": "" },
        "rtmp": { "port": port },
        "record": { "auto": false, "path": dir },
    });
    let config = write(dir, "node-media-server.json", &config.to_string())?;
    let mut command = Command::new("node");
    command.arg(installed(plan).join("bin/app.js"));
    command.arg("--config").arg(config).arg("--no-admin");
    command.current_dir(dir);
    Ok(command)
}

fn srs(plan: &Plan, dir: &Path, port: u16, low_latency: bool) -> Result<Command> {
    let low = "tcp_nodelay on; min_latency on; play { mw_latency 0; mw_msgs 0; gop_cache on; }";
    let text = format!(
        "listen 127.0.0.1:{port};\nmax_connections 4000;\ndaemon off;\nsrs_log_tank file;\n\
         srs_log_file {at}/srs-own.log;\npid {at}/srs.pid;\nvhost __defaultVhost__ {{ {} }}\n",
        if low_latency { low } else { "" },
        at = dir.display(),
    );
    let config = write(dir, "srs.conf", &text)?;
    let binary = plan.srs.as_ref().context("no SRS")?;
    let mut command = Command::new(binary);
    command.arg("-c").arg(config).current_dir(dir);
    Ok(command)
}

fn floor(peer: Peer, dir: &Path, port: u16) -> Result<Command> {
    let how = if peer == Peer::FloorSendfile {
        "sendfile"
    } else {
        "writev"
    };
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--floor", how, "--port", &port.to_string()]);
    command.arg("--clip").arg(dir);
    Ok(command)
}
