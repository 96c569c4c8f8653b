//! Whole dialogues: two sessions, one clock, no socket.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it waits for"
)]

#[cfg(test)]
mod client;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod handover;
#[cfg(test)]
mod pair;
#[cfg(test)]
mod rml;
#[cfg(test)]
mod server;
