//! [pure] Why a push failed: what that means for the next try, and what the operator is told.

use std::time::Duration;

use rtmp::CloseReason;

use crate::{
    dial::DialError,
    link::LinkError,
    push::{PushState, policy::Outcome, tls},
    transport::TransportError,
    wire::WireError,
};

/// A connection that ends sooner was not taken in earnest: some servers take any key, and close when they have looked at
/// it (nginx-rtmp's `deny publish` within a millisecond).
pub(super) const EARNEST: Duration = Duration::from_secs(3);
const CHECK_KEY: &str =
    "check this target's 'url' and 'key' against what the platform shows, then reload";

/// Where it failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PushError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The connection ended.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Failure {
    /// What happened.
    pub(super) error: PushError,
    /// The key was presented and not yet answered.
    pub(super) asking: bool,
    /// How long the target had taken the stream, zero if never.
    pub(super) lasted: Duration,
}

impl Failure {
    /// What it means for the next try.
    pub(super) fn outcome(&self) -> Outcome {
        match &self.error {
            PushError::Link(LinkError::Session(CloseReason::Refused { code, .. })) => {
                if code.ends_with("BadName") {
                    Outcome::Doubted
                } else {
                    Outcome::Denied
                }
            }
            PushError::Link(LinkError::Wire(WireError::Transport(
                TransportError::Eof | TransportError::Io(_),
            ))) if self.asking || self.is_brief() => Outcome::Doubted,
            PushError::Dial(_) | PushError::Tls(_) | PushError::Link(_) => Outcome::Failed {
                lasted: self.lasted,
            },
        }
    }

    fn is_brief(&self) -> bool {
        !self.lasted.is_zero() && self.lasted < EARNEST
    }

    /// How the target stands until the next try.
    pub(super) fn state(&self) -> PushState {
        match self.outcome() {
            Outcome::Failed { .. } => PushState::Connecting,
            Outcome::Denied | Outcome::Doubted => PushState::Refused,
        }
    }

    /// For the operator: what happened and what to do. No key, no path.
    pub(super) fn sentence(&self) -> String {
        let error = &self.error;
        match error {
            PushError::Dial(_) => {
                format!("the target cannot be reached: {error}; check 'url' and the network")
            }
            PushError::Tls(_) => error.to_string(),
            PushError::Link(LinkError::Session(CloseReason::Refused { code, description })) => {
                let other = if code.ends_with("BadName") {
                    ", and that nobody else publishes with this key"
                } else {
                    ""
                };
                format!("the target refused the stream ({code}: {description}): {CHECK_KEY}{other}")
            }
            PushError::Link(LinkError::Session(CloseReason::NotRtmp(_))) => {
                format!("{error}: check scheme, host and port of 'url'")
            }
            PushError::Link(LinkError::Wire(WireError::Transport(TransportError::Tls(tls)))) => {
                format!("{} ({tls})", tls::advice(tls))
            }
            PushError::Link(_) if self.outcome() == Outcome::Doubted => format!(
                "the target closed the connection as soon as it had heard the key, as many do for a wrong one: {CHECK_KEY}"
            ),
            PushError::Link(LinkError::Wire(WireError::Stalled)) => {
                "the target took nothing for 10 s: the way to it is too slow for this stream, or it hangs".to_owned()
            }
            PushError::Link(_) => format!("the connection broke: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(error: LinkError, asking: bool, lasted: u64) -> Failure {
        Failure {
            error: error.into(),
            asking,
            lasted: Duration::from_secs(lasted),
        }
    }

    fn refused(code: &str) -> LinkError {
        LinkError::Session(CloseReason::Refused {
            code: code.to_owned(),
            description: "no".to_owned(),
        })
    }

    fn eof() -> LinkError {
        LinkError::Wire(WireError::Transport(TransportError::Eof))
    }

    #[test]
    fn a_refusal_is_told_from_a_broken_connection() {
        let failed = |lasted| Outcome::Failed {
            lasted: Duration::from_secs(lasted),
        };
        for (error, asking, lasted, outcome, told) in [
            (
                refused("NetStream.Publish.Denied"),
                true,
                0,
                Outcome::Denied,
                "check this target's",
            ),
            (
                refused("NetConnection.Connect.Rejected"),
                false,
                0,
                Outcome::Denied,
                "'url' and 'key'",
            ),
            (
                refused("NetStream.Publish.BadName"),
                true,
                0,
                Outcome::Doubted,
                "nobody else publishes",
            ),
            (
                eof(),
                true,
                0,
                Outcome::Doubted,
                "as soon as it had heard the key",
            ),
            (eof(), false, 0, failed(0), "the connection broke"),
            (eof(), false, 1, Outcome::Doubted, "as soon as it had heard"),
            (eof(), false, 60, failed(60), "the connection broke"),
            (
                LinkError::Wire(WireError::Stalled),
                false,
                60,
                failed(60),
                "too slow",
            ),
            (
                CloseReason::NotRtmp(b'H').into(),
                false,
                0,
                failed(0),
                "check scheme",
            ),
        ] {
            let failure = failure(error, asking, lasted);
            assert_eq!(failure.outcome(), outcome, "{failure:?}");
            let sentence = failure.sentence();
            assert!(sentence.contains(told), "{sentence}");
        }
    }
}
