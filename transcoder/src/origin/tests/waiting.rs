//! What those who wait for a playlist cost.

use std::io::Write as _;

use super::*;

/// Connections that wait: enough that what the process takes besides is nothing beside them.
const WAITING: usize = 1000;
/// What each may take: what [`MAX_CONNECTIONS`] counts with, and what a busy allocator wastes.
const EACH: usize = 16 << 10;

/// Resident memory of this process, bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: usize = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib << 10
}

#[tokio::test]
async fn one_who_waits_takes_little_memory() {
    let stand = Stand::new(2);
    let (_, stamp) = stamps(&stand.messages)[2];
    let request = format!(
        "GET /live/stage/source/media.m3u8?_HLS_msn={} HTTP/1.1\r\nHost: origin\r\nAuthorization: Bearer {}\r\n\r\n",
        stamp.msn, stand.token
    );
    let mut waiters = Vec::new();
    let mut before = 0;
    for count in 0..=WAITING {
        if count == 1 {
            before = resident();
        }
        let address = stand.chassis.address("origin").unwrap();
        let mut waiter = std::net::TcpStream::connect(address).unwrap();
        waiter.write_all(request.as_bytes()).unwrap();
        waiters.push(waiter);
        stand.waiting(count + 1).await;
    }
    let each = (resident() - before) / WAITING;
    assert!(each <= EACH, "{each} bytes each");
}
