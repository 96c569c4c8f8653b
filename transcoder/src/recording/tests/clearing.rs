//! What is kept, and what goes.

use std::time::{Duration, SystemTime};

use super::*;
use crate::recording::state::UPLOADED;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn clearing(stand: &Stand, keep: Keep, uploads: bool) -> Clearing {
    Clearing {
        shelf: stand.writer.shelf.clone(),
        keep,
        films: false,
        uploads,
        figures: stand.writer.figures.clone(),
        known: BTreeMap::new(),
    }
}

/// When the show was written to.
fn written(show: &Path) -> SystemTime {
    let about = fs::metadata(show.join("source/media.m3u8")).unwrap();
    about.modified().unwrap()
}

#[test]
fn old_shows_go_and_one_under_way_stays() {
    let directory = Directory::new("keep");
    let mut stand = Stand::new(&directory.0);
    let first = Show::default().session(START_MS, None);
    let second_start = START_MS + 60_000;
    let second = Show::default().session(second_start, last_numbers(&first));
    for message in first.into_iter().chain(second) {
        stand.feed(message);
    }
    let [first, second] = [START_MS, second_start].map(|start| show_directory(&directory.0, start));
    let month = Keep {
        days: Some(30),
        bytes: None,
    };
    let now = written(&second);
    clearing(&stand, month, false).turn(now + 29 * DAY);
    assert!(first.exists());
    clearing(&stand, month, true).turn(now + 31 * DAY);
    assert!(first.exists(), "it is not uploaded");
    clearing(&stand, month, false).turn(now + 31 * DAY);
    assert!(!first.exists() && second.exists());
    let byte = Keep {
        days: None,
        bytes: Some(1),
    };
    clearing(&stand, byte, false).turn(now + 31 * DAY);
    assert!(second.exists(), "it is under way");
    stand.feed(Message::End);
    playlist(&second, Rendition::Source);
    clearing(&stand, byte, false).turn(now);
    assert!(!second.exists());
    assert_eq!(stand.writer.figures.removed.get(), 2);
}

#[test]
fn what_may_still_go_on_stays_and_goes_on_from_its_beginning() {
    let directory = Directory::new("keep-cut");
    let show = show_directory(&directory.0, START_MS);
    let (stand, second) = half_a_show(&directory);
    let beginning = playlist(&show, Rendition::Source).media_sequence;
    let leftover = directory.0.join("stage/7.gone");
    fs::create_dir_all(leftover.join("source")).unwrap();
    let mut stand = stand.restart(&directory.0);
    assert!(!leftover.exists());

    fs::write(show.join(UPLOADED), "").unwrap();
    clearing(&stand, Keep::NOTHING, true).turn(written(&show) + DAY / 4);
    for message in second {
        stand.feed(message);
    }
    stand.feed(Message::End);
    assert_eq!(playlist(&show, Rendition::Source).media_sequence, beginning);
    assert!(!show.join(UPLOADED).exists(), "there is more of it now");
    clearing(&stand, Keep::NOTHING, true).turn(written(&show) + DAY / 4);
    assert!(show.exists());
    fs::write(show.join(UPLOADED), "").unwrap();
    clearing(&stand, Keep::NOTHING, true).turn(written(&show) + DAY / 4);
    assert!(!show.exists());
}

#[test]
fn what_was_cut_off_and_never_went_on_goes_in_the_end() {
    let directory = Directory::new("keep-never");
    let show = show_directory(&directory.0, START_MS);
    let mut stand = Stand::new(&directory.0);
    for message in Show::default().session(START_MS, None) {
        stand.feed(message);
    }
    let stand = stand.restart(&directory.0);
    clearing(&stand, Keep::NOTHING, false).turn(written(&show) + DAY / 2);
    assert!(show.exists());
    clearing(&stand, Keep::NOTHING, false).turn(written(&show) + DAY);
    assert!(!show.exists());
}
