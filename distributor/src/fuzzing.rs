//! [pure] What the fuzz targets do with their input. A test replays the corpora through the same functions, so that
//! neither can rot.

use std::{io::IoSlice, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_RANGE, IF_NONE_MATCH, IF_RANGE, RANGE},
    uri::Uri,
};
use live::playlist::Multivariant;
use rustls::{
    ConnectionTrafficSecrets, ExtractedSecrets,
    crypto::cipher::{AeadKey, Iv},
};

use crate::{
    http1,
    presentation::{Ceiling, Pathway, Template, View},
    record::{self, CONTENT_MAX, Keys, OVERHEAD, Opened},
    redirect,
    response::{Coding, Conditions, Span, Stored},
    route::{Route, route},
    steering::{self, Asked, Way},
    viewer::ViewerId,
};

/// Both ends of a connection of which one talks to itself.
fn keys(chacha: bool) -> Option<Keys> {
    let secrets = || {
        let (key, iv) = (AeadKey::from([7; 32]), Iv::from([9; 12]));
        let secrets = if chacha {
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }
        } else {
            ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        };
        (0, secrets)
    };
    Keys::new(ExtractedSecrets {
        tx: secrets(),
        rx: secrets(),
    })
}

/// Records of TLS: what anybody sends is never taken for content, and what is sealed is opened as it was, however it is
/// cut. The first byte chooses the cipher, the next two the room and the cuts.
pub fn record(data: &[u8]) {
    let [cipher, room, cut, data @ ..] = data else {
        return;
    };
    let Some(Keys { mut opener, .. }) = keys(cipher & 1 == 1) else {
        return;
    };
    let mut wire = data.to_vec();
    let mut rest = &mut wire[..];
    while let Ok(Some(length)) = record::length(rest) {
        let Some((one, after)) = std::mem::take(&mut rest).split_at_mut_checked(length) else {
            break;
        };
        assert!(opener.open(one).is_err(), "a forged record was opened");
        rest = after;
    }
    seal(cipher & 1 == 1, usize::from(*room), usize::from(*cut), data);
}

fn seal(chacha: bool, room: usize, cut: usize, data: &[u8]) {
    let Some(Keys {
        mut sealer,
        mut opener,
    }) = keys(chacha)
    else {
        return;
    };
    let content = data.repeat(1 + cut);
    let mut pieces: Vec<_> = content.chunks(1 + cut * 97).map(IoSlice::new).collect();
    let mut left = &mut pieces[..];
    let mut room = vec![0; CONTENT_MAX + OVERHEAD + room * 701];
    let mut opened = Vec::new();
    while !left.is_empty() {
        let sealed = sealer.seal(left, &mut room).expect("the key is new");
        assert!(sealed.taken > 0, "room for a record is room enough");
        IoSlice::advance_slices(&mut left, sealed.taken);
        let mut rest = room.get_mut(..sealed.made).unwrap_or_default();
        while let Ok(Some(length)) = record::length(rest) {
            let (one, after) = std::mem::take(&mut rest).split_at_mut(length);
            match opener.open(one) {
                Ok(Opened::Data(content)) => opened.extend_from_slice(content),
                other => panic!("{other:?} is not what was sealed"),
            }
            rest = after;
        }
    }
    assert!(opened == content, "what is opened is not what was sealed");
}

/// Requests by HTTP/1.1: taken one after another until one is not whole or not one, and never more than came.
pub fn http1(data: &[u8]) {
    let mut received = Bytes::copy_from_slice(data);
    let mut before = received.len();
    while let Ok(Some(asked)) = http1::take(&mut received) {
        assert!(received.len() < before, "a request of nothing");
        assert!(!(asked.keep && asked.carries), "what follows is no request");
        before = received.len();
    }
}

