//! Mux: the RTMP entrance of Footlight.
//!
//! Publishers come in, one timeline and one segment clock per stream goes out to transcoders and players. The pure
//! files decide (keys, election, timeline, ring, cursors); the shells own sockets, clocks and the disk.

mod cursor;
mod election;
mod headers;
mod key;
mod media;
mod rate;
mod ring;
mod stream;
mod timeline;
