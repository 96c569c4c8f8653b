//! Recorded shows, from disk: also of streams that are not live.

use std::sync::Arc;

use hyper::{Response, StatusCode};
use live::{Object, SessionId, ShowObject, StreamName};
use tokio::{sync::Semaphore, task::spawn_blocking};
use tracing::warn;

use super::response::{Body, Freshness, refusal, success};
use crate::{archive::Reading, recording::Shelf};

/// Objects that are read at once: a quarter of a megabyte of memory each.
const MAX_READ: usize = 64;

/// What is on the shelf.
#[derive(Debug)]
pub(super) struct Recordings {
    shelf: Shelf,
    reads: Arc<Semaphore>,
}

impl Recordings {
    pub(super) fn new(shelf: Shelf) -> Self {
        Self {
            shelf,
            reads: Arc::new(Semaphore::new(MAX_READ)),
        }
    }

    pub(super) async fn get(
        &self,
        stream: &StreamName,
        session: SessionId,
        object: ShowObject,
    ) -> Response<Body> {
        let Ok(place) = self.reads.clone().try_acquire_owned() else {
            return refusal(StatusCode::SERVICE_UNAVAILABLE);
        };
        let (shelf, name) = (self.shelf.clone(), stream.clone());
        let opened = spawn_blocking(move || shelf.open(&name, session, object)).await;
        match opened {
            Ok(Ok(Some(opened))) => {
                let object = Object::Show(session, object);
                let freshness = if matches!(
                    object,
                    Object::Show(_, ShowObject::Poster | ShowObject::Storyboard)
                ) {
                    Freshness::Picture
                } else if object.is_immutable() {
                    Freshness::Immutable
                } else {
                    Freshness::Playlist
                };
                // A playlist may grow meanwhile: what is sent is what was there.
                let reading = Reading::new(opened.file, opened.bytes, place);
                success(object, Body::Saved(reading), opened.tag, freshness)
            }
            Ok(Ok(None)) => refusal(StatusCode::NOT_FOUND),
            Ok(Err(error)) => {
                warn!(%stream, %session, %error, "a recording cannot be read");
                refusal(StatusCode::SERVICE_UNAVAILABLE)
            }
            Err(_panicked) => refusal(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}
