use std::collections::BTreeSet;

use bytes::Bytes;
use live::{Dsn, MediaTime, Msn, Rendition, playlist::Seconds};
use proptest::{collection::vec, prelude::*};

use super::*;

fn closed(msn: u64) -> Closed {
    Closed {
        rendition: Rendition::Source,
        msn: Msn(msn),
        dsn: Dsn(0),
        start: MediaTime::default(),
        duration: Seconds::from_secs(2),
        discontinuity: false,
        gap: false,
        held: false,
        init: None,
        parts: vec![Bytes::from_static(b"media")],
        date_ranges: Vec::new(),
    }
}

fn stage() -> StreamName {
    "stage".parse().unwrap()
}

/// What may happen, in any order.
#[derive(Debug, Clone, Copy)]
enum Step {
    Close,
    /// The oldest that is not gone is.
    Gone,
    Over,
    /// Begin to write, or end it well or badly.
    Write(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Close),
        4 => Just(Step::Gone),
        1 => Just(Step::Over),
        8 => any::<bool>().prop_map(Step::Write),
    ]
}

proptest! {
    /// The queue holds no segment that its window gave up, and in the end the disk holds none either.
    #[test]
    fn what_a_window_gives_up_is_neither_held_nor_left_on_the_disk(steps in vec(step(), 1..300)) {
        let mut queue = Queue::default();
        let mut window = BTreeSet::new();
        let mut disk = BTreeSet::new();
        let mut current: Option<Write> = None;
        let mut next = 0;
        let session = SessionId(1);
        let tell = |queue: &mut Queue, event| {
            queue.take(&stage(), News { session, event }, Duration::ZERO);
        };
        for step in steps {
            match step {
                Step::Close => {
                    next += 1;
                    window.insert(next);
                    tell(&mut queue, Event::Closed(closed(next)));
                }
                Step::Gone => if let Some(oldest) = window.pop_first() {
                    tell(&mut queue, Event::Gone(Rendition::Source, Msn(oldest)));
                }
                Step::Over => {
                    window.clear();
                    tell(&mut queue, Event::Over);
                }
                Step::Write(well) => match current.take() {
                    Some(write) if well => {
                        disk.insert(write.name.msn.0);
                        queue.done();
                    }
                    Some(write) => queue.give_back(write),
                    None => current = work(&mut queue, &mut disk),
                }
            }
            let held: BTreeSet<u64> = queue.writes.values().map(|w| w.name.msn.0).collect();
            prop_assert!(held.is_subset(&window));
            prop_assert_eq!(queue.waiting.len(), queue.writes.len());
        }
        if let Some(write) = current {
            queue.give_back(write);
        }
        while queue.len() > 0 || !queue.removals.is_empty() {
            if let Some(write) = work(&mut queue, &mut disk) {
                disk.insert(write.name.msn.0);
                queue.done();
            }
        }
        prop_assert_eq!(disk, window);
    }
}

/// Does what comes next, up to a segment that is to be written.
fn work(queue: &mut Queue, disk: &mut BTreeSet<u64>) -> Option<Write> {
    loop {
        match queue.next(true)? {
            Work::Remove(Removal::Segment(name)) => {
                disk.remove(&name.msn.0);
            }
            Work::Remove(Removal::Show(..)) => disk.clear(),
            Work::Write(write) => return Some(write),
        }
    }
}

#[test]
fn one_more_than_may_wait_is_not_taken_and_counted() {
    let mut queue = Queue::default();
    for msn in 0..u64::try_from(MAX_WRITES).unwrap() + 3 {
        let news = News {
            session: SessionId(1),
            event: Event::Closed(closed(msn)),
        };
        queue.take(&stage(), news, Duration::ZERO);
    }
    assert_eq!((queue.len(), queue.shed()), (MAX_WRITES, 3));
    let first = work(&mut queue, &mut BTreeSet::new()).unwrap();
    assert_eq!(first.name.msn, Msn(0));
}
