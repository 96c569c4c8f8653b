//! [pure] What an answer of HTTP has to be, whatever is in it.

use bytes::Bytes;
use live::playlist::check::Rule;

use super::report::Report;

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Names in small letters.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// How often it was said to ask elsewhere.
    pub(super) redirections: u32,
    pub(super) http2: bool,
    pub(super) secure: bool,
    /// From the first byte of the body to the last, milliseconds.
    pub(super) flowed_ms: u64,
}

/// What was asked for, and so what the answer has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Multivariant,
    /// A media playlist: target duration in seconds; whether it still changes, was waited for, and has parts.
    Playlist {
        target: u64,
        live: bool,
        waited: bool,
        parts: bool,
    },
    /// A segment, part or initialization section; seconds that a playlist lists it.
    Media {
        listed: u64,
    },
    /// Something that is to be refused; target duration in seconds.
    Refusal {
        target: u64,
    },
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn is_ok(&self) -> bool {
        matches!(self.status, 200 | 206)
    }

    /// For how many seconds it may be kept; none when nothing is said.
    fn kept(&self) -> Option<u64> {
        let control = self.header("cache-control")?.to_ascii_lowercase();
        let mut kept = None;
        for directive in control.split(',').map(str::trim) {
            if matches!(directive, "no-store" | "no-cache") {
                return Some(0);
            }
            if let Some(age) = directive.strip_prefix("max-age=") {
                kept = age.trim_matches('"').parse().ok();
            }
        }
        kept
    }

    /// Holds the answer against the rules. `what` is what was asked for.
    pub(super) fn check(&self, class: Class, what: &str, report: &mut Report) {
        report.need(self.redirections == 0, Rule::Redirected, || what.to_owned());
        if let Class::Refusal { target } = class {
            let kept = self.kept().unwrap_or(0);
            report.need(kept <= target, Rule::RefusalKept, || {
                format!("{what}: {} for {kept} s", self.status)
            });
            return;
        }
        report.need(self.is_ok(), Rule::Unavailable, || {
            format!("{what}: {}", self.status)
        });
        if !self.is_ok() {
            return;
        }
        let open = self.header("access-control-allow-origin").is_some();
        report.need(open, Rule::CorsMissing, || what.to_owned());
        match class {
            Class::Multivariant => self.playlist_type(what, report),
            Class::Playlist {
                target,
                live,
                waited,
                parts,
            } => {
                self.playlist_type(what, report);
                if live {
                    let most = if waited {
                        target.saturating_mul(6)
                    } else {
                        target
                    };
                    let kept = self.kept().unwrap_or(0);
                    report.need(kept <= most, Rule::PlaylistKept, || {
                        format!("{what}: {kept} s, at most {most} s")
                    });
                }
                if parts && self.secure {
                    report.need(self.http2, Rule::Http2Missing, || what.to_owned());
                }
            }
            Class::Media { listed } => {
                let told = self.header("content-type").unwrap_or_default();
                let fits = MEDIA_TYPES.iter().any(|known| told.starts_with(known));
                report.need(fits, Rule::MediaContentType, || format!("{what}: {told:?}"));
                let kept = self.kept();
                let enough = kept.is_none_or(|kept| kept >= listed);
                report.need(enough, Rule::MediaKept, || {
                    let kept = kept.unwrap_or(0);
                    format!("{what}: {kept} s, listed for {listed} s")
                });
            }
            Class::Refusal { .. } => {}
        }
    }

    fn playlist_type(&self, what: &str, report: &mut Report) {
        let told = self.header("content-type").unwrap_or_default();
        let kind = told.split(';').next().unwrap_or_default().trim();
        let fits = PLAYLIST_TYPES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(kind));
        report.need(fits, Rule::PlaylistContentType, || {
            format!("{what}: {told:?}")
        });
    }

    /// Holds an answer to a request that accepts gzip against the rule.
    pub(super) fn check_compressed(&self, what: &str, report: &mut Report) {
        let coded = self.header("content-encoding").unwrap_or_default();
        let fits = ["gzip", "x-gzip"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(coded));
        report.need(fits, Rule::PlaylistNotCompressed, || what.to_owned());
    }
}

const PLAYLIST_TYPES: [&str; 3] = [
    "application/vnd.apple.mpegurl",
    "audio/mpegurl",
    "application/x-mpegurl",
];
const MEDIA_TYPES: [&str; 6] = [
    "video/",
    "audio/",
    "application/mp4",
    "text/vtt",
    "application/ttml",
    "image/",
];

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Class = Class::Playlist {
        target: 3,
        live: true,
        waited: false,
        parts: true,
    };
    const MEDIA: Class = Class::Media { listed: 60 };

    fn reply(kind: &str, control: &str) -> Reply {
        let headers = [
            ("content-type", kind),
            ("cache-control", control),
            ("access-control-allow-origin", "*"),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Reply {
            status: 200,
            headers: headers.map(own).to_vec(),
            http2: true,
            secure: true,
            ..Reply::default()
        }
    }

    fn playlist() -> Reply {
        reply(
            "application/vnd.apple.mpegurl; charset=utf-8",
            "public, max-age=3",
        )
    }

    fn broken(reply: &Reply, class: Class) -> Vec<String> {
        let mut report = Report::default();
        reply.check(class, "x", &mut report);
        let json: serde_json::Value = serde_json::from_str(&report.json("")).unwrap();
        let rules = json["rules"].as_array().unwrap().iter();
        let broken = rules.filter(|rule| rule["verdict"] == "broken");
        broken
            .map(|r| r["rule"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn good_answers_are_found_good() {
        assert_eq!(broken(&playlist(), LIVE), [""; 0]);
        assert_eq!(broken(&playlist(), Class::Multivariant), [""; 0]);
        let media = reply("video/mp4", "max-age=60, immutable");
        assert_eq!(broken(&media, MEDIA), [""; 0]);
        assert_eq!(broken(&reply("video/mp4", ""), MEDIA), [""; 0]);
    }

    #[test]
    fn each_rule_of_an_answer_is_found_broken_alone() {
        let with = |change: fn(&mut Reply)| {
            let mut reply = playlist();
            change(&mut reply);
            reply
        };
        for (rule, reply, class) in [
            ("Unavailable", with(|r| r.status = 404), LIVE),
            ("Redirected", with(|r| r.redirections = 1), LIVE),
            ("CorsMissing", with(|r| drop(r.headers.pop())), LIVE),
            ("Http2Missing", with(|r| r.http2 = false), LIVE),
            ("PlaylistContentType", reply("text/plain", ""), LIVE),
            ("PlaylistKept", reply(PLAYLIST_TYPES[0], "max-age=4"), LIVE),
            ("MediaContentType", reply("text/html", ""), MEDIA),
            ("MediaKept", reply("audio/mp4", "max-age=59"), MEDIA),
            (
                "MediaKept",
                reply("audio/mp4", "max-age=99, no-store"),
                MEDIA,
            ),
            (
                "RefusalKept",
                reply("", "max-age=4"),
                Class::Refusal { target: 3 },
            ),
        ] {
            assert_eq!(broken(&reply, class), [rule]);
        }
        let mut report = Report::default();
        playlist().check_compressed("x", &mut report);
        assert!(report.worst().is_some());
        let mut packed = playlist();
        packed
            .headers
            .push(("content-encoding".into(), "gzip".into()));
        let mut report = Report::default();
        packed.check_compressed("x", &mut report);
        assert!(report.worst().is_none());
    }
}
