//! What an operator can have a stream do.

use super::*;
use crate::election::Standing;

#[test]
fn nothing_can_be_done_without_a_show() {
    let mut stage = Stage::new();
    stage.stream.publisher_joined(A, PublishRole::Primary);
    for command in [
        Command::Kick,
        Command::Switch,
        Command::Hold,
        Command::Resume,
        Command::End,
    ] {
        assert_eq!(
            stage.command(command),
            Err(CommandError::NoShow),
            "{command:?}"
        );
    }
    assert!(stage.events.is_empty());
}

#[test]
fn a_kicked_publisher_is_closed_and_may_come_again() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 2_000, 2_000);
    assert_eq!(stage.command(Command::Kick), Ok(()));
    assert!(stage.events.contains(&Event::Close(A, CloseCause::Kicked)));
    assert_eq!(stage.command(Command::Kick), Err(CommandError::NobodyOnAir));
    stage.wait(2_000);
    stage.join(B, AVC);
    stage.show(B, 0, 40, 2_000);
    assert_eq!(stage.stream.on_air(), Some(B));
    assert_eq!(stage.stream.counters().sessions, 1);
}

#[test]
fn a_kicked_publisher_is_followed_by_a_backup_at_once() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.join_as(B, PublishRole::Backup, AVC);
    for at in (0..4_000).step_by(40) {
        stage.show(A, at, 40, 2_000);
        stage.send(
            B,
            MessageKind::Video,
            at,
            if at % 2_000 == 0 { KEY } else { INTER },
        );
    }
    assert_eq!(stage.command(Command::Switch), Ok(()));
    assert_eq!(stage.stream.on_air(), Some(A), "it waits for a keyframe");
    stage.send(B, MessageKind::Video, 4_000, KEY);
    assert_eq!(stage.stream.on_air(), Some(B));
    stage.send(A, MessageKind::Video, 4_000, KEY);
    assert_eq!(stage.command(Command::Kick), Ok(()));
    assert_eq!(stage.stream.on_air(), Some(A));
    assert_eq!(
        stage.command(Command::Switch),
        Err(CommandError::NoSwitch(
            crate::election::NoSwitch::NobodyElse
        ))
    );
}

#[test]
fn a_commanded_hold_lasts_until_it_is_resumed_and_shows_nothing_of_what_came_meanwhile() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.join(A, AVC);
    stage.show(A, 0, 3_000, 2_000);
    stage.take(&mut cursor);
    for _twice in 0..2 {
        assert_eq!(stage.command(Command::Hold), Ok(()));
    }
    assert_eq!(stage.command(Command::Kick), Err(CommandError::OnHold));
    assert_eq!(stage.command(Command::Switch), Err(CommandError::OnHold));
    // Beyond the hold window, with media all along.
    stage.show(A, 3_000, 400_000, 2_000);
    assert_eq!(stage.stream.state(), State::Held);
    let held = names(&stage.take(&mut cursor));
    assert_eq!(held[..2], ["hold", "telling"]);
    assert!(held[2..].iter().all(|name| *name == "hold"));
    assert_eq!(stage.command(Command::Resume), Ok(()));
    stage.show(A, 403_000, 2_000, 2_000);
    let items = stage.take(&mut cursor);
    let mut resumed = names(&items).into_iter().skip_while(|name| *name == "hold");
    assert!(
        resumed
            .by_ref()
            .take(4)
            .eq(["segment", "key", "telling", "sound"])
    );
    assert_eq!(stage.command(Command::Resume), Ok(()));
    assert_eq!(stage.stream.counters().sessions, 1);
    stage.leave(A);
    stage.wait(3_000);
    assert_eq!(
        stage.command(Command::Resume),
        Err(CommandError::NobodyOnAir)
    );
}

#[test]
fn a_forgotten_hold_ends_some_day() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    stage.show(A, 0, 3_000, 2_000);
    stage.leave(A);
    stage.wait(60_000);
    assert_eq!(stage.command(Command::Hold), Ok(()));
    stage.wait(11 * 3_600_000);
    assert_eq!(stage.stream.state(), State::Held);
    stage.wait(2 * 3_600_000);
    assert_eq!(stage.stream.state(), State::Idle);
    assert!(!stage.stream.is_suspended());
}

#[test]
fn an_ended_show_does_not_begin_again_by_itself() {
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Transcoder);
    stage.join(A, AVC);
    stage.show(A, 0, 3_000, 2_000);
    for _twice in 0..2 {
        assert_eq!(stage.command(Command::End), Ok(()));
    }
    assert_eq!(names(&stage.take(&mut cursor)).last(), Some(&"end"));
    stage.show(A, 3_000, 60_000, 2_000);
    assert_eq!(stage.stream.state(), State::Idle);
    assert_eq!(stage.stream.publishers(), 1);
    assert!(
        stage
            .stream
            .standings(stage.now)
            .all(|(.., standing)| standing == Standing::Ended)
    );
    // One that comes again begins a session; so does the one that stayed, if it is wanted.
    stage.join(B, AVC);
    stage.show(B, 0, 3_000, 2_000);
    assert_eq!(stage.command(Command::End), Ok(()));
    assert_eq!(stage.command(Command::Resume), Ok(()));
    stage.show(B, 3_000, 2_000, 2_000);
    assert_eq!(stage.stream.on_air(), Some(B));
    assert_eq!(stage.stream.counters().sessions, 3);
}
