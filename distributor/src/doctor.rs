//! What `footlight-distributor doctor` asks beyond this box: whether each transcoder and each other distributor answers, knows
//! us, has our version and our time; and what certificate the authority has issued.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use live::{
    daemon::tls::Certificate,
    doctor::{Area, Finding, Patient, Plan, Presented, Skew, gather, judge_certificate, reach},
};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    Distributor,
    acme::Store,
    config::{ADMIN_PORT, Acme, Config, Identity, Raw},
    private::STATE,
    upstream::{Upstream, UpstreamError},
};

/// A stream that there is not, so that a transcoder says no more than that.
const NOTHING: &str = "/live/doctor/index.m3u8";
/// How often a box is asked for the time: its answers are cut off to the second, so all of one is seen.
const LOOKS: u32 = 12;
/// Between two of them.
const EVERY: Duration = Duration::from_millis(100);

/// A box that is asked for so long is slow, and known well enough, milliseconds.
const LONG_MS: i64 = 2000;

/// Another box.
struct Other {
    name: String,
    /// What its unit is called there.
    daemon: &'static str,
    authority: String,
    /// Where it says who it is.
    target: &'static str,
}

/// What it said.
struct Sight {
    server: Option<String>,
    skew: Skew,
}

impl Patient for Distributor {
    const ADMIN_PORT: u16 = ADMIN_PORT;

    fn plan(raw: &Raw, config: &Config) -> Plan {
        raw.plan(config)
    }

    async fn visit(config: Config) -> Vec<Finding> {
        let mut findings = match &config.identity {
            Identity::Acme(acme) => issued(acme),
            Identity::Files(_) => Vec::new(),
        };
        let upstream = match crate::upstream(&config, crate::shown(&config)) {
            Ok(upstream) => Arc::new(upstream),
            Err(error) => {
                findings.push(Finding::failure(
                    Area::Peers,
                    "",
                    error.to_string(),
                    "correct [upstream] in the configuration",
                ));
                return findings;
            }
        };
        let mut visits = JoinSet::new();
        for (source, other) in others(&config) {
            let upstream = upstream.clone();
            visits.spawn(async move {
                let seen = look(&upstream, source, other.target).await;
                judge(&other, seen)
            });
        }
        let mut told: Vec<Finding> = visits.join_all().await.into_iter().flatten().collect();
        told.sort_by(|one, other| one.subject.cmp(&other.subject));
        findings.extend(told);
        findings
    }
}

/// All but this box, by their places among the sources of [`crate::upstream`].
fn others(config: &Config) -> Vec<(usize, Other)> {
    let origins = config.origins.iter().enumerate();
    let origins = origins.map(|(index, origin)| {
        let other = Other {
            name: origin.member.name().to_owned(),
            daemon: "footlight-transcoder",
            authority: origin.authority.clone(),
            target: NOTHING,
        };
        (index, other)
    });
    let first = config.origins.len();
    let peers = config.peering.iter().flat_map(|peering| {
        let all = peering.distributors.iter().enumerate();
        all.filter(|(index, _)| *index != peering.own)
    });
    let peers = peers.map(|(index, peer)| {
        let other = Other {
            name: peer.member.name().to_owned(),
            daemon: "footlight-distributor",
            authority: peer.authority.clone(),
            target: STATE,
        };
        (first + index, other)
    });
    origins.chain(peers).collect()
}

/// Asks until the other's clock is known to a quarter of a second.
async fn look(upstream: &Upstream, source: usize, target: &str) -> Result<Sight, UpstreamError> {
    let mut sight = Sight {
        server: None,
        skew: Skew::default(),
    };
    let began = gather::unix_millis();
    for _ in 0..LOOKS {
        let asked = gather::unix_millis();
        if asked.saturating_sub(began) > LONG_MS {
            break;
        }
        let sign = upstream.knock(source, target, reach::PATIENCE).await?;
        let answered = gather::unix_millis();
        let date = sign
            .date
            .and_then(|date| date.duration_since(UNIX_EPOCH).ok());
        let date = date.and_then(|date| i64::try_from(date.as_secs()).ok());
        sight.server = sign.server;
        let Some(date) = date else { break };
        sight.skew.hear(date, asked, answered);
        if sight.skew.is_narrow() {
            break;
        }
        sleep(EVERY).await;
    }
    Ok(sight)
}

fn judge(other: &Other, seen: Result<Sight, UpstreamError>) -> Vec<Finding> {
    let Other {
        name,
        daemon,
        authority,
        target: _,
    } = other;
    let failure = |sentence: String, remedy: String| {
        vec![Finding::failure(Area::Peers, name, sentence, remedy)]
    };
    let sight = match seen {
        Ok(sight) => sight,
        Err(UpstreamError::Unauthorized) => {
            return failure(
                format!("answers at {authority}, but does not know us: the two boxes have different cluster secrets"),
                "make the file of [cluster] secret the same on both (sudo sha256sum compares); then restart what was changed".to_owned(),
            );
        }
        Err(error) => {
            return failure(
                format!("{authority}: {error}"),
                format!(
                    "on that box: sudo {daemon} doctor. If it is well, look at the way there: ping, the tunnel (sudo wg), the firewall (sudo nft list ruleset)"
                ),
            );
        }
    };
    let mut findings = vec![of_version(other, sight.server.as_deref())];
    findings.extend(sight.skew.judge(name));
    findings
}

