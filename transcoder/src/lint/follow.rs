//! One rendition, followed as a low-latency player would, and asked what no player asks.

#![expect(
    clippy::disallowed_methods,
    reason = "a shell: asks when news came and for how long to go on"
)]

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hasher},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use live::{
    Msn,
    playlist::{
        MediaPlaylist, Uri, Wording,
        check::{self, Group, Pace, Rule},
    },
};
use tokio::time::{Instant, sleep};

use super::{
    client::{Client, FetchError, Way},
    directives,
    media::Media,
    report::Report,
    transport::{Class, Reply},
    url::Url,
};
use objects::listed;

mod objects;
mod probes;

/// Longest segment, part or initialization section that is looked at, in bytes: 4 s of 64 Mbit/s.
const MAX_MEDIA: usize = 32 << 20;
/// How long anything may take that is there.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest target duration that is waited for, in seconds.
const MOST_TARGET: u64 = 30;
/// Segments at the live edge that are looked at when the visit begins.
const NEWEST: usize = 3;
/// Objects of a kind that are asked for again when they have left.
const MOST_LEFT: usize = 8;
/// An answer that came sooner was not waited for.
const AT_ONCE: Duration = Duration::from_millis(20);

/// A media playlist to look at.
#[derive(Debug, Clone)]
pub(super) struct Rendition {
    /// As the multivariant playlist writes it.
    pub(super) uri: Uri,
    pub(super) url: Url,
    pub(super) i_frames: bool,
}

/// What was seen of it.
pub(super) struct Seen {
    pub(super) rendition: Rendition,
    pub(super) report: Report,
    pub(super) media: Media,
    pub(super) last: Option<(MediaPlaylist, Wording)>,
}

/// Looks at one rendition; a live one for as long as `watch` says.
pub(super) async fn follow(
    client: Arc<Client>,
    rendition: Rendition,
    watch: Option<Duration>,
) -> Seen {
    let mut follower = Follower {
        client,
        report: Report::default(),
        media: Media::new(rendition.uri.as_str()),
        rendition,
        pace: Pace::default(),
        started: Instant::now(),
        parts: BTreeMap::new(),
        left_parts: VecDeque::new(),
        left_segments: VecDeque::new(),
        fetched: None,
        last: None,
    };
    Box::pin(follower.run(watch)).await;
    follower.media.figures(&mut follower.report);
    Seen {
        rendition: follower.rendition,
        report: follower.report,
        media: follower.media,
        last: follower.last,
    }
}

struct Follower {
    client: Arc<Client>,
    rendition: Rendition,
    report: Report,
    media: Media,
    pace: Pace,
    started: Instant,
    /// Samples and bytes of the parts of the segments that are not complete yet, by segment and index.
    parts: BTreeMap<Msn, BTreeMap<usize, (u64, u64)>>,
    /// What left the playlist, and until when it has to be there.
    left_parts: VecDeque<(Uri, Instant)>,
    left_segments: VecDeque<(Uri, Instant)>,
    /// The last segment, to be fetched again.
    fetched: Option<(Uri, u64)>,
    last: Option<(MediaPlaylist, Wording)>,
}

const fn media(range: Option<(u64, u64)>) -> Way {
    Way {
        gzip: false,
        range,
        limit: MAX_MEDIA,
        patience: PATIENCE,
    }
}

