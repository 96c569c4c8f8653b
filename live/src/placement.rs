//! [pure] Rendezvous placement: which box serves which stream, agreed on by all daemons without talking.
//!
//! Highest random weight: each member draws numbers from SHA-256 of (stream, member name, draw); the members sorted by
//! their best draw are the stream's ranks. The ranks depend on names and weights alone, never on the list's order, and
//! the loss of a member moves only what it had. The golden vectors in the tests are frozen: boxes of two releases must
//! agree in the middle of an upgrade.

use sha2::{Digest, Sha256};

use crate::{StreamName, StreamNameError};

/// Most members in one list; a lookup draws at most `MAX_MEMBERS × MAX_WEIGHT` numbers.
pub const MAX_MEMBERS: usize = 100;
/// Heaviest weight.
pub const MAX_WEIGHT: u16 = 100;

/// A box that streams can be placed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    name: StreamName,
    weight: u16,
}

/// Why there is no such member. The operator's fault: the configuration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// The name does not have the alphabet of stream names, which boxes share.
    #[error("a box's name follows the rule of stream names: {0}")]
    Name(#[from] StreamNameError),
    /// The weight is not from 1 to [`MAX_WEIGHT`].
    #[error("a weight is a whole number from 1 to {MAX_WEIGHT}")]
    Weight,
}

impl Member {
    /// A member called `name` with `weight` from 1 to [`MAX_WEIGHT`]: one of weight 2 gets twice the streams of one of
    /// weight 1.
    pub fn new(name: &str, weight: u16) -> Result<Self, MemberError> {
        let name = name.parse()?;
        if (1..=MAX_WEIGHT).contains(&weight) {
            Ok(Self { name, weight })
        } else {
            Err(MemberError::Weight)
        }
    }

    /// The box's name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Best of `weight` draws. Drawing more often wins in exact proportion, without a logarithm whose last digit could
    /// differ between two builds; and a raised weight only ever adds streams to its member.
    fn score(&self, stream: &StreamName) -> u64 {
        (0..self.weight)
            .map(|draw| draw_number(stream.as_str(), self.name(), draw))
            .max()
            .unwrap_or_default()
    }
}

/// Indices into `members`, best first: rank 1 is the first. Names are expected to be unique; equal scores, which no two
/// names are known to have, fall back on the name.
pub fn ranks(stream: &StreamName, members: &[Member]) -> Vec<usize> {
    let mut scored: Vec<_> = members
        .iter()
        .map(|m| (std::cmp::Reverse(m.score(stream)), m.name()))
        .enumerate()
        .collect();
    scored.sort_by_key(|&(_, key)| key);
    scored.into_iter().map(|(index, _)| index).collect()
}

/// The first eight bytes of SHA-256 over `stream 0x00 member 0x00 draw`, big endian.
fn draw_number(stream: &str, member: &str, draw: u16) -> u64 {
    let digest = Sha256::new()
        .chain_update(stream)
        .chain_update([0])
        .chain_update(member)
        .chain_update([0])
        .chain_update(draw.to_be_bytes())
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
