use proptest::prelude::*;

use super::*;

/// Boxes `d0`, `d1` and so on, all up, seen from the first; under a clock that the test holds.
struct Bench {
    peers: Peers,
    now: Instant,
    count: usize,
}

impl Bench {
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as a beginning"
    )]
    fn new(count: usize) -> Self {
        let member = |n| Member::new(&format!("d{n}"), 1).unwrap();
        let mut bench = Self {
            peers: Peers::new((0..count).map(member).collect(), 0),
            now: Instant::now(),
            count,
        };
        for peer in 1..count {
            bench.tell(peer, 0);
        }
        bench
    }

    /// The box has so many of its thousand connections.
    fn tell(&mut self, peer: usize, connections: u64) {
        self.say(peer, connections, false);
    }

    fn say(&mut self, peer: usize, connections: u64, drained: bool) {
        let state = State {
            connections,
            limit: 1000,
            drained,
            ..State::default()
        };
        if peer == 0 {
            self.peers.set_own(state);
        } else {
            self.peers.heard(peer, state, self.now);
        }
    }

    fn home(&self, stream: &StreamName) -> usize {
        self.peers.home(stream, self.now).unwrap_or(0)
    }

    fn first(&self, stream: &StreamName) -> usize {
        self.peers.choose(stream).0
    }

    fn ranks(&self, stream: &StreamName) -> Vec<usize> {
        placement::ranks(stream, &self.peers.members)
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }
}

fn streams(count: usize) -> Vec<StreamName> {
    (0..count)
        .map(|n| format!("s{n}").parse().unwrap())
        .collect()
}

/// A stream whose first rank is `peer`.
fn of_home(bench: &Bench, peer: usize) -> StreamName {
    let mut all = streams(100).into_iter();
    all.find(|stream| bench.ranks(stream)[0] == peer).unwrap()
}

#[test]
fn the_load_is_what_is_nearest_to_its_limit() {
    let state = State {
        egress: 600,
        budget: Some(1000),
        connections: 10,
        limit: 20,
        level: Level::All,
        drained: false,
    };
    assert_eq!(state.load(), 600);
    let more = State {
        connections: 15,
        ..state
    };
    assert_eq!(more.load(), 750);
    let unknown = State {
        budget: None,
        ..state
    };
    assert_eq!(unknown.load(), 500);
    let absurd = State {
        egress: u64::MAX,
        budget: Some(0),
        connections: u64::MAX,
        limit: 0,
        level: Level::Full,
        drained: false,
    };
    assert_eq!(absurd.load(), u64::from(u32::MAX));
}

#[test]
fn a_box_is_down_after_three_states_that_were_missed_or_at_once_when_it_refuses() {
    let mut bench = Bench::new(3);
    bench.peers.missed(1);
    bench.peers.missed(1);
    assert!(bench.peers.is_up(1));
    bench.tell(1, 0);
    bench.peers.missed(1);
    bench.peers.missed(1);
    assert!(bench.peers.is_up(1), "they were not in a row");
    bench.peers.missed(1);
    assert!(!bench.peers.is_up(1));
    bench.peers.refused(2);
    assert!(!bench.peers.is_up(2));
    bench.peers.refused(0);
    assert!(bench.peers.is_up(0), "this box itself is never down");
}

#[test]
fn a_box_that_was_down_comes_back_when_it_was_well_for_three_seconds_on_end() {
    let mut bench = Bench::new(2);
    bench.peers.refused(1);
    bench.tell(1, 0);
    bench.pass(2999);
    bench.tell(1, 0);
    assert!(!bench.peers.is_up(1));
    bench.peers.missed(1);
    bench.tell(1, 0);
    bench.pass(2999);
    bench.tell(1, 0);
    assert!(!bench.peers.is_up(1), "it began anew after the miss");
    bench.pass(1);
    bench.tell(1, 0);
    assert!(bench.peers.is_up(1));
}

