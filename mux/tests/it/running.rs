//! A mux that runs inside the test.

use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use live::daemon::{
    Chassis, Daemon,
    config::{Given, read},
};
use mux::Mux;
use serde_json::Value;

/// The key that publishes the stream `stage`.
pub(crate) const KEY: &str = "stage-dev";
/// Its hash, as it stands in the configuration.
pub(crate) const KEY_HASH: &str =
    "bae9f911debeef2b8a183b6973989a4829536a1c0f7b50fbd192267b3faf16d4";
/// The key of its backup encoder.
pub(crate) const BACKUP_KEY: &str = "backup-dev";
/// The key that plays it.
pub(crate) const PLAY_KEY: &str = "watch-dev";

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The three keys above.
const STREAM: &str = r#"
[[stream]]
name = "stage"
publish = [
    { sha256 = "bae9f911debeef2b8a183b6973989a4829536a1c0f7b50fbd192267b3faf16d4" },
    { sha256 = "03ae1df20779bad4043ceab398b73dddad813f2ba3ed29a509d563d9bc226310", role = "backup" },
]
play = [{ sha256 = "e8e758a95d88d21fcb3c592553943195019a53fbeab9b66784f7d924403c7f28" }]
"#;

pub(crate) struct Running {
    chassis: Chassis,
    mux: Mux,
    directory: PathBuf,
    text: String,
}

impl Running {
    /// A mux with the stream `stage`, feeding the transcoders at `transcoders`.
    pub(crate) async fn start(transcoders: &[SocketAddr]) -> Self {
        Self::start_in(new_directory(), transcoders).await
    }

    /// One that publishes the stream to RTMP servers, by name and address, under the key `push-key`.
    pub(crate) async fn start_pushing(targets: &[(&str, SocketAddr)]) -> Self {
        let directory = new_directory();
        let mut text = text(&directory, &[]);
        for (name, address) in targets {
            text += &format!(
                "[[stream.push]]\nname = \"{name}\"\nurl = \"rtmp://{address}/live\"\nkey = {{ file = \"/push-key\" }}\n"
            );
        }
        Self::start_with(directory, text).await
    }

    /// One with a key file, and with `top` above its configuration, which is on the disk too: for the commands.
    pub(crate) async fn start_commanded(top: &str) -> Self {
        let directory = new_directory();
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("keys.toml");
        let text = format!("keys_file = {file:?}\n{top}\n{}", text(&directory, &[]));
        std::fs::write(directory.join("mux.toml"), &text).unwrap();
        Self::start_with(directory, text).await
    }

    /// The state directory, with `mux.toml` and `keys.toml`.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The same in a given state directory.
    pub(crate) async fn start_in(directory: PathBuf, transcoders: &[SocketAddr]) -> Self {
        let text = text(&directory, transcoders);
        Self::start_with(directory, text).await
    }

    async fn start_with(directory: PathBuf, text: String) -> Self {
        let chassis = Chassis::new("mux");
        let mux = Mux::start(config(text.clone()), &chassis).await.unwrap();
        Self {
            chassis,
            mux,
            directory,
            text,
        }
    }

    /// Reads the configuration again, with `from` in it replaced by `to`.
    pub(crate) async fn reload(&mut self, from: &str, to: &str) -> Result<(), String> {
        self.mux.reload(config(self.text.replace(from, to))).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.chassis.address("rtmp").unwrap()
    }

    /// `/status`, the stream's part.
    pub(crate) fn status(&self) -> Value {
        self.chassis.status()["streams"]["stage"].clone()
    }

    /// The same, as soon as it is as one waits for. Within one process nobody announces it: whatever else there is to do is
    /// done, and it is looked at again.
    pub(crate) async fn status_when(&self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let status = self.status();
            if is(&status) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Stops it and waits until all its tasks have ended. Answers with its state directory.
    pub(crate) async fn stop(self) -> PathBuf {
        self.chassis.shutdown().trigger();
        drop(self.mux);
        self.chassis.tasks().empty().await;
        self.directory
    }
}

fn new_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("mux-{}-{count}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Left by a process that had the same number: its shows would go on here.
    let _absent = std::fs::remove_dir_all(&path);
    path
}

fn text(directory: &Path, transcoders: &[SocketAddr]) -> String {
    let mut text = format!(
        "state_directory = {directory:?}\nrtmp.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\n\
         cluster.secret.file = \"/secret\"\nring.size = \"16MiB\"\n{STREAM}"
    );
    for (n, address) in transcoders.iter().enumerate() {
        text += &format!("[[transcoder]]\nname = \"t{n}\"\naddress = \"{address}\"\n");
    }
    text
}

fn config(text: String) -> mux::Config {
    let mut given = Given::default();
    given.files.insert("/mux.toml".into(), text);
    given.files.insert("/secret".into(), SECRET.to_owned());
    given
        .files
        .insert("/push-key".into(), "push-key".to_owned());
    let (_raw, config) = read(Path::new("/mux.toml"), &given, Mux::resolve).unwrap();
    config
}

/// Nothing here takes long; this only turns a hang into a failure.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_secs(30), what).await;
    done.expect("it hangs")
}

pub(crate) fn publish_token() -> String {
    let secret = live::cluster::ClusterSecret::new(SECRET).unwrap();
    let token = secret.publish_token(&"stage".parse().unwrap());
    token.expose().to_owned()
}
