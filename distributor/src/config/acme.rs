//! [pure] `[acme]`: certificates that the daemon gets itself, for which names, from whom.

use std::{collections::BTreeSet, path::PathBuf};

use http::Uri;
use live::daemon::{config::Problems, tls::Roots};
use serde::{Deserialize, Serialize};

/// Names of one certificate.
pub(crate) const NAMES_MAX: usize = 20;
/// Longest name (RFC 1035 §2.3.4), as text.
const NAME_MAX: usize = 253;
/// Longest part of a name.
const LABEL_MAX: usize = 63;
/// Longest mail address (RFC 5321 §4.5.3.1.3).
const MAIL_MAX: usize = 254;

/// What may be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcmeSection {
    /// The names that viewers use: 1 to 20.
    pub names: Vec<String>,
    /// Whether the authority's terms of service are agreed to; nothing is asked of it otherwise.
    pub agree_to_terms: bool,
    /// Whom the authority may write to. Default: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// The authority's directory. Default: Let's Encrypt.
    #[serde(default = "directory")]
    pub directory: String,
    /// PEM file with the certificate of whoever vouches for the directory's server. Default: the system's authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// How the names are proven, best first. Default: both.
    #[serde(default = "challenges")]
    pub challenges: Vec<Challenge>,
    /// Where account and certificate are kept.
    #[serde(default = "state_directory")]
    pub state_directory: PathBuf,
}

/// A way of proving that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Challenge {
    /// A file on port 80 (RFC 8555 §8.3).
    #[serde(rename = "http-01")]
    Http,
    /// A certificate on port 443 (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn,
}

/// What it means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Acme {
    /// In lower case, each once, at least one.
    pub(crate) names: Vec<String>,
    pub(crate) mail: Option<String>,
    pub(crate) directory: String,
    /// None: whom the system trusts.
    pub(crate) roots: Option<Roots>,
    /// At least one.
    pub(crate) challenges: Vec<Challenge>,
    pub(crate) state_directory: PathBuf,
}

fn directory() -> String {
    "https://acme-v02.api.letsencrypt.org/directory".to_owned()
}

fn challenges() -> Vec<Challenge> {
    vec![Challenge::Http, Challenge::TlsAlpn]
}

fn state_directory() -> PathBuf {
    "/var/lib/footlight/distributor".into()
}

impl AcmeSection {
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Option<Acme> {
        let roots = match &self.ca {
            Some(path) => Some(Roots::load("acme.ca", path, problems)?),
            None => None,
        };
        self.check(problems);
        let mut taken = BTreeSet::new();
        for (index, name) in self.names.iter().enumerate() {
            let key = format!("acme.names[{index}]");
            if let Err(why) = host(name) {
                problems.refuse(key, format_args!("{name:?} {why}"));
            } else if !taken.insert(name.to_ascii_lowercase()) {
                problems.refuse(key, "this name is given twice");
            }
        }
        Some(Acme {
            names: taken.into_iter().collect(),
            mail: self.mail.clone(),
            directory: self.directory.clone(),
            roots,
            challenges: self.challenges.clone(),
            state_directory: self.state_directory.clone(),
        })
    }

    fn check(&self, problems: &mut Problems<'_>) {
        if !self.agree_to_terms {
            problems.refuse(
                "acme.agree_to_terms",
                "the authority issues nothing to who does not agree to its terms: read them, then write true",
            );
        }
        if self.names.is_empty() || self.names.len() > NAMES_MAX {
            problems.refuse(
                "acme.names",
                format_args!("list 1 to {NAMES_MAX} names that viewers use"),
            );
        }
        if self.mail.as_deref().is_some_and(|mail| !is_mail(mail)) {
            problems.refuse("acme.mail", "write one address, such as ops@venue.example");
        }
        let uri = self.directory.parse::<Uri>().ok();
        let secure = |uri: &Uri| uri.scheme_str() == Some("https") && uri.host().is_some();
        if !uri.as_ref().is_some_and(secure) {
            problems.refuse(
                "acme.directory",
                "write the https:// URL of an ACME directory",
            );
        }
        let different: BTreeSet<_> = self.challenges.iter().collect();
        if different.is_empty() || different.len() != self.challenges.len() {
            problems.refuse(
                "acme.challenges",
                "list \"http-01\", \"tls-alpn-01\" or both, each once",
            );
        }
        if !self.state_directory.is_absolute() {
            problems.refuse("acme.state_directory", "give an absolute path");
        }
    }
}

/// Whether `name` can stand in a certificate that is got in this way, or why not.
pub(super) fn host(name: &str) -> Result<(), &'static str> {
    if name.starts_with("*.") {
        return Err(
            "is a wildcard, which can only be proven through DNS: list each name, or give certificate and key in [https]",
        );
    }
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Err("is an address: give a DNS name");
    }
    let label = |label: &str| {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(sound)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > NAME_MAX || !name.split('.').all(label) {
        return Err(
            "is no DNS name: write it as in a link, such as live.venue.example (international ones as xn--...)",
        );
    }
    Ok(())
}

fn is_mail(text: &str) -> bool {
    let graphic = |b: u8| b.is_ascii_graphic() && !matches!(b, b',' | b'?' | b'<' | b'>' | b':');
    text.len() <= MAIL_MAX
        && text.bytes().all(graphic)
        && text
            .split_once('@')
            .is_some_and(|(who, at)| !who.is_empty() && host(at).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_host_in_a_link() {
        for good in [
            "live.venue.example",
            "localhost",
            "Live.Venue.example",
            "xn--bhne-6qa.example",
            "1.2.example",
        ] {
            assert_eq!(host(good), Ok(()), "{good}");
        }
        let long = format!("{}.example", "a".repeat(64));
        for bad in [
            "",
            ".",
            "a..b",
            "a.",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b",
            "*.a.b",
            "*",
            "10.0.0.1",
            "::1",
            "bühne.example",
            "https://a.b",
            "a.b:80",
            &long,
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mail_address_is_one_address() {
        assert!(is_mail("ops@venue.example") && is_mail("a+b.c@d.e"));
        for bad in [
            "",
            "@",
            "a@",
            "@b.c",
            "a",
            "a@b@c",
            "a,b@c.d",
            "a@b.c?subject=x",
            "a b@c.d",
        ] {
            assert!(!is_mail(bad), "{bad}");
        }
    }
}
