//! Footlight end to end: the three real binaries, a real encoder, and what comes out over HTTPS.
//!
//! Each test has a box of its own on free ports. None waits for a time to pass; all wait for media to appear.

mod attack;
mod boxes;
mod browser;
mod clients;
mod codecs;
mod conformance;
mod control;
mod doctor;
mod dvr;
mod encoders;
mod ending;
mod floods;
mod follow;
mod full_disk;
mod health;
mod hostile;
mod mutual_tls;
mod obs;
mod onebox;
mod patience;
mod pictures;
mod playback;
mod reconnect;
mod recorded;
mod redundancy;
mod relay;
mod reload;
mod requests;
mod restart;
mod rtmps;
mod shapes;
mod show;
mod siege;
mod slate;
mod states;
mod streams;
mod successor;
mod upgrade;
mod upgrade_twin;
mod viewers;
mod watch;

use anyhow::{Context, Result};
use bytes::Bytes;
use live::playlist::{Multivariant, check::Finding};
use tests::{Plan, Stage, Stream, Viewer};

/// A second stream, which must not notice what happens to the first.
const HALL: Stream = Stream {
    name: "hall",
    key: "hall-dev",
};

/// A box, told of in the test's output.
fn start(plan: Plan) -> Stage {
    #[expect(clippy::print_stderr, reason = "a test that hangs has said where")]
    let progress = |step: &str| eprintln!("==> {step}");
    Stage::start(plan, progress).expect("the box starts")
}

/// The multivariant playlist of a stream, as soon as it offers these renditions: on a busy machine an encoder may need
/// a segment more than the source.
async fn multivariant(
    viewer: &Viewer,
    stream: Stream,
    renditions: &[&str],
) -> Result<Multivariant> {
    let path = format!("/live/{}/index.m3u8", stream.name);
    let offers_all = |text: &Bytes| {
        let offered = |name: &&str| {
            let uri = format!("{name}/media.m3u8?");
            text.split(|byte| *byte == b'\n')
                .any(|line| line.starts_with(uri.as_bytes()))
        };
        renditions.iter().all(offered)
    };
    let text = viewer.wait_until(&path, offers_all).await?;
    as_written(&String::from_utf8(text.to_vec())?)
}

/// A viewer's multivariant playlist as its origin wrote it: without the viewer's number, the same in every address.
fn as_written(text: &str) -> Result<Multivariant> {
    let (_, rest) = text.split_once("?v=").context("no viewer's number")?;
    let number = rest.get(..16).context("a viewer's number is longer")?;
    let written = text.replace(&format!("?v={number}"), "");
    anyhow::ensure!(!written.contains('?'), "{text}");
    Ok(Multivariant::parse(written.as_bytes())?)
}

/// The path of a rendition's media playlist.
fn media(stream: Stream, rendition: &str) -> String {
    format!("/live/{}/{rendition}/media.m3u8", stream.name)
}

/// Fails with one finding a line.
fn assert_none(what: &str, findings: &[Finding]) {
    let told: Vec<String> = findings
        .iter()
        .map(|finding| format!("\n  {finding}"))
        .collect();
    assert!(findings.is_empty(), "{what}:{}", told.concat());
}
