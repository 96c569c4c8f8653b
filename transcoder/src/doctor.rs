//! What `footlight-transcoder doctor` looks at beyond what all daemons have: the graphics hardware that is to encode. Whether
//! it does is the exam's to say (`footlight-transcoder probe`).

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use live::doctor::{Area, Finding, Patient, Plan};
use nix::unistd::{Gid, Group};

use crate::{
    config::{ADMIN_PORT, Config, Raw},
    daemon::Transcoder,
};
use graphics::{Card, Graphics};

mod graphics;

/// Where what renders is.
const CARDS: &str = "/dev/dri";
/// Where Debian and others keep libraries.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
];

impl Patient for Transcoder {
    const ADMIN_PORT: u16 = ADMIN_PORT;

    fn plan(raw: &Raw, config: &Config) -> Plan {
        raw.plan(config)
    }

    async fn visit(config: Config) -> Vec<Finding> {
        let mut findings = graphics::judge(&config.encoder.order, &seen());
        findings.push(Finding::not_applicable(
            Area::Peers,
            "",
            "a transcoder asks nobody: mux and distributors come to it, and their doctors say whether they can",
        ));
        findings
    }
}

fn seen() -> Graphics {
    let entries = fs::read_dir(CARDS).into_iter().flatten().flatten();
    let nodes = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("renderD"));
    let card = |entry: fs::DirEntry| {
        let known = entry.metadata().ok()?;
        let group = Group::from_gid(Gid::from_raw(known.gid())).ok().flatten();
        Some(Card {
            path: entry.path().display().to_string(),
            group: group.map_or_else(|| known.gid().to_string(), |group| group.name),
            mode: known.mode(),
        })
    };
    let library = |name: &str| {
        let mut places = LIBRARIES.iter();
        places.any(|place| Path::new(place).join(name).exists())
    };
    Graphics {
        cards: nodes.filter_map(card).collect(),
        nvidia: Path::new("/dev/nvidiactl").exists(),
        nvidia_encodes: library("libnvidia-encode.so.1") && library("libcuda.so.1"),
    }
}
