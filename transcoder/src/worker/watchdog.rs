//! [pure] Watches how far a worker is behind, and says what is given up so that it never falls behind without bound.
//!
//! A rung's lag is the age of the oldest frame that it has not given. What is given up, one step at a time: every second
//! picture of the largest rung, then of all, then the largest rung as a whole, then the next; never the smallest. A step
//! is taken back after a clean time, which doubles each time that taking back was wrong. The source and the sound are
//! no worker's business. Times are since the worker was started.

use std::{collections::VecDeque, time::Duration};

use live::{MediaTime, Rendition};

use super::Pace;

/// Frames on their way that are nobody's lag: what a decoder holds back for B-frames, and what is being worked at.
const HELD: usize = 6;
/// Lag from which on the largest rung gives up every second picture; below it a worker is in time.
const IN_TIME: Duration = Duration::from_millis(250);
/// Lag from which on all rungs do.
const LATE: Duration = Duration::from_millis(500);
/// Lag that costs a rung, when it comes again after [`LASTING`].
const TOO_LATE: Duration = Duration::from_secs(1);
/// Two boundaries of segments of two seconds lie in it, as a rule: the trouble is no single picture's.
const LASTING: Duration = Duration::from_secs(3);
/// Trouble that did not come again in this time was another one.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// Time without a frame after which a decoder may have held some back all the while.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a lag has to last, as one that passes by itself is worth no picture; and what a step has to show its effect.
const SETTLE: Duration = Duration::from_secs(1);
/// Time without lag after which a step is taken back, and the longest that it becomes.
const CLEAN: Duration = Duration::from_secs(30);
const CLEAN_MOST: Duration = Duration::from_secs(480);
/// How long frames may go in and nothing come out, at first: GStreamer scans its plugins when a box is new.
pub(super) const START: Duration = Duration::from_secs(10);
/// And once something has come out.
const SILENCE: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Each of these rungs gets another pace. The lag that is the reason; none when it is taken back.
    Paces(Vec<(Rendition, Pace)>, Option<Duration>),
    /// It takes frames and gives none for that long: it hangs.
    Hung(Duration),
}

#[derive(Debug)]
struct Rung {
    rendition: Rendition,
    newest: Option<MediaTime>,
    pace: Pace,
    /// It was suspended, and waits for its key.
    resuming: bool,
}

impl Rung {
    const fn counts(&self) -> bool {
        !matches!(self.pace, Pace::Suspended) && !self.resuming
    }
}

/// One worker's.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// Whether anything may be given up: not where frames are fed faster than a show runs.
    sheds: bool,
    /// Large to small.
    rungs: Vec<Rung>,
    /// Frames that some rung has not given, and when they went in. The feed bounds them.
    on_the_way: VecDeque<(MediaTime, Duration)>,
    started: Option<Duration>,
    newest_in: Duration,
    /// When frames came again after [`PAUSE`]: what waited until then waited for them.
    resumed: Duration,
    heard: Option<Duration>,
    /// It was in time once, or had [`START`] for it.
    ready: bool,
    step: usize,
    changed: Duration,
    /// When it was last out of time.
    unclean: Duration,
    /// Since when the lag has been above what the next step takes.
    late_since: Option<Duration>,
    /// The first and the newest moment in which the lag was worth a rung.
    trouble: Option<(Duration, Duration)>,
    refused: bool,
    clean: Duration,
    taken_back: Option<Duration>,
}

impl Watchdog {
    /// For rungs in any order.
    pub(super) fn new(mut rungs: Vec<Rendition>, sheds: bool) -> Self {
        rungs.sort_unstable();
        let rung = |rendition| Rung {
            rendition,
            newest: None,
            pace: Pace::Full,
            resuming: false,
        };
        Self {
            sheds,
            rungs: rungs.into_iter().map(rung).collect(),
            on_the_way: VecDeque::new(),
            started: None,
            newest_in: Duration::ZERO,
            resumed: Duration::ZERO,
            heard: None,
            ready: false,
            step: 0,
            changed: Duration::ZERO,
            unclean: Duration::ZERO,
            late_since: None,
            trouble: None,
            refused: false,
            clean: CLEAN,
            taken_back: None,
        }
    }

    /// A frame goes in.
    pub(super) fn went_in(&mut self, pts: MediaTime, now: Duration) {
        self.started.get_or_insert(now);
        if now >= self.newest_in + PAUSE {
            self.resumed = now;
        }
        self.newest_in = now;
        self.on_the_way.push_back((pts, now));
    }

    /// A rung gives a picture.
    pub(super) fn came_out(&mut self, rendition: Rendition, pts: MediaTime, now: Duration) {
        self.heard = Some(now);
        let mut rungs = self.rungs.iter_mut();
        if let Some(rung) = rungs.find(|rung| rung.rendition == rendition)
            && rung.pace != Pace::Suspended
        {
            rung.newest = rung.newest.max(Some(pts));
            rung.resuming = false;
        }
        let counted = self.rungs.iter().filter(|rung| rung.counts());
        if let Some(Some(all)) = counted.map(|rung| rung.newest).min() {
            self.on_the_way.retain(|(pts, _)| *pts > all);
        }
    }

