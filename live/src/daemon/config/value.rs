//! [pure] What a configuration's values are made of: each written one way, read back equal, and bounded.

use std::{
    fmt,
    net::{Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a value is refused: what was expected, with an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(String);

impl ValueError {
    /// `what` was expected, in words for the operator.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// The one of `choices` that `text` names.
    pub(crate) fn one_of<T: Copy>(text: &str, choices: &[(T, &str)]) -> Result<T, Self> {
        let chosen = choices.iter().find(|(_, name)| *name == text);
        chosen.map(|(choice, _)| *choice).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(_, name)| *name).collect();
            Self(format!("{text:?} is none of {}", names.join(", ")))
        })
    }
}

/// Reads and writes a type as a TOML string by its `FromStr` and `Display`.
macro_rules! as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use as_text;

/// A span of time: `"500ms"`, `"2s"`, `"5m"`, `"1h"`. Whole milliseconds, at most 1000 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timespan(Duration);

impl Timespan {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    const MAX_MS: u64 = 1000 * 3_600_000;

    /// From whole milliseconds; what is beyond 1000 hours is cut to that.
    pub const fn from_millis(ms: u64) -> Self {
        let ms = if ms > Self::MAX_MS { Self::MAX_MS } else { ms };
        Self(Duration::from_millis(ms))
    }

    /// From whole seconds; what is beyond 1000 hours is cut to that.
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// As the standard library's duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Timespan {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let ms = scaled(text, &Self::UNITS).filter(|ms| *ms <= Self::MAX_MS);
        ms.map(Self::from_millis).ok_or_else(|| {
            ValueError(format!(
                "{text:?} is no span of time: write a whole number and a unit, such as \"500ms\", \"2s\", \"5m\" or \"1h\""
            ))
        })
    }
}

impl fmt::Display for Timespan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(Self::MAX_MS);
        write_scaled(f, ms, &Self::UNITS)
    }
}

as_text!(Timespan);

/// A number of bytes: `"64KiB"`, `"512MiB"`, `"2GiB"`, `"100B"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    const UNITS: [(&str, u64); 4] = [
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];

    /// From mebibytes.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// In bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        scaled(text, &Self::UNITS).map(Self).ok_or_else(|| {
            ValueError(format!(
                "{text:?} is no size: write a whole number and a unit, such as \"64KiB\", \"512MiB\" or \"2GiB\""
            ))
        })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, &Self::UNITS)
    }
}

as_text!(ByteSize);

/// A bit rate: `"1400k"`, `"6M"`; thousands, as encoders count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(u64);

impl BitRate {
    const UNITS: [(&str, u64); 3] = [("", 1), ("k", 1000), ("M", 1_000_000)];

    /// From thousands of bits per second.
    pub const fn from_kilobits(kilobits: u64) -> Self {
        Self(kilobits.saturating_mul(1000))
    }

    /// In bits per second.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for BitRate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        scaled(text, &Self::UNITS).map(Self).ok_or_else(|| {
            ValueError(format!(
                "{text:?} is no bit rate: write a whole number of bits per second, such as \"1400k\" or \"6M\""
            ))
        })
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, &Self::UNITS)
    }
}

as_text!(BitRate);

/// Where to listen: one `"127.0.0.1:9101"`, or several in an array. Port 0 is any free port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen(Vec<SocketAddr>);

impl Listen {
    /// More addresses than a machine's interfaces are a mistake.
    pub const MAX: usize = 16;

    /// At one address.
    pub fn one(address: SocketAddr) -> Self {
        Self(vec![address])
    }

    /// The addresses: at least one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.collect_str(one),
            several => serializer.collect_seq(several),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenVisitor)
    }
}

struct ListenVisitor;

impl<'de> de::Visitor<'de> for ListenVisitor {
    type Value = Listen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as \"[::]:1935\", or an array of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Listen, E> {
        address(text).map(Listen::one).map_err(E::custom)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Listen, A::Error> {
        let mut addresses = Vec::new();
        while let Some(text) = sequence.next_element::<String>()? {
            addresses.push(address(&text).map_err(de::Error::custom)?);
        }
        if addresses.is_empty() || addresses.len() > Listen::MAX {
            return Err(de::Error::custom("give 1 to 16 addresses"));
        }
        Ok(Listen(addresses))
    }
}

fn address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| {
        ValueError(format!(
            "{text:?} is no address to listen on: write IP:PORT, such as \"127.0.0.1:9101\" or \"[::]:1935\""
        ))
    })
}

/// Another machine: `"transcoder-1:1935"`, `"10.0.0.2:8080"`, `"[fd00::2]:8080"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: String,
    port: NonZeroU16,
}

impl HostPort {
    /// A name or an IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port.get()
    }
}

impl FromStr for HostPort {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok()?;
            Some(Self {
                host: host_name(host)?,
                port,
            })
        });
        parts.ok_or_else(|| {
            ValueError(format!(
                "{text:?} is no HOST:PORT: write a name or an address and a port, such as \"transcoder-1:1935\" or \"[fd00::2]:1935\""
            ))
        })
    }
}

/// A host without its brackets: a DNS name of at most 253 characters or an IP address.
fn host_name(host: &str) -> Option<String> {
    if let Some(v6) = host.strip_prefix('[') {
        let v6 = v6.strip_suffix(']')?;
        return v6.parse::<Ipv6Addr>().ok().map(|ip| ip.to_string());
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let good = (1..=253).contains(&host.len()) && host.bytes().all(plain);
    good.then(|| host.to_owned())
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

as_text!(HostPort);

/// `"12ms"` by `[("ms", 1), ...]` is 12: a whole number and exactly one of the units.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.strip_prefix(digits)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*scale)
}

/// Writes in the largest unit that loses nothing.
fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = |(_, scale): &&(&str, u64)| value != 0 && value.is_multiple_of(*scale);
    match units.iter().rev().find(fits).or_else(|| units.first()) {
        Some((unit, scale)) => write!(f, "{}{unit}", value / scale),
        None => write!(f, "{value}"),
    }
}

#[cfg(test)]
mod tests;
