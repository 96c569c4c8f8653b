//! The kernel floor: a program that does nothing but write the clip's bytes to N sockets, a picture and the sound before
//! it at a time. What it costs is what the system calls alone cost.

use std::{
    fs::File,
    io::{ErrorKind, IoSlice, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::FileExt,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::sys::{
    memfd::{MFdFlags, memfd_create},
    sendfile::sendfile,
};
use rtmp::{MessageKind, writer::MediaHeader};

use super::clip::{self, Tag};

/// What is written at a time.
struct Turn {
    due: Duration,
    /// Header and payload of each message.
    pieces: Vec<Vec<u8>>,
    /// Where they lie in the file, one after the other.
    at: i64,
    length: usize,
}

/// Serves `port` for ever: by `sendfile` from memory, or by `writev`.
pub(crate) fn run(port: u16, dir: &Path, from_file: bool) -> Result<()> {
    let (turns, file) = turns(&clip::read(dir)?)?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    let mut sockets: Vec<TcpStream> = Vec::new();
    loop {
        let began = Instant::now();
        for turn in &turns {
            sleep(turn.due.saturating_sub(began.elapsed()));
            while let Ok((socket, _)) = listener.accept() {
                socket.set_nonblocking(true)?;
                socket.set_nodelay(true)?;
                sockets.push(socket);
            }
            let slices: Vec<_> = turn
                .pieces
                .iter()
                .map(|piece| IoSlice::new(piece))
                .collect();
            sockets.retain_mut(|socket| {
                let written = if from_file {
                    let mut at = turn.at;
                    sendfile(&*socket, &file, Some(&mut at), turn.length).map_err(Into::into)
                } else {
                    socket.write_vectored(&slices)
                };
                match written {
                    Ok(_) => true,
                    Err(error) => error.kind() == ErrorKind::WouldBlock,
                }
            });
        }
    }
}

fn turns(clip: &[Tag]) -> Result<(Vec<Turn>, File)> {
    let file = File::from(memfd_create("bench clip", MFdFlags::empty())?);
    let mut turns = Vec::new();
    let mut pieces = Vec::new();
    let mut end = 0;
    for tag in clip {
        let header = MediaHeader::new(tag.at, tag.kind, tag.payload.len(), 1);
        pieces.push(header.as_slice().to_vec());
        pieces.push(tag.payload.to_vec());
        if tag.kind == MessageKind::Video {
            let bytes = pieces.concat();
            file.write_all_at(&bytes, end)?;
            turns.push(Turn {
                due: Duration::from_millis(tag.at.into()),
                pieces: std::mem::take(&mut pieces),
                at: i64::try_from(end)?,
                length: bytes.len(),
            });
            end += u64::try_from(bytes.len())?;
        }
    }
    turns.last().context("no picture in the clip")?;
    Ok((turns, file))
}