#[test]
fn the_home_is_the_first_rank_that_is_up_and_not_drained() {
    let mut bench = Bench::new(4);
    let stream = of_home(&bench, 2);
    let ranks = bench.ranks(&stream);
    assert_eq!(bench.home(&stream), 2);
    bench.say(2, 0, true);
    assert_eq!(bench.home(&stream), ranks[1]);
    bench.say(2, 0, false);
    bench.peers.refused(2);
    assert_eq!(bench.home(&stream), ranks[1]);
    for peer in 1..4 {
        bench.peers.refused(peer);
    }
    assert_eq!(bench.peers.home(&stream, bench.now), None);
    bench.say(0, 0, true);
    assert_eq!(
        bench.peers.home(&stream, bench.now),
        None,
        "drained and alone it still serves"
    );
    assert_eq!(bench.peers.choose(&stream), (0, None));
}

#[test]
fn whoever_is_asked_by_a_peer_asks_no_peer() {
    let mut bench = Bench::new(3);
    let stream = of_home(&bench, 1);
    assert!(bench.peers.may_wait(&stream, 1, bench.now));
    assert!(bench.peers.serve(&stream, bench.now));
    assert!(!bench.peers.may_wait(&stream, 1, bench.now));
    assert_eq!(bench.peers.home(&stream, bench.now), None);
    bench.pass(59_999);
    assert!(!bench.peers.serve(&stream, bench.now), "it is no news");
    bench.pass(59_999);
    assert_eq!(bench.peers.home(&stream, bench.now), None);
    bench.pass(1);
    assert_eq!(bench.peers.home(&stream, bench.now), Some(1));
}

#[test]
fn what_peers_asked_for_is_remembered_within_bounds() {
    let mut bench = Bench::new(2);
    for stream in streams(SERVED_MAX + 10) {
        bench.pass(1);
        bench.peers.serve(&stream, bench.now);
    }
    assert_eq!(bench.peers.served.len(), SERVED_MAX);
    assert!(
        bench
            .peers
            .served
            .contains_key(&streams(SERVED_MAX + 10)[SERVED_MAX])
    );
}

#[test]
fn new_viewers_spill_when_their_box_has_more_than_its_share_and_come_back_when_it_has_not() {
    let mut bench = Bench::new(3);
    let stream = of_home(&bench, 1);
    let ranks = bench.ranks(&stream);
    bench.tell(1, 50);
    assert_eq!(bench.first(&stream), 1, "a few viewers stay together");
    bench.tell(1, 200);
    assert_eq!(bench.peers.choose(&stream), (ranks[1], Some(1)));
    for peer in [0, 2] {
        bench.tell(peer, 180);
    }
    assert_eq!(bench.first(&stream), 1);
    for (peer, connections) in [(0, 900), (1, 860), (2, 851)] {
        bench.tell(peer, connections);
    }
    assert_eq!(bench.first(&stream), 2, "all are full: the least full");
}

#[test]
fn nobody_new_is_sent_to_a_box_whose_line_fills_up_unless_all_do() {
    let mut bench = Bench::new(2);
    let stream = of_home(&bench, 1);
    let full = |level, connections| State {
        connections,
        limit: 1000,
        level,
        ..State::default()
    };
    let now = bench.now;
    bench.peers.heard(1, full(Level::Steer, 10), now);
    assert_eq!(bench.peers.choose(&stream), (0, Some(1)));
    bench.peers.set_own(full(Level::TopForNew, 20));
    assert_eq!(bench.peers.choose(&stream), (1, Some(0)));
    assert_eq!(bench.peers.level(1), Level::Steer);
}

#[test]
fn those_who_watch_elsewhere_are_counted_while_their_box_is_up() {
    let mut bench = Bench::new(3);
    let stream: StreamName = "stage".parse().unwrap();
    for peer in 0..3 {
        let counts = [(Rendition::Source, 2), (Rendition::Encoded(360), 3)];
        let viewers = [(stream.clone(), counts.into_iter().collect())];
        bench.peers.watched(peer, viewers.into_iter().collect());
    }
    let elsewhere = |bench: &Bench| -> u64 { bench.peers.elsewhere(&stream).values().sum() };
    assert_eq!(elsewhere(&bench), 10, "without its own");
    bench.peers.refused(2);
    assert_eq!(elsewhere(&bench), 5);
    let other = bench.peers.elsewhere(&"other".parse().unwrap());
    assert!(other.is_empty());
}

