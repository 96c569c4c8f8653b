//! [pure] Who listens where: what /proc/net/tcp says, and what that means for a listener of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{
    answer::Told,
    finding::{Area, Finding},
};

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    /// By which its processes are found.
    pub(super) inode: u64,
}

/// A process that has such a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// As the kernel has it: 15 characters at most.
    pub(super) name: String,
    pub(super) pid: u32,
    /// systemd's unit that it belongs to.
    pub(super) unit: Option<String>,
}

/// The sockets that listen, of the text of /proc/net/tcp or /proc/net/tcp6.
pub(super) fn listening(text: &str) -> Vec<Listening> {
    /// TCP_LISTEN of the kernel's tcp_states.h.
    const LISTEN: &str = "0A";
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let address = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?.parse().ok()?;
        let address = address_of(address)?;
        (state == LISTEN).then_some(Listening { address, inode })
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// `0100007F:0790`: words of the address in the machine's byte order, and the port.
fn address_of(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = ip.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((ip, port).into())
}

/// Whether a socket at one address keeps another from the other.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port() && (a == b || a.is_unspecified() || b.is_unspecified())
}

/// Of which listener, and who has its place.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The section of the configuration, and the address it names.
    pub(super) section: &'a str,
    pub(super) address: SocketAddr,
    /// Sockets that listen there.
    pub(super) taken: bool,
    /// Those of their processes that can be seen.
    pub(super) holders: &'a [Holder],
}

/// `daemon` is the binary's name, `told` what it says of itself if it runs.
pub(super) fn judge(daemon: &str, place: &Place<'_>, told: Option<&Told>) -> Finding {
    let subject = format!("[{}] {}", place.section, place.address);
    let port = place.address.port();
    let own = place.holders.iter().any(|holder| is_called(holder, daemon));
    let said = told.and_then(|told| told.listener(place.section, place.address));
    if port == 0 {
        let sentence = "any free port: it is known only while the daemon runs";
        return Finding::not_applicable(Area::Ports, subject, sentence);
    }
    if own || said.is_some() {
        let sentence = format!("{daemon} listens there");
        return Finding::ok(Area::Ports, subject, sentence);
    }
    if !place.taken {
        return match told.and_then(|told| told.listeners_of(place.section)) {
            None => Finding::ok(Area::Ports, subject, format!("port {port} is free for it")),
            Some(elsewhere) => Finding::warning(
                Area::Ports,
                subject,
                format!("{daemon} runs, and listens at {elsewhere} instead"),
                format!(
                    "if the configuration was changed since it started: sudo systemctl restart {daemon}. If a socket unit says so: systemctl cat '{daemon}-*.socket'"
                ),
            ),
        };
    }
    let strangers = place.holders.iter().filter(|holder| holder.pid != 1);
    match (strangers.clone().next(), place.holders.first()) {
        (Some(stranger), _) => taken(subject, stranger, place),
        (None, Some(_systemd)) => Finding::ok(
            Area::Ports,
            subject,
            format!("systemd holds port {port} for it, by a socket unit"),
        ),
        (None, None) => Finding::failure(
            Area::Ports,
            subject,
            format!("port {port} is taken, and it cannot be seen by whom without root"),
            format!("sudo {daemon} doctor"),
        ),
    }
}

fn taken(subject: String, by: &Holder, place: &Place<'_>) -> Finding {
    let port = place.address.port();
    let (name, pid) = (&by.name, by.pid);
    let stop = match &by.unit {
        Some(unit) => format!("sudo systemctl disable --now {unit}"),
        None => format!("sudo kill {pid}"),
    };
    Finding::failure(
        Area::Ports,
        subject,
        format!("port {port} is taken by {name} (pid {pid})"),
        format!("{stop}. Or change [{}] listen", place.section),
    )
}

/// Whether its name is `daemon`, as far as the kernel keeps names.
fn is_called(holder: &Holder, daemon: &str) -> bool {
    /// TASK_COMM_LEN without its end.
    const KEPT: usize = 15;
    let kept = daemon.get(..KEPT).unwrap_or(daemon);
    holder.name == kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    #[test]
    fn the_kernels_table_is_read_as_far_as_it_listens() {
        let table = format!(
            "{HEAD}   0: 0100007F:238D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:238D 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0\n"
        );
        let wanted = Listening {
            address: "127.0.0.1:9101".parse().unwrap(),
            inode: 4711,
        };
        if cfg!(target_endian = "little") {
            assert_eq!(listening(&table), [wanted]);
            let six = format!(
                "{HEAD}   0: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 9 1"
            );
            assert_eq!(
                listening(&six).first().unwrap().address,
                "[2001:db8::1]:443".parse().unwrap()
            );
        }
        assert_eq!(listening("nonsense\n1 2 3\n\n: : : 0A : : : : : 9"), []);
    }

    #[test]
    fn addresses_collide_where_one_of_them_means_the_other() {
        let at = |text: &str| text.parse().unwrap();
        for (one, other, wanted) in [
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::]:80", "10.0.0.1:80", true),
            ("10.0.0.1:80", "10.0.0.2:80", false),
            ("10.0.0.1:80", "[::ffff:10.0.0.1]:80", true),
            ("10.0.0.1:80", "10.0.0.1:81", false),
        ] {
            assert_eq!(collide(at(one), at(other)), wanted, "{one} {other}");
        }
    }

    fn holder(name: &str, pid: u32, unit: Option<&str>) -> Holder {
        let unit = unit.map(str::to_owned);
        let name = name.to_owned();
        Holder { name, pid, unit }
    }

    fn judged(taken: bool, holders: &[Holder], told: Option<&Told>) -> Finding {
        let place = Place {
            section: "https",
            address: "[::]:443".parse().unwrap(),
            taken,
            holders,
        };
        judge("footlight-distributor", &place, told)
    }

    #[test]
    fn a_port_is_ours_or_free_or_somebody_is_named() {
        let nginx = [holder("nginx", 812, Some("nginx.service"))];
        let found = judged(true, &nginx, None);
        assert_eq!(found.verdict, Verdict::Failure);
        assert_eq!(found.sentence, "port 443 is taken by nginx (pid 812)");
        let remedy = found.remedy.unwrap();
        assert!(
            remedy.starts_with("sudo systemctl disable --now nginx.service"),
            "{remedy}"
        );

        let hand = judged(true, &[holder("python3", 9, None)], None);
        assert!(hand.remedy.unwrap().starts_with("sudo kill 9"));
        let hidden = judged(true, &[], None);
        assert_eq!(
            hidden.remedy.as_deref(),
            Some("sudo footlight-distributor doctor")
        );
        for well in [
            judged(false, &[], None),
            judged(true, &[holder("footlight-distr", 7, None)], None),
            judged(true, &[holder("systemd", 1, None)], None),
        ] {
            assert_eq!(well.verdict, Verdict::Ok, "{well:?}");
        }
    }

    #[test]
    fn what_the_daemon_says_of_itself_counts_where_processes_cannot_be_seen() {
        let told = |at: &str| {
            Told::read(format!(r#"{{"listeners":{{"https":"{at}"}}}}"#).as_bytes()).unwrap()
        };
        assert_eq!(
            judged(true, &[], Some(&told("[::]:443"))).verdict,
            Verdict::Ok
        );
        let moved = judged(false, &[], Some(&told("[::]:8443")));
        assert_eq!(moved.verdict, Verdict::Warning);
        assert!(moved.sentence.contains("[::]:8443"), "{moved:?}");
    }
}