fn of_version(other: &Other, server: Option<&str>) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    let (name, at) = (&other.name, &other.authority);
    let theirs = server.and_then(|server| server.strip_prefix(other.daemon)?.strip_prefix('/'));
    match theirs {
        Some(theirs) if theirs == ours => Finding::ok(
            Area::Peers,
            name,
            format!("answers at {at} and knows us, version {theirs}"),
        ),
        Some(theirs) => Finding::warning(
            Area::Peers,
            name,
            format!("answers at {at} and knows us, but is of version {theirs}; here is {ours}"),
            "bring all boxes to one version: ansible-playbook playbooks/upgrade.yml",
        ),
        None => Finding::warning(
            Area::Peers,
            name,
            format!(
                "answers at {at} and does not say its version: it is older than this one, or no {}",
                other.daemon
            ),
            "bring all boxes to one version: ansible-playbook playbooks/upgrade.yml",
        ),
    }
}

/// What the authority has issued.
fn issued(acme: &Acme) -> Vec<Finding> {
    let path = acme.state_directory.display().to_string();
    let remedy = "sudo journalctl -eu footlight-distributor says what the authority answered; port 80 must be open from outside, and the names must lead here";
    let found = match Store::at(acme).certificate() {
        Ok(found) => found,
        Err(why) if why.contains("Permission denied") => {
            let sentence = format!("what the authority issued cannot be seen without root ({why})");
            return vec![Finding::not_applicable(Area::Certificates, path, sentence)];
        }
        Err(why) => return vec![Finding::failure(Area::Certificates, path, why, remedy)],
    };
    let Some(kept) = found else {
        let sentence = "the authority has issued no certificate yet: players refuse the one that is shown meanwhile";
        return vec![Finding::failure(Area::Certificates, path, sentence, remedy)];
    };
    let mut findings = of_issued(acme, &kept.certificate, remedy);
    if !kept.is_as_ordered {
        findings.push(Finding::warning(
            Area::Certificates,
            path,
            "the certificate was ordered for other names, or from another authority; a new one is on its way",
            remedy,
        ));
    }
    findings
}

fn of_issued(acme: &Acme, certificate: &Certificate, remedy: &str) -> Vec<Finding> {
    let presented = Presented {
        section: "acme".to_owned(),
        public: true,
        names: acme.names.clone(),
        renewal: format!("it should have been renewed by itself: {remedy}"),
    };
    judge_certificate(&presented, certificate, gather::unix_millis() / 1000)
}

#[cfg(test)]
mod tests {
    use live::doctor::Verdict;

    use super::*;

    fn judged(seen: Result<Sight, UpstreamError>) -> Vec<Finding> {
        let other = Other {
            name: "transcoder-1".into(),
            daemon: "footlight-transcoder",
            authority: "10.0.0.2:8080".into(),
            target: NOTHING,
        };
        judge(&other, seen)
    }

    fn sight(server: &str, seconds_ahead: i64) -> Sight {
        let mut skew = Skew::default();
        let now = 1_700_000_000_000;
        skew.hear(now / 1000 + seconds_ahead, now, now);
        Sight {
            server: Some(server.to_owned()),
            skew,
        }
    }

    #[test]
    fn a_box_of_our_version_and_time_is_well() {
        let ours = concat!("footlight-transcoder/", env!("CARGO_PKG_VERSION"));
        let found = judged(Ok(sight(ours, 0)));
        assert!(
            found.iter().all(|one| one.verdict == Verdict::Ok),
            "{found:?}"
        );
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn another_version_another_time_another_secret_and_silence_are_told() {
        for (seen, verdict, part) in [
            (
                Ok(sight("footlight-transcoder/0.0.9", 0)),
                Verdict::Warning,
                "version 0.0.9",
            ),
            (
                Ok(sight("nginx", 0)),
                Verdict::Warning,
                "does not say its version",
            ),
            (
                Ok(sight("nginx", 60)),
                Verdict::Failure,
                "s ahead of this box's",
            ),
            (
                Err(UpstreamError::Unauthorized),
                Verdict::Failure,
                "different cluster secrets",
            ),
            (
                Err(UpstreamError::Late(reach::PATIENCE)),
                Verdict::Failure,
                "did not answer",
            ),
        ] {
            let found = judged(seen);
            let told = found.iter().find(|one| one.sentence.contains(part));
            let told = told.unwrap_or_else(|| panic!("{part}: {found:?}"));
            assert_eq!(told.verdict, verdict);
            assert!(told.remedy.is_some());
        }
    }
}
