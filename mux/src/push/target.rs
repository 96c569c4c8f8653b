//! [pure] What a push target is: where it is, which key opens it, and what it takes.
//!
//! The URL's path and query and the key may be secret: what is shown of a target is its scheme, host and port.

use std::{fmt, str::FromStr};

use live::daemon::config::HostPort;
use rtmp::Secret;

use crate::push::codecs::Codecs;

/// Longest URL, bytes: the longest in the field are Facebook's, of some 200.
const MAX_URL: usize = 1024;
/// Longest path of an application, bytes.
const MAX_APP: usize = 512;

/// RTMP in the clear, or inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `rtmp://`, port 1935.
    Rtmp,
    /// `rtmps://`, port 443.
    Rtmps,
}

impl Scheme {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Rtmp => 1935,
            Self::Rtmps => 443,
        }
    }
}

/// `rtmp://HOST[:PORT]/APP` or `rtmps://...`. `Debug` and `Display` show scheme, host and port.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PushUrl {
    /// The scheme.
    pub(crate) scheme: Scheme,
    /// Where to connect.
    pub(crate) address: HostPort,
    /// The application, with a query if there is one. The key is not in it.
    app: Secret,
}

/// The operator's fault: no such URL. It does not repeat what was written, which may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    /// Another scheme, or none.
    #[error("write rtmp://HOST/APP or rtmps://HOST/APP")]
    Scheme,
    /// No host, or no port.
    #[error(
        "the host must be a name, an address or a bracketed IPv6 address, then a port from 1 to 65535 if it is not the usual one"
    )]
    Host,
    /// `user:password@`.
    #[error("a user and password in the URL are not supported: leave out what is before the '@'")]
    User,
    /// No application.
    #[error(
        "the application is missing: platforms name it in their server URL, as in rtmp://HOST/APP"
    )]
    App,
    /// Blanks or control characters, or far too long.
    #[error(
        "a URL has at most {MAX_URL} printable ASCII characters, and {MAX_APP} behind its host"
    )]
    Text,
    /// A URL that is to hold the key ends at its application.
    #[error("the key is missing: the file must hold rtmp://HOST/APP/KEY, or give 'key' as well")]
    Key,
}

impl PushUrl {
    /// A URL whose last part is the key, which may have a query: `rtmp://HOST/APP/KEY`.
    pub(crate) fn with_key(text: &str) -> Result<(Self, Secret), UrlError> {
        let whole: Self = text.parse()?;
        let app = whole.app.expose();
        // A query may hold slashes too.
        let path = app.split('?').next().unwrap_or_default();
        let (_, key) = path.rsplit_once('/').ok_or(UrlError::Key)?;
        let at = path.len() - key.len();
        let (app, key) = app.split_at_checked(at).ok_or(UrlError::Key)?;
        let app = app.trim_end_matches('/');
        if app.is_empty() || key.is_empty() || key.starts_with('?') {
            return Err(UrlError::Key);
        }
        let (app, key) = (Secret::new(app), Secret::new(key));
        Ok((Self { app, ..whole }, key))
    }

    /// The application, for `connect`.
    pub(crate) fn app(&self) -> &str {
        self.app.expose()
    }

    /// The URL as the target is told of it.
    pub(crate) fn tc_url(&self) -> Secret {
        Secret::new(format!("{self}/{}", self.app()))
    }
}

impl FromStr for PushUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(UrlError::Text);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = [Scheme::Rtmp, Scheme::Rtmps]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
            .ok_or(UrlError::Scheme)?;
        let (authority, app) = rest.split_once('/').ok_or(UrlError::App)?;
        if authority.contains('@') {
            return Err(UrlError::User);
        }
        let app = app.trim_matches('/');
        if app.is_empty() || app.starts_with('?') {
            return Err(UrlError::App);
        }
        if app.len() > MAX_APP {
            return Err(UrlError::Text);
        }
        // A colon inside brackets is the address's own.
        let after_brackets = authority.rsplit(']').next().unwrap_or_default();
        let address = if after_brackets.contains(':') {
            authority.parse()
        } else {
            format!("{authority}:{}", scheme.port()).parse()
        };
        Ok(Self {
            scheme,
            address: address.map_err(|_| UrlError::Host)?,
            app: Secret::new(app),
        })
    }
}

impl fmt::Display for PushUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.address)
    }
}

impl fmt::Debug for PushUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/(hidden)")
    }
}

/// Whether a target is pushed to without being asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    /// Whenever there is a show.
    #[default]
    Always,
    /// Only after an order.
    Manual,
}

/// One `[[stream.push]]`. Two that are equal are the same target: a reload does not touch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its name within the stream, for people, paths and labels.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) url: PushUrl,
    /// The stream key there.
    pub(crate) key: Secret,
    /// Bytes of a chunk.
    pub(crate) chunk_size: u32,
    /// What it takes.
    pub(crate) codecs: Codecs,
    /// See [`Start`].
    pub(crate) start: Start,
    /// Certificates to trust besides the system's, PEM.
    pub(crate) ca: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, String), UrlError> {
        let url: PushUrl = text.parse()?;
        Ok((url.to_string(), url.app().to_owned()))
    }

    #[test]
    fn urls_of_the_platforms_are_understood() {
        for (text, shown, app) in [
            (
                "rtmp://a.rtmp.youtube.com/live2",
                "rtmp://a.rtmp.youtube.com:1935",
                "live2",
            ),
            (
                "rtmps://a.rtmps.youtube.com:443/live2",
                "rtmps://a.rtmps.youtube.com:443",
                "live2",
            ),
            (
                "rtmps://live-api-s.facebook.com:443/rtmp/",
                "rtmps://live-api-s.facebook.com:443",
                "rtmp",
            ),
            (
                "RTMP://[2001:db8::1]/app/x?token=a/b",
                "rtmp://[2001:db8::1]:1935",
                "app/x?token=a/b",
            ),
            ("rtmps://[::1]:8443/app", "rtmps://[::1]:8443", "app"),
        ] {
            assert_eq!(
                parse(text),
                Ok((shown.to_owned(), app.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_url_is_told_apart() {
        for (text, error) in [
            ("https://a/b", UrlError::Scheme),
            ("a.rtmp.youtube.com/live2", UrlError::Scheme),
            ("rtmp://host", UrlError::App),
            ("rtmp://host/", UrlError::App),
            ("rtmp://host/?x=1", UrlError::App),
            ("rtmp://user:word@host/app", UrlError::User),
            ("rtmp://host:0/app", UrlError::Host),
            ("rtmp://::1/app", UrlError::Host),
            ("rtmp:///app", UrlError::Host),
            ("rtmp://host/a b", UrlError::Text),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_whole_url_is_split_into_application_and_key() {
        let split = |text| {
            PushUrl::with_key(text)
                .map(|(url, key)| (url.app().to_owned(), key.expose().to_owned()))
        };
        let both = |app: &str, key: &str| Ok((app.to_owned(), key.to_owned()));
        assert_eq!(split("rtmp://h/app/key"), both("app", "key"));
        assert_eq!(split("rtmps://h/a/b/k?x=/1"), both("a/b", "k?x=/1"));
        assert_eq!(split("rtmp://h/app"), Err(UrlError::Key));
    }

    #[test]
    fn nothing_shows_path_or_query() {
        let url: PushUrl = "rtmp://host/app/hidden-1?token=hidden-2".parse().unwrap();
        let shown = format!("{url} {url:?} {:?}", url.tc_url());
        assert!(
            !shown.contains("hidden-") && !shown.contains("token"),
            "{shown}"
        );
    }
}
