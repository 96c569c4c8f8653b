use live::{MediaTime, Rendition};

use super::*;
use crate::worker::{Input, watchdog::START};

#[tokio::test(start_paused = true)]
async fn a_worker_that_takes_frames_and_gives_none_is_given_up() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let (events, _output) = mpsc::channel(1);
    let rung = Rendition::Encoded(360);
    let (mut feed, orders, queue) = Feed::new(Watchdog::new(vec![rung], true));
    let mut listener = Listener {
        socket: ours.into_split().0,
        read: BytesMut::new(),
        order: Order::new(&Plan {
            codec: crate::codec::VideoCodec::Avc,
            codec_config: Bytes::new(),
            width: 0,
            height: 0,
            rungs: Vec::new(),
            pictures: false,
        }),
        events,
        load: queue.load(),
        orders,
        meter: Meter::new(Arc::default()),
        failed: false,
        greeted: false,
    };
    let fed = async {
        // Silence before anything was fed is no fault. The clock is the test's own: nobody waits.
        tokio::time::sleep(2 * START).await;
        for ms in 0..10 {
            let at = MediaTime::from_millis(ms);
            let frame = Input::Frame {
                pts: at,
                dts: at,
                key: ms == 0,
                bytes: Bytes::from_static(b"picture"),
            };
            feed.push(frame).unwrap();
        }
    };
    let (outcome, ()) = tokio::join!(listener.listen(), fed);
    assert!(
        matches!(outcome, Err(Broken::Silence(START))),
        "{outcome:?}"
    );
}
