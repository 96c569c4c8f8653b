//! [pure] How many connections of one address have shown no key yet: a few at a time, so that no address takes the
//! places of all others.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use live::daemon::config::AddressRange;

/// At once from one address. A key is shown within a few round trips, so a venue with dozens of encoders behind one
/// address stays far below.
const MOST: usize = 32;
/// What one subscriber is given of IPv6, bits.
const SUBSCRIBER: u8 = 64;

/// All of them: at most one entry for each open connection.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<BTreeMap<AddressRange, usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Stranger {
    all: Arc<Strangers>,
    from: Option<AddressRange>,
}

impl Strangers {
    /// One more from `address`; none when there are as many as may be. This machine's own programs are not counted:
    /// one of them may be a tunnel or a proxy through which everybody comes.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Stranger> {
        let from = (!address.is_loopback()).then(|| AddressRange::around(address, bits(address)));
        if let Some(from) = from {
            let mut counts = self.lock();
            let count = counts.entry(from).or_default();
            if *count >= MOST {
                return None;
            }
            *count = count.saturating_add(1);
        }
        let all = Arc::clone(self);
        Some(Stranger { all, from })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AddressRange, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let Some(from) = self.from else { return };
        let mut counts = self.all.lock();
        if let Some(count) = counts.get_mut(&from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&from);
            }
        }
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => SUBSCRIBER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_full_leaves_room_for_others() {
        let strangers = Arc::new(Strangers::default());
        let enter = |address: &str| strangers.enter(address.parse().unwrap());
        let first: Vec<_> = (0..MOST).map(|_| enter("192.0.2.1").unwrap()).collect();
        assert!(enter("192.0.2.1").is_none());
        let second: Vec<_> = (0..MOST)
            .map(|n| enter(&format!("2001:db8::{n}")).unwrap())
            .collect();
        assert!(enter("2001:db8::ffff").is_none() && enter("2001:db8:0:1::").is_some());
        let own: Vec<_> = (0..=MOST).map(|_| enter("127.0.0.1").unwrap()).collect();
        drop((first, second, own));
        assert!(enter("192.0.2.1").is_some() && strangers.lock().is_empty());
    }
}
