//! `footlight-X doctor`: beside daemons that are well, and beside each trouble that a volunteer may meet.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;
use tests::{Plan, Program, Stage};

use crate::onebox::free_ports;

/// What one of them found.
struct Examined {
    code: Option<i32>,
    report: Value,
}

impl Examined {
    /// By this daemon's doctor, with the configuration `name` of the stage's directory.
    fn by(program: Program, stage: &Stage, name: &str) -> Result<Self> {
        let config = stage.directory().path().join(name);
        let mut command = Command::new(program.path()?);
        let output = command
            .args(["doctor", "--json", "--config"])
            .arg(config)
            .output()?;
        let report = serde_json::from_slice(&output.stdout);
        Ok(Self {
            code: output.status.code(),
            report: report.with_context(|| format!("{output:?}"))?,
        })
    }

    fn findings(&self) -> impl Iterator<Item = &Value> {
        self.report["findings"].as_array().into_iter().flatten()
    }

    /// The finding that has `part` in its sentence.
    fn find(&self, part: &str) -> Result<&Value> {
        let has = |finding: &&Value| {
            let sentence = finding["sentence"].as_str();
            sentence.is_some_and(|sentence| sentence.contains(part))
        };
        let found = self.findings().find(has);
        found.with_context(|| format!("nobody says {part:?}: {:#}", self.report))
    }

    /// Something must be put right, and this says what, and what to type.
    fn expect(&self, part: &str, remedy: &str) -> Result<()> {
        let found = self.find(part)?;
        ensure!(self.code == Some(2), "{:?}", self.code);
        ensure!(found["verdict"] == "failure", "{found}");
        let told = found["remedy"].as_str().unwrap_or_default();
        ensure!(told.contains(remedy), "{found}");
        Ok(())
    }
}

const ALL: [(Program, &str); 3] = [
    (Program::Mux, "mux.toml"),
    (Program::Transcoder, "transcoder-1.toml"),
    (Program::Distributor, "distributor.toml"),
];

/// A box at ports that the configurations name, so that the daemons are found by them.
fn stage(from: u16) -> Result<Stage> {
    let (_, ports) = free_ports(from).context("no ports are free")?;
    Ok(crate::start(Plan {
        ports,
        ..Plan::default()
    }))
}

#[test]
fn daemons_that_are_well_are_found_well() -> Result<()> {
    let stage = stage(30_000)?;
    for (program, config) in ALL {
        let examined = Examined::by(program, &stage, config)?;
        let bad = examined.findings().find(|one| one["verdict"] == "failure");
        assert_eq!(bad, None, "{:#}", examined.report);
        ensure!(matches!(examined.code, Some(0 | 1)), "{:?}", examined.code);
        examined.find("it is good")?;
        examined.find("answers, as it is installed")?;
        examined.find("listens there")?;
    }
    let mux = Examined::by(Program::Mux, &stage, "mux.toml")?;
    mux.find("and knows us")?;
    let distributor = Examined::by(Program::Distributor, &stage, "distributor.toml")?;
    distributor.find("and knows us, version")?;
    distributor.find("its clock and this box's agree")?;
    Ok(())
}

#[test]
fn each_trouble_is_told_with_what_to_type() -> Result<()> {
    let mut stage = stage(34_000)?;
    let directory = stage.directory().path().to_owned();
    let changed = |name: &str, from: &str, to: &str| -> Result<String> {
        let text = std::fs::read_to_string(directory.join(name))?;
        ensure!(text.contains(from), "{text}");
        let other = format!("other-{name}");
        std::fs::write(directory.join(&other), text.replace(from, to))?;
        Ok(other)
    };

    // Two boxes that were not given one secret.
    stage
        .directory()
        .write("other-secret", "0123456789abcdef0123456789abcdef")?;
    let strange = changed("mux.toml", "cluster-secret", "other-secret")?;
    let mux = Examined::by(Program::Mux, &stage, &strange)?;
    mux.expect("different cluster secrets", "the same on both")?;
    let strange = changed("distributor.toml", "cluster-secret", "other-secret")?;
    let distributor = Examined::by(Program::Distributor, &stage, &strange)?;
    distributor.expect("different cluster secrets", "the same on both")?;

    // A slip of the pen.
    let slip = changed("mux.toml", "[segment]", "[segmant]")?;
    let mux = Examined::by(Program::Mux, &stage, &slip)?;
    mux.expect("did you mean segment?", "--check")?;

    // A name that leads nowhere and is in no certificate.
    let astray = "[https]\nhosts = [\"localhost\", \"live.invalid\"]\n";
    let named = changed("distributor.toml", "[https]\n", astray)?;
    let distributor = Examined::by(Program::Distributor, &stage, &named)?;
    distributor.expect("leads nowhere", "A record")?;
    distributor.expect("does not name live.invalid", "for all of these names")?;

    // A certificate that has expired.
    let mut params = CertificateParams::new(["localhost".to_owned()])?;
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2024, 4, 1);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    stage.directory().write("old.pem", certificate)?;
    stage
        .directory()
        .write("old-key.pem", key.serialize_pem())?;
    let old = changed("distributor.toml", "/certificate.pem", "/old.pem")?;
    let text = std::fs::read_to_string(directory.join(&old))?;
    std::fs::write(
        directory.join(&old),
        text.replace("/key.pem", "/old-key.pem"),
    )?;
    let distributor = Examined::by(Program::Distributor, &stage, &old)?;
    distributor.expect("the certificate has expired", "shown within seconds")?;

    // A box that is gone.
    let transcoder = stage.transcoders.first_mut().context("there is one")?;
    transcoder.kill()?;
    let mux = Examined::by(Program::Mux, &stage, "mux.toml")?;
    mux.expect("nothing listens there", "footlight-transcoder doctor")?;
    let distributor = Examined::by(Program::Distributor, &stage, "distributor.toml")?;
    distributor.expect("cannot be reached", "footlight-transcoder doctor")?;

    // A port that somebody else has taken meanwhile: this test.
    let https = stage.plan.ports.https;
    stage.distributor.kill()?;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, https))?;
    let distributor = Examined::by(Program::Distributor, &stage, "distributor.toml")?;
    let by = format!("(pid {})", std::process::id());
    distributor.expect(&format!("port {https} is taken by "), "sudo kill")?;
    distributor.expect(&by, "Or change [https] listen")?;
    distributor.expect("it does not answer", "journalctl")?;
    drop(taken);

    // As a person reads it.
    let config = directory.join("distributor.toml");
    let told = Command::new(Program::Distributor.path()?)
        .args(["doctor", "--config"])
        .arg(config)
        .output()?;
    let told = String::from_utf8(told.stdout)?;
    let wanted =
        format!("ok       ports          [https] 127.0.0.1:{https}: port {https} is free for it\n");
    ensure!(told.contains(&wanted), "{told}");
    ensure!(told.contains("                        -> "), "{told}");
    Ok(())
}
