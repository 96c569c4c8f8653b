//! A rung whose encoder is behind, where segments are short.

use live::{MediaTime, cadence::Cadence, playlist::Segment, stamp::Stamp};

use super::*;

/// A show with a segment for each of its GOPs, however short.
fn a_segment_for_each_gop(show: &Show) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut open: Option<Stamp> = None;
    for message in show.session(START_MS, None) {
        if let Message::Stamp(stamp) = message {
            open.get_or_insert(Stamp {
                sound: None,
                ..stamp
            });
            continue;
        }
        if let Message::Video {
            wire_ms, key: true, ..
        } = &message
            && let Some(open) = &mut open
        {
            let start = u32::try_from(START_MS & 0xffff_ffff).unwrap();
            let at = START_MS + u64::from(wire_ms.wrapping_sub(start));
            messages.push(Message::Stamp(Stamp {
                pts: MediaTime::from_millis(at),
                ..*open
            }));
            open.msn = open.msn.next();
            open.cadence = Cadence::new(2970, 3060);
        }
        messages.push(message);
    }
    messages
}

/// What the rung lacks, counted from the first segment, when the encoder is stuck while `stuck` pictures come.
fn missing(stuck: usize) -> Vec<u64> {
    let show = Show {
        gops: vec![9],
        b_frames: false,
        audio_rate: None,
        seconds: 6,
        ..Show::default()
    };
    let messages = a_segment_for_each_gop(&show);
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let mut pictures = 0;
    for message in &messages {
        pictures += usize::from(matches!(message, Message::Video { .. }));
        stage.stuck = (60..60 + stuck).contains(&pictures);
        stage.feed_one(message.clone());
    }
    assert_continuous(&mut stage.stream, RUNG);
    let first = stamps(&messages)[0].1.msn.0;
    let rung = playlist(&mut stage.stream, RUNG).unwrap();
    let lacking = |(msn, segment): &(Msn, &Segment)| segment.gap && msn.0 >= first;
    let gaps = rung.numbered().filter(lacking);
    gaps.map(|(msn, _)| msn.0 - first).collect()
}

#[test]
fn a_rung_that_is_late_by_less_than_a_second_loses_nothing() {
    for stuck in [9, 18, 24] {
        assert_eq!(missing(stuck), [0; 0], "{stuck}");
    }
}

#[test]
fn a_rung_that_is_late_by_more_is_a_gap_and_comes_back() {
    let missing = missing(45);
    assert!((1..=3).contains(&missing.len()), "{missing:?}");
}
