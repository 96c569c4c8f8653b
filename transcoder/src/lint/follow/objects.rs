//! What a playlist names, fetched once and held against it: initialization sections, segments, parts.

use bytes::Bytes;
use live::{
    Msn,
    playlist::{MediaPlaylist, Part, Segment, Uri, check::Rule},
};

use super::{Follower, NEWEST, digest, media};
use crate::lint::transport::{Class, Reply};

impl Follower {
    /// The oldest segment and the newest ones.
    pub(super) async fn beginning(&mut self, playlist: &MediaPlaylist) {
        let real: Vec<(Msn, &Segment)> = playlist.numbered().filter(|(_, s)| !s.gap).collect();
        let newest = real.len().saturating_sub(NEWEST);
        let oldest = real.first().filter(|_| newest > 0);
        for (msn, segment) in oldest.into_iter().chain(real.iter().skip(newest)) {
            self.segment(playlist, *msn, segment).await;
        }
        for (msn, segment) in real.iter().skip(newest) {
            self.new_parts(playlist, *msn, &segment.parts, None).await;
            self.whole(*msn, segment);
        }
    }

    pub(super) async fn news(
        &mut self,
        before: &MediaPlaylist,
        now: &MediaPlaylist,
        hinted: Option<&(Uri, Bytes)>,
    ) {
        let known = before.open_msn();
        for (msn, segment) in now.numbered().filter(|(msn, s)| *msn >= known && !s.gap) {
            self.new_parts(now, msn, &segment.parts, hinted).await;
            self.segment(now, msn, segment).await;
            self.whole(msn, segment);
        }
        if let Some(open) = &now.open {
            self.new_parts(now, now.open_msn(), &open.parts, hinted)
                .await;
        }
        while self.parts.len() > NEWEST {
            self.parts.pop_first();
        }
    }

    /// Whether its media can be looked into.
    fn legible(&mut self, segment_map: Option<&Uri>) -> bool {
        let Some((_, wording)) = &self.last else {
            return false;
        };
        let why = match (wording.encrypted, wording.pieces, segment_map) {
            (true, _, _) => "its media is encrypted",
            (_, true, _) => "its media is pieces of larger files",
            (_, _, None) => "its segments are no fragmented MP4",
            (false, false, Some(_)) => return true,
        };
        let name = self.name();
        self.report
            .note(&format!("{name}: {why}, and was not looked into"));
        false
    }

    /// An object that the playlist names, and how it was answered.
    async fn object(&mut self, uri: &Uri, class: Class) -> Option<Bytes> {
        let Some(url) = self.rendition.url.join(uri.as_str()) else {
            let name = self.name();
            self.report.need(false, Rule::Unavailable, || {
                format!("{name}: {uri}: no address")
            });
            return None;
        };
        let reply = self.get(&url, media(None), uri.as_str()).await?;
        self.object_reply(uri, &reply, class)
    }

    pub(super) fn object_reply(&mut self, uri: &Uri, reply: &Reply, class: Class) -> Option<Bytes> {
        let what = format!("{}: {uri}", self.name());
        reply.check(class, &what, &mut self.report);
        reply.is_ok().then(|| reply.body.clone())
    }

    async fn segment(&mut self, playlist: &MediaPlaylist, msn: Msn, segment: &Segment) {
        let class = listed(playlist);
        let map = segment.head.map.as_ref();
        if !self.legible(map) {
            return;
        }
        if let (false, Some(map)) = (self.media.knows(map), map)
            && let Some(bytes) = self.object(map, class).await
        {
            self.media.init(map, &bytes, &mut self.report);
        }
        let Some(bytes) = self.object(&segment.uri, class).await else {
            return;
        };
        self.fetched = Some((segment.uri.clone(), digest(&bytes)));
        self.media
            .segment(playlist, msn, segment, &bytes, &mut self.report);
    }

    /// The parts of a segment that were not looked at yet. `hinted` is one that was asked for before it was there.
    async fn new_parts(
        &mut self,
        playlist: &MediaPlaylist,
        msn: Msn,
        parts: &[Part],
        hinted: Option<&(Uri, Bytes)>,
    ) {
        let map = playlist
            .numbered()
            .find(|(n, _)| *n == msn)
            .map(|(_, segment)| &segment.head)
            .or_else(|| playlist.open.as_ref().map(|open| &open.head))
            .and_then(|head| head.map.clone());
        if !self.media.knows(map.as_ref()) || map.is_none() {
            return;
        }
        for (index, part) in parts.iter().enumerate().filter(|(_, part)| !part.gap) {
            if self
                .parts
                .get(&msn)
                .is_some_and(|known| known.contains_key(&index))
            {
                continue;
            }
            let bytes = match hinted.filter(|(uri, _)| *uri == part.uri) {
                Some((_, bytes)) => Some(bytes.clone()),
                None => self.object(&part.uri, listed(playlist)).await,
            };
            let Some(bytes) = bytes else {
                continue;
            };
            let place = format!("{msn}.{index}");
            let sums = self
                .media
                .part(&place, part, map.as_ref(), &bytes, &mut self.report);
            if let Some(sums) = sums {
                self.parts.entry(msn).or_default().insert(index, sums);
            }
        }
    }

    /// All parts of a segment together, once both are known.
    fn whole(&mut self, msn: Msn, segment: &Segment) {
        let known = self.parts.remove(&msn).unwrap_or_default();
        if !segment.parts.is_empty() && known.len() == segment.parts.len() {
            let sums = known.values().fold((0_u64, 0_u64), |sum, part| {
                (sum.0.saturating_add(part.0), sum.1.saturating_add(part.1))
            });
            self.media.whole(msn, sums, &mut self.report);
        }
    }
}

/// Media has to be kept for as long as the playlist may list it.
pub(super) fn listed(playlist: &MediaPlaylist) -> Class {
    let length: u64 = playlist.segments.iter().map(|s| s.duration.units()).sum();
    Class::Media {
        listed: length / live::playlist::Seconds::PER_SECOND,
    }
}
