use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use proptest::prelude::*;

use super::*;

const TD: u64 = 3;
const PLAYLIST: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n";

#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do as a beginning"
)]
fn start() -> Instant {
    Instant::now()
}

fn head(length: Option<u64>, at: Instant) -> Head {
    Head {
        status: StatusCode::OK,
        length,
        etag: None,
        at,
    }
}

/// Polls once: none while it would wait.
fn poll<F: Future>(future: F) -> Option<F::Output> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn answer(entry: &Arc<Entry>, now: Instant) -> Option<Result<Answer, Failure>> {
    poll(Viewer::of(entry.clone()).answer(move || now))
}

/// The next piece: none while it would wait.
fn next(reader: &mut Reader) -> Option<Option<Result<Bytes, Failure>>> {
    poll(poll_fn(|cx| reader.poll_next(cx)))
}

/// An entry with this body, complete at `now`.
fn complete(
    class: Class,
    previous: Option<&Arc<Entry>>,
    body: &'static str,
    now: Instant,
) -> Arc<Entry> {
    let (entry, writer) = Entry::new(class, previous, now);
    writer.begin(head(None, now));
    writer.push(Bytes::from_static(body.as_bytes())).unwrap();
    writer.complete(now).unwrap();
    entry
}

#[test]
fn media_is_answered_with_its_first_byte_and_a_playlist_when_it_is_whole() {
    let now = start();
    for (class, early) in [
        (Class::Immutable, true),
        (Class::Playlist, false),
        (Class::Blocking, false),
    ] {
        let (entry, writer) = Entry::new(class, None, now);
        assert!(answer(&entry, now).is_none());
        writer.begin(head(Some(2), now));
        writer.push(Bytes::from_static(b"a")).unwrap();
        assert_eq!(answer(&entry, now).is_some(), early, "{class:?}");
        writer.push(Bytes::from_static(b"b")).unwrap();
        writer.complete(now).unwrap();
        assert!(answer(&entry, now).unwrap().is_ok());
    }
}

#[test]
fn a_reader_waits_for_its_next_byte_only() {
    let now = start();
    let (entry, writer) = Entry::new(Class::Immutable, None, now);
    writer.begin(head(Some(6), now));
    writer.push(Bytes::from_static(b"abc")).unwrap();
    let mut all = answer(&entry, now).unwrap().unwrap().read(0, None);
    let mut part = answer(&entry, now).unwrap().unwrap().read(1, Some(3));
    assert_eq!(next(&mut part), Some(Some(Ok("bc".into()))));
    assert_eq!(
        next(&mut part),
        Some(None),
        "its range is over, though the object is not"
    );
    assert_eq!(next(&mut all), Some(Some(Ok("abc".into()))));
    assert_eq!(next(&mut all), None);
    writer.push(Bytes::from_static(b"def")).unwrap();
    assert_eq!(next(&mut all), Some(Some(Ok("def".into()))));
    assert_eq!(next(&mut all), Some(None));
}

#[test]
fn an_object_that_breaks_off_is_an_error_for_its_readers_and_never_an_end() {
    let now = start();
    for abandon in [true, false] {
        let (entry, writer) = Entry::new(Class::Immutable, None, now);
        writer.begin(head(None, now));
        writer.push(Bytes::from_static(b"abc")).unwrap();
        let mut reader = answer(&entry, now).unwrap().unwrap().read(0, None);
        assert_eq!(next(&mut reader), Some(Some(Ok("abc".into()))));
        if abandon {
            drop(writer)
        } else {
            writer.fail(Failure::Broken, now)
        }
        assert_eq!(next(&mut reader), Some(Some(Err(Failure::Broken))));
        assert_eq!(answer(&entry, now).unwrap().err(), Some(Failure::Broken));
        assert!(entry.is_spent(now + Duration::from_secs(1)));
    }
}

