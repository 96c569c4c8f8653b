use super::*;

#[tokio::test(start_paused = true)]
async fn a_worker_that_takes_frames_and_gives_none_is_given_up() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let (events, _output) = mpsc::channel(1);
    let mut listener = Listener {
        socket: ours.into_split().0,
        read: BytesMut::new(),
        order: Order::new(&Plan {
            codec: crate::codec::VideoCodec::Avc,
            codec_config: Bytes::new(),
            width: 0,
            height: 0,
            rungs: Vec::new(),
        }),
        events,
        load: Arc::default(),
        failed: false,
        greeted: false,
    };
    let load = Arc::clone(&listener.load);
    let fed = async {
        // Silence before anything was fed is no fault. The clock is the test's own: nobody waits.
        tokio::time::sleep(2 * SILENCE).await;
        load.went_in(0);
    };
    let (outcome, ()) = tokio::join!(listener.listen(), fed);
    assert!(matches!(outcome, Err(Broken::Silence)), "{outcome:?}");
}