/// A request after its head was read, a line each: the target, `Range`, `If-Range`, `If-None-Match`, and the host that it
/// is sent on to. One path has one key, no byte beyond an object is promised, and nobody is sent to a host that he did not
/// name.
pub fn request(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let target = std::str::from_utf8(line()).unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if let Route::Object(key, _) = route(&Method::GET, path, query) {
        let again = key.to_string();
        let (path, query) = again.split_once('?').unwrap_or((&again, ""));
        let again = route(&Method::GET, path, Some(query));
        assert_eq!(again, Route::Object(key, None), "a second key");
    }
    let mut headers = HeaderMap::new();
    for name in [RANGE, IF_RANGE, IF_NONE_MATCH] {
        if let Ok(value) = HeaderValue::from_bytes(line()) {
            headers.insert(name, value);
        }
    }
    answered(&Conditions::read(&Method::GET, &headers));
    let host = std::str::from_utf8(line()).unwrap_or_default();
    if let Some(location) = redirect::location(host, target, 8443) {
        // What is no address as a whole is refused by whoever is sent there.
        if let Ok(to) = location.parse::<Uri>() {
            let named = host.rsplit_once(':').map_or(host, |(named, _)| named);
            let to = to.host().unwrap_or_default();
            assert!(to == host || to == named, "{location} is not {host}");
        }
    }
}

/// What follows an answer's head is within the object, and as long as the head says.
fn answered(conditions: &Conditions) {
    let etag = HeaderValue::from_static("\"v1\"");
    for length in [None, Some(0), Some(1), Some(10), Some(u64::MAX)] {
        let stored = Stored {
            status: StatusCode::OK,
            content_type: "video/mp4",
            etag: Some(&etag),
            length,
            cache_control: String::new(),
            age: Duration::ZERO,
            cache_status: "",
            coding: Coding::Only,
        };
        let (response, span) = conditions.answer(&stored);
        let partial = response.status() == StatusCode::PARTIAL_CONTENT;
        match (span, length) {
            (Span::Nothing, _) => assert_ne!(response.status(), StatusCode::OK),
            (Span::Bytes { start, end }, None) => {
                assert_eq!((start, end, partial), (0, None, false))
            }
            (Span::Bytes { start, end }, Some(length)) => {
                let end = end.unwrap_or_default();
                assert!(start <= end && end <= length, "{start}..{end} of {length}");
                assert!(
                    partial || (start, end) == (0, length),
                    "a part as the whole"
                );
                let told = response.headers().get(CONTENT_RANGE);
                let range = format!("bytes {start}-{}/{length}", end.saturating_sub(1));
                assert!(!partial || told.is_some_and(|told| *told == range));
            }
        }
    }
}

/// What a player tells of itself when it asks where to go: the manifest names the boxes that there are and no others.
pub fn steering(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let asked = Asked::parse(&query);
    let ways = [
        ("d1", "https://d1.example"),
        ("d2", "https://[::2]:8443"),
        ("d3", "https://d3.example"),
    ]
    .map(|(name, url)| Way { name, url });
    let at = asked.pathway.as_ref().map(ToString::to_string);
    let Ok(stream) = "stage".parse() else { return };
    let reload = steering::address("", &stream, asked.viewer);
    let text = steering::manifest(&ways, at.as_deref(), &reload, asked.viewer);
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let order = serde_json::json!(["d1", "d2", "d3"]);
    assert_eq!(manifest.get("PATHWAY-PRIORITY"), Some(&order));
    assert!(text.len() < 512, "a manifest that a player can make long");
    // Asked again by what it was told, a player is the same one.
    let (_, told) = reload.split_once('?').unwrap_or_default();
    assert_eq!(Asked::parse(told).viewer, asked.viewer);
}

/// A multivariant playlist of an origin's: whatever it holds, what viewers are given of it is one too, and not empty.
pub fn presentation(data: &[u8]) {
    let Ok(stream) = "stage".parse() else { return };
    let Some(template) = Template::read(data, &stream) else {
        return;
    };
    let pathway = |name: &str| {
        let base = format!("https://{name}.example");
        name.parse().ok().map(|name| Pathway { name, base })
    };
    let pathways: Vec<Pathway> = ["d2", "d1"].into_iter().filter_map(pathway).collect();
    let viewer: Option<ViewerId> = "00000000000000ff".parse().ok();
    for ceiling in [Ceiling::None, Ceiling::BelowTop, Ceiling::Least] {
        for pathways in [&pathways[..], &[]] {
            let written = template.write(&View {
                viewer,
                ceiling,
                pathways,
                steering: Some("/steer/stage?v=00000000000000ff"),
            });
            let given = Multivariant::parse(written.as_bytes());
            let given = given.expect("what viewers are given is a playlist");
            assert!(!given.variants.is_empty(), "nothing is left");
        }
    }
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::{replay::replay, *};

    #[test]
    fn every_seed_of_the_corpora_holds() {
        replay("record", record);
        replay("http1", http1);
        replay("request", request);
        replay("steering", steering);
        replay("presentation", presentation);
    }
}
