//! Which port is whose (DESIGN §8): the usual ones, all of them moved, or whatever is free.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// One port for each listener; 0 is any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// Where OBS publishes.
    pub mux_rtmp: u16,
    /// The same under TLS.
    pub mux_rtmps: u16,
    /// Where mux publishes.
    pub transcoder_rtmp: u16,
    /// Where the distributor fetches.
    pub origin: u16,
    /// Where viewers are.
    pub https: u16,
    /// Where viewers are told to go to HTTPS.
    pub http: u16,
    /// Admin listener of mux.
    pub mux_admin: u16,
    /// Admin listener of the transcoder.
    pub transcoder_admin: u16,
    /// Admin listener of the distributor.
    pub distributor_admin: u16,
}

impl Ports {
    /// The ports that the documentation names.
    pub const USUAL: Self = Self {
        mux_rtmp: 1935,
        mux_rtmps: 1936,
        transcoder_rtmp: 1945,
        origin: 8080,
        https: 8443,
        http: 8081,
        mux_admin: 9101,
        transcoder_admin: 9102,
        distributor_admin: 9103,
    };

    /// All of them moved to `base` and above (`FOOTLIGHT_PORT_BASE`); none when one would not be a port.
    pub fn from_base(base: u16) -> Option<Self> {
        // 443 is the farthest from the base.
        base.checked_add(443).filter(|_| base > 0)?;
        Some(Self {
            mux_rtmp: base + 35,
            mux_rtmps: base + 36,
            transcoder_rtmp: base + 45,
            origin: base + 80,
            https: base + 443,
            http: base + 81,
            mux_admin: base + 101,
            transcoder_admin: base + 102,
            distributor_admin: base + 103,
        })
    }

    fn named(self) -> [(u16, &'static str); 9] {
        [
            (self.mux_rtmp, "RTMP"),
            (self.mux_rtmps, "RTMPS"),
            (self.transcoder_rtmp, "the transcoder's RTMP"),
            (self.origin, "the origin"),
            (self.https, "HTTPS"),
            (self.http, "HTTP"),
            (self.mux_admin, "mux's admin"),
            (self.transcoder_admin, "the transcoder's admin"),
            (self.distributor_admin, "the distributor's admin"),
        ]
    }

    /// Names the first that somebody else has, and what to do about it.
    pub fn check_free(self) -> Result<()> {
        for (port, use_) in self.named() {
            if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                bail!(
                    "port {port} ({use_}) cannot be had ({error}): stop what uses it \
                     (find it with: ss -ltnp 'sport = :{port}') or move all ports with FOOTLIGHT_PORT_BASE=20000"
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_moves_every_port_and_none_beyond_the_last() {
        let ports = Ports::from_base(20_000).unwrap();
        assert_eq!((ports.mux_rtmp, ports.https), (20_035, 20_443));
        let mut all = ports.named().map(|(port, _)| port);
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(Ports::from_base(65_092).is_some());
        assert_eq!(Ports::from_base(65_093), None);
        assert_eq!(Ports::from_base(0), None);
    }

    #[test]
    fn a_taken_port_is_named_with_its_remedy() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let ports = Ports {
            origin: port,
            ..Ports::default()
        };
        let refused = ports.check_free().unwrap_err().to_string();
        assert!(refused.starts_with(&format!("port {port} (the origin) cannot be had")));
        assert!(refused.contains("FOOTLIGHT_PORT_BASE=20000"), "{refused}");
        assert!(Ports::default().check_free().is_ok());
    }
}
