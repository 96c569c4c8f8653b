//! The transcoder: takes mux's feed of a stream, makes its renditions, and serves them to the distributors.
//!
//! The pure rooms decide (what a part is, when a playlist answers); the shell owns sockets, clocks and processes.
//! The daemon itself loads no media framework: the encoder is a child process (`worker`).

pub mod sample;
pub mod worker;
