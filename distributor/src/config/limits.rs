//! [pure] `[limits]`: what the box may send in all, and what one address may take of it.

use live::daemon::config::{AddressRange, BitRate, ByteSize, Problems};
use serde::{Deserialize, Serialize};

use crate::address::Rates;

/// What may be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Bits per second that the box's line carries: 1M to 1000000M. Default: none, and nobody is refused for want of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<BitRate>,
    /// Connections at once from one address: 1 to 50000. Default 200.
    pub connections: u32,
    /// New connections per second from one address: 1 to 50000. Default 60.
    pub new_connections: u32,
    /// Requests per second from one address: 1 to 1000000. Default 2400.
    pub requests: u32,
    /// Up to 100 ranges of addresses that the three above are not for. Default: this machine.
    pub exempt: Vec<String>,
    /// Memory for requests that wait: 1MiB to 1024GiB. Default `1GiB`.
    pub parked: ByteSize,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            egress: None,
            connections: 200,
            new_connections: 60,
            requests: 2_400,
            exempt: ["127.0.0.0/8", "::1"].map(str::to_owned).to_vec(),
            parked: ByteSize::from_mib(1 << 10),
        }
    }
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bits per second.
    pub(crate) egress: Option<u64>,
    pub(crate) rates: Rates,
    pub(crate) exempt: Vec<AddressRange>,
    /// Bytes.
    pub(crate) parked: u64,
}

/// Most ranges of addresses; a longer list is meant to be "all".
const EXEMPT_MAX: usize = 100;
/// Least of a line: one picture of the poorest quality.
const EGRESS_LEAST: BitRate = BitRate::from_kilobits(1_000);
/// More than any box has.
const EGRESS_MOST: BitRate = BitRate::from_kilobits(1_000_000_000);
const PARKED_LEAST: ByteSize = ByteSize::from_mib(1);
const PARKED_MOST: ByteSize = ByteSize::from_mib(1 << 20);

impl LimitsSection {
    /// Notes all that is wrong.
    pub(crate) fn resolve(&self, problems: &mut Problems<'_>) -> Limits {
        if let Some(egress) = self.egress {
            problems.within("limits.egress", egress, EGRESS_LEAST..=EGRESS_MOST);
        }
        problems.within("limits.connections", self.connections, 1..=50_000);
        problems.within("limits.new_connections", self.new_connections, 1..=50_000);
        problems.within("limits.requests", self.requests, 1..=1_000_000);
        problems.within("limits.parked", self.parked, PARKED_LEAST..=PARKED_MOST);
        if self.exempt.len() > EXEMPT_MAX {
            problems.refuse(
                "limits.exempt",
                format_args!("at most {EXEMPT_MAX} ranges; \"0.0.0.0/0\" and \"::/0\" are all"),
            );
        }
        let range = |(index, text): (usize, &String)| {
            problems.parse(format!("limits.exempt[{index}]"), text)
        };
        let exempt = self.exempt.iter().enumerate().filter_map(range).collect();
        Limits {
            egress: self.egress.map(BitRate::get),
            rates: Rates {
                connections: self.connections,
                new_connections: self.new_connections,
                requests: self.requests,
            },
            exempt,
            parked: self.parked.get(),
        }
    }
}
