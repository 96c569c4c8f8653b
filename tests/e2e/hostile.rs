//! What goes wrong at the door: a clear error or a quiet close, counted, and nobody else notices.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use live::{
    Msn,
    playlist::{MediaPlaylist, check, check::Rule},
};
use tests::{Clip, Encoder, Picture, Plan, Program, Recording, RunDirectory, STAGE, Stage, Viewer};

use crate::{HALL, assert_none, media, multivariant, start};

/// Connections that are opened and left alone, to each port.
const HALF_OPEN: usize = 40;
/// A peer that neither answers nor closes for so long has failed the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two streams, no encoder: what is tested is the doors.
fn plan() -> Plan {
    Plan {
        streams: vec![STAGE, HALL],
        rungs: Vec::new(),
        ..Plan::default()
    }
}

#[tokio::test]
async fn strangers_are_turned_away_and_the_show_goes_on() -> Result<()> {
    let mut stage = start(plan());
    let encoder = stage.publish(HALL, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, HALL, &["source"]).await?;
    let before = MediaPlaylist::parse(&viewer.fetch(&media(HALL, "source")).await?)?;

    let idle = half_open(&stage)?;
    strangers_are_refused_and_counted(&stage)?;
    garbage_on_every_port_is_closed(&stage)?;
    for (daemon, metric) in [
        (&stage.mux, "footlight_mux_connections_ended_total"),
        (
            &stage.transcoders[0],
            "footlight_transcoder_rtmp_connections_ended_total",
        ),
        (
            &stage.distributor,
            "footlight_distributor_handshakes_failed_total",
        ),
    ] {
        let counted = daemon.admin()?.metric(metric, "")?;
        assert!(
            counted >= 5.0,
            "{metric} is {counted} after all that garbage"
        );
    }

    // The other stream: still live, still valid, for viewers who come and viewers who stay.
    let newcomer = stage.viewer().await?;
    let recording = Recording::follow(&newcomer, &media(HALL, "source"), 2).await?;
    assert_none("hall", &check::successive(&before, recording.last()?));
    for (msn, segment) in recording
        .last()?
        .numbered()
        .filter(|(msn, _)| *msn >= before.open_msn())
    {
        assert!(
            !segment.gap && !segment.head.discontinuity,
            "hall was interrupted at {msn}"
        );
    }
    drop(idle);
    drop(encoder);
    stage.check_unharmed()
}

fn strangers_are_refused_and_counted(stage: &Stage) -> Result<()> {
    let clip = Clip::of(Picture::Small)?;
    let [mux, transcoder] = [&stage.mux, &stage.transcoders[0]];
    let ended = "footlight_transcoder_rtmp_connections_ended_total";
    for (daemon, app, key, metric, label) in [
        (
            mux,
            "live",
            "not-the-key",
            "footlight_mux_refused_keys_total",
            "",
        ),
        (
            mux,
            "live",
            STAGE.name,
            "footlight_mux_refused_keys_total",
            "",
        ),
        (
            mux,
            "other",
            STAGE.key,
            "footlight_mux_refused_apps_total",
            "",
        ),
        // Past mux, without the cluster's token.
        (transcoder, "live", STAGE.name, ended, "refused"),
        (transcoder, "live", "stage?token=00", ended, "refused"),
    ] {
        let admin = daemon.admin()?;
        let before = admin.metric(metric, label)?;
        let url = format!("rtmp://{}/{app}/{key}", daemon.listener("rtmp")?);
        let mut ffmpeg = stage.publish_to(&url, &clip)?;
        let status = ffmpeg.exited()?;
        assert!(!status.success(), "{app}/{key} was accepted");
        let after = admin.metric(metric, label)?;
        assert!(after > before, "{app}/{key} was not counted in {metric}");
    }
    let told = stage.mux.log().concat();
    assert!(
        !told.contains("not-the-key"),
        "a key is in the log, if a wrong one"
    );
    assert!(!told.contains(STAGE.key), "a key is in the log");
    Ok(())
}

/// Every listener of every daemon.
fn doors(stage: &Stage) -> Result<Vec<(String, SocketAddr)>> {
    let mut doors = Vec::new();
    for daemon in stage.daemons() {
        let (_, status) = daemon.admin()?.get("/status")?;
        let status: serde_json::Value = serde_json::from_str(&status)?;
        let listeners = status
            .get("listeners")
            .and_then(|l| l.as_object())
            .context("listeners")?;
        for (name, address) in listeners {
            let address = address.as_str().context("an address")?.parse()?;
            doors.push((format!("{} {name}", status["name"]), address));
        }
    }
    assert!(doors.len() >= 8, "{doors:?}");
    Ok(doors)
}

fn half_open(stage: &Stage) -> Result<Vec<TcpStream>> {
    let mut idle = Vec::new();
    for (name, address) in doors(stage)? {
        // An admin listener has room for few, by design.
        let count = if name.ends_with("admin") {
            4
        } else {
            HALF_OPEN
        };
        for n in 0..count {
            let mut stream = TcpStream::connect(address).with_context(|| name.clone())?;
            // Some say nothing, some stop within the first word of RTMP, of TLS, or of HTTP.
            let begun: &[u8] = match n % 4 {
                0 => b"",
                1 => b"\x03\x00\x00\x00\x00\x00",
                2 => b"\x16\x03\x01\x02\x00\x01",
                _ => b"GET /live/stage/index.m3u8 HTTP/1.1\r\nHost:",
            };
            stream.write_all(begun)?;
            idle.push(stream);
        }
    }
    Ok(idle)
}

