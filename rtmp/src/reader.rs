//! [pure] The chunk reader: hostile bytes in, whole messages out.
//!
//! Every chunk stream has a buffer of its own, so messages may interleave as RTMP 1.0 section 5.3 allows.
//! Nothing is allocated that a limit below does not cover, and a payload is copied once, from the input
//! into its own buffer. Set Chunk Size and Abort take effect here and are not given out; aggregates are
//! given out as the messages they hold.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::message::take;
use crate::{Message, MessageKind};

mod aggregate;
mod limits;

use aggregate::Aggregate;
pub use limits::{Limits, ReadError};

/// The longest message and the largest chunk there can be: lengths have 24 bits.
const MAX_24: u32 = 0xFF_FFFF;
/// A chunk header at its longest: 3 bytes basic, 11 message, 4 extended timestamp.
const MAX_CHUNK_HEADER: usize = 18;
/// The chunk size before anybody announces one (section 5.4.1).
pub(crate) const INITIAL_CHUNK_SIZE: u32 = 128;

/// Turns bytes into messages. Feed it every byte of the connection after the handshake, in order.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkReader {
    limits: Limits,
    chunk_size: u32,
    received: u64,
    streams: Vec<ChunkStream>,
    /// The beginning of a chunk header whose end has not come, below [`MAX_CHUNK_HEADER`] bytes. What turns
    /// out not to be of the header is read on before any input.
    pending: Vec<u8>,
    chunk: Option<OpenChunk>,
    aggregate: Option<Aggregate>,
}

