use super::*;

const A: PublisherId = PublisherId(1);
const B: PublisherId = PublisherId(2);
const C: PublisherId = PublisherId(3);

fn with(ids: &[PublisherId]) -> Election {
    let mut election = Election::default();
    for id in ids {
        assert_eq!(election.join(*id), None);
    }
    election
}

#[test]
fn a_newcomer_goes_on_the_air_with_its_first_keyframe_and_the_old_one_is_closed() {
    let mut election = with(&[A]);
    assert_eq!(election.message(A, Ballot::Sound, 0), Verdict::Waits);
    assert_eq!(election.message(A, Ballot::Picture, 0), Verdict::Waits);
    assert_eq!(
        election.message(A, Ballot::Key, 0),
        Verdict::GoesOnAir(vec![])
    );
    assert_eq!(election.message(A, Ballot::Picture, 0), Verdict::OnAir);
    election.join(B);
    assert_eq!(election.message(B, Ballot::Picture, 1), Verdict::Waits);
    assert_eq!(election.message(A, Ballot::Picture, 1), Verdict::OnAir);
    assert_eq!(
        election.message(B, Ballot::Key, 2),
        Verdict::GoesOnAir(vec![A])
    );
    assert_eq!(election.message(A, Ballot::Key, 2), Verdict::Waits);
    assert_eq!(election.on_air(), Some(B));
}

#[test]
fn the_newest_wins_over_everyone_older() {
    let mut election = with(&[A, B, C]);
    election.message(A, Ballot::Key, 0);
    assert_eq!(
        election.message(C, Ballot::Key, 0),
        Verdict::GoesOnAir(vec![A, B])
    );
    assert_eq!(election.len(), 1);
}

#[test]
fn sound_alone_goes_on_the_air_after_its_bound_unless_pictures_are_announced() {
    let mut election = with(&[A]);
    assert_eq!(election.message(A, Ballot::Sound, 5_000), Verdict::Waits);
    assert_eq!(election.message(A, Ballot::Sound, 5_999), Verdict::Waits);
    assert_eq!(
        election.message(A, Ballot::Sound, 6_000),
        Verdict::GoesOnAir(vec![])
    );
    let mut election = with(&[A]);
    election.message(A, Ballot::Sound, 0);
    election.message(A, Ballot::Picture, 10);
    assert_eq!(election.message(A, Ballot::Sound, 9_000), Verdict::Waits);
    assert_eq!(
        election.message(A, Ballot::Key, 9_001),
        Verdict::GoesOnAir(vec![])
    );
}

#[test]
fn a_silent_publisher_needs_a_keyframe_to_come_back() {
    let mut election = with(&[A]);
    election.message(A, Ballot::Key, 0);
    election.silence();
    assert_eq!(election.on_air(), None);
    assert_eq!(election.message(A, Ballot::Picture, 9), Verdict::Waits);
    assert_eq!(
        election.message(A, Ballot::Key, 9),
        Verdict::GoesOnAir(vec![])
    );
}

#[test]
fn fighting_encoders_are_parted_and_the_loser_gets_its_turn_when_the_other_is_gone() {
    let mut election = Election::default();
    let turn = |election: &mut Election, n: u64, now| {
        election.join(PublisherId(n));
        election.message(PublisherId(n), Ballot::Key, now)
    };
    assert_eq!(turn(&mut election, 1, 0), Verdict::GoesOnAir(vec![]));
    for n in 2..=4 {
        let verdict = turn(&mut election, n, n * 2_000);
        assert_eq!(verdict, Verdict::GoesOnAir(vec![PublisherId(n - 1)]));
    }
    assert_eq!(turn(&mut election, 5, 10_000), Verdict::Parked);
    let newcomer = PublisherId(5);
    assert_eq!(
        election.message(newcomer, Ballot::Key, 12_000),
        Verdict::Waits
    );
    let later = election.message(newcomer, Ballot::Key, 4_000 + TAKEOVER_WINDOW + 1);
    assert_eq!(later, Verdict::GoesOnAir(vec![PublisherId(4)]));

    assert_eq!(turn(&mut election, 6, 65_000), Verdict::Parked);
    election.leave(newcomer);
    let free = election.message(PublisherId(6), Ballot::Key, 65_100);
    assert_eq!(free, Verdict::GoesOnAir(vec![]));
}

#[test]
fn publishers_are_bounded_and_whoever_waits_longest_makes_room() {
    let mut election = with(&[A]);
    election.message(A, Ballot::Key, 0);
    for n in 2..=u64::try_from(MAX_PUBLISHERS).unwrap() {
        assert_eq!(election.join(PublisherId(n)), None);
    }
    assert_eq!(election.join(PublisherId(9)), Some(B));
    assert_eq!(election.len(), MAX_PUBLISHERS);
    assert_eq!(election.on_air(), Some(A));
}
