use proptest::prelude::*;

use super::*;

const P720: Rendition = Rendition::Encoded(720);
const P480: Rendition = Rendition::Encoded(480);
const P360: Rendition = Rendition::Encoded(360);
const LADDER: [Rendition; 3] = [P720, P480, P360];
/// A picture's time of a show of 30 frames per second, in microseconds.
const FRAME_US: u64 = 33_333;
const GOP: u64 = 60;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A box with one processor, which works at a worker's frames one by one.
struct Rig {
    dog: Watchdog,
    /// What it takes to encode a picture of each rung, microseconds.
    costs: [u64; 3],
    paces: [Pace; 3],
    waiting: VecDeque<(u64, Duration)>,
    /// When the processor is free.
    free: Duration,
    frame: u64,
    until_key: bool,
    /// Age of the frames that were given last, in milliseconds.
    age: u64,
    verdicts: Vec<(Duration, Verdict)>,
}

impl Rig {
    fn new(costs: [u64; 3]) -> Self {
        Self {
            dog: Watchdog::new(LADDER.to_vec(), true),
            costs,
            paces: [Pace::Full; 3],
            waiting: VecDeque::new(),
            free: Duration::ZERO,
            frame: 0,
            until_key: true,
            age: 0,
            verdicts: Vec::new(),
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 30 {
            let now = Duration::from_micros(self.frame * FRAME_US);
            self.work(now);
            self.feed(now);
            if self.frame.is_multiple_of(3)
                && let Some(verdict) = self.dog.look(now)
            {
                if let Verdict::Paces(paces, _) = &verdict {
                    for (rendition, pace) in paces {
                        let n = LADDER.iter().position(|r| r == rendition).unwrap();
                        self.paces[n] = *pace;
                    }
                }
                self.verdicts.push((now, verdict));
            }
            self.frame += 1;
        }
    }

    /// As the feed does: a GOP is left out when its key finds 24 frames on their way.
    fn feed(&mut self, now: Duration) {
        let key = self.frame.is_multiple_of(GOP);
        if key && self.dog.on_the_way() >= 24 {
            self.dog.refused();
            self.until_key = true;
        } else if key || !self.until_key {
            self.until_key = false;
            self.dog.went_in(MediaTime::from_millis(self.frame), now);
            self.waiting.push_back((self.frame, now));
        }
    }

    fn work(&mut self, now: Duration) {
        while let Some(&(frame, at)) = self.waiting.front() {
            let key = frame.is_multiple_of(GOP);
            let encoded = |pace| match pace {
                Pace::Full => true,
                Pace::Half => key || frame.is_multiple_of(2),
                Pace::Suspended => false,
            };
            let cost: u64 = (0..3)
                .filter(|n| encoded(self.paces[*n]))
                .map(|n| self.costs[n])
                .sum();
            let done = self.free.max(at) + Duration::from_micros(cost);
            if done > now {
                return;
            }
            self.free = done;
            self.waiting.pop_front();
            self.age = u64::try_from((done - at).as_millis()).unwrap();
            for n in (0..3).filter(|n| encoded(self.paces[*n])) {
                let pts = MediaTime::from_millis(frame);
                self.dog.came_out(LADDER[n], pts, done);
            }
        }
    }
}

#[test]
fn the_largest_rung_gives_first_and_the_smallest_is_never_suspended() {
    assert_eq!([0, 1, 2].map(|n| pace(0, n)), [Pace::Full; 3]);
    assert_eq!(
        [0, 1, 2].map(|n| pace(1, n)),
        [Pace::Half, Pace::Full, Pace::Full]
    );
    assert_eq!([0, 1, 2].map(|n| pace(2, n)), [Pace::Half; 3]);
    assert_eq!(
        [0, 1, 2].map(|n| pace(3, n)),
        [Pace::Suspended, Pace::Half, Pace::Half]
    );
    assert_eq!(
        [0, 1, 2].map(|n| pace(4, n)),
        [Pace::Suspended, Pace::Suspended, Pace::Half]
    );
    assert_eq!(Watchdog::new(LADDER.to_vec(), true).last_step(), 4);
    assert_eq!(Watchdog::new(vec![P480], true).last_step(), 1);
}

#[test]
fn a_box_that_is_a_little_slow_gives_up_pictures_of_the_largest_rung_alone() {
    let mut rig = Rig::new([22_000, 9_000, 5_000]);
    rig.run(25);
    let (at, verdict) = rig.verdicts.first().unwrap();
    assert!(*at < ms(10_000), "{at:?}");
    assert!(matches!(verdict, Verdict::Paces(paces, Some(_)) if *paces == [(P720, Pace::Half)]));
    assert_eq!(rig.verdicts.len(), 1);
    assert!(rig.age < 100, "{} ms", rig.age);
}

#[test]
fn a_box_that_is_far_too_slow_suspends_the_largest_rung_and_then_is_in_time() {
    let mut rig = Rig::new([120_000, 20_000, 5_000]);
    rig.run(60);
    assert_eq!(rig.paces, [Pace::Suspended, Pace::Half, Pace::Half]);
    assert!(rig.age < 100, "{} ms", rig.age);
    // What was wrong passes: one step in each clean time, up to all. That is longer by now, for it was tried in vain.
    rig.costs = [10_000, 6_000, 3_000];
    rig.verdicts.clear();
    rig.run(200);
    assert_eq!(rig.paces, [Pace::Full; 3]);
    assert_eq!(rig.verdicts.len(), 3);
    for pair in rig.verdicts.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= CLEAN);
    }
}

