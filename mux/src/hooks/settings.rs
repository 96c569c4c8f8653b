//! [pure] What hooks are told by the configuration.

use std::{fmt, str::FromStr, time::Duration};

use live::daemon::config::HostPort;
use serde::{Deserialize, Serialize};

use super::HookEvent;

/// See `[hooks]` in `mux.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) on_publish: Option<HookUrl>,
    pub(crate) on_unpublish: Option<HookUrl>,
    pub(crate) on_play: Option<HookUrl>,
    /// From asking to the answer's head.
    pub(crate) timeout: Duration,
    pub(crate) no_answer: NoAnswer,
}

impl Settings {
    /// Who is asked.
    pub(super) const fn url(&self, event: HookEvent) -> Option<&HookUrl> {
        match event {
            HookEvent::Publish => self.on_publish.as_ref(),
            HookEvent::Unpublish => self.on_unpublish.as_ref(),
            HookEvent::Play => self.on_play.as_ref(),
        }
    }
}

/// What holds when a hook does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoAnswer {
    /// The key alone decides.
    Allow,
    /// Nobody comes in.
    Deny,
}

impl NoAnswer {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// `http://HOST[:PORT]/PATH`, without a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookUrl {
    at: HostPort,
    path: String,
}

/// The operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write http://HOST[:PORT]/PATH; for a hook elsewhere, put a TLS proxy on this machine")]
pub(crate) struct HookUrlError;

impl HookUrl {
    pub(super) fn host(&self) -> &str {
        self.at.host()
    }

    pub(super) fn port(&self) -> u16 {
        self.at.port()
    }

    /// Of the Host header.
    pub(super) fn authority(&self) -> String {
        self.at.to_string()
    }

    /// With its query.
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for HookUrl {
    type Err = HookUrlError;

    fn from_str(text: &str) -> Result<Self, HookUrlError> {
        let rest = text.strip_prefix("http://").ok_or(HookUrlError)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port_is_given = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.contains(']'));
        let at = if port_is_given {
            authority.parse()
        } else {
            format!("{authority}:80").parse()
        };
        let visible = path.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        Ok(Self {
            at: at.ok().filter(|_| visible).ok_or(HookUrlError)?,
            path: format!("/{path}"),
        })
    }
}

impl fmt::Display for HookUrl {
    /// Without the query, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "http://{}{path}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_its_query_is_not_shown() {
        let url: HookUrl = "http://127.0.0.1:9000/auth?token=x".parse().unwrap();
        assert_eq!((url.host(), url.port()), ("127.0.0.1", 9000));
        assert_eq!(url.path(), "/auth?token=x");
        assert_eq!(url.to_string(), "http://127.0.0.1:9000/auth");
        let bare: HookUrl = "http://[::1]".parse().unwrap();
        assert_eq!((bare.port(), bare.path()), (80, "/"));
        for bad in [
            "",
            "https://a/",
            "http://",
            "http://a b/",
            "http://a/b c",
            "ftp://a",
        ] {
            assert!(bad.parse::<HookUrl>().is_err(), "{bad}");
        }
    }
}
