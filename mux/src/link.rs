//! One connection on which mux publishes a stream: to a transcoder or to a platform, from the first byte to the last.
//!
//! Whoever runs it calls [`Link::turn`] again and again and decides what a turn means to it. Whatever happens here,
//! neither the publisher nor any other consumer notices.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use rtmp::{
    CloseReason,
    client::{ClientAction, ClientConfig, ClientSession},
};
use tokio::time::timeout;
use tracing::debug;

use crate::{
    clock,
    consumer::{Consumer, ConsumerStats},
    cursor::Audience,
    handover::{self, Doing, Resumed, Snapshot},
    streams::SharedStream,
    wire::{Ready, Wire, WireError},
};

/// How long taking leave may take: what it adds is courtesy.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often a connection that is not written out is looked at: what waits for it grows older meanwhile.
const LOOK: Duration = Duration::from_millis(500);

/// Why a connection ended that nobody here ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The network, or the peer does not read.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The dialogue ended it.
    #[error(transparent)]
    Session(#[from] CloseReason),
}

/// What a turn brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The peer takes the stream from now on.
    Publishing,
    /// Something was read, written or waited for.
    Moved,
    /// The session's end is written: nothing more will come.
    Over,
}

/// See the module.
pub(crate) struct Link {
    stream: Arc<SharedStream>,
    audience: Audience,
    stats: Arc<ConsumerStats>,
    wire: Wire,
    session: ClientSession,
    consumer: Option<Consumer>,
    /// What it is kept as for another process.
    output: String,
    /// How many times the session has said something.
    said: u64,
    /// So many of them were passed on by the process that kept the connection.
    said_before: u64,
}

impl Link {
    /// On a connection just made.
    pub(crate) fn new(
        wire: Wire,
        config: ClientConfig,
        stream: Arc<SharedStream>,
        audience: Audience,
        stats: Arc<ConsumerStats>,
    ) -> Self {
        Self {
            stream,
            audience,
            stats,
            wire,
            session: ClientSession::new(config, clock::monotonic()),
            consumer: None,
            output: String::new(),
            said: 0,
            said_before: 0,
        }
    }

    /// Keeps it for another process, from the first byte on, as the connection of `output`.
    #[must_use]
    pub(crate) fn kept(mut self, output: &str) -> Self {
        output.clone_into(&mut self.output);
        self.wire.keep(self.stream.handover());
        self.note();
        self
    }

    /// On a connection that another process kept; nothing if it cannot be carried on.
    pub(crate) fn carry_on(
        resumed: Resumed,
        stream: Arc<SharedStream>,
        audience: Audience,
        stats: Arc<ConsumerStats>,
    ) -> Option<Self> {
        let Resumed {
            socket,
            kept,
            snapshot,
            journal,
            unwritten,
            claim,
        } = resumed;
        let Doing::Output(_, output, began) = snapshot.doing else {
            return None;
        };
        let consumer = |written_as| {
            let (stream, stats) = (Arc::clone(&stream), Arc::clone(&stats));
            Consumer::new(stream, audience, stats, written_as)
        };
        let mut consumer = began.map(consumer);
        let wire = Wire::carry_on(socket, kept, &unwritten, consumer.as_mut())
            .inspect_err(|error| debug!(%error, output, "a connection is not carried on"))
            .ok()?;
        let mut link = Self {
            session: ClientSession::restore(&snapshot.session)?,
            stream,
            audience,
            stats,
            wire,
            consumer,
            output,
            said: snapshot.said,
            said_before: unwritten.said.saturating_sub(snapshot.said),
        };
        if !journal.is_empty() {
            // Nothing is noted before the session has had all that came.
            link.pass_actions().ok()?;
            for piece in journal.chunks(handover::READ) {
                link.session.handle_input(piece, clock::monotonic());
            }
        }
        claim.carried_on();
        Some(link)
    }

    /// Whether the peer takes the stream.
    pub(crate) const fn is_publishing(&self) -> bool {
        self.consumer.is_some()
    }

