use live::{
    InitHash,
    playlist::{check, check::Rule, version_of},
};
use proptest::prelude::*;

use super::*;

/// What may happen to a segment: how many never came before it, it is a GAP, its media could not be written, the
/// configuration changed.
type Fate = (u64, bool, bool, bool);

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let seldom = || prop::bool::weighted(0.2);
    let missing = prop_oneof![8 => Just(0_u64), 1 => 1..5_u64];
    prop::collection::vec((missing, seldom(), seldom(), seldom()), 1..12)
}

fn closed(fates: &[Fate]) -> Vec<(Closed, bool)> {
    let mut msn = 1_700_000_000;
    let mut dsn = 7;
    let mut start = MediaTime::from_millis(1_700_000_000_000);
    let told = fates.iter().map(|(missing, gap, lost, changed)| {
        dsn += u64::from(*changed);
        start = start.plus_millis(missing * 2000);
        let init = dsn.to_string();
        let range = format!("ID=\"{dsn}\",START-DATE=\"2026-11-21T13:00:00.000Z\"");
        let told = (*changed || *lost).then(|| range.parse().unwrap());
        let closed = Closed {
            rendition: Rendition::Source,
            msn: Msn(msn + missing),
            dsn: Dsn(dsn),
            start,
            duration: Seconds::from_secs(2),
            discontinuity: false,
            gap: *gap,
            held: *gap,
            init: Some((InitHash::of(init.as_bytes()), init.into())),
            parts: Vec::new(),
            date_ranges: told.into_iter().collect(),
        };
        msn += missing + 1;
        start = start.plus_millis(2000);
        (closed, !gap && !lost)
    });
    told.collect()
}

/// The playlist's bytes as they come into being; the one byte that is overwritten is there from the start.
fn written(fates: &[Fate]) -> (Journal, String) {
    let told = closed(fates);
    let (mut journal, mut text) = Journal::begin(&told[0].0, 3);
    for (closed, kept) in &told {
        let (next, addition) = journal.add(closed, *kept).unwrap();
        text.push_str(&addition.text);
        assert_eq!(addition.gaps, next.has_gaps());
        journal = next;
    }
    (journal, text)
}

/// `EXT-X-PLAYLIST-TYPE:EVENT` may be shorter than what a sliding playlist must be.
fn assert_valid(text: &[u8], finished: bool) {
    let playlist = MediaPlaylist::parse(text).unwrap();
    let mut text = text.to_vec();
    let version = playlist.needed_version().max(6);
    text[usize::try_from(VERSION_AT).unwrap()] = u8::try_from(version).unwrap() + b'0';
    let empty = playlist
        .segments
        .iter()
        .all(|segment| segment.head.map.is_none());
    let mut findings = check::media(&playlist);
    if !empty || version == 8 {
        findings.extend(check::version(version_of(&text).unwrap(), &playlist));
    }
    let short = [Rule::ShortPlaylist, Rule::FewSegments];
    findings.retain(|finding| finished || !short.contains(&finding.rule));
    if playlist.segments.is_empty() {
        findings.retain(|finding| finding.rule != Rule::ProgramDateTimeMissing);
    }
    assert_eq!(findings, [], "{}", String::from_utf8_lossy(&text));
}

proptest! {
    // Each case is a few thousand playlists: one for every length.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_a_crash_leaves_is_a_playlist(fates in fates()) {
        let (_, text) = written(&fates);
        let last = format!("#EXT-X-DISCONTINUITY-SEQUENCE:{}\n", closed(&fates)[0].0.dsn);
        let head = text.find(&last).unwrap() + last.len();
        let mut most = 0;
        for length in 0..=text.len() {
            let mut left = text.as_bytes()[..length].to_vec();
            if length % 3 == 0 {
                left.extend([0; 5]);
            }
            let whole = intact(&left);
            prop_assert!(whole.len() >= most);
            most = whole.len();
            if length < head {
                prop_assert_eq!(whole, b"");
            } else {
                assert_valid(whole, false);
            }
        }
        prop_assert_eq!(most, text.len());
    }

}

proptest! {
    /// As the crate's own writer would write the whole of it.
    #[test]
    fn what_was_added_bit_by_bit_reads_as_if_written_at_once(fates in fates()) {
        let (_, text) = written(&fates);
        let playlist = MediaPlaylist::parse(text.as_bytes()).unwrap();
        // But for date ranges, which a whole playlist has at its head, and for what only a recording says.
        let split = |text: &str| -> (Vec<String>, Vec<String>) {
            let lines = text.lines().map(str::to_owned);
            let lines = lines.filter(|line| line != HELD.trim_end());
            lines.partition(|line| line.starts_with("#EXT-X-DATERANGE:"))
        };
        prop_assert_eq!(split(&write(&playlist, 6, Kind::Event)), split(&text));
        let missing: u64 = fates.iter().skip(1).map(|(missing, ..)| *missing).sum();
        let told = u64::try_from(fates.len()).unwrap() + missing;
        prop_assert_eq!(u64::try_from(playlist.segments.len()).unwrap(), told);
        for ((msn, segment), number) in playlist.numbered().zip(playlist.media_sequence.0..) {
            prop_assert_eq!(msn.0, number);
            prop_assert_eq!(segment.uri.as_str(), format!("{number}.m4s"));
        }
    }

    /// A restart in mid-show goes on as if it had not been, whatever was torn.
    #[test]
    fn it_goes_on_where_it_was_left(fates in fates(), at in any::<prop::sample::Index>()) {
        let told = closed(&fates);
        let (_, text) = written(&fates);
        let torn = &text.as_bytes()[..at.index(text.len())];
        let Ok((mut journal, mut again)) = Journal::reopen(Rendition::Source, torn) else {
            return Ok(());
        };
        for (closed, kept) in &told {
            if let Ok((next, addition)) = journal.add(closed, *kept) {
                again.push_str(&addition.text);
                journal = next;
            }
        }
        assert_valid(again.as_bytes(), false);
        let held = |text: &String| held(Rendition::Source, text.as_bytes()).collect::<Vec<Msn>>();
        let gone = told.iter().filter(|(closed, _)| closed.held);
        let gone: Vec<Msn> = gone.map(|(closed, _)| closed.msn).collect();
        prop_assert_eq!(&held(&text), &gone);
        prop_assert_eq!(&held(&again), &gone);
        let [expected, again] = [&text, &again].map(|text| MediaPlaylist::parse(text.as_bytes()).unwrap());
        prop_assert_eq!(again.segments.len(), expected.segments.len());
        for (again, expected) in again.segments.iter().zip(&expected.segments) {
            prop_assert_eq!(&again.uri, &expected.uri);
            prop_assert_eq!(again.gap, expected.gap);
            prop_assert_eq!(&again.head.program_date_time, &expected.head.program_date_time);
        }
    }
}

#[test]
fn what_is_there_is_not_added_twice() {
    let told = closed(&[(0, false, false, false); 3]);
    let (journal, _) = written(&[(0, false, false, false); 2]);
    let known = journal.add(&told[1].0, true).unwrap_err();
    assert_eq!(known, JournalError::Known);
    assert!(journal.add(&told[2].0, true).is_ok());
    let mut far = told[2].0.clone();
    far.msn = Msn(told[0].0.msn.0 + MAX_SEGMENTS);
    assert_eq!(journal.add(&far, true).unwrap_err(), JournalError::Full);
}
