//! [pure] How fast keys may be guessed: by network, a few at once, then one every few seconds.
//!
//! A network that has shown [`BURST`] wrong keys is over its limit until it has been quiet for a while. Whoever asks from
//! there then waits [`DELAY`] before the key is looked at, the right one like the wrong: an encoder behind the same
//! address comes in all the same, only later, and the wait tells a guesser nothing. How many may wait at once is bounded
//! by how many strangers one address may have, so that guesses stay below ten a second however they come.
//! At most [`MAX_NETWORKS`] are remembered; when there are more, the one whose last wrong key is longest ago is forgotten.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use live::daemon::config::AddressRange;

/// Wrong keys that a network may show at once: somebody who mistypes, or an encoder left running with an old key.
const BURST: u32 = 10;
/// One wrong key is forgiven in this time.
const FORGIVEN: Duration = Duration::from_secs(6);
/// See the head. Encoders wait at least ten seconds for their answer.
pub(crate) const DELAY: Duration = Duration::from_secs(3);
/// What one subscriber is given of IPv6, bits.
const SUBSCRIBER: u8 = 64;
/// Some hundred KiB.
const MAX_NETWORKS: usize = 4096;
/// A network that is over its limit is told of once in this time.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Guesses(BTreeMap<AddressRange, Guesser>);

#[derive(Debug, Clone, Copy)]
struct Guesser {
    /// Wrong keys that are not forgiven, as of `at`.
    wrong: u32,
    /// Of the last wrong key, or of the last forgiveness.
    at: Duration,
    told: Option<Duration>,
}

impl Guesser {
    /// Those not forgiven by `now`.
    fn wrong(&self, now: Duration) -> u32 {
        let since = now.saturating_sub(self.at).as_millis();
        let forgiven = since / FORGIVEN.as_millis().max(1);
        self.wrong
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }
}

impl Guesses {
    /// How long a key from `peer` waits before it is looked at.
    pub(crate) fn wait(&self, peer: IpAddr, now: Duration) -> Duration {
        let guesser = self.0.get(&network(peer));
        if guesser.is_some_and(|guesser| guesser.wrong(now) >= BURST) {
            DELAY
        } else {
            Duration::ZERO
        }
    }

    /// A key from `peer` was wrong. True if its network is over the limit and that is news.
    pub(crate) fn wrong(&mut self, peer: IpAddr, now: Duration) -> bool {
        let network = network(peer);
        if !self.0.contains_key(&network) && self.0.len() >= MAX_NETWORKS {
            self.forget();
        }
        let guesser = self.0.entry(network).or_insert(Guesser {
            wrong: 0,
            at: now,
            told: None,
        });
        // Never far above the limit: forgiveness must not take longer the longer it went on.
        guesser.wrong = guesser.wrong(now).saturating_add(1).min(BURST);
        guesser.at = now;
        let again = |told: Duration| now.saturating_sub(told) >= TELL_AGAIN;
        let news = guesser.wrong >= BURST && guesser.told.is_none_or(again);
        if news {
            guesser.told = Some(now);
        }
        news
    }

    fn forget(&mut self) {
        let oldest = self.0.iter().min_by_key(|(_, guesser)| guesser.at);
        if let Some(network) = oldest.map(|(network, _)| *network) {
            self.0.remove(&network);
        }
    }
}

fn network(peer: IpAddr) -> AddressRange {
    // An IPv4 address has fewer bits, and stands for itself.
    AddressRange::around(peer, SUBSCRIBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1000 + seconds)
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_waits_after_a_few_and_is_forgiven() {
        let mut guesses = Guesses::default();
        let one = peer("2001:db8:1:2::1");
        let told: Vec<bool> = (0..20).map(|_| guesses.wrong(one, at(0))).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert_eq!(guesses.wait(peer("2001:db8:1:2:ffff::9"), at(5)), DELAY);
        assert_eq!(guesses.wait(peer("2001:db8:1:3::1"), at(0)), Duration::ZERO);
        assert_eq!(guesses.wait(one, at(6)), Duration::ZERO);
        assert!(!guesses.wrong(one, at(6)) && !guesses.wrong(one, at(60)));
    }

    #[test]
    fn it_is_told_once_a_minute_while_it_goes_on() {
        let mut guesses = Guesses::default();
        let one = peer("192.0.2.1");
        let told: Vec<u64> = (0..180)
            .filter(|second| guesses.wrong(one, at(*second)))
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
    }

    #[test]
    fn a_flood_of_networks_pushes_out_the_oldest_and_is_bounded() {
        let mut guesses = Guesses::default();
        let first = peer("192.0.2.1");
        for _ in 0..BURST {
            guesses.wrong(first, at(0));
        }
        for n in 0..10_000_u32 {
            guesses.wrong(IpAddr::V4((0x0A00_0000 + n).into()), at(1));
        }
        assert_eq!(guesses.0.len(), MAX_NETWORKS);
        assert_eq!(guesses.wait(first, at(1)), Duration::ZERO);
    }
}
