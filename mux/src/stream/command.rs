//! [pure] What an operator can have a stream do.
//!
//! Always true: a command that cannot be carried out changes nothing and says why; one whose aim is reached already
//! does nothing.

use super::{CloseCause, Event, State, Stream};
use crate::election::NoSwitch;

/// See each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Close the publisher on the air. Its key stays valid: it may come again. Another that is clean stands in at once.
    Kick,
    /// Put the other publisher on the air at its next keyframe, and leave it there: the primary does not get the air
    /// back by itself, until the one on the air is lost or the next switch.
    Switch,
    /// Hold the stream although media comes. Publishers stay, and the session does not end, until [`Self::Resume`] or
    /// [`Self::End`], for twelve hours at most.
    Hold,
    /// End a commanded hold: the show goes on at the next keyframe. What came before is not shown. After an end it
    /// begins a new session with the publishers that stayed.
    Resume,
    /// End the session: viewers are told that it is over. Publishers stay connected but are not heard, since encoders
    /// that are closed come again within seconds and would begin the next session by themselves; one that does come
    /// again begins one.
    End,
}

/// The operator's fault: the stream is not in a state for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    /// Neither live nor held.
    #[error("there is no show: nobody has published since the last one ended")]
    NoShow,
    /// Held, by an operator.
    #[error("the stream is on hold by command: resume it first")]
    OnHold,
    /// Held, because nobody sends.
    #[error("nobody is on the air: start the encoder, or wait until it is back")]
    NobodyOnAir,
    /// See [`NoSwitch`].
    #[error(transparent)]
    NoSwitch(#[from] NoSwitch),
}

impl Stream {
    /// Carries a command out.
    pub(crate) fn command(&mut self, command: Command, now: u64) -> Result<(), CommandError> {
        match command {
            Command::Kick => self.kick(now),
            Command::Switch => self.switch(now),
            Command::Hold => self.command_hold(now),
            Command::Resume => self.resume(now),
            Command::End => self.command_end(now),
        }
    }

    fn kick(&mut self, now: u64) -> Result<(), CommandError> {
        let Some(id) = self.on_air() else {
            return Err(self.nobody_on_air());
        };
        self.close(id, CloseCause::Kicked);
        self.handle_timeout(now);
        Ok(())
    }

    fn switch(&mut self, now: u64) -> Result<(), CommandError> {
        if self.on_air().is_none() {
            return Err(self.nobody_on_air());
        }
        Ok(self.election.switch(now)?)
    }

    fn command_hold(&mut self, now: u64) -> Result<(), CommandError> {
        if !matches!(self.state, State::Live | State::Held) {
            return Err(CommandError::NoShow);
        }
        if self.is_suspended() {
            return Ok(());
        }
        self.election.suspend();
        self.begin_hold(now);
        self.since = now;
        self.events.push_back(Event::Suspended);
        Ok(())
    }

    fn resume(&mut self, now: u64) -> Result<(), CommandError> {
        if self.election.resume() {
            if self.state == State::Held {
                self.since = now;
            }
            return Ok(());
        }
        match self.state {
            State::Live => Ok(()),
            State::Held => Err(CommandError::NobodyOnAir),
            State::Idle | State::Ended => Err(CommandError::NoShow),
        }
    }

    fn command_end(&mut self, now: u64) -> Result<(), CommandError> {
        match self.state {
            State::Live | State::Held => {
                self.end(now);
                self.election.retire();
                Ok(())
            }
            State::Ended => Ok(()),
            State::Idle => Err(CommandError::NoShow),
        }
    }

    const fn nobody_on_air(&self) -> CommandError {
        match self.state {
            State::Idle | State::Ended => CommandError::NoShow,
            State::Live | State::Held if self.is_suspended() => CommandError::OnHold,
            State::Live | State::Held => CommandError::NobodyOnAir,
        }
    }
}
