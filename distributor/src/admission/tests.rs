#![expect(
    clippy::disallowed_methods,
    reason = "any instant will do as a beginning"
)]

use proptest::prelude::*;

use super::*;
use crate::ladder::Ladder;

/// 1 Gb/s.
const BUDGET: u64 = 1_000_000_000;

/// A line whose load a test sets.
struct Line {
    admission: Admission,
    now: Instant,
    sent: u64,
}

impl Line {
    fn new() -> Self {
        let now = Instant::now();
        let mut admission = Admission::new(BUDGET);
        admission.measure(0, now);
        Self {
            admission,
            now,
            sent: 0,
        }
    }

    /// One tick in which the line is so full, per mille.
    fn tick(&mut self, load: u64) -> Level {
        self.now += TICK;
        // Rounded up, so that the load is reached.
        let media = (BUDGET * load / 1_000 * 1_000).div_ceil(1_059);
        self.sent += media.div_ceil(8 * 4) + 1;
        self.admission.measure(self.sent, self.now);
        self.admission.level()
    }

    /// The same for as long as that.
    fn stay(&mut self, load: u64, time: Duration) -> Level {
        let ticks = time.as_millis() / TICK.as_millis();
        (0..ticks).map(|_| self.tick(load)).last().unwrap()
    }

