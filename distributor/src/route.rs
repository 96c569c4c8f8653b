//! [pure] What a request asks for: method, path and query in, one decision out.
//!
//! Whatever is not in the grammar is refused here and never reaches the cache or an origin. An object has one
//! [`Key`] however the request spells it: only the delivery directives of a media playlist are part of it, so a
//! player's own query parameters (CMCD, cache busters) cost nothing.

use std::fmt;

use http::{Method, StatusCode};
use live::{Directives, Msn, Object, ObjectPath, PartIndex, ShowObject, Skip, StreamName};

use crate::{steering::Asked, viewer::ViewerId};

/// What to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route<'r> {
    /// Answer with an object of a stream; to this viewer, if it is a known one.
    Object(Key, Option<ViewerId>),
    /// Answer with the distributors that a stream's viewer may use, to one who tells this of itself.
    Steer(StreamName, Asked),
    /// Answer with the number of a stream's viewers.
    Viewers(StreamName),
    /// Answer with the watch page of a stream.
    Watch(StreamName),
    /// Answer with the same page, for a frame of another page.
    Embed(StreamName),
    /// Answer with the page's file of this path, if there is one.
    File(&'r str),
    /// A CORS preflight, or a plain OPTIONS: say what is allowed.
    Preflight,
    /// Refuse.
    Refused(Refusal),
}

/// Why a request is refused. The peer's fault, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Only GET, HEAD and OPTIONS are served.
    #[error("only GET, HEAD and OPTIONS are served here")]
    Method,
    /// Below `/live/`, but of no object's form: nothing ever was or will be there.
    #[error("there is no such object")]
    Unknown,
    /// Delivery directives that RFC 8216bis §6.2.5 does not allow.
    #[error("{0}")]
    Directives(live::DirectivesError),
}

impl Refusal {
    /// With which status to refuse.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Directives(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// The one name of an object in the cache and of a request to an origin. Display is the request's target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    path: ObjectPath,
    directives: Directives,
}

impl Key {
    /// The key of `path` asked for with `directives`, which count for a media playlist only.
    pub(crate) fn new(path: ObjectPath, directives: Directives) -> Self {
        let directives = if takes_directives(path.object) {
            directives
        } else {
            Directives::default()
        };
        Self { path, directives }
    }

    /// Whose object it is.
    pub(crate) const fn stream(&self) -> &StreamName {
        &self.path.stream
    }

    /// Which object it is.
    pub(crate) const fn object(&self) -> Object {
        self.path.object
    }

    /// What a playlist is to have before it is sent.
    pub(crate) const fn block(&self) -> Option<(Msn, Option<PartIndex>)> {
        self.directives.block
    }

    /// Whether a delta update will do.
    pub(crate) const fn skip(&self) -> Option<Skip> {
        self.directives.skip
    }

    /// Whether the origin holds the answer back until what is asked for exists.
    pub(crate) const fn is_blocking(&self) -> bool {
        self.directives.block.is_some()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.directives == Directives::default() {
            Ok(())
        } else {
            write!(f, "?{}", self.directives)
        }
    }
}

/// Decides what a request asks for. `path` and `query` are as they came, never decoded: nothing in the grammar needs
/// an escape, so an escaped spelling is unknown.
pub(crate) fn route<'r>(method: &Method, path: &'r str, query: Option<&str>) -> Route<'r> {
    if *method == Method::OPTIONS {
        return Route::Preflight;
    }
    if *method != Method::GET && *method != Method::HEAD {
        return Route::Refused(Refusal::Method);
    }
    if let Some(below) = path.strip_prefix("/live/") {
        if let Some(stream) = named(below.strip_suffix("/viewers.json")) {
            return Route::Viewers(stream);
        }
        let query = query.unwrap_or_default();
        return match object(path, query) {
            Ok(key) => Route::Object(key, ViewerId::in_query(query)),
            Err(refusal) => Route::Refused(refusal),
        };
    }
    if let Some(stream) = named(path.strip_prefix("/steer/")) {
        return Route::Steer(stream, Asked::parse(query.unwrap_or_default()));
    }
    let page = |directory| named(path.strip_prefix(directory));
    match (page("/watch/"), page("/embed/")) {
        (Some(stream), _) => Route::Watch(stream),
        (None, Some(stream)) => Route::Embed(stream),
        (None, None) => Route::File(path),
    }
}

fn named(name: Option<&str>) -> Option<StreamName> {
    name?.parse().ok()
}

