//! A session ends in two steps: its media, then its playlists.

use super::*;

impl Stage {
    /// The media have ended, and the encoder delivers what it holds.
    fn close(&mut self) {
        let mut actions = Vec::new();
        self.stream.close(&mut actions);
        self.act(actions);
    }
}

fn lists(stage: &mut Stage) -> Vec<MediaPlaylist> {
    let list = |rendition: &Rendition| playlist(&mut stage.stream, *rendition).unwrap();
    ALL.iter().map(list).collect()
}

/// Where the media of a playlist end, Unix milliseconds.
fn end_ms(list: &MediaPlaylist) -> u64 {
    let last = list.segments.back().unwrap();
    let date = last.head.program_date_time.unwrap();
    date.unix_millis() + last.duration.units() / (Seconds::PER_SECOND / 1000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn with_the_end_comes_nothing_that_a_player_would_have_to_fetch(
        show in shows(),
        cut in 0_usize..200,
    ) {
        let mut messages = show.session(START_MS, None);
        messages.truncate(messages.len() - cut);
        let mut stage = Stage::new(settings());
        stage.feed(&show.headers());
        stage.feed(&messages);
        prop_assume!(show.audio_rate.is_some());
        stage.close();
        prop_assert!(stage.stream.is_closing());
        let before = lists(&mut stage);
        let ends: Vec<u64> = before.iter().map(end_ms).collect();
        prop_assert!(before.iter().all(|list| !list.end_list && list.open.is_none()));
        // The sound first, and by no more than what is rounded.
        prop_assert!(ends[0] == ends[1] && (ends[2]..ends[2] + 6).contains(&ends[0]), "{ends:?}");
        // Nobody is heard any more.
        stage.feed(&show.session(START_MS, None));
        stage.feed_one(Message::End);
        prop_assert!(!stage.stream.is_closing());
        for (before, after) in before.iter().zip(lists(&mut stage)) {
            prop_assert!(after.end_list);
            prop_assert_eq!(&before.segments, &after.segments);
        }
    }
}

#[test]
fn what_an_encoder_holds_back_comes_before_the_end() {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let mut messages = show.session(START_MS, None);
    messages.truncate(messages.len() - 40);
    let (late, rest) = messages.split_at(messages.len() - 20);
    stage.feed(late);
    stage.stuck = true;
    stage.feed(rest);
    stage.close();
    stage.stuck = false;
    stage.deliver();
    let before = lists(&mut stage);
    stage.feed_one(Message::End);
    let after = lists(&mut stage);
    assert!(!before[1].segments.back().unwrap().gap);
    assert_eq!(before[1].segments, after[1].segments);
    assert_eq!(end_ms(&after[0]), end_ms(&after[1]));
}

#[test]
fn a_hold_that_has_run_out_needs_no_second_step() {
    let show = Show::default();
    let messages = show.interrupted(9_000, 0, 60_000);
    let stamps = stamps(&messages);
    let held = |(_, stamp): &&(usize, Stamp)| stamp.kind == StampKind::Hold;
    let (third, _) = stamps.iter().filter(held).nth(2).unwrap();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    stage.feed(&messages[..=*third]);
    stage.close();
    assert!(!stage.stream.is_closing());
}
