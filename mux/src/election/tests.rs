use super::*;

mod pictures;

const A: PublisherId = PublisherId(1);
const B: PublisherId = PublisherId(2);
const C: PublisherId = PublisherId(3);
use PublishRole::{Backup, Primary};

/// An election, its clock, and publishers that send.
struct Booth {
    election: Election,
    now: u64,
    sending: Vec<PublisherId>,
    /// Those of them whose picture is lost: they send sound.
    blind: Vec<PublisherId>,
}

impl Booth {
    fn with(publishers: &[(PublisherId, PublishRole)]) -> Self {
        let mut booth = Self {
            election: Election::default(),
            now: 1_000_000,
            sending: Vec::new(),
            blind: Vec::new(),
        };
        for (id, role) in publishers {
            assert_eq!(booth.election.join(*id, *role), None);
        }
        booth
    }

    fn send(&mut self, id: PublisherId, ballot: Ballot) -> Verdict {
        let stamp = u32::try_from(self.now % 10_000_000).unwrap();
        self.election.message(id, ballot, stamp, self.now)
    }

    /// A keyframe of `id`, which sends from now on.
    fn key(&mut self, id: PublisherId) -> Verdict {
        if !self.sending.contains(&id) {
            self.sending.push(id);
        }
        self.send(id, Ballot::Key)
    }

    fn stop(&mut self, id: PublisherId) {
        self.sending.retain(|sends| *sends != id);
    }

    /// Lets time pass while those who send go on, without a keyframe.
    fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.now < until {
            self.now += 40.min(until - self.now);
            for id in self.sending.clone() {
                let on_air = self.election.on_air() == Some(id);
                let ballot = if self.blind.contains(&id) {
                    Ballot::Sound
                } else {
                    Ballot::Picture
                };
                let verdict = self.send(id, ballot);
                let expected = if on_air {
                    Verdict::OnAir
                } else {
                    Verdict::Waits
                };
                assert_eq!(verdict, expected);
            }
        }
    }

    /// When another would stand in, from now.
    fn stand_in(&self) -> Option<(PublisherId, u64)> {
        let hold_at = self.now + 2_000;
        let (id, due) = self.election.stand_in(hold_at)?;
        Some((id, due.saturating_sub(self.now)))
    }

    fn standing(&self, id: PublisherId) -> Standing {
        let mut standings = self.election.standings(self.now);
        standings.find(|standing| standing.0 == id).unwrap().2
    }
}

fn goes(cause: Cause, closed: &[PublisherId]) -> Verdict {
    Verdict::GoesOnAir(cause, closed.to_vec())
}

#[test]
fn a_newcomer_goes_on_the_air_with_its_first_keyframe_and_the_old_one_is_closed() {
    let mut booth = Booth::with(&[(A, Primary)]);
    assert_eq!(booth.send(A, Ballot::Sound), Verdict::Waits);
    assert_eq!(booth.send(A, Ballot::Picture), Verdict::Waits);
    assert_eq!(booth.standing(A), Standing::NoKeyframe);
    assert_eq!(booth.key(A), goes(Cause::Free, &[]));
    booth.pass(1_000);
    booth.election.join(B, Primary);
    assert_eq!(booth.send(B, Ballot::Picture), Verdict::Waits);
    booth.pass(40);
    assert_eq!(booth.key(B), goes(Cause::Newer, &[A]));
    assert_eq!(booth.send(A, Ballot::Key), Verdict::Waits);
    assert_eq!(booth.election.on_air(), Some(B));
}

#[test]
fn the_newest_wins_over_everyone_older() {
    let mut booth = Booth::with(&[(A, Primary), (B, Primary), (C, Primary)]);
    booth.key(A);
    assert_eq!(booth.key(C), goes(Cause::Newer, &[A, B]));
    assert_eq!(booth.election.len(), 1);
}

#[test]
fn sound_alone_goes_on_the_air_after_its_bound_unless_pictures_are_announced() {
    let mut booth = Booth::with(&[(A, Primary)]);
    for _ in 0..100 {
        assert_eq!(booth.send(A, Ballot::Sound), Verdict::Waits);
        booth.now += 10;
    }
    assert_eq!(booth.send(A, Ballot::Sound), goes(Cause::Free, &[]));
    let mut booth = Booth::with(&[(A, Primary)]);
    booth.send(A, Ballot::Sound);
    booth.election.announce_picture(A);
    booth.now += 9_000;
    assert_eq!(booth.send(A, Ballot::Sound), Verdict::Waits);
    assert_eq!(booth.key(A), goes(Cause::Free, &[]));
}

