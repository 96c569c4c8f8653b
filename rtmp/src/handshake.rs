//! [pure] The handshake, by rml_rtmp, each side in one go: what is kept between two bytes is bytes.
//!
//! Both sides' C1 and S1 carry a digest, and so does the answer to a peer that sent one. Neither side's
//! last packet is looked at, as the peers in the field do not agree on what belongs there.

use bytes::Bytes;
use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};

/// C1, S1, C2, S2.
pub(crate) const PACKET: usize = 1536;
/// C0 and C1, or S0 and S1.
pub(crate) const OPENING: usize = PACKET + 1;
/// The only version there is.
pub(crate) const VERSION: u8 = 3;

/// C0 and C1.
pub(crate) fn client_opening() -> Option<Bytes> {
    Handshake::new(PeerType::Client)
        .generate_outbound_p0_and_p1()
        .ok()
        .map(Bytes::from)
}

/// S0, S1 and S2 in answer to C0 and C1.
pub(crate) fn server_answer(opening: &[u8]) -> Option<Bytes> {
    answer(PeerType::Server, opening)
}

/// C2 in answer to S0 and S1: it depends on those alone, so a fresh handshake makes it, and the opening
/// that this one makes before is dropped.
pub(crate) fn client_answer(opening: &[u8]) -> Option<Bytes> {
    answer(PeerType::Client, opening)
        .filter(|all| all.len() > OPENING)
        .map(|all| all.slice(OPENING..))
}

fn answer(side: PeerType, opening: &[u8]) -> Option<Bytes> {
    match Handshake::new(side).process_bytes(opening) {
        Ok(HandshakeProcessResult::InProgress { response_bytes }) => Some(response_bytes.into()),
        Ok(HandshakeProcessResult::Completed { .. }) | Err(_) => None,
    }
}
