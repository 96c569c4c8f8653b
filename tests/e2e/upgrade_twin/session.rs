//! What a publisher writes in one session, and where in it things are.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
};

use anyhow::{Context, Result, ensure};
use rtmp::{
    Message, MessageKind,
    reader::{ChunkReader, Limits},
};
use tests::{Clip, Entrance, quiet_ffmpeg};

use super::telling::{PLAY, PUBLISH};

/// C0, C1 and C2; S0, S1 and S2 are as long.
pub(crate) const HANDSHAKE: usize = 1 + 2 * 1536;
/// Chunk size of a session that is written anew.
const SMALL: u16 = 700;
/// How often that wants to be acknowledged, bytes: as often as it can be had.
const WINDOW: u16 = 4096;
/// Its first media comes so many milliseconds before times need more than 24 bits.
const BEFORE_LONG: u32 = 1_000;
const LONG: u32 = 0xFF_FFFF;

/// See the module.
pub(crate) struct Session {
    bytes: Vec<u8>,
    /// Where its messages end, and what they are.
    messages: Vec<(usize, Message)>,
    /// Where chunks of media begin, as far as that is known.
    chunks: Vec<usize>,
}

impl Session {
    /// Records what ffmpeg writes that publishes some seconds of a clip.
    pub(crate) fn record(clip: &Clip, seconds: u32) -> Result<Self> {
        let mux = Entrance::start(&Entrance::stream("stage", PUBLISH, PLAY))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("rtmp://{}/live/{PUBLISH}", listener.local_addr()?);
        let mut ffmpeg = quiet_ffmpeg();
        ffmpeg
            .args(["-t", &seconds.to_string(), "-i"])
            .arg(clip.path());
        let mut ffmpeg = ffmpeg.args(["-c", "copy", "-f", "flv", &url]).spawn()?;
        let (from, _) = listener.accept()?;
        let to = TcpStream::connect(mux.address("rtmp")?)?;
        let (mut answers, mut back) = (to.try_clone()?, from.try_clone()?);
        let answering = std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
        let bytes = relay(from, &to)?;
        ensure!(ffmpeg.wait()?.success(), "ffmpeg failed");
        to.shutdown(Shutdown::Both)?;
        // What goes to ffmpeg after its end is lost.
        let _lost = answering.join();
        let mut session = Self::parse(bytes)?;
        let ends: Vec<usize> = session.messages.iter().map(|(end, _)| *end).collect();
        session.chunks = ends
            .into_iter()
            .filter(|end| (session.begin()..session.end()).contains(end))
            .collect();
        Ok(session)
    }

    fn parse(bytes: Vec<u8>) -> Result<Self> {
        let mut reader = ChunkReader::new(Limits::ADMITTED);
        let mut messages = Vec::new();
        for (at, byte) in bytes.iter().enumerate().skip(HANDSHAKE) {
            let mut input = std::slice::from_ref(byte);
            while let Some(message) = reader.read(&mut input)? {
                messages.push((at + 1, message));
            }
        }
        Ok(Self {
            bytes,
            messages,
            chunks: Vec::new(),
        })
    }

    /// The same media on a clock that comes to need more than 24 bits, in small chunks, with sound inside pictures.
    pub(crate) fn in_small_chunks(&self) -> Result<Self> {
        let (begin, end) = (self.begin(), self.end());
        let mut bytes = self.bytes.get(..begin).context("no beginning")?.to_vec();
        for (kind, size) in [
            (MessageKind::SetChunkSize, SMALL),
            (MessageKind::WindowAcknowledgementSize, WINDOW),
        ] {
            bytes.extend([2, 0, 0, 0, 0, 0, 4, kind.id(), 0, 0, 0, 0]);
            bytes.extend(u32::from(size).to_be_bytes());
        }
        let mut begins = Vec::new();
        let mut sound = Vec::new();
        let media = self.messages.iter().map(|(_, message)| message);
        for message in media.filter(|message| message.kind.is_media()) {
            if message.kind == MessageKind::Audio {
                sound.extend(chunks(message, 4));
                continue;
            }
            for chunk in chunks(message, 6) {
                for chunk in std::iter::once(chunk).chain(std::mem::take(&mut sound)) {
                    begins.push(bytes.len());
                    bytes.extend(chunk);
                }
            }
        }
        bytes.extend(sound.concat());
        bytes.extend(self.bytes.get(end..).context("no end")?);
        Ok(Self {
            chunks: begins,
            ..Self::parse(bytes)?
        })
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where chunks of media begin, as far as that is known.
    pub(crate) fn chunks(&self) -> &[usize] {
        &self.chunks
    }

    /// Where its media begins.
    pub(crate) fn begin(&self) -> usize {
        let before = self
            .messages
            .iter()
            .take_while(|(_, message)| !message.kind.is_media());
        before.last().map_or(HANDSHAKE, |(end, _)| *end)
    }

    /// Where its first frame begins: before it are commands, metadata and configuration.
    pub(crate) fn first_frame(&self) -> usize {
        let frame =
            |message: &Message| message.kind.is_media() && message.payload.get(1) == Some(&1);
        let before = self
            .messages
            .iter()
            .take_while(|(_, message)| !frame(message));
        before.last().map_or(HANDSHAKE, |(end, _)| *end)
    }

    /// Where its media is over.
    pub(crate) fn end(&self) -> usize {
        let mut media = self
            .messages
            .iter()
            .filter(|(_, message)| message.kind.is_media());
        media.next_back().map_or(HANDSHAKE, |(end, _)| *end)
    }

    /// How many messages of media it has.
    pub(crate) fn media(&self) -> usize {
        self.messages
            .iter()
            .filter(|(_, message)| message.kind.is_media())
            .count()
    }

    /// Where the second keyframe ends: a player who looks up only then begins there.
    pub(crate) fn second_keyframe(&self) -> usize {
        let keyframes = self.messages.iter().filter(|(_, message)| {
            message.kind == MessageKind::Video && message.payload.starts_with(&[0x17, 1])
        });
        keyframes
            .skip(1)
            .map(|(end, _)| *end)
            .next()
            .unwrap_or(self.bytes.len())
    }
}

/// Passes on what comes, and keeps it.
fn relay(mut from: TcpStream, mut to: &TcpStream) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(all);
        }
        let came = buffer.get(..count).context("what was read")?;
        to.write_all(came)?;
        all.extend(came);
    }
}

/// A message in chunks, each with a full time: 16 bytes before the first and 5 before the others once it is long.
fn chunks(message: &Message, csid: u8) -> Vec<Vec<u8>> {
    let time = LONG - BEFORE_LONG + message.timestamp;
    let extended: &[u8] = if time >= LONG {
        &time.to_be_bytes()
    } else {
        &[]
    };
    let mut header = vec![csid];
    header.extend(time.min(LONG).to_be_bytes().iter().skip(1));
    let length = u32::try_from(message.payload.len()).unwrap_or_default();
    header.extend(length.to_be_bytes().iter().skip(1));
    header.push(message.kind.id());
    header.extend(message.stream_id.to_le_bytes());
    let headers = std::iter::once(header).chain(std::iter::repeat(vec![0xC0 | csid]));
    let chunk = |(header, data): (Vec<u8>, &[u8])| [&header, extended, data].concat();
    headers
        .zip(message.payload.chunks(SMALL.into()))
        .map(chunk)
        .collect()
}
