//! [pure] A stream's slates: which of its rungs lack one, and whether one fits.

use std::{collections::BTreeSet, sync::Arc};

use live::{MediaTime, Rendition, cutter::LEAST_HOLD_MS};

use super::{Stream, run::Run};
use crate::slate::{Card, Slate};

/// What slates are to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlateOrder {
    /// The picture.
    pub card: Card,
    /// Most that a held segment lasts, milliseconds.
    pub length_ms: u32,
    /// Frames per second as a fraction, where the rungs' pictures do not say.
    pub rate: (u32, u32),
    /// The rungs that have none.
    pub rungs: BTreeSet<Rendition>,
}

impl Stream {
    /// What the rungs of the encoder of `generation` lack, once it has told how each is coded.
    pub fn slate_order(&self, generation: u64) -> Option<SlateOrder> {
        let run = self.run.as_ref()?;
        let current = run.encoder.as_ref()?.generation == generation;
        let lacking = |(_, rung): &(&Rendition, &super::encoded::Encoded)| {
            rung.codec.is_some() && rung.track.slate().is_none()
        };
        let rungs: BTreeSet<Rendition> =
            run.rungs.iter().filter(lacking).map(|(r, _)| *r).collect();
        let card = run.settings.slate.clone();
        (current && card != Card::Nothing && !rungs.is_empty()).then(|| SlateOrder {
            card,
            length_ms: run.limits.segment_ms.saturating_add(LEAST_HOLD_MS),
            rate: run.rate(),
            rungs,
        })
    }

    /// A rung's slate is ready. `false` when it is coded otherwise than the rung.
    pub fn set_slate(&mut self, generation: u64, rendition: Rendition, slate: Slate) -> bool {
        let Some(run) = &mut self.run else {
            return false;
        };
        let current = run.encoder(generation).is_some();
        let rung = run.rungs.get_mut(&rendition).filter(|_| current);
        rung.is_some_and(|rung| {
            let fits = rung
                .codec
                .as_ref()
                .is_some_and(|codec| codec.record() == slate.record());
            if fits {
                rung.track.set_slate(Some(Arc::new(slate)));
            }
            fits
        })
    }
}

impl Run {
    /// Frames per second as the source says, or as they came.
    fn rate(&self) -> (u32, u32) {
        const USUAL: (u32, u32) = (30, 1);
        let said = self.video.as_ref().and_then(|video| video.frame_rate());
        let came = u32::try_from(self.distance).ok().filter(|ticks| *ticks > 0);
        let hz = u32::try_from(MediaTime::HZ).unwrap_or(u32::MAX);
        said.or_else(|| came.map(|ticks| (hz, ticks)))
            .unwrap_or(USUAL)
    }
}
