//! A ladder that was cut, and the room that comes.

use super::*;
use crate::admission::{Capacity, Cut};

#[test]
fn a_cut_ladder_is_filled_up_once_there_has_been_room_for_a_while() {
    let (own, other) = ("stage".parse().unwrap(), "hall".parse().unwrap());
    let mut capacity = Capacity::new(1000);
    capacity.started(&other, 1000);
    let mut stage = Stage::new(settings());
    stage.feed(&Show::default().headers());
    let show = Show {
        seconds: 30,
        ..Show::default()
    };
    let messages = show.session(START_MS, None);
    let third = messages.len() / 3;
    let mut waited = 0;
    for (n, message) in messages.into_iter().enumerate() {
        if n == third {
            assert_eq!(stage.stream.cut(), Cut::All);
            assert!(stage.stream.playlist(Rendition::Source).is_some());
            assert!(stage.stream.playlist(Rendition::Audio).is_some());
            capacity.stopped(&other);
        }
        let stamp = matches!(message, Message::Stamp(_));
        waited += u64::from(n >= third && stamp && stage.encoder.is_none());
        stage.stream.allow(capacity.allowance(&own));
        stage.feed_one(message);
        assert!(n >= third || stage.encoder.is_none());
    }
    assert_eq!((waited, stage.stream.cut()), (5, Cut::Nothing));
    let text = stage.stream.multivariant().unwrap().whole();
    assert!(String::from_utf8_lossy(&text).contains("240p/media.m3u8"));
    for (rendition, gaps) in [(Rendition::Source, 0), (Rendition::Audio, 0), (RUNG, 2)] {
        let text = stage.stream.playlist(rendition).unwrap().full.whole();
        let playlist = MediaPlaylist::parse(&text).unwrap();
        let begun = playlist.segments.iter().skip_while(|s| s.gap);
        let begun: Vec<_> = begun.collect();
        assert!(begun.len() > 2 && begun.iter().all(|s| !s.head.discontinuity));
        let lost = begun.iter().filter(|s| s.gap).count();
        assert!(lost <= gaps, "{rendition}: {lost}");
        let maps: std::collections::BTreeSet<_> = begun
            .iter()
            .filter_map(|s| Some(s.head.map.as_ref()?.to_string()))
            .collect();
        assert_eq!(maps.len(), 1, "{rendition}");
    }
}
