//! [pure] When a stream's multivariant playlist appears, and what is in it.
//!
//! Players read it once, so it waits until it can be complete: until the source's first keyframes have proved regular or
//! not, and until there is so much of every rendition that a player begins with media. It waits for no more than three
//! segments; what comes later is added then. Who comes in a hold is not offered silence alone: the slates are waited for.

use live::{Rendition, playlist::FrameRate};

use super::{Metadata, Stream, run::Run};
use crate::{
    multivariant::{self, Offer, Sound},
    window::Window,
    worker::SOUND_BITRATE_BPS,
};

/// Segments begun when the source can have proved itself.
const PROOF: u64 = 2;
/// Segments begun when nothing is waited for any more.
const PATIENCE: u64 = 4;
/// Slates are made one after the other. Whoever has the first waits for the others for so many segments.
const FIRST_SLATE_ALONE: usize = 8;
/// Peak over average of an encoder whose buffer is one second: a two-second segment can hold three seconds' worth.
const ENCODER_PEAK: (u64, u64) = (3, 2);
/// Sound in fragments over sound: each of half a second has 300 bytes around it.
const FRAGMENTS: (u64, u64) = (11, 10);
/// What the first pictures of segments take of a rendition's bit rate at least, in declarations.
const I_FRAMES: (u64, u64) = (1, 4);
/// Peak over average of a source: Apple's bound for live streams (authoring rule 1.29).
const SOURCE_PEAK: (u64, u64) = (5, 4);

impl Stream {
    /// Writes the first multivariant playlist as soon as it can be complete.
    pub(super) fn offer_first(&mut self) {
        if self.run.as_ref().is_some_and(|r| r.multivariant.is_none()) {
            self.offer();
        }
    }

    /// Writes the multivariant playlist anew.
    pub(super) fn offer(&mut self) {
        let metadata = self.metadata;
        let Some(run) = &mut self.run else { return };
        let settings = run.settings.clone();
        if run.multivariant.is_none() && !is_complete(run, metadata) {
            return;
        }
        let source_bps = metadata
            .video_bps
            .unwrap_or_else(|| settings.source_bps.into());
        let offers = offers(run, metadata, source_bps);
        if run.multivariant.is_none() && awaits_slates(run, &offers) {
            return;
        }
        let sound = run
            .audio
            .as_ref()
            .filter(|track| track.window().has_media())
            .map(|track| Sound {
                codec: track.codec(),
                bps: if run.sound.is_foreign() {
                    SOUND_BITRATE_BPS.into()
                } else {
                    metadata
                        .audio_bps
                        .unwrap_or_else(|| settings.audio_bps.into())
                },
            })
            .map(|sound| Sound {
                bps: times(sound.bps, FRAGMENTS),
                ..sound
            });
        if let Some(text) = multivariant::write(&offers, sound) {
            run.multivariant = Some(text.into());
        }
    }
}

/// Nobody publishes, and there is not yet what is to be seen meanwhile.
fn awaits_slates(run: &Run, offers: &[Offer<'_>]) -> bool {
    let rungs = || run.rungs.values().map(|rung| rung.track.window());
    let shown = |window: &Window| {
        let segments = window.playlist().segments.iter();
        segments.filter(|segment| !segment.gap).count()
    };
    let lacking = rungs().any(|window| !window.has_media())
        && rungs().map(shown).max().unwrap_or(0) < FIRST_SLATE_ALONE;
    run.open.held && run.video.is_some() && (offers.is_empty() || lacking)
}

/// Whether all is there that is to come, or nobody should wait for it.
fn is_complete(run: &Run, metadata: Metadata) -> bool {
    // What was announced and has not begun by then may never come.
    let unannounced = |bps: Option<u64>| bps.is_none() || run.begun > PROOF;
    let source = match &run.source {
        Some(source) if source.admission().is_admitted() => source.window().can_be_joined(),
        Some(source) => source.fault().is_some() || run.begun > PROOF,
        None => unannounced(metadata.video_bps),
    };
    let sound = match &run.audio {
        Some(sound) => sound.window().can_be_joined(),
        None => unannounced(metadata.audio_bps),
    };
    let mut rungs = run.rungs.values();
    let all = source && sound && rungs.all(|rung| rung.track.window().can_be_joined());
    run.begun >= PATIENCE || (run.begun >= PROOF && all)
}

fn offers(run: &Run, metadata: Metadata, source_bps: u64) -> Vec<Offer<'_>> {
    let thousandths = metadata.frame_rate.or(run.frame_rate);
    let frame_rate = thousandths.map(FrameRate::from_thousandths);
    let source = run
        .source
        .as_ref()
        .filter(|source| source.admission().is_admitted())
        .zip(run.video.as_ref())
        .map(|(source, codec)| Offer {
            rendition: Rendition::Source,
            codec,
            frame_rate,
            average_bps: source_bps,
            peak_bps: times(source_bps, SOURCE_PEAK).max(source.window().peak_bps()),
            i_frames_bps: i_frames_bps(source_bps, source.window()),
        });
    let rungs = run.rungs.iter().filter_map(|(rendition, rung)| {
        let codec = rung.codec.as_ref()?;
        let average_bps = u64::from(rung.plan.bitrate_bps);
        // Some players give up on a playlist of nothing but gaps.
        let has_been_whole = rung.track.window().peak_bps() > 0;
        has_been_whole.then(|| Offer {
            rendition: *rendition,
            codec,
            frame_rate: match rung.plan.halved {
                true => thousandths.map(|rate| FrameRate::from_thousandths(rate / 2)),
                false => frame_rate,
            },
            average_bps,
            peak_bps: times(average_bps, ENCODER_PEAK),
            i_frames_bps: i_frames_bps(average_bps, rung.track.window()),
        })
    });
    source.into_iter().chain(rungs).collect()
}

/// What is declared: what the first of them took and a quarter more.
fn i_frames_bps(average_bps: u64, window: &Window) -> u64 {
    times(window.i_frames_bps(), SOURCE_PEAK).max(times(average_bps, I_FRAMES))
}

const fn times(bps: u64, (numerator, denominator): (u64, u64)) -> u64 {
    bps.saturating_mul(numerator) / denominator
}
