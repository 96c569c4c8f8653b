//! Replays a target's corpus in an ordinary test, so that no target rots and no find comes back. The crates that own
//! the targets' bodies share this file by its path: they lie one folder below the root, as `fuzz` does.

use std::{fs, path::Path};

/// Runs every seed of `target`.
#[track_caller]
pub(crate) fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut seeds = 0;
    for seed in fs::read_dir(&corpus).unwrap() {
        run(&fs::read(seed.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds >= 5, "{target} has {seeds} seeds");
}
