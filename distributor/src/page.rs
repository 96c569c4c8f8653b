//! [pure] The watch page and its files, which are part of the binary.
//!
//! The page is one for all streams: it reads the stream's name from its own address. Its files have their hash in
//! their name and never change; the page itself is looked at anew each time. Its policy lets it load from its own host
//! only, so nothing a viewer opens ever asks a third party.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    },
};

include!(concat!(env!("OUT_DIR"), "/page.rs"));

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

const UNKNOWN: &[u8] = b"<!doctype html><html lang=en><meta charset=utf-8>\
<meta name=viewport content=\"width=device-width\"><title>No such page</title>\
<h1>No such page</h1><p>A show is at <code>/watch/NAME</code>; ask whoever sent you here for its name.</p></html>\n";

/// One file in its three encodings, made when the page was built.
#[derive(Debug)]
struct File {
    path: &'static str,
    content_type: &'static str,
    etag: &'static str,
    identity: &'static [u8],
    br: &'static [u8],
    gzip: &'static [u8],
}

/// Whether a page of another site may show this one in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// At `/watch/`: nobody can put a picture of his own over it.
    Forbidden,
    /// At `/embed/`.
    Allowed,
}

/// The watch page.
pub(crate) fn page(method: &Method, headers: &HeaderMap, frame: Framing) -> Response<Bytes> {
    // It names files that a newer distributor may not have: never kept without asking.
    let mut response = PAGE.answer(method, headers, "no-cache");
    secure(response.headers_mut(), frame);
    response
}

/// The page's file of this path, or the page that says there is none.
pub(crate) fn file(method: &Method, headers: &HeaderMap, path: &str) -> Response<Bytes> {
    if let Some(file) = FILES.iter().find(|file| file.path == path) {
        return file.answer(method, headers, "public, max-age=31536000, immutable");
    }
    let mut response = Response::new(body(method, UNKNOWN));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(CONTENT_LENGTH, UNKNOWN.len().into());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    secure(headers, Framing::Forbidden);
    response
}

impl File {
    fn answer(
        &self,
        method: &Method,
        request: &HeaderMap,
        cache_control: &'static str,
    ) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(ETAG, HeaderValue::from_static(self.etag));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if request
            .get(IF_NONE_MATCH)
            .is_some_and(|given| given == self.etag)
        {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        let accepted = request
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok());
        let (bytes, encoding) = match Encoding::choose(accepted.unwrap_or_default()) {
            Encoding::Brotli => (self.br, Some("br")),
            Encoding::Gzip => (self.gzip, Some("gzip")),
            Encoding::Identity => (self.identity, None),
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CONTENT_LENGTH, bytes.len().into());
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        *response.body_mut() = body(method, bytes);
        response
    }
}

fn body(method: &Method, bytes: &'static [u8]) -> Bytes {
    if *method == Method::HEAD {
        Bytes::new()
    } else {
        Bytes::from_static(bytes)
    }
}

fn secure(headers: &mut HeaderMap, frame: Framing) {
    let policy = match frame {
        Framing::Forbidden => POLICY,
        Framing::Allowed => EMBED_POLICY,
    };
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
}

/// Lets a page play from `hosts` too: `https://HOST` each, set apart by blanks.
pub(crate) fn widen(headers: &mut HeaderMap, hosts: &str) {
    let policy = headers.get(CONTENT_SECURITY_POLICY);
    let Some(policy) = policy.and_then(|policy| policy.to_str().ok()) else {
        return;
    };
    let mut wide = policy.to_owned();
    for directive in ["connect-src 'self'", "media-src 'self'"] {
        wide = wide.replacen(directive, &format!("{directive} {hosts}"), 1);
    }
    if let Ok(wide) = HeaderValue::from_str(&wide) {
        headers.insert(CONTENT_SECURITY_POLICY, wide);
    }
}

