//! The fuzzer's corpora, replayed.

use rtmp::fuzzing;

#[path = "../../../fuzz/replay.rs"]
mod replay;

use replay::replay;

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
