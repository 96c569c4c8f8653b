//! A platform that takes pushes: nginx with nginx-rtmp, as Debian has it, recording what it is sent.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::{Daemon, RunDirectory};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// It may be down: [`Platform::start`] brings it up, always at the same address. Dropping it kills it.
#[derive(Debug)]
pub struct Platform {
    name: String,
    address: SocketAddr,
    directory: RunDirectory,
    nginx: Option<Daemon>,
}

impl Platform {
    /// One that is not up yet. Its application `live` takes everybody; `closed` denies all.
    pub fn down(name: &str) -> Result<Self> {
        // Nobody else takes a port that was just given back: the system hands them out in turn.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        Ok(Self {
            name: name.to_owned(),
            address,
            directory: RunDirectory::new()?,
            nginx: None,
        })
    }

    /// One that is up.
    pub fn up(name: &str) -> Result<Self> {
        let mut platform = Self::down(name)?;
        platform.start()?;
        Ok(platform)
    }

    /// The name it is known by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens when it is up.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Brings it up.
    pub fn start(&mut self) -> Result<()> {
        let directory = self.directory.path();
        let config = format!(
            "daemon off; master_process off; error_log stderr warn; pid {at}/nginx.pid; load_module {MODULE};\n\
             events {{ worker_connections 64; }}\n\
             rtmp {{ server {{ listen {address};\n\
             application live {{ live on; record all; record_path {at}; record_unique on; record_suffix .flv; }}\n\
             application closed {{ live on; deny publish all; }} }} }}\n",
            at = directory.display(),
            address = self.address,
        );
        let config = self.directory.write("nginx.conf", config)?;
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(directory).arg("-e").arg("stderr");
        nginx.arg("-c").arg(config);
        self.nginx = Some(Daemon::spawn(&mut nginx, &self.name, directory)?);
        Ok(())
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) -> Result<()> {
        let mut nginx = self.nginx.take().context("it is down already")?;
        nginx.kill()
    }

    /// Stops it in the middle of whatever it does (true), or lets it go on.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let nginx = self.nginx.as_ref().context("it is down")?;
        nginx.signal(if frozen {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        })
    }

    /// What it has recorded so far, one file for each time somebody published, in order.
    pub fn recordings(&self) -> Result<Vec<PathBuf>> {
        let is_recording = |path: &PathBuf| path.extension().is_some_and(|e| e == "flv");
        let mut files: Vec<PathBuf> = entries(self.directory.path())?
            .into_iter()
            .filter(is_recording)
            .collect();
        files.sort();
        Ok(files)
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}
