use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Object, PartIndex, Rendition,
    playlist::{OpenSegment, Part, ProgramDateTime, Seconds, Segment, SegmentHead, Uri},
};

/// What may happen to a live playlist between two times that it is written.
#[derive(Debug, Clone)]
enum Step {
    Part,
    Close,
    Gap,
    Configure(u8),
    Discontinuity,
    Unlist(usize),
    Write,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Part),
        12 => Just(Step::Close),
        2 => Just(Step::Gap),
        1 => (0..3u8).prop_map(Step::Configure),
        1 => Just(Step::Discontinuity),
        2 => (1..12usize).prop_map(Step::Unlist),
        4 => Just(Step::Write),
    ]
}

/// A packager of little sense.
struct Packager {
    playlist: MediaPlaylist,
    map: Option<Uri>,
    discontinuity: bool,
}

impl Packager {
    /// Newest segments that list their parts.
    const PARTS: usize = 3;

    fn head(&mut self) -> SegmentHead {
        SegmentHead {
            discontinuity: std::mem::take(&mut self.discontinuity),
            map: self.map.clone(),
            program_date_time: Some(ProgramDateTime::from_unix_millis(
                self.playlist.open_msn().0 * 2000,
            )),
        }
    }

    fn part(&mut self) {
        let msn = self.playlist.open_msn();
        let head = self.head();
        let open = self.playlist.open.get_or_insert(OpenSegment {
            head,
            parts: Vec::new(),
        });
        let index = PartIndex(u32::try_from(open.parts.len()).unwrap());
        open.parts.push(Part {
            uri: Uri::beside(Object::Part(Rendition::Source, msn, index)),
            duration: Seconds::from_millis(500),
            independent: index.0 == 0,
            gap: false,
        });
    }

    fn close(&mut self, gap: bool) {
        let uri = Uri::beside(Object::Segment(Rendition::Source, self.playlist.open_msn()));
        let duration = Seconds::from_secs(2);
        let segment = match self.playlist.open.take() {
            Some(open) if !gap => open.close(uri, duration),
            open => Segment {
                head: open.map_or_else(|| self.head(), |open| open.head),
                parts: Vec::new(),
                gap,
                duration,
                uri,
            },
        };
        self.playlist.segments.push_back(segment);
        for settled in self.playlist.segments.iter_mut().rev().skip(Self::PARTS) {
            settled.parts.clear();
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Part => self.part(),
            Step::Close => {
                self.part();
                self.close(false);
            }
            Step::Gap => self.close(true),
            Step::Configure(n) => self.map = Some(format!("init-{n}.mp4").parse().unwrap()),
            Step::Discontinuity => self.discontinuity = true,
            Step::Unlist(count) => {
                for _ in 0..*count {
                    if self.playlist.segments.pop_front().is_some() {
                        self.playlist.media_sequence = self.playlist.media_sequence.next();
                    }
                }
            }
            Step::Write => {}
        }
    }
}

fn whole(playlist: &MediaPlaylist, settled: &mut Settled) -> (String, InitHash) {
    let (pieces, tag) = playlist.write_pieces(settled);
    (String::from_utf8(pieces.concat()).unwrap(), tag)
}

proptest! {
    #[test]
    fn what_was_written_before_changes_no_byte(
        steps in vec(steps(), 1..500),
        first in 0..100u64,
        configured: bool,
    ) {
        let mut packager = Packager {
            playlist: MediaPlaylist {
                media_sequence: Msn(first),
                ..MediaPlaylist::default()
            },
            map: configured.then(|| "init.mp4".parse().unwrap()),
            discontinuity: false,
        };
        let mut settled = Settled::default();
        let mut before: Option<(String, InitHash)> = None;
        for step in &steps {
            packager.step(step);
            if matches!(step, Step::Write | Step::Unlist(_)) {
                let (text, tag) = whole(&packager.playlist, &mut settled);
                prop_assert_eq!(&text, &packager.playlist.write());
                if let Some((earlier, other)) = &before {
                    prop_assert_eq!(earlier == &text, other == &tag);
                }
                before = Some((text, tag));
            }
        }
    }
}

#[test]
fn hours_are_shared_between_two_writings() {
    let mut packager = Packager {
        playlist: MediaPlaylist::default(),
        map: Some("init.mp4".parse().unwrap()),
        discontinuity: false,
    };
    (0..7200).for_each(|_| packager.step(&Step::Close));
    let mut settled = Settled::default();
    let (first, _) = packager.playlist.write_pieces(&mut settled);
    packager.step(&Step::Part);
    let (second, _) = packager.playlist.write_pieces(&mut settled);
    let shared = |piece: &&Bytes| first.iter().any(|other| other.as_ptr() == piece.as_ptr());
    let anew: usize = second.iter().filter(|p| !shared(p)).map(Bytes::len).sum();
    let all: usize = second.iter().map(Bytes::len).sum();
    assert!(anew < 10_000 && all > 500_000, "{anew} of {all}");
}
