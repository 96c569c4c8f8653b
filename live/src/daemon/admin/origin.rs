//! [pure] Whether a request that changes something comes from an operator's tool, or from a web page that misuses the
//! operator's browser.
//!
//! The listener asks nobody who he is, so a page open on a machine that reaches it could send it orders. Two rules:
//! 1. `Host` is an IP address, `localhost` or a name from `[admin] names`. A page whose name was made to point here
//!    (DNS rebinding) comes with its own name.
//! 2. `Origin` and `Sec-Fetch-Site`, which browsers add and pages cannot forge, are absent or say that the page is ours.
//!
//! curl and scripts send neither of the two and pass.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Foreign {
    #[error("there is no Host header")]
    NoHost,
    #[error("{0:?} is no name of this daemon")]
    Host(String),
    #[error("a web page of another site asks for this")]
    Site,
}

impl Foreign {
    pub(super) const fn advice(&self) -> &'static str {
        match self {
            Self::NoHost | Self::Host(_) => {
                "ask by IP address or localhost, or add the name to [admin] names in the configuration"
            }
            Self::Site => "send it with curl or a script, without an Origin header",
        }
    }
}

/// The headers that tell where a request comes from, as far as they are there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Source<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    pub(super) fetch_site: Option<&'a str>,
}

impl Source<'_> {
    /// `names`: further names of this daemon.
    pub(super) fn check(self, names: &[String]) -> Result<(), Foreign> {
        let host = self.host.ok_or(Foreign::NoHost)?;
        if !is_ours(host, names) {
            return Err(Foreign::Host(host.chars().take(64).collect()));
        }
        let same_site = |origin: &str| {
            let authority = origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"));
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        };
        // "same-site" is not enough: all ports of localhost are one site.
        let fetched = |site: &str| matches!(site, "same-origin" | "none");
        if self.origin.is_none_or(same_site) && self.fetch_site.is_none_or(fetched) {
            Ok(())
        } else {
            Err(Foreign::Site)
        }
    }
}

fn is_ours(host: &str, names: &[String]) -> bool {
    if let Some((address, port)) = host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port));
    }
    let name = match host.find(':') {
        Some(at) => {
            let (name, port) = host.split_at(at);
            if !is_port(port) {
                return false;
            }
            name
        }
        None => host,
    };
    name.parse::<Ipv4Addr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>, fetch_site: Option<&str>) -> Result<(), Foreign> {
        let source = Source {
            host: Some(host),
            origin,
            fetch_site,
        };
        source.check(&["Mux.venue.lan".to_owned()])
    }

    #[test]
    fn tools_pass_by_address_localhost_and_configured_name() {
        for host in [
            "127.0.0.1:9101",
            "10.0.0.7",
            "[::1]:9101",
            "[fd00::7]",
            "localhost",
            "LOCALHOST:9101",
            "mux.venue.lan:9101",
        ] {
            assert_eq!(check(host, None, None), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_point_here_is_refused() {
        for host in [
            "evil.example",
            "evil.example:9101",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost:x",
            "localhost:80:90",
            "[::1]evil",
            "[evil]",
            "[::1",
            "::1",
            "",
            "2130706433",
        ] {
            assert_eq!(check(host, None, None), Err(Foreign::Host(host.into())));
        }
        assert_eq!(Source::default().check(&[]), Err(Foreign::NoHost));
    }

    #[test]
    fn a_page_of_another_site_is_refused_and_our_own_is_not() {
        let host = "localhost:9101";
        for origin in [
            "https://evil.example",
            "http://localhost:8080",
            "http://localhost",
            "null",
            "",
            "localhost:9101",
        ] {
            assert_eq!(
                check(host, Some(origin), None),
                Err(Foreign::Site),
                "{origin}"
            );
        }
        for site in ["cross-site", "same-site", "", "whatever"] {
            assert_eq!(check(host, None, Some(site)), Err(Foreign::Site), "{site}");
        }
        let own = Some("http://localhost:9101");
        assert_eq!(check(host, own, Some("same-origin")), Ok(()));
        assert_eq!(check(host, own, Some("cross-site")), Err(Foreign::Site));
        assert_eq!(check(host, None, Some("none")), Ok(()));
    }
}
