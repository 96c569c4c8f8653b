//! A connection that goes on in another process: what is noted of it for that, and how it is taken up again.

use super::*;

/// How far a connection is, for another process, and what it has to do again that one did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carried {
    /// How many times the session has said something.
    pub(super) said: u64,
    /// How many media messages it gave since the peer publishes.
    pub(super) given: u64,
    /// So many of each were passed on by the process that kept the connection.
    pub(super) repeated: Repeated,
    /// It had a seat in another process, and is to have one again.
    pub(super) seated: bool,
}

/// What a session that is carried on does once more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Repeated {
    pub(super) said: u64,
    pub(super) given: u64,
}

impl Repeated {
    /// Whether this one was there already.
    pub(super) const fn take(count: &mut u64) -> bool {
        let was_there = *count > 0;
        *count = count.saturating_sub(1);
        was_there
    }
}

/// A connection that another process kept, to be served by what is answered; nothing if it cannot be carried on.
pub(crate) fn carry_on(
    server: Arc<Server>,
    resumed: Resumed,
) -> Option<(SocketAddr, impl Future<Output = ()>)> {
    let Resumed {
        socket,
        kept,
        snapshot,
        journal,
        unwritten,
        claim,
    } = resumed;
    let (mut activity, given) = activity(&server, &snapshot);
    let seated = matches!(snapshot.doing, Doing::Seated(_));
    let consumer = activity.as_mut().and_then(Activity::consumer);
    // Before all else: dropping it ends the connection.
    let wire = Wire::carry_on(socket, kept, &unwritten, consumer)
        .inspect_err(|error| debug!(%error, "a connection is not carried on"))
        .ok()?;
    let memory = match &snapshot.doing {
        Doing::Publishing(..) => budget::PUBLISHER,
        Doing::Playing(..) | Doing::Seated(_) => budget::PLAYER,
        Doing::Asking | Doing::Output(..) => budget::STRANGER,
    };
    let connection = Connection {
        place: Place::of_old(&server.budget, memory).ok()?,
        peer: snapshot.peer,
        session: ServerSession::restore(&snapshot.session)?,
        activity: activity?,
        wire,
        grant: snapshot.pass.map(Grant::new),
        farewell: snapshot
            .farewell
            .and_then(|body| Farewell::of_old(&server.hooks, &body)),
        pending: None,
        media: Vec::new(),
        carried: Carried {
            said: snapshot.said,
            given: snapshot.media,
            repeated: Repeated {
                said: unwritten.said.saturating_sub(snapshot.said),
                given,
            },
            seated,
        },
        server,
    };
    claim.carried_on();
    let (peer, asked) = (snapshot.peer, snapshot.asked);
    let serving = async move {
        let mut connection = connection;
        if let Some((request, usage)) = asked {
            connection.consider_later(request, usage);
        }
        connection.serve(&journal).await;
    };
    Some((peer, serving))
}

/// What it does, if that can be gone on with, and how many of its media messages its stream has had since the snapshot.
fn activity(server: &Server, snapshot: &Snapshot) -> (Option<Activity>, u64) {
    let stream = |name: &str| server.streams.get(&name.parse().ok()?);
    let mut given = 0;
    let activity = match &snapshot.doing {
        Doing::Asking => Some(Activity::Asking),
        Doing::Publishing(name, id) => stream(name).map(|stream| {
            let id = PublisherId(*id);
            let (publishing, applied) = stream.publish_again(id, &server.budget);
            given = applied.saturating_sub(snapshot.media);
            Activity::Publishing(publishing)
        }),
        Doing::Playing(name, stream_id, chunk_size) => {
            stream(name).map(|stream| Activity::playing(stream, (*stream_id, *chunk_size)))
        }
        // It is written out from the ring, and sits down again then.
        Doing::Seated(name) => stream(name)
            .map(|stream| Activity::playing(stream, (tape::STREAM_ID, tape::CHUNK_SIZE))),
        Doing::Output(..) => None,
    };
    (activity, given)
}

impl Connection {
    /// Does again what another process did with its journal, and then what it did not come to; nothing of it if its key
    /// was taken away meanwhile.
    pub(super) fn replay(&mut self, journal: &[u8]) -> Result<(), End> {
        self.check_grant()?;
        if journal.is_empty() {
            return Ok(());
        }
        // Nothing is noted before the session has had all that came.
        self.pass_actions()?;
        for piece in journal.chunks(handover::READ) {
            while self.session.has_only_media()
                && let Some(action) = self.session.next_action()
            {
                self.take_media(action);
            }
            self.pass_on();
            self.session.handle_input(piece, clock::monotonic());
        }
        Ok(())
    }

    pub(super) fn take_media(&mut self, action: ServerAction) {
        if let ServerAction::Media(message) = action {
            self.carried.given = self.carried.given.saturating_add(1);
            if !Repeated::take(&mut self.carried.repeated.given) {
                self.media.push(message);
            }
        }
    }

    /// Notes where the session stands, before anything but media comes of it.
    pub(super) fn note(&mut self) {
        let (session, peer) = (&self.session, self.peer);
        let (said, media) = (self.carried.said, self.carried.given);
        let doing = match &self.activity {
            Activity::Asking => Doing::Asking,
            Activity::Publishing(publishing) => {
                Doing::Publishing(publishing.stream().to_string(), publishing.id().0)
            }
            Activity::Seated(stream) => Doing::Seated(stream.name().to_string()),
            Activity::Playing(consumer) if self.carried.seated => {
                Doing::Seated(consumer.stream().to_string())
            }
            Activity::Playing(consumer) => {
                let (stream_id, chunk_size) = consumer.written_as();
                Doing::Playing(consumer.stream().to_string(), stream_id, chunk_size)
            }
        };
        let asked = self.pending.as_ref();
        let asked = asked.map(|pending| (pending.request.clone(), pending.usage));
        let farewell = self.farewell.as_ref().map(Farewell::body);
        let pass = self.grant.as_ref().map(|grant| grant.pass().clone());
        self.wire.note(|at| Snapshot {
            at,
            said,
            media,
            peer,
            doing,
            pass,
            asked,
            farewell,
            session: session.save().into(),
        });
    }

    /// Once all is written that another process had begun, a player is sent the tape again.
    pub(super) fn sit_again(&mut self) {
        if self.carried.seated
            && self.wire.is_flushed()
            && let Activity::Playing(consumer) = &self.activity
        {
            self.carried.seated = false;
            let stream = Arc::clone(consumer.shared());
            if !consumer.ended() && self.wire.sit_again(&stream, consumer.place()) {
                self.activity = Activity::Seated(stream);
            } else {
                // From now on it is what it does.
                self.note();
            }
        }
    }

    /// Has a request decided that another process had not decided yet.
    pub(super) fn consider_later(&mut self, request: Request, usage: Use) {
        let verdict: Pin<Box<dyn Future<Output = _> + Send>> =
            match self.server.consider(&request, usage, self.peer) {
                Verdict::Now(decision) => Box::pin(std::future::ready(decision)),
                Verdict::Later(verdict) => verdict,
            };
        self.pending = Some(Pending {
            request,
            usage,
            verdict,
        });
    }
}
