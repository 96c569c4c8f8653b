//! [pure] What both sides of a connection do alike: handshake, reading, acknowledgements, pings, the queue
//! of actions.
//!
//! After `close` nothing is read and nothing is queued any more. The queue is bounded by [`MAX_ACTIONS`].

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rml_rtmp::messages::{RtmpMessage, UserControlEventType};
use rml_rtmp::time::RtmpTimestamp;
use serde::{Deserialize, Serialize};

use crate::handshake::{self, OPENING, PACKET, VERSION};
use crate::reader::{ChunkReader, INITIAL_CHUNK_SIZE, Limits};
use crate::writer::MediaHeader;
use crate::{CloseReason, Message, MessageKind};

/// Actions waiting to be taken. 64 KiB of input give at most 8192 messages of 8 bytes, the smallest that
/// audio comes in; who sends more, and smaller, floods.
const MAX_ACTIONS: usize = 8192;
/// What we let a peer send unacknowledged, and how often we acknowledge if it does not say: FMS's own value.
pub(crate) const WINDOW: u32 = 2_500_000;
/// No peer makes us acknowledge more often than this, bytes.
const MIN_WINDOW: u32 = 4096;

/// Chunk streams for what is not media; the media writer has its own.
const CONTROL: u8 = 2;
const COMMAND: u8 = 3;

/// What the two kinds of action have in common.
pub(crate) trait Action {
    fn send(bytes: Bytes) -> Self;
    fn closed(reason: CloseReason) -> Self;
    fn is_media(&self) -> bool;
}