#[test]
fn a_held_publisher_needs_a_keyframe_to_come_back() {
    let mut booth = Booth::with(&[(A, Primary)]);
    booth.key(A);
    booth.election.silence();
    assert_eq!(booth.election.on_air(), None);
    assert_eq!(booth.send(A, Ballot::Picture), Verdict::Waits);
    assert_eq!(booth.key(A), goes(Cause::Free, &[]));
}

#[test]
fn fighting_encoders_are_parted_and_the_loser_gets_its_turn_when_the_other_is_gone() {
    let mut booth = Booth::with(&[]);
    let turn = |booth: &mut Booth, n: u64| {
        booth.election.join(PublisherId(n), Primary);
        booth.key(PublisherId(n))
    };
    assert_eq!(turn(&mut booth, 1), goes(Cause::Free, &[]));
    for n in 2..=4 {
        booth.pass(2_000);
        let verdict = turn(&mut booth, n);
        booth.stop(PublisherId(n - 1));
        assert_eq!(verdict, goes(Cause::Newer, &[PublisherId(n - 1)]));
    }
    booth.pass(2_000);
    assert_eq!(turn(&mut booth, 5), Verdict::Parked);
    let newcomer = PublisherId(5);
    assert_eq!(booth.standing(newcomer), Standing::Parked);
    assert_eq!(booth.key(newcomer), Verdict::Waits, "said once");
    booth.pass(TAKEOVER_WINDOW);
    assert_eq!(booth.key(newcomer), goes(Cause::Newer, &[PublisherId(4)]));
    booth.stop(PublisherId(4));

    for n in 6..=7 {
        assert!(matches!(turn(&mut booth, n), Verdict::GoesOnAir(..)));
        booth.stop(PublisherId(n - 1));
    }
    assert_eq!(turn(&mut booth, 8), Verdict::Parked);
    booth.election.leave(PublisherId(7));
    booth.stop(PublisherId(7));
    assert_eq!(booth.key(PublisherId(8)), goes(Cause::Free, &[]));
}

#[test]
fn one_that_took_over_from_a_dead_socket_is_no_fighter() {
    let mut booth = Booth::with(&[(PublisherId(1), Primary)]);
    booth.key(PublisherId(1));
    for n in 2..=20 {
        booth.pass(2_000);
        booth.stop(PublisherId(n - 1));
        booth.pass(1_000);
        booth.election.join(PublisherId(n), Primary);
        let verdict = booth.key(PublisherId(n));
        assert_eq!(verdict, goes(Cause::Newer, &[PublisherId(n - 1)]));
    }
}

#[test]
fn publishers_are_bounded_and_whoever_has_no_seat_makes_room_first() {
    let mut booth = Booth::with(&[(A, Backup), (B, Primary)]);
    booth.key(A);
    booth.pass(3_000);
    booth.key(B);
    for n in 3..=4 {
        assert_eq!(booth.election.join(PublisherId(n), Primary), None);
    }
    assert_eq!(booth.election.join(PublisherId(9), Primary), Some(C));
    assert_eq!(booth.election.len(), MAX_PUBLISHERS);
    assert_eq!(booth.election.on_air(), Some(A));
}

#[test]
fn a_backup_stands_by_and_stands_in_when_the_primary_is_silent() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    assert_eq!(booth.key(B), Verdict::Waits);
    booth.pass(5_000);
    assert_eq!(booth.standing(B), Standing::StandsBy);
    booth.stop(A);
    booth.pass(400);
    assert_eq!(
        booth.stand_in(),
        Some((B, 300)),
        "a lost packet is no silence"
    );
    booth.pass(300);
    assert_eq!(booth.stand_in(), Some((B, 0)));
    assert_eq!(booth.key(B), goes(Cause::StandsIn, &[]));
    assert_eq!(booth.standing(A), Standing::Silent);
}

#[test]
fn a_backup_that_is_silent_too_does_not_stand_in_until_it_has_been_clean() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    booth.key(B);
    booth.pass(5_000);
    // One uplink for both.
    booth.sending.clear();
    booth.pass(1_500);
    assert_eq!(booth.stand_in(), None);
    // The backup's data comes a moment sooner.
    booth.sending = vec![B];
    booth.pass(40);
    assert_eq!(booth.key(B), Verdict::Waits);
    assert_eq!(booth.stand_in(), Some((B, 2_000)));
    booth.sending = vec![A, B];
    booth.pass(100);
    assert_eq!(booth.election.on_air(), Some(A));
    booth.pass(3_000);
    booth.stop(A);
    booth.pass(40);
    assert_eq!(booth.stand_in(), Some((B, 660)));
}

