//! Who feeds a stream: the newest publisher, and nobody else.

use std::sync::Arc;

use live::StreamName;
use tracing::{debug, info};

use super::{Published, lock, unlock};
use crate::{
    feed::{self, ReadError},
    stream::{FeedError, Message},
};

/// Why a stream takes no more from its publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Another connection publishes it now.
    #[error("a newer connection publishes the stream")]
    Replaced,
    /// It does not fit its memory.
    #[error(transparent)]
    Stream(FeedError),
}

/// The right to feed a stream, until a newer one is given.
#[derive(Debug, Clone)]
pub struct Publisher {
    pub(super) id: u64,
    pub(super) published: Arc<Published>,
}

impl Publisher {
    /// The stream's name.
    pub fn name(&self) -> &StreamName {
        &self.published.name
    }

    pub(super) fn is_newest(&self) -> bool {
        *self.published.publisher.borrow() == self.id
    }

    /// Returns once a newer publisher has come.
    pub async fn replaced(&self) {
        let mut newest = self.published.publisher.subscribe();
        // The sender lives as long as `self`.
        let _closed = newest.wait_for(|newest| *newest != self.id).await;
    }

    /// One message. The end of a session whose newest segments players are to fetch yet is left to [`Self::end`].
    pub fn feed(&self, message: &rtmp::Message) -> Result<(), PublishError> {
        let mut live = lock(&self.published.live);
        if !self.is_newest() {
            return Err(PublishError::Replaced);
        }
        let name = &self.published.name;
        if let Some(fault) = live.faults.message(message) {
            info!(stream = %name, "{fault}");
        }
        let outcome = match feed::read(message) {
            Ok(Some(Message::End)) => {
                self.published.close(&mut live);
                match live.stream.is_closing() {
                    true => Ok(()),
                    false => self.published.feed(&mut live, Message::End),
                }
            }
            Ok(Some(message)) => self.published.feed(&mut live, message),
            Ok(None) => Ok(()),
            Err(error) => {
                live.counts.unreadable += 1;
                report_unreadable(&error);
                Ok(())
            }
        };
        unlock(live);
        outcome
    }

    /// Whether it is time for [`Self::end`] as soon as players have fetched the newest segments.
    pub fn is_closing(&self) -> bool {
        lock(&self.published.live).stream.is_closing()
    }

    /// Ends the session if its media have ended; whoever published since has done so.
    pub fn end(&self) {
        let mut live = lock(&self.published.live);
        self.published.end(&mut live);
        unlock(live);
    }
}

fn report_unreadable(error: &ReadError) {
    debug!(%error, "a message cannot be read");
}