/// A chunk whose header was read.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
struct OpenChunk {
    csid: u32,
    /// Payload bytes still to come in this chunk.
    left: u32,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct ChunkStream {
    csid: u32,
    last: MessageHeader,
    /// The message being received, at most `last.length` bytes.
    unfinished: Option<Vec<u8>>,
}

/// What the next header on the same chunk stream may refer to.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
struct MessageHeader {
    timestamp: u32,
    /// The timestamp field as it was sent: absolute after fmt 0, else a delta.
    field: u32,
    extended: bool,
    length: u32,
    kind: MessageKind,
    stream_id: u32,
}

struct ChunkHeader {
    csid: u32,
    /// Set where this chunk starts a message.
    starts: Option<MessageHeader>,
    /// Bytes of the header.
    len: usize,
}

impl ChunkReader {
    /// The reader of a new connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            chunk_size: INITIAL_CHUNK_SIZE,
            received: 0,
            streams: Vec::new(),
            pending: Vec::new(),
            chunk: None,
            aggregate: None,
        }
    }

    /// Changes the limits, for what starts from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// All bytes of the connection so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Takes `count` bytes of the handshake off `input`, which count as received.
    pub(crate) fn pass<'a>(&mut self, input: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = input.split_at(count.min(input.len()));
        *input = rest;
        self.received = self
            .received
            .saturating_add(u64::try_from(taken.len()).unwrap_or(0));
        taken
    }

    /// Takes bytes off `input` until a message is whole; `None` when the input is used up. After an error
    /// the connection is of no more use.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ReadError> {
        loop {
            if let Some(message) = self.aggregate.as_mut().and_then(Aggregate::next) {
                return Ok(Some(message));
            }
            self.aggregate = None;
            let Some(chunk) = self.chunk else {
                match self.read_header(input)? {
                    Some(chunk) => self.chunk = Some(chunk),
                    None => return Ok(None),
                }
                continue;
            };
            if chunk.left > 0 && input.is_empty() && self.pending.is_empty() {
                return Ok(None);
            }
            let Some(message) = self.read_payload(chunk, input)? else {
                continue;
            };
            if message.kind == MessageKind::SetChunkSize {
                self.set_chunk_size(&message.payload)?;
            } else if message.kind == MessageKind::Abort {
                self.abort(&message.payload)?;
            } else if message.kind == MessageKind::Aggregate {
                self.aggregate = Some(Aggregate::new(message));
            } else {
                return Ok(Some(message));
            }
        }
    }

    fn consume<'a>(&mut self, input: &mut &'a [u8], count: usize) -> Result<&'a [u8], ReadError> {
        let taken = self.pass(input, count);
        match self.limits.total {
            Some(total) if self.received > u64::from(total) => Err(ReadError::TooManyBytes(total)),
            _ => Ok(taken),
        }
    }

    /// Reads a chunk's header, which may have begun in an earlier input.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<OpenChunk>, ReadError> {
        let parsed = if self.pending.is_empty() {
            self.parse_header(input)?
        } else {
            let mut joined = self.pending.clone();
            let more = MAX_CHUNK_HEADER
                .saturating_sub(joined.len())
                .min(input.len());
            joined.extend_from_slice(input.split_at(more).0);
            self.parse_header(&joined)?
        };
        let Some(parsed) = parsed else {
            let all = self.consume(input, input.len())?;
            self.pending.extend_from_slice(all);
            return Ok(None);
        };
        let of_pending = parsed.len.min(self.pending.len());
        self.pending.drain(..of_pending);
        self.consume(input, parsed.len.saturating_sub(of_pending))?;
        if let Some(header) = parsed.starts {
            self.start_message(parsed.csid, header)?;
        }
        let stream = self
            .stream(parsed.csid)
            .ok_or(ReadError::NoPreviousHeader(parsed.csid))?;
        let have = stream.unfinished.as_ref().map_or(0, Vec::len);
        let missing = stream
            .last
            .length
            .saturating_sub(u32::try_from(have).unwrap_or(u32::MAX));
        Ok(Some(OpenChunk {
            csid: parsed.csid,
            left: missing.min(self.chunk_size),
        }))
    }

    /// Parses a whole chunk header from the start of `bytes`; `None` if its end is not there yet.
    fn parse_header(&self, bytes: &[u8]) -> Result<Option<ChunkHeader>, ReadError> {
        let mut rest = bytes;
        let Some((format, csid)) = basic_header(&mut rest) else {
            return Ok(None);
        };
        let stream = self.stream(csid);
        let last = stream.map(|stream| &stream.last);
        let starts = match (format, last) {
            (3, Some(last)) => {
                if last.extended {
                    let Some(repeated) = repeated_timestamp(rest, last) else {
                        return Ok(None);
                    };
                    rest = rest.get(repeated..).unwrap_or_default();
                }
                let starts = stream.is_some_and(|stream| stream.unfinished.is_none());
                starts.then(|| MessageHeader {
                    timestamp: last.timestamp.wrapping_add(last.field),
                    ..*last
                })
            }
            // librtmp opens chunk stream 2 with fmt 1, for its ping replies.
            (2 | 3, None) => return Err(ReadError::NoPreviousHeader(csid)),
            _ if stream.is_some_and(|stream| stream.unfinished.is_some()) => {
                return Err(ReadError::HeaderInsideMessage(csid));
            }
            _ => match message_header(format, last, &mut rest) {
                None => return Ok(None),
                starts => starts,
            },
        };
        let len = bytes.len().saturating_sub(rest.len());
        Ok(Some(ChunkHeader { csid, starts, len }))
    }

    fn start_message(&mut self, csid: u32, header: MessageHeader) -> Result<(), ReadError> {
        let Limits {
            message: limit,
            unfinished_bytes,
            unfinished,
            chunk_streams,
            ..
        } = self.limits;
        if header.length > limit {
            return Err(ReadError::MessageTooLong {
                length: header.length,
                limit,
            });
        }
        let (mut count, mut bytes) = (1_u16, header.length);
        for stream in self
            .streams
            .iter()
            .filter(|stream| stream.unfinished.is_some())
        {
            count = count.saturating_add(1);
            bytes = bytes.saturating_add(stream.last.length);
        }
        if count > unfinished || bytes > unfinished_bytes {
            return Err(ReadError::TooManyUnfinished);
        }
        let body = Vec::with_capacity(usize::try_from(header.length).unwrap_or(0));
        if let Some(stream) = self.stream_mut(csid) {
            stream.last = header;
            stream.unfinished = Some(body);
        } else if self.streams.len() < usize::from(chunk_streams) {
            self.streams.push(ChunkStream {
                csid,
                last: header,
                unfinished: Some(body),
            });
        } else {
            return Err(ReadError::TooManyChunkStreams(chunk_streams));
        }
        Ok(())
    }

    /// Reads payload of the open chunk, and gives the message if that was its end.
    fn read_payload(
        &mut self,
        chunk: OpenChunk,
        input: &mut &[u8],
    ) -> Result<Option<Message>, ReadError> {
        let want = usize::try_from(chunk.left).unwrap_or(usize::MAX);
        let pending: Vec<u8> = self.pending.drain(..want.min(self.pending.len())).collect();
        let taken = self.consume(input, want.saturating_sub(pending.len()))?;
        let left = want
            .saturating_sub(pending.len())
            .saturating_sub(taken.len());
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        self.chunk = (left > 0).then_some(OpenChunk { left, ..chunk });
        let Some(stream) = self.stream_mut(chunk.csid) else {
            return Ok(None);
        };
        let Some(body) = stream.unfinished.as_mut() else {
            return Ok(None);
        };
        body.extend_from_slice(&pending);
        body.extend_from_slice(taken);
        if u32::try_from(body.len()).is_ok_and(|len| len < stream.last.length) {
            return Ok(None);
        }
        Ok(stream.unfinished.take().map(|body| Message {
            timestamp: stream.last.timestamp,
            kind: stream.last.kind,
            stream_id: stream.last.stream_id,
            payload: Bytes::from(body),
        }))
    }

    /// Any size from 1 is taken. It allocates nothing, and past 2^24 - 1 all sizes mean the same.
    fn set_chunk_size(&mut self, payload: &[u8]) -> Result<(), ReadError> {
        match be_u32(payload) {
            None | Some(0) => Err(ReadError::BadControl),
            Some(size) => {
                self.chunk_size = size.min(MAX_24);
                Ok(())
            }
        }
    }

    fn abort(&mut self, payload: &[u8]) -> Result<(), ReadError> {
        let csid = be_u32(payload).ok_or(ReadError::BadControl)?;
        if let Some(stream) = self.stream_mut(csid) {
            stream.unfinished = None;
        }
        Ok(())
    }

    /// At most [`Limits::chunk_streams`] of them, and a peer uses five: looking through them is fastest.
    fn stream(&self, csid: u32) -> Option<&ChunkStream> {
        self.streams.iter().find(|stream| stream.csid == csid)
    }

    fn stream_mut(&mut self, csid: u32) -> Option<&mut ChunkStream> {
        self.streams.iter_mut().find(|stream| stream.csid == csid)
    }
}

