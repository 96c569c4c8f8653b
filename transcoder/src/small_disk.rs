//! For the tests: a real disk of some pages, which can be full to the last.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::statvfs::statvfs,
};

/// A tmpfs that this thread and those it starts see, and nobody else.
pub(crate) struct SmallDisk(PathBuf);

const PAGE: u64 = 4096;

impl SmallDisk {
    /// `None` where mounting is not allowed, and says so.
    pub(crate) fn mount(name: &str, pages: u64) -> Option<Self> {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNS) {
            eprintln!("NOT TESTED: no disk can be mounted here ({error}); run the tests as root");
            return None;
        }
        let path = std::env::temp_dir().join(format!("footlight-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        run(Command::new("mount").args(["--make-rprivate", "/"]));
        let size = format!("size={}", pages * PAGE);
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(&path));
        Some(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Somebody else fills it but for so many pages.
    pub(crate) fn fill(&self, but: u64) {
        self.clear();
        let free = statvfs(&self.0).unwrap().blocks_available();
        let bytes = free.saturating_sub(but) * PAGE;
        fs::write(self.ballast(), vec![1; bytes.try_into().unwrap()]).unwrap();
    }

    /// And goes again.
    pub(crate) fn clear(&self) {
        fs::remove_file(self.ballast()).ok();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("--lazy").arg(&self.0));
        fs::remove_dir(&self.0).unwrap();
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
