//! [pure] The daemon's unit, as `systemctl show` tells of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::finding::{Area, Finding};

/// What is asked for.
pub(super) const PROPERTIES: &str = "LoadState,ActiveState,UnitFileState,NRestarts,NeedDaemonReload,ExecMainStatus,StatusText,MainPID,LimitNOFILE,StateDirectory,ReadWritePaths";

/// The unit's properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit(BTreeMap<String, String>);

impl Unit {
    /// From lines of `Name=value`.
    pub(super) fn read(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// There is such a unit.
    pub(super) fn is_there(&self) -> bool {
        self.get("LoadState") == "loaded"
    }

    /// It is running, or there is none and the daemon is started in another way.
    pub(super) fn should_answer(&self) -> bool {
        !self.is_there() || ["active", "reloading"].contains(&self.get("ActiveState"))
    }

    /// The daemon's process, if there is one.
    pub(super) fn process(&self) -> Option<u32> {
        self.get("MainPID").parse().ok().filter(|pid| *pid != 0)
    }

    /// How many descriptors it may open, if that is bounded.
    pub(super) fn descriptors(&self) -> Option<u64> {
        self.get("LimitNOFILE").parse().ok()
    }

    /// Whether its sandbox lets it write there.
    pub(super) fn may_write(&self, path: &Path) -> bool {
        let state = self.get("StateDirectory").split_whitespace();
        let state = state.map(|name| Path::new("/var/lib").join(name));
        let paths = self.get("ReadWritePaths").split_whitespace();
        let paths = paths.map(|path| PathBuf::from(path.trim_start_matches(['-', '+'])));
        state.chain(paths).any(|open| path.starts_with(open))
    }
}

/// Whether another copy of the daemon than the one that is installed runs: its file was replaced since.
pub(super) fn judge(daemon: &str, unit: &Unit, is_replaced: bool) -> Vec<Finding> {
    let subject = format!("{daemon}.service");
    let warning = |sentence: String, remedy: String| {
        Finding::warning(Area::Service, &subject, sentence, remedy)
    };
    let failure = |sentence: String, remedy: String| {
        Finding::failure(Area::Service, &subject, sentence, remedy)
    };
    if !unit.is_there() {
        let sentence = match unit.get("LoadState") {
            "" => {
                "there is no systemd here, or it does not say in time how the unit is: look again"
            }
            _ => {
                "there is no such unit: the daemon was not installed as a package, or is started by hand"
            }
        };
        return vec![Finding::not_applicable(Area::Service, subject, sentence)];
    }
    let start = format!("sudo systemctl enable --now {daemon}.service");
    let state = unit.get("ActiveState");
    let mut findings = vec![match state {
        "active" | "reloading" => Finding::ok(Area::Service, &subject, "it is active"),
        "failed" if unit.get("ExecMainStatus") == "64" => failure(
            "it has failed: its configuration was refused, and it is not started again".to_owned(),
            format!("{daemon} --check says what is wrong; then: sudo systemctl restart {daemon}"),
        ),
        "failed" => failure(
            "it has failed, and is not started again".to_owned(),
            format!(
                "sudo journalctl -xeu {daemon} says why; then: sudo systemctl restart {daemon}"
            ),
        ),
        "activating" => failure(
            "it is being started, or starts again and again".to_owned(),
            format!("sudo journalctl -xeu {daemon}"),
        ),
        other => failure(format!("it is {other}"), start.clone()),
    }];
    if !["enabled", "static", "enabled-runtime"].contains(&unit.get("UnitFileState")) {
        findings.push(warning(
            "it is not started when the box is".to_owned(),
            start,
        ));
    }
    match unit.get("NRestarts") {
        "" | "0" => {}
        count => findings.push(warning(
            format!("systemd had to start it again {count} times since somebody last did"),
            format!("sudo journalctl -xeu {daemon} tells why; this count begins anew with: sudo systemctl restart {daemon}"),
        )),
    }
    if unit.get("NeedDaemonReload") == "yes" {
        findings.push(warning(
            "its unit was changed and not read again".to_owned(),
            format!("sudo systemctl daemon-reload; sudo systemctl restart {daemon}"),
        ));
    }
    if unit.get("StatusText").contains("refused") {
        findings.push(failure(
            "it runs with an older configuration: the new one was refused".to_owned(),
            format!("{daemon} --check says what is wrong; then: sudo systemctl reload {daemon}"),
        ));
    }
    if is_replaced {
        findings.push(warning(
            "its program was replaced since it started: the old one still runs".to_owned(),
            format!("sudo systemctl restart {daemon} (shows go on)"),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    const WELL: &str = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=0\nNeedDaemonReload=no\nExecMainStatus=0\nStatusText=running\nMainPID=4711\nLimitNOFILE=16384\nStateDirectory=footlight/transcoder footlight/recordings\nReadWritePaths=/srv/shows\n";

    fn judged(changes: &[(&str, &str)]) -> Vec<Finding> {
        let mut unit = Unit::read(WELL);
        for (name, value) in changes {
            unit.0.insert((*name).into(), (*value).into());
        }
        judge("footlight-mux", &unit, false)
    }

    #[test]
    fn a_unit_that_runs_is_well_and_tells_of_its_process_and_its_places() {
        let found = judged(&[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found.first().unwrap().verdict, Verdict::Ok);
        let unit = Unit::read(WELL);
        assert_eq!(
            (unit.process(), unit.descriptors()),
            (Some(4711), Some(16384))
        );
        for (path, may) in [
            ("/var/lib/footlight/recordings", true),
            ("/var/lib/footlight/transcoder/archive", true),
            ("/srv/shows/2026", true),
            ("/mnt/disk", false),
        ] {
            assert_eq!(unit.may_write(Path::new(path)), may, "{path}");
        }
    }

    #[test]
    fn each_trouble_has_its_sentence_and_what_to_type() {
        for (changes, verdict, sentence, remedy) in [
            (
                &[("ActiveState", "inactive")][..],
                Verdict::Failure,
                "inactive",
                "enable --now footlight-mux.service",
            ),
            (
                &[("ActiveState", "failed"), ("ExecMainStatus", "64")],
                Verdict::Failure,
                "configuration was refused",
                "footlight-mux --check",
            ),
            (
                &[("UnitFileState", "disabled")],
                Verdict::Warning,
                "not started when the box is",
                "systemctl enable",
            ),
            (
                &[("NRestarts", "7")],
                Verdict::Warning,
                "7 times",
                "journalctl -xeu footlight-mux",
            ),
            (
                &[("StatusText", "running; the new configuration was refused")],
                Verdict::Failure,
                "older configuration",
                "--check",
            ),
            (
                &[("NeedDaemonReload", "yes")],
                Verdict::Warning,
                "not read again",
                "daemon-reload",
            ),
        ] {
            let found = judged(changes);
            let told = found.iter().find(|one| one.sentence.contains(sentence));
            let told = told.unwrap_or_else(|| panic!("{sentence}: {found:?}"));
            assert_eq!(told.verdict, verdict);
            assert!(told.remedy.as_ref().unwrap().contains(remedy), "{told:?}");
        }
        let unit = Unit::read(WELL);
        let replaced = judge("footlight-mux", &unit, true);
        assert!(replaced.last().unwrap().sentence.contains("still runs"));
        let none = judge("footlight-mux", &Unit::default(), false);
        assert_eq!(none.first().unwrap().verdict, Verdict::NotApplicable);
    }
}
