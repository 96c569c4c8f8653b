//! [pure] What one connection has still to write: whole messages, in order, shared with everybody else who sends them.
//!
//! Control bytes go between messages, never inside one. Media is put in only when it is empty, so it never holds more
//! than one turn of it; control is bounded by [`CONTROL_MAX`].

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;
use rtmp::writer::MediaHeader;

/// Slices in one vectored write.
pub(crate) const SLICES: usize = 64;
/// Control bytes that may wait: a peer that lets more pile up does not read.
const CONTROL_MAX: usize = 64 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Unsent>,
    /// Bytes of the front message that are written.
    offset: usize,
    control: usize,
}

#[derive(Debug)]
enum Unsent {
    Control(Bytes),
    /// Media as it is written.
    Written(Bytes),
    Media {
        header: MediaHeader,
        payload: Bytes,
        chunk_size: u32,
    },
}

/// The peer's fault: it does not read what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("peer does not read")]
pub(crate) struct Full;

impl Outbox {
    /// Whether all is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds bytes of a session.
    pub(crate) fn push_control(&mut self, bytes: Bytes) -> Result<(), Full> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.control = self.control.saturating_add(bytes.len());
        if self.control > CONTROL_MAX {
            return Err(Full);
        }
        self.queue.push_back(Unsent::Control(bytes));
        Ok(())
    }

    /// Adds messages as they are written.
    pub(crate) fn push_written(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.queue.push_back(Unsent::Written(bytes));
        }
    }

    /// Puts what is left of messages before all else. Nothing may have been written of what is here.
    pub(crate) fn put_before(&mut self, bytes: Bytes) {
        self.queue.push_front(Unsent::Written(bytes));
    }

    /// Adds a message.
    pub(crate) fn push_media(&mut self, header: MediaHeader, payload: Bytes, chunk_size: u32) {
        self.queue.push_back(Unsent::Media {
            header,
            payload,
            chunk_size,
        });
    }

    /// How many bytes are to be written.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes: usize = self.queue.iter().map(Unsent::len).sum();
        u64::try_from(bytes.saturating_sub(self.offset)).unwrap_or(u64::MAX)
    }

    /// The next bytes to write, as slices; answers with their number.
    pub(crate) fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let mut room = slices.iter_mut();
        let mut offset = self.offset;
        for unsent in &self.queue {
            match unsent {
                Unsent::Control(bytes) | Unsent::Written(bytes) => {
                    let Some(slot) = room.next() else { break };
                    *slot = IoSlice::new(bytes.get(offset..).unwrap_or_default());
                }
                Unsent::Media {
                    header,
                    payload,
                    chunk_size,
                } => {
                    for (piece, slot) in header.pieces(payload, *chunk_size, offset).zip(&mut room)
                    {
                        *slot = IoSlice::new(piece);
                    }
                }
            }
            offset = 0;
        }
        SLICES - room.len()
    }

    /// The first `count` bytes are written.
    pub(crate) fn advance(&mut self, count: usize) {
        self.offset = self.offset.saturating_add(count);
        while let Some(front) = self.queue.front() {
            let length = front.len();
            if self.offset < length {
                return;
            }
            self.offset -= length;
            if let Some(Unsent::Control(bytes)) = self.queue.pop_front() {
                self.control = self.control.saturating_sub(bytes.len());
            }
        }
        self.offset = 0;
    }
}

impl Unsent {
    fn len(&self) -> usize {
        match self {
            Self::Control(bytes) | Self::Written(bytes) => bytes.len(),
            Self::Media {
                header,
                payload,
                chunk_size,
            } => header.wire_len(payload.len(), *chunk_size),
        }
    }
}

#[cfg(test)]
mod tests {
    use rtmp::MessageKind;

    use super::*;

    fn outbox() -> Outbox {
        let mut outbox = Outbox::default();
        outbox.push_control(Bytes::from_static(b"control")).unwrap();
        for n in 0..50_u8 {
            let payload = Bytes::from(vec![n; 7 * usize::from(n)]);
            let header = MediaHeader::new(u32::from(n), MessageKind::Video, payload.len(), 1);
            outbox.push_media(header, payload, 100);
        }
        outbox.push_control(Bytes::from_static(b"more")).unwrap();
        outbox
    }

    fn drain(mut outbox: Outbox, most: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = outbox.gather(&mut slices);
            assert!(count > 0);
            let bytes: Vec<u8> = slices[..count].iter().flat_map(|s| s.to_vec()).collect();
            let written = bytes.len().min(most);
            wire.extend_from_slice(&bytes[..written]);
            outbox.advance(written);
        }
        assert_eq!(outbox.control, 0);
        wire
    }

    #[test]
    fn the_wire_is_the_same_however_little_is_written_at_a_time() {
        let whole = drain(outbox(), usize::MAX);
        for most in [1, 2, 13, 100, 4_096] {
            assert_eq!(drain(outbox(), most), whole);
        }
        assert!(whole.starts_with(b"control\x08") && whole.ends_with(b"more"));
    }

    #[test]
    fn a_peer_that_does_not_read_is_noticed() {
        let mut outbox = Outbox::default();
        let ping = Bytes::from_static(&[0; 18]);
        let pushed = (0..10_000).take_while(|_| outbox.push_control(ping.clone()).is_ok());
        assert_eq!(pushed.count(), CONTROL_MAX / 18);
    }
}
