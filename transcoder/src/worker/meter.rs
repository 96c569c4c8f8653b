//! What a worker takes of the box's processors, by the kernel's own count of it.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that measures time taken over time gone by"
)]

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use nix::unistd::Pid;

/// Long enough for a GOP or two, and for the kernel's count in hundredths of a second.
const WINDOW: Duration = Duration::from_secs(5);
/// Of `/proc/PID/stat`, whatever the kernel's own tick is (proc(5), `USER_HZ`).
const TICK_MS: u64 = 10;

/// Reads one process.
#[derive(Debug)]
pub(super) struct Meter {
    /// `None` once it is reaped.
    pid: Arc<Mutex<Option<Pid>>>,
    last: Instant,
    ticks: Option<u64>,
}

impl Meter {
    pub(super) fn new(pid: Arc<Mutex<Option<Pid>>>) -> Self {
        Self {
            pid,
            last: Instant::now(),
            ticks: None,
        }
    }

    /// Thousandths of a processor, over the last window; to be asked some times a second. None for the first window,
    /// in which plugins are loaded.
    pub(super) fn taken(&mut self) -> Option<u64> {
        let elapsed = self.last.elapsed();
        if elapsed < WINDOW {
            return None;
        }
        self.last = Instant::now();
        let pid = (*self.pid.lock().unwrap_or_else(PoisonError::into_inner))?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let ticks = ticks(&stat)?;
        let before = self.ticks.replace(ticks)?;
        let taken_ms = ticks.saturating_sub(before).saturating_mul(TICK_MS);
        let elapsed_ms = u64::try_from(elapsed.as_millis()).ok()?;
        taken_ms.saturating_mul(1000).checked_div(elapsed_ms)
    }
}

/// User and system time: the 14th and 15th field, where the second, a name in brackets, may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut times = after_name.split(' ').skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    next()?.checked_add(next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read_whatever_the_process_is_called() {
        let stat = "8 (a) R (b)) S 1 8 8 0 -1 4194560 105 0 0 0 250 31 7 9 20 0 1 0 5 0 0\n";
        assert_eq!(ticks(stat), Some(281));
        assert_eq!(ticks("8 (short) S 1"), None);
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(ticks(&own).is_some());
    }
}
