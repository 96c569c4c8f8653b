//! Pictures of recorded shows.

use super::*;
use crate::{
    pictures::{
        Size, Snapshot,
        vtt::{self, Cue},
    },
    worker::Event,
};

/// A picture of that second of the show, by a worker that has taken them since second `first`.
pub(super) fn photograph(stand: &mut Stand, second: u64, first: u64) {
    let at = |second: u64| MediaTime::from_millis(START_MS + second * 1000);
    let snapshot = Snapshot {
        at: at(second),
        first: at(first),
        poster: format!("poster {second}").into(),
        tile: Size {
            width: 160,
            height: 90,
        },
        sheet: format!("sheet of {first} to {second}").into(),
    };
    let event = Event::Picture(snapshot);
    stand.stage.stream.encoded(1, event).unwrap();
    stand.record();
}

/// Second 0 and the tiles, on sheets that are there; and what each sheet says.
fn storyboard(show: &Path) -> (MediaTime, Vec<(Cue, String)>) {
    let text = fs::read_to_string(show.join("storyboard.vtt")).unwrap();
    let (start, cues) = vtt::read(&text).unwrap();
    let sheet = |cue: &Cue| fs::read_to_string(show.join(ShowObject::Sheet(cue.sheet).to_string()));
    let tiles = cues.into_iter().map(|cue| (cue, sheet(&cue).unwrap()));
    (start, tiles.collect())
}

fn sheets(show: &Path) -> usize {
    let names = shelf::names(show).unwrap();
    names
        .iter()
        .filter(|name| name.starts_with("storyboard-"))
        .count()
}

#[test]
fn a_recorded_show_has_its_pictures_whatever_cut_it_off() {
    let directory = Directory::new("album");
    let show = show_directory(&directory.0, START_MS);
    let (mut stand, second_half) = half_a_show(&directory);
    for (second, tiles) in [(1, 1), (4, 2), (12, 3)] {
        photograph(&mut stand, second, 1);
        let (_, named) = storyboard(&show);
        assert_eq!(named.len(), tiles);
        let newest = format!("sheet of 1 to {second}");
        assert!(named.iter().all(|(_, sheet)| *sheet == newest), "{named:?}");
        assert!(sheets(&show) <= 2, "a sheet that grew is gone soon");
    }
    fs::write(show.join("storyboard-1.jpg"), "named by nobody").unwrap();
    fs::write(show.join("storyboard-2.jpg.tmp"), "torn").unwrap();

    let mut stand = stand.restart(&directory.0);
    assert_eq!((storyboard(&show).1.len(), sheets(&show)), (3, 1));
    for message in second_half {
        stand.feed(message);
    }
    for second in [18, 27] {
        photograph(&mut stand, second, 18);
    }
    photograph(&mut stand, 4000, 4000);
    stand.feed(Message::End);
    let (start, named) = storyboard(&show);
    let told: Vec<&str> = named.iter().map(|(_, sheet)| sheet.as_str()).collect();
    let (before, after) = ("sheet of 1 to 12", "sheet of 18 to 27");
    assert_eq!(
        told,
        [before, before, before, after, after],
        "and none after the end"
    );
    assert_eq!(sheets(&show), 2);
    let first = playlist(&show, Rendition::Source);
    let first = first.segments.front().unwrap().head.program_date_time;
    assert_eq!(start.millis(), first.unwrap().unix_millis());
    let poster = fs::read_to_string(show.join("poster.jpg")).unwrap();
    assert_eq!(poster, "poster 27", "the newest of the first five minutes");
}
