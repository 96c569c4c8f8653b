//! [pure] What a window tells those who ask: its playlist, how far it has come, and what is under a path.

use live::{
    Msn, Object, PartIndex,
    playlist::{RenditionReport, Seconds, Uri},
};

use super::{Found, Text, Window, Written};
use crate::blocking::Position;

impl Window {
    /// What another rendition's playlist says of this one.
    pub fn report(&self) -> Option<RenditionReport> {
        let (last_msn, last_part) = self.playlist.edge()?;
        Some(RenditionReport {
            uri: Uri::across(Object::Media(self.rendition)),
            last_msn,
            last_part,
        })
    }

    /// The playlist of the present version, if it was [written](Self::write) already.
    pub const fn written(&self) -> Option<&Written> {
        self.written.as_ref()
    }

    /// Writes the playlist of the present version.
    pub fn write(&mut self, reports: Vec<RenditionReport>) -> Written {
        self.playlist.rendition_reports = reports;
        self.playlist.preload_hint = self
            .next_part()
            .map(|(msn, part)| Uri::beside(Object::Part(self.rendition, msn, part)));
        let written = Written {
            full: Text::new(self.playlist.write_pieces(&mut self.settled)),
            delta: self.playlist.write_delta().into(),
            delta_v2: self.write_delta_v2().into(),
        };
        self.renders += 1;
        self.written = Some(written.clone());
        written
    }

    /// The part that will come next, as far as one can tell.
    fn next_part(&self) -> Option<(Msn, PartIndex)> {
        if self.playlist.end_list {
            return None;
        }
        let parts = self
            .playlist
            .open
            .as_ref()
            .map_or(0, |open| open.parts.len());
        Some(match self.open {
            Some(open) if open.gap => (open.msn.next(), PartIndex(0)),
            Some(open) => (
                open.msn,
                PartIndex(u32::try_from(parts).unwrap_or(u32::MAX)),
            ),
            None => (self.playlist.open_msn(), PartIndex(0)),
        })
    }

    /// How far the playlist has come, for blocking reloads.
    pub fn position(&self) -> Position {
        let parts = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let last = self.playlist.segments.back();
        Position {
            open: self.playlist.open_msn(),
            open_parts: parts(
                self.playlist
                    .open
                    .as_ref()
                    .map_or(0, |open| open.parts.len()),
            ),
            last_parts: parts(last.map_or(0, |segment| segment.parts.len())),
            ended: self.playlist.end_list,
            parts: self.limits.parts,
        }
    }

    /// Whether a player that begins PART-HOLD-BACK before the end begins with media and not in a gap, and one that takes
    /// whole segments only has one.
    pub fn can_be_joined(&self) -> bool {
        let parts = self.playlist.open.iter().flat_map(|open| &open.parts);
        let segments = self.playlist.segments.iter().rev();
        let whole = segments.take_while(|segment| !segment.gap);
        let whole: Seconds = whole.map(|segment| segment.duration).sum();
        let there = whole.plus(parts.map(|part| part.duration).sum());
        let control = self.playlist.server_control.as_ref();
        whole > Seconds::default()
            && control.is_some_and(|control| control.part_hold_back <= Some(there))
    }

    /// What is under a path of this rendition, its playlist aside.
    pub fn find(&self, object: Object) -> Found {
        let found = match object {
            Object::Init(_, hash) => self.objects.find_init(hash),
            Object::Segment(_, msn) => self.objects.find_segment(msn),
            Object::Part(_, msn, part) if self.is_next(msn, part) => Some(Found::Soon),
            Object::Part(_, msn, part) => self.objects.find_part(msn, part),
            Object::Multivariant
            | Object::Media(_)
            | Object::IFrames(_)
            | Object::Poster
            | Object::Storyboard
            | Object::Sheet(_)
            | Object::Show(..) => None,
        };
        found.unwrap_or(Found::Nothing)
    }

    fn is_next(&self, msn: Msn, part: PartIndex) -> bool {
        self.has_media() && self.next_part() == Some((msn, part))
    }
}
