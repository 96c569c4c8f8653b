//! [pure] Records of TLS 1.3 (RFC 8446 §5) on a connection whose handshake is over: sealed straight from the bytes that all
//! viewers share, opened where they lie.
//!
//! A number is used for one record and never again; a key is not used for more records than it is good for; after the
//! first record that cannot be opened nothing more is. The handshake, and with it all that agrees on keys, is rustls's.

use std::{fmt, io::IoSlice};

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use rustls::{
    ConnectionTrafficSecrets, ExtractedSecrets,
    crypto::cipher::{AeadKey, Iv, Nonce as Numbered},
};

/// Bytes of content in one record (§5.1).
pub(crate) const CONTENT_MAX: usize = 1 << 14;
/// Bytes of a record besides its content, as we make it: header, the content's type, tag. We add no padding.
pub(crate) const OVERHEAD: usize = HEADER + 1 + TAG;
/// Bytes of the largest record that a peer may send (§5.2).
pub(crate) const RECORD_MAX: usize = HEADER + CONTENT_MAX + 256;

const HEADER: usize = 5;
const TAG: usize = 16;
/// Records under one key: 24 million full ones keep AES-GCM's margin (§5.5), and nobody watches 275 GB on one connection.
const RECORDS_MAX: u64 = 1 << 24;
/// Records without content in a row that a peer may send: as many as rustls takes.
const EMPTY_MAX: u8 = 32;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const KEY_UPDATE: u8 = 24;

/// What an alert says (§6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alert {
    CloseNotify = 0,
    UnexpectedMessage = 10,
    BadRecordMac = 20,
    RecordOverflow = 22,
}

/// USER_CANCELED: a warning that close_notify follows.
const USER_CANCELED: u8 = 90;

/// Why nothing more is read of a peer: its fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// To be told so.
    #[error("the peer broke the record protocol: {0:?}")]
    Told(Alert),
    /// It gave up itself.
    #[error("the peer sent alert {0}")]
    Alert(u8),
}

/// A key has been used for as many records as it is good for: the connection ends, and a peer that wants more opens
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key has sealed as many records as it may")]
pub(crate) struct UsedUp;

/// Both directions of one connection.
pub(crate) struct Keys {
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

impl Keys {
    /// Goes on where a handshake of TLS 1.3 ended. None for a cipher that is not known here.
    pub(crate) fn new(secrets: ExtractedSecrets) -> Option<Self> {
        let ExtractedSecrets { tx, rx } = secrets;
        Some(Self {
            sealer: Sealer {
                key: Key::new(tx, RECORDS_MAX)?,
            },
            opener: Opener {
                // What a peer may send under one key is its own to keep to; a number never comes twice all the same.
                key: Key::new(rx, u64::MAX)?,
                empty: 0,
            },
        })
    }
}

/// One direction's key, and the number of its next record. `Debug` shows neither.
struct Key {
    key: LessSafeKey,
    iv: Iv,
    next: u64,
    end: u64,
}

impl Key {
    fn new((next, secrets): (u64, ConnectionTrafficSecrets), end: u64) -> Option<Self> {
        let build = |algorithm, key: &AeadKey, iv: Iv| {
            let key = UnboundKey::new(algorithm, key.as_ref()).ok()?;
            Some(Self {
                key: LessSafeKey::new(key),
                iv,
                next,
                end,
            })
        };
        match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => build(&AES_128_GCM, &key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => build(&AES_256_GCM, &key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                build(&CHACHA20_POLY1305, &key, iv)
            }
            _ => None,
        }
    }

    /// The next record's nonce, once. None when there is none left.
    fn nonce(&mut self) -> Option<Nonce> {
        if self.next >= self.end {
            return None;
        }
        let nonce = Numbered::new(&self.iv, self.next);
        self.next += 1;
        Some(Nonce::assume_unique_for_key(nonce.0))
    }
}

/// Makes records.
pub(crate) struct Sealer {
    key: Key,
}

/// What became of content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// Bytes of the content that are in records now.
    pub(crate) taken: usize,
    /// Bytes of those records.
    pub(crate) made: usize,
}

