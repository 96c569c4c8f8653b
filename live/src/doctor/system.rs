//! [pure] What the kernel and systemd allow a daemon that serves a crowd.

use super::finding::{Area, Finding};

/// Connections that wait until they are accepted: `net.core.somaxconn`, which caps what a daemon asks for.
pub(super) fn judge_backlog(somaxconn: Option<u64>) -> Option<Finding> {
    let asked = u64::from(crate::daemon::BACKLOG);
    let allowed = somaxconn?;
    let subject = "net.core.somaxconn";
    Some(if allowed < asked {
        Finding::warning(
            Area::System,
            subject,
            format!("{allowed}: of a crowd that comes at once, more are turned away than need be"),
            format!(
                "echo net.core.somaxconn={asked} | sudo tee /etc/sysctl.d/90-footlight.conf; sudo sysctl --system"
            ),
        )
    } else {
        Finding::ok(
            Area::System,
            subject,
            format!("{allowed} connections may wait to be accepted"),
        )
    })
}

/// Descriptors: `allowed` by the unit, `least` for the load it is meant for.
pub(super) fn judge_descriptors(daemon: &str, allowed: Option<u64>, least: u64) -> Option<Finding> {
    let allowed = allowed?;
    Some(if allowed < least {
        Finding::warning(
            Area::System,
            "LimitNOFILE",
            format!("{allowed} files and connections may be open at once, {least} should be"),
            format!(
                "sudo systemctl edit {daemon}, write [Service] and LimitNOFILE={least}; sudo systemctl restart {daemon}"
            ),
        )
    } else {
        Finding::ok(
            Area::System,
            "LimitNOFILE",
            format!("{allowed} files and connections may be open at once"),
        )
    })
}

/// What a socket may hold that is under way to a far viewer: `net.core.wmem_max`, or the third of `tcp_wmem`, bytes.
pub(super) fn judge_send_buffer(largest: Option<u64>) -> Option<Finding> {
    /// A segment's worth at 30 Mbit/s over 200 ms, and then some.
    const LEAST: u64 = 1 << 20;
    let largest = largest?;
    let subject = "net.ipv4.tcp_wmem";
    Some(if largest < LEAST {
        Finding::warning(
            Area::System,
            subject,
            format!("at most {largest} bytes may be under way to a viewer: far ones stutter"),
            "echo 'net.ipv4.tcp_wmem=4096 65536 8388608' | sudo tee /etc/sysctl.d/91-footlight.conf; sudo sysctl --system",
        )
    } else {
        Finding::ok(
            Area::System,
            subject,
            format!("{largest} bytes may be under way to a viewer"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_is_too_small_for_a_crowd_is_told_with_what_to_type() {
        let small = judge_backlog(Some(128)).unwrap();
        assert_eq!(small.verdict, Verdict::Warning);
        assert!(small.remedy.unwrap().contains("sysctl --system"));
        assert_eq!(judge_backlog(Some(4096)).unwrap().verdict, Verdict::Ok);
        let few = judge_descriptors("footlight-mux", Some(1024), 4096).unwrap();
        assert!(few.remedy.unwrap().contains("LimitNOFILE=4096"));
        assert_eq!(judge_descriptors("footlight-mux", None, 1), None);
        let narrow = judge_send_buffer(Some(65_536)).unwrap();
        assert_eq!(narrow.verdict, Verdict::Warning);
        assert_eq!(
            judge_send_buffer(Some(8 << 20)).unwrap().verdict,
            Verdict::Ok
        );
    }
}
