//! What whoever keeps a stream's media is told.

use std::collections::BTreeMap;

use live::{Msn, Object, Rendition};

use super::*;
use crate::{
    show::{START_MS, Show, Stage, holds, last_numbers, settings},
    stream::Message,
    window::Found,
};

/// Every segment is told when it is over, as it can be fetched, and told to be gone when it cannot be any more.
#[test]
fn each_segment_is_told_once_and_in_order() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let mut messages = show.session(START_MS, None);
    messages.extend(holds(&messages, START_MS + 13_000, 30));
    let mut next: BTreeMap<Rendition, Msn> = BTreeMap::new();
    let mut kept: BTreeMap<(Rendition, Msn), Closed> = BTreeMap::new();
    let mut gone = 0;
    for message in messages {
        stage.feed_one(message);
        for News { event, .. } in stage.stream.news() {
            match event {
                Event::Closed(closed) => {
                    let expected = next.insert(closed.rendition, closed.msn.next());
                    assert_eq!(expected.unwrap_or(closed.msn), closed.msn);
                    assert_eq!(closed.gap, closed.parts.is_empty());
                    kept.insert((closed.rendition, closed.msn), closed);
                }
                Event::Gone(rendition, msn) => {
                    gone += 1;
                    assert!(kept.remove(&(rendition, msn)).is_some());
                }
                Event::Ended | Event::Over => unreachable!("the session goes on"),
            }
        }
        for ((rendition, msn), closed) in &kept {
            let found = stage.stream.find(Object::Segment(*rendition, *msn));
            let parts = match found {
                Found::Bytes(parts, _) => parts,
                Found::Saved(..) | Found::Soon | Found::Nothing => Vec::new(),
            };
            assert_eq!(parts, closed.parts, "{rendition} {msn}");
            let (hash, init) = closed.init.clone().unwrap();
            let found = stage.stream.find(Object::Init(*rendition, hash));
            assert_eq!(found, Found::Bytes(vec![init], hash));
        }
    }
    assert!(gone > 10, "{gone}");
}

#[test]
fn a_session_ends_and_is_over() {
    let show = Show {
        seconds: 5,
        ..Show::default()
    };
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let first = show.session(START_MS, None);
    stage.feed(&first);
    stage.feed_one(Message::End);
    stage.feed(&show.session(START_MS + 60_000, last_numbers(&first)));
    stage.stream.forget();
    let told: Vec<(SessionId, Event)> = stage
        .stream
        .news()
        .into_iter()
        .map(|news| (news.session, news.event))
        .filter(|(_, event)| [Event::Ended, Event::Over].contains(event))
        .collect();
    let [first, second] = [START_MS, START_MS + 60_000].map(SessionId);
    assert_eq!(
        told,
        [
            (first, Event::Ended),
            (first, Event::Over),
            (second, Event::Over)
        ]
    );
}
