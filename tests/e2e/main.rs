//! Footlight end to end: the three real binaries, a real encoder, and what comes out over HTTPS.
//!
//! Each test has a box of its own on free ports. None waits for a time to pass; all wait for media to appear.

mod browser;
mod hostile;
mod obs;
mod onebox;
mod redundancy;
mod show;

use anyhow::Result;
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

/// The multivariant playlist of a stream, as soon as there is one.
async fn multivariant(viewer: &Viewer, stream: Stream) -> Result<Multivariant> {
    let text = viewer
        .wait_for(&format!("/live/{}/index.m3u8", stream.name))
        .await?;
    Ok(Multivariant::parse(&text)?)
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
