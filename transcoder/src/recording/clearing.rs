//! Takes away recordings that are not kept any longer.
#![expect(
    clippy::disallowed_methods,
    reason = "how old a show is depends on the time of day"
)]

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use live::daemon::Shutdown;
use tokio::{task::spawn_blocking, time::sleep};
use tracing::{info, warn};

use super::{
    figures::Figures,
    film,
    keep::{Keep, Kept},
    shelf::Shelf,
    state::{UPLOADED, edition, is_settled},
};

/// Between two looks.
const TURN: Duration = Duration::from_secs(60);

/// Takes away.
#[derive(Debug)]
pub(super) struct Clearing {
    pub(super) shelf: Shelf,
    pub(super) keep: Keep,
    /// A show goes after its film is made.
    pub(super) films: bool,
    /// A show goes after it was uploaded.
    pub(super) uploads: bool,
    pub(super) figures: Arc<Figures>,
    /// Bytes of shows that do not change any more.
    pub(super) known: BTreeMap<PathBuf, u64>,
}

impl Clearing {
    /// Until the shutdown.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let mut clearing = self;
        loop {
            let blocked = spawn_blocking(move || {
                clearing.turn(SystemTime::now());
                clearing
            });
            // A panic is counted; nothing is taken away any more.
            let Ok(again) = blocked.await else { return };
            clearing = again;
            tokio::select! {
                () = sleep(TURN) => {}
                () = shutdown.triggered() => return,
            }
        }
    }

    pub(super) fn turn(&mut self, now: SystemTime) {
        let shows = match self.shows(now) {
            Ok(shows) => shows,
            Err(error) => return warn!(%error, "recordings cannot be counted; none is removed"),
        };
        for Kept {
            stream,
            session,
            bytes,
            ..
        } in self.keep.surplus(shows)
        {
            let settled = |_: &Path| is_settled(&self.shelf, &stream, session, now);
            match self.shelf.take_away(&stream, session, settled) {
                Ok(true) => {
                    info!(%stream, %session, bytes, "a recording is removed, as recording.keep says");
                    self.figures.removed.inc();
                }
                Ok(false) => {}
                Err(error) => warn!(%stream, %session, %error, "a recording cannot be removed"),
            }
        }
    }

    fn shows(&mut self, now: SystemTime) -> io::Result<Vec<Kept>> {
        let mut shows = Vec::new();
        let mut known = BTreeMap::new();
        for (stream, session) in self.shelf.shows()? {
            let directory = self.shelf.show(&stream, session);
            let known_bytes = self.known.get(&directory).copied();
            let may_go = known_bytes.is_some()
                || (is_settled(&self.shelf, &stream, session, now)?
                    && (!self.films || film::is_settled(&directory))
                    && (!self.uploads || directory.join(UPLOADED).exists()));
            let bytes = match known_bytes {
                Some(bytes) => bytes,
                None => bytes_below(&directory)?,
            };
            let written = edition(&directory)?.written();
            let age = written.and_then(|written| now.duration_since(written).ok());
            if may_go {
                known.insert(directory, bytes);
            }
            shows.push(Kept {
                stream,
                session,
                bytes,
                age: age.unwrap_or_default(),
                may_go,
            });
        }
        self.known = known;
        Ok(shows)
    }
}

/// What a show's files take. Its directories have no others in them.
fn bytes_below(show: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(show)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() {
            let files = std::fs::read_dir(entry.path())?;
            let lengths = files.map(|file| Ok(file?.metadata()?.len()));
            lengths.sum::<io::Result<u64>>()?
        } else {
            about.len()
        };
    }
    Ok(bytes)
}
