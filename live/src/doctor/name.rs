//! [pure] Where a name leads that viewers use.

use std::net::IpAddr;

use super::finding::{Area, Finding};

/// `found` are the addresses of `name`, or why there are none; `own` are this box's.
pub(super) fn judge(name: &str, found: &Result<Vec<IpAddr>, String>, own: &[IpAddr]) -> Finding {
    let found = match found {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => return nowhere(name, "it has no address"),
        Err(why) => return nowhere(name, why),
    };
    let all = listed(found);
    let leads_here = found.iter().any(|at| own.contains(&at.to_canonical()));
    if leads_here {
        return Finding::ok(Area::Names, name, format!("leads to {all}: this box"));
    }
    let public: Vec<IpAddr> = own.iter().copied().filter(is_public).collect();
    let remedy = match public.is_empty() {
        true => "this box has private addresses only: let the router there pass ports 80 and 443 on to it, or change the name's A record".to_owned(),
        false => format!(
            "change the name's A and AAAA records at your DNS provider to {}; nothing to do if it is another box of yours, or a CDN in front",
            listed(&public)
        ),
    };
    Finding::warning(
        Area::Names,
        name,
        format!("leads to {all}, which is no address of this box"),
        remedy,
    )
}

fn nowhere(name: &str, why: &str) -> Finding {
    Finding::failure(
        Area::Names,
        name,
        format!("leads nowhere: {why}"),
        "at your DNS provider make an A record (and AAAA for IPv6) with this box's public address; if all names fail, look at /etc/resolv.conf",
    )
}

fn listed(addresses: &[IpAddr]) -> String {
    /// More would be a list that nobody reads.
    const SHOWN: usize = 8;
    let shown = addresses.iter().take(SHOWN).map(ToString::to_string);
    shown.collect::<Vec<_>>().join(", ")
}

/// Whether the world can send to it (RFC 1918, RFC 6598, RFC 4193, link-local and loopback cannot be reached).
fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared)
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn judged(found: Result<&[&str], &str>, own: &[&str]) -> Finding {
        let parsed = |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect();
        let found = found.map(parsed).map_err(str::to_owned);
        let own: Vec<IpAddr> = parsed(own);
        judge("live.example", &found, &own)
    }

    #[test]
    fn a_name_leads_here_elsewhere_or_nowhere() {
        let here = judged(
            Ok(&["203.0.113.7", "203.0.113.8"]),
            &["127.0.0.1", "203.0.113.8"],
        );
        assert_eq!(here.verdict, Verdict::Ok);
        let elsewhere = judged(Ok(&["203.0.113.7"]), &["127.0.0.1", "203.0.113.8"]);
        assert_eq!(elsewhere.verdict, Verdict::Warning);
        assert!(elsewhere.sentence.contains("leads to 203.0.113.7,"));
        assert!(elsewhere.remedy.unwrap().contains("to 203.0.113.8;"));
        let behind = judged(Ok(&["203.0.113.7"]), &["10.0.0.2", "100.64.0.1", "fd00::1"]);
        assert!(behind.remedy.unwrap().contains("router"));
        for found in [Err("no such name"), Ok(&[][..])] {
            assert_eq!(judged(found, &[]).verdict, Verdict::Failure);
        }
    }
}
