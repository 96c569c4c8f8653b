//! What the kernel knows of a connection: how many bytes were taken out of its socket, and how many were put in.
//!
//! A process that is killed between a system call and its own bookkeeping leaves a doubt about one read or write. The
//! kernel has none: received less unread was read, acknowledged plus unacknowledged was written.
#![expect(
    unsafe_code,
    reason = "three questions to the kernel that no safe library asks"
)]

use std::{
    io,
    mem::size_of,
    os::fd::{AsFd, AsRawFd},
};

use nix::{errno::Errno, libc};

/// Totals of one socket. They count from an unknown beginning (the handshake of TCP may count): only the difference of
/// two accounts of the same socket means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Account {
    /// Bytes read.
    pub(super) read: u64,
    /// Bytes written.
    pub(super) written: u64,
}

/// Where `tcp_info` of the kernel's interface has its state, its totals and their end; libc knows an older one.
const STATE: usize = 0;
const BYTES_ACKED: usize = 120;
const BYTES_RECEIVED: usize = 128;
const LENGTH: usize = 136;
/// The peer has said its last, which counts as one byte received.
const CLOSE_WAIT: u8 = 8;
/// Questions, until two answers agree: bytes come in meanwhile.
const TRIES: usize = 1000;

/// The account of `socket`, which nobody reads or writes meanwhile.
pub(super) fn account(socket: impl AsFd) -> io::Result<Account> {
    let socket = socket.as_fd().as_raw_fd();
    for _ in 0..TRIES {
        let before = tcp_info(socket)?;
        let unread = ask(socket, libc::FIONREAD)?;
        let unacknowledged = ask(socket, libc::TIOCOUTQ)?;
        if tcp_info(socket)? == before {
            let (acknowledged, received) =
                (total(&before, BYTES_ACKED), total(&before, BYTES_RECEIVED));
            let last_word = u64::from(before[STATE] == CLOSE_WAIT);
            return Ok(Account {
                read: received.saturating_sub(unread).saturating_sub(last_word),
                written: acknowledged.saturating_add(unacknowledged),
            });
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

fn total(info: &[u8; LENGTH], at: usize) -> u64 {
    let bytes = info.get(at..).and_then(|from| from.first_chunk());
    bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// `tcp_info` up to what is used of it, without the times in it, which never stand still.
fn tcp_info(socket: i32) -> io::Result<[u8; LENGTH]> {
    let mut info = [0_u8; LENGTH];
    let mut length = libc::socklen_t::try_from(info.len()).unwrap_or_default();
    // SAFETY: the kernel writes at most `length` bytes to `info`, which has as many.
    let done = unsafe {
        libc::getsockopt(
            socket,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    Errno::result(done)?;
    if usize::try_from(length).is_ok_and(|length| length < LENGTH) {
        // A kernel before 4.1.
        return Err(io::ErrorKind::Unsupported.into());
    }
    let totals = BYTES_ACKED..LENGTH;
    let mut kept = [0; LENGTH];
    kept[STATE] = info[STATE];
    if let (Some(kept), Some(info)) = (kept.get_mut(totals.clone()), info.get(totals)) {
        kept.copy_from_slice(info);
    }
    Ok(kept)
}

fn ask(socket: i32, question: libc::Ioctl) -> io::Result<u64> {
    let mut answer: libc::c_int = 0;
    const { assert!(size_of::<libc::c_int>() == 4) };
    // SAFETY: both questions are answered with one int.
    let done = unsafe { libc::ioctl(socket, question, &raw mut answer) };
    Errno::result(done)?;
    Ok(u64::try_from(answer).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
        thread,
    };

    use super::*;

    /// What we read and wrote ourselves is what the kernel says, while the peer sends and reads at its own pace.
    #[test]
    fn the_kernel_counts_what_we_count() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut ours, _) = listener.accept().unwrap();
        let begun = account(&ours).unwrap();
        let mut reader = peer.try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all.len()
        });
        let writing = thread::spawn(move || {
            for size in (1..60_000).step_by(977) {
                peer.write_all(&vec![7; size]).unwrap();
            }
            peer.shutdown(Shutdown::Write).unwrap();
        });
        ours.set_nonblocking(true).unwrap();
        let (mut read, mut written) = (0, 0);
        let mut ended = false;
        for turn in (0_usize..).map(|turn| turn * 331 % 40_000) {
            match ours.read(&mut vec![0; turn + 1]) {
                Ok(0) => ended = true,
                Ok(count) => read += count,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            written += ours.write(&vec![1; turn]).unwrap_or_default();
            let now = account(&ours).unwrap();
            let counted = (now.read - begun.read, now.written - begun.written);
            assert_eq!(counted, (read as u64, written as u64));
            if ended {
                break;
            }
        }
        ours.shutdown(Shutdown::Write).unwrap();
        writing.join().unwrap();
        assert_eq!(reading.join().unwrap(), written);
    }
}
