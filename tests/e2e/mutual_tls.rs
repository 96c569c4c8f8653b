//! TLS between distributor and transcoder, with a certificate on either side, and the cluster's secret on top.

use anyhow::{Context, Result, ensure};
use tests::{Authority, Clip, Daemon, Picture, Plan, Program, Recording, STAGE, Viewer, decode};

use crate::{media, multivariant, start};

/// Waits until the daemon has told its operator so.
fn told(daemon: &Daemon, words: &str) -> Result<()> {
    daemon.wait_for_line(words, |line| line.contains(words).then_some(()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boxes_talk_once_they_show_the_right_certificates_and_share_the_secret() -> Result<()> {
    let mut stage = start(Plan {
        rungs: Vec::new(),
        tls: true,
        ..Plan::default()
    });
    let path = stage.directory().path().to_owned();
    let names = ["upstream.pem", "upstream-key.pem"];
    let right = names.map(|name| std::fs::read(path.join(name)));
    let stranger = Authority::new()?;
    let _encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;

    // A second one, that shows what another authority has issued.
    for (name, content) in names.iter().zip([&stranger.certificate, &stranger.key]) {
        stage
            .directory()
            .write(&format!("stranger-{name}"), content)?;
    }
    let config = std::fs::read_to_string(path.join("distributor.toml"))?;
    let shows_wrong = config.replace("upstream", "stranger-upstream");
    let shows_wrong = shows_wrong.replace("[stranger-upstream]", "[upstream]");
    let file = stage.directory().write("stranger.toml", shows_wrong)?;
    let refused = Daemon::start(Program::Distributor, "stranger", &file, &path)?;
    refused.wait_until_ready()?;
    let root = std::fs::read_to_string(stage.root_certificate())?;
    let viewer = Viewer::connect(refused.listener("https")?, &root).await?;
    let index = format!("/live/{}/index.m3u8", STAGE.name);
    ensure!(viewer.get(&index).await?.status.is_server_error());
    told(
        &refused,
        "the origin is out of use: TLS fails: received fatal alert",
    )?;

    // It is renewed, and shown without a restart.
    for (name, content) in names.iter().zip(right) {
        stage
            .directory()
            .write(&format!("stranger-{name}"), content?)?;
    }
    viewer.wait_for(&index).await?;

    // A third trusts nobody that the transcoder knows.
    let distrusts = stage.directory().write("distrusts.pem", &stranger.root)?;
    let distrusts = config.replace(
        &format!("{:?}", path.join("authority.pem").to_string_lossy()),
        &format!("{:?}", distrusts.to_string_lossy()),
    );
    let file = stage.directory().write("distrusts.toml", distrusts)?;
    let distrusts = Daemon::start(Program::Distributor, "distrusts", &file, &path)?;
    distrusts.wait_until_ready()?;
    let viewer = Viewer::connect(distrusts.listener("https")?, &root).await?;
    ensure!(viewer.get(&index).await?.status.is_server_error());
    told(&distrusts, "TLS fails: invalid peer certificate")?;

    // A fourth has the right certificate and another secret.
    let secret = stage
        .directory()
        .write("other-secret", "0123456789abcdef")?;
    let file = config.replace(
        &format!("{:?}", path.join("cluster-secret").to_string_lossy()),
        &format!("{:?}", secret.to_string_lossy()),
    );
    let file = stage.directory().write("unknown.toml", file)?;
    let unknown = Daemon::start(Program::Distributor, "unknown", &file, &path)?;
    unknown.wait_until_ready()?;
    let viewer = Viewer::connect(unknown.listener("https")?, &root).await?;
    ensure!(viewer.get(&index).await?.status.is_server_error());
    told(&unknown, "it does not accept our token")?;

    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "audio"]).await?;
    let source = Recording::follow(&viewer, &media(STAGE, "source"), 2).await?;
    let file = path.join("source.mp4");
    std::fs::write(&file, source.all()?)?;
    ensure!(decode(&file).context("source")?.frames > 30);
    stage.check_unharmed()
}