    /// Does what there is to do, then waits for more. May be dropped while it waits: nothing is lost.
    pub(crate) async fn turn(&mut self) -> Result<Turn, LinkError> {
        let began = match self.act() {
            // It has heard the session's end.
            Err(_) if self.is_over() => return Ok(Turn::Over),
            began => began?,
        };
        self.wire.write(self.consumer.as_mut())?;
        let flushed = self.wire.is_flushed();
        if began {
            return Ok(Turn::Publishing);
        }
        if flushed && self.is_over() {
            return Ok(Turn::Over);
        }
        let look = (!flushed).then(|| clock::monotonic().saturating_add(LOOK));
        let alarm = look.into_iter().chain(self.session.poll_timeout()).min();
        self.wire.set_alarm(alarm);
        tokio::select! {
            ready = self.wire.ready() => match ready? {
                Ready::Readable => {
                    let session = &mut self.session;
                    self.wire.read(|bytes, now| session.handle_input(bytes, now))?;
                }
                Ready::Alarm => self.session.handle_timeout(clock::monotonic()),
                Ready::Writable => {}
            },
            () = more(&mut self.consumer), if flushed => {}
        }
        Ok(Turn::Moved)
    }

    /// Ends the publishing in good order, as far as the peer takes that within [`LAST_WORDS`].
    pub(crate) async fn leave(mut self) {
        self.session.stop();
        while let Some(ClientAction::Send(bytes)) = self.session.next_action() {
            if self.wire.push(bytes).is_err() {
                return;
            }
        }
        // A peer that does not take its last words does without.
        let _best_effort = timeout(LAST_WORDS, self.wire.close()).await;
    }

    /// Whether the key was presented and not yet answered.
    pub(crate) const fn is_asking(&self) -> bool {
        self.session.is_starting()
    }

    /// How long the next message has been waiting, milliseconds.
    pub(crate) fn lag(&self) -> u64 {
        self.consumer.as_ref().map_or(0, Consumer::lag)
    }

    fn is_over(&self) -> bool {
        self.consumer.as_ref().is_some_and(Consumer::ended)
    }

    /// Notes where the session stands, before anything comes of it.
    fn note(&mut self) {
        let Self {
            session, consumer, ..
        } = &*self;
        let doing = Doing::Output(
            self.stream.name().to_string(),
            self.output.clone(),
            consumer.as_ref().map(Consumer::written_as),
        );
        let (said, session) = (self.said, session.save());
        self.wire.note(|at| Snapshot {
            at,
            said,
            media: 0,
            peer: (Ipv4Addr::UNSPECIFIED, 0).into(),
            doing,
            pass: None,
            asked: None,
            farewell: None,
            session: session.into(),
        });
    }

    /// Whether the stream may be sent from now on.
    fn act(&mut self) -> Result<bool, LinkError> {
        if !self.session.has_only_media() || self.wire.is_note_due() {
            self.note();
        }
        self.pass_actions()
    }

    fn pass_actions(&mut self) -> Result<bool, LinkError> {
        let mut began = false;
        while let Some(action) = self.session.next_action() {
            match action {
                ClientAction::Send(bytes) => {
                    self.said = self.said.saturating_add(1);
                    if self.said_before > 0 {
                        self.said_before -= 1;
                    } else {
                        self.wire.push(bytes)?;
                    }
                }
                ClientAction::Publishing {
                    stream_id,
                    chunk_size,
                } => {
                    began = true;
                    self.consumer = Some(Consumer::new(
                        Arc::clone(&self.stream),
                        self.audience,
                        Arc::clone(&self.stats),
                        (stream_id, chunk_size),
                    ));
                    self.note();
                }
                ClientAction::Playing | ClientAction::Media(_) => {}
                ClientAction::Closed(reason) => return Err(reason.into()),
            }
        }
        Ok(began)
    }
}

async fn more(consumer: &mut Option<Consumer>) {
    match consumer {
        Some(consumer) => consumer.more().await,
        None => std::future::pending().await,
    }
}