#[test]
fn the_primary_gets_the_air_back_at_a_keyframe_when_it_has_been_clean() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    booth.key(B);
    for wait in [10, 20, 40, 80, 160, 160] {
        booth.pass(5_000);
        booth.stop(A);
        booth.pass(700);
        assert_eq!(booth.key(B), goes(Cause::StandsIn, &[]));
        booth.key(A);
        booth.pass(wait * 1_000 - 500);
        assert_eq!(booth.key(A), Verdict::Waits, "{wait} s");
        assert_eq!(booth.standing(A), Standing::Recovers(500));
        booth.pass(500);
        assert_eq!(booth.key(A), goes(Cause::HandedBack, &[]), "{wait} s");
        assert_eq!(booth.standing(B), Standing::StandsBy);
    }
    booth.pass(2 * FAILURE_WINDOW);
    booth.stop(A);
    booth.pass(700);
    booth.key(B);
    booth.key(A);
    booth.pass(10_000);
    assert_eq!(booth.key(A), goes(Cause::HandedBack, &[]), "forgiven");
}

#[test]
fn a_primary_that_stutters_does_not_get_the_air_back() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(B);
    for _ in 0..20 {
        booth.key(A);
        booth.pass(9_000);
        booth.stop(A);
        booth.pass(800);
    }
    assert_eq!(booth.election.on_air(), Some(B));
}

#[test]
fn a_backup_alone_goes_on_the_air_but_leaves_a_primary_the_first_keyframe() {
    let mut booth = Booth::with(&[(B, Backup)]);
    assert_eq!(booth.key(B), goes(Cause::Free, &[]));

    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.sending.push(A);
    booth.pass(100);
    assert_eq!(booth.key(B), Verdict::Waits);
    booth.pass(1_000);
    assert_eq!(booth.key(A), goes(Cause::Free, &[]));

    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.sending.push(A);
    booth.pass(100);
    assert_eq!(booth.key(B), Verdict::Waits);
    booth.pass(PRIMARY_FIRST);
    assert_eq!(booth.stand_in().map(|s| s.0), Some(B), "no keyframe ever");
    assert_eq!(booth.key(B), goes(Cause::Free, &[]));
}

#[test]
fn a_second_backup_takes_over_from_the_first_off_the_air_and_on_it() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    booth.key(B);
    booth.pass(3_000);
    booth.election.join(C, Backup);
    assert_eq!(booth.key(C), Verdict::TakesSeat(vec![B]));
    booth.stop(B);
    booth.pass(3_000);
    booth.stop(A);
    booth.pass(700);
    assert_eq!(booth.key(C), goes(Cause::StandsIn, &[]));
    let d = PublisherId(4);
    booth.election.join(d, Backup);
    assert_eq!(booth.key(d), goes(Cause::Newer, &[C]));
}

#[test]
fn a_switch_waits_for_a_keyframe_and_stays_until_a_loss_or_the_next() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    assert_eq!(booth.election.switch(booth.now), Err(NoSwitch::NotReady));
    booth.key(B);
    booth.pass(1_000);
    for _twice in 0..2 {
        assert_eq!(booth.election.switch(booth.now), Ok(()));
    }
    booth.pass(1_000);
    assert_eq!(booth.key(B), goes(Cause::Switched, &[]));
    booth.pass(60_000);
    assert_eq!(booth.key(A), Verdict::Waits);
    assert_eq!(booth.standing(A), Standing::SwitchedAway);
    // Lost, and back: the usual rule.
    booth.stop(B);
    booth.pass(700);
    assert_eq!(booth.key(A), goes(Cause::StandsIn, &[]));
    booth.key(B);
    booth.pass(3_000);
    booth.election.switch(booth.now).unwrap();
    assert_eq!(booth.key(B), goes(Cause::Switched, &[]));
    booth.election.switch(booth.now).unwrap();
    assert_eq!(booth.key(A), goes(Cause::Switched, &[]));
    booth.election.leave(B);
    assert_eq!(booth.election.switch(booth.now), Err(NoSwitch::NobodyElse));
}

#[test]
fn nobody_goes_on_the_air_while_it_is_suspended_or_retired() {
    let mut booth = Booth::with(&[(A, Primary), (B, Backup)]);
    booth.key(A);
    booth.key(B);
    booth.election.suspend();
    booth.pass(3_000);
    assert_eq!(booth.key(A), Verdict::Waits);
    assert_eq!(booth.standing(A), Standing::OnHold);
    assert_eq!(booth.stand_in(), None);
    assert!(booth.election.resume());
    assert_eq!(booth.key(A), goes(Cause::Free, &[]));
    booth.election.retire();
    assert_eq!(booth.key(A), Verdict::Waits);
    assert_eq!(booth.standing(B), Standing::Ended);
    booth.election.join(C, Backup);
    assert_eq!(booth.key(C), goes(Cause::Free, &[]));
    assert!(booth.election.resume());
    assert!(!booth.election.resume());
}
