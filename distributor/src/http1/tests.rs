//! What is taken for a request and what is not; what goes out.

use http::{Response, header::CONTENT_TYPE};
use proptest::prelude::*;

use super::*;

fn one(text: &str) -> Result<Option<Asked>, Malformed> {
    take(&mut Bytes::copy_from_slice(text.as_bytes()))
}

#[track_caller]
fn whole(text: &str) -> Asked {
    one(text).unwrap().unwrap()
}

#[test]
fn a_request_is_taken_with_its_headers_and_what_follows_stays() {
    let text =
        "GET /live/stage/index.m3u8?v=1 HTTP/1.1\r\nHost: a\r\nRange:  bytes=0-9 \r\n\r\nGET /next";
    let mut received = Bytes::from(text);
    let asked = take(&mut received).unwrap().unwrap();
    assert!(asked.keep && !asked.carries);
    assert_eq!(asked.parts.uri, "/live/stage/index.m3u8?v=1");
    assert_eq!(asked.parts.headers["range"], "bytes=0-9");
    assert_eq!(asked.parts.headers.len(), 1, "what no answer needs");
    assert_eq!(received, "GET /next");
    assert!(take(&mut received).unwrap().is_none());
    assert_eq!(received, "GET /next", "not whole yet");
}

#[test]
fn a_connection_is_kept_unless_one_side_cannot() {
    let kept = |head: &str| whole(&format!("{head}\r\n\r\n")).keep;
    assert!(kept("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive"));
    assert!(!kept("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close"));
    assert!(!kept("GET / HTTP/1.0"));
}

#[test]
fn what_carries_a_body_is_marked_and_ends_its_connection() {
    let carried = |field: &str| {
        let asked = whole(&format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
        assert_eq!(asked.keep, !asked.carries);
        asked.carries
    };
    assert!(carried("Content-Length: 5"));
    assert!(carried("Transfer-Encoding: chunked"));
    assert!(carried("Transfer-Encoding: identity"));
    assert!(!carried("Content-Length: 0"));
    assert!(!carried("Content-Length: 0\r\nContent-Length: 0"));
}

#[test]
fn what_is_ambiguous_is_no_request() {
    for head in [
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:",
        "GET / HTTP/1.1\r\nHost : a",
        "GET / HTTP/1.1\r\nHost: a\r\n folded: b",
        "GET  / HTTP/1.1\r\nHost: a",
        "GET / HTTP/2.0\r\nHost: a",
        "GET /\u{e4} HTTP/1.1\r\nHost: a\r\nX: \u{7}",
        "PRI * HTTP/2.0",
    ] {
        let taken = one(&format!("{head}\r\n\r\n"));
        assert!(
            matches!(taken, Err(Malformed::Request)),
            "{head}: {taken:?}"
        );
    }
}

#[test]
fn a_head_has_bounds() {
    let long = |bytes| format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {}", "c".repeat(bytes));
    assert!(one(&long(HEAD_MAX - 100)).unwrap().is_none());
    let end = |head: String| one(&format!("{head}\r\n\r\n")).map(|asked| asked.is_some());
    assert_eq!(end(long(HEAD_MAX - 100)), Ok(true));
    assert_eq!(end(long(HEAD_MAX)), Err(Malformed::TooLarge));
    assert!(matches!(one(&long(HEAD_MAX)), Err(Malformed::TooLarge)));
    let many = |count| format!("GET / HTTP/1.1\r\nHost: a{}", "\r\nX: y".repeat(count));
    assert_eq!(end(many(HEADERS_MAX - 1)), Ok(true));
    assert_eq!(end(many(HEADERS_MAX)), Err(Malformed::TooLarge));
}

fn parts(status: StatusCode, length: Option<&'static str>) -> Parts {
    let mut answer = Response::new(());
    *answer.status_mut() = status;
    if let Some(length) = length {
        let length = HeaderValue::from_static(length);
        answer.headers_mut().insert(CONTENT_LENGTH, length);
    }
    answer.into_parts().0
}

#[test]
fn a_body_ends_as_its_head_says() {
    let asked = |line: &str| whole(&format!("{line}\r\nHost: a\r\n\r\n")).parts;
    let get = &asked("GET / HTTP/1.1");
    let ok = StatusCode::OK;
    let of = Framing::of;
    assert_eq!(of(get, &parts(ok, Some("7")), None), Framing::Length(7));
    assert_eq!(of(get, &parts(ok, None), Some(9)), Framing::Length(9));
    assert_eq!(of(get, &parts(ok, None), None), Framing::Chunked);
    let old = &asked("GET / HTTP/1.0");
    assert_eq!(of(old, &parts(ok, None), None), Framing::Close);
    let head = &asked("HEAD / HTTP/1.1");
    assert_eq!(of(head, &parts(ok, Some("7")), Some(0)), Framing::Nothing);
    let unchanged = parts(StatusCode::NOT_MODIFIED, None);
    assert_eq!(of(get, &unchanged, Some(0)), Framing::Nothing);
}

#[test]
fn a_head_goes_out_as_it_is_and_with_what_its_connection_needs() {
    let mut answer = parts(StatusCode::OK, None);
    let kind = HeaderValue::from_static("video/mp4");
    answer.headers.insert(CONTENT_TYPE, kind);
    let text = |framing, keep| String::from_utf8(write(&answer, framing, keep, "today")).unwrap();
    assert_eq!(
        text(Framing::Length(3), true),
        "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 3\r\ndate: today\r\n\r\n"
    );
    assert_eq!(
        text(Framing::Chunked, false),
        "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\ndate: today\r\n\r\n"
    );
}

proptest! {
    #[test]
    fn a_request_is_the_same_however_it_comes(at in prop::collection::vec(1usize..80, 0..6)) {
        let text = "GET /live/stage/source/7.m4s HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n\r\n";
        let (mut received, mut from) = (Bytes::new(), 0);
        let mut ends = at;
        ends.sort_unstable();
        ends.push(text.len());
        for end in ends {
            let end = end.min(text.len());
            received = [&received[..], &text.as_bytes()[from..end]].concat().into();
            from = end;
            match take(&mut received).unwrap() {
                Some(asked) => {
                    prop_assert_eq!(end, text.len());
                    prop_assert_eq!(asked.parts.headers.len(), 1);
                    return Ok(());
                }
                None => prop_assert!(end < text.len()),
            }
        }
    }

    #[test]
    fn anything_is_taken_waited_for_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut received = Bytes::from(bytes);
        while let Ok(Some(_)) = take(&mut received) {}
    }
}
