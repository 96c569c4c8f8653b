//! Mux alone: the door for publishers and players, where a test is about RTMP itself.

use std::{net::SocketAddr, path::Path};

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::{Clip, Daemon, Encoder, Program, RunDirectory};

/// A mux on free ports, without transcoders. Dropping it kills it and, if a test is failing, shows its log.
#[derive(Debug)]
pub struct Entrance {
    /// The daemon.
    pub mux: Daemon,
    directory: RunDirectory,
}

impl Entrance {
    /// Starts it with these lines of configuration behind the listeners' (`[rtmp]` is open: keys of it come first), and
    /// waits until it is ready.
    pub fn start(configuration: &str) -> Result<Self> {
        Self::with(|_directory| Ok(configuration.to_owned()))
    }

    /// The same for a configuration that names files in its directory.
    pub fn with(configuration: impl FnOnce(&RunDirectory) -> Result<String>) -> Result<Self> {
        let directory = RunDirectory::new()?;
        let state = directory.path().join("mux-state");
        let keys = directory.path().join("mux-keys.toml");
        let configuration = format!(
            "state_directory = {state:?}\nkeys_file = {keys:?}\n\n[admin]\nlisten = \"127.0.0.1:0\"\n\n[rtmp]\nlisten = \"127.0.0.1:0\"\n{}",
            configuration(&directory)?
        );
        let file = directory.write("mux.toml", configuration)?;
        let mux = Daemon::start(Program::Mux, "mux", &file, directory.path())?;
        mux.wait_until_ready()?;
        Ok(Self { mux, directory })
    }

    /// The lines for a stream that one key publishes and another plays.
    pub fn stream(name: &str, publish: &str, play: &str) -> String {
        let hash = |key: &str| hex::encode(Sha256::digest(key));
        format!(
            "\n[[stream]]\nname = \"{name}\"\npublish = [{{ sha256 = \"{}\" }}]\nplay = [{{ sha256 = \"{}\" }}]\n",
            hash(publish),
            hash(play),
        )
    }

    /// Where the listener called `name` is: `rtmp`, `admin`.
    pub fn address(&self, name: &str) -> Result<SocketAddr> {
        self.mux.listener(name)
    }

    /// `rtmp://127.0.0.1:PORT/live/KEY`, to publish or to play.
    pub fn url(&self, key: &str) -> Result<String> {
        Ok(format!("rtmp://{}/live/{key}", self.address("rtmp")?))
    }

    /// Publishes a clip, over and over, in real time.
    pub fn publish(&self, key: &str, clip: &Clip) -> Result<Encoder> {
        Encoder::publish(clip, &self.url(key)?, self.directory.path())
    }

    /// The same to anywhere.
    pub fn publish_to(&self, url: &str, clip: &Clip) -> Result<Encoder> {
        Encoder::publish(clip, url, self.directory.path())
    }

    /// Where everything of this run is.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(
                clippy::print_stderr,
                reason = "a failing test shows what the daemon said"
            )]
            {
                eprint!("{}", self.mux.tail());
            }
        }
    }
}
