//! [pure] What the fuzz targets do with their input. A test replays the corpora through the same functions, so that
//! neither can rot.

use std::io::IoSlice;

use bytes::Bytes;
use rustls::{
    ConnectionTrafficSecrets, ExtractedSecrets,
    crypto::cipher::{AeadKey, Iv},
};

use crate::{
    http1,
    record::{self, CONTENT_MAX, Keys, OVERHEAD, Opened},
};

/// Both ends of a connection of which one talks to itself.
fn keys(chacha: bool) -> Option<Keys> {
    let secrets = || {
        let (key, iv) = (AeadKey::from([7; 32]), Iv::from([9; 12]));
        let secrets = if chacha {
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }
        } else {
            ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        };
        (0, secrets)
    };
    Keys::new(ExtractedSecrets {
        tx: secrets(),
        rx: secrets(),
    })
}

/// Records of TLS: what anybody sends is never taken for content, and what is sealed is opened as it was, however it is
/// cut. The first byte chooses the cipher, the next two the room and the cuts.
pub fn record(data: &[u8]) {
    let [cipher, room, cut, data @ ..] = data else {
        return;
    };
    let Some(Keys { mut opener, .. }) = keys(cipher & 1 == 1) else {
        return;
    };
    let mut wire = data.to_vec();
    let mut rest = &mut wire[..];
    while let Ok(Some(length)) = record::length(rest) {
        let Some((one, after)) = std::mem::take(&mut rest).split_at_mut_checked(length) else {
            break;
        };
        assert!(opener.open(one).is_err(), "a forged record was opened");
        rest = after;
    }
    seal(cipher & 1 == 1, usize::from(*room), usize::from(*cut), data);
}

fn seal(chacha: bool, room: usize, cut: usize, data: &[u8]) {
    let Some(Keys {
        mut sealer,
        mut opener,
    }) = keys(chacha)
    else {
        return;
    };
    let content = data.repeat(1 + cut);
    let mut pieces: Vec<_> = content.chunks(1 + cut * 97).map(IoSlice::new).collect();
    let mut left = &mut pieces[..];
    let mut room = vec![0; CONTENT_MAX + OVERHEAD + room * 701];
    let mut opened = Vec::new();
    while !left.is_empty() {
        let sealed = sealer.seal(left, &mut room).expect("the key is new");
        assert!(sealed.taken > 0, "room for a record is room enough");
        IoSlice::advance_slices(&mut left, sealed.taken);
        let mut rest = room.get_mut(..sealed.made).unwrap_or_default();
        while let Ok(Some(length)) = record::length(rest) {
            let (one, after) = std::mem::take(&mut rest).split_at_mut(length);
            match opener.open(one) {
                Ok(Opened::Data(content)) => opened.extend_from_slice(content),
                other => panic!("{other:?} is not what was sealed"),
            }
            rest = after;
        }
    }
    assert!(opened == content, "what is opened is not what was sealed");
}

/// Requests by HTTP/1.1: taken one after another until one is not whole or not one, and never more than came.
pub fn http1(data: &[u8]) {
    let mut received = Bytes::copy_from_slice(data);
    let mut before = received.len();
    while let Ok(Some(asked)) = http1::take(&mut received) {
        assert!(received.len() < before, "a request of nothing");
        assert!(!(asked.keep && asked.carries), "what follows is no request");
        before = received.len();
    }
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::{replay::replay, *};

    #[test]
    fn every_seed_of_the_corpora_holds() {
        replay("record", record);
        replay("http1", http1);
    }
}
