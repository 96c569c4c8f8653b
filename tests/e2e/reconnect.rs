//! OBS under TLS while mux is restarted and killed: its connection cannot be kept, so it comes back by itself, into the
//! show that a player on plain RTMP has never left.

use anyhow::{Result, ensure};
use rtmp::{MessageKind, client::Purpose};
use tests::{Authority, Entrance, Peer, Program, RunDirectory, Service};

use crate::obs::Obs;

const PUBLISH: &str = "reconnect-publish";
const PLAY: &str = "reconnect-play";
/// Pictures that show that a show goes on: two seconds of OBS's fifteen a second.
const GOES_ON: usize = 30;
/// Milliseconds between two pictures that nothing but an absence of OBS makes, which waits 2 s before it tries again.
const SEAM: u32 = 1_900;
/// The same beyond which the show would have ended: `[segment] hold`.
const HOLD: u32 = 5 * 60 * 1_000;

fn start(directory: &RunDirectory, authority: &Authority) -> Result<Service> {
    let state = directory.path().join("mux-state");
    let certificate = directory.write("certificate.pem", &authority.certificate)?;
    let key = directory.write("key.pem", &authority.key)?;
    let stream = Entrance::stream("stage", PUBLISH, PLAY);
    let configuration = format!(
        "state_directory = {state:?}\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [rtmps]\ncertificate = {certificate:?}\nkey = {key:?}\n{stream}"
    );
    let file = directory.write("mux.toml", configuration)?;
    let listeners = ["rtmp", "rtmps"];
    let service = Service::start(Program::Mux, &listeners, &file, directory.path())?;
    service.daemon.wait_until_ready()?;
    Ok(service)
}

/// A player, and the time of the newest picture that it has.
struct Player {
    peer: Peer,
    newest: Option<u32>,
}

impl Player {
    /// The next picture: how long after the one before, milliseconds, and whether it is a keyframe.
    async fn picture(&mut self) -> Result<(u32, bool)> {
        loop {
            let message = self.peer.next().await?;
            // Neither sound nor the codec's configuration.
            if message.kind == MessageKind::Video && message.payload.get(1) == Some(&1) {
                let newest = self.newest.replace(message.timestamp);
                let gap = message.timestamp.checked_sub(newest.unwrap_or_default());
                let key = message.payload.first() == Some(&0x17);
                ensure!(gap.is_some(), "time falls: {newest:?}, then {message:?}");
                return Ok((gap.unwrap_or_default(), key));
            }
        }
    }

    async fn goes_on(&mut self) -> Result<()> {
        for _ in 0..GOES_ON {
            self.picture().await?;
        }
        Ok(())
    }

    /// Reads on to where OBS was away.
    async fn seam(&mut self) -> Result<u32> {
        loop {
            let (gap, key) = self.picture().await?;
            if gap >= SEAM {
                ensure!(key, "a seam of {gap} ms without a keyframe");
                return Ok(gap);
            }
        }
    }
}

#[tokio::test]
async fn obs_under_tls_comes_back_by_itself_into_the_show_that_a_player_never_left() -> Result<()> {
    let (authority, directory) = (Authority::new()?, RunDirectory::new()?);
    let mut service = start(&directory, &authority)?;
    let root = directory.write("authority.pem", &authority.root)?;
    let mut player = Player {
        peer: Peer::connect(service.address("rtmp")?, b"", Purpose::Play, PLAY).await?,
        newest: None,
    };
    let port = service.address("rtmps")?.port();
    let url = format!("rtmps://localhost:{port}/live/{PUBLISH}");
    let _obs = Obs::publish(&url, &[], Some(&root))?;
    player.picture().await?;
    player.goes_on().await?;
    for blow in ["restart", "kill"] {
        // The player's.
        service.wait_until_stored("connection-", 1)?;
        if blow == "kill" {
            service.daemon.kill()?;
        } else {
            service.daemon.stop()?;
        }
        service.start_again()?;
        let gap = player.seam().await?;
        ensure!(gap < HOLD, "{blow}: a seam of {gap} ms");
        player.goes_on().await?;
        service.daemon.wait_for_line("the held stream", |line| {
            line.contains("held no more").then_some(())
        })?;
        ensure!(
            service.daemon.panic().is_none(),
            "{}",
            service.daemon.tail()
        );
    }
    Ok(())
}
