//! [pure] Ranges of IP addresses, as configurations name the peers that may do something.

use std::{fmt, net::IpAddr, str::FromStr};

use super::ValueError;

/// A range in CIDR notation (RFC 4632, RFC 4291 §2.3): `"192.0.2.0/24"`, `"2001:db8::/32"`; an address alone is the
/// range of that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    /// Its first address.
    first: IpAddr,
    /// How many leading bits are common to all: 0 to 32 or 128.
    prefix: u8,
}

impl AddressRange {
    /// Whether `address` lies in it. An IPv4 address is the same one when it comes mapped into IPv6.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                first(address.to_canonical(), self.prefix) == self.first
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// The range of `prefix` leading bits that `address` lies in; more bits than it has are all of them.
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let address = address.to_canonical();
        let prefix = prefix.min(bits(address));
        let first = first(address, prefix);
        Self { first, prefix }
    }
}

/// How many bits an address has.
const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// `address` with all bits behind the first `prefix` cleared.
fn first(address: IpAddr, prefix: u8) -> IpAddr {
    let cleared = u32::from(bits(address).saturating_sub(prefix));
    match address {
        // Shifting all bits out is shifting by the width, which leaves nothing.
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(cleared).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(cleared).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

impl FromStr for AddressRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let plain = |digits: &&str| digits.bytes().all(|b| b.is_ascii_digit());
        let parsed = address.parse::<IpAddr>().ok().and_then(|address| {
            let prefix = match prefix {
                Some(prefix) => Some(prefix).filter(plain)?.parse().ok()?,
                None => bits(address),
            };
            (prefix <= bits(address)).then_some((address, prefix))
        });
        let Some((address, prefix)) = parsed else {
            return Err(ValueError::new(format!(
                "{text:?} is no range of addresses: write ADDRESS/BITS or one ADDRESS, such as \"192.0.2.0/24\", \"2001:db8::/32\" or \"192.0.2.7\""
            )));
        };
        let range = Self {
            first: first(address, prefix),
            prefix,
        };
        if range.first != address {
            return Err(ValueError::new(format!(
                "{text:?} begins inside the range: write \"{range}\", or \"{address}\" for that address alone"
            )));
        }
        Ok(range)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == bits(self.first) {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}/{}", self.first, self.prefix)
        }
    }
}

super::as_text!(AddressRange);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_own_addresses_and_no_others() {
        for (range, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:192.0.1.9"),
            ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "fd00::1", "10.0.0.1"),
            ("fd00::8", "fd00::8", "fd00::9"),
        ] {
            let range: AddressRange = range.parse().unwrap();
            assert!(
                range.contains(inside.parse().unwrap()),
                "{range} has {inside}"
            );
            assert!(
                !range.contains(outside.parse().unwrap()),
                "{range} has not {outside}"
            );
            assert_eq!(range.to_string().parse(), Ok(range));
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_what_to_write() {
        for bad in [
            "",
            "192.0.2.0/33",
            "2001:db8::/129",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "host/24",
        ] {
            let error = bad.parse::<AddressRange>().unwrap_err().to_string();
            assert!(error.contains("ADDRESS/BITS"), "{bad}: {error}");
        }
        let inside = "192.0.2.7/24".parse::<AddressRange>().unwrap_err();
        assert!(inside.to_string().contains("\"192.0.2.0/24\""), "{inside}");
    }

    #[test]
    fn the_range_around_an_address_holds_it() {
        let around = |address: &str, bits| AddressRange::around(address.parse().unwrap(), bits);
        assert_eq!(
            around("2001:db8:1:2:3::9", 64).to_string(),
            "2001:db8:1:2::/64"
        );
        assert_eq!(around("::ffff:192.0.2.9", 64).to_string(), "192.0.2.9");
    }
}
