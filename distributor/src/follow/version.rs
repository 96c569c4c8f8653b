//! One version of a media playlist that is followed: what it says, and its two forms for viewers.
//!
//! The delta update (RFC 8216bis §6.2.5.1) is written here from the playlist itself, once for all who ask and none for
//! nobody, so that an origin is never asked for one.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::StatusCode;
use live::{Rendition, Skip, playlist::MediaPlaylist};

use crate::{
    entry::{Entry, Head},
    freshness::Class,
    window::Window,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) window: Window,
    at: Instant,
    whole: Arc<Entry>,
    delta: OnceLock<Arc<Entry>>,
}

impl Version {
    /// Reads the playlist of `rendition` that came whole at `now`. None if it cannot be followed.
    pub(crate) fn read(entry: &Arc<Entry>, rendition: Rendition, now: Instant) -> Option<Self> {
        let text = entry.whole()?;
        let list = MediaPlaylist::parse(&text).ok()?;
        let window = Window::read(&list, rendition)?;
        Some(Self {
            window,
            at: now,
            whole: entry.clone(),
            delta: OnceLock::new(),
        })
    }

    /// Whether it still counts: an origin that had nothing newer for so long may have more than it says.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.at);
        self.window.is_ended() || age < Class::Playlist.useful(self.window.target_duration())
    }

    /// How long it is of use after the end of the stream: then the same name may stand for another show.
    pub(crate) const fn lingers(&self) -> Duration {
        if self.window.is_ended() {
            self.window.target_duration()
        } else {
            Duration::ZERO
        }
    }

    /// What is sent to those who ask with `skip`.
    pub(crate) fn text(&self, skip: Option<Skip>) -> Arc<Entry> {
        match skip {
            // Date ranges are never left out, which `v2` permits.
            Some(Skip::Yes | Skip::V2) => self.delta.get_or_init(|| self.shorten()).clone(),
            None => self.whole.clone(),
        }
    }

    /// The delta update; the whole where nothing can be left out.
    fn shorten(&self) -> Arc<Entry> {
        let whole = self.whole.whole().unwrap_or_default();
        // What it was read as would keep several times its size in memory.
        let list = MediaPlaylist::parse(&whole).ok().filter(|list| {
            // A tag that we do not know would be missing from what we write.
            list.skippable() > 0 && list.write().as_bytes() == &whole[..]
        });
        match list {
            Some(list) => self.entry(list.write_delta().into()),
            None => self.whole.clone(),
        }
    }

    fn entry(&self, text: Bytes) -> Arc<Entry> {
        let (entry, writer) = Entry::new(Class::Blocking, None, self.at);
        writer.begin(Head {
            status: StatusCode::OK,
            length: Some(text.len() as u64),
            etag: None,
            at: self.at,
        });
        // It is as long as was just said; were it not, the entry would be failed and say so.
        let written = writer
            .push(text)
            .and_then(|()| writer.complete(self.at).map(drop));
        debug_assert!(written.is_ok());
        entry
    }
}