#[test]
fn a_viewer_stays_until_his_box_is_drained_or_gone() {
    let mut bench = Bench::new(4);
    let stream: StreamName = "stage".parse().unwrap();
    let viewer: StreamName = "00000000000000ff".parse().unwrap();
    bench.tell(3, 1000);
    let order = bench.peers.order(&stream, Some(&viewer), Some(3));
    assert_eq!((order[0], order.len()), (3, 4), "however full it is");
    bench.say(3, 1000, true);
    let order = bench.peers.order(&stream, Some(&viewer), Some(3));
    assert_eq!(order[3], 3, "drained is last");
    bench.peers.refused(3);
    let order = bench.peers.order(&stream, Some(&viewer), Some(3));
    assert_eq!(order.len(), 3);
    assert!(!order.contains(&3));
    assert_eq!(bench.peers.order(&stream, None, None).len(), 3);
    assert_eq!(bench.peers.named("d3"), Some(3));
    assert_eq!(bench.peers.named("d4"), None);
}

#[test]
fn those_who_lose_their_box_go_to_all_others_alike() {
    let mut bench = Bench::new(4);
    bench.peers.refused(3);
    let stream: StreamName = "stage".parse().unwrap();
    let mut went = [0; 4];
    for n in 0_u64..3000 {
        let viewer: StreamName = format!("{n:016x}").parse().unwrap();
        went[bench.peers.order(&stream, Some(&viewer), Some(3))[0]] += 1;
    }
    for count in &went[..3] {
        assert!((850..1150).contains(count), "{went:?}");
    }
}

proptest! {
    #[test]
    fn a_box_that_goes_moves_only_what_it_had(count in 2_usize..8, gone in 1_usize..8) {
        prop_assume!(gone < count);
        let mut bench = Bench::new(count);
        let before: Vec<_> = streams(60).iter().map(|s| (bench.home(s), bench.first(s))).collect();
        bench.peers.refused(gone);
        for (stream, (home, first)) in streams(60).iter().zip(before) {
            if home != gone {
                prop_assert_eq!((bench.home(stream), bench.first(stream)), (home, first));
            } else {
                prop_assert_eq!(bench.home(stream), bench.ranks(stream)[1]);
            }
        }
    }

    #[test]
    fn a_new_viewer_is_sent_to_a_box_that_has_room_if_any_has(
        loads in proptest::collection::vec((0_u64..1200, any::<bool>(), any::<bool>()), 1..8),
    ) {
        let mut bench = Bench::new(loads.len());
        for (peer, (load, drained, gone)) in loads.iter().enumerate() {
            bench.say(peer, *load, *drained);
            if *gone {
                bench.peers.refused(peer);
            }
        }
        let open: Vec<usize> = (0..bench.count).filter(|peer| bench.peers.is_open(*peer)).collect();
        let (first, next) = bench.peers.choose(&"stage".parse().unwrap());
        if open.is_empty() {
            prop_assert_eq!((first, next), (0, None));
            return Ok(());
        }
        prop_assert!(open.contains(&first));
        prop_assert!(next != Some(first) && next.is_some() == (open.len() > 1));
        let load = |peer: usize| loads[peer].0;
        let sum: u64 = open.iter().map(|peer| load(*peer)).sum();
        let room = |load: u64| load < 850 && (load <= 50 || load * 100 * (open.len() as u64) < sum * 115);
        if open.iter().any(|peer| room(load(*peer))) {
            prop_assert!(room(load(first)));
        } else {
            prop_assert_eq!(Some(load(first)), open.iter().map(|peer| load(*peer)).min());
        }
    }

    #[test]
    fn whoever_is_well_where_he_is_is_never_moved(
        loads in proptest::collection::vec(0_u64..1200, 2..8),
        viewer in "[0-9a-f]{16}",
        at in 0_usize..8,
    ) {
        prop_assume!(at < loads.len());
        let mut bench = Bench::new(loads.len());
        for (peer, load) in loads.iter().enumerate() {
            bench.tell(peer, *load);
        }
        let viewer = viewer.parse().unwrap();
        let order = bench.peers.order(&"stage".parse().unwrap(), Some(&viewer), Some(at));
        prop_assert_eq!(order[0], at);
        prop_assert_eq!(order.len(), loads.len());
    }
}
