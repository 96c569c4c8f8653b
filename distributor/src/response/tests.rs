use super::*;

fn stored(length: Option<u64>) -> Stored<'static> {
    static TAG: HeaderValue = HeaderValue::from_static("\"abc\"");
    Stored {
        status: StatusCode::OK,
        content_type: "video/mp4",
        etag: Some(&TAG),
        length,
        cache_control: "public, max-age=3600, immutable".to_owned(),
        age: Duration::from_millis(2900),
        cache_status: "Footlight; hit",
        coding: Coding::Only,
    }
}

fn headers(given: &[(HeaderName, &'static str)]) -> HeaderMap {
    given
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect()
}

/// Asks for an object of 1000 bytes with `given` headers: status, the headers in `names`, and the bytes.
fn check(
    given: &[(HeaderName, &'static str)],
    status: u16,
    expected: &[(HeaderName, &str)],
    span: Span,
) {
    let conditions = Conditions::read(&Method::GET, &headers(given));
    let (response, bytes) = conditions.answer(&stored(Some(1000)));
    assert_eq!(
        (response.status().as_u16(), bytes),
        (status, span),
        "{given:?}"
    );
    for (name, value) in expected {
        assert_eq!(
            response.headers().get(name).map(|v| v.to_str().unwrap()),
            Some(*value),
            "{given:?} {name}"
        );
    }
}

#[test]
fn the_whole_with_all_that_a_player_needs() {
    let whole = Span::Bytes {
        start: 0,
        end: Some(1000),
    };
    check(
        &[],
        200,
        &[
            (CONTENT_TYPE, "video/mp4"),
            (CONTENT_LENGTH, "1000"),
            (ACCEPT_RANGES, "bytes"),
            (AGE, "2"),
            (ETAG, "\"abc\""),
            (CACHE_CONTROL, "public, max-age=3600, immutable"),
            (CACHE_STATUS, "Footlight; hit"),
        ],
        whole,
    );
}

#[test]
fn a_range_when_it_is_one_and_the_object_is_still_the_same() {
    let whole = Span::Bytes {
        start: 0,
        end: Some(1000),
    };
    let part = Span::Bytes {
        start: 10,
        end: Some(20),
    };
    check(
        &[(RANGE, "bytes=10-19")],
        206,
        &[(CONTENT_LENGTH, "10"), (CONTENT_RANGE, "bytes 10-19/1000")],
        part,
    );
    check(
        &[(RANGE, "bytes=10-19"), (IF_RANGE, "\"abc\"")],
        206,
        &[],
        part,
    );
    check(
        &[(RANGE, "bytes=10-19"), (IF_RANGE, "\"old\"")],
        200,
        &[(CONTENT_LENGTH, "1000")],
        whole,
    );
    check(
        &[(RANGE, "bytes=10-19"), (IF_RANGE, "W/\"abc\"")],
        200,
        &[],
        whole,
    );
    check(
        &[(RANGE, "bytes=0-1,5-6")],
        200,
        &[(CONTENT_LENGTH, "1000")],
        whole,
    );
    check(
        &[(RANGE, "bytes=1000-")],
        416,
        &[(CONTENT_RANGE, "bytes */1000"), (CONTENT_LENGTH, "0")],
        Span::Nothing,
    );
}

#[test]
fn not_modified_when_the_viewer_has_it() {
    for tags in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
        check(
            &[(IF_NONE_MATCH, tags), (RANGE, "bytes=0-1")],
            304,
            &[(ETAG, "\"abc\""), (AGE, "2")],
            Span::Nothing,
        );
    }
    check(
        &[(IF_NONE_MATCH, "\"x\"")],
        200,
        &[],
        Span::Bytes {
            start: 0,
            end: Some(1000),
        },
    );
}

#[test]
fn head_says_the_same_and_sends_nothing() {
    let (get, _) = Conditions::default().answer(&stored(Some(1000)));
    let (head, span) =
        Conditions::read(&Method::HEAD, &HeaderMap::new()).answer(&stored(Some(1000)));
    assert_eq!((get.headers(), span), (head.headers(), Span::Nothing));
}

#[test]
fn of_an_object_that_is_still_arriving_without_a_size_the_whole_is_sent() {
    let conditions = Conditions::read(&Method::GET, &headers(&[(RANGE, "bytes=0-1")]));
    let (response, span) = conditions.answer(&stored(None));
    assert_eq!(
        (response.status(), span),
        (
            StatusCode::OK,
            Span::Bytes {
                start: 0,
                end: None
            }
        )
    );
    assert!(!response.headers().contains_key(CONTENT_LENGTH));
}

#[test]
fn an_error_has_no_body_and_nothing_of_the_object() {
    let missing = Stored {
        status: StatusCode::NOT_FOUND,
        length: Some(0),
        ..stored(None)
    };
    let conditions = Conditions::read(
        &Method::GET,
        &headers(&[(IF_NONE_MATCH, "*"), (RANGE, "bytes=0-1")]),
    );
    let (response, span) = conditions.answer(&missing);
    assert_eq!(
        (response.status(), span),
        (StatusCode::NOT_FOUND, Span::Nothing)
    );
    assert!(
        !response.headers().contains_key(ETAG) && !response.headers().contains_key(CONTENT_TYPE)
    );
    assert_eq!(
        bare(StatusCode::SERVICE_UNAVAILABLE).headers()[RETRY_AFTER],
        "1"
    );
    assert_eq!(
        bare(StatusCode::METHOD_NOT_ALLOWED).headers()[ALLOW],
        "GET, HEAD, OPTIONS"
    );
}

#[test]
fn any_page_may_read_when_nobody_is_named() {
    let mut answer = HeaderMap::new();
    Cors::default().apply(&headers(&[(ORIGIN, "https://venue.example")]), &mut answer);
    assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(answer[TIMING_ALLOW_ORIGIN], "*");
    assert_eq!(answer[X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(
        answer[ACCESS_CONTROL_EXPOSE_HEADERS]
            .to_str()
            .unwrap()
            .starts_with("Age,")
    );
    assert!(!answer.contains_key(VARY));
}

#[test]
fn only_the_named_pages_may_read_and_caches_are_told_that_it_differs() {
    let cors = Cors::new(vec![HeaderValue::from_static("https://venue.example")]);
    let allowed = |origin: &'static [(HeaderName, &'static str)]| {
        let mut answer = HeaderMap::new();
        cors.apply(&headers(origin), &mut answer);
        assert_eq!(answer[VARY], "Origin");
        answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
    };
    assert_eq!(
        allowed(&[(ORIGIN, "https://venue.example")]).unwrap(),
        "https://venue.example"
    );
    assert_eq!(allowed(&[(ORIGIN, "https://other.example")]), None);
    assert_eq!(allowed(&[(ORIGIN, "null")]), None);
    assert_eq!(allowed(&[]), None);
}

#[test]
fn a_preflight_allows_what_players_send() {
    let answer = preflight();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        answer.headers()[ACCESS_CONTROL_ALLOW_METHODS],
        "GET, HEAD, OPTIONS"
    );
    let allowed = answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS]
        .to_str()
        .unwrap();
    assert!(
        allowed.starts_with("*, ") && allowed.contains("Range"),
        "{allowed}"
    );
    assert_eq!(answer.headers()[ACCESS_CONTROL_MAX_AGE], "86400");
}

#[test]
fn a_full_house_is_told_from_an_origin_that_is_away() {
    let (full, away) = (full(20), bare(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(full.status(), away.status());
    assert_eq!(full.headers()[RETRY_AFTER], "20");
    assert_eq!(full.headers()["footlight-refusal"], "full");
    assert!(!away.headers().contains_key("footlight-refusal"));
}
