//! [pure] What to tell an operator whose encoder came with TLS where there is none, or without it.

use rtmp::CloseReason;

use super::End;
use crate::{transport::TransportError, wire::WireError};

/// How TLS begins: a handshake record.
pub(crate) const TLS_BEGINS: u8 = 0x16;

/// Where mux listens.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ports {
    /// For RTMP.
    pub(crate) rtmp: Option<u16>,
    /// For RTMP under TLS.
    pub(crate) rtmps: Option<u16>,
}

impl Ports {
    /// What to change, if `end` came of the wrong port.
    pub(super) fn advice(self, end: &End, app: &str) -> Option<String> {
        let (wrong, right) = match end {
            End::Session(CloseReason::NotRtmp(TLS_BEGINS)) => ("TLS on the RTMP port", self.rtmps),
            End::Wire(WireError::Transport(TransportError::NotTls(_))) => {
                ("no TLS on the RTMPS port", self.rtmps)
            }
            End::Session(_) | End::Wire(_) | End::Closed(_) | End::Revoked | End::Shutdown => {
                return None;
            }
        };
        Some(match (right, self.rtmp) {
            (Some(port), _) => format!(
                "a peer speaks {wrong}: in OBS, Settings, Stream, the Server is rtmps://HOST:{port}/{app}"
            ),
            (None, port) => format!(
                "a peer speaks {wrong}: in OBS, the Server is rtmp://HOST:{}/{app}, or give [rtmps] a certificate",
                port.unwrap_or(1935)
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_can_be_typed_in() {
        let tls: End = CloseReason::NotRtmp(TLS_BEGINS).into();
        let http: End = CloseReason::NotRtmp(b'G').into();
        let plain: End = WireError::from(TransportError::NotTls(3)).into();
        let both = Ports {
            rtmp: Some(1935),
            rtmps: Some(1936),
        };
        for wrong in [&tls, &plain] {
            let advice = both.advice(wrong, "live").unwrap();
            assert!(advice.ends_with("rtmps://HOST:1936/live"), "{advice}");
        }
        assert_eq!(both.advice(&http, "live"), None);
        let one = Ports {
            rtmps: None,
            ..both
        };
        let advice = one.advice(&tls, "live").unwrap();
        assert!(
            advice.contains("rtmp://HOST:1935/live, or give [rtmps] a"),
            "{advice}"
        );
    }
}
