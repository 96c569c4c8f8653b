//! A window over hours, with a disk, without one, and with one that fails for a while.

use std::collections::BTreeSet;

use live::{Dsn, PartIndex};

use super::*;

const PART: usize = 500;

/// A window that is fed segments of two seconds, and a disk that takes them.
struct Dvr {
    window: Window,
    next: u64,
    /// Closed and not yet on disk.
    waiting: Vec<Msn>,
    disk: BTreeSet<Msn>,
    disk_works: bool,
    memory: usize,
}

impl Dvr {
    fn new(seconds: u64, disk_works: bool) -> Self {
        let limits = Limits {
            length_ms: seconds * 1000,
            parts: PartTarget::from_millis(500).unwrap(),
            target_duration: 3,
            segment_ms: 2000,
        };
        let mut window = Window::new(Rendition::Source, limits, 90_000, &Recent::default());
        window.configure(Bytes::from_static(b"init"), 90_000);
        Self {
            window,
            next: 1_800_000_000,
            waiting: Vec::new(),
            disk: BTreeSet::new(),
            disk_works,
            memory: usize::MAX,
        }
    }

    fn part(&mut self, index: u32) {
        let part = CutPart {
            picture: None,
            index: PartIndex(index),
            start: 0,
            duration: 45_000,
            independent: index == 0,
            bytes: vec![u8::try_from(index).unwrap(); PART].into(),
        };
        let start = MediaTime::from_millis(self.next * 2000);
        self.window.part(start, part);
    }

    /// One segment more.
    fn segment(&mut self) {
        self.next += 1;
        self.window.begin(Boundary {
            msn: Msn(self.next),
            dsn: Dsn(0),
            start: MediaTime::from_millis(self.next * 2000),
            gap: false,
            held: false,
            sound: None,
            parts: None,
        });
        (0..4).for_each(|index| self.part(index));
        let start = self.next * 180_000;
        self.window.close(start, start + 180_000);
        self.news();
        while self.window.bytes() > self.memory {
            assert!(self.window.evict());
            self.news();
        }
    }

    fn news(&mut self) {
        for event in self.window.news() {
            match event {
                Event::Closed(closed) => self.waiting.push(closed.msn),
                Event::Gone(_, msn) => {
                    self.waiting.retain(|waiting| *waiting != msn);
                    self.disk.remove(&msn);
                }
                Event::Ended | Event::Over => unreachable!("a window has no end"),
            }
        }
        if self.disk_works {
            for msn in std::mem::take(&mut self.waiting) {
                self.disk.insert(msn);
                self.window.saved(msn);
            }
        }
    }

    fn minutes(&mut self, minutes: u64) {
        (0..minutes * 30).for_each(|_| self.segment());
    }

    /// Seconds of media that the playlist lists, all of which can be fetched.
    fn listed(&self) -> u64 {
        let mut seconds = 0;
        for (msn, segment) in self.window.playlist().numbered() {
            seconds += segment.duration.rounded();
            let length = match self.window.find(Object::Segment(Rendition::Source, msn)) {
                Found::Bytes(parts, _) => parts.iter().map(Bytes::len).sum(),
                Found::Saved(length, _) if self.disk.contains(&msn) => {
                    usize::try_from(length).unwrap()
                }
                found @ (Found::Saved(..) | Found::Soon | Found::Nothing) => {
                    unreachable!("{msn}: {found:?}")
                }
            };
            assert_eq!(length, 4 * PART, "{msn}");
        }
        seconds
    }
}

