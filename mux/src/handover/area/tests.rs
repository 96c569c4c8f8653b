use live::cutter::SegmentTarget;
use rtmp::{Message, MessageKind};

use super::*;
use crate::{election::PublisherId, key::PublishRole, ring::RingLimits};

fn settings() -> Settings {
    Settings {
        target: SegmentTarget::from_millis(2_000).unwrap(),
        hold: 300_000,
        merge: std::time::Duration::ZERO,
        ring: RingLimits {
            bytes: 1 << 20,
            span: 4_000,
        },
    }
}

/// A stream that is on the air, and moves to another process after every message.
#[test]
fn a_show_goes_on_in_every_new_process_as_in_one() {
    let id = PublisherId(1);
    let (mut moving, mut staying) = (Stream::new(settings(), None), Stream::new(settings(), None));
    let mut area = Area::create("test").unwrap();
    for stream in [&mut moving, &mut staying] {
        stream.publisher_joined(id, PublishRole::Primary);
    }
    for number in 0..300_u32 {
        let now = 1_795_000_000_000 + u64::from(number) * 40;
        let payload = match number {
            0 => b"\x17\x00\x00\x00\x00configuration".to_vec(),
            n if n % 50 == 1 => [&b"\x17\x01\x00\x00\x00"[..], &[7; 90]].concat(),
            _ => [&b"\x27\x01\x00\x00\x00"[..], &[9; 30]].concat(),
        };
        let message = Message {
            timestamp: number * 40,
            kind: MessageKind::Video,
            stream_id: 1,
            payload: payload.into(),
        };
        for stream in [&mut moving, &mut staying] {
            stream.publisher_message(id, &message, now).unwrap();
            while stream.poll_event().is_some() {}
        }
        let aside = Aside {
            next_publisher: 2,
            now,
            orders: BTreeMap::new(),
        };
        area.commit(&moving, &aside);
        // A change that was cut short before its state was written counts for nothing.
        let torn = area.file.try_clone().unwrap();
        torn.write_all_at(&[0xEE; 500], LOG + area.log.end())
            .unwrap();
        let descriptor = OwnedFd::from(area.file.try_clone().unwrap());
        let found;
        (area, moving, found) = Area::restore(descriptor, settings()).unwrap();
        assert_eq!(found, aside);
        assert_eq!(moving.applied(id), Some(u64::from(number) + 1));
        assert_eq!(
            format!("{:?}", moving.ring()),
            format!("{:?}", staying.ring())
        );
    }
    assert!(
        moving.ring().tail() > crate::ring::Seq(0),
        "the ring has let go of something"
    );
}

#[test]
fn what_is_foreign_or_empty_is_nothing() {
    let empty = Area::create("test").unwrap().file;
    assert!(Area::restore(empty.into(), settings()).is_none());
    let foreign = create("test", FORMAT + 1).unwrap();
    assert!(Area::restore(foreign.into(), settings()).is_none());
}
