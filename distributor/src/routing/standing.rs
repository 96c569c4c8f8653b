//! What an operator is told of the distributors.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};

use super::Routing;
use crate::now;

impl Routing {
    /// For `/status`, and the answer to an order.
    pub(crate) fn report(&self) -> Value {
        let (peers, now) = (self.peers(), now());
        let distributors = self.peering.distributors.iter().enumerate();
        let distributors: Vec<Value> = distributors
            .map(|(index, one)| {
                let (state, heard) = peers.state(index).unwrap_or_default();
                let stands = match (index == self.peering.own, peers.is_up(index)) {
                    (true, _) => "here",
                    (false, true) => "up",
                    (false, false) => "down",
                };
                let age = heard.map(|heard| now.saturating_duration_since(heard).as_secs());
                json!({
                    "name": one.member.name(),
                    "address": one.authority,
                    "url": one.url,
                    "state": stands,
                    "load_permille": state.load(),
                    "connections": state.connections,
                    "egress_bits": state.egress,
                    "level": state.level.name(),
                    "drained": state.drained,
                    "heard_seconds_ago": age,
                })
            })
            .collect();
        json!({ "drained": self.drained.load(Relaxed), "distributors": distributors })
    }

    /// What should not last: a box that is not there, and viewers who are sent away.
    pub(super) fn concern(&self) -> Option<String> {
        let away: Vec<&str> = {
            let peers = self.peers();
            let all = self.peering.distributors.iter().enumerate();
            let away = all.filter(|(index, _)| !peers.is_up(*index));
            away.map(|(_, one)| one.member.name()).collect()
        };
        let told = (!away.is_empty()).then(|| {
            let away = away.join(", ");
            format!(
                "of the distributors that [peer] lists, this box does not use {away}: see its log"
            )
        });
        let drained = self.drained.load(Relaxed).then(|| {
            "viewers are sent away from here until footlight-distributor order undrain".to_owned()
        });
        let both: Vec<String> = told.into_iter().chain(drained).collect();
        (!both.is_empty()).then(|| both.join("; "))
    }
}