#[test]
fn what_was_taken_back_too_early_is_given_up_for_longer() {
    let mut rig = Rig::new([120_000, 20_000, 5_000]);
    rig.run(7200);
    // Four steps down at most, each with its way back up, at 30 s, 1, 2, 4 and then every 8 minutes: in two hours.
    assert!(rig.verdicts.len() < 100, "{}", rig.verdicts.len());
    assert_ne!(rig.paces[2], Pace::Suspended);
}

#[test]
fn a_worker_that_gives_nothing_is_given_up_and_one_that_is_not_fed_never_is() {
    let mut dog = Watchdog::new(LADDER.to_vec(), true);
    for n in 0..10 {
        dog.went_in(MediaTime::from_millis(n), ms(n * 33));
    }
    assert_eq!(dog.look(ms(9_000)), None, "it may still be starting");
    for rung in LADDER {
        dog.came_out(rung, MediaTime::from_millis(5), ms(9_000));
    }
    // A decoder holds four pictures back as long as nothing comes.
    assert_eq!(dog.look(ms(9_100)), None);
    assert_eq!(dog.look(ms(3_600_000)), None);
    for n in 10..20 {
        dog.went_in(MediaTime::from_millis(n), ms(3_600_000));
    }
    assert_eq!(dog.look(ms(3_600_200)), None, "they are new");
    assert!(matches!(dog.look(ms(3_602_000)), Some(Verdict::Hung(_))));
}

#[test]
fn where_nobody_is_in_a_hurry_nothing_is_given_up() {
    let mut rig = Rig::new([120_000, 20_000, 5_000]);
    rig.dog = Watchdog::new(LADDER.to_vec(), false);
    rig.run(60);
    assert_eq!(rig.verdicts, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_box_that_is_fast_enough_is_left_alone(costs in prop::array::uniform3(1u64..9_000)) {
        let mut rig = Rig::new(costs);
        rig.run(120);
        prop_assert_eq!(rig.verdicts, []);
    }

    /// Whatever the box and however it changes: age is bounded, steps are single, and none flaps.
    #[test]
    fn age_is_bounded_and_steps_are_single(
        phases in prop::collection::vec((prop::array::uniform3(1u64..60_000), 1u64..90), 1..6)
    ) {
        let mut rig = Rig::new(phases[0].0);
        let mut oldest = 0;
        for (costs, seconds) in phases {
            rig.costs = costs;
            for _ in 0..seconds {
                rig.run(1);
                oldest = oldest.max(rig.age);
            }
        }
        // A GOP that began in time, on a box that needs five times its length for it.
        prop_assert!(oldest < 15_000, "{} ms", oldest);
        let mut before: Option<(Duration, bool)> = None;
        for (at, verdict) in rig.verdicts {
            let Verdict::Paces(_, why) = verdict else {
                prop_assert!(false, "it is slow and does not hang");
                return Ok(());
            };
            if let Some((last, _)) = before {
                let least = if why.is_some() { SETTLE } else { CLEAN };
                prop_assert!(at - last >= least, "{:?} after {:?}", at, last);
            }
            before = Some((at, why.is_some()));
        }
    }
}
