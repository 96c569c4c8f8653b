//! The memory of all connections: one file without a name, one slot a connection, mapped as they come and go.
#![expect(
    unsafe_code,
    reason = "memory is mapped from a file: that is what outlives the process"
)]

use std::{
    fs::File,
    io,
    ops::Range,
    os::{fd::OwnedFd, unix::fs::FileExt},
    sync::Arc,
};

use memmap2::{MmapMut, MmapOptions};
use nix::{
    fcntl::{FallocateFlags, fallocate},
    sys::memfd::{MFdFlags, memfd_create},
};

use super::slot::{JOURNALS, LARGE, LAYOUT, PAGE, SLOT};

/// Opens every file of ours; what follows is the format of what is in it.
const MAGIC: &[u8; 8] = b"FLHOVER\0";

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Region(Arc<File>);

impl Region {
    /// An empty one.
    pub(super) fn create() -> io::Result<Self> {
        let file = create("footlight connections", LAYOUT)?;
        Ok(Self(Arc::new(file)))
    }

    /// The one that a process of the same format left; nothing if it is of another.
    pub(super) fn adopt(descriptor: OwnedFd) -> Option<Self> {
        adopt(descriptor, LAYOUT).map(|file| Self(Arc::new(file)))
    }

    /// For systemd.
    pub(super) fn file(&self) -> &File {
        &self.0
    }

    /// Maps a slot twice, for what comes and for what goes.
    pub(super) fn map_both(&self, slot: u32) -> io::Result<(MmapMut, MmapMut)> {
        let reading = self.map(slot, 0..LARGE[1].end)?;
        Ok((reading, self.map(slot, 0..JOURNALS.start)?))
    }

    /// Maps the part `range` of a slot.
    fn map(&self, slot: u32, range: Range<usize>) -> io::Result<MmapMut> {
        let start = Self::start(slot);
        let end = start + SLOT;
        if self.0.metadata()?.len() < end {
            self.0.set_len(end)?;
        }
        let offset = start + u64::try_from(range.start).unwrap_or(u64::MAX);
        // SAFETY: the file is ours alone (no other process runs while we do) and never shrinks; each part of a slot is
        // mapped by one owner, and a slot is given out again only when all its owners are gone.
        unsafe {
            MmapOptions::new()
                .offset(offset)
                .len(range.len())
                .map_mut(&*self.0)
        }
    }

    /// Gives a slot's memory back: it reads as zeros afterwards.
    pub(super) fn free(&self, slot: u32) -> io::Result<()> {
        give_back(&self.0, Self::start(slot)..Self::start(slot) + SLOT)
    }

    const fn start(slot: u32) -> u64 {
        PAGE + slot as u64 * SLOT
    }
}

/// A file in memory with our head and the number of its format.
pub(super) fn create(name: &str, format: u64) -> io::Result<File> {
    let file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    file.write_all_at(&head(format), 0)?;
    Ok(file)
}

/// The file, if it begins with our head and the number of its format.
pub(super) fn adopt(descriptor: OwnedFd, format: u64) -> Option<File> {
    let file = File::from(descriptor);
    let mut found = [0; 16];
    file.read_exact_at(&mut found, 0).ok()?;
    (found == head(format)).then_some(file)
}

/// Gives the memory of part of a file back.
pub(super) fn give_back(file: &File, range: Range<u64>) -> io::Result<()> {
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    let [start, length] = [range.start, range.end.saturating_sub(range.start)]
        .map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    Ok(fallocate(file, flags, start, length)?)
}

fn head(format: u64) -> [u8; 16] {
    let mut head = [0; 16];
    let (magic, number) = head.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    number.copy_from_slice(&format.to_le_bytes());
    head
}
