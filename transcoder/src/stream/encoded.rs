//! [pure] An encoded rung as its stream sees it.

use crate::{
    codec::VideoTrack,
    track::RungTrack,
    worker::{Pace, RungPlan},
};

/// An encoded rung, and what its encoder said of it.
#[derive(Debug, Clone)]
pub(super) struct Encoded {
    pub(super) track: RungTrack,
    pub(super) codec: Option<VideoTrack>,
    pub(super) plan: RungPlan,
    /// What the box can do of it.
    pub(super) pace: Pace,
}

impl Encoded {
    /// Its encoder does so much of it from now on.
    pub(super) fn set(&mut self, pace: Pace) {
        self.pace = pace;
        self.track.suspend(pace == Pace::Suspended);
    }

    /// Frames after the last one given that may be left out.
    pub(super) const fn left_out(&self) -> u64 {
        match (self.plan.halved, self.pace) {
            (true, Pace::Half) => 3,
            (true, _) | (false, Pace::Half) => 1,
            (false, _) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use live::{Rendition, playlist::MediaPlaylist};

    use super::*;
    use crate::{
        show::{RUNG, Show, Stage, settings, stamps},
        stream::StreamStatus,
        worker::Event,
    };

    fn pace(stage: &mut Stage, pace: Pace) {
        let event = Event::Paced {
            rendition: RUNG,
            pace,
            lag_ms: None,
        };
        stage.stream.encoded(1, event).unwrap();
    }

    /// Which of the listed segments have no media.
    fn gaps(stage: &mut Stage, rendition: Rendition) -> Vec<bool> {
        let written = stage.stream.playlist(rendition).unwrap();
        let playlist = MediaPlaylist::parse(&written.full.whole()).unwrap();
        let published = playlist.segments.iter().map(|segment| segment.gap);
        published.collect()
    }

    fn rung(status: &StreamStatus) -> Option<&'static str> {
        let rungs = &status.renditions;
        rungs.iter().find(|r| r.name == RUNG.to_string())?.pace
    }

    #[test]
    fn a_suspended_rung_is_a_gap_at_once_and_comes_back_with_a_boundary() {
        let show = Show {
            seconds: 21,
            ..Show::default()
        };
        let messages = [show.headers(), show.session(crate::show::START_MS, None)].concat();
        let places: Vec<usize> = stamps(&messages).iter().map(|(at, _)| *at).collect();
        let mut stage = Stage::new(settings());
        // In the middle of the fourth segment, and back in that of the seventh.
        let (off, on) = (places[3] + 40, places[6] + 40);
        stage.feed(&messages[..off]);
        pace(&mut stage, Pace::Suspended);
        assert_eq!(
            stage.stream.shortfalls(),
            ["the box is too slow: 240p is suspended"]
        );
        stage.feed(&messages[off..on]);
        let told = stage.stream.status().unwrap();
        assert_eq!(rung(&told), Some("suspended"));
        pace(&mut stage, Pace::Full);
        assert!(stage.stream.shortfalls().is_empty());
        stage.feed(&messages[on..]);
        let rung = gaps(&mut stage, RUNG);
        let lost: Vec<usize> = (0..rung.len()).filter(|n| rung[*n]).collect();
        assert_eq!(lost.len(), 4, "{rung:?}");
        assert_eq!(lost[3] - lost[0], 3, "one after the other: {rung:?}");
        for rendition in [Rendition::Source, Rendition::Audio] {
            assert!(!gaps(&mut stage, rendition).contains(&true), "{rendition}");
        }
    }
}
