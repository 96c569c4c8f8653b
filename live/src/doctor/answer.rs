//! [pure] What the running daemon says of itself, and what that means.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::Deserialize;

use super::{
    finding::{Area, Finding},
    port::collide,
};

/// What is read of `/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    name: String,
    version: String,
    draining: bool,
    missing: Vec<String>,
    concerns: Vec<String>,
    listeners: BTreeMap<String, String>,
}

impl Told {
    pub(super) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// It is that daemon which answers.
    pub(super) fn is_of(&self, daemon: &str) -> bool {
        self.name == daemon
    }

    /// The listener of `section` whose address means `address` too.
    pub(super) fn listener(&self, section: &str, address: SocketAddr) -> Option<SocketAddr> {
        let mut own = self.of(section).filter_map(|at| at.parse().ok());
        own.find(|at| collide(*at, address))
    }

    /// All addresses of `section`; none where it has none.
    pub(super) fn listeners_of(&self, section: &str) -> Option<String> {
        let all: Vec<&str> = self.of(section).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// `https`, `https.2`, ...
    fn of(&self, section: &str) -> impl Iterator<Item = &str> {
        let is_of = move |name: &str| {
            let rest = name.strip_prefix(section);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let all = self.listeners.iter();
        all.filter(move |(name, _)| is_of(name))
            .map(|(_, at)| at.as_str())
    }
}

/// What the daemon at `at` answered, or why there is no answer. `installed`: this binary's version.
pub(super) fn judge(
    daemon: &str,
    installed: &str,
    at: SocketAddr,
    answered: &Result<Told, String>,
) -> Vec<Finding> {
    let told = match answered {
        Ok(told) => told,
        Err(why) => {
            return vec![Finding::failure(
                Area::Service,
                daemon,
                format!("it does not answer: {why}"),
                format!("sudo systemctl status {daemon}; sudo journalctl -xeu {daemon}"),
            )];
        }
    };
    if !told.is_of(daemon) {
        return vec![Finding::failure(
            Area::Service,
            daemon,
            format!("what answers at {at} is {}", named(&told.name)),
            "give each daemon an [admin] listen of its own",
        )];
    }
    let mut findings = vec![of_version(daemon, installed, told)];
    if told.draining {
        findings.push(Finding::warning(
            Area::Service,
            daemon,
            "it was asked to stop, and finishes what is under way",
            format!("look again in ten seconds; then: sudo systemctl restart {daemon}"),
        ));
    } else if !told.missing.is_empty() {
        findings.push(Finding::failure(
            Area::Service,
            daemon,
            format!("it is not ready: it waits for {}", told.missing.join(", ")),
            format!("sudo journalctl -eu {daemon} says what keeps it"),
        ));
    }
    findings.extend(told.concerns.iter().map(|concern| {
        Finding::warning(
            Area::Service,
            daemon,
            format!("it says: {concern}"),
            format!("sudo {daemon} status shows more"),
        )
    }));
    findings
}

fn named(name: &str) -> String {
    match name {
        "" => "not a daemon of Footlight".to_owned(),
        name => name.chars().take(64).collect(),
    }
}

fn of_version(daemon: &str, installed: &str, told: &Told) -> Finding {
    let running = &told.version;
    if running == installed {
        return Finding::ok(
            Area::Service,
            daemon,
            format!("version {running} answers, as it is installed"),
        );
    }
    Finding::warning(
        Area::Service,
        daemon,
        format!("version {running} runs, {installed} is installed"),
        format!("sudo systemctl restart {daemon} (shows go on)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn judged(answered: Result<&str, &str>) -> Vec<Finding> {
        let answered = match answered {
            Ok(text) => Ok(Told::read(text.as_bytes()).unwrap()),
            Err(why) => Err(why.to_owned()),
        };
        let at = ([127, 0, 0, 1], 9101).into();
        judge("footlight-mux", "0.2.0", at, &answered)
    }

    #[test]
    fn a_daemon_of_this_version_that_is_ready_is_well() {
        let found = judged(Ok(
            r#"{"name":"footlight-mux","version":"0.2.0","uptime_seconds":1}"#,
        ));
        assert!(found.iter().all(|one| one.verdict == Verdict::Ok));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn an_old_one_that_still_runs_is_told_with_what_to_type() {
        let found = judged(Ok(
            r#"{"name":"footlight-mux","version":"0.1.0","missing":["keys"],"concerns":["the certificate expires in 3 d"]}"#,
        ));
        let [version, missing, concern] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(version.sentence, "version 0.1.0 runs, 0.2.0 is installed");
        let remedy = version.remedy.as_deref().unwrap();
        assert!(
            remedy.starts_with("sudo systemctl restart footlight-mux"),
            "{remedy}"
        );
        assert_eq!(missing.verdict, Verdict::Failure);
        assert_eq!(
            (concern.verdict, concern.sentence.as_str()),
            (Verdict::Warning, "it says: the certificate expires in 3 d")
        );
    }

    #[test]
    fn silence_and_a_stranger_are_failures() {
        for (answered, sentence) in [
            (
                Err("nothing answers"),
                "it does not answer: nothing answers",
            ),
            (
                Ok(r#"{"name":"footlight-transcoder"}"#),
                "what answers at 127.0.0.1:9101 is footlight-transcoder",
            ),
        ] {
            let found = judged(answered);
            assert_eq!(found.first().unwrap().verdict, Verdict::Failure);
            assert_eq!(found.first().unwrap().sentence, sentence);
        }
    }
}
