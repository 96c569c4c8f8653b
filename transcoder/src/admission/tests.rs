use live::Rendition;
use proptest::prelude::*;

use super::*;

const FULL_HD: Source = Source {
    size: (1920, 1080),
    frame_rate: Some(30_000),
};

fn rung(width: u16, height: u16) -> RungPlan {
    RungPlan {
        rendition: Rendition::Encoded(height),
        width,
        height,
        bitrate_bps: 1_000_000,
        halved: false,
    }
}

fn ladder() -> Vec<RungPlan> {
    vec![rung(1280, 720), rung(854, 480), rung(640, 360)]
}

fn name(n: usize) -> StreamName {
    format!("stream-{n}").parse().unwrap()
}

fn heights(rungs: &[RungPlan]) -> Vec<u16> {
    rungs.iter().map(|rung| rung.height).collect()
}

#[test]
fn a_ladder_costs_about_what_was_measured_of_one() {
    // 0.76 of a processor for this one at `veryfast`.
    assert!((700..820).contains(&FULL_HD.cost(&ladder())));
    let mut halved = ladder();
    halved[2].halved = true;
    assert!(FULL_HD.cost(&halved) < FULL_HD.cost(&ladder()));
    assert_eq!(FULL_HD.cost(&[]), 0, "nothing is decoded for nobody");
}

#[test]
fn each_newcomer_gets_less_until_there_is_the_source_alone() {
    let mut capacity = Capacity::new(2000);
    let mut got = Vec::new();
    for n in 0..5 {
        let (rungs, cut) = FULL_HD.admit(ladder(), capacity.allowance(&name(n)));
        capacity.started(&name(n), FULL_HD.cost(&rungs));
        got.push((heights(&rungs), cut));
    }
    let none = (vec![], Cut::All);
    assert_eq!(
        got,
        [
            (vec![720, 480, 360], Cut::Nothing),
            (vec![480, 360], Cut::Top(1)),
            none.clone(),
            none.clone(),
            none
        ]
    );
    capacity.stopped(&name(0));
    let (rungs, cut) = FULL_HD.admit(ladder(), capacity.allowance(&name(9)));
    assert_eq!((heights(&rungs), cut), (vec![720, 480, 360], Cut::Nothing));
}

#[test]
fn what_is_measured_counts_and_tells_of_newcomers_too() {
    let mut capacity = Capacity::new(2000);
    capacity.started(&name(0), FULL_HD.cost(&ladder()));
    // Hardware: a tenth.
    capacity.measured(&name(0), 75);
    let (rungs, _) = FULL_HD.admit(ladder(), capacity.allowance(&name(1)));
    assert_eq!(rungs.len(), 3);
    assert_eq!(capacity.taken(), 75);
    // A held show costs nothing, and comes back.
    capacity.measured(&name(0), 0);
    assert!(capacity.taken() > 70);
    // A slow box: twice.
    capacity.measured(&name(0), 1500);
    let (rungs, cut) = FULL_HD.admit(ladder(), capacity.allowance(&name(1)));
    assert_eq!((rungs.len(), cut), (0, Cut::All));
}

#[test]
fn where_one_is_given_up_on_already_no_other_begins() {
    let mut capacity = Capacity::new(64_000);
    capacity.started(&name(0), 100);
    capacity.sheds(&name(0), true);
    assert_eq!(
        FULL_HD.admit(ladder(), capacity.allowance(&name(1))).1,
        Cut::All
    );
    // Its own encoder may start anew.
    assert_eq!(
        FULL_HD.admit(ladder(), capacity.allowance(&name(0))).1,
        Cut::Nothing
    );
    capacity.sheds(&name(0), false);
    assert_eq!(
        FULL_HD.admit(ladder(), capacity.allowance(&name(1))).1,
        Cut::Nothing
    );
}

proptest! {
    /// Whoever comes, goes and is measured: what was admitted beside others fits the share, and is part of the ladder.
    #[test]
    fn nothing_is_admitted_beyond_the_share(
        processors in 1u64..64_000,
        steps in prop::collection::vec((0usize..6, 0u64..3000, 0u8..4), 1..60),
    ) {
        let mut capacity = Capacity::new(processors);
        for (n, cost, what) in steps {
            let name = name(n);
            match what {
                0 => capacity.stopped(&name),
                1 => capacity.measured(&name, cost),
                _ => {
                    capacity.stopped(&name);
                    let allowance = capacity.allowance(&name);
                    let (rungs, cut) = FULL_HD.admit(ladder(), allowance);
                    let left_out = match cut { Cut::Nothing => 0, Cut::Top(top) => top, Cut::All => 3 };
                    prop_assert_eq!(&rungs, &ladder().split_off(left_out), "the largest are left out");
                    capacity.started(&name, FULL_HD.cost(&rungs));
                    let alone = capacity.streams.len() == 1;
                    let share = if alone { processors } else { processors * SHARED / 100 };
                    prop_assert!(rungs.is_empty() || capacity.taken() <= share + 1);
                }
            }
        }
    }
}
