//! The fuzzer's corpora, replayed.

use std::fs;
use std::path::Path;

use rtmp::fuzzing;

#[track_caller]
fn replay(target: &str, run: fn(&[u8])) {
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

#[test]
fn reader() {
    replay("reader", fuzzing::reader);
}

#[test]
fn amf0() {
    replay("amf0", fuzzing::amf0);
}

#[test]
fn flv() {
    replay("flv", fuzzing::flv);
}

#[test]
fn server() {
    replay("server", fuzzing::server);
}