/// How a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// The smallest of those that an `Accept-Encoding` allows (RFC 9110 §12.5.3). Preferences among them do not count:
    /// whoever takes Brotli is served best by it.
    fn choose(accepted: &str) -> Self {
        let mut any = Self::Identity;
        for offer in accepted.split(',') {
            let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
            let refused = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|q| q.trim_matches(['0', '.']).is_empty());
            match name.trim() {
                "br" if !refused => return Self::Brotli,
                "gzip" if !refused => any = Self::Gzip,
                _ => {}
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(encoding: &'static str) -> HeaderMap {
        [(ACCEPT_ENCODING, HeaderValue::from_static(encoding))]
            .into_iter()
            .collect()
    }

    #[test]
    fn the_smallest_encoding_that_is_allowed() {
        for (accepted, chosen) in [
            ("", Encoding::Identity),
            ("gzip, deflate, br", Encoding::Brotli),
            ("gzip;q=1.0, br;q=0", Encoding::Gzip),
            ("br;q=0.000, gzip;q=0.0", Encoding::Identity),
            ("br;q=0.1", Encoding::Brotli),
            ("*", Encoding::Identity),
            ("gzip2", Encoding::Identity),
        ] {
            assert_eq!(Encoding::choose(accepted), chosen, "{accepted}");
        }
    }

    #[test]
    fn the_page_and_every_file_are_served_in_each_encoding() {
        for (accepted, encoding) in [("br", Some("br")), ("gzip", Some("gzip")), ("", None)] {
            let request = accepting(accepted);
            let files = FILES.iter().map(|f| file(&Method::GET, &request, f.path));
            for response in files.chain([page(&Method::GET, &request, Framing::Forbidden)]) {
                assert_eq!(response.status(), StatusCode::OK);
                assert_eq!(
                    response
                        .headers()
                        .get(CONTENT_ENCODING)
                        .map(|v| v.to_str().unwrap()),
                    encoding
                );
                assert_eq!(
                    response.headers()[CONTENT_LENGTH],
                    response.body().len().to_string().as_str()
                );
                assert!(
                    response.headers()[CONTENT_TYPE]
                        .to_str()
                        .unwrap()
                        .ends_with("charset=utf-8")
                );
            }
        }
    }

    #[test]
    fn the_pages_files_are_all_there_and_named_by_their_hash() {
        let html = std::str::from_utf8(PAGE.identity).unwrap();
        assert!(
            FILES
                .iter()
                .any(|file| file.path.ends_with(".js") && html.contains(file.path))
        );
        for file in FILES {
            let response = super::file(&Method::HEAD, &HeaderMap::new(), file.path);
            assert_eq!(
                response.headers()[CACHE_CONTROL],
                "public, max-age=31536000, immutable"
            );
            assert!(response.body().is_empty());
        }
    }

    #[test]
    fn the_page_is_always_looked_at_anew_and_loads_from_its_own_host_only() {
        let page = |headers: &HeaderMap| page(&Method::GET, headers, Framing::Forbidden);
        let first = page(&HeaderMap::new());
        assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
        let policy = first.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("blob:"),
            "{policy}"
        );
        assert!(
            !policy.contains("http:") && !policy.contains("https:") && !policy.contains('*'),
            "{policy}"
        );
        let again = [(IF_NONE_MATCH, first.headers()[ETAG].clone())]
            .into_iter()
            .collect();
        let again = page(&again);
        assert_eq!(
            (again.status(), again.body().len()),
            (StatusCode::NOT_MODIFIED, 0)
        );
    }

    #[test]
    fn only_the_page_that_is_made_for_it_may_be_shown_in_a_frame() {
        let policy = |frame| {
            let page = page(&Method::GET, &HeaderMap::new(), frame);
            let policy = &page.headers()[CONTENT_SECURITY_POLICY];
            policy.to_str().unwrap().to_owned()
        };
        let (watch, embed) = (policy(Framing::Forbidden), policy(Framing::Allowed));
        assert!(watch.ends_with("frame-ancestors 'none'"), "{watch}");
        let alike = watch.replace("frame-ancestors 'none'", "frame-ancestors *");
        assert_eq!(embed, alike);
    }

    #[test]
    fn what_is_not_there_is_a_page_that_says_so() {
        for path in [
            "/",
            "/watch/",
            "/assets/",
            "/assets/../Cargo.toml",
            "/favicon.ico",
        ] {
            let response = file(&Method::GET, &HeaderMap::new(), path);
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            assert!(response.body().starts_with(b"<!doctype html>"));
        }
    }
}
