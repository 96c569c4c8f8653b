use bytes::Bytes;

use super::*;
use crate::{
    pictures::{Size, Snapshot},
    worker::RungPlan,
};

const P480: Rendition = Rendition::Encoded(480);
const P360: Rendition = Rendition::Encoded(360);

fn order() -> Order {
    let rung = |rendition, width, height| RungPlan {
        rendition,
        width,
        height,
        bitrate_bps: 1_000_000,
        halved: false,
    };
    Order::new(&Plan {
        codec: crate::codec::VideoCodec::Avc,
        codec_config: Bytes::new(),
        width: 1280,
        height: 720,
        rungs: vec![rung(P480, 854, 480), rung(P360, 640, 360)],
        pictures: true,
    })
}

const fn config(rendition: Rendition, width: u16, height: u16) -> Event {
    Event::Config {
        pictures: String::new(),
        rendition,
        codec_config: Bytes::new(),
        width,
        height,
    }
}

const fn sample(rendition: Rendition, ms: u64, key: bool) -> Event {
    Event::Sample {
        rendition,
        pts: MediaTime::from_millis(ms),
        key,
        bytes: Bytes::new(),
    }
}

#[test]
fn rungs_in_order_pass_each_by_itself() {
    let mut order = order();
    for event in [
        config(P480, 854, 480),
        sample(P480, 1000, true),
        config(P360, 640, 360),
        sample(P480, 1040, false),
        sample(P360, 1000, true),
        Event::Failed {
            reason: String::new(),
        },
    ] {
        assert_eq!(order.check(&event), Ok(()), "{event:?}");
    }
}

#[test]
fn whatever_could_not_be_packaged_is_refused() {
    let mut order = order();
    let p720 = Rendition::Encoded(720);
    assert_eq!(
        order.check(&config(p720, 1280, 720)),
        Err(Disorder::Unplanned(p720))
    );
    assert_eq!(
        order.check(&sample(P480, 0, true)),
        Err(Disorder::Early(P480))
    );
    assert_eq!(
        order.check(&config(P480, 640, 360)),
        Err(Disorder::Config(P480))
    );
    assert_eq!(order.check(&config(P480, 854, 480)), Ok(()));
    assert_eq!(
        order.check(&config(P480, 854, 480)),
        Err(Disorder::Config(P480))
    );
    assert_eq!(
        order.check(&sample(P480, 0, false)),
        Err(Disorder::Early(P480))
    );
    assert_eq!(order.check(&sample(P480, 40, true)), Ok(()));
    for ms in [40, 39] {
        assert_eq!(
            order.check(&sample(P480, ms, true)),
            Err(Disorder::Time {
                rendition: P480,
                last: MediaTime::from_millis(40),
                pts: MediaTime::from_millis(ms),
            })
        );
    }
}

#[test]
fn pictures_come_where_they_are_due_and_are_what_they_say() {
    let picture = |ms: u64| {
        let at = MediaTime::from_millis(1_795_000_000_000 + ms);
        let file = Bytes::from_static(b"\xff\xd8\xff\xe0");
        Event::Picture(Snapshot {
            at,
            first: at,
            poster: file.clone(),
            tile: Size {
                width: 160,
                height: 90,
            },
            sheet: file,
        })
    };
    let mut order = order();
    assert_eq!(order.check(&picture(4_000)), Ok(()));
    assert_eq!(order.check(&picture(10_000)), Ok(()));
    assert_eq!(order.check(&picture(19_999)), Err(Disorder::Picture));
    let Event::Picture(good) = picture(20_000) else {
        unreachable!("it is made above")
    };
    let page = Event::Picture(Snapshot {
        poster: Bytes::from_static(b"<html>"),
        ..good
    });
    assert_eq!(order.check(&page), Err(Disorder::Picture));
    let mut unasked = Order::of_sound();
    assert_eq!(unasked.check(&picture(0)), Err(Disorder::Picture));
}