fn garbage_on_every_port_is_closed(stage: &Stage) -> Result<()> {
    for (name, address) in doors(stage)? {
        for garbage in garbage() {
            let mut stream = TcpStream::connect(address).with_context(|| name.clone())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            // The peer may close before it has read all; that is what it should do.
            let _closed_early = stream.write_all(&garbage);
            let _closed_early = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            if let Err(error) = stream.read_to_end(&mut answer) {
                let waited = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!waited, "{name} keeps a connection that speaks garbage");
            }
            let served = answer.starts_with(b"HTTP/1.1 2");
            assert!(!served, "{name}: garbage was answered with success");
        }
    }
    Ok(())
}

/// Noise; RTMP, TLS and HTTP that go wrong after a good start.
fn garbage() -> Vec<Vec<u8>> {
    // xorshift64: the same noise in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = |len: usize| -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes
    };
    vec![
        noise(64),
        noise(65_536),
        [vec![3], noise(1536 + 1536 + 8192)].concat(),
        [vec![3], vec![0; 1536 + 1536], vec![0xff; 4096]].concat(),
        [b"\x16\x03\x01\x40\x00".to_vec(), noise(16_384)].concat(),
        vec![0; 4096],
        [b"GET / HTTP/1.1\r\n".to_vec(), vec![b'a'; 65_536]].concat(),
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), noise(1024)].concat(),
        b"\r\n\r\n\r\n\r\n".to_vec(),
    ]
}

#[tokio::test]
async fn a_publisher_that_dies_or_hangs_comes_back_into_the_same_show() -> Result<()> {
    let mut stage = start(plan());
    let clip = Clip::of(Picture::Small)?;
    let mut encoder = stage.publish(STAGE, &clip)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source"]).await?;
    let path = media(STAGE, "source");
    let mut before = Recording::follow(&viewer, &path, 1).await?;

    for end in [Encoder::kill, Encoder::freeze] {
        end(&mut encoder)?;
        // A frozen one stays connected: the newcomer with the same key wins.
        let newcomer = stage.publish(STAGE, &clip)?;
        let after = until_media_after(&viewer, &path, before.last()?.open_msn()).await?;
        assert_none(
            "over the reconnect",
            &check::successive(before.last()?, after.last()?),
        );
        assert!(!after.last()?.end_list);
        for (msn, segment) in after.last()?.numbered() {
            assert!(
                !segment.head.discontinuity,
                "{msn}: the configuration is the same"
            );
        }
        // The last frame before the hole is stretched to its end; the part that holds it must not say so.
        let mut findings = check::media(after.last()?);
        findings.retain(|finding| finding.rule != Rule::PartsAddUp);
        assert_none("after the reconnect", &findings);
        before = after;
        drop(std::mem::replace(&mut encoder, newcomer));
    }
    stage.check_unharmed()
}

/// Follows until two segments with media came after the number `msn`.
async fn until_media_after(viewer: &Viewer, path: &str, msn: Msn) -> Result<Recording> {
    let mut enough = 2;
    loop {
        let recording = Recording::follow(viewer, path, enough).await?;
        let with_media = recording.last()?.numbered();
        let with_media = with_media.filter(|(n, s)| *n > msn && !s.gap).count();
        if with_media >= 2 {
            return Ok(recording);
        }
        enough += 1;
    }
}

#[test]
fn a_configuration_with_a_typo_is_refused_by_file_line_and_nearest_spelling() -> Result<()> {
    let directory = RunDirectory::new()?;
    for (program, text, line, typo, meant) in [
        (
            Program::Mux,
            "[rtmp]\nlisten = \"127.0.0.1:0\"\nconections = 9\n",
            3,
            "conections",
            "connections",
        ),
        (
            Program::Transcoder,
            "[rtmp]\nlisten = \"127.0.0.1:0\"\n\n[orgin]\n",
            4,
            "orgin",
            "origin",
        ),
        (
            Program::Distributor,
            "[https]\ncertificat = \"/none.pem\"\n",
            2,
            "certificat",
            "certificate",
        ),
    ] {
        let file = directory.write("typo.toml", text)?;
        for check in [true, false] {
            let mut daemon = Command::new(program.path()?);
            daemon.arg("--config").arg(&file).stdin(Stdio::null());
            if check {
                daemon.arg("--check");
            }
            let output = daemon.output()?;
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(64), "{}: {told}", program.file());
            let place = format!("{}:{line}", file.display());
            for wanted in [place.as_str(), typo, meant] {
                assert!(
                    told.contains(wanted),
                    "{}: {wanted:?} is not in: {told}",
                    program.file()
                );
            }
            assert!(!told.contains("panicked"), "{told}");
        }
    }
    Ok(())
}
