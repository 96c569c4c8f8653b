//! What no player asks: requests to be refused, what has left, the same again, and pieces that are I-frames.

#![expect(
    clippy::disallowed_methods,
    reason = "a shell: asks how long an answer took and what is still due"
)]

use std::time::Duration;

use live::playlist::{
    ByteRange, MediaPlaylist,
    check::{self, Rule},
};
use tokio::time::Instant;

use super::{Follower, MOST_TARGET, PATIENCE, digest, media, text, waiting};
use crate::lint::{client::Way, directives, transport::Class, url::Url};

/// Most I-frames that are looked at.
const MOST_IFRAMES: usize = 3;

impl Follower {
    pub(super) async fn compressed(&mut self) {
        let way = Way {
            gzip: true,
            ..text(PATIENCE)
        };
        let url = self.rendition.url.clone();
        if let Some(reply) = self.get(&url, way, "playlist").await {
            let name = self.name();
            reply.check_compressed(&name, &mut self.report);
        }
    }

    /// Requests that a server has to refuse, and those that it must not.
    pub(super) async fn refusals(&mut self, playlist: &MediaPlaylist) {
        let control = playlist.server_control.unwrap_or_default();
        if !control.can_block_reload {
            return;
        }
        let target = playlist.target_duration;
        let name = self.name();
        let far = playlist.open_msn().0.saturating_add(100);
        let base = self.rendition.url.clone();
        let far = base.with(&format!("_HLS_msn={far}"));
        let cases: &[(Url, Rule)] = if playlist.end_list {
            &[(far, Rule::DirectivesAfterEnd)]
        } else {
            &[
                (far, Rule::FarFutureAccepted),
                (base.with("_HLS_part=0"), Rule::PartWithoutSegment),
            ]
        };
        for (url, rule) in cases {
            let asked = url.path.rsplit('?').next().unwrap_or_default().to_owned();
            let Some(reply) = self.get(url, text(waiting(playlist)), &asked).await else {
                continue;
            };
            let what = format!("{name}?{asked}");
            self.report.tested_rules(&[*rule]);
            if *rule == Rule::DirectivesAfterEnd {
                let status = reply.status;
                self.report
                    .need(reply.is_ok(), *rule, || format!("{what}: {status}"));
                continue;
            }
            let found = directives::refused(*rule, reply.status, &what);
            self.report.add("", found);
            if !reply.is_ok() {
                reply.check(Class::Refusal { target }, &what, &mut self.report);
            }
        }
        if let (false, Some((msn, _))) = (playlist.end_list, playlist.numbered().next()) {
            let query = format!("_HLS_msn={}", msn.0.saturating_sub(1));
            let asked = Instant::now();
            let url = base.with(&query);
            if let Some(reply) = self.get(&url, text(PATIENCE), &query).await {
                let (status, took) = (reply.status, asked.elapsed());
                let soon = took < Duration::from_secs(target.clamp(1, MOST_TARGET));
                self.report
                    .need(reply.is_ok() && soon, Rule::OldSegmentRefused, || {
                        format!("{name}?{query}: {status} after {} ms", took.as_millis())
                    });
            }
        }
    }

    pub(super) async fn delta(&mut self, playlist: &MediaPlaylist) {
        let control = playlist.server_control.unwrap_or_default();
        if control.can_skip_until.is_none() || playlist.end_list {
            return;
        }
        let Some((msn, part)) = playlist.edge() else {
            return;
        };
        let query = match part {
            Some(part) => format!("_HLS_msn={msn}&_HLS_part={part}"),
            None => format!("_HLS_msn={msn}"),
        };
        let base = self.rendition.url.clone();
        let full = self.get(&base.with(&query), text(PATIENCE), &query).await;
        let query = format!("{query}&_HLS_skip=YES");
        let delta = self.get(&base.with(&query), text(PATIENCE), &query).await;
        if let (Some(full), Some(delta)) = (full, delta)
            && let (Ok(full), Ok(delta)) = (
                MediaPlaylist::parse(&full.body),
                MediaPlaylist::parse(&delta.body),
            )
        {
            let name = self.name();
            directives::delta(&name, &full, &delta, &mut self.report);
            self.report.add(&name, check::media(&delta));
            if control.can_skip_date_ranges {
                self.delta_v2(&query.replace("YES", "v2"), &delta).await;
            }
        }
    }

    async fn delta_v2(&mut self, query: &str, without: &MediaPlaylist) {
        let base = self.rendition.url.clone();
        let delta = self.get(&base.with(query), text(PATIENCE), query).await;
        if let Some(Ok(delta)) = delta.map(|delta| MediaPlaylist::parse(&delta.body)) {
            let name = self.name();
            directives::delta_v2(&name, without, &delta, &mut self.report);
            self.report.add(&name, check::media(&delta));
        }
    }

    /// What has left the playlist must still be there for a while.
    pub(super) async fn removed(&mut self) {
        let parts = std::mem::take(&mut self.left_parts);
        let segments = std::mem::take(&mut self.left_segments);
        for (left, rule) in [
            (parts, Rule::PartRemovedEarly),
            (segments, Rule::SegmentRemovedEarly),
        ] {
            for (uri, until) in left {
                if Instant::now() + Duration::from_millis(500) > until {
                    continue;
                }
                let Some(url) = self.rendition.url.join(uri.as_str()) else {
                    continue;
                };
                if let Some(reply) = self.get(&url, media(None), uri.as_str()).await {
                    let (name, status) = (self.name(), reply.status);
                    self.report
                        .need(reply.is_ok(), rule, || format!("{name}: {uri}: {status}"));
                }
            }
        }
    }

    /// The same path means the same bytes.
    pub(super) async fn again(&mut self) {
        let Some((uri, before)) = self.fetched.clone() else {
            return;
        };
        let Some(url) = self.rendition.url.join(uri.as_str()) else {
            return;
        };
        if let Some(reply) = self.get(&url, media(None), uri.as_str()).await {
            let name = self.name();
            let same = digest(&reply.body) == before;
            self.report
                .need(same, Rule::ObjectChanged, || format!("{name}: {uri}"));
        }
    }

    pub(super) async fn i_frames(&mut self, playlist: &MediaPlaylist) {
        let Some((_, wording)) = self.last.clone() else {
            return;
        };
        let name = self.name();
        self.report
            .need(wording.i_frames_only, Rule::IFramesOnlyMissing, || {
                name.clone()
            });
        let entries = playlist.segments.iter().zip(&wording.segments).rev();
        for (segment, range) in entries.filter(|(s, _)| !s.gap).take(MOST_IFRAMES) {
            let range = match range {
                Some(ByteRange {
                    length,
                    offset: Some(offset),
                }) => Some((*offset, *length)),
                Some(_) => continue,
                None => None,
            };
            let Some(url) = self.rendition.url.join(segment.uri.as_str()) else {
                continue;
            };
            let what = segment.uri.to_string();
            let Some(reply) = self.get(&url, media(range), &what).await else {
                continue;
            };
            let wanted = range.map(|(_, length)| length);
            let whole = u64::try_from(reply.body.len()).ok();
            let fits = reply.is_ok() && wanted.is_none_or(|wanted| whole == Some(wanted));
            let header = reply.body.get(4..8).is_some_and(|kind| {
                [*b"moof", *b"styp", *b"sidx", *b"prft", *b"emsg"]
                    .iter()
                    .any(|known| known == kind)
            });
            let status = reply.status;
            self.report.need(fits && header, Rule::IFrameRange, || {
                format!("{name}: {what}: {status}")
            });
        }
    }
}
