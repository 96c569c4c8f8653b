use live::MediaTime;

use super::*;

fn feed() -> (Feed, mpsc::Receiver<Input>) {
    let (inputs, queue) = mpsc::channel(QUEUED_MESSAGES);
    let feed = Feed {
        inputs,
        load: Arc::default(),
        on_the_way: VecDeque::new(),
        until_key: true,
        dropped: 0,
    };
    (feed, queue)
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
    let (mut feed, mut queue) = feed();
    assert_eq!(feed.push(frame(0, false, 1)), Err(FeedError::AwaitingKey));
    for n in 0..QUEUED_MESSAGES {
        assert_eq!(feed.push(frame(n as u64, n == 0, 1)), Ok(()));
    }
    assert_eq!(feed.push(frame(300, false, 1)), Err(FeedError::Full));
    assert_eq!(feed.push(frame(301, true, 1)), Err(FeedError::Full));
    while queue.try_recv().is_ok() {}
    // It took all, and gave nothing yet.
    assert_eq!(feed.push(frame(302, true, 1)), Err(FeedError::Full));
    gave(&feed, 255);
    assert_eq!(feed.push(frame(303, false, 1)), Err(FeedError::AwaitingKey));
    assert_eq!(feed.push(frame(304, true, 1)), Ok(()));
    assert_eq!(feed.dropped(), 5);
}

#[test]
fn a_worker_that_is_behind_at_a_key_loses_that_gop_and_a_gap_in_time_is_no_lag() {
    let (mut feed, _queue) = feed();
    for ms in 0..100 {
        assert_eq!(feed.push(frame(ms, ms == 0, 1)), Ok(()));
    }
    gave(&feed, 99 - BEHIND as u64);
    assert_eq!(feed.push(frame(100, true, 1)), Err(FeedError::Full));
    assert_eq!(feed.push(frame(101, false, 1)), Err(FeedError::AwaitingKey));
    gave(&feed, 97);
    // Two frames are held back by the decoder while the stream pauses.
    assert_eq!(feed.push(frame(300_000, true, 1)), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_takes_frames_and_gives_none_is_given_up() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let (events, _output) = mpsc::channel(1);
    let mut listener = Listener {
        socket: ours.into_split().0,
        read: BytesMut::new(),
        order: Order::new(&Plan {
            codec_config: Bytes::new(),
            width: 0,
            height: 0,
            rungs: Vec::new(),
        }),
        events,
        load: Arc::default(),
        greeted: false,
    };
    let load = Arc::clone(&listener.load);
    let fed = async {
        // Silence before anything was fed is no fault.
        tokio::time::sleep(2 * SILENCE).await;
        load.unanswered.fetch_add(1, Ordering::Relaxed);
    };
    let (outcome, ()) = tokio::join!(listener.listen(), fed);
    assert!(matches!(outcome, Err(Broken::Silence)), "{outcome:?}");
}

/// Every rung has given what came up to then.
fn gave(feed: &Feed, ms: u64) {
    let ticks = MediaTime::from_millis(ms).ticks();
    feed.load.newest_out.store(ticks, Ordering::Relaxed);
}

#[test]
fn large_frames_are_bounded_by_their_bytes() {
    let (mut feed, _queue) = feed();
    let half = QUEUED_BYTES / 2;
    assert_eq!(feed.push(frame(0, true, half)), Ok(()));
    assert_eq!(feed.push(frame(1, false, half)), Ok(()));
    assert_eq!(feed.push(frame(2, false, 1)), Err(FeedError::Full));
    feed.load.give_back(half);
    assert_eq!(feed.push(frame(3, true, half)), Ok(()));
}

#[test]
fn a_frame_that_the_worker_would_refuse_never_gets_there() {
    let (mut feed, _queue) = feed();
    for unfit in [
        frame(0, true, 0),
        frame(0, true, MAX_PAYLOAD + 1),
        frame(u64::MAX, true, 1),
        Input::ForceKey {
            pts: MediaTime::from_ticks(MAX_TICKS + 1),
        },
    ] {
        assert_eq!(feed.push(unfit), Err(FeedError::Unfit));
    }
    assert_eq!(feed.push(frame(0, true, MAX_PAYLOAD)), Ok(()));
}

#[test]
fn a_feed_without_a_worker_says_so() {
    let (mut feed, queue) = feed();
    drop(queue);
    assert_eq!(feed.push(frame(0, true, 1)), Err(FeedError::Gone));
}
