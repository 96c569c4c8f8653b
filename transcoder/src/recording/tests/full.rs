//! A disk that is really full, to the last page.

use super::*;
use crate::{recording::state::is_over, small_disk::SmallDisk};

const RENDITIONS: [Rendition; 3] = [Rendition::Source, RUNG, Rendition::Audio];

/// What is there is valid, and whoever plays it finds all that is named.
fn check_all(show: &Path) {
    for rendition in RENDITIONS {
        if show.join(ShowObject::Media(rendition).to_string()).exists() {
            playlist(show, rendition);
        }
    }
    if show.join("index.m3u8").exists() {
        index(show);
    }
}

#[test]
fn what_a_full_disk_does_not_take_is_a_gap_and_the_show_ends_once_there_is_room() {
    let Some(disk) = SmallDisk::mount("recording-full", 256) else {
        return;
    };
    let mut stand = Stand::new(disk.path());
    // It would stop in time.
    stand.writer.guard = Guard::new(0);
    let show = show_directory(disk.path(), START_MS);
    let messages = Show {
        seconds: 40,
        ..Show::default()
    }
    .session(START_MS, None);
    let third = messages.len() / 3;
    let mut faults = Vec::new();
    for (n, message) in messages.into_iter().enumerate() {
        if (third..2 * third).contains(&n) {
            // Each time another file is the one that does not fit.
            disk.fill(u64::try_from(n % 3).unwrap());
        } else if n == 2 * third {
            disk.clear();
        }
        stand.feed(message);
        faults.extend(stand.writer.figures.now().fault);
        faults.dedup();
        if n % 20 == 0 {
            check_all(&show);
        }
    }
    assert!(
        faults.iter().any(|fault| fault.contains("No space left")),
        "{faults:?}"
    );
    assert_eq!(stand.writer.figures.now().fault, None);
    let mut lost = 0;
    for rendition in RENDITIONS {
        let playlist = playlist(&show, rendition);
        let gaps: Vec<bool> = playlist.segments.iter().map(|s| s.gap).collect();
        let last = gaps[gaps.len() - 1];
        assert!(!gaps[0] && !last, "{rendition}: {gaps:?}");
        lost += gaps.into_iter().filter(|gap| *gap).count();
    }
    assert!(lost > 3, "{lost}");

    disk.fill(0);
    stand.feed(Message::End);
    assert!(!is_over(&show).unwrap());
    check_all(&show);
    stand.writer.finish_again();
    let fault = stand.writer.figures.now().fault.unwrap();
    assert!(fault.contains("No space left"), "{fault}");
    disk.clear();
    stand.writer.finish_again();
    assert!(is_over(&show).unwrap() && stand.writer.endless.is_empty());
    assert_eq!(stand.writer.figures.now().fault, None);
    check_all(&show);
}
