//! A show of four hours, through everything that happens to one.

use super::*;

/// An encoder whose clock drifts, starts where it likes, and keeps as many bits as it likes.
struct Encoder {
    id: PublisherId,
    start: u64,
    begun: u64,
    /// Parts in a million.
    drift: i64,
    bits: u32,
}

impl Encoder {
    fn stamp(&self, now: u64) -> u32 {
        let elapsed = i64::try_from(now - self.begun).unwrap();
        let elapsed = u64::try_from(elapsed + elapsed * self.drift / 1_000_000).unwrap();
        u32::try_from((self.start + elapsed) % (1 << self.bits)).unwrap()
    }

    fn send(&self, stage: &mut Stage, frame: u64) {
        let stamp = self.stamp(stage.now);
        let payload = if frame.is_multiple_of(50) { KEY } else { INTER };
        stage.send(self.id, MessageKind::Video, stamp, payload);
        stage.send(self.id, MessageKind::Audio, stamp, SOUND);
    }
}

/// Where the primary is cut for 3 s, and where it is stopped for 1.2 s, minutes into the show.
const CUT: [u64; 3] = [30, 95, 200];
const STOPPED: [u64; 3] = [60, 61, 150];

/// The show, and who watches it.
struct Show {
    stage: Stage,
    primary: Encoder,
    backup: Encoder,
    next: u64,
    back_at: Option<u64>,
    watchers: [(Cursor, Watcher); 2],
    /// Of all stamps, milliseconds.
    times: Vec<u64>,
}

impl Show {
    fn begin() -> Self {
        let mut stage = Stage::new();
        stage.join_as(A, PublishRole::Primary, AVC);
        stage.join_as(B, PublishRole::Backup, AVC);
        let encoder = |id, start, drift, bits| Encoder {
            id,
            start,
            begun: NOW,
            drift,
            bits,
        };
        Self {
            stage,
            // An hour before the wrap of 32 bits.
            primary: encoder(A, (1 << 32) - 3_600_000, 200, 32),
            backup: encoder(B, 0, -100, 24),
            next: 3,
            back_at: None,
            watchers: [Audience::Transcoder, Audience::Player]
                .map(|audience| (Cursor::new(audience), Watcher::default())),
            times: Vec::new(),
        }
    }

    fn frame(&mut self, frame: u64) {
        let Self { stage, primary, .. } = self;
        let (minute, within) = (frame / 1_500, frame % 1_500 * 40);
        if CUT.contains(&minute) && within == 0 {
            stage.leave(primary.id);
            self.back_at = Some(stage.now + 3_000);
        }
        if self.back_at.is_some_and(|at| at <= stage.now) {
            // OBS starts at 0 again; another encoder goes on, two seconds before the wrap of 24 bits.
            let second = self.next == 4;
            *primary = Encoder {
                id: PublisherId(self.next),
                start: if second { (1 << 24) - 2_000 } else { 0 },
                begun: stage.now,
                drift: 200,
                bits: if second { 24 } else { 32 },
            };
            stage.join(primary.id, AVC);
            self.next += 1;
            self.back_at = None;
        }
        let stopped = STOPPED.contains(&minute) && within < 1_200;
        if self.back_at.is_none() && !stopped {
            primary.send(stage, frame);
        }
        self.backup.send(stage, frame + 20);
        stage.wait(40);
        stage.events.retain(|event| event.told().is_some());
    }

    fn watch(&mut self) {
        for (cursor, watcher) in &mut self.watchers {
            let items = self.stage.take(cursor);
            watcher.watch(cursor, &items);
            let times = stamps(&items).into_iter().map(|stamp| stamp.pts.millis());
            self.times.extend(times);
        }
    }
}

#[test]
fn a_show_of_four_hours_is_whole() {
    let mut show = Show::begin();
    for frame in 0..4 * 3_600 * 25 {
        show.frame(frame);
        show.watch();
    }
    let Show { stage, times, .. } = &show;
    let length = times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(length.clone().all(|ms| (1..=3_000).contains(&ms)), "a hole");
    assert!((7_180..=7_220).contains(&times.len()), "{}", times.len());
    let newest = times.last().unwrap();
    assert!(
        newest.abs_diff(stage.now) < 12_000,
        "{newest} at {}",
        stage.now
    );
    let counters = stage.stream.counters();
    assert_eq!(
        (counters.sessions, counters.holds, counters.malformed),
        (1, 0, 0)
    );
    // Six times the backup stood in, and six times it gave the air back.
    assert_eq!(counters.takeovers, 12, "{:?}", stage.events);
    assert!(show.watchers.iter().all(|(cursor, _)| cursor.skips() == 0));
}
