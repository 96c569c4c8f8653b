//! [pure] What a worker may say, and in which order. A worker decodes a stranger's video: it may have been taken over.
//!
//! What passes is safe to package: planned rungs only, a configuration before samples and only one, rising times,
//! a key first.

use std::collections::BTreeMap;

use live::{MediaTime, Rendition};

use super::{Event, Plan};
use crate::pictures::Shutter;

/// What a worker said that it must not say. Its fault; it is stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Disorder {
    #[error("the worker spoke of {0}, which is not in its plan")]
    Unplanned(Rendition),
    #[error("the worker configured {0} twice, or in another size than planned")]
    Config(Rendition),
    #[error("the worker sent a sample of {0} before its configuration, or no key first")]
    Early(Rendition),
    #[error("the worker's times of {rendition} went from {last:?} to {pts:?}")]
    Time {
        rendition: Rendition,
        last: MediaTime,
        pts: MediaTime,
    },
    #[error("the worker sent a picture that was not asked for, too early, or is none")]
    Picture,
}

#[derive(Debug)]
struct Rung {
    size: (u16, u16),
    configured: bool,
    last: Option<MediaTime>,
}

/// The state of one worker's talk.
#[derive(Debug)]
pub(super) struct Order {
    rungs: BTreeMap<Rendition, Rung>,
    /// When pictures are due, if they were asked for.
    pictures: Option<Shutter>,
}

impl Order {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            pictures: plan.pictures.then(Shutter::default),
            ..Self::of(&plan.rungs)
        }
    }

    /// Of a worker for these rungs.
    pub(super) fn of(rungs: &[super::RungPlan]) -> Self {
        let rung = |rung: &super::RungPlan| {
            let state = Rung {
                size: (rung.width, rung.height),
                configured: false,
                last: None,
            };
            (rung.rendition, state)
        };
        Self {
            rungs: rungs.iter().map(rung).collect(),
            pictures: None,
        }
    }

    /// Of a worker for sound.
    pub(super) fn of_sound() -> Self {
        let state = Rung {
            size: (0, 0),
            configured: false,
            last: None,
        };
        Self {
            rungs: [(Rendition::Audio, state)].into(),
            pictures: None,
        }
    }

    /// Takes the next event, or says what is wrong with it.
    pub(super) fn check(&mut self, event: &Event) -> Result<(), Disorder> {
        match *event {
            Event::Failed { .. }
            | Event::NoPictures { .. }
            | Event::Paced { .. }
            | Event::Used { .. } => Ok(()),
            Event::Picture(ref snapshot) => {
                let due = self
                    .pictures
                    .as_mut()
                    .is_some_and(|it| it.takes(snapshot.at));
                (due && snapshot.is_sound())
                    .then_some(())
                    .ok_or(Disorder::Picture)
            }
            Event::Config {
                rendition,
                width,
                height,
                ..
            } => {
                let rung = self.rung(rendition)?;
                if rung.configured || rung.size != (width, height) {
                    return Err(Disorder::Config(rendition));
                }
                rung.configured = true;
                Ok(())
            }
            Event::Sample {
                rendition,
                pts,
                key,
                ..
            } => {
                let rung = self.rung(rendition)?;
                match rung.last {
                    None if !key || !rung.configured => return Err(Disorder::Early(rendition)),
                    Some(last) if pts <= last => {
                        return Err(Disorder::Time {
                            rendition,
                            last,
                            pts,
                        });
                    }
                    None | Some(_) => rung.last = Some(pts),
                }
                Ok(())
            }
        }
    }

    fn rung(&mut self, rendition: Rendition) -> Result<&mut Rung, Disorder> {
        self.rungs
            .get_mut(&rendition)
            .ok_or(Disorder::Unplanned(rendition))
    }
}

#[cfg(test)]
mod tests;
