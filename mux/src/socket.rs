//! TCP options: what the kernel may hold back, and how soon it gives a dead peer up.

use std::{io, time::Duration};

use socket2::SockRef;
use tokio::net::TcpStream;

/// The kernel gives a publisher up that has not acknowledged anything for this long. Together with a ping every 2 s it
/// closes the socket of one that vanished in under 8 s; a second is for the kernel's own timers.
pub(crate) const PUBLISHER_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a consumer; it is also what one may take to read on when its window is closed.
pub(crate) const CONSUMER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a consumer that the kernel may hold: by default it would swallow megabytes, which is seconds of delay.
const SEND_BUFFER: usize = 256 * 1024;
/// A socket counts as writable again when fewer unsent bytes than this are left.
const NOT_SENT_LOW: u32 = 128 * 1024;

/// Options of every connection: no Nagle, a dead peer is noticed.
pub(crate) fn prepare(stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_user_timeout(Some(timeout))
}

/// Options of a connection that is sent media.
pub(crate) fn prepare_consumer(stream: &TcpStream) -> io::Result<()> {
    prepare(stream, CONSUMER_TIMEOUT)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_notsent_lowat(NOT_SENT_LOW)
}
