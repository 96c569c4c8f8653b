//! One version of a media playlist that is followed: what it says, and its forms for viewers.
//!
//! Delta updates (RFC 8216bis §6.2.5.1) are written here from the playlist itself, once for all who ask and none for
//! nobody, so that an origin is never asked for one. Date ranges are never left out, which `v2` permits; but it says which
//! have left the playlist, by what the versions before listed.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::StatusCode;
use live::{
    Rendition, Skip,
    playlist::{DateRange, MediaPlaylist, Seconds, Text},
};

use crate::{
    entry::{Entry, Head},
    freshness::Class,
    window::Window,
};

/// Date ranges that are remembered as gone: as many as a session lists at once. Beyond that the oldest are forgotten.
const REMOVED_MAX: usize = 200;

/// See the module.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) window: Window,
    at: Instant,
    whole: Arc<Entry>,
    delta: OnceLock<Arc<Entry>>,
    delta_v2: OnceLock<Arc<Entry>>,
    ranges: Ranges,
}

/// Date ranges by their identifiers.
#[derive(Debug, Clone, Default)]
struct Ranges {
    listed: Vec<Text>,
    /// Those that are listed no more, and when that was noticed: for as long as a player may have an older playlist and
    /// ask for a delta update, which says CAN-SKIP-UNTIL.
    removed: Vec<(Instant, Text)>,
}

impl Version {
    /// Reads the playlist of `rendition` that came whole at `now`, after `before`. None if it cannot be followed.
    pub(crate) fn read(
        entry: &Arc<Entry>,
        rendition: Rendition,
        before: Option<&Self>,
        now: Instant,
    ) -> Option<Self> {
        let text = entry.whole()?;
        let list = MediaPlaylist::parse(&text).ok()?;
        let window = Window::read(&list, rendition)?;
        let ranges = Ranges::read(&list, before.map(|before| &before.ranges), now);
        Some(Self {
            window,
            at: now,
            whole: entry.clone(),
            delta: OnceLock::new(),
            delta_v2: OnceLock::new(),
            ranges,
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
            Some(Skip::Yes) => {
                let delta = || self.shorten(MediaPlaylist::write_delta);
                self.delta.get_or_init(delta).clone()
            }
            Some(Skip::V2) => {
                let removed = self.ranges.removed();
                let delta = || self.shorten(|list| list.write_delta_v2(0, &removed));
                self.delta_v2.get_or_init(delta).clone()
            }
            None => self.whole.clone(),
        }
    }

    /// A delta update; the whole where nothing can be left out.
    fn shorten(&self, write: impl FnOnce(&MediaPlaylist) -> String) -> Arc<Entry> {
        let whole = self.whole.whole().unwrap_or_default();
        // What it was read as would keep several times its size in memory.
        let list = MediaPlaylist::parse(&whole).ok().filter(|list| {
            // A tag that we do not know would be missing from what we write.
            list.skippable() > 0 && list.write().as_bytes() == &whole[..]
        });
        match list {
            Some(list) => self.entry(write(&list).into()),
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

impl Ranges {
    fn read(list: &MediaPlaylist, before: Option<&Self>, now: Instant) -> Self {
        let ranges = list.date_ranges.iter();
        let read = ranges.filter_map(|line| line.as_str().parse::<DateRange>().ok());
        let listed: Vec<Text> = read.map(|range| range.id().clone()).collect();
        let until = list
            .server_control
            .and_then(|control| control.can_skip_until);
        let kept = Duration::from_millis(until.map_or(0, Seconds::millis));
        let mut removed = Vec::new();
        if let Some(Self {
            listed: known,
            removed: gone,
        }) = before
        {
            let gone = gone.iter();
            let late = gone.filter(|(since, _)| now.saturating_duration_since(*since) < kept);
            let left = known.iter().filter(|id| !listed.contains(id));
            removed.extend(late.cloned().chain(left.map(|id| (now, id.clone()))));
            removed.drain(..removed.len().saturating_sub(REMOVED_MAX));
        }
        Self { listed, removed }
    }

    /// As the attribute has them, tabs between. An identifier has no tab of its own, or it would be two.
    fn removed(&self) -> Text {
        let ids: Vec<&str> = self.removed.iter().map(|(_, id)| id.as_str()).collect();
        let text = ids.join("\t").parse();
        text.unwrap_or_else(|_| Text::shown("", 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &[&str]) -> MediaPlaylist {
        let ranges: String = ids
            .iter()
            .map(|id| {
                format!("#EXT-X-DATERANGE:ID=\"{id}\",START-DATE=\"2026-11-21T13:00:00.000Z\"\n")
            })
            .collect();
        let text = format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,\
            CAN-SKIP-UNTIL=18.00000,CAN-SKIP-DATERANGES=YES\n{ranges}"
        );
        MediaPlaylist::parse(text.as_bytes()).unwrap()
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as a beginning"
    )]
    fn what_left_the_playlist_is_told_for_as_long_as_a_player_may_not_know() {
        let start = Instant::now();
        let later = |s| start + Duration::from_secs(s);
        let first = Ranges::read(&list(&["a", "b", "c"]), None, start);
        assert_eq!(first.removed().as_str(), "");
        let second = Ranges::read(&list(&["b", "c"]), Some(&first), later(2));
        assert_eq!(second.removed().as_str(), "a");
        let third = Ranges::read(&list(&["c", "d"]), Some(&second), later(19));
        assert_eq!(third.removed().as_str(), "a\tb");
        let fourth = Ranges::read(&list(&["c", "d"]), Some(&third), later(20));
        assert_eq!(fourth.removed().as_str(), "b");
    }
}
