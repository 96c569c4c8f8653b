//! [pure] A session's state as bytes, for the process that takes its connection over.
//!
//! `FLRT`, version, kind, length, then postcard. What is of another version, another kind or another length
//! is not read at all: the connection is then dropped, and the peer comes again.

use serde::Serialize;
use serde::de::DeserializeOwned;

const MAGIC: [u8; 4] = *b"FLRT";
/// Goes up with every change of any type that is part of a session.
const VERSION: u8 = 2;
const HEADER: usize = 10;

/// Which session it is.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    Server = 1,
    Client = 2,
}

pub(crate) fn save(kind: Kind, state: &impl Serialize) -> Vec<u8> {
    // Writing plain data into memory does not fail; if it did, nothing could be restored from it.
    let body = postcard::to_allocvec(state).unwrap_or_default();
    let mut saved = header(kind, body.len()).to_vec();
    saved.extend(body);
    saved
}

pub(crate) fn restore<T: DeserializeOwned>(kind: Kind, saved: &[u8]) -> Option<T> {
    let (found, body) = saved.split_first_chunk::<HEADER>()?;
    if *found != header(kind, body.len()) {
        return None;
    }
    let (state, rest) = postcard::take_from_bytes(body).ok()?;
    rest.is_empty().then_some(state)
}

fn header(kind: Kind, length: usize) -> [u8; HEADER] {
    let [m0, m1, m2, m3] = MAGIC;
    let [l0, l1, l2, l3] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [m0, m1, m2, m3, VERSION, kind as u8, l0, l1, l2, l3]
}