pub(super) const fn text(patience: Duration) -> Way {
    Way {
        gzip: false,
        range: None,
        limit: live::playlist::MAX_BYTES,
        patience,
    }
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// How long a request may wait for what is to come: three target durations are what the specification gives the server.
fn waiting(playlist: &MediaPlaylist) -> Duration {
    Duration::from_secs(playlist.target_duration.min(MOST_TARGET) * 3 + 5)
}

impl Follower {
    async fn run(&mut self, watch: Option<Duration>) {
        let Some(first) = self.playlist(None).await else {
            return;
        };
        self.compressed().await;
        if self.rendition.i_frames {
            return self.i_frames(&first).await;
        }
        self.refusals(&first).await;
        self.beginning(&first).await;
        if first.end_list {
            return;
        }
        let usual = Duration::from_secs(first.target_duration.min(MOST_TARGET) * 3 + 1);
        let end = Instant::now() + watch.unwrap_or(usual);
        let mut before = first;
        while Instant::now() < end && !before.end_list {
            let Some(next) = Box::pin(self.reload(&before)).await else {
                break;
            };
            before = next;
        }
        self.delta(&before).await;
        self.removed().await;
        self.again().await;
    }

    fn name(&self) -> String {
        self.rendition.uri.to_string()
    }

    async fn get(&mut self, url: &Url, way: Way, what: &str) -> Option<Reply> {
        let reply = self.client.get(url, way).await;
        self.got(reply, what)
    }

    fn got(&mut self, reply: Result<Reply, FetchError>, what: &str) -> Option<Reply> {
        match reply {
            Ok(reply) => Some(reply),
            Err(error) => {
                let name = self.name();
                self.report.need(false, Rule::Unavailable, || {
                    format!("{name}: {what}: {error}")
                });
                None
            }
        }
    }

    /// The playlist, asked for with a query or without, held against all that can be said of one.
    async fn playlist(&mut self, query: Option<&str>) -> Option<MediaPlaylist> {
        let url = query.map_or_else(
            || self.rendition.url.clone(),
            |query| self.rendition.url.with(query),
        );
        let patience = self
            .last
            .as_ref()
            .map_or(PATIENCE, |(last, _)| waiting(last));
        let reply = self.get(&url, text(patience), "playlist").await?;
        self.take(&reply, query.is_some())
    }

    fn take(&mut self, reply: &Reply, waited: bool) -> Option<MediaPlaylist> {
        let name = self.name();
        let parsed = MediaPlaylist::parse(&reply.body);
        let class = parsed.as_ref().map(|playlist| Class::Playlist {
            target: playlist.target_duration,
            live: !playlist.end_list,
            waited,
            parts: playlist.part_target.is_some(),
        });
        reply.check(
            class.unwrap_or(Class::Multivariant),
            &name,
            &mut self.report,
        );
        if !reply.is_ok() {
            return None;
        }
        self.report.tested_rules(&[Rule::Syntax]);
        let read = parsed.and_then(|playlist| Ok((playlist, Wording::parse(&reply.body)?)));
        let (playlist, wording) = match read {
            Ok(read) => read,
            Err(error) => {
                self.report
                    .need(false, Rule::Syntax, || format!("{name}: {error}"));
                return None;
            }
        };
        if !self.rendition.i_frames {
            self.report.tested(Group::Playlist);
            self.report.add(&name, check::media(&playlist));
            self.report.add(&name, check::wording(&wording, &playlist));
            if !playlist.end_list {
                self.report.tested(Group::Live);
            }
            if playlist.part_target.is_some() {
                self.report.tested(Group::LowLatency);
            }
        }
        self.last = Some((playlist.clone(), wording));
        Some(playlist)
    }

    /// Waits for news, and looks at it.
    async fn reload(&mut self, before: &MediaPlaylist) -> Option<MediaPlaylist> {
        let control = before.server_control.unwrap_or_default();
        let (msn, part, query) = directives::next_query(before);
        let (base, client) = (self.rendition.url.clone(), self.client.clone());
        let hint = before.preload_hint.clone();
        let hinted = async {
            let hint = hint.filter(|_| control.can_block_reload)?;
            let url = base.join(hint.as_str())?;
            let patience = waiting(before);
            let way = Way {
                patience,
                ..media(None)
            };
            Some((hint, client.get(&url, way).await))
        };
        let asked = Instant::now();
        let news = async {
            if control.can_block_reload {
                let reply = client.get(&base.with(&query), text(waiting(before))).await;
                (reply, Instant::now())
            } else {
                sleep(Duration::from_secs(
                    before.target_duration.clamp(1, MOST_TARGET),
                ))
                .await;
                (client.get(&base, text(PATIENCE)).await, Instant::now())
            }
        };
        let ((reply, came), hinted) = tokio::join!(news, hinted);
        let reply = self.got(reply, "playlist")?;
        let now = self.take(&reply, control.can_block_reload)?;
        let name = self.name();
        self.report.tested(Group::Successive);
        self.report.add(&name, check::successive(before, &now));
        if control.can_block_reload {
            directives::waited(&name, msn, part, &now, &mut self.report);
            self.paced(&now, asked, came);
        }
        let hinted = hinted.and_then(|(uri, reply)| self.hinted(&now, uri, reply));
        self.note_left(before, &now);
        self.news(before, &now, hinted.as_ref()).await;
        Some(now)
    }

    /// Only an answer that was waited for tells when its news came.
    fn paced(&mut self, now: &MediaPlaylist, asked: Instant, came: Instant) {
        if came.duration_since(asked) < AT_ONCE {
            self.pace = Pace::default();
        }
        self.report.tested_rules(&[Rule::SegmentLate]);
        if now.part_target.is_some() {
            self.report.tested_rules(&[Rule::PartLate]);
        }
        let ms = came.duration_since(self.started).as_millis();
        let found = self.pace.saw(now, u64::try_from(ms).unwrap_or(u64::MAX));
        let name = self.name();
        self.report.add(&name, found);
    }

    /// The part that was asked for before it was there, if it came.
    fn hinted(
        &mut self,
        now: &MediaPlaylist,
        uri: Uri,
        reply: Result<Reply, FetchError>,
    ) -> Option<(Uri, Bytes)> {
        let open = now.open.iter().flat_map(|open| &open.parts);
        let mut parts = now.segments.iter().flat_map(|s| &s.parts).chain(open);
        // One that never came may be refused (4.4.5.3).
        parts.find(|part| part.uri == uri)?;
        let name = self.name();
        let reply = self.got(reply, uri.as_str())?;
        let (status, flowed) = (reply.status, reply.flowed_ms);
        self.report.need(reply.is_ok(), Rule::HintNotServed, || {
            format!("{name}: {uri}: {status}")
        });
        let target = now.part_target.unwrap_or_default().units() / 100;
        self.report
            .need(flowed <= target / 2, Rule::PartDribbles, || {
                format!("{name}: {uri}: took {flowed} ms")
            });
        let bytes = self.object_reply(&uri, &reply, listed(now))?;
        Some((uri, bytes))
    }

    fn note_left(&mut self, before: &MediaPlaylist, now: &MediaPlaylist) {
        let at = Instant::now();
        let target = Duration::from_secs(now.target_duration.min(MOST_TARGET));
        for (msn, segment) in before.numbered().filter(|(_, s)| !s.parts.is_empty()) {
            let still = now.numbered().find(|(n, _)| *n == msn);
            if still.is_some_and(|(_, s)| s.parts.is_empty()) {
                let real = segment.parts.iter().filter(|part| !part.gap);
                let until = at + target * 3;
                self.left_parts
                    .extend(real.map(|part| (part.uri.clone(), until)));
            }
        }
        let length: u64 = before.segments.iter().map(|s| s.duration.units()).sum();
        for (_, segment) in before
            .numbered()
            .take_while(|(msn, _)| *msn < now.media_sequence)
            .filter(|(_, segment)| !segment.gap)
        {
            let stays = length.saturating_add(segment.duration.units()) / 100;
            // A day is beyond any visit.
            let until = at + Duration::from_millis(stays.min(86_400_000));
            self.left_segments.push_back((segment.uri.clone(), until));
        }
        for left in [&mut self.left_parts, &mut self.left_segments] {
            while left.len() > MOST_LEFT {
                left.pop_front();
            }
        }
    }
}
