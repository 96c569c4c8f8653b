#![expect(
    clippy::disallowed_methods,
    reason = "any instant will do as a beginning"
)]

use proptest::prelude::*;

use super::*;

const RATES: Rates = Rates {
    connections: 5,
    new_connections: 10,
    requests: 20,
};

fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

#[test]
fn an_address_that_is_full_leaves_room_for_others_and_for_itself_later() {
    let now = Instant::now();
    let mut addresses = Addresses::new(RATES, Vec::new());
    let from = addresses.enter(at("192.0.2.1"), now).unwrap().unwrap();
    for _ in 1..RATES.connections {
        assert!(addresses.enter(at("::ffff:192.0.2.1"), now).is_ok());
    }
    assert_eq!(addresses.enter(at("192.0.2.1"), now), Err(Crowded::Open));
    assert!(addresses.enter(at("192.0.2.2"), now).is_ok());
    addresses.leave(from);
    assert_eq!(addresses.enter(at("192.0.2.1"), now), Ok(Some(from)));
    assert_eq!(addresses.enter(at("192.0.2.1"), now), Err(Crowded::Open));
}

#[test]
fn a_subscriber_of_ipv6_is_one_address_whichever_of_his_he_uses() {
    let now = Instant::now();
    let mut addresses = Addresses::new(RATES, Vec::new());
    for n in 0..RATES.connections {
        assert!(addresses.enter(at(&format!("2001:db8::{n}")), now).is_ok());
    }
    assert_eq!(
        addresses.enter(at("2001:db8::ffff"), now),
        Err(Crowded::Open)
    );
    assert!(addresses.enter(at("2001:db8:0:1::"), now).is_ok());
}

#[test]
fn who_is_exempt_is_not_counted() {
    let now = Instant::now();
    let exempt = vec!["192.0.2.0/24".parse().unwrap()];
    let mut addresses = Addresses::new(RATES, exempt);
    for _ in 0..100 {
        assert_eq!(addresses.enter(at("192.0.2.9"), now), Ok(None));
    }
    assert_eq!(addresses.len(), 0);
}

#[test]
fn connections_that_come_and_go_too_fast_are_refused_until_a_second_has_brought_more() {
    let now = Instant::now();
    let mut addresses = Addresses::new(RATES, Vec::new());
    let mut come_and_go = |now| {
        let entered = addresses.enter(at("192.0.2.1"), now);
        if let Ok(Some(from)) = entered {
            addresses.leave(from);
        }
        entered.map(|_| ())
    };
    for _ in 0..RATES.new_connections {
        assert_eq!(come_and_go(now), Ok(()));
    }
    assert_eq!(come_and_go(now), Err(Crowded::Fast));
    let later = now + Duration::from_millis(100);
    assert_eq!(come_and_go(later), Ok(()));
    assert_eq!(come_and_go(later), Err(Crowded::Fast));
}

#[test]
fn who_only_asks_for_playlists_is_not_reckoned_with_for_long() {
    let now = Instant::now();
    let mut addresses = Addresses::new(RATES, Vec::new());
    let from = addresses.enter(at("192.0.2.1"), now).unwrap().unwrap();
    let promised = (0..1000).filter(|_| addresses.promise(from, now)).count();
    assert_eq!(promised, PROMISES as usize);
    assert!(addresses.promise(from, now + PROMISE_EVERY));
}

#[test]
fn memory_of_addresses_is_bounded_and_a_newcomer_is_not_refused_for_want_of_it() {
    let mut now = Instant::now();
    let mut addresses = Addresses::new(RATES, Vec::new());
    let address = |n: u32| IpAddr::from(n.to_be_bytes());
    let most = u32::try_from(KNOWN_MAX).unwrap();
    let open = addresses.enter(address(0), now).unwrap().unwrap();
    for n in 1..most {
        let from = addresses.enter(address(n), now).unwrap().unwrap();
        addresses.leave(from);
    }
    assert_eq!(addresses.enter(address(most), now), Ok(None));
    assert_eq!(addresses.len(), KNOWN_MAX);
    now += CLEARED_EVERY;
    assert!(addresses.enter(address(most), now).unwrap().is_some());
    assert_eq!(addresses.len(), 2, "one is open still, one is new");
    addresses.leave(open);
}

#[test]
fn what_is_looked_for_in_vain_is_bounded_and_what_is_found_costs_nothing() {
    let now = Instant::now();
    let mut addresses = Addresses::new(RATES, Vec::new());
    let from = addresses.enter(at("192.0.2.1"), now).unwrap().unwrap();
    for _ in 0..1000 {
        assert!(addresses.search(from, now));
        addresses.found(from);
    }
    let in_vain = (0..1000).filter(|_| addresses.search(from, now)).count();
    assert_eq!(in_vain, SEARCHES as usize);
    addresses.found(from);
    assert!(addresses.search(from, now), "it was not in vain");
    assert!(!addresses.search(from, now));
    assert!(addresses.search(from, now + SEARCH_EVERY));
}

proptest! {
    /// However requests come, within any time no more are answered than the rate allows and a second's worth besides.
    #[test]
    fn requests_keep_to_the_rate(pauses in prop::collection::vec(0_u64..200, 1..300)) {
        let mut now = Instant::now();
        let mut addresses = Addresses::new(RATES, Vec::new());
        let from = addresses.enter(at("192.0.2.1"), now).unwrap().unwrap();
        let mut answered = Vec::new();
        for pause in pauses {
            now += Duration::from_millis(pause);
            if addresses.request(from, now) {
                answered.push(now);
            }
        }
        for (index, first) in answered.iter().enumerate() {
            for (more, last) in answered.iter().skip(index).enumerate() {
                let within = last.duration_since(*first).as_secs_f64();
                let allowed = (within + 1.0) * f64::from(RATES.requests) + 1.0;
                prop_assert!((more + 1) as f64 <= allowed);
            }
        }
    }

    /// Who keeps to the rate is never refused, whatever others do.
    #[test]
    fn who_keeps_to_the_rate_is_never_refused(others in prop::collection::vec(0_u8..50, 1..200)) {
        let mut now = Instant::now();
        let mut addresses = Addresses::new(RATES, Vec::new());
        let good = addresses.enter(at("192.0.2.1"), now).unwrap().unwrap();
        let bad = addresses.enter(at("192.0.2.2"), now).unwrap().unwrap();
        for requests in others {
            now += Duration::from_secs(1) / RATES.requests;
            for _ in 0..requests {
                addresses.request(bad, now);
            }
            prop_assert!(addresses.request(good, now));
        }
    }

    /// What is counted as open is what is open.
    #[test]
    fn nothing_open_is_lost_or_counted_twice(steps in prop::collection::vec((any::<bool>(), 0_u8..4), 1..200)) {
        let mut now = Instant::now();
        let mut addresses = Addresses::new(RATES, Vec::new());
        let mut open: [Vec<AddressRange>; 4] = Default::default();
        for (comes, who) in steps {
            now += Duration::from_secs(1);
            let own = &mut open[usize::from(who)];
            if comes {
                let entered = addresses.enter(IpAddr::from([192, 0, 2, who]), now);
                prop_assert_eq!(entered.is_err(), own.len() >= RATES.connections as usize);
                own.extend(entered.ok().flatten());
            } else if let Some(from) = own.pop() {
                addresses.leave(from);
            }
        }
    }
}
