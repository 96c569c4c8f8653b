use proptest::prelude::*;

use super::*;

/// 2026-11-21.
const TODAY: i64 = 1_795_219_200;
const NINETY_DAYS: Validity = Validity {
    from: TODAY,
    until: TODAY + 90 * DAY,
};

fn at(unix: i64, running: i64) -> Now {
    Now { unix, running }
}

fn fresh(random: u64) -> Schedule {
    Schedule::new(&[], at(TODAY, 0), random)
}

#[test]
fn without_a_certificate_one_is_ordered_at_once() {
    assert_eq!(fresh(0).next(at(TODAY, 0), None), Next::Order);
}

#[test]
fn a_certificate_is_renewed_after_two_thirds_of_its_time_spread_over_three_days() {
    assert_eq!(fresh(0).due(NINETY_DAYS, None), TODAY + 60 * DAY);
    let earliest = u64::try_from(3 * DAY).unwrap();
    assert_eq!(fresh(earliest).due(NINETY_DAYS, None), TODAY + 57 * DAY);
    let schedule = fresh(0);
    let due = Some(schedule.due(NINETY_DAYS, None));
    let next = |unix| schedule.next(at(unix, 0), due);
    assert_eq!(next(TODAY), Next::Wait(3600));
    assert_eq!(next(TODAY + 60 * DAY - 30), Next::Wait(30));
    assert_eq!(next(TODAY + 60 * DAY), Next::Order);
}

#[test]
fn the_authority_may_ask_for_a_renewal_at_another_time_within_reason() {
    let due = |start, end| {
        let window = Window {
            start: TODAY + start * DAY,
            end: TODAY + end * DAY,
        };
        (fresh(0).due(NINETY_DAYS, Some(window)) - TODAY) / DAY
    };
    assert_eq!(due(30, 32), 30);
    assert_eq!(due(-5, -4), 1, "not on its first day");
    assert_eq!(due(400, 401), 75, "not in its last sixth");
}

#[test]
fn after_failures_it_is_tried_later_and_later_and_no_more_than_five_times_an_hour() {
    let mut schedule = fresh(0);
    let mut now = at(TODAY, 0);
    let mut tried = Vec::new();
    while now.running < 12 * HOUR {
        match schedule.next(now, None) {
            Next::Order => {
                tried.push(now.running);
                schedule.begins(now);
                schedule.failed(now, Failure::Refused, 0);
            }
            Next::Wait(seconds) => {
                now.running += i64::try_from(seconds).unwrap();
            }
        }
    }
    let minutes: Vec<i64> = tried.iter().map(|at| at / 60).collect();
    assert_eq!(minutes, [0, 1, 3, 7, 15, 60, 92, 156, 284, 464, 644]);
}

#[test]
fn who_was_asked_too_often_is_left_alone_for_an_hour() {
    let mut schedule = fresh(0);
    assert_eq!(schedule.failed(at(TODAY, 0), Failure::Limited, 0), HOUR);
    assert_eq!(schedule.failures(), 1);
    schedule.issued();
    assert_eq!(schedule.failures(), 0);
}

#[test]
fn a_start_knows_the_tries_before_it_and_a_try_in_the_future_is_one_just_now() {
    let now = at(TODAY, 7);
    let minutes_ago = [50, 40, 30, 20, 10].map(|minutes| TODAY - minutes * 60);
    let schedule = Schedule::new(&minutes_ago, now, 0);
    assert_eq!(schedule.next(now, None), Next::Wait(600));
    assert_eq!(schedule.tried(now), minutes_ago);
    let schedule = Schedule::new(&[TODAY + 20 * 365 * DAY; 5], now, 0);
    assert_eq!(schedule.next(now, None), Next::Wait(3600));
}

#[derive(Debug, Clone)]
enum Event {
    /// Time passes.
    Passes(i64),
    /// Somebody sets the calendar.
    Jumps(i64),
    /// The daemon is started anew; the calendar may have been set back meanwhile.
    Starts(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..2 * HOUR).prop_map(Event::Passes),
        1 => (-400 * DAY..400 * DAY).prop_map(Event::Jumps),
        2 => (0..3 * DAY).prop_map(Event::Starts),
    ]
}

fn failure() -> impl Strategy<Value = Option<Failure>> {
    prop_oneof![
        Just(None),
        Just(Some(Failure::Disk)),
        Just(Some(Failure::Away)),
        Just(Some(Failure::Refused)),
        Just(Some(Failure::Limited)),
    ]
}

proptest! {
    /// Even a daemon that is never content with what it gets.
    #[test]
    fn no_budget_is_ever_exceeded(
        events in proptest::collection::vec((event(), failure(), any::<u64>()), 1..300),
    ) {
        // True time, which nobody in there knows; the calendar is off by `off`, and the start was at `start`.
        let (mut time, mut off, mut start) = (0, 0, 0);
        let mut schedule = fresh(0);
        let mut kept = Vec::new();
        let mut tried: Vec<i64> = Vec::new();
        for (event, ended, random) in events {
            match event {
                Event::Passes(seconds) => time += seconds,
                Event::Jumps(seconds) => {
                    off += seconds;
                    // Kept again at the next try; until then what is kept is of the calendar before.
                    kept = schedule.tried(at(TODAY + time + off, time - start));
                }
                Event::Starts(back) => {
                    off -= back;
                    start = time;
                    schedule = Schedule::new(&kept, at(TODAY + time + off, 0), random);
                }
            }
            let now = at(TODAY + time + off, time - start);
            while schedule.next(now, None) == Next::Order {
                schedule.begins(now);
                kept = schedule.tried(now);
                tried.push(time);
                match ended {
                    Some(failure) => { schedule.failed(now, failure, random); }
                    None => schedule.issued(),
                }
            }
        }
        for (span, most) in BUDGET {
            for few in tried.windows(most + 1) {
                prop_assert!(few[most] - few[0] >= span, "{few:?}");
            }
        }
    }

    /// Whatever went wrong before, and however often.
    #[test]
    fn what_is_due_is_tried_again_within_a_day(
        failures in proptest::collection::vec((failure(), any::<u64>()), 0..100),
        wished in any::<(i64, i64)>(),
    ) {
        let mut schedule = fresh(1);
        let mut now = at(TODAY, 0);
        let window = Window { start: wished.0, end: wished.1 };
        for (ended, random) in failures {
            let since = now.running;
            while let Next::Wait(seconds) = schedule.next(now, None) {
                let seconds = i64::try_from(seconds).unwrap();
                prop_assert!((1..=LOOK_MOST).contains(&seconds));
                now = at(now.unix + seconds, now.running + seconds);
            }
            prop_assert!(now.running - since <= DAY);
            schedule.begins(now);
            match ended {
                Some(failure) => { schedule.failed(now, failure, random); }
                None => schedule.issued(),
            }
            let due = schedule.due(NINETY_DAYS, Some(window));
            prop_assert!((TODAY + DAY..=TODAY + 75 * DAY).contains(&due));
        }
    }

    #[test]
    fn no_certificate_is_too_odd_to_have_a_date(from: i64, until: i64, start: i64, end: i64, random: u64) {
        let schedule = fresh(random);
        let window = Window { start, end };
        schedule.due(Validity { from, until }, None);
        schedule.due(Validity { from, until }, Some(window));
    }
}
