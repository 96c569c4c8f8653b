//! How a connection ends when the daemon stops: what it is being answered is finished under the drain's deadline, and all
//! else has a moment.
//!
//! Viewers who come meanwhile wait at the listener, which outlives this process: so nobody is waited for who may never
//! answer, such as a phone that has lost its network. A connection that has asked for nothing yet may still ask once: its
//! viewer has reached this process and cannot know that it stops.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use super::Usage;

/// How often a connection is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Looks at rest, one after the other, until it is ended: two round trips of a phone for a good end.
const LOOKS: u32 = 4;
/// The same for one that has asked for nothing yet, as long as [`GREETING`].
const LOOKS_UNUSED: u32 = 10;
/// How long a viewer who has just connected may take to ask, in all: his handshake may have been waited for before.
pub(crate) const GREETING: Duration = LOOK.saturating_mul(LOOKS_UNUSED);

/// Lets `connection` end, once `finish` has told it to; the drain's deadline is another's.
pub(super) async fn leave<C, E>(
    mut connection: Pin<Box<C>>,
    finish: impl Fn(Pin<&mut C>),
    usage: &Usage,
) -> Result<(), E>
where
    C: Future<Output = Result<(), E>>,
{
    let told = AtomicBool::new(false);
    let mut ended = poll_fn(|cx| {
        // Before any answer: whoever hears that nothing was done about a request must know already that it is to ask
        // elsewhere.
        if !usage.is_unused() && !told.swap(true, Relaxed) {
            finish(connection.as_mut());
            usage.finish();
        }
        connection.as_mut().poll(cx)
    });
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rests = 0;
    loop {
        tokio::select! {
            ended = &mut ended => return ended,
            _ = looks.tick() => {
                rests = if usage.is_at_rest() { rests + 1 } else { 0 };
                if rests > if usage.is_unused() { LOOKS_UNUSED } else { LOOKS } {
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::pending, sync::Arc};

    use tokio::time::{advance, timeout};

    use super::*;
    use crate::connection::usage::OpenRequest;

    type Ended = Result<(), Infallible>;

    /// How long a connection that never ends by itself is waited for.
    async fn waited(usage: &Usage) -> Option<u32> {
        let connection = Box::pin(pending::<Ended>());
        let mut leaving = Box::pin(leave(connection, |_| {}, usage));
        for tick in 0..100 {
            if timeout(Duration::ZERO, &mut leaving).await.is_ok() {
                return Some(tick);
            }
            advance(LOOK).await;
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_at_rest_has_a_moment_and_an_answer_as_long_as_it_takes() {
        let usage = Arc::new(Usage::default());
        let moment = waited(&usage).await.unwrap();
        assert!(
            (LOOKS_UNUSED..LOOKS_UNUSED + 2).contains(&moment),
            "{moment}"
        );
        drop(OpenRequest::begin(&usage));
        let moment = waited(&usage).await.unwrap();
        assert!((LOOKS..LOOKS + 2).contains(&moment), "{moment}");
        let asked = OpenRequest::begin(&usage);
        assert_eq!(waited(&usage).await, None);
        drop(asked);
        assert!(waited(&usage).await.is_some(), "it was refused");
        let body = usage.body();
        assert_eq!(waited(&usage).await, None);
        drop(body);
        assert_eq!(
            waited(&usage).await,
            None,
            "its end may still be on its way"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_told_to_finish_when_it_has_asked_and_once() {
        let usage = Arc::new(Usage::default());
        let told = AtomicBool::new(false);
        let finish = |_: Pin<&mut _>| assert!(!told.swap(true, Relaxed), "told twice");
        let mut leaving = Box::pin(leave(Box::pin(pending::<Ended>()), finish, &usage));
        let mut moment = async || timeout(LOOK, &mut leaving).await.is_ok();
        assert!(!moment().await && !told.load(Relaxed));
        let _asked = OpenRequest::begin(&usage);
        for _ in 0..3 {
            assert!(!moment().await);
        }
        assert!(told.load(Relaxed));
        let connection = Box::pin(async { Ended::Ok(()) });
        assert_eq!(leave(connection, |_| {}, &usage).await, Ok(()));
    }
}