fn object(path: &str, query: &str) -> Result<Key, Refusal> {
    let path: ObjectPath = path.parse().map_err(|_| Refusal::Unknown)?;
    // Gigabytes that few ask for would drive a live show out of the cache; the transcoder gives it to operators.
    if matches!(path.object, Object::Show(_, ShowObject::File)) {
        return Err(Refusal::Unknown);
    }
    let directives = if takes_directives(path.object) {
        Directives::parse(query).map_err(Refusal::Directives)?
    } else {
        Directives::default()
    };
    Ok(Key::new(path, directives))
}

/// Whether the object is a playlist that an origin may hold back or shorten (RFC 8216bis §6.2.5).
const fn takes_directives(object: Object) -> bool {
    matches!(object, Object::Media(_) | Object::IFrames(_))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get(target: &str) -> Route<'_> {
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(p, q)| (p, Some(q)));
        route(&Method::GET, path, query)
    }

    fn key(target: &str) -> String {
        let Route::Object(key, _) = get(target) else {
            panic!("{target}")
        };
        key.to_string()
    }

    #[test]
    fn an_object_has_one_key_however_it_is_asked_for() {
        let playlist = "/live/stage/480p/media.m3u8";
        for (asked, canonical) in [
            ("?", ""),
            ("?CMCD=br%3D1&x=2", ""),
            ("?_HLS_part=1&_HLS_msn=7", "?_HLS_msn=7&_HLS_part=1"),
            ("?x=1&_HLS_skip=YES&_HLS_msn=7", "?_HLS_msn=7&_HLS_skip=YES"),
        ] {
            assert_eq!(
                key(&format!("{playlist}{asked}")),
                format!("{playlist}{canonical}")
            );
        }
        for immutable in ["index.m3u8", "480p/7.m4s", "audio/7.0.m4s"] {
            let path = format!("/live/stage/{immutable}");
            assert_eq!(key(&format!("{path}?_HLS_msn=7&_HLS_msn=8&t=1")), path);
        }
    }

    #[test]
    fn what_is_not_of_the_grammar_is_refused_by_its_own_fault() {
        for unknown in [
            "/live/stage",
            "/live/stage/",
            "/live/Stage/index.m3u8",
            "/live/stage/%69ndex.m3u8",
            "/live/../etc/passwd",
            "/live/stage/480p/07.m4s",
            "/live//index.m3u8",
            "/live/stage/vod/1795000000123/show.mp4",
        ] {
            assert_eq!(get(unknown), Route::Refused(Refusal::Unknown), "{unknown}");
        }
        for bad in [
            "_HLS_part=1",
            "_HLS_msn=x",
            "_HLS_msn=1&_HLS_msn=1",
            "_HLS_skip=no",
        ] {
            let target = format!("/live/stage/source/media.m3u8?{bad}");
            let Route::Refused(refusal) = get(&target) else {
                panic!("{target}")
            };
            assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        }
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::CONNECT,
            Method::TRACE,
        ] {
            assert_eq!(
                route(&method, "/live/stage/index.m3u8", None),
                Route::Refused(Refusal::Method)
            );
        }
        assert_eq!(route(&Method::OPTIONS, "/anything", None), Route::Preflight);
    }

    #[test]
    fn a_stream_is_steered_at_its_own_address() {
        let asked = Asked {
            viewer: Some("00000000000000ff".parse().unwrap()),
            pathway: Some("d1".parse().unwrap()),
        };
        assert_eq!(
            get("/steer/stage?v=00000000000000ff&_HLS_pathway=d1"),
            Route::Steer("stage".parse().unwrap(), asked)
        );
        for nothing in ["/steer/", "/steer/No", "/steer/stage/x"] {
            assert_eq!(get(nothing), Route::File(nothing));
        }
    }

    #[test]
    fn the_page_of_a_stream_and_the_files_beside_it() {
        assert_eq!(
            get("/watch/stage?muted=1"),
            Route::Watch("stage".parse().unwrap())
        );
        for file in [
            "/watch/",
            "/watch/No",
            "/watch/app-1a2b.js",
            "/",
            "/watch/a/b",
            "*",
        ] {
            assert_eq!(get(file), Route::File(file));
        }
    }

    proptest! {
        #[test]
        fn a_key_routes_to_itself(target in "/live/(stage|a)/(source|audio|480p)/(media\\.m3u8\\?_HLS_msn=[1-9][0-9]{0,9}(&_HLS_part=[0-9])?(&_HLS_skip=(YES|v2))?|[1-9][0-9]{0,9}(\\.[0-9])?\\.m4s)") {
            prop_assert_eq!(key(&target), target);
        }

        #[test]
        fn any_target_gets_a_decision(path in "\\PC*", query in proptest::option::of("\\PC*")) {
            route(&Method::GET, &path, query.as_deref());
        }
    }
}