impl Sealer {
    /// Seals `pieces`, or as much of them as whole records have room for in `room`. What fits into one record goes into
    /// one; of anything larger no byte is copied but by the cipher. The error comes before anything is sealed.
    pub(crate) fn seal(
        &mut self,
        pieces: &[IoSlice<'_>],
        room: &mut [u8],
    ) -> Result<Sealed, UsedUp> {
        let total = pieces
            .iter()
            .fold(0usize, |total, piece| total.saturating_add(piece.len()));
        let full = pieces.iter().filter(|piece| !piece.is_empty()).count();
        if full > 1 && total <= CONTENT_MAX {
            return self.gather(pieces, total, room);
        }
        let mut sealed = Sealed::default();
        for content in pieces.iter().flat_map(|piece| piece.chunks(CONTENT_MAX)) {
            let rest = room.get_mut(sealed.made..).unwrap_or_default();
            let Some((record, _)) = rest.split_at_mut_checked(content.len() + OVERHEAD) else {
                break;
            };
            match self.one(content, record) {
                Ok(()) => {
                    sealed.taken += content.len();
                    sealed.made += record.len();
                }
                Err(UsedUp) if sealed.made > 0 => break,
                Err(used_up) => return Err(used_up),
            }
        }
        Ok(sealed)
    }

    /// An alert, as one record.
    pub(crate) fn alert(&mut self, alert: Alert) -> Result<Vec<u8>, UsedUp> {
        let level = if alert == Alert::CloseNotify { 1 } else { 2 };
        let content = [level, alert as u8];
        let mut record = vec![0; content.len() + OVERHEAD];
        self.typed(ALERT, Content::Apart(&content), &mut record)?;
        Ok(record)
    }

    fn gather(
        &mut self,
        pieces: &[IoSlice<'_>],
        total: usize,
        room: &mut [u8],
    ) -> Result<Sealed, UsedUp> {
        let Some((record, _)) = room.split_at_mut_checked(total + OVERHEAD) else {
            return Ok(Sealed::default());
        };
        let mut rest = record.get_mut(HEADER..).unwrap_or_default();
        for piece in pieces {
            let Some((at, after)) = rest.split_at_mut_checked(piece.len()) else {
                return Ok(Sealed::default());
            };
            at.copy_from_slice(piece);
            rest = after;
        }
        self.typed(APPLICATION_DATA, Content::InPlace, record)?;
        Ok(Sealed {
            taken: total,
            made: record.len(),
        })
    }

    fn one(&mut self, content: &[u8], record: &mut [u8]) -> Result<(), UsedUp> {
        self.typed(APPLICATION_DATA, Content::Apart(content), record)
    }

    /// Fills `record`, which is as long as it must be.
    fn typed(&mut self, kind: u8, content: Content<'_>, record: &mut [u8]) -> Result<(), UsedUp> {
        let nonce = self.key.nonce().ok_or(UsedUp)?;
        let length = u16::try_from(record.len().saturating_sub(HEADER)).map_err(|_| UsedUp)?;
        let [high, low] = length.to_be_bytes();
        let header = [APPLICATION_DATA, 3, 3, high, low];
        let aad = Aad::from(header);
        let split = record.split_first_chunk_mut::<HEADER>();
        let (head, body) = split.ok_or(UsedUp)?;
        *head = header;
        let (text, tag) = body
            .len()
            .checked_sub(1 + TAG)
            .and_then(|at| body.split_at_mut_checked(at))
            .ok_or(UsedUp)?;
        let key = &self.key.key;
        let done = match content {
            Content::Apart(content) => {
                key.seal_out_of_place_scatter(nonce, aad, content, text, &[kind], tag)
            }
            Content::InPlace => key.seal_in_place_scatter(nonce, aad, text, &[kind], tag),
        };
        // Lengths are right by construction; whatever else it may be, the number is spent and nothing is sent.
        done.map_err(|_| UsedUp)
    }
}

/// Where a record's content lies.
enum Content<'a> {
    Apart(&'a [u8]),
    InPlace,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(next {})", self.key.next)
    }
}

/// Opens records.
pub(crate) struct Opener {
    key: Key,
    empty: u8,
}

/// What was in a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened<'a> {
    /// Content; may be empty.
    Data(&'a [u8]),
    /// The peer sends nothing more that could be read: it has said so, or it goes on under a new key (§4.6.3), for which
    /// a connection that only carries requests lives too short. Our direction goes on.
    End,
}

/// How long the first record of `bytes` is, header included. None while that cannot be told.
pub(crate) fn length(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    let Some(&[kind, _, _, high, low]) = bytes.first_chunk() else {
        return Ok(None);
    };
    if kind != APPLICATION_DATA {
        return Err(Broken::Told(Alert::UnexpectedMessage));
    }
    let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
    if length > RECORD_MAX {
        return Err(Broken::Told(Alert::RecordOverflow));
    }
    Ok(Some(length))
}

impl Opener {
    /// Opens one record, exactly as long as [`length`] said, in its place.
    pub(crate) fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<Opened<'a>, Broken> {
        let bad = Broken::Told(Alert::BadRecordMac);
        let (header, body) = record.split_first_chunk_mut::<HEADER>().ok_or(bad)?;
        let nonce = self.key.nonce().ok_or(bad)?;
        let opened = self
            .key
            .key
            .open_in_place(nonce, Aad::from(*header), body)
            .map_err(|_| bad)?;
        let unexpected = Broken::Told(Alert::UnexpectedMessage);
        // Padding is zeros after the type (§5.4).
        let at = opened.iter().rposition(|byte| *byte != 0);
        let (content, kind) = at
            .and_then(|at| opened.get(..=at)?.split_last())
            .map(|(kind, content)| (content, *kind))
            .ok_or(unexpected)?;
        if content.len() > CONTENT_MAX {
            return Err(Broken::Told(Alert::RecordOverflow));
        }
        match (kind, content) {
            (APPLICATION_DATA, content) => {
                self.empty = if content.is_empty() {
                    self.empty + 1
                } else {
                    0
                };
                if self.empty > EMPTY_MAX {
                    return Err(unexpected);
                }
                Ok(Opened::Data(content))
            }
            (ALERT, [_, 0]) => Ok(Opened::End),
            (ALERT, &[_, USER_CANCELED]) => Ok(Opened::Data(&[])),
            (ALERT, &[_, description]) => Err(Broken::Alert(description)),
            (HANDSHAKE, &[KEY_UPDATE, 0, 0, 1, 0 | 1]) => Ok(Opened::End),
            _ => Err(unexpected),
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener(next {})", self.key.next)
    }
}

#[cfg(test)]
mod tests;
