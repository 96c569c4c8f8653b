//! A picture that is lost while the sound goes on, and pictures that are slow by nature.

use proptest::prelude::*;

use super::*;

#[test]
fn a_backup_stands_in_for_a_picture_that_is_lost_and_gives_it_back_when_it_was_clean() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    booth.key(B);
    booth.pass(5_000);
    booth.blind.push(A);
    booth.pass(640);
    assert_eq!(booth.stand_in(), Some((B, 60)));
    booth.pass(60);
    assert_eq!(booth.stand_in(), Some((B, 0)));
    assert_eq!(booth.key(B), goes(Cause::StandsIn, &[]));
    assert_eq!(booth.standing(A), Standing::NoPicture);
    booth.pass(30_000);
    assert_eq!(booth.stand_in(), None, "sound alone is no cause to go back");
    booth.blind.clear();
    assert_eq!(booth.key(A), Verdict::Waits);
    booth.pass(9_960);
    assert_eq!(booth.key(A), Verdict::Waits);
    booth.pass(40);
    assert_eq!(booth.key(A), goes(Cause::HandedBack, &[]));
}

#[test]
fn a_lost_picture_stays_on_the_air_where_the_other_shows_none_either() {
    for backup_lost_it_first in [true, false] {
        let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
        booth.key(A);
        booth.key(B);
        booth.pass(5_000);
        booth.blind.push(if backup_lost_it_first { B } else { A });
        booth.pass(320);
        booth.blind = vec![A, B];
        for _ in 0..50 {
            booth.pass(200);
            assert!(booth.stand_in().is_none_or(|(_, wait)| wait > 0));
        }
        // Sound is better than nothing.
        booth.stop(A);
        booth.pass(2_000);
        assert_eq!(booth.election.stand_in(booth.now), Some((B, booth.now)));
    }
    // A backup of sound alone.
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    booth.sending.push(B);
    booth.blind = vec![B];
    booth.pass(5_000);
    booth.blind.push(A);
    booth.pass(5_000);
    assert_eq!(booth.election.on_air(), Some(A));
}

#[test]
fn pictures_of_a_further_track_do_not_stand_for_the_main_one() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    booth.key(B);
    booth.pass(5_000);
    booth.stop(A);
    for _ in 0..18 {
        booth.pass(40);
        booth.send(A, Ballot::Further);
    }
    assert_eq!(booth.stand_in(), Some((B, 0)));
}

proptest! {
    /// Two encoders send one show of slides, with sound; each slide lasts as long as it likes.
    #[test]
    fn slides_never_change_who_is_on_the_air(
        slides in prop::collection::vec(1..250_u64, 2..60),
        behind in 0..8_u64,
    ) {
        let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
        let mut ticks: Vec<u64> = Vec::new();
        let mut at = 0;
        for slide in slides {
            ticks.push(at);
            at += slide;
        }
        for tick in 0..at + 10 {
            booth.now += 40;
            for (id, behind) in [(A, 0), (B, behind)] {
                let shows = tick.checked_sub(behind).is_some_and(|tick| ticks.contains(&tick));
                if shows {
                    booth.send(id, Ballot::Key);
                }
                booth.send(id, Ballot::Sound);
            }
            prop_assert_eq!(booth.election.on_air(), Some(A), "at {}", tick);
            prop_assert!(booth.stand_in().is_none_or(|(_, wait)| wait > 0), "at {}", tick);
        }
    }

    /// Whatever either loses and finds again, sound or picture: a picture is on the air within a second where one of
    /// them has shown it for long enough, and changes stay rare.
    #[test]
    fn a_picture_is_on_the_air_if_there_is_one(
        losses in prop::collection::vec((0..4_u8, 10..400_u64), 1..40)
    ) {
        let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
        booth.key(A);
        booth.key(B);
        booth.pass(3_000);
        let (mut whole, mut dark, mut changes) = ([75_u64; 2], 0_u64, Vec::new());
        for (lost, ticks) in losses {
            for _ in 0..ticks {
                booth.now += 40;
                for (n, id) in [A, B].into_iter().enumerate() {
                    let shows = lost & (1 << n) == 0;
                    whole[n] = if shows { whole[n] + 1 } else { 0 };
                    let key = booth.now.is_multiple_of(2_000);
                    let ballot = match shows {
                        true if key => Ballot::Key,
                        true => Ballot::Picture,
                        false => Ballot::Sound,
                    };
                    let before = booth.election.on_air();
                    booth.send(id, ballot);
                    if booth.election.on_air() != before {
                        changes.push(booth.now);
                    }
                }
                if let Some((id, 0)) = booth.stand_in() {
                    booth.election.put_on_air(id, Cause::StandsIn, booth.now);
                    changes.push(booth.now);
                }
                let on_air = usize::from(booth.election.on_air() == Some(B));
                let other = whole[1 - on_air];
                dark = if whole[on_air] == 0 { dark + 1 } else { 0 };
                // 1 s, or what the other needs to be trusted.
                prop_assert!(dark <= 25 || other <= 51 || other <= dark, "{dark} ticks at {}", booth.now);
            }
        }
        // Each change needs one of them to be lost for 0.7 s, or back for 10 s.
        prop_assert!(changes.windows(2).all(|pair| pair[1] - pair[0] >= 640), "{changes:?}");
    }
}
