use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::window::tests::{playlist, window};

fn start() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "a point to count from; nothing waits for it to pass"
    )]
    Instant::now()
}

fn following() -> Following {
    Following::new("stage".parse().unwrap(), Rendition::Source)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn names(keys: &[Key]) -> String {
    let names = keys
        .iter()
        .map(|key| key.to_string().replace("/live/stage/source/", ""));
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_playlist_brings_what_is_new_and_the_next_one_is_waited_for() {
    let (mut following, now) = (following(), start());
    assert_eq!(
        following.next(now, now),
        None,
        "nobody knows what to ask for"
    );
    let mut hear = |first, segments, open| {
        let window = window(&playlist(first, segments, open)).unwrap();
        let changes = following.heard(window, now);
        let (pause, key) = following.next(now, now).unwrap();
        assert_eq!(pause, Duration::ZERO);
        (names(&changes.fetch), key.to_string())
    };
    let (fetch, next) = hear(100, 2, 1);
    assert_eq!(
        fetch,
        "102.1.m4s 102.0.m4s 101.m4s 101.3.m4s 101.2.m4s 101.1.m4s 101.0.m4s \
         100.m4s 100.3.m4s 100.2.m4s 100.1.m4s 100.0.m4s init-00000000000000aa.mp4"
    );
    assert_eq!(
        next,
        "/live/stage/source/media.m3u8?_HLS_msn=102&_HLS_part=1"
    );
    assert_eq!(hear(100, 2, 2).0, "102.2.m4s");
    assert_eq!(hear(100, 3, 1).0, "103.1.m4s 103.0.m4s 102.m4s 102.3.m4s");
}

#[test]
fn what_has_left_is_let_go_a_target_duration_later() {
    let (mut following, now) = (following(), start());
    let mut hear = |first, segments, after| {
        let window = window(&playlist(first, segments, 0)).unwrap();
        let changes = following.heard(window, now + seconds(after));
        let sorted = |keys: Vec<Key>| {
            let mut keys: Vec<_> = keys
                .iter()
                .map(|key| names(std::slice::from_ref(key)))
                .collect();
            keys.sort();
            keys.join(" ")
        };
        (sorted(changes.release), sorted(changes.forget))
    };
    hear(100, 3, 0);
    assert_eq!(hear(102, 20, 2), (String::new(), String::new()));
    assert_eq!(hear(102, 20, 4), (String::new(), String::new()), "not yet");
    let (release, forget) = hear(102, 20, 5);
    assert_eq!(
        release, "102.m4s",
        "who watches from further back may want it"
    );
    assert_eq!(
        forget,
        "100.m4s 101.0.m4s 101.1.m4s 101.2.m4s 101.3.m4s 101.m4s \
         102.0.m4s 102.1.m4s 102.2.m4s 102.3.m4s 103.0.m4s"
    );
}

#[test]
fn a_failure_is_tried_again_a_little_later_and_not_for_ever() {
    let (mut following, now) = (following(), start());
    following.heard(window(&playlist(100, 3, 1)).unwrap(), now);
    for _ in 1..FAILURES {
        assert!(following.failed(StatusCode::SERVICE_UNAVAILABLE));
        let (pause, key) = following.next(now, now).unwrap();
        assert_eq!(pause, PAUSE);
        assert_eq!(key.to_string(), "/live/stage/source/media.m3u8");
    }
    following.failed(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(following.next(now, now), None);
    assert!(
        !following.failed(StatusCode::NOT_FOUND),
        "the stream is gone"
    );
}

#[test]
fn an_origin_that_answers_too_early_is_not_asked_in_a_circle() {
    let (mut following, now) = (following(), start());
    following.heard(window(&playlist(100, 3, 1)).unwrap(), now);
    following.heard(window(&playlist(100, 3, 1)).unwrap(), now);
    assert_eq!(
        following.next(now, now).map(|(pause, _)| pause),
        Some(PAUSE)
    );
    following.heard(window(&playlist(100, 3, 2)).unwrap(), now);
    assert_eq!(
        following.next(now, now).map(|(pause, _)| pause),
        Some(Duration::ZERO)
    );
}

#[test]
fn after_the_end_nothing_is_asked_for() {
    let (mut following, now) = (following(), start());
    following.heard(
        window(&(playlist(100, 3, 1) + "#EXT-X-ENDLIST\n")).unwrap(),
        now,
    );
    assert_eq!(following.next(now, now), None);
}

proptest! {
    /// Whatever playlists come.
    #[test]
    fn each_object_is_fetched_once_and_what_is_held_is_bounded(
        playlists in prop::collection::vec((0..40_u64, 0..12_u64, 0..6_u32, 0..4_u64), 1..40)
    ) {
        let (mut following, mut now) = (following(), start());
        let mut fetched = HashMap::<Key, u32>::new();
        for (first, segments, open, after) in playlists {
            now += seconds(after);
            let window = window(&playlist(first, segments, open)).unwrap();
            let changes = following.heard(window.clone(), now);
            for key in &changes.fetch {
                if place(key.object()).is_some() {
                    let times = fetched.entry(key.clone()).or_default();
                    *times += 1;
                    prop_assert_eq!(*times, 1, "{}", key);
                }
                prop_assert!(window.edge().any(|object| object == key.object()), "{}", key);
            }
            prop_assert!(following.held.len() <= HELD_MAX);
            for (object, left) in &following.held {
                let at_edge = window.edge().any(|listed| listed == *object);
                prop_assert_eq!(left.is_none(), at_edge);
                prop_assert!(left.is_none_or(|left| now - left < window.target_duration()));
            }
        }
    }

    #[test]
    fn nothing_is_asked_when_nobody_watches(failures in 0..9_u32, unwatched in 0..60_u64) {
        let (mut following, now) = (following(), start());
        following.heard(window(&playlist(100, 3, 1)).unwrap(), now);
        for _ in 0..failures {
            following.failed(StatusCode::BAD_GATEWAY);
        }
        let next = following.next(now, now + seconds(unwatched));
        prop_assert!(next.is_none() || (unwatched < 12 && failures < FAILURES));
    }
}
