//! The three configurations of one box, as an operator would write them.

use std::{fmt::Write, net::SocketAddr, path::Path};

use sha2::{Digest, Sha256};

use crate::Ports;

/// A stream that may be published, and by which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Its public name.
    pub name: &'static str,
    /// Its key.
    pub key: &'static str,
}

/// The stream of `make run`.
pub const STAGE: Stream = Stream {
    name: "stage",
    key: "stage-dev",
};

/// What a box is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where everything listens. With more than one transcoder all ports must be 0.
    pub ports: Ports,
    /// Every stream that may be published.
    pub streams: Vec<Stream>,
    /// How many transcoders; each stream goes to two of them.
    pub transcoders: usize,
    /// How many distributors. More than one have addresses of their own, and are each other's peers.
    pub distributors: u16,
    /// Height and bit rate of each encoded rung.
    pub rungs: Vec<(u16, &'static str)>,
    /// Whether the transcoder examines its encoders: seconds of all cores, beside a show whose pace is tested. Else it
    /// is x264, then openh264.
    pub exam: bool,
    /// How long a stream outlives its publisher.
    pub hold: &'static str,
    /// Whether shows are recorded, in `{name}-recordings` of each transcoder.
    pub record: bool,
    /// Whether distributor and transcoders talk by TLS and want each other's certificates. The distributor's lie in
    /// `upstream.pem` and `upstream-key.pem`.
    pub tls: bool,
    /// More lines for the transcoders' configuration: whole sections.
    pub transcoder_extra: &'static str,
    /// The same for the distributors'.
    pub distributor_extra: &'static str,
}

impl Default for Plan {
    /// Free ports, the stream `stage`, one transcoder, one rung of 480 lines, mux's own hold.
    fn default() -> Self {
        Self {
            ports: Ports::default(),
            streams: vec![STAGE],
            transcoders: 1,
            distributors: 1,
            rungs: vec![(480, "1400k")],
            exam: false,
            hold: "5m",
            record: false,
            tls: false,
            transcoder_extra: "",
            distributor_extra: "",
        }
    }
}

/// A transcoder that runs, as the others are told of it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) rtmp: SocketAddr,
    pub(crate) origin: SocketAddr,
}

/// Name of the file that holds the cluster secret.
pub(crate) const SECRET: &str = "cluster-secret";
pub(crate) const CERTIFICATE: &str = "certificate.pem";
pub(crate) const KEY: &str = "key.pem";
/// Name of the authority's certificate.
pub(crate) const ROOT: &str = "authority.pem";
/// What the distributor shows to transcoders, in [`Plan::tls`].
pub(crate) const UPSTREAM: [&str; 2] = ["upstream.pem", "upstream-key.pem"];

/// Sections that all three have: admin listener, and the cluster secret in `directory`.
fn chassis(admin: u16, directory: &Path) -> String {
    let secret = quote(&directory.join(SECRET));
    format!(
        "[admin]\nlisten = \"127.0.0.1:{admin}\"\n\n[cluster]\nsecret = {{ file = {secret} }}\n\n"
    )
}

pub(crate) fn mux(plan: &Plan, directory: &Path, members: &[Member]) -> String {
    let mut out = format!(
        "state_directory = {}\n\n[rtmp]\nlisten = \"127.0.0.1:{}\"\n\n\
         [rtmps]\nlisten = \"127.0.0.1:{}\"\ncertificate = {}\nkey = {}\n\n\
         [segment]\nhold = \"{}\"\n\n{}",
        quote(&directory.join("mux-state")),
        plan.ports.mux_rtmp,
        plan.ports.mux_rtmps,
        quote(&directory.join(CERTIFICATE)),
        quote(&directory.join(KEY)),
        plan.hold,
        chassis(plan.ports.mux_admin, directory),
    );
    for member in members {
        section(
            &mut out,
            "transcoder",
            &[
                ("name", &member.name),
                ("address", &member.rtmp.to_string()),
            ],
        );
    }
    for stream in &plan.streams {
        section(&mut out, "stream", &[("name", stream.name)]);
        let hash = hex::encode(Sha256::digest(stream.key));
        out.truncate(out.trim_end().len());
        out.push_str(&format!("\npublish = [{{ sha256 = \"{hash}\" }}]\n\n"));
    }
    out
}

pub(crate) fn transcoder(plan: &Plan, directory: &Path, name: &str) -> String {
    let rungs: Vec<String> = plan
        .rungs
        .iter()
        .map(|(height, bitrate)| format!("{{ height = {height}, bitrate = \"{bitrate}\" }}"))
        .collect();
    let encoder = match plan.exam {
        true => {
            let verdicts = quote(&directory.join(format!("{name}-exam.json")));
            format!("[encoder]\nverdicts = {verdicts}\n\n")
        }
        false => "[encoder]\norder = [\"x264\", \"openh264\"]\nexam = false\n\n".to_owned(),
    };
    let [certificate, key, root] =
        [CERTIFICATE, KEY, ROOT].map(|name| quote(&directory.join(name)));
    let tls = match plan.tls {
        true => format!("certificate = {certificate}\nkey = {key}\nclient_ca = {root}\n"),
        false => String::new(),
    };
    format!(
        "[rtmp]\nlisten = \"127.0.0.1:{}\"\n\n[origin]\nlisten = \"127.0.0.1:{}\"\n{tls}\n\
         [archive]\ndirectory = {}\nstop_at_free = \"64MiB\"\n\n\
         [recording]\nrecord = {}\ndirectory = {}\nstop_at_free = \"64MiB\"\n\n{}{encoder}{}[ladder]\nrungs = [{}]\n",
        plan.ports.transcoder_rtmp,
        plan.ports.origin,
        quote(&directory.join(format!("{name}-archive"))),
        plan.record,
        quote(&directory.join(format!("{name}-recordings"))),
        chassis(plan.ports.transcoder_admin, directory),
        plan.transcoder_extra,
        rungs.join(", "),
    )
}

/// `listen`: where viewers are.
pub(crate) fn distributor(
    plan: &Plan,
    directory: &Path,
    listen: SocketAddr,
    members: &[Member],
) -> String {
    let mut out = format!(
        "[https]\nlisten = \"{listen}\"\ncertificate = {}\nkey = {}\n\n[http]\nlisten = \"127.0.0.1:{}\"\n\n{}",
        quote(&directory.join(CERTIFICATE)),
        quote(&directory.join(KEY)),
        plan.ports.http,
        chassis(plan.ports.distributor_admin, directory),
    );
    out.push_str(plan.distributor_extra);
    if plan.tls {
        let [certificate, key] = UPSTREAM.map(|name| quote(&directory.join(name)));
        let root = quote(&directory.join(ROOT));
        let tls = format!("[upstream]\nca = {root}\ncertificate = {certificate}\nkey = {key}\n\n");
        out.push_str(&tls);
    }
    for member in members {
        section(
            &mut out,
            "transcoder",
            &[
                ("name", &member.name),
                ("address", &member.origin.to_string()),
            ],
        );
    }
    out
}

/// One more of an array of tables.
fn section(out: &mut String, name: &str, fields: &[(&str, &str)]) {
    let mut text = format!("[[{name}]]\n");
    for (key, value) in fields {
        // A String takes every write.
        let _infallible = writeln!(text, "{key} = \"{value}\"");
    }
    out.push_str(&text);
    out.push('\n');
}

/// A path as a TOML string.
fn quote(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}
