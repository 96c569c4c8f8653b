//! RTMP under TLS and behind a load balancer, as encoders and players meet it.

use std::{fs, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, bail};
use rtmp::client::Purpose;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tests::{Authority, Clip, Encoder, Entrance, Peer, Picture, RunDirectory, quiet_ffmpeg};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

const ENDED: &str = "footlight_mux_connections_ended_total";
const EXPIRY: &str = "footlight_mux_certificate_expiry_timestamp_seconds";

/// A mux with both listeners, whose certificate the authority has made.
fn start(authority: &Authority) -> Result<Entrance> {
    Entrance::with(|directory| {
        write(directory, authority)?;
        let at = directory.path();
        Ok(format!(
            "[rtmps]\nlisten = \"127.0.0.1:0\"\ncertificate = {:?}\nkey = {:?}\n{}",
            at.join("certificate.pem"),
            at.join("key.pem"),
            Entrance::stream("stage", "stage-publishes", "stage-plays"),
        ))
    })
}

fn write(directory: &RunDirectory, authority: &Authority) -> Result<()> {
    directory.write("key.pem", &authority.key)?;
    directory.write("certificate.pem", &authority.certificate)?;
    Ok(())
}

#[tokio::test]
async fn a_show_comes_in_and_goes_out_under_tls_and_a_new_certificate_disturbs_nobody() -> Result<()>
{
    let authority = Authority::new()?;
    let mut entrance = start(&authority)?;
    let address = entrance.address("rtmps")?;
    let clip = Clip::of(Picture::Small)?;
    let url = |key: &str| format!("rtmps://localhost:{}/live/{key}", address.port());
    let mut encoder = entrance.publish_to(&url("stage-publishes"), &clip)?;
    let mut player =
        Peer::connect(entrance.address("rtmp")?, b"", Purpose::Play, "stage-plays").await?;
    player.next().await?;

    // ffmpeg plays under TLS, too.
    let mut play = quiet_ffmpeg();
    play.args([
        "-i",
        &url("stage-plays"),
        "-frames:v",
        "90",
        "-f",
        "null",
        "-",
    ]);
    let mut played = Encoder::other(&mut play, "play", entrance.directory())?;
    assert!(played.exited()?.success(), "{}", played.complaints());

    let mut watcher = handshake(address, &authority.root).await?;
    let renewed = Authority::new()?;
    // Half of it first: what cannot be used is not.
    fs::write(entrance.directory().join("key.pem"), "no key")?;
    entrance.mux.wait_for_line("a complaint", |line| {
        line.contains("the new certificate is not used")
            .then_some(())
    })?;
    handshake(address, &authority.root).await?;
    fs::write(entrance.directory().join("key.pem"), &renewed.key)?;
    fs::write(
        entrance.directory().join("certificate.pem"),
        &renewed.certificate,
    )?;
    entrance.mux.wait_for_line("the new certificate", |line| {
        line.contains("the certificate has changed").then_some(())
    })?;
    handshake(address, &renewed.root).await?;
    assert!(handshake(address, &authority.root).await.is_err());
    // Who was connected still is: the encoder, and one who has said nothing yet.
    watcher.write_all(&[3]).await?;
    watcher.flush().await?;
    assert!(encoder.is_running());
    for _ in 0..60 {
        player.next().await?;
    }
    assert!(entrance.mux.admin()?.metric(EXPIRY, "")? > 1e9);
    assert!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    Ok(())
}

async fn handshake(
    address: SocketAddr,
    root: &str,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost")?;
    Ok(connector.connect(name, socket).await?)
}

#[tokio::test]
async fn the_wrong_port_is_told_with_what_to_type_into_obs() -> Result<()> {
    let entrance = start(&Authority::new()?)?;
    let rtmps = entrance.address("rtmps")?;
    let advice = format!("the Server is rtmps://HOST:{}/live", rtmps.port());
    for (address, said, class, told) in [
        (
            entrance.address("rtmp")?,
            &b"\x16\x03\x01\x02\x00\x01"[..],
            "tls_on_rtmp",
            true,
        ),
        (rtmps, &[3; 1537], "not_tls", false),
    ] {
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(said).await?;
        // Closed, in whatever way.
        let _closed = socket.read_to_end(&mut Vec::new()).await;
        let admin = entrance.mux.admin()?;
        admin.wait_for_metric(ENDED, &format!("class=\"{class}\""), 1.0)?;
        if told {
            entrance
                .mux
                .wait_for_line("advice", |line| line.contains(&advice).then_some(()))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_load_balancer_says_who_comes_and_nobody_else_may() -> Result<()> {
    let stream = Entrance::stream("stage", "stage-publishes", "stage-plays");
    let behind = Entrance::start(&format!("proxy_from = [\"127.0.0.1\"]\n{stream}"))?;
    let address = behind.address("rtmp")?;
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 1935\r\n";
    let _peer = Peer::connect(address, header, Purpose::Publish, "stage-publishes").await?;
    behind.mux.wait_for_line("the real address", |line| {
        let publishes = line.contains("publishes") && line.contains("192.0.2.7:40000");
        publishes.then_some(())
    })?;
    let admin = behind.mux.admin()?;
    if Peer::connect(address, b"", Purpose::Publish, "stage-publishes")
        .await
        .is_ok()
    {
        bail!("a named proxy was let in without a header");
    }
    admin.wait_for_metric(ENDED, "class=\"no_proxy_header\"", 1.0)?;

    // One address in front of it takes its places, and no more.
    let header = b"PROXY TCP4 192.0.2.9 192.0.2.1 1 1935\r\n";
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(header).await?;
        waiting.push(socket);
    }
    admin.wait_for_metric(ENDED, "class=\"crowded\"", 8.0)?;
    let header = b"PROXY TCP4 192.0.2.10 192.0.2.1 1 1935\r\n";
    Peer::connect(address, header, Purpose::Publish, "stage-publishes").await?;

    // Whoever is not named may not speak for others.
    let open = Entrance::start(&stream)?;
    let refused = Peer::connect(
        open.address("rtmp")?,
        header,
        Purpose::Publish,
        "stage-publishes",
    );
    refused.await.err().context("a header was believed")?;
    let admin = open.mux.admin()?;
    admin.wait_for_metric(ENDED, "class=\"not_rtmp\"", 1.0)?;
    Ok(())
}
