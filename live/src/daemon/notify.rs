//! What systemd is told: ready, reloading, stopping, a line of status, the watchdog, descriptors to keep.
//!
//! Nothing is sent, and nothing fails, when systemd did not start us (NOTIFY_SOCKET is unset).

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that knows whether systemd listens"
)]

use std::{
    fmt::Write,
    os::fd::{AsFd, AsRawFd},
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};

/// The line to systemd. A silent one, for tests, says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Notify {
    speaks: bool,
    /// Somebody listens.
    heard: bool,
}

impl Notify {
    /// Speaks to the systemd that started this process, if one did.
    pub fn systemd() -> Self {
        Self {
            speaks: true,
            heard: std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty()),
        }
    }

    /// Whether systemd listens: what is stored with it outlives this process.
    pub const fn is_heard(self) -> bool {
        self.heard
    }

    /// Everything is bound: READY=1, with a line of status.
    pub fn ready(self, status: &str) {
        self.send(&[("READY", "1"), ("STATUS", status)]);
    }

    /// The configuration is being read again: RELOADING=1. [`Notify::ready`] ends it.
    pub fn reloading(self) {
        let mut usec = String::new();
        if let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) {
            let micros = Duration::from(now).as_micros();
            let _infallible = write!(usec, "{micros}");
        }
        self.send(&[("RELOADING", "1"), ("MONOTONIC_USEC", &usec)]);
    }

    /// The drain has begun: STOPPING=1.
    pub fn stopping(self, status: &str) {
        self.send(&[("STOPPING", "1"), ("STATUS", status)]);
    }

    /// One line for `systemctl status`.
    pub fn status(self, status: &str) {
        self.send(&[("STATUS", status)]);
    }

    /// Still alive: WATCHDOG=1.
    pub fn watchdog(self) {
        self.send(&[("WATCHDOG", "1")]);
    }

    /// How often [`Notify::watchdog`] is due: half of what systemd was told to wait; nothing without a watchdog.
    pub fn watchdog_interval(self) -> Option<Duration> {
        let usec = systemd::daemon::watchdog_enabled().unwrap_or(0);
        (self.speaks && usec > 0).then(|| Duration::from_micros(usec) / 2)
    }

    /// Asks systemd to keep `descriptor` under `name` over a restart of this service (FDSTORE=1).
    ///
    /// The unit's FileDescriptorStoreMax bounds how many are kept; one too many is dropped by systemd without a word.
    pub fn store(self, name: &str, descriptor: impl AsFd) -> std::io::Result<()> {
        if !self.speaks {
            return Ok(());
        }
        let state = [("FDSTORE", "1"), ("FDNAME", name)];
        let descriptors = [descriptor.as_fd().as_raw_fd()];
        systemd::daemon::pid_notify_with_fds(0, state.iter(), &descriptors)?;
        Ok(())
    }

    /// Takes back every descriptor stored under `name` (FDSTOREREMOVE=1).
    pub fn unstore(self, name: &str) {
        self.send(&[("FDSTOREREMOVE", "1"), ("FDNAME", name)]);
    }

    fn send(self, state: &[(&str, &str)]) {
        if !self.speaks {
            return;
        }
        // A control character in a value would end its line, or the message.
        let clean = |(name, value): &(&str, &str)| {
            (
                name.to_string(),
                value.replace(|c: char| c.is_control(), " "),
            )
        };
        let state: Vec<_> = state.iter().map(clean).collect();
        if let Err(error) = systemd::daemon::notify(state.iter()) {
            tracing::warn!(%error, "systemd could not be told");
        }
    }
}
