//! [pure] An address of HTTP, and what a reference in a playlist means beside it (RFC 3986 §5.2).

use std::{fmt, str::FromStr};

/// `http://host:port/path?query`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Url {
    /// TLS.
    pub(super) secure: bool,
    /// Name or address; one of version 6 without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// From its first slash, with the query.
    pub(super) path: String,
}

/// Longest address that is followed, in bytes.
const MAX: usize = 4096;

impl Url {
    /// What `reference` means when it stands in what is at this address; none if it is of another kind than HTTP.
    pub(super) fn join(&self, reference: &str) -> Option<Self> {
        let (reference, _fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if reference.contains("://") && !reference.starts_with(['/', '?']) {
            let (scheme, _) = reference.split_once("://")?;
            if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return reference.parse().ok();
            }
        }
        if let Some(rest) = reference.strip_prefix("//") {
            let scheme = if self.secure { "https" } else { "http" };
            return format!("{scheme}://{rest}").parse().ok();
        }
        let own = self.path.split('?').next().unwrap_or_default();
        let path = if reference.starts_with('/') {
            normal(reference)
        } else if reference.starts_with('?') {
            format!("{own}{reference}")
        } else {
            let (folder, _file) = own.rsplit_once('/').unwrap_or(("", ""));
            normal(&format!("{folder}/{reference}"))
        };
        (path.len() <= MAX).then(|| Self {
            path,
            ..self.clone()
        })
    }

    /// The same with more to its query.
    pub(super) fn with(&self, query: &str) -> Self {
        let and = if self.path.contains('?') { '&' } else { '?' };
        Self {
            path: format!("{}{and}{query}", self.path),
            ..self.clone()
        }
    }

    /// `host:port`, as Host and the address to connect to have it.
    pub(super) fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// Without `.` and `..`.
fn normal(path: &str) -> String {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (path, String::new()),
    };
    let mut steps: Vec<&str> = Vec::new();
    let mut rest = path.split('/').skip(1).peekable();
    while let Some(step) = rest.next() {
        let last = rest.peek().is_none();
        match step {
            "." if last => steps.push(""),
            "." => {}
            ".." => {
                steps.pop();
                if last {
                    steps.push("");
                }
            }
            step => steps.push(step),
        }
    }
    format!("/{}{query}", steps.join("/"))
}

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (secure, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return Err("give an address that begins with http:// or https://"),
        };
        let plain =
            |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`');
        if text.len() > MAX || !rest.bytes().all(plain) {
            return Err(
                "the address has characters that have to be written as %XX, or is too long",
            );
        }
        let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(split).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err("a user's name in the address is not supported");
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(six) => six.split_once(']').ok_or("the address's ] is missing")?,
            None => match authority.find(':') {
                Some(colon) => authority.split_at_checked(colon).unwrap_or((authority, "")),
                None => (authority, ""),
            },
        };
        let usual = if secure { 443 } else { 80 };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| "the address's port is no port")?,
            None if port.is_empty() => usual,
            None => return Err("the address's port is no port"),
        };
        if host.is_empty() {
            return Err("the address has no host");
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            path: format!("{slash}{path}"),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_reference_means_what_a_browser_would_ask_for() {
        let base = url("https://host/live/stage/source/media.m3u8?token=1");
        for (reference, meant) in [
            ("7.m4s", "https://host/live/stage/source/7.m4s"),
            (
                "../audio/media.m3u8",
                "https://host/live/stage/audio/media.m3u8",
            ),
            ("../../../../x", "https://host/x"),
            ("/x/./y?a=../b", "https://host/x/y?a=../b"),
            ("?a=b", "https://host/live/stage/source/media.m3u8?a=b"),
            ("//other:8443/x", "https://other:8443/x"),
            ("http://[::1]:81/x#y", "http://[::1]:81/x"),
            (
                "a?u=http://x/",
                "https://host/live/stage/source/a?u=http://x/",
            ),
        ] {
            assert_eq!(
                base.join(reference).unwrap().to_string(),
                meant,
                "{reference}"
            );
        }
        assert_eq!(base.join("data://x"), None);
        assert_eq!(
            base.with("b").path,
            "/live/stage/source/media.m3u8?token=1&b"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "stage",
            "ftp://x/",
            "http://",
            "http://a b/",
            "http://u@h/",
            "http://h:x/",
            "http://[::1/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
        assert_eq!(url("http://h").path, "/");
        assert_eq!(url("HTTP://h:80?x").to_string(), "http://h/?x");
    }
}
