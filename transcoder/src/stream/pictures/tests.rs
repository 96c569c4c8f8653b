use bytes::Bytes;
use live::{MediaTime, Object, Rendition, playlist::MediaPlaylist};

use super::*;
use crate::{
    pictures::{Size, Snapshot},
    show::{START_MS, Show, Stage, last_numbers, settings, stamps},
    stream::{Message, Settings},
    worker::Event,
};

fn photograph(stage: &mut Stage, generation: u64, at_ms: u64, shows: &str) {
    let at = MediaTime::from_millis(at_ms);
    let file = |kind: &str| Bytes::from(format!("{kind} of {shows}"));
    let snapshot = Snapshot {
        at,
        first: at,
        poster: file("poster"),
        tile: Size {
            width: 160,
            height: 90,
        },
        sheet: file("sheet"),
    };
    let event = Event::Picture(snapshot);
    stage.stream.encoded(generation, event).unwrap();
}

fn text(text: Option<Text>) -> Option<String> {
    Some(String::from_utf8(text?.whole().into()).unwrap())
}

fn poster(stage: &mut Stage) -> Option<String> {
    text(stage.stream.poster())
}

fn storyboard(stage: &mut Stage) -> Option<String> {
    text(stage.stream.storyboard())
}

#[test]
fn second_0_of_the_storyboard_is_where_the_playlists_begin() {
    let show = Show {
        seconds: 31,
        ..Show::default()
    };
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    stage.feed(&show.session(START_MS, None));
    assert_eq!(storyboard(&mut stage), None);
    for seconds in [0, 12, 22] {
        photograph(&mut stage, 1, START_MS + seconds * 1000, "a show");
    }
    let written = stage.stream.playlist(Rendition::Source).unwrap();
    let playlist = MediaPlaylist::parse(&written.full.whole()).unwrap();
    let first = playlist.segments.front().unwrap();
    let date = first.head.program_date_time.unwrap();
    let board = storyboard(&mut stage).unwrap();
    assert!(board.contains(&format!("EXT-X-PROGRAM-DATE-TIME:{date}\n")));
    // A window of 16 s: the first picture has left it.
    let from = START_MS + 22_000 - date.unix_millis();
    let cue = format!("\n00:00:{:02}.{:03} --> ", from / 1000, from % 1000);
    assert!(board.contains(&cue), "{cue} is not in {board}");
    assert_eq!(board.matches(" --> ").count(), 2, "{board}");
    let sheet = board.lines().find_map(|line| line.split_once("#xywh="));
    let Ok(Object::Sheet(sheet)) = sheet.unwrap().0.parse() else {
        panic!("{board} names no sheet");
    };
    let sheet = text(stage.stream.sheet(sheet));
    assert_eq!(sheet.as_deref(), Some("sheet of a show"));
    let told = stage.stream.status().unwrap();
    let age = MediaTime::from_millis(told.edge_ms).since(MediaTime::from_millis(START_MS + 22_000));
    assert_eq!((told.pictures, told.poster_age_ms), (3, Some(age / 90)));
}

#[test]
fn a_hold_and_an_end_keep_the_last_picture() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    assert_eq!(poster(&mut stage), None);
    let messages = show.session(START_MS, None);
    stage.feed(&messages);
    photograph(&mut stage, 1, START_MS + 10_000, "a show");
    stage.feed(&crate::show::holds(&messages, START_MS + 13_000, 5));
    assert_eq!(poster(&mut stage).as_deref(), Some("poster of a show"));
    stage.feed_one(Message::End);
    assert_eq!(poster(&mut stage).as_deref(), Some("poster of a show"));
    assert!(storyboard(&mut stage).is_some());
    stage.stream.withdraw();
    assert_eq!(poster(&mut stage), None);
    assert_eq!(storyboard(&mut stage), None);
}

#[test]
fn the_session_before_is_shown_until_the_new_one_can_be_played() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let before = show.session(START_MS, None);
    stage.feed(&before);
    photograph(&mut stage, 1, START_MS + 10_000, "the first show");
    let messages = show.session(START_MS + 60_000, last_numbers(&before));
    let second = stamps(&messages)[1].0;
    stage.feed(&messages[..second]);
    photograph(&mut stage, 2, START_MS + 60_000, "the second show");
    assert_eq!(
        poster(&mut stage).as_deref(),
        Some("poster of the first show")
    );
    stage.feed(&messages[second..]);
    assert_eq!(
        poster(&mut stage).as_deref(),
        Some("poster of the second show")
    );
}

#[test]
fn pictures_are_asked_for_as_the_operator_wants() {
    for pictures in [true, false] {
        let mut stage = Stage::new(Settings {
            pictures,
            ..settings()
        });
        let show = Show::default();
        stage.feed(&show.headers());
        stage.feed(&show.session(START_MS, None));
        assert_eq!(stage.crash().1.pictures, pictures);
    }
}
