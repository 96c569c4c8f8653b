//! `footlight-distributor capacity`, as an operator types it.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::stage::{Identity, Origin, ok, status, write};

const INDEX: &str =
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2500000,AVERAGE-BANDWIDTH=2000000\n720p/media.m3u8\n";

/// The exit code, standard output and standard error.
fn capacity(config: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_footlight-distributor"));
    let command = command.arg("capacity").args(arguments);
    let output = command.arg("--config").arg(config).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_line_that_is_not_configured_is_given_on_the_command_line() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capacity-line");
    fs::create_dir_all(&directory).unwrap();
    let config = directory.join("distributor.toml");
    fs::write(&config, "[https]\n").unwrap();
    let (code, _, said) = capacity(&config, &[]);
    assert_eq!(code, Some(64));
    assert!(
        said.contains("[limits] egress") && said.contains("--egress"),
        "{said}"
    );
    let (code, told, _) = capacity(&config, &["--egress", "1000M"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("A line of 1.0 Gb/s carries"), "{told}");
    fs::write(&config, "[limits]\negress = \"500M\"\n").unwrap();
    let (code, told, _) = capacity(&config, &["--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["egress"]), (Some(0), &500_000_000.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_qualities_of_a_stream_are_asked_of_its_transcoder() {
    let origin = Origin::start(|target| async move {
        match target.as_str() {
            "/live/stage/index.m3u8" => ok(INDEX),
            _ => status(404),
        }
    })
    .await;
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capacity-stream");
    fs::create_dir_all(&directory).unwrap();
    let more = "limits.egress = \"100M\"";
    let config = write(&directory, &[origin.address], &Identity::new(), more);
    let asked = |stream: &'static str| {
        let config = config.clone();
        tokio::task::spawn_blocking(move || capacity(&config, &[stream, "--json"]))
    };
    let (code, told, said) = asked("stage").await.unwrap();
    assert_eq!(code, Some(0), "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["renditions"][0]["rendition"], "720p");
    assert_eq!(told["renditions"][0]["viewers"], 37);
    let (code, _, said) = asked("hall").await.unwrap();
    assert_eq!(code, Some(69));
    assert!(said.contains("is it on the air?"), "{said}");
}
