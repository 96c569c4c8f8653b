use proptest::prelude::*;

use super::*;

const PART: &str = "source/1.0.m4s";
const PLAYLIST: &str = "source/media.m3u8";

/// Three origins under a clock that the test holds; `stage` ranks them as `ranks` says.
struct Bench {
    origins: Origins,
    now: Instant,
    stream: StreamName,
    ranks: Vec<usize>,
}

impl Bench {
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as a beginning"
    )]
    fn new() -> Self {
        let members: Vec<_> = ["a", "b", "c"]
            .map(|name| Member::new(name, 1).unwrap())
            .into();
        let stream: StreamName = "stage".parse().unwrap();
        let ranks = placement::ranks(&stream, &members);
        Self {
            origins: Origins::new(members),
            now: Instant::now(),
            stream,
            ranks,
        }
    }

    fn next(&mut self, asked: &[usize]) -> Option<usize> {
        self.origins.next(&self.stream, asked, self.now)
    }

    fn report(&mut self, object: &str, origin: usize, answer: Answer) {
        self.origins.report(
            &self.stream,
            object.parse().unwrap(),
            origin,
            answer,
            self.now,
        );
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }
}

#[test]
fn origins_are_asked_in_rank_order_each_once() {
    let mut bench = Bench::new();
    let mut asked = Vec::new();
    while let Some(origin) = bench.next(&asked) {
        bench.report(PLAYLIST, origin, Answer::Missing);
        asked.push(origin);
    }
    assert_eq!(asked, bench.ranks);
    assert_eq!(bench.origins.missing(&bench.stream), StatusCode::NOT_FOUND);
}

#[test]
fn a_stream_stays_with_the_origin_that_answered_until_that_one_fails() {
    let mut bench = Bench::new();
    let [first, second, third] = bench.ranks[..] else {
        panic!()
    };
    bench.report(PLAYLIST, first, Answer::Unreachable);
    assert_eq!(bench.next(&[]), Some(second));
    bench.report(PLAYLIST, second, Answer::Served);
    bench.pass(60_000);
    assert_eq!(
        bench.next(&[]),
        Some(second),
        "the first has had time to heal"
    );

    // A part that only another rank still has does not move the stream.
    bench.report(PART, second, Answer::Missing);
    assert_eq!(bench.next(&[second]), Some(first));
    bench.report(PART, first, Answer::Served);
    assert_eq!(bench.next(&[]), Some(second));

    bench.report(PART, second, Answer::Failed);
    assert_eq!(bench.next(&[second]), Some(first));
    bench.report(PART, first, Answer::Failed);
    assert_eq!(bench.next(&[second, first]), Some(third));
    bench.report(PART, third, Answer::Served);
    assert_eq!(bench.next(&[]), Some(third));
}

#[test]
fn an_origin_that_broke_off_what_nobody_served_before_is_asked_last() {
    let mut bench = Bench::new();
    let [first, second, _] = bench.ranks[..] else {
        panic!()
    };
    bench.report(PART, first, Answer::CutShort);
    assert_eq!(bench.next(&[]), Some(second));
    bench.report(PART, second, Answer::Served);
    assert_eq!(bench.next(&[]), Some(second));
}

#[test]
fn an_origin_that_failed_a_stream_is_asked_last_and_may_come_back() {
    let mut bench = Bench::new();
    let [first, second, third] = bench.ranks[..] else {
        panic!()
    };
    bench.report(PLAYLIST, first, Answer::Served);
    bench.report(PLAYLIST, first, Answer::Failed);
    assert_eq!(bench.next(&[]), Some(second));
    assert_eq!(bench.next(&[second, third]), Some(first));
    bench.report(PLAYLIST, first, Answer::Served);
    assert_eq!(bench.next(&[]), Some(first));
}

#[test]
fn a_dead_origin_is_tried_by_one_request_at_a_time_and_ever_less_often() {
    let mut bench = Bench::new();
    let dead = bench.ranks[0];
    let others = [bench.ranks[1], bench.ranks[2]];
    for pause in [500, 1000, 2000, 4000, 8000, 8000] {
        bench.report(PLAYLIST, dead, Answer::Unreachable);
        assert!(bench.origins.is_down(dead));
        bench.pass(pause - 1);
        assert_eq!(bench.next(&others), None);
        bench.pass(1);
        assert_eq!(bench.next(&others), Some(dead));
        assert_eq!(bench.next(&others), None, "while one tries, no other does");
    }
    bench.report(PLAYLIST, dead, Answer::Missing);
    assert!(!bench.origins.is_down(dead));
    assert_eq!(bench.next(&[]), Some(dead));
}

#[test]
fn when_the_streams_origin_is_silent_404_from_the_others_proves_nothing() {
    let mut bench = Bench::new();
    let [first, second, ..] = bench.ranks[..] else {
        panic!()
    };
    bench.report(PLAYLIST, first, Answer::Served);
    bench.report(PLAYLIST, first, Answer::Unreachable);
    bench.report(PLAYLIST, second, Answer::Missing);
    assert_eq!(
        bench.origins.missing(&bench.stream),
        StatusCode::SERVICE_UNAVAILABLE
    );

    bench.report(PLAYLIST, first, Answer::Missing);
    assert_eq!(
        bench.origins.missing(&bench.stream),
        StatusCode::NOT_FOUND,
        "now it has spoken"
    );
}

#[test]
fn the_target_duration_is_learnt_for_streams_that_are_served() {
    let mut bench = Bench::new();
    let td = Duration::from_secs(3);
    bench.origins.learn(&bench.stream, td);
    assert_eq!(
        bench.origins.target_duration(&bench.stream),
        TARGET_DURATION_ASSUMED
    );
    bench.report(PLAYLIST, 0, Answer::Served);
    bench.origins.learn(&bench.stream, td);
    assert_eq!(bench.origins.target_duration(&bench.stream), td);
}

#[test]
fn memory_is_bounded_and_the_stream_in_use_stays() {
    let mut bench = Bench::new();
    bench.report(PLAYLIST, 2, Answer::Served);
    for n in 0..STREAMS * 2 {
        bench.pass(1);
        let other: StreamName = format!("s{n}").parse().unwrap();
        bench.origins.report(
            &other,
            PLAYLIST.parse().unwrap(),
            0,
            Answer::Served,
            bench.now,
        );
        if n % 1000 == 0 {
            bench.next(&[]);
        }
    }
    assert_eq!(bench.origins.streams().count(), STREAMS);
    assert_eq!(bench.next(&[]), Some(2));
}

proptest! {
    #[test]
    fn no_origin_is_asked_twice_for_one_object(answers in proptest::collection::vec(0_usize..5, 1..60)) {
        let mut bench = Bench::new();
        let mut answers = answers.into_iter();
        while answers.len() > 0 {
            let mut asked = Vec::new();
            while let Some(origin) = bench.next(&asked) {
                prop_assert!(!asked.contains(&origin));
                asked.push(origin);
                let all = [Answer::Served, Answer::Missing, Answer::Refused, Answer::Failed, Answer::CutShort, Answer::Unreachable];
                let Some(answer) = answers.next() else { break };
                bench.report(PLAYLIST, origin, all[answer]);
                if answer == 0 { break }
            }
            if asked.is_empty() { answers.next(); }
            bench.pass(300);
        }
    }
}
