//! [pure] The PROXY protocol, versions 1 and 2: what a load balancer says of the peer it speaks for
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! A header is read piece by piece, and never a byte beyond it: what follows belongs to TLS or RTMP. Whoever may not
//! speak for others must not be read this way: anybody can write a header.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// How a header of version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED: usize = 16;
/// The longest header of version 2: addresses and a few hundred bytes of TLVs (the protocol's own recommendation).
const MAX_V2: usize = 536;
/// The longest of version 1, its end of line included (section 2.1).
const MAX_V1: usize = 107;
/// How a header of version 1 begins.
const WORD: &[u8; 6] = b"PROXY ";

/// What the bytes so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// A beginning; at least so many more bytes belong to it.
    More(usize),
    /// The whole: the peer's address, or none when the proxy speaks for itself or cannot say.
    Whole(Option<SocketAddr>),
}

/// Why there is no header. The proxy's fault, or its operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProxyError {
    /// Something else came.
    #[error("no PROXY header came first")]
    Missing,
    /// A header that breaks the protocol, or of a kind that TCP has no use for.
    #[error("the PROXY header is malformed")]
    Malformed,
    /// Longer than the bound of its version.
    #[error("the PROXY header is longer than {0} bytes")]
    TooLong(usize),
}

/// Reads what came so far: every byte from the first, and no more than was asked for.
pub(crate) fn parse(bytes: &[u8]) -> Result<Header, ProxyError> {
    let Some(start) = bytes.first_chunk::<12>() else {
        let begins =
            SIGNATURE.starts_with(bytes) || WORD.starts_with(bytes) || bytes.starts_with(WORD);
        let more = SIGNATURE.len().saturating_sub(bytes.len());
        return begins
            .then_some(Header::More(more))
            .ok_or(ProxyError::Missing);
    };
    if start == SIGNATURE {
        version_2(bytes)
    } else if start.starts_with(WORD) {
        version_1(bytes)
    } else {
        Err(ProxyError::Missing)
    }
}

/// One line of text.
fn version_1(bytes: &[u8]) -> Result<Header, ProxyError> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        if bytes.contains(&b'\n') {
            return Err(ProxyError::Malformed);
        }
        let more = if bytes.ends_with(b"\r") { 1 } else { 2 };
        let fits = bytes.len().saturating_add(more) <= MAX_V1;
        return fits
            .then_some(Header::More(more))
            .ok_or(ProxyError::TooLong(MAX_V1));
    };
    let line = std::str::from_utf8(line).map_err(|_| ProxyError::Malformed)?;
    let mut words = line.split(' ').skip(1);
    let source = match words.next() {
        Some("UNKNOWN") => return Ok(Header::Whole(None)),
        Some("TCP4") => addresses::<Ipv4Addr>(words),
        Some("TCP6") => addresses::<Ipv6Addr>(words),
        Some(_) | None => None,
    };
    let source = source.ok_or(ProxyError::Malformed)?;
    Ok(Header::Whole(Some(canonical(source))))
}

/// Source and destination, then their ports: the source.
fn addresses<'a, A: FromStr + Into<IpAddr>>(
    mut words: impl Iterator<Item = &'a str>,
) -> Option<SocketAddr> {
    let mut address = || words.next()?.parse::<A>().ok();
    let (source, _destination) = (address()?, address()?);
    let mut port = || {
        let digits = words.next()?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok())?
    };
    let (source_port, _destination_port) = (port()?, port()?);
    words
        .next()
        .is_none()
        .then(|| SocketAddr::new(source.into(), source_port))
}

/// Binary; what stands behind the addresses (TLVs) is passed over.
fn version_2(bytes: &[u8]) -> Result<Header, ProxyError> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Header::More(FIXED.saturating_sub(bytes.len())));
    };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if command >> 4 != 2 || command & 0xF > 1 {
        return Err(ProxyError::Malformed);
    }
    if FIXED.saturating_add(length) > MAX_V2 {
        return Err(ProxyError::TooLong(MAX_V2));
    }
    if rest.len() < length {
        return Ok(Header::More(length.saturating_sub(rest.len())));
    }
    let local = command & 0xF == 0;
    let source = match family {
        _ if local => return Ok(Header::Whole(None)),
        // Unspecified, and a Unix socket: real peers, without an address.
        0x00 | 0x31 => return Ok(Header::Whole(None)),
        0x11 => source_v4(rest),
        0x21 => source_v6(rest),
        _ => None,
    };
    let source = source.ok_or(ProxyError::Malformed)?;
    Ok(Header::Whole(Some(canonical(source))))
}

fn source_v4(block: &[u8]) -> Option<SocketAddr> {
    let block: &[u8; 12] = block.first_chunk()?;
    let [a, b, c, d, _, _, _, _, high, low, _, _] = *block;
    let port = u16::from_be_bytes([high, low]);
    Some((Ipv4Addr::new(a, b, c, d), port).into())
}

fn source_v6(block: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = block.split_first_chunk::<16>()?;
    let (_destination, ports) = rest.split_first_chunk::<16>()?;
    let [high, low, _, _] = *ports.first_chunk()?;
    let port = u16::from_be_bytes([high, low]);
    Some((Ipv6Addr::from(*source), port).into())
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests;
