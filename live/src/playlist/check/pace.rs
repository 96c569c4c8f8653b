//! [pure] Rules about when news comes, for somebody who reloads a playlist as soon as there is some.

use super::{Finding, Findings, Rule};
use crate::{
    Msn, PartIndex,
    playlist::{MediaPlaylist, Seconds},
};

/// When a playlist last grew, as its reader saw it.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    segment: Option<(Msn, u64)>,
    part: Option<(Edge, u64)>,
}

type Edge = Option<(Msn, Option<PartIndex>)>;

impl Pace {
    /// Takes note of what an answer held that came at `now`, milliseconds of any clock that does not go back. Each answer
    /// must have been asked for before its news was there, or the time between them says nothing.
    pub fn saw(&mut self, playlist: &MediaPlaylist, now: u64) -> Vec<Finding> {
        let mut findings = Findings::default();
        if playlist.end_list {
            return findings.0;
        }
        let open = playlist.open_msn();
        let most = Seconds::from_secs(playlist.target_duration).units() / 200 * 3;
        match self.segment {
            Some((before, at)) if before < open => {
                let took = now.saturating_sub(at);
                findings.need(took <= most, Rule::SegmentLate, || {
                    format!("{before}: {took} ms after the one before, at most {most} ms")
                });
                self.segment = Some((open, now));
            }
            Some(_) => {}
            None => self.segment = Some((open, now)),
        }
        if let Some(target) = playlist.part_target {
            let edge = playlist.edge();
            let most = target.units() / 50;
            match self.part {
                Some((before, at)) if before < edge => {
                    let took = now.saturating_sub(at);
                    findings.need(took <= most, Rule::PartLate, || {
                        let (msn, part) = edge.unwrap_or_default();
                        let part = part.unwrap_or_default();
                        format!("{msn}.{part}: {took} ms after the one before, at most {most} ms")
                    });
                    self.part = Some((edge, now));
                }
                Some(_) => {}
                None => self.part = Some((edge, now)),
            }
        }
        findings.0
    }
}
