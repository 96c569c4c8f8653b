//! What becomes of a request to publish or to play, once it is decided.

use std::sync::Arc;

use rtmp::server::{Refusal, Request, RequestId};
use serde_json::json;
use tracing::{debug, info, warn};

use super::{Activity, Connection, End};
use crate::{
    budget::{self, Spent},
    clock,
    events::Kind,
    key::{Found, Use},
    keyring::Grant,
    request::{Admitted, Pending, Verdict},
    socket, tape,
    wire::WireError,
};

impl Connection {
    /// Has a request decided; at once, if that can be.
    pub(super) fn consider(&mut self, request: Request, usage: Use) -> Result<(), End> {
        match self.server.consider(&request, usage, self.peer) {
            Verdict::Now(decision) => self.decided(&request, usage, decision),
            Verdict::Later(verdict) => {
                self.pending = Some(Pending {
                    request,
                    usage,
                    verdict,
                });
                Ok(())
            }
        }
    }

    pub(super) fn decided(
        &mut self,
        request: &Request,
        usage: Use,
        decision: Result<Admitted, Refusal>,
    ) -> Result<(), End> {
        match (decision, usage) {
            (Err(refusal), _) => self.session.refuse(request.id, refusal),
            // The peer has given up meanwhile.
            (Ok(_), _) if !self.session.is_asking(request.id) => {}
            (Ok(admitted), Use::Publish) => self.publish(request, admitted),
            (Ok(admitted), Use::Play) => self.play(request, admitted.found)?,
        }
        Ok(())
    }

    fn publish(&mut self, request: &Request, admitted: Admitted) {
        let Admitted { found, farewell } = admitted;
        let server = Arc::clone(&self.server);
        let Some(stream) = server.streams.get(&found.stream) else {
            self.session.refuse(request.id, Refusal::Unavailable);
            return;
        };
        let publishing = self
            .place
            .admit(budget::PUBLISHER)
            .and_then(|()| stream.publish(found.role, &server.budget));
        let Ok(publishing) = publishing else {
            self.refuse_for_memory(request.id);
            return;
        };
        self.session.accept_publish(request.id, clock::monotonic());
        publishing.introduce(request.flash_ver.clone(), self.peer);
        info!(
            stream = %found.stream, publisher = publishing.id().0, role = found.role.as_str(), key = %found.key,
            software = ?request.flash_ver, "publishes"
        );
        let fields = json!({
            "publisher": publishing.id().0,
            "role": found.role.as_str(),
            "key": found.key,
            "software": request.flash_ver,
        });
        stream.tell(
            Kind::PublisherConnected,
            "a publisher has connected",
            fields,
        );
        self.activity = Activity::Publishing(publishing);
        (self.carried.given, self.carried.repeated.given) = (0, 0);
        self.grant = Some(Grant::new(found));
        self.farewell = farewell;
    }

    fn play(&mut self, request: &Request, found: Found) -> Result<(), End> {
        let server = Arc::clone(&self.server);
        let Some(stream) = server.streams.get(&found.stream) else {
            self.session.refuse(request.id, Refusal::NotFound);
            return Ok(());
        };
        if self.place.admit(budget::PLAYER).is_err() {
            self.refuse_for_memory(request.id);
            return Ok(());
        }
        socket::prepare_consumer(self.wire.socket()).map_err(WireError::from)?;
        let Some(grant) = self.session.accept_play(request.id, clock::monotonic()) else {
            return Ok(());
        };
        debug!(stream = %found.stream, key = %found.key, software = ?request.flash_ver, "plays");
        self.grant = Some(Grant::new(found));
        let on_tape = (grant.stream_id, grant.chunk_size) == (tape::STREAM_ID, tape::CHUNK_SIZE);
        self.wire.forget_place();
        if on_tape && self.wire.sit(stream) {
            self.activity = Activity::Seated(Arc::clone(stream));
            return Ok(());
        }
        self.activity = Activity::playing(stream, (grant.stream_id, grant.chunk_size));
        Ok(())
    }

    fn refuse_for_memory(&mut self, request: RequestId) {
        if self.server.notices.is_news("no_memory") {
            warn!("refused: {Spent}");
        }
        self.session.refuse(request, Refusal::Unavailable);
    }
}
