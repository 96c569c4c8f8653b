//! The units and the catalog that are installed with the daemons, judged by systemd's own tools.
//!
//! Where those tools are missing nothing is judged, and the output says so.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the means of a test fail by panicking, and say what they did not judge"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd");

#[test]
fn systemd_has_nothing_to_say_against_the_units() {
    let directory = Directory::new("units");
    for unit in units(&["service", "socket", "target", "slice"]) {
        // The daemons are not installed here; a program that exists stands for them.
        let text = fs::read_to_string(&unit).unwrap();
        let text = text.replace("ExecStart=/usr/bin/footlight-", "ExecStart=/bin/true ");
        fs::write(directory.0.join(unit.file_name().unwrap()), text).unwrap();
    }
    for unit in units(&["service", "socket", "target", "slice"]) {
        let unit = directory.0.join(unit.file_name().unwrap());
        let Some(output) = systemd("systemd-analyze", &["verify", "--man=no", path(&unit)]) else {
            return;
        };
        // It exits with 0 on a mistyped setting and only complains.
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "",
            "{}",
            unit.display()
        );
        assert!(output.status.success());
    }
}

#[test]
fn the_sandbox_is_as_tight_as_promised() {
    for unit in units(&["service"]) {
        // Tenths of systemd's exposure level. The transcoder may touch the graphics devices.
        let most = if path(&unit).contains("transcoder") {
            "17"
        } else {
            "12"
        };
        let threshold = format!("--threshold={most}");
        let arguments = [
            "security",
            "--offline=true",
            "--no-pager",
            &threshold,
            path(&unit),
        ];
        let Some(output) = systemd("systemd-analyze", &arguments) else {
            return;
        };
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[test]
fn the_journal_takes_the_catalog() {
    let root = Directory::new("catalog");
    let installed = root.0.join("usr/lib/systemd/catalog");
    fs::create_dir_all(&installed).unwrap();
    fs::create_dir_all(root.0.join("var/lib/systemd/catalog")).unwrap();
    let catalog = fs::read_to_string(Path::new(UNITS).join("footlight.catalog")).unwrap();
    fs::write(installed.join("footlight.catalog"), &catalog).unwrap();
    let root = format!("--root={}", path(&root.0));
    let Some(updated) = systemd("journalctl", &[&root, "--update-catalog"]) else {
        return;
    };
    assert_eq!(String::from_utf8_lossy(&updated.stderr), "");
    let listed = systemd("journalctl", &[&root, "--list-catalog"]).unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let entries = catalog
        .lines()
        .filter(|line| line.starts_with("-- "))
        .count();
    assert_eq!(listed.lines().count(), entries, "{listed}");
}

/// The files of our units with one of these endings.
fn units(endings: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(UNITS).unwrap();
    let mut units: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    units.retain(|unit| {
        unit.extension()
            .is_some_and(|e| endings.contains(&e.to_str().unwrap()))
    });
    assert!(units.len() >= 3);
    units
}

/// Runs one of systemd's tools; nothing where it is not installed.
fn systemd(tool: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(tool)
        .args(arguments)
        .env_remove("SYSTEMD_LOG_LEVEL")
        .output();
    if output.is_err() {
        println!("NOT JUDGED: {tool} is not installed");
    }
    output.ok()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A directory of its own for one test; removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}
