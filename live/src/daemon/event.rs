//! [pure] The events that have a MESSAGE_ID: those an operator may want to look up.
//!
//! `journalctl -x` shows what `systemd/footlight.catalog` says of each; a test keeps the two equal.
//! Give one to a log line as the field `message_id`.

/// The daemon could not start.
pub const STARTUP_FAILED: &str = "6f0b3c0b54e94c6d8f4f3ff2f1c2a801";
/// The configuration was refused, at start or at a reload.
pub const CONFIGURATION_REFUSED: &str = "6f0b3c0b54e94c6d8f4f3ff2f1c2a802";
/// Something was still running when the drain's deadline came.
pub const DRAIN_DEADLINE_EXCEEDED: &str = "6f0b3c0b54e94c6d8f4f3ff2f1c2a803";
/// No connection can be accepted: descriptors or memory ran out.
pub const ACCEPT_PAUSED: &str = "6f0b3c0b54e94c6d8f4f3ff2f1c2a804";
/// A task panicked: a bug of ours.
pub const PANIC: &str = "6f0b3c0b54e94c6d8f4f3ff2f1c2a805";
/// A task the daemon is no use without ended unasked.
pub const ESSENTIAL_TASK_ENDED: &str = "6f0b3c0b54e94c6d8f4f3ff2f1c2a806";