    fn newcomer(&mut self) -> Option<Ceiling> {
        self.admission.admit(false, self.now)
    }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn what_is_given_is_less_in_the_documented_order() {
    let mut line = Line::new();
    for (load, level, newcomer, known) in [
        (700, Level::All, Some(Ceiling::None), Ceiling::None),
        (760, Level::Steer, Some(Ceiling::None), Ceiling::None),
        (
            810,
            Level::TopForNew,
            Some(Ceiling::BelowTop),
            Ceiling::None,
        ),
        (
            890,
            Level::TopForAll,
            Some(Ceiling::BelowTop),
            Ceiling::BelowTop,
        ),
        (
            940,
            Level::SoundOnly,
            Some(Ceiling::Least),
            Ceiling::BelowTop,
        ),
        (980, Level::Full, None, Ceiling::BelowTop),
    ] {
        assert_eq!(line.stay(load, LONG), level);
        assert_eq!(line.newcomer(), newcomer, "{level:?}");
        let given = line.admission.admit(true, line.now);
        assert_eq!(given, Some(known), "{level:?}");
    }
    assert_eq!(line.stay(100, LONG), Level::All, "it is over");
    assert_eq!(line.newcomer(), Some(Ceiling::None));
}

#[test]
fn a_crowd_at_the_door_is_reckoned_with_before_it_takes_anything() {
    let mut line = Line::new();
    line.stay(100, LONG);
    let ladder = Ladder::usual();
    let mut came_in = 0;
    while let Some(ceiling) = line.newcomer() {
        line.admission.promise(ladder.need(ceiling), line.now);
        came_in += 1;
        assert!(came_in < 10_000, "the line carries no more");
    }
    assert!(came_in > 200, "{came_in}");
    assert!(!line.admission.cuts(), "nobody has taken anything yet");
    // They thought better of it.
    assert_eq!(line.stay(100, LONG), Level::All);
}

#[test]
fn nobody_loses_anything_for_what_is_only_expected() {
    let mut line = Line::new();
    for _ in 0..1_000 {
        line.tick(500);
        line.admission.promise(BUDGET, line.now);
        assert!(!line.admission.cuts());
    }
    assert_eq!(line.admission.level(), Level::Full);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut admission = Admission::new(BUDGET);
    let start = Instant::now();
    for n in 0..10_000 {
        let now = start + Duration::from_millis(n);
        admission.measure(n, now);
        admission.promise(1, now + TICK * u32::try_from(n).unwrap());
    }
    assert!(admission.sent.len() <= KEPT_MAX && admission.promised.len() <= KEPT_MAX);
}

/// A thousand viewers come within ten seconds to a line that carries 150 of them at their best. They begin low, go up
/// every two seconds while the line has room, and down when it has none or when they are told to.
#[test]
fn a_crowd_settles_and_all_who_came_in_go_on_watching() {
    let mut line = Line::new();
    let ladder = Ladder::usual();
    let steps: Vec<u64> = ladder
        .rungs()
        .iter()
        .map(|rung| on_the_line(rung.bits))
        .collect();
    // Each: what he may have at best and what he has now, as steps of the ladder.
    let mut crowd: Vec<(usize, usize)> = Vec::new();
    let mut levels = Vec::new();
    let (mut now_sent, mut most) = (0, 0);
    for tick in 0..480 {
        for _ in 0..if tick < 40 { 25 } else { 0 } {
            let Some(ceiling) = line.newcomer() else {
                continue;
            };
            let best = match ceiling {
                Ceiling::None => 0,
                Ceiling::BelowTop => 1,
                Ceiling::Least => 5,
            };
            line.admission.promise(ladder.need(ceiling), line.now);
            crowd.push((best, best.max(4)));
        }
        for (index, (best, step)) in crowd.iter_mut().enumerate() {
            if line.admission.cuts() {
                *best = (*best).max(1);
            }
            let turn = (tick + index) % 8 == 0;
            if turn && now_sent < BUDGET && *step > *best {
                *step -= 1;
            } else if turn && now_sent > BUDGET && *step < 4 {
                *step += 1;
            }
            *step = (*step).max(*best);
        }
        let bits: u64 = crowd.iter().map(|(_, step)| steps[*step]).sum();
        most = most.max(bits);
        now_sent = bits;
        let level = line.tick(bits * 1_000 / BUDGET);
        if levels.last() != Some(&level) {
            levels.push(level);
        }
    }
    let pictures = crowd.iter().filter(|(best, _)| *best < 5).count();
    assert!(pictures > 150, "{pictures} see something");
    assert!(most < BUDGET * 12 / 10, "{most}");
    assert!(levels.is_sorted(), "it only fills up: {levels:?}");
    assert!(line.admission.cuts() && line.newcomer().is_none());
}

proptest! {
    /// A fuller line never gives more.
    #[test]
    fn a_fuller_line_never_gives_more(loads in prop::collection::vec((0_u64..1_200, 0_u64..200, 1_usize..60), 1..20)) {
        let (mut less, mut more) = (Line::new(), Line::new());
        for (load, besides, ticks) in loads {
            for _ in 0..ticks {
                let (less, more) = (less.tick(load), more.tick(load + besides));
                prop_assert!(less <= more, "{less:?} {more:?}");
            }
        }
    }

    /// A level is not left before its time, and then for the next one; so however the load goes, it changes seldom.
    #[test]
    fn levels_do_not_come_and_go(loads in prop::collection::vec(0_u64..1_200, 1..400)) {
        let mut line = Line::new();
        let mut before = (line.admission.level(), line.now);
        for load in loads {
            let level = line.tick(load);
            if level < before.0 {
                prop_assert_eq!(level, before.0.lower());
                prop_assert!(line.now - before.1 >= DWELL);
            }
            if level != before.0 {
                before = (level, line.now);
            }
        }
    }

    /// The same load for long brings no change.
    #[test]
    fn a_steady_load_settles(loads in prop::collection::vec(0_u64..1_200, 0..50), steady in 0_u64..1_200) {
        let mut line = Line::new();
        for load in loads {
            line.tick(load);
        }
        let settled = line.stay(steady, LONG);
        for _ in 0..200 {
            prop_assert_eq!(line.tick(steady), settled);
        }
        prop_assert!(settled >= Level::reached(steady));
        prop_assert!(settled == Level::All || settled.begins() <= steady + MARGIN + 1);
    }

    /// Nobody who watches is given less before newcomers have been for a while.
    #[test]
    fn newcomers_are_given_less_first(loads in prop::collection::vec((0_u64..1_200, 0_u64..BUDGET), 1..400)) {
        let mut line = Line::new();
        let mut capped = None;
        for (load, promised) in loads {
            line.admission.promise(promised / 100, line.now);
            line.tick(load);
            capped = match line.newcomer() {
                Some(Ceiling::None) => None,
                Some(Ceiling::BelowTop | Ceiling::Least) | None => capped.or(Some(line.now)),
            };
            if line.admission.cuts() {
                prop_assert!(capped.is_some_and(|since| line.now - since + TICK >= NEWCOMERS_FIRST));
            }
        }
    }
}