/// The format and the chunk stream id (section 5.3.1.1).
fn basic_header(rest: &mut &[u8]) -> Option<(u8, u32)> {
    let [first] = take(rest)?;
    let csid = match first & 0x3F {
        0 => take::<1>(rest).map(|[low]| u32::from(low).saturating_add(64))?,
        1 => take(rest).map(|both| u32::from(u16::from_le_bytes(both)).saturating_add(64))?,
        csid => u32::from(csid),
    };
    Some((first >> 6, csid))
}

/// A message header of format 0, 1 or 2 (section 5.3.1.2). Format 2 needs `last`.
fn message_header(
    format: u8,
    last: Option<&MessageHeader>,
    rest: &mut &[u8],
) -> Option<MessageHeader> {
    let short = take(rest).map(be_u24)?;
    let (length, kind) = match last {
        Some(last) if format == 2 => (last.length, last.kind),
        _ => {
            let length = take(rest).map(be_u24)?;
            let [kind] = take(rest)?;
            (length, MessageKind::from_id(kind))
        }
    };
    let stream_id = match last {
        _ if format == 0 => take(rest).map(u32::from_le_bytes)?,
        Some(last) => last.stream_id,
        None => 0,
    };
    let extended = short == MAX_24;
    let field = if extended {
        take(rest).map(u32::from_be_bytes)?
    } else {
        short
    };
    let timestamp = match last {
        Some(last) if format > 0 => last.timestamp.wrapping_add(field),
        _ => field,
    };
    Some(MessageHeader {
        timestamp,
        field,
        extended,
        length,
        kind,
        stream_id,
    })
}

/// How many bytes of extended timestamp stand at the start of `rest`, after a fmt 3 header: 4 as the
/// specification has it, 0 from peers that leave it out. What was sent last tells them apart; some repeat
/// the timestamp where a delta was sent. `None` while the bytes could still become either.
fn repeated_timestamp(rest: &[u8], last: &MessageHeader) -> Option<usize> {
    let seen = rest.get(..4).unwrap_or(rest);
    let repeats = |value: u32| value.to_be_bytes().starts_with(seen);
    if !repeats(last.field) && !repeats(last.timestamp) {
        return Some(0);
    }
    (seen.len() == 4).then_some(4)
}

fn be_u24([high, middle, low]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, high, middle, low])
}

fn be_u32(payload: &[u8]) -> Option<u32> {
    payload
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests;
