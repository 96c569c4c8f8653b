//! [pure] The hosts that viewers may ask for. Whoever asks for another was sent here by mistake (RFC 9110 §15.5.20).

use std::{collections::BTreeSet, sync::Arc};

/// See the module. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Option<Arc<BTreeSet<String>>>);

impl Hosts {
    /// Only `names`, in any case; host names and IP addresses without a port.
    pub(crate) fn only(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase());
        Self(Some(Arc::new(names.collect())))
    }

    /// Whether `authority`, a request's `Host` or `:authority`, is one of them, with whatever port.
    pub(crate) fn know(&self, authority: Option<&str>) -> bool {
        let Some(names) = &self.0 else { return true };
        let Some(authority) = authority else {
            return false;
        };
        let host = match authority.strip_prefix('[') {
            Some(address) => address
                .split_once(']')
                .map_or("", |(address, _port)| address),
            None => authority
                .split_once(':')
                .map_or(authority, |(host, _port)| host),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        names.contains(host) || names.contains(&host.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_in_any_case_with_any_port_and_no_other() {
        let hosts = Hosts::only(["Live.example".to_owned(), "2001:db8::1".to_owned()]);
        for known in [
            "live.example",
            "LIVE.example:443",
            "live.example.",
            "live.example.:8443",
            "[2001:db8::1]",
            "[2001:DB8::1]:443",
        ] {
            assert!(hosts.know(Some(known)), "{known}");
        }
        for strange in [
            "",
            ":443",
            "example",
            "a.live.example",
            "live.example@evil",
            "[2001:db8::1",
            "2001:db8::1",
        ] {
            assert!(!hosts.know(Some(strange)), "{strange}");
        }
        assert!(!hosts.know(None));
    }

    #[test]
    fn where_none_is_named_all_are_known() {
        assert!(Hosts::default().know(Some("anything")) && Hosts::default().know(None));
    }
}
