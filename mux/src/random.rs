//! Random bytes from the system, for keys and seals.

use std::{fs::File, io, io::Read};

/// As many as the caller has room for, fit for secrets.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
