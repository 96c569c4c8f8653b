//! Mux as its peers find it: real sockets on free ports, a real ffmpeg, and no clock but the peers' own.

#![expect(clippy::unwrap_used, reason = "the means of a test fail by panicking")]

mod broken;
mod ffmpeg;
mod hooks;
mod keys;
mod peer;
mod players;
mod pushes;
mod running;
mod takeover;
mod transcoders;
