//! [pure] `[rtmp]`: where publishers and players come in.

use live::daemon::config::{AddressRange, Listen, Problems};
use serde::{Deserialize, Serialize};

/// Most ranges of proxies.
const MAX_PROXIES: usize = 100;

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRtmp {
    pub(super) listen: Listen,
    pub(super) app: String,
    pub(super) login_app: String,
    pub(super) connections: u32,
    pub(super) proxy_from: Vec<String>,
}

impl Default for RawRtmp {
    fn default() -> Self {
        Self {
            listen: Listen::one((std::net::Ipv6Addr::UNSPECIFIED, 1935).into()),
            app: "live".to_owned(),
            login_app: "login".to_owned(),
            connections: 2_000,
            proxy_from: Vec::new(),
        }
    }
}

impl RawRtmp {
    /// Notes what is wrong; answers with who speaks for others.
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Vec<AddressRange> {
        problems.within("rtmp.connections", self.connections, 1..=100_000);
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        for (key, app) in [("rtmp.app", &self.app), ("rtmp.login_app", &self.login_app)] {
            if !(1..=64).contains(&app.len()) || !app.bytes().all(plain) {
                problems.refuse(key, "use 1 to 64 letters, digits, '-', '_' and '.'");
            }
        }
        if self.app == self.login_app {
            problems.refuse(
                "rtmp.login_app",
                "is the same as rtmp.app; give it another name",
            );
        }
        let given = &self.proxy_from;
        if given.len() > MAX_PROXIES {
            problems.refuse(
                "rtmp.proxy_from",
                format_args!("there may be {MAX_PROXIES} at most"),
            );
        }
        let range = |(index, text): (usize, &String)| {
            problems.parse(format!("rtmp.proxy_from[{index}]"), text)
        };
        given.iter().enumerate().filter_map(range).collect()
    }
}
