//! Mux: the RTMP entrance of Footlight.
//!
//! Publishers come in; one timeline and one segment clock per stream goes out to transcoders and players. The pure
//! files decide (`key`, `election`, `timeline`, `headers`, `ring`, `cursor`, tied together in `stream`); the shells
//! (`connection`, `output`, `wire`, `streams`) own sockets and locks, `clock` the time, `numbers` the disk.

mod admission;
mod announcement;
mod backoff;
mod budget;
mod clock;
mod config;
mod connection;
mod consumer;
mod control;
mod cursor;
mod daemon;
mod dial;
mod doctor;
mod election;
mod events;
mod guess;
mod handover;
mod headers;
mod health;
mod hooks;
mod key;
mod key_store;
mod keyring;
mod keys_command;
mod link;
mod media;
mod metadata;
mod metrics;
mod notices;
mod numbers;
mod order_command;
mod outbox;
mod output;
mod pace;
mod proxy;
mod push;
mod random;
mod rate;
mod request;
mod ring;
mod rows;
mod seat;
mod socket;
mod status;
mod stream;
mod streams;
mod tape;
mod timeline;
mod transport;
mod view;
mod wake;
mod warm;
mod wire;

pub use config::{Config, Raw};
pub use daemon::Mux;
