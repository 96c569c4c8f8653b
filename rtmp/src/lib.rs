//! RTMP as Footlight speaks it: a bounded reader, pure server and client sessions, a media writer that never copies.
//!
//! Nothing here owns a socket, a clock or a thread: bytes and `now` go in, actions come out.
//! `now` is a `Duration` since one system-wide monotonic epoch (CLOCK_MONOTONIC), so that a
//! session's state means the same in the process that takes it over.
//! `rml_rtmp` does the handshake and the encoding of protocol control messages; no hostile byte
//! past the handshake ever reaches it, and it serves the tests as an oracle.

pub mod amf0;
pub mod client;
mod close;
mod command;
mod connection;
pub mod flv;
pub mod fuzzing;
mod handshake;
pub mod login;
mod message;
pub mod reader;
mod saved;
mod secret;
pub mod server;
pub mod writer;

pub use close::{CloseReason, Fault, MAX_WORDS};
pub use message::{Message, MessageKind, SET_DATA_FRAME};
pub use secret::Secret;