#[test]
fn an_object_is_as_long_as_its_origin_said_and_never_too_large() {
    let now = start();
    let (entry, writer) = Entry::new(Class::Immutable, None, now);
    writer.begin(head(Some(4), now));
    writer.push(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(writer.complete(now), Err(Failure::Broken));
    assert_eq!(answer(&entry, now).unwrap().err(), Some(Failure::Broken));

    let (_, writer) = Entry::new(Class::Immutable, None, now);
    writer.begin(head(Some(2), now));
    assert_eq!(
        writer.push(Bytes::from_static(b"abc")),
        Err(Failure::Broken)
    );

    let (_, writer) = Entry::new(Class::Immutable, None, now);
    writer.begin(head(None, now));
    let piece = Bytes::from(vec![0; 1 << 20]);
    for _ in 0..32 {
        writer.push(piece.clone()).unwrap();
    }
    assert_eq!(writer.push(Bytes::from_static(b"x")), Err(Failure::Broken));
}

#[test]
fn an_answer_counts_for_the_time_of_its_class() {
    let now = start();
    let ms = |ms| now + Duration::from_millis(ms);
    let playlist = complete(Class::Playlist, None, PLAYLIST, now);
    assert!(!playlist.is_spent(ms(499)) && playlist.is_spent(ms(500)));
    let blocking = complete(Class::Blocking, None, PLAYLIST, now);
    assert!(!blocking.is_spent(ms(6 * TD * 1000 - 1)) && blocking.is_spent(ms(6 * TD * 1000)));
    let (failed, writer) = Entry::new(Class::Immutable, None, now);
    assert!(!failed.is_spent(ms(3_600_000)), "while it is being fetched");
    writer.fail(Failure::Late, now);
    assert!(!failed.is_spent(ms(999)) && failed.is_spent(ms(1000)));
}

#[test]
fn when_no_origin_answers_the_last_playlist_is_given_while_it_is_useful() {
    let now = start();
    let ms = |ms| now + Duration::from_millis(ms);
    let mut entry = complete(Class::Playlist, None, PLAYLIST, now);
    // Two failures in a row: the good one is still remembered.
    for at in [1000, 2500] {
        let (newer, writer) = Entry::new(Class::Playlist, Some(&entry), ms(at));
        writer.fail(Failure::Unavailable, ms(at));
        entry = newer;
        let stale = answer(&entry, ms(at)).unwrap().unwrap();
        assert!(stale.stale);
        assert_eq!(
            next(&mut stale.read(0, None)),
            Some(Some(Ok(PLAYLIST.into())))
        );
    }
    assert!(answer(&entry, ms(4499)).unwrap().is_ok());
    assert_eq!(
        answer(&entry, ms(4500)).unwrap().err(),
        Some(Failure::Unavailable)
    );

    let newer = complete(Class::Playlist, Some(&entry), PLAYLIST, ms(5000));
    assert!(!answer(&newer, ms(5000)).unwrap().unwrap().stale);
    assert_eq!(
        newer.weight(),
        complete(Class::Playlist, None, PLAYLIST, now).weight(),
        "nothing old is kept"
    );
}

#[test]
fn an_object_under_way_weighs_what_it_will() {
    let now = start();
    let (entry, writer) = Entry::new(Class::Immutable, None, now);
    assert_eq!(entry.weight(), OVERHEAD);
    writer.begin(head(Some(5000), now));
    assert_eq!(entry.weight(), OVERHEAD + 5000);
    writer.push(Bytes::from_static(b"abc")).unwrap();
    writer.fail(Failure::Broken, now);
    assert_eq!(entry.weight(), OVERHEAD);
}

#[test]
fn an_entry_is_abandoned_when_its_last_viewer_has_gone_and_not_while_one_is_slow() {
    let now = start();
    let (entry, writer) = Entry::new(Class::Immutable, None, now);
    writer.begin(head(Some(6), now));
    writer.push(Bytes::from_static(b"abc")).unwrap();
    let mut reader = answer(&entry, now).unwrap().unwrap().read(0, None);
    next(&mut reader);
    assert!(
        poll(entry.abandoned()).is_none(),
        "though it waits for nothing now"
    );
    drop(reader);
    assert!(poll(entry.abandoned()).is_some());
}

#[test]
fn only_a_media_playlist_tells_a_target_duration() {
    let now = start();
    for (class, body, told) in [
        (Class::Playlist, PLAYLIST, Some(Duration::from_secs(TD))),
        (Class::Playlist, "#EXTM3U\n", None),
        (Class::Immutable, PLAYLIST, None),
    ] {
        let (_, writer) = Entry::new(class, None, now);
        writer.begin(head(None, now));
        writer.push(Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(writer.complete(now), Ok(told));
    }
}

proptest! {
    /// However it arrives, and whenever a reader looks, a reader gets exactly its range.
    #[test]
    fn a_reader_gets_exactly_its_range(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 1..20),
        looks in proptest::collection::vec(any::<bool>(), 20),
        range in (0_usize..1000, 0_usize..1000),
    ) {
        let now = start();
        let whole = pieces.concat();
        let begin = range.0 % whole.len();
        let end = begin + 1 + range.1 % (whole.len() - begin);
        let (entry, writer) = Entry::new(Class::Immutable, None, now);
        writer.begin(head(Some(whole.len() as u64), now));
        let mut reader = answer(&entry, now).unwrap().unwrap().read(begin as u64, Some(end as u64));
        let mut got = Vec::new();
        let mut read = |reader: &mut Reader| while let Some(Some(Ok(piece))) = next(reader) { got.extend_from_slice(&piece) };
        for (piece, look) in pieces.into_iter().zip(looks) {
            writer.push(piece.into()).unwrap();
            if look { read(&mut reader) }
        }
        writer.complete(now).unwrap();
        read(&mut reader);
        prop_assert_eq!(&got[..], &whole[begin..end]);
        prop_assert_eq!(next(&mut reader), Some(None));
    }
}