#[test]
fn hours_on_disk_take_no_more_memory_than_minutes() {
    let mut dvr = Dvr::new(4 * 3600, true);
    dvr.minutes(5);
    let held = dvr.window.bytes();
    dvr.minutes(4 * 60 - 5);
    assert_eq!(dvr.window.bytes(), held);
    assert_eq!(dvr.listed(), 4 * 3600);
    dvr.minutes(8 * 60);
    assert_eq!(dvr.window.bytes(), held);
    assert_eq!(dvr.listed(), 4 * 3600);
    // Listed and open parts are in memory for three target durations more; half a minute in all.
    assert!(held <= 15 * 4 * PART, "{held}");
    // What has left the playlist stays for the playlist's length.
    assert!((2 * 7200..2 * 7200 + 6).contains(&dvr.disk.len()));
}

#[test]
fn without_a_disk_the_playlist_is_as_long_as_memory_allows() {
    let mut dvr = Dvr::new(3600, false);
    dvr.memory = 4 * PART * 100;
    dvr.minutes(60);
    assert!(dvr.window.bytes() <= dvr.memory);
    assert_eq!(dvr.listed(), 200);
    assert_eq!(dvr.waiting.len(), 100);
}

#[test]
fn a_disk_that_fails_for_a_while_costs_nothing_while_memory_lasts() {
    let mut dvr = Dvr::new(3600, true);
    dvr.memory = 4 * PART * 100;
    dvr.minutes(90);
    dvr.disk_works = false;
    dvr.minutes(2);
    assert_eq!(dvr.listed(), 3600);
    dvr.disk_works = true;
    dvr.minutes(2);
    assert_eq!(dvr.listed(), 3600);
    let held = dvr.window.bytes();
    // Longer than memory lasts: the playlist begins after what was lost, and grows again.
    dvr.disk_works = false;
    dvr.minutes(30);
    assert_eq!(dvr.listed(), 200);
    dvr.disk_works = true;
    dvr.minutes(10);
    assert_eq!(dvr.window.bytes(), held);
    assert_eq!(dvr.listed(), 200 + 600);
    dvr.minutes(60);
    assert_eq!(dvr.listed(), 3600);
}

/// RFC 8216bis §6.2.2: a part for three target durations after it left the playlist, a segment for its own duration and
/// that of the longest playlist that listed it.
#[test]
fn what_left_the_playlist_stays_as_long_as_it_must() {
    let mut dvr = Dvr::new(60, true);
    let mut parts = BTreeSet::new();
    let mut segments = BTreeSet::new();
    for _ in 0..200 {
        dvr.segment();
        for (msn, segment) in dvr.window.playlist().numbered() {
            segments.insert(msn);
            if !segment.parts.is_empty() {
                parts.insert(msn);
            }
        }
        let listed = dvr.window.playlist();
        let first = listed.media_sequence;
        let with_parts = listed.numbered().find(|(_, s)| !s.parts.is_empty());
        let (with_parts, _) = with_parts.unwrap();
        // Nine seconds are less than five segments, a minute and a segment are 31.
        parts.retain(|msn| msn.0 + 5 >= with_parts.0);
        segments.retain(|msn| msn.0 + 31 >= first.0);
        for msn in &parts {
            let found = dvr
                .window
                .find(Object::Part(Rendition::Source, *msn, PartIndex(3)));
            assert!(matches!(found, Found::Bytes(..)), "{msn}: {found:?}");
        }
        for msn in segments.iter().filter(|msn| msn.0 > 1_800_000_000) {
            let found = dvr.window.find(Object::Segment(Rendition::Source, *msn));
            let there = matches!(found, Found::Bytes(..) | Found::Saved(..));
            assert!(there, "{msn}: {found:?}");
        }
    }
}

#[test]
fn the_playlist_of_hours_is_the_one_that_is_written_at_once() {
    let mut dvr = Dvr::new(3600, true);
    for _ in 0..3000 {
        dvr.segment();
        let written = dvr.window.write(Vec::new());
        if dvr.next.is_multiple_of(50) {
            assert_eq!(
                String::from_utf8_lossy(&written.full.whole()),
                dvr.window.playlist().write()
            );
            assert!(written.delta.whole().len() < 4000);
        }
    }
}
