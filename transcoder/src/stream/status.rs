//! [pure] What an operator sees of a stream.

use live::Rendition;
use serde::Serialize;

use super::{Stream, run::Run};
use crate::{window::Window, worker::Pace};

/// A stream in `/status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamStatus {
    /// Session id, Unix milliseconds at its start.
    pub session: u64,
    /// The newest segment.
    pub msn: u64,
    /// Its discontinuity sequence number.
    pub dsn: u64,
    /// Nobody publishes.
    pub held: bool,
    /// The session is over.
    pub ended: bool,
    /// Whether players are offered the source.
    pub source_offered: bool,
    /// Whether the multivariant playlist is there.
    pub playable: bool,
    /// Newest media, Unix milliseconds.
    pub edge_ms: u64,
    /// `running`, `starting`, or `none` without encoded rungs.
    pub encoder: &'static str,
    /// What of the ladder the box had no room for: `nothing`, its `top`, `all`.
    pub ladder_cut: &'static str,
    /// What was configured otherwise since, and holds from the next show on: `ladder`, `slate`.
    pub next_show: Vec<&'static str>,
    /// Messages without effect: frames.
    pub dropped_frames: u64,
    /// Messages without effect: stamps.
    pub stale_stamps: u64,
    /// Messages without effect: date ranges that overlap others, and a publisher's texts that were too many.
    pub unfit_date_ranges: u64,
    /// EXT-X-DATERANGE that the playlists may list.
    pub date_ranges: usize,
    /// Pictures taken for the poster and the storyboard.
    pub pictures: u64,
    /// Milliseconds since the poster was on air; none without a poster.
    pub poster_age_ms: Option<u64>,
    /// Best first.
    pub renditions: Vec<RenditionStatus>,
}

/// A rendition in `/status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RenditionStatus {
    /// `source`, `480p`, `audio`.
    pub name: String,
    /// The segment that comes next or is open.
    pub msn: u64,
    /// Its complete parts.
    pub parts: u32,
    /// Segments in the playlist.
    pub segments: usize,
    /// Bytes of media in memory.
    pub bytes: usize,
    /// Segments published as GAP.
    pub gaps: u64,
    /// Whether there is a slate for when nobody publishes.
    pub slate: bool,
    /// Segments that the encoder was too late for.
    pub late: u64,
    /// Times that the playlist was written.
    pub renders: u64,
    /// Milliseconds behind the newest media.
    pub lag_ms: Option<u64>,
    /// What the box can do of an encoded rung: `full`, `half` of its pictures, `suspended`.
    pub pace: Option<&'static str>,
    /// Segments that the encoder began without the key it was asked for.
    pub idr_mismatches: u64,
    /// Pictures per second in the newest segment.
    pub frame_rate: Option<f64>,
    /// Bits per second of the newest segment.
    pub bits_per_second: Option<u64>,
}

impl Stream {
    /// Why players are not offered the source, once that is known.
    pub fn source_fault(&self) -> Option<&'static str> {
        self.run.as_ref()?.source.as_ref()?.fault()
    }

    /// What the box cannot do, in words for its operator.
    pub fn shortfalls(&self) -> Vec<String> {
        let rungs = self.run.iter().flat_map(|run| &run.rungs);
        let told = rungs.filter_map(|(rendition, rung)| match rung.pace {
            Pace::Full => None,
            Pace::Half => Some(format!(
                "the box is too slow: {rendition} has half its pictures"
            )),
            Pace::Suspended => Some(format!("the box is too slow: {rendition} is suspended")),
        });
        told.collect()
    }

    /// What an operator sees; none before the first stamp.
    pub fn status(&self) -> Option<StreamStatus> {
        let run = self.run.as_ref()?;
        Some(StreamStatus {
            session: run.id.0,
            msn: run.open.msn.0,
            dsn: run.open.dsn.0,
            held: run.open.gap,
            ended: run.ended,
            source_offered: run
                .source
                .as_ref()
                .is_some_and(|source| source.admission().is_admitted()),
            playable: run.multivariant.is_some(),
            edge_ms: run.edge.millis(),
            encoder: match &run.encoder {
                None => "none",
                Some(encoder) if encoder.running => "running",
                Some(_) => "starting",
            },
            ladder_cut: run.cut.name(),
            next_show: self.changes().names().to_vec(),
            dropped_frames: self.counts.frames + run.audio.as_ref().map_or(0, |a| a.dropped()),
            stale_stamps: self.counts.stamps,
            unfit_date_ranges: self.counts.ranges,
            date_ranges: run.ranges.iter().count(),
            pictures: run.pictures.taken(),
            poster_age_ms: run.poster_age_ms(),
            renditions: run.windows().map(|(r, w)| rendition(run, r, w)).collect(),
        })
    }
}

fn rendition(run: &Run, name: Rendition, window: &Window) -> RenditionStatus {
    let position = window.position();
    let rung = run.rungs.get(&name);
    RenditionStatus {
        name: name.to_string(),
        msn: position.open.0,
        parts: position.open_parts,
        segments: window.playlist().segments.len(),
        bytes: window.bytes(),
        gaps: window.gaps(),
        slate: rung.is_some_and(|rung| rung.track.slate().is_some()),
        late: rung.map_or(0, |rung| rung.track.late()),
        renders: window.renders(),
        lag_ms: rung
            .and_then(|rung| rung.track.lag(run.edge))
            .map(|ticks| ticks / 90),
        pace: rung.map(|rung| rung.pace.name()),
        idr_mismatches: rung.map_or(0, |rung| rung.track.without_idr()),
        frame_rate: frame_rate(run, name),
        bits_per_second: Some(window.newest_bps()).filter(|bps| *bps > 0),
    }
}

fn frame_rate(run: &Run, name: Rendition) -> Option<f64> {
    let thousandths = match name {
        Rendition::Source => run.source.as_ref()?.frame_rate(),
        Rendition::Encoded(_) => run.rungs.get(&name)?.track.frame_rate(),
        Rendition::Audio => None,
    };
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    thousandths.map(|thousandths| thousandths as f64 / 1000.0)
}
