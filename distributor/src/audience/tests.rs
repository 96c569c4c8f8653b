use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::viewer::ViewerIds;

const TD: Duration = Duration::from_secs(3);
const SOURCE: Rendition = Rendition::Source;
const RUNG: Rendition = Rendition::Encoded(480);
const AUDIO: Rendition = Rendition::Audio;

#[expect(clippy::disallowed_methods, reason = "an instant to count from")]
fn start() -> Instant {
    Instant::now()
}

fn stage() -> StreamName {
    "stage".parse().unwrap()
}

/// One stream's house, and the clock.
struct Evening {
    audience: Audience,
    ids: ViewerIds,
    now: Instant,
}

impl Evening {
    fn new() -> Self {
        Self {
            audience: Audience::default(),
            ids: ViewerIds::default(),
            now: start(),
        }
    }

    fn asks(&mut self, viewer: ViewerId, rendition: Rendition) {
        let _new = self
            .audience
            .seen(&stage(), viewer, rendition, TD, self.now);
    }

    /// A new viewer, who stays at `rendition`.
    fn arrives(&mut self, rendition: Rendition) -> ViewerId {
        let viewer = self.ids.draw();
        self.asks(viewer, rendition);
        self.asks(viewer, rendition);
        viewer
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn count(&mut self) -> (u64, Vec<(Rendition, u64)>) {
        let count = self.audience.count(&stage(), self.now);
        (count.viewers, count.renditions.into_iter().collect())
    }
}

#[test]
fn a_viewer_arrives_once_and_again_when_he_had_gone() {
    let mut evening = Evening::new();
    let viewer = evening.ids.draw();
    let arrives = |evening: &mut Evening, rendition| {
        evening
            .audience
            .seen(&stage(), viewer, rendition, TD, evening.now)
    };
    assert!(arrives(&mut evening, SOURCE));
    for rendition in [SOURCE, AUDIO, RUNG] {
        assert!(!arrives(&mut evening, rendition));
    }
    evening.pass(TD * 3);
    assert!(arrives(&mut evening, SOURCE));
}

#[test]
fn who_only_looks_is_nobody_and_who_reloads_is_one() {
    let mut evening = Evening::new();
    let viewer = evening.ids.draw();
    evening.asks(viewer, SOURCE);
    evening.asks(viewer, AUDIO);
    assert_eq!(evening.count(), (0, vec![]));
    evening.asks(viewer, SOURCE);
    evening.asks(viewer, AUDIO);
    assert_eq!(evening.count(), (1, vec![(SOURCE, 1)]));
    let listener = evening.arrives(AUDIO);
    assert_eq!(evening.count(), (2, vec![(SOURCE, 1), (AUDIO, 1)]));
    assert_ne!(viewer, listener);
}

#[test]
fn a_viewer_who_changes_the_quality_is_one() {
    let mut evening = Evening::new();
    let viewer = evening.arrives(SOURCE);
    evening.asks(viewer, RUNG);
    assert_eq!(evening.count(), (1, vec![(RUNG, 1)]));
    // The sound goes on, and after a while there is nothing else.
    evening.asks(viewer, AUDIO);
    assert_eq!(evening.count(), (1, vec![(RUNG, 1)]));
    for _ in 0..3 {
        evening.pass(TD);
        evening.asks(viewer, AUDIO);
    }
    assert_eq!(evening.count(), (1, vec![(AUDIO, 1)]));
}

#[test]
fn it_is_over_in_three_target_durations() {
    let mut evening = Evening::new();
    evening.arrives(SOURCE);
    evening.pass(TD * 3 - Duration::from_millis(1));
    assert_eq!(evening.count().0, 1);
    evening.pass(Duration::from_millis(1));
    assert_eq!(evening.count(), (0, vec![]));
    assert_eq!(evening.audience.sittings, 0);
}

#[test]
fn what_is_told_is_the_same_for_all_for_a_while() {
    let mut evening = Evening::new();
    evening.arrives(SOURCE);
    let told = |evening: &mut Evening| evening.audience.told(&stage(), evening.now);
    assert_eq!(told(&mut evening).0.viewers, 1);
    evening.arrives(SOURCE);
    evening.pass(Duration::from_secs(4));
    let (count, age) = told(&mut evening);
    assert_eq!((count.viewers, age), (1, Duration::from_secs(4)));
    evening.pass(Duration::from_secs(1));
    let (count, age) = told(&mut evening);
    assert_eq!((count.viewers, count.most, age), (2, 2, Duration::ZERO));
    let nowhere = "nowhere".parse().unwrap();
    assert_eq!(
        evening.audience.told(&nowhere, evening.now).0,
        Count::default()
    );
}

#[test]
fn invented_numbers_fill_the_house_and_no_more_and_leave_it() {
    let mut evening = Evening::new();
    for _ in 0..SITTINGS_MAX + 1000 {
        evening.arrives(SOURCE);
    }
    assert_eq!(evening.count().0, SITTINGS_MAX as u64);
    // They have gone, and nobody asks for that stream again: another has room.
    evening.pass(TD * 3);
    let (hall, viewer) = ("hall".parse().unwrap(), evening.ids.draw());
    for _ in 0..3 {
        evening
            .audience
            .seen(&hall, viewer, SOURCE, TD, evening.now);
    }
    assert_eq!(evening.audience.count(&hall, evening.now).viewers, 1);
    assert_eq!(evening.audience.sittings, 1);
}

#[test]
fn streams_are_bounded_and_forgotten() {
    let mut evening = Evening::new();
    let viewer = evening.ids.draw();
    for number in 0..STREAMS_MAX + 10 {
        let stream = format!("s{number}").parse().unwrap();
        evening
            .audience
            .seen(&stream, viewer, SOURCE, TD, evening.now);
    }
    assert_eq!(evening.audience.streams.len(), STREAMS_MAX);
    evening.pass(FORGOTTEN_AFTER);
    evening.arrives(SOURCE);
    let now = evening.now;
    let counts: Vec<_> = evening.audience.counts(now).collect();
    assert_eq!(counts.len(), 1, "{counts:?}");
}

proptest! {
    /// Whatever is asked for and whenever, the count is that of a list of everybody.
    #[test]
    fn the_count_is_that_of_everybody_who_is_there(
        events in vec((0_usize..8, select(vec![SOURCE, RUNG]), 0_u64..4000), 0..200)
    ) {
        let mut evening = Evening::new();
        let ids: Vec<_> = (0..8).map(|_| evening.ids.draw()).collect();
        // For each viewer: where, counted, until when.
        let mut list: Vec<Option<(Rendition, bool, Instant)>> = vec![None; 8];
        for (viewer, rendition, pause) in events {
            evening.pass(Duration::from_millis(pause));
            let now = evening.now;
            for seat in &mut list {
                *seat = seat.filter(|(_, _, over)| *over > now);
            }
            let stays = list[viewer].is_some_and(|(at, stays, _)| stays || at == rendition);
            list[viewer] = Some((rendition, stays, now + TD * 3));
            evening.asks(ids[viewer], rendition);
            let mut renditions = BTreeMap::<_, u64>::new();
            for (at, stays, _) in list.iter().flatten() {
                if *stays {
                    *renditions.entry(*at).or_default() += 1;
                }
            }
            let count = evening.audience.count(&stage(), now);
            prop_assert_eq!(count.viewers, renditions.values().sum::<u64>());
            prop_assert_eq!(count.renditions, renditions);
            prop_assert!(count.most >= count.viewers);
        }
    }
}

#[test]
fn who_watches_is_known_until_he_has_gone() {
    let mut evening = Evening::new();
    let viewer = evening.ids.draw();
    let knows = |evening: &Evening, stream: &StreamName| {
        evening.audience.knows(stream, viewer, evening.now)
    };
    assert!(!knows(&evening, &stage()));
    evening.asks(viewer, SOURCE);
    assert!(knows(&evening, &stage()));
    assert!(!knows(&evening, &"hall".parse().unwrap()));
    evening.now += TD * GONE_AFTER;
    assert!(!knows(&evening, &stage()));
}
