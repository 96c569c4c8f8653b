//! One publisher's place in its stream.

use std::{net::SocketAddr, sync::Arc};

use live::StreamName;
use rtmp::Message;
use serde_json::json;
use tokio::sync::oneshot;
use tracing::debug;

use super::SharedStream;
use crate::{
    election::PublisherId,
    events::Kind,
    stream::{CloseCause, Who},
};

/// One publisher's place in its stream. Dropping it leaves the stream.
pub(crate) struct Publishing {
    pub(super) stream: Arc<SharedStream>,
    pub(super) id: PublisherId,
    pub(super) closed: oneshot::Receiver<CloseCause>,
}

impl Publishing {
    /// The stream it publishes.
    pub(crate) fn stream(&self) -> &StreamName {
        self.stream.name()
    }

    /// Its number in the log.
    pub(crate) const fn id(&self) -> PublisherId {
        self.id
    }

    /// Says who it is, for the status.
    pub(crate) fn introduce(&self, software: String, address: SocketAddr) {
        self.stream.act(|inner, now| {
            let who = Who {
                software,
                address,
                since_ms: now,
            };
            inner.stream.introduce(self.id, who);
        });
    }

    /// Media messages have come.
    pub(crate) fn messages(&self, messages: &[Message]) {
        self.stream.act(|inner, now| {
            for message in messages {
                if let Err(error) = inner.stream.publisher_message(self.id, message, now) {
                    debug!(%error, "a message was dropped");
                }
            }
        });
    }

    /// Returns when it is to be closed.
    pub(crate) async fn closed(&mut self) -> CloseCause {
        match (&mut self.closed).await {
            Ok(cause) => cause,
            // The sender is dropped without a word only by our own drop.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.stream.act(|inner, _now| {
            inner.publishers.remove(&self.id);
            inner.stream.publisher_left(self.id);
        });
        let fields = json!({ "publisher": self.id.0 });
        let text = "a publisher has left";
        self.stream.tell(Kind::PublisherGone, text, fields);
    }
}
