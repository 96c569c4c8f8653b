//! One rendition as a low-latency player sees it: every version of its playlist, and everything the playlists named.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use live::{
    Msn, PartIndex,
    playlist::{MediaPlaylist, Part},
};

use crate::Viewer;

/// Playlists that are fetched before it is given up that enough segments come. Five parts a second would fill it in
/// minutes.
const MOST_PLAYLISTS: usize = 600;

/// What was fetched.
#[derive(Debug, Default)]
pub struct Recording {
    /// Path of the rendition's directory, with its last slash.
    pub base: String,
    /// Every playlist, as text and as it was understood, in order.
    pub playlists: Vec<(Bytes, MediaPlaylist)>,
    /// The initialization sections by URI.
    pub inits: BTreeMap<String, Bytes>,
    /// The parts, each fetched when it was first seen.
    pub parts: BTreeMap<(Msn, PartIndex), Bytes>,
    /// The whole segments, each fetched when it was first seen complete.
    pub segments: BTreeMap<Msn, Bytes>,
}

impl Recording {
    /// Follows the playlist at `path` by blocking reloads until `segments` were seen to end.
    pub async fn follow(viewer: &Viewer, path: &str, segments: u64) -> Result<Self> {
        let (base, _) = path.rsplit_once('/').context("a path has a slash")?;
        let mut recording = Self {
            base: format!("{base}/"),
            ..Self::default()
        };
        let mut query = String::new();
        let mut ended = 0;
        let mut last_open = None;
        while ended < segments {
            ensure!(
                recording.playlists.len() < MOST_PLAYLISTS,
                "{path} does not move on"
            );
            let text = viewer.fetch(&format!("{path}{query}")).await?;
            let playlist = MediaPlaylist::parse(&text).with_context(|| path.to_owned())?;
            recording.fetch_news(viewer, &playlist).await?;
            let open = playlist.open_msn();
            ended += last_open.map_or(0, |last: Msn| open.0.saturating_sub(last.0));
            last_open = Some(open);
            let parts = playlist.open.as_ref().map_or(0, |open| open.parts.len());
            query = format!("?_HLS_msn={open}&_HLS_part={parts}");
            recording.playlists.push((text, playlist));
        }
        Ok(recording)
    }

    /// The last playlist.
    pub fn last(&self) -> Result<&MediaPlaylist> {
        let (_, playlist) = self.playlists.last().context("nothing was followed")?;
        Ok(playlist)
    }

    /// The initialization section of a segment, then the segment.
    pub fn playable(&self, msn: Msn) -> Result<Vec<u8>> {
        let segment = self.segments.get(&msn).context("not recorded")?;
        Ok([&self.init_of(msn)?[..], &segment[..]].concat())
    }

    /// All segments in order behind the first initialization section.
    pub fn all(&self) -> Result<Vec<u8>> {
        let first = *self.segments.keys().next().context("no segment")?;
        let mut bytes = self.init_of(first)?.to_vec();
        for segment in self.segments.values() {
            bytes.extend_from_slice(segment);
        }
        Ok(bytes)
    }

    /// The initialization section that a segment needs.
    pub fn init_of(&self, msn: Msn) -> Result<&Bytes> {
        let map = self
            .playlists
            .iter()
            .find_map(|(_, playlist)| playlist.numbered().find(|(n, _)| *n == msn))
            .and_then(|(_, segment)| segment.head.map.as_ref())
            .with_context(|| format!("{msn} has no EXT-X-MAP"))?;
        self.inits.get(map.as_str()).context("not recorded")
    }

    /// Fetches what this playlist names for the first time.
    async fn fetch_news(&mut self, viewer: &Viewer, playlist: &MediaPlaylist) -> Result<()> {
        for (msn, segment) in playlist.numbered().filter(|(_, segment)| !segment.gap) {
            if let Some(map) = &segment.head.map
                && !self.inits.contains_key(map.as_str())
            {
                let init = viewer.fetch(&format!("{}{map}", self.base)).await?;
                self.inits.insert(map.to_string(), init);
            }
            self.fetch_parts(viewer, msn, &segment.parts).await?;
            if !self.segments.contains_key(&msn) {
                let bytes = viewer
                    .fetch(&format!("{}{}", self.base, segment.uri))
                    .await?;
                self.segments.insert(msn, bytes);
            }
        }
        if let Some(open) = &playlist.open {
            self.fetch_parts(viewer, playlist.open_msn(), &open.parts)
                .await?;
        }
        Ok(())
    }

    async fn fetch_parts(&mut self, viewer: &Viewer, msn: Msn, parts: &[Part]) -> Result<()> {
        for (index, part) in (0..).map(PartIndex).zip(parts) {
            if !part.gap && !self.parts.contains_key(&(msn, index)) {
                let bytes = viewer.fetch(&format!("{}{}", self.base, part.uri)).await?;
                self.parts.insert((msn, index), bytes);
            }
        }
        Ok(())
    }
}
