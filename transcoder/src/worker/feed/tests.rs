use super::*;

const RUNG: Rendition = Rendition::Encoded(360);

fn feed() -> (Feed, Orders, Queue) {
    Feed::new(Watchdog::new(vec![RUNG], true))
}

fn frame(ms: u64, key: bool, size: usize) -> Input {
    Input::Frame {
        pts: MediaTime::from_millis(ms),
        dts: MediaTime::from_millis(ms),
        key,
        bytes: vec![0; size].into(),
    }
}

#[test]
fn a_full_queue_drops_up_to_the_next_key() {
    let (mut feed, _orders, mut queue) = feed();
    assert_eq!(feed.push(frame(0, false, 1)), Err(FeedError::AwaitingKey));
    for n in 0..QUEUED_MESSAGES {
        assert_eq!(feed.push(frame(n as u64, n == 0, 1)), Ok(()));
    }
    assert_eq!(feed.push(frame(300, false, 1)), Err(FeedError::Full));
    assert_eq!(feed.push(frame(301, true, 1)), Err(FeedError::Full));
    while queue.inputs.try_recv().is_ok() {}
    // It took all, and gave nothing yet.
    assert_eq!(feed.push(frame(302, true, 1)), Err(FeedError::Full));
    gave(&feed, 255);
    assert_eq!(feed.push(frame(303, false, 1)), Err(FeedError::AwaitingKey));
    assert_eq!(feed.push(frame(304, true, 1)), Ok(()));
    assert_eq!(feed.dropped(), 5);
}

#[test]
fn a_worker_that_is_behind_at_a_key_loses_that_gop_and_a_gap_in_time_is_no_lag() {
    let (mut feed, _orders, _queue) = feed();
    assert_eq!(feed.push(frame(0, true, 1)), Ok(()));
    gave(&feed, 0);
    assert_eq!(feed.load.look(), None);
    for ms in 1..100 {
        assert_eq!(feed.push(frame(ms, false, 1)), Ok(()));
    }
    gave(&feed, 99 - BEHIND as u64);
    assert_eq!(feed.push(frame(100, true, 1)), Err(FeedError::Full));
    assert_eq!(feed.push(frame(101, false, 1)), Err(FeedError::AwaitingKey));
    gave(&feed, 97);
    // Two frames are held back by the decoder while the stream pauses.
    assert_eq!(feed.push(frame(300_000, true, 1)), Ok(()));
}

#[test]
fn a_worker_that_starts_in_the_middle_of_a_segment_does_not_lose_the_next() {
    let (mut feed, _orders, _queue) = feed();
    let behind = BEHIND_AT_FIRST as u64;
    for ms in 0..behind - 1 {
        assert_eq!(feed.push(frame(ms, ms == 0, 1)), Ok(()));
    }
    assert_eq!(feed.push(frame(behind - 1, true, 1)), Ok(()));
    assert_eq!(feed.push(frame(behind, true, 1)), Err(FeedError::Full));
}

#[tokio::test]
async fn a_change_of_pace_overtakes_what_waits() {
    let (mut feed, orders, mut queue) = feed();
    feed.push(frame(0, true, 1)).unwrap();
    orders.pace(RUNG, Pace::Half);
    let (first, _) = queue.next().await.unwrap();
    assert_eq!(Some(first), ToWorker::pace(RUNG, Pace::Half));
    assert_eq!(queue.next().await.unwrap().1, 1);
}

/// Every rung has given what came up to then.
fn gave(feed: &Feed, ms: u64) {
    feed.load.came_out(RUNG, MediaTime::from_millis(ms));
}
