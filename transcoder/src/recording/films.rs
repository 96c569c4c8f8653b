//! Makes the files of shows that are over: one at a time, in the background, resting as long as it worked.
//!
//! What is to be made is seen on the disk, so a crash or a restart loses nothing but the unfinished file.
#![expect(
    clippy::disallowed_methods,
    reason = "how long it rests is how long it worked"
)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use live::daemon::Shutdown;
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep},
};
use tracing::{info, warn};

use super::{
    figures::Figures,
    film::{self, Film, FilmError},
    shelf::Shelf,
    state::{edition, is_over},
};

/// After a start, and from time to time: a show that a restart cut off has gone on by then if it ever does.
const TURN: Duration = Duration::from_secs(60);
/// Longest rest between two segments.
const REST: Duration = Duration::from_secs(2);

/// Makes films.
#[derive(Debug)]
pub(super) struct Films {
    pub(super) shelf: Shelf,
    /// Bytes that stay free.
    pub(super) stop_at_free: u64,
    pub(super) figures: Arc<Figures>,
    /// A show is over.
    pub(super) over: Arc<Notify>,
    /// A film is made.
    pub(super) made: Arc<Notify>,
}

impl Films {
    /// Until the shutdown.
    pub(super) async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = self.work() => {}
            () = shutdown.triggered() => {}
        }
    }

    async fn work(&self) {
        loop {
            tokio::select! {
                () = self.over.notified() => {}
                () = sleep(TURN) => {}
            }
            let mut tried = BTreeSet::new();
            while let Some(directory) = self.next(&tried).await {
                let show = directory.display();
                match self.make(&directory).await {
                    Ok(bytes) => {
                        info!(%show, bytes, "the show is in one file");
                        self.figures.films.inc();
                    }
                    Err(error) => {
                        warn!(%show, %error, "no show.mp4 is made; the show plays all the same");
                        self.figures.failures.inc();
                        self.give_up(&directory, error).await;
                    }
                }
                tried.insert(directory);
            }
            self.made.notify_one();
        }
    }

    /// Unless there is but no room: what is damaged stays so.
    async fn give_up(&self, directory: &Path, error: FilmError) {
        if matches!(error, FilmError::Full) {
            return;
        }
        let directory = directory.to_owned();
        let told = blocking(move || Ok(film::give_up(&directory, &error)?)).await;
        if let Err(error) = told {
            warn!(%error, "a recording's directory cannot be written");
        }
    }

    async fn next(&self, tried: &BTreeSet<PathBuf>) -> Option<PathBuf> {
        let (shelf, tried) = (self.shelf.clone(), tried.clone());
        let find = move || {
            let shows = shelf.shows().unwrap_or_default().into_iter();
            let mut shows = shows.map(|(stream, session)| shelf.show(&stream, session));
            shows.find(|show| !tried.contains(show) && lacks_film(show))
        };
        spawn_blocking(find).await.ok().flatten()
    }

    async fn make(&self, directory: &Path) -> Result<u64, FilmError> {
        let own = directory.to_owned();
        let begin = move || Ok((edition(&own)?, Film::begin(&own)?));
        let (told, mut film) = blocking(begin).await?;
        loop {
            let (shelf, stop_at_free) = (self.shelf.clone(), self.stop_at_free);
            let started = Instant::now();
            let step = move || {
                if shelf.free()? < stop_at_free {
                    return Err(FilmError::Full);
                }
                Ok((film.step()?, film))
            };
            let (more, again) = blocking(step).await?;
            film = again;
            if !more {
                break;
            }
            sleep(started.elapsed().min(REST)).await;
        }
        let (own, shelf) = (directory.to_owned(), self.shelf.clone());
        blocking(move || {
            let _hand = shelf.hand();
            film.finish(is_over(&own)? && edition(&own)? == told)
        })
        .await
    }
}

/// Whether a show is over and has no file yet.
fn lacks_film(directory: &Path) -> bool {
    !film::is_settled(directory) && is_over(directory).unwrap_or(false)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilmError> + Send + 'static,
) -> Result<T, FilmError> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(FilmError::Disk(panic.into())))
}
