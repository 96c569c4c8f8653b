use super::*;

const RUNG: Rendition = Rendition::Encoded(480);
const LIMIT: Duration = Duration::from_secs(5);

/// An encoder without fault: 30 ms a picture.
fn good() -> Vec<Event> {
    let clip = Clip::read().unwrap();
    let sample = |pts: &MediaTime| Event::Sample {
        rendition: RUNG,
        pts: *pts,
        key: clip.keys.contains(pts),
        bytes: Bytes::from_static(b"picture"),
    };
    clip.times.iter().map(sample).collect()
}

fn fault(events: Vec<Event>, wanted: f64) -> Option<Fault> {
    let mut sheet = Sheet::default();
    for (event, n) in events.into_iter().zip(1..) {
        sheet.note(event, Duration::from_millis(30) * n);
    }
    sheet.fault(&Clip::read().unwrap(), 1, wanted, LIMIT)
}

/// `good` with something done to one picture.
fn with(number: usize, change: fn(&mut MediaTime, &mut bool)) -> Vec<Event> {
    let mut events = good();
    if let Some(Event::Sample { pts, key, .. }) = events.get_mut(number) {
        change(pts, key);
    }
    events
}

#[test]
fn an_encoder_without_fault_passes_if_it_is_fast_enough() {
    assert_eq!(fault(good(), 33.0), None);
    let slow = fault(good(), 37.5).unwrap();
    assert!(slow.is_slowness());
    assert_eq!(slow.to_string(), "33.3 frames per second, 37.5 are wanted");
}

#[test]
fn every_fault_is_told_with_its_place() {
    for (events, expected) in [
        (
            with(7, |pts, _| *pts = pts.plus_millis(12)),
            "480p: the time of picture 7 moved by 12 ms",
        ),
        (
            with(39, |_, key| *key = false),
            "480p: picture 39 is no key, and one was asked for",
        ),
        (
            with(30, |_, key| *key = true),
            "480p: picture 30 is a key that nobody asked for",
        ),
        (
            good().split_off(1),
            "480p: the time of picture 0 moved by 33 ms",
        ),
        (
            good().into_iter().take(88).collect(),
            "480p: only 88 of 90 pictures came out",
        ),
        (Vec::new(), "it ended and gave nothing at all"),
        (
            vec![Event::Failed {
                reason: "no such device".to_owned(),
            }],
            "no such device",
        ),
    ] {
        assert_eq!(fault(events, 30.0).unwrap().to_string(), expected);
    }
}

#[test]
fn one_that_was_stopped_hangs_or_is_slow() {
    let stopped = |events: Vec<Event>| {
        let mut sheet = Sheet {
            out_of_time: true,
            ..Sheet::default()
        };
        for (event, n) in events.into_iter().zip(1..) {
            sheet.note(event, Duration::from_millis(250) * n);
        }
        let fault = sheet.fault(&Clip::read().unwrap(), 1, 37.5, LIMIT);
        fault.unwrap().to_string()
    };
    assert_eq!(
        stopped(Vec::new()),
        "it took pictures and gave none within 5 s"
    );
    assert_eq!(
        stopped(good().into_iter().take(19).collect()),
        "4.0 frames per second, 37.5 are wanted"
    );
}

#[test]
fn pictures_are_compared_one_by_one() {
    let picture = |byte: u8| Bytes::from(vec![byte; 64]);
    // Those between are not kept.
    let pictures = |first, fourth| [picture(first), Bytes::new(), Bytes::new(), picture(fourth)];
    let source = pictures(10, 20);
    let like = likeness(RUNG, &pictures(11, 20), &source).unwrap();
    assert_eq!(like.decibels(), 48.1);
    let told = |seen: &[Bytes]| likeness(RUNG, seen, &source).unwrap_err().to_string();
    assert_eq!(
        told(&pictures(10, 200)),
        "480p: the picture is not the source's: 3.0 dB at picture 3, at least 28.0 are wanted"
    );
    assert_eq!(
        told(&[picture(10)]),
        "what it makes cannot be decoded: 480p: 1 of 4 pictures"
    );
}