pub(crate) enum Event {
    /// The handshake is done.
    Established,
    /// A message that is not about the connection itself.
    Message(Message),
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    Server,
    Client,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// Gathers C0 and C1, or S0 and S1.
    Opening(Vec<u8>),
    /// Passes over C2 or S2; so many bytes are left.
    Closing(u16),
    Established,
    Closed,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Connection<A> {
    side: Side,
    phase: Phase,
    reader: ChunkReader,
    /// Chunk size towards the peer.
    chunk_size: u32,
    /// How often the peer wants to be acknowledged, bytes.
    window: u32,
    acknowledged: u64,
    /// The last window we told the peer of.
    told_window: u32,
    last_heard: Duration,
    /// Messages that were no AMF0 or no known command.
    ignored: u64,
    actions: VecDeque<A>,
}

impl<A: Action> Connection<A> {
    pub(crate) fn new(side: Side, now: Duration) -> Self {
        Self {
            side,
            phase: Phase::Opening(Vec::new()),
            reader: ChunkReader::new(Limits::STRANGER),
            chunk_size: INITIAL_CHUNK_SIZE,
            window: WINDOW,
            acknowledged: 0,
            told_window: 0,
            last_heard: now,
            ignored: 0,
            actions: VecDeque::new(),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(crate) fn received(&self) -> u64 {
        self.reader.received()
    }

    pub(crate) fn ignored(&self) -> u64 {
        self.ignored
    }

    pub(crate) fn ignore(&mut self) {
        self.ignored = self.ignored.saturating_add(1);
    }

    pub(crate) fn last_heard(&self) -> Duration {
        self.last_heard
    }

    /// Publish or play was accepted.
    pub(crate) fn admit(&mut self, limits: Limits) {
        self.reader.set_limits(limits);
    }

    pub(crate) fn has_only_media(&self) -> bool {
        self.actions.iter().all(Action::is_media)
    }

    pub(crate) fn next_action(&mut self) -> Option<A> {
        self.actions.pop_front()
    }

    pub(crate) fn push(&mut self, action: A) {
        if self.is_closed() {
            return;
        }
        if self.actions.len() >= MAX_ACTIONS {
            self.close(CloseReason::Flood);
        } else {
            self.actions.push_back(action);
        }
    }

    pub(crate) fn close(&mut self, reason: CloseReason) {
        if !self.is_closed() {
            self.phase = Phase::Closed;
            self.actions.push_back(A::closed(reason));
        }
    }

    /// Notes that the peer is alive.
    pub(crate) fn hear(&mut self, now: Duration) {
        self.last_heard = now;
    }

    /// Takes bytes off `input` until something has happened that the session must know; `None` at its end.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Option<Event> {
        loop {
            match &mut self.phase {
                Phase::Closed => return None,
                Phase::Opening(_) => self.read_opening(input)?,
                Phase::Closing(left) => {
                    let count = usize::from(*left).min(input.len());
                    *left = left.saturating_sub(u16::try_from(count).unwrap_or(u16::MAX));
                    let done = *left == 0;
                    self.reader.pass(input, count);
                    if !done {
                        return None;
                    }
                    self.phase = Phase::Established;
                    return Some(Event::Established);
                }
                Phase::Established => match self.reader.read(input) {
                    Ok(Some(message)) => {
                        if let Some(message) = self.handle_control(message) {
                            return Some(Event::Message(message));
                        }
                    }
                    Ok(None) => {
                        self.acknowledge();
                        return None;
                    }
                    Err(error) => self.close(error.into()),
                },
            }
        }
    }

    /// Gathers the peer's opening and answers it when it is whole; `None` while it is not.
    fn read_opening(&mut self, input: &mut &[u8]) -> Option<()> {
        let Phase::Opening(opening) = &mut self.phase else {
            return None;
        };
        let count = OPENING.saturating_sub(opening.len()).min(input.len());
        opening.extend_from_slice(self.reader.pass(input, count));
        match opening.first() {
            Some(&VERSION) => {}
            Some(&other) => {
                self.close(CloseReason::NotRtmp(other));
                return None;
            }
            None => return None,
        }
        if opening.len() < OPENING {
            return None;
        }
        let answer = match self.side {
            Side::Server => handshake::server_answer(opening),
            Side::Client => handshake::client_answer(opening),
        };
        match answer {
            Some(answer) => {
                self.phase = Phase::Closing(u16::try_from(PACKET).unwrap_or(u16::MAX));
                self.push(A::send(answer));
            }
            None => self.close(CloseReason::NotRtmp(VERSION)),
        }
        Some(())
    }

    /// Deals with what concerns the connection itself, and gives back the rest.
    fn handle_control(&mut self, message: Message) -> Option<Message> {
        let field = |at: usize| {
            let bytes = message.payload.get(at..)?.first_chunk()?;
            Some(u32::from_be_bytes(*bytes))
        };
        if message.kind == MessageKind::WindowAcknowledgementSize {
            self.window = field(0).unwrap_or(WINDOW).max(MIN_WINDOW);
        } else if message.kind == MessageKind::SetPeerBandwidth {
            if let Some(size) = field(0).filter(|&size| size != self.told_window) {
                self.told_window = size;
                self.send_control(RtmpMessage::WindowAcknowledgement { size });
            }
        } else if message.kind == MessageKind::UserControl {
            const PING_REQUEST: &[u8] = &[0, 6];
            if let (true, Some(time)) = (message.payload.starts_with(PING_REQUEST), field(2)) {
                self.send_user_control(UserControlEventType::PingResponse, time);
            }
        } else if message.kind != MessageKind::Acknowledgement {
            return Some(message);
        }
        None
    }

    /// Sends the running total (section 5.4.3) once a window is full.
    fn acknowledge(&mut self) {
        let received = self.reader.received();
        if received.saturating_sub(self.acknowledged) >= u64::from(self.window) {
            self.acknowledged = received;
            let sequence_number = u32::try_from(received & 0xFFFF_FFFF).unwrap_or(0);
            self.send_control(RtmpMessage::Acknowledgement { sequence_number });
        }
    }

    pub(crate) fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// Announces a chunk size and uses it from then on.
    pub(crate) fn set_chunk_size(&mut self, size: u32) {
        let size = size.clamp(1, 0xFF_FFFF);
        self.send_control(RtmpMessage::SetChunkSize { size });
        self.chunk_size = size;
    }

    pub(crate) fn send_window(&mut self) {
        self.told_window = WINDOW;
        self.send_control(RtmpMessage::WindowAcknowledgement { size: WINDOW });
    }

    pub(crate) fn send_ping(&mut self, now: Duration) {
        let time = u32::try_from(now.as_millis() & 0xFFFF_FFFF).unwrap_or(0);
        self.send_user_control(UserControlEventType::PingRequest, time);
    }

    /// Sends a user control event; `argument` is its stream id or its timestamp.
    pub(crate) fn send_user_control(&mut self, event_type: UserControlEventType, argument: u32) {
        self.send_control(RtmpMessage::UserControl {
            event_type,
            stream_id: Some(argument),
            buffer_length: Some(0),
            timestamp: Some(RtmpTimestamp::new(argument)),
        });
    }

    pub(crate) fn send_control(&mut self, message: RtmpMessage) {
        // rml refuses chunk sizes past 2^31 only, and those were clamped.
        if let Ok(payload) = message.into_message_payload(RtmpTimestamp::new(0), 0) {
            self.send(
                CONTROL,
                MessageKind::from_id(payload.type_id),
                0,
                &payload.data,
            );
        }
    }

    pub(crate) fn send_command(&mut self, stream_id: u32, payload: &[u8]) {
        self.send(COMMAND, MessageKind::CommandAmf0, stream_id, payload);
    }

    fn send(&mut self, csid: u8, kind: MessageKind, stream_id: u32, payload: &[u8]) {
        let header = MediaHeader::on_chunk_stream(csid, 0, kind, payload.len(), stream_id);
        let pieces: Vec<_> = header.pieces(payload, self.chunk_size, 0).collect();
        self.push(A::send(Bytes::from(pieces.concat())));
    }
}
