//! A session told to a mux under a service manager, and what its player and its publisher hear.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use nix::sys::signal::Signal;
use rtmp::{
    Message, MessageKind,
    client::Purpose,
    reader::{ChunkReader, Limits},
};
use tests::{Entrance, Peer, Program, RunDirectory, Service};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{JoinHandle, yield_now},
    time::{sleep, timeout},
};

use super::{
    Dice,
    session::{HANDSHAKE, Session},
};

pub(crate) const PUBLISH: &str = "twin-publish";
pub(crate) const PLAY: &str = "twin-play";
/// What is waited for longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Turns of this thread in which mux comes to run.
const MOMENTS: usize = 20_000;
/// Answers that a publisher waits for.
const STARTED: &str = "NetStream.Publish.Start";
const ENDED: &str = "NetStream.Unpublish.Success";

/// Mux, a player and a publisher.
pub(crate) struct Teller {
    service: Service,
    _directory: RunDirectory,
    publisher: OwnedWriteHalf,
    address: SocketAddr,
    answers: Growing<u8>,
    listening: JoinHandle<()>,
    media: Growing<Message>,
    playing: JoinHandle<String>,
    restarts: usize,
}

/// What came of it.
pub(crate) struct Heard {
    /// What the player got, on the clock that began with it.
    pub(crate) media: Vec<Message>,
    /// Why the player's connection was over.
    pub(crate) end: String,
    /// What the publisher got after the handshake.
    pub(crate) answers: Vec<Message>,
}

/// What another task gathers.
type Growing<T> = Arc<Mutex<Vec<T>>>;

