//! [pure] The events that have a MESSAGE_ID: those an operator may want to look up.
//!
//! `journalctl -x` shows what `systemd/footlight.catalog` says of each; a test keeps the two equal.
//! Give one to a log line as the field `message_id`.

/// The daemon could not start.
pub const STARTUP_FAILED: &str = "ca9fca53203a4094b496b4ce7522bed4";
/// The configuration was refused, at start or at a reload.
pub const CONFIGURATION_REFUSED: &str = "18dd3fbe9c9f45e68adfdef1aa17d5ac";
/// Something was still running when the drain's deadline came.
pub const DRAIN_DEADLINE_EXCEEDED: &str = "1736854d5ee24fe58a252c9b05522a84";
/// No connection can be accepted: descriptors or memory ran out.
pub const ACCEPT_PAUSED: &str = "6ed9538538d844ab8e6078fc60e5eaeb";
/// A task panicked: a bug of ours.
pub const PANIC: &str = "297e89ffc69d4d23b263b0a37c62b393";
/// A task the daemon is no use without ended unasked.
pub const ESSENTIAL_TASK_ENDED: &str = "edc50cd2e18a46e8a2cc02bc1609b864";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_in_the_catalog_and_nothing_else_is() {
        let catalog = include_str!("../../../systemd/footlight.catalog");
        let ids: Vec<_> = catalog
            .lines()
            .filter_map(|line| line.strip_prefix("-- "))
            .collect();
        assert_eq!(
            ids,
            [
                STARTUP_FAILED,
                CONFIGURATION_REFUSED,
                DRAIN_DEADLINE_EXCEEDED,
                ACCEPT_PAUSED,
                PANIC,
                ESSENTIAL_TASK_ENDED,
            ]
        );
    }
}
