//! [pure] What one address may take: connections at once, new ones per second, requests per second, and how much it may
//! have looked for that is not there.
//!
//! An address of IPv6 is the /64 that one subscriber is given. Who keeps within the limits is never refused, however
//! many others do not, and being refused costs nothing later: only what was let in is counted.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use live::daemon::config::AddressRange;

/// What one subscriber is given of IPv6, bits.
const SUBSCRIBER: u8 = 64;
/// Addresses that are remembered: above the connections that there may be, so that all that have one fit. When full,
/// those are forgotten of whom there is nothing to remember; when that is not enough, a newcomer is let in uncounted:
/// he has done nothing, and the connections of all together have a bound of their own.
const KNOWN_MAX: usize = 1 << 16;
/// When full, it is looked for room this often: it takes about a millisecond.
const CLEARED_EVERY: Duration = Duration::from_secs(1);
/// Sessions of one address that are expected in advance to need what they will: at once, and one more each second.
/// Else whoever asks again and again for a stream's playlist, and never for the stream, would fill the line with nothing.
const PROMISES: u32 = 16;
const PROMISE_EVERY: Duration = Duration::from_secs(1);

/// Requests of one address for which an origin was asked in vain: at once, and one more in each such time. A player asks for
/// what a playlist names; whoever makes up names would have each of them looked for at all origins. Far above what people
/// behind one router miss, who wait for a show to begin: for all of them it is looked for once at a time.
const SEARCHES: u32 = 64;
const SEARCH_EVERY: Duration = Duration::from_millis(125);

/// What an address may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    /// At once.
    pub(crate) connections: u32,
    /// Per second; a second's worth of them may come together.
    pub(crate) new_connections: u32,
    /// Likewise.
    pub(crate) requests: u32,
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// As many are open as may be.
    Open,
    /// They come too fast.
    Fast,
}

/// All addresses that have something open, or had of late.
#[derive(Debug)]
pub(crate) struct Addresses {
    rates: Rates,
    exempt: Vec<AddressRange>,
    known: HashMap<AddressRange, Known>,
    cleared: Option<Instant>,
}

/// What an address has taken.
#[derive(Debug)]
struct Known {
    open: u32,
    connections: Bucket,
    requests: Bucket,
    promises: Bucket,
    searches: Bucket,
}

impl Addresses {
    /// Nobody yet.
    pub(crate) fn new(rates: Rates, exempt: Vec<AddressRange>) -> Self {
        Self {
            rates,
            exempt,
            known: HashMap::new(),
            cleared: None,
        }
    }

    /// One more connection from `address`, to be given back by [`Self::leave`]; none if it is not counted.
    pub(crate) fn enter(
        &mut self,
        address: IpAddr,
        now: Instant,
    ) -> Result<Option<AddressRange>, Crowded> {
        if self.exempt.iter().any(|range| range.contains(address)) {
            return Ok(None);
        }
        let from = AddressRange::around(address, bits(address));
        if !self.known.contains_key(&from) && !self.has_room(now) {
            return Ok(None);
        }
        let Rates {
            connections,
            new_connections,
            ..
        } = self.rates;
        let known = self.known.entry(from).or_insert_with(|| Known::new(now));
        if known.open >= connections {
            return Err(Crowded::Open);
        }
        if !known.connections.take(rate(new_connections), now) {
            return Err(Crowded::Fast);
        }
        known.open = known.open.saturating_add(1);
        Ok(Some(from))
    }

    /// A connection that [`Self::enter`] counted is closed.
    pub(crate) fn leave(&mut self, from: AddressRange) {
        if let Some(known) = self.known.get_mut(&from) {
            known.open = known.open.saturating_sub(1);
        }
    }

    /// Whether one more request may be answered.
    pub(crate) fn request(&mut self, from: AddressRange, now: Instant) -> bool {
        let requests = rate(self.rates.requests);
        let known = self.known.get_mut(&from);
        known.is_none_or(|known| known.requests.take(requests, now))
    }

    /// Whether a session that begins is to be reckoned with before it takes anything.
    pub(crate) fn promise(&mut self, from: AddressRange, now: Instant) -> bool {
        let promises = (PROMISES, PROMISE_EVERY);
        let known = self.known.get_mut(&from);
        known.is_some_and(|known| known.promises.take(promises, now))
    }

    /// Whether an origin may be asked for its sake; what comes of that is told by [`Self::found`], if it is not in vain.
    pub(crate) fn search(&mut self, from: AddressRange, now: Instant) -> bool {
        let searches = (SEARCHES, SEARCH_EVERY);
        let known = self.known.get_mut(&from);
        known.is_none_or(|known| known.searches.take(searches, now))
    }

    /// What an origin was asked for is there, or it could not say.
    pub(crate) fn found(&mut self, from: AddressRange) {
        if let Some(known) = self.known.get_mut(&from) {
            known.searches.give_back(SEARCH_EVERY);
        }
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.known.len() < KNOWN_MAX {
            return true;
        }
        let recently = |at: Instant| now.saturating_duration_since(at) < CLEARED_EVERY;
        if self.cleared.is_none_or(|at| !recently(at)) {
            self.cleared = Some(now);
            self.known.retain(|_, known| !known.is_forgettable(now));
        }
        self.known.len() < KNOWN_MAX
    }
}

impl Known {
    const fn new(now: Instant) -> Self {
        Self {
            open: 0,
            connections: Bucket(now),
            requests: Bucket(now),
            promises: Bucket(now),
            searches: Bucket(now),
        }
    }

    /// Whether it would be treated the same if nothing were known of it.
    fn is_forgettable(&self, now: Instant) -> bool {
        let buckets = [
            self.connections,
            self.requests,
            self.promises,
            self.searches,
        ];
        self.open == 0 && buckets.iter().all(|bucket| bucket.0 <= now)
    }
}

/// A bucket of tokens, as the time when it is full again (the generic cell rate algorithm).
#[derive(Debug, Clone, Copy)]
struct Bucket(Instant);

impl Bucket {
    /// Takes one of `most` tokens, of which a new one comes in each `every`; whether there was one.
    fn take(&mut self, (most, every): (u32, Duration), now: Instant) -> bool {
        let full = self.0.max(now) + every;
        let there_was = full.saturating_duration_since(now) <= every * most;
        if there_was {
            self.0 = full;
        }
        there_was
    }

    /// Undoes one [`Self::take`].
    fn give_back(&mut self, every: Duration) {
        self.0 = self.0.checked_sub(every).unwrap_or(self.0);
    }
}

/// A second's worth of `per_second`, at least one.
fn rate(per_second: u32) -> (u32, Duration) {
    let most = per_second.max(1);
    (most, Duration::from_secs(1) / most)
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => SUBSCRIBER,
    }
}

#[cfg(test)]
mod tests;