fn look<T>(growing: &Growing<T>) -> MutexGuard<'_, Vec<T>> {
    growing.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Teller {
    /// The player plays, the publisher is connected and has said nothing.
    pub(crate) async fn new() -> Result<Self> {
        let directory = RunDirectory::new()?;
        let state = directory.path().join("mux-state");
        let stream = Entrance::stream("stage", PUBLISH, PLAY);
        let configuration = format!(
            "state_directory = {state:?}\n[admin]\nlisten = \"127.0.0.1:0\"\n[rtmp]\nlisten = \"127.0.0.1:0\"\n{stream}"
        );
        let file = directory.write("mux.toml", configuration)?;
        let service = Service::start(Program::Mux, &["rtmp"], &file, directory.path())?;
        service.daemon.wait_until_ready()?;
        let rtmp = service.address("rtmp")?;
        let (answers, media) = (Growing::default(), Growing::default());
        let player = Peer::connect(rtmp, &[], Purpose::Play, PLAY).await?;
        let playing = tokio::spawn(play(player, media.clone()));
        let publisher = TcpStream::connect(rtmp).await?;
        publisher.set_nodelay(true)?;
        let address = publisher.local_addr()?;
        let (from, publisher) = publisher.into_split();
        let listening = tokio::spawn(listen(from, answers.clone()));
        let teller = Self {
            service,
            _directory: directory,
            publisher,
            address,
            answers,
            listening,
            media,
            playing,
            restarts: 0,
        };
        // Between taking a connection in and giving it to its keeper, mux has it alone.
        teller.service.wait_until_stored("connection-", 2)?;
        Ok(teller)
    }

    /// The publisher says all of the session, and if there are `dice`, mux is restarted at each of the cuts: mostly once
    /// it has read up to there, at times anywhere before.
    pub(crate) async fn tell(
        &mut self,
        session: &Session,
        cuts: &BTreeSet<usize>,
        mut dice: Option<&mut Dice>,
    ) -> Result<()> {
        let (mut at, length) = (0, session.bytes().len());
        // What comes before its request is granted is no media yet, and a player who does not look up before the second
        // keyframe would begin there.
        let (granted, patient) = (session.begin(), session.second_keyframe() - 1);
        for end in cuts.iter().copied().chain([length]) {
            if (at..end).contains(&granted) {
                self.say(session, at..granted).await?;
                self.wait_for_answer(STARTED).await?;
                at = granted;
            }
            if (at..end).contains(&patient) {
                self.say(session, at..patient).await?;
                let begun = || Ok(!look(&self.media).is_empty());
                self.wait("the player's first picture", begun).await?;
                at = patient;
            }
            self.say(session, at..end).await?;
            at = end;
            if let Some(dice) = dice.as_deref_mut()
                && end < length
            {
                if dice.below(4) > 0 {
                    let read = || self.service.has_read(self.address);
                    self.wait("all to be read", read).await?;
                } else {
                    // Anywhere, its first moments included.
                    for _ in 0..dice.below(MOMENTS) {
                        yield_now().await;
                    }
                }
                self.restart()
                    .with_context(|| format!("at byte {at} of {length}"))?;
            }
        }
        Ok(())
    }

    async fn say(&mut self, session: &Session, range: std::ops::Range<usize>) -> Result<()> {
        let bytes = session.bytes().get(range).context("a piece")?;
        let said = timeout(PATIENCE, self.publisher.write_all(bytes)).await;
        Ok(said.context("mux does not read")??)
    }

    fn restart(&mut self) -> Result<()> {
        let daemon = &mut self.service.daemon;
        ensure!(daemon.panic().is_none(), "{}", daemon.tail());
        self.restarts += 1;
        if self.restarts.is_multiple_of(2) {
            daemon.signal(Signal::SIGTERM)?;
            // In its first moments it does not know the signal yet.
            daemon.exited()?;
        } else {
            daemon.kill()?;
        }
        self.service.start_again()
    }

    /// Ends the show once the publisher has, and tells what was heard.
    pub(crate) async fn end(self) -> Result<Heard> {
        self.wait_for_answer(ENDED).await?;
        let (status, answer) = self.service.daemon.admin()?.post("/streams/stage/end")?;
        ensure!(status < 300, "{answer}");
        let end = timeout(PATIENCE, self.playing).await.context("no end")??;
        ensure!(!self.listening.is_finished(), "the publisher was cut off");
        let panic = self.service.daemon.panic();
        ensure!(panic.is_none(), "{}", self.service.daemon.tail());
        Ok(Heard {
            media: std::mem::take(&mut *look(&self.media)),
            end,
            answers: answers(&look(&self.answers))?,
        })
    }

    /// What the mux that runs now has logged.
    pub(crate) fn log(&self) -> String {
        let tail = self.service.daemon.tail();
        format!("after {} restarts:\n{tail}", self.restarts)
    }

    async fn wait_for_answer(&self, answer: &str) -> Result<()> {
        let answered = || {
            let answers = look(&self.answers);
            let mut windows = answers.windows(answer.len());
            Ok(windows.any(|window| window == answer.as_bytes()))
        };
        self.wait(answer, answered).await
    }

    async fn wait(&self, what: &str, is: impl Fn() -> Result<bool>) -> Result<()> {
        let waiting = async {
            while !is()? {
                ensure!(!self.listening.is_finished(), "the publisher was cut off");
                ensure!(!self.playing.is_finished(), "the player was cut off");
                // What the kernel has of mux's has no event to wait for.
                sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        };
        let waited = timeout(PATIENCE, waiting).await;
        let waited = waited.unwrap_or_else(|_| Err(anyhow::anyhow!("in vain")));
        waited.with_context(|| format!("waiting for {what}"))
    }
}

/// Plays until it is over, and says why.
async fn play(mut player: Peer, media: Growing<Message>) -> String {
    let end = loop {
        match player.next().await {
            Ok(message) => look(&media).push(message),
            Err(end) => break end.to_string(),
        }
    };
    // What came together with the end.
    while let Ok(message) = player.next().await {
        look(&media).push(message);
    }
    end
}

async fn listen(mut from: OwnedReadHalf, answers: Growing<u8>) {
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        look(&answers).extend(buffer.iter().take(count));
    }
}

/// What was answered after the handshake, which is random. Left out are requests to answer a ping, which come by the
/// clock, and acknowledgements: how often one is due depends on how much is read at once. None may come twice.
fn answers(bytes: &[u8]) -> Result<Vec<Message>> {
    const PING: &[u8] = &[0, 6];
    let mut rest = bytes.get(HANDSHAKE..).context("half a handshake")?;
    let mut reader = ChunkReader::new(Limits::ADMITTED);
    let (mut answers, mut acknowledged) = (Vec::new(), Bytes::new());
    while let Some(message) = reader.read(&mut rest)? {
        if message.kind == MessageKind::Acknowledgement {
            ensure!(acknowledged < message.payload, "acknowledged twice");
            acknowledged = message.payload;
        } else if message.kind != MessageKind::UserControl || !message.payload.starts_with(PING) {
            answers.push(message);
        }
    }
    Ok(answers)
}
