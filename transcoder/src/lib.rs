//! The transcoder: takes mux's feed of a stream, makes its renditions, and serves them to the distributors.
//!
//! The pure rooms decide (what a part is, when a playlist answers); the shell owns sockets, clocks and processes.
//! The daemon itself loads no media framework: the encoder is a child process (`worker`).

pub mod admission;
pub mod archive;
pub mod blocking;
pub mod boundary;
pub mod codec;
pub mod config;
pub mod cue;
mod daemon;
mod doctor;
pub mod encoder;
pub mod exam;
pub mod fault;
pub mod feed;
pub mod fmp4;
pub mod ingest;
pub mod ladder;
pub mod lint;
pub mod metrics;
pub mod multivariant;
pub mod origin;
pub mod part;
pub mod pictures;
mod probe_command;
pub mod recording;
pub mod sample;
#[cfg(test)]
mod show;
pub mod slate;
#[cfg(test)]
mod small_disk;
pub mod store;
pub mod stream;
pub mod track;
mod view;
pub mod window;
pub mod wire_time;
pub mod worker;

pub use daemon::Transcoder;