    /// A whole GOP is left out, as the worker is behind at its key.
    pub(super) const fn refused(&mut self) {
        self.refused = true;
    }

    /// Whether it was in time once, or had long enough for it.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Frames that not every rung has given.
    pub(super) fn on_the_way(&self) -> usize {
        self.on_the_way.len()
    }

    /// To be asked some times a second.
    pub(super) fn look(&mut self, now: Duration) -> Option<Verdict> {
        if let Some(silence) = self.silence(now) {
            return Some(Verdict::Hung(silence));
        }
        let refused = std::mem::take(&mut self.refused);
        let lag = self.lag(now);
        if !self.ready {
            let begun = self.rungs.iter().all(|rung| rung.newest.is_some());
            let had_time = self.started.is_some_and(|at| now >= at + START);
            self.ready = had_time || begun && lag <= IN_TIME;
            self.unclean = now;
            return None;
        }
        if !self.sheds {
            return None;
        }
        let lag = if refused { lag.max(TOO_LATE) } else { lag };
        if lag > IN_TIME {
            self.unclean = now;
        }
        if self.is_worse(lag, refused, now) {
            self.give_up(lag, now)
        } else if self.step > 0 && now >= self.unclean.max(self.changed) + self.clean {
            self.take_back(now)
        } else {
            if self.step == 0 && now >= self.unclean.max(self.changed) + self.clean {
                self.clean = CLEAN;
            }
            None
        }
    }

    /// How long it has given nothing, when that is too long.
    fn silence(&self, now: Duration) -> Option<Duration> {
        let (oldest, limit) = match self.heard {
            None => (self.started?, START),
            Some(heard) => (heard, SILENCE),
        };
        let waits = self.on_the_way.get(HELD)?.1;
        let silence = now.saturating_sub(oldest.max(waits));
        (silence >= limit).then_some(silence)
    }

    /// The largest of the rungs that count.
    fn lag(&self, now: Duration) -> Duration {
        let lag = |rung: &Rung| {
            let mut waiting = self
                .on_the_way
                .iter()
                .filter(|(pts, _)| Some(*pts) > rung.newest);
            let oldest = waiting.next().map(|(_, at)| *at)?;
            waiting.nth(HELD - 1)?;
            Some(now.saturating_sub(oldest.max(self.resumed)))
        };
        let counted = self.rungs.iter().filter(|rung| rung.counts());
        counted.filter_map(lag).max().unwrap_or_default()
    }

    fn is_worse(&mut self, lag: Duration, refused: bool, now: Duration) -> bool {
        if self.step >= self.last_step() {
            return false;
        }
        let limit = match self.step {
            0 => IN_TIME,
            1 => LATE,
            _ => {
                let settled = now >= self.changed + SETTLE;
                return settled && (lag > TOO_LATE || refused) && self.lasts(now);
            }
        };
        if lag <= limit {
            self.late_since = None;
            return false;
        }
        now >= *self.late_since.get_or_insert(now) + SETTLE
    }

    /// Whether this trouble is the same as one some time ago.
    fn lasts(&mut self, now: Duration) -> bool {
        match &mut self.trouble {
            Some((first, newest)) if now < *newest + FORGOTTEN => {
                *newest = now;
                now >= *first + LASTING
            }
            other => {
                *other = Some((now, now));
                false
            }
        }
    }

    fn give_up(&mut self, lag: Duration, now: Duration) -> Option<Verdict> {
        if self.taken_back.take().is_some_and(|at| now < at + CLEAN) {
            self.clean = (self.clean * 2).min(CLEAN_MOST);
        }
        self.step += 1;
        self.changed(now, Some(lag))
    }

    fn take_back(&mut self, now: Duration) -> Option<Verdict> {
        self.taken_back = Some(now);
        self.step -= 1;
        self.changed(now, None)
    }

    fn changed(&mut self, now: Duration, why: Option<Duration>) -> Option<Verdict> {
        self.changed = now;
        self.trouble = None;
        self.late_since = None;
        let step = self.step;
        let changes = self.rungs.iter_mut().enumerate().filter_map(|(n, rung)| {
            let pace = pace(step, n);
            let before = std::mem::replace(&mut rung.pace, pace);
            rung.resuming |= before == Pace::Suspended && pace != Pace::Suspended;
            (before != pace).then_some((rung.rendition, pace))
        });
        let changes: Vec<_> = changes.collect();
        (!changes.is_empty()).then_some(Verdict::Paces(changes, why))
    }

    /// The smallest rung is halved and all others are suspended.
    const fn last_step(&self) -> usize {
        match self.rungs.len() {
            0 | 1 => self.rungs.len(),
            rungs => rungs + 1,
        }
    }
}

/// What rung `n`, counted from the largest, has at a step: 1 halves the largest, 2 all, each further one suspends one.
const fn pace(step: usize, n: usize) -> Pace {
    match step {
        0 => Pace::Full,
        1 if n > 0 => Pace::Full,
        1 | 2 => Pace::Half,
        _ if n + 2 < step => Pace::Suspended,
        _ => Pace::Half,
    }
}

#[cfg(test)]
mod tests;
