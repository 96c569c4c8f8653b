use proptest::prelude::*;

use super::*;
use crate::{cursor::Audience, handover::slot::JOURNALS};

/// Any place; the number tells it from the others.
fn place(number: u64) -> Place {
    let mut place = crate::cursor::Cursor::new(Audience::Player).place(false);
    place.ended = number % 2 == 1;
    place
}

fn memory() -> Vec<u8> {
    vec![0; JOURNALS.start]
}

#[derive(Debug, Clone)]
enum Step {
    Turn(u16),
    Say(u8),
    /// The kernel takes so many bytes.
    Write(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..2_000_u16).prop_map(Step::Turn),
        (0..200_u8).prop_map(Step::Say),
        (1..3_000_u16).prop_map(Step::Write),
    ]
}

proptest! {
    /// Killed between any two steps, and after any number of bytes that were written and not noted.
    #[test]
    fn what_waits_is_known_whenever_the_process_dies(steps in prop::collection::vec(step(), 1..80)) {
        let mut writing = Writing::new(memory());
        // What waits, as the outbox has it.
        let (mut turn, mut control) = (0_u64, Vec::<u8>::new());
        let (mut done, mut written, mut said) = (0_u64, 0_u64, 0_u64);
        for (number, step) in (0_u64..).zip(steps) {
            let waits = turn + control.len() as u64;
            let empty = done == waits;
            match step {
                Step::Turn(bytes) if empty => {
                    (turn, done) = (bytes.into(), 0);
                    control.clear();
                    writing.turn(place(number), place(number + 1), turn).unwrap();
                }
                Step::Say(bytes) => {
                    if empty {
                        (turn, done) = (0, 0);
                        control.clear();
                    }
                    let bytes = vec![bytes; bytes.into()];
                    writing.control(&bytes, empty).unwrap();
                    control.extend(bytes);
                    said += 1;
                }
                Step::Turn(_) => {}
                Step::Write(bytes) => {
                    let count = u64::from(bytes).min(waits - done);
                    done += count;
                    written += count;
                }
            }
            let copy = writing.memory.clone();
            let (_, found) = Writing::restore(copy, written).unwrap();
            prop_assert_eq!((found.said, found.done), (said, done));
            prop_assert_eq!(found.turn_bytes, turn);
            prop_assert_eq!(&found.control, &control);
            prop_assert_eq!(found.turn.is_some(), done < turn);
            let more = written + turn + control.len() as u64 - done + 1;
            prop_assert!(Writing::restore(writing.memory.clone(), more).is_none());
        }
    }
}
