//! The harness: one box with all three daemons, an encoder that publishes to it and a viewer that watches.
//!
//! `make run` (the program `onebox`) and the end-to-end tests stand on the same code. The daemons are the real
//! binaries, found beside the program that runs; nothing is left behind when a [`Stage`] is dropped.

mod admin;
mod authority;
mod browser;
mod camera;
mod clip;
mod configuration;
mod daemon;
mod encoder;
mod entrance;
mod event_stream;
pub mod fmp4;
pub mod frames;
mod lint;
mod neighbours;
pub mod packets;
mod peer;
mod platform;
mod ports;
mod probe;
mod recording;
mod run_directory;
pub mod schema;
mod service;
mod stage;
mod viewer;

pub use admin::{Admin, http, http_get};
pub use authority::Authority;
pub use browser::Browser;
pub use camera::Camera;
pub use clip::{Clip, Picture};
pub use configuration::{Plan, STAGE, Stream};
pub use daemon::{Daemon, Program, program};
pub use encoder::{Encoder, enhanced_ffmpeg, quiet_ffmpeg};
pub use entrance::Entrance;
pub use event_stream::{Event, EventStream};
pub use neighbours::Neighbours;
pub use peer::Peer;
pub use platform::Platform;
pub use ports::Ports;
pub use probe::{Probed, decode, frame_times};
pub use recording::Recording;
pub use run_directory::RunDirectory;
pub use service::Service;
pub use stage::Stage;
pub use viewer::{Answer, Viewer, secure};
