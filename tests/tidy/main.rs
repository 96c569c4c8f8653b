//! House rules that a machine can check: what a reviewer should never have to write twice.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// At 400 lines a file is questioned; beyond this it holds a second concept.
const MOST_LINES: usize = 450;

/// What a file marked `[pure]` may not name outside its tests.
const IMPURE: [&str; 11] = [
    "tokio",
    "hyper",
    "gstreamer",
    "TcpListener",
    "TcpStream",
    "UnixStream",
    "std::fs",
    "std::env",
    "std::thread",
    "Instant::now",
    "SystemTime",
];

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        let path = self.path.to_string_lossy();
        path.ends_with("tests.rs") || path.contains("/tests/") || path.contains("/e2e/")
    }

    /// The text up to a test module at its foot.
    fn product(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }
}

/// Every Rust file that git knows of or would take.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests has a parent");
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                let skip = ["target", "node_modules", "dist", "corpus", "artifacts"];
                if !name.to_string_lossy().starts_with('.') && !skip.iter().any(|s| name == *s) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).expect("UTF-8");
                let path = path.strip_prefix(root).expect("below the root").to_owned();
                found.push(Source { path, text });
            }
        }
    }
    assert!(found.len() > 50, "the search finds the sources");
    found
}

fn assert_none(rule: &str, offenders: Vec<String>) {
    assert!(
        offenders.is_empty(),
        "{rule}:\n  {}",
        offenders.join("\n  ")
    );
}

#[test]
fn a_file_says_first_what_it_owns() {
    let silent = sources().into_iter().filter(|s| {
        let fuzz_target = s.text.starts_with("#![no_main]");
        !s.is_test() && !fuzz_target && !s.text.starts_with("//!")
    });
    assert_none(
        "files that do not open with //!",
        silent.map(|s| s.path.display().to_string()).collect(),
    );
}

#[test]
fn a_file_holds_one_concept() {
    let long = sources()
        .into_iter()
        .filter(|s| !s.is_test())
        .filter_map(|s| {
            let lines = s.product().lines().count();
            (lines > MOST_LINES).then(|| format!("{} lines: {}", lines, s.path.display()))
        });
    assert_none(
        &format!("files of more than {MOST_LINES} lines"),
        long.collect(),
    );
}

#[test]
fn a_pure_file_names_no_runtime_clock_or_socket() {
    let mut impure = Vec::new();
    for source in sources()
        .iter()
        .filter(|s| s.text.starts_with("//! [pure]"))
    {
        for (number, line) in source.product().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = IMPURE.iter().find(|word| code.contains(*word)) {
                impure.push(format!("{}:{}: {word}", source.path.display(), number + 1));
            }
        }
    }
    assert_none("[pure] files that are not", impure);
}

#[test]
fn nothing_is_left_unfinished_or_called_utils() {
    let marks = ["TO", "FIX", "XX", "HA"]
        .into_iter()
        .zip(["DO", "ME", "X", "CK"]);
    let marks: Vec<String> = marks.map(|(a, b)| format!("{a}{b}")).collect();
    let mut found = Vec::new();
    for source in sources() {
        let stem = source
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if [
            "utils", "util", "helpers", "helper", "common", "manager", "misc",
        ]
        .contains(&stem.as_str())
        {
            found.push(format!(
                "{}: a name that admits everything",
                source.path.display()
            ));
        }
        for (number, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| {
                line.split(|c: char| !c.is_alphanumeric())
                    .any(|word| word == mark)
            }) {
                found.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert_none("unfinished business", found);
}
