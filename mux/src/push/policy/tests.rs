use proptest::prelude::*;

use super::*;

const ON: Wish = Wish {
    on: true,
    orders: 0,
};
const LIVE: Show = Show {
    session: Some(SessionId(1)),
    live: true,
    fits: true,
};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Tries until the policy says something else than to wait and to connect; answers with it, and when each try was.
fn exhaust(policy: &mut Policy, outcome: Outcome, until: Duration) -> (Next, Vec<Duration>) {
    let (mut now, mut tries) = (Duration::ZERO, Vec::new());
    loop {
        match policy.next(ON, LIVE, now) {
            Next::Connect => {
                tries.push(now);
                policy.ended(outcome, now, 0);
            }
            Next::Wait(due) if due < until => now = due,
            other @ (Next::Wait(_) | Next::Stopped | Next::Idle | Next::Unfit | Next::Parked) => {
                return (other, tries);
            }
        }
    }
}

#[test]
fn a_wrong_key_is_tried_three_times_and_then_left_alone() {
    let mut policy = Policy::default();
    let (next, tries) = exhaust(&mut policy, Outcome::Denied, WINDOW * 100);
    assert_eq!((next, tries.len()), (Next::Parked, 3));
    let later = WINDOW * 1000;
    assert_eq!(policy.next(ON, LIVE, later), Next::Parked);
    let ordered = Wish { orders: 1, ..ON };
    assert_eq!(policy.clone().next(ordered, LIVE, later), Next::Connect);
    let next_show = Show {
        session: Some(SessionId(2)),
        ..LIVE
    };
    assert_eq!(policy.next(ON, next_show, later), Next::Connect);
}

#[test]
fn a_name_that_is_taken_is_tried_for_as_long_as_servers_hold_dead_publishers() {
    let mut policy = Policy::default();
    let (next, tries) = exhaust(&mut policy, Outcome::Doubted, WINDOW * 100);
    assert_eq!(next, Next::Parked);
    // The waits are the shortest that chance can give; four minutes are in them even so.
    assert!(tries.last().unwrap() >= &seconds(240), "{tries:?}");

    // A key that was taken before is not wrong because it is refused now.
    let mut policy = Policy::default();
    policy.accepted();
    let (_, tries) = exhaust(&mut policy, Outcome::Denied, WINDOW * 100);
    assert_eq!(tries.len(), usize::try_from(DOUBTS).unwrap());
}

#[test]
fn a_target_that_is_down_is_tried_for_ever_within_the_budget() {
    let mut policy = Policy::default();
    let down = Outcome::Failed {
        lasted: Duration::ZERO,
    };
    let (next, tries) = exhaust(&mut policy, down, seconds(24 * 3600));
    assert!(matches!(next, Next::Wait(_)));
    assert!(tries.len() > 24 * 6 * 20, "it gave up: {}", tries.len());
    assert!(tries[1] <= Duration::from_millis(500), "{tries:?}");
}

#[test]
fn a_target_that_comes_and_goes_spends_its_budget_and_says_so() {
    let mut policy = Policy::default();
    let mut now = Duration::ZERO;
    let mut connected = 0;
    while !policy.is_spent() {
        match policy.next(ON, LIVE, now) {
            Next::Connect => {
                connected += 1;
                policy.accepted();
                // As if it had lasted: the worst case for the waits.
                policy.ended(
                    Outcome::Failed {
                        lasted: seconds(30),
                    },
                    now,
                    0,
                );
            }
            Next::Wait(due) => now = due,
            other @ (Next::Stopped | Next::Idle | Next::Unfit | Next::Parked) => {
                panic!("{other:?}")
            }
        }
    }
    assert_eq!(connected, TRIES);
    assert_eq!(policy.next(ON, LIVE, now), Next::Wait(WINDOW));
}

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Switch(bool),
    Show { new: bool, live: bool, fits: bool },
    Accepted,
    End(Outcome),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        (0..60_u64).prop_map(|s| Outcome::Failed { lasted: seconds(s) }),
        Just(Outcome::Denied),
        Just(Outcome::Doubted),
    ];
    prop_oneof![
        4 => (0..40_000_u64).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Switch),
        1 => (prop::bool::weighted(0.1), prop::bool::weighted(0.8), prop::bool::weighted(0.9))
            .prop_map(|(new, live, fits)| Step::Show { new, live, fits }),
        2 => Just(Step::Accepted),
        8 => outcome.prop_map(Step::End),
    ]
}

proptest! {
    /// It connects when it is wanted, there is a show, the target takes it, it is not parked and the budget has a try
    /// left; and nothing else happens.
    #[test]
    fn it_connects_when_it_may_and_never_else(
        steps in prop::collection::vec((step(), any::<u64>()), 1..400),
    ) {
        let mut policy = Policy::default();
        let (mut wish, mut show, mut now) = (ON, LIVE, Duration::ZERO);
        let mut tries: Vec<Duration> = Vec::new();
        let (mut connected, mut refusals, mut seen) = (false, 0, show.session);
        for (step, random) in steps {
            match step {
                Step::Pass(millis) => now += Duration::from_millis(millis),
                // Stopping is free; each order to start is the operator's own try, and not in this test.
                Step::Switch(on) => wish.on = on,
                Step::Show { new, live, fits } => {
                    let session = show.session.map(|id| SessionId(id.0 + u64::from(new)));
                    show = Show { session, live, fits };
                }
                Step::Accepted if connected => {
                    policy.accepted();
                    refusals = 0;
                }
                Step::End(outcome) if connected => {
                    connected = false;
                    policy.ended(outcome, now, random);
                    if !matches!(outcome, Outcome::Failed { .. }) {
                        refusals += 1;
                    }
                }
                Step::Accepted | Step::End(_) => {}
            }
            if connected {
                continue;
            }
            if std::mem::replace(&mut seen, show.session) != show.session {
                refusals = 0;
            }
            match policy.next(wish, show, now) {
                Next::Connect => {
                    prop_assert!(wish.on && show.live && show.fits);
                    prop_assert!(refusals < DOUBTS);
                    connected = true;
                    tries.push(now);
                    let recent = tries.iter().filter(|at| **at + WINDOW > now).count();
                    prop_assert!(recent <= TRIES, "{recent} tries in one window");
                }
                Next::Wait(due) => prop_assert!(due > now && due <= now + WINDOW),
                Next::Parked => prop_assert!(refusals >= DENIALS && show.live),
                Next::Stopped => prop_assert!(!wish.on),
                Next::Idle => prop_assert!(wish.on && !show.live),
                Next::Unfit => prop_assert!(wish.on && show.live && !show.fits),
            }
        }
    }
}
