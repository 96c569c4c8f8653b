//! [pure] The media writer: a message's own header, then the payload that everybody shares.
//!
//! Every message starts with a full header (fmt 0) on chunk stream 8, which nothing else uses, so what
//! goes to one consumer depends on nothing that went before it: a consumer is (frame, offset), no more.
//! While the payload fits one chunk, the bytes after the header are the payload itself.

use crate::MessageKind;

/// The chunk stream media travels on; control and commands use 2 and 3.
pub const MEDIA_CHUNK_STREAM: u8 = 8;
/// A full header with an extended timestamp: 1 + 11 + 4.
pub const MAX_HEADER: usize = 16;

/// The chunk headers of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaHeader {
    /// fmt 0 header, 12 or 16 bytes.
    first: [u8; MAX_HEADER],
    first_len: u8,
    /// fmt 3 header, 1 or 5 bytes.
    next: [u8; 5],
    next_len: u8,
}

impl MediaHeader {
    /// The header of a message of `length` bytes (below 2^24) at `timestamp` milliseconds.
    #[must_use]
    pub fn new(timestamp: u32, kind: MessageKind, length: usize, stream_id: u32) -> Self {
        Self::on_chunk_stream(MEDIA_CHUNK_STREAM, timestamp, kind, length, stream_id)
    }

    pub(crate) fn on_chunk_stream(
        csid: u8,
        timestamp: u32,
        kind: MessageKind,
        length: usize,
        stream_id: u32,
    ) -> Self {
        debug_assert!((2..64).contains(&csid) && length < 1 << 24);
        let extended = timestamp >= 0xFF_FFFF;
        let [_, t1, t2, t3] = timestamp.min(0xFF_FFFF).to_be_bytes();
        let [_, l1, l2, l3] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let [s1, s2, s3, s4] = stream_id.to_le_bytes();
        let [e1, e2, e3, e4] = timestamp.to_be_bytes();
        Self {
            first: [
                csid,
                t1,
                t2,
                t3,
                l1,
                l2,
                l3,
                kind.id(),
                s1,
                s2,
                s3,
                s4,
                e1,
                e2,
                e3,
                e4,
            ],
            first_len: if extended { 16 } else { 12 },
            next: [0xC0 | csid, e1, e2, e3, e4],
            next_len: if extended { 5 } else { 1 },
        }
    }

    /// The bytes that stand before the payload's first chunk: 12, or 16 past 4.66 hours.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.first.split_at(usize::from(self.first_len)).0
    }

    fn continuation(&self) -> &[u8] {
        self.next.split_at(usize::from(self.next_len)).0
    }

    /// How many bytes the whole message takes on the wire, headers included.
    #[must_use]
    pub fn wire_len(&self, payload_len: usize, chunk_size: u32) -> usize {
        let continuations = payload_len
            .div_ceil(chunk_bytes(chunk_size))
            .saturating_sub(1);
        self.as_slice().len() + payload_len + continuations * self.continuation().len()
    }

    /// The message's bytes from wire offset `offset` on, as slices to write vectored, without a copy.
    /// An offset at or past the end gives nothing.
    #[must_use]
    pub fn pieces<'a>(&'a self, payload: &'a [u8], chunk_size: u32, offset: usize) -> Pieces<'a> {
        let size = chunk_bytes(chunk_size);
        let first = self.as_slice().len() + size.min(payload.len());
        let mut pieces = if offset < first {
            Pieces::starting_with(self, self.as_slice(), payload, size)
        } else {
            // Whole chunks are skipped by arithmetic: a resumed write costs the same anywhere.
            let whole = (offset - first) / (self.continuation().len() + size);
            let rest = payload
                .get(size.saturating_mul(whole + 1)..)
                .unwrap_or_default();
            let header = if rest.is_empty() {
                &[]
            } else {
                self.continuation()
            };
            Pieces::starting_with(self, header, rest, size)
        };
        let within = if offset < first {
            offset
        } else {
            (offset - first) % (self.continuation().len() + size)
        };
        pieces.skip_bytes(within);
        pieces
    }
}

fn chunk_bytes(chunk_size: u32) -> usize {
    usize::try_from(chunk_size).unwrap_or(usize::MAX).max(1)
}

/// The rest of a message as slices, none empty; see [`MediaHeader::pieces`].
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    of: &'a MediaHeader,
    size: usize,
    /// What is left of the current chunk's header, of its data, and the payload behind it.
    header: &'a [u8],
    chunk: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    fn starting_with(
        of: &'a MediaHeader,
        header: &'a [u8],
        payload: &'a [u8],
        size: usize,
    ) -> Self {
        let (chunk, rest) = payload.split_at(size.min(payload.len()));
        Self {
            of,
            size,
            header,
            chunk,
            rest,
        }
    }

    /// Skips up to one chunk's bytes.
    fn skip_bytes(&mut self, count: usize) {
        let of_header = count.min(self.header.len());
        self.header = self.header.split_at(of_header).1;
        self.chunk = self.chunk.get(count - of_header..).unwrap_or_default();
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.header.is_empty() && self.chunk.is_empty() {
            if self.rest.is_empty() {
                return None;
            }
            *self = Self::starting_with(self.of, self.of.continuation(), self.rest, self.size);
        }
        let part = if self.header.is_empty() {
            &mut self.chunk
        } else {
            &mut self.header
        };
        Some(std::mem::take(part))
    }
}

#[cfg(test)]
mod tests;
