//! [pure] Where in a connection's memory what lies.
//!
//! One slot a connection, sparse: a player that only listens touches two pages of it.

use std::ops::Range;

/// Smallest unit that the system maps and frees.
pub(super) const PAGE: u64 = 4096;
/// Control bytes that may wait to be written; the outbox allows fewer.
pub(super) const CONTROL: usize = 68 * 1024;
/// Bytes that may have come since the last snapshot.
pub(super) const JOURNAL: usize = 128 * 1024;

/// The kernel's account when the connection was taken in.
pub(super) const ENTRY: Range<usize> = 0..64;
/// What is being written: two places.
pub(super) const OUTPUT: [Range<usize>; 2] = [64..320, 320..576];
/// Snapshots of a session that holds no half of a message: two places.
pub(super) const SMALL: [Range<usize>; 2] = [576..2_112, 2_112..3_648];
/// Control bytes that wait.
pub(super) const CONTROLS: Range<usize> = 3_648..3_648 + CONTROL;
/// What came since the snapshot.
pub(super) const JOURNALS: Range<usize> = 73_728..73_728 + JOURNAL;
/// Snapshots with halves of messages: two places, each for more than a session may hold.
pub(super) const LARGE: [Range<usize>; 2] = [204_800..10_690_560, 10_690_560..21_176_320];
/// The whole of it.
pub(super) const SLOT: u64 = 21_176_320;

/// Goes up with every change of any type that is part of a snapshot or a note, or of where things are.
pub(super) const LAYOUT: u64 = 2;

const _: () = assert!(CONTROLS.end <= JOURNALS.start && JOURNALS.end == LARGE[0].start);
const _: () = assert!(SLOT.is_multiple_of(PAGE) && LARGE[1].end as u64 == SLOT);
