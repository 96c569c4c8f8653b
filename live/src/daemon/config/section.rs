//! [pure] The sections that every daemon's configuration has.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Listen, Problems, Timespan};
use crate::daemon::telemetry::Level;

/// `[admin]`: the daemon's own listener for probes, metrics and status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminSection {
    /// Where; loopback or a private address, since nothing asks who is there.
    pub listen: Listen,
    /// Names that the listener is asked by, beside IP addresses and localhost; an order by another name is refused.
    /// Up to 16. Default none.
    #[serde(default)]
    pub names: Vec<String>,
}

impl AdminSection {
    const NAMES_MAX: usize = 16;

    /// The default of a daemon whose admin port is `port`: loopback only.
    pub fn on_port(port: u16) -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            listen: Listen::one(loopback),
            names: Vec::new(),
        }
    }

    fn check(&self, problems: &mut Problems<'_>) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
        let good = |name: &String| (1..=253).contains(&name.len()) && name.bytes().all(plain);
        if self.names.len() > Self::NAMES_MAX || !self.names.iter().all(good) {
            problems.refuse(
                "admin.names",
                format_args!(
                    "give up to {} host names without port, such as \"mux.venue.lan\"",
                    Self::NAMES_MAX
                ),
            );
        }
    }
}

/// `[log]`: how much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// `error`, `warn`, `info`, `debug` or `trace`. Default `info`.
    pub level: Level,
}

/// `[drain]`: how a stop is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrainSection {
    /// How long what is under way may take to end after a stop was asked for: 0s to 10m. Default `10s`.
    pub deadline: Timespan,
}

impl DrainSection {
    const DEADLINE_MAX: Timespan = Timespan::from_secs(600);
}

impl Default for DrainSection {
    fn default() -> Self {
        Self {
            deadline: Timespan::from_secs(10),
        }
    }
}

/// The three sections, resolved: what the chassis itself is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(crate) admin: AdminSection,
    pub(crate) level: Level,
    pub(crate) drain: Duration,
}

impl Settings {
    /// From a daemon's `[admin]`, `[log]` and `[drain]`.
    pub fn resolve(
        admin: &AdminSection,
        log: &LogSection,
        drain: &DrainSection,
        problems: &mut Problems<'_>,
    ) -> Self {
        admin.check(problems);
        let least = Timespan::from_millis(0);
        problems.within(
            "drain.deadline",
            drain.deadline,
            least..=DrainSection::DEADLINE_MAX,
        );
        Self {
            admin: admin.clone(),
            level: log.level,
            drain: drain.deadline.get(),
        }
    }

    /// What is otherwise in `newer` and wants a restart.
    pub(crate) fn changed_for_good(&self, newer: &Self) -> Vec<&'static str> {
        let all = [
            ("[admin]", self.admin != newer.admin),
            ("[drain]", self.drain != newer.drain),
        ];
        let changed = all.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(name, _)| name).collect()
    }
}
