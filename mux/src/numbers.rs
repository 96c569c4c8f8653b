//! Keeps each stream's last numbers in the state directory, so that a restart goes on after them.
//!
//! One small file a stream, replaced whole (written aside, synced, renamed): whatever happens, there is an old number
//! or a new one. It is written off the event loop; while one write is under way newer numbers replace each other, so
//! nothing queues. A disk that is full is told once, and the show goes on: the first number of a session is never
//! below the clock.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use live::{Dsn, Msn, StreamName, cutter::LastNumbers, daemon::Shutdown};
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, task::spawn_blocking};
use tracing::{error, info, warn};

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Kept {
    msn: u64,
    dsn: u64,
}

/// One stream's file.
#[derive(Debug, Clone)]
pub(crate) struct NumbersFile(PathBuf);

impl NumbersFile {
    /// The file of `stream`. The name is a plain file name by its grammar.
    pub(crate) fn new(directory: &Path, stream: &StreamName) -> Self {
        Self(directory.join(format!("{stream}.json")))
    }

    /// What was kept; nothing at the first start. A damaged file is told and counts as none.
    pub(crate) fn load(&self) -> Option<LastNumbers> {
        let kept = fs::read(&self.0).and_then(|bytes| Ok(serde_json::from_slice::<Kept>(&bytes)?));
        match kept {
            Ok(kept) => Some(LastNumbers {
                msn: Msn(kept.msn),
                dsn: Dsn(kept.dsn),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                warn!(file = %self.0.display(), %error, "the last sequence number cannot be read; numbers go on from the clock");
                None
            }
        }
    }

    /// Replaces the file.
    fn save(&self, numbers: LastNumbers) -> io::Result<()> {
        let kept = Kept {
            msn: numbers.msn.0,
            dsn: numbers.dsn.0,
        };
        let aside = self.0.with_extension("new");
        let mut file = fs::File::create(&aside)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.sync_data()?;
        fs::rename(&aside, &self.0)
    }

    /// Writes every number that comes until the shutdown, the last one included.
    pub(crate) async fn keep(
        self,
        mut numbers: watch::Receiver<Option<LastNumbers>>,
        shutdown: Shutdown,
    ) {
        let mut failing = false;
        loop {
            let stop = tokio::select! {
                changed = numbers.changed() => changed.is_err(),
                () = shutdown.triggered() => true,
            };
            let newest = *numbers.borrow_and_update();
            if let Some(newest) = newest {
                let file = self.clone();
                let saved = spawn_blocking(move || file.save(newest)).await;
                self.tell(
                    &mut failing,
                    saved.unwrap_or_else(|error| Err(error.into())),
                );
            }
            if stop {
                return;
            }
        }
    }

    fn tell(&self, failing: &mut bool, saved: io::Result<()>) {
        let was_failing = std::mem::replace(failing, saved.is_err());
        match saved {
            Err(error) if !was_failing => {
                error!(file = %self.0.display(), %error, "sequence numbers cannot be kept: make room, or give mux the right to write there; the show goes on");
            }
            Ok(()) if was_failing => {
                info!(file = %self.0.display(), "sequence numbers are kept again")
            }
            Ok(()) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: LastNumbers = LastNumbers {
        msn: Msn(1_795_000_000),
        dsn: Dsn(3),
    };

    fn file(name: &str) -> (PathBuf, NumbersFile) {
        let directory =
            std::env::temp_dir().join(format!("footlight-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let stage: StreamName = "stage".parse().unwrap();
        let file = NumbersFile::new(&directory, &stage);
        (directory, file)
    }

    #[test]
    fn what_was_kept_is_read_back_and_damage_counts_as_nothing() {
        let (directory, file) = file("numbers-kept");
        file.save(NUMBERS).unwrap();
        assert_eq!(file.load(), Some(NUMBERS));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::write(&file.0, b"{\"msn\":17").unwrap();
        assert_eq!(file.load(), None);
        fs::remove_dir_all(directory).unwrap();
        assert_eq!(file.load(), None);
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_an_error_and_no_more() {
        let file = NumbersFile(PathBuf::from("/proc/no/stage.json"));
        assert!(file.save(NUMBERS).is_err());
        assert_eq!(file.load(), None);
    }

    #[tokio::test]
    async fn the_last_number_is_written_before_the_keeper_ends() {
        let (directory, file) = file("numbers-last");
        let numbers = watch::Sender::new(None);
        let shutdown = Shutdown::default();
        let keeper = tokio::spawn(file.clone().keep(numbers.subscribe(), shutdown.clone()));
        numbers.send_replace(Some(NUMBERS));
        shutdown.trigger();
        keeper.await.unwrap();
        assert_eq!(file.load(), Some(NUMBERS));
        fs::remove_dir_all(directory).unwrap();
    }
}
