//! [pure] A publisher in its stream, and what can be read of all of them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Stream;
use crate::{
    election::{PublisherId, Standing},
    headers::Headers,
    health::Health,
    key::PublishRole,
    warm::Warm,
};

/// One connection that publishes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Publisher {
    /// Its number.
    pub(crate) id: PublisherId,
    /// What it has configured.
    pub(crate) headers: Headers,
    /// Not saved: it is there again with the next keyframe. A stand-in that is needed before that waits for it, and the
    /// stream is held meanwhile if that takes longer than a hold waits.
    #[serde(skip)]
    pub(super) warm: Warm,
    /// Messages of it that were taken in, in its connection's order.
    pub(super) applied: u64,
    /// It was told that its keyframes are overdue.
    pub(super) told_overdue: bool,
    /// Who it is.
    pub(crate) who: Option<Who>,
    /// How well it sends.
    pub(crate) health: Health,
}

/// Who a publisher is, for status alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Who {
    /// What it calls its program, plain characters.
    pub(crate) software: String,
    /// Where it connects from.
    pub(crate) address: SocketAddr,
    /// When it came, Unix milliseconds.
    pub(crate) since_ms: u64,
}

impl Stream {
    /// The set of the publisher on the air, or of the last one.
    pub(crate) fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The publisher on the air.
    pub(crate) const fn on_air(&self) -> Option<PublisherId> {
        self.election.on_air()
    }

    /// What a publisher's key is for.
    pub(crate) fn role_of(&self, id: PublisherId) -> Option<PublishRole> {
        self.election.role(id)
    }

    /// Every publisher, in order of arrival: its role, and whether it is on the air, else why not.
    pub(crate) fn standings(
        &self,
        now: u64,
    ) -> impl Iterator<Item = (PublisherId, PublishRole, Standing)> {
        self.election.standings(now)
    }

    /// Whether an operator put the stream on hold.
    pub(crate) const fn is_suspended(&self) -> bool {
        self.election.is_suspended()
    }

    /// Bytes kept of publishers that stand by.
    pub(crate) fn warm_bytes(&self) -> usize {
        self.publishers.iter().map(|p| p.warm.bytes()).sum()
    }

    /// How many publishers are connected.
    pub(crate) fn publishers(&self) -> usize {
        self.election.len()
    }

    /// Says who a publisher is that has joined.
    pub(crate) fn introduce(&mut self, id: PublisherId, who: Who) {
        if let Some(publisher) = self.publishers.iter_mut().find(|p| p.id == id) {
            publisher.who = Some(who);
        }
    }

    /// All that are connected, in order of arrival.
    pub(crate) fn connected(&self) -> &[Publisher] {
        &self.publishers
    }
}
