//! Asks a stream's home among the distributors, before any transcoder is asked.
//!
//! The home is asked once for an object. While it has not begun to answer, it can be given up at any time: at once when
//! it is known to be gone, or when this box is asked for the stream by a peer and so is the home itself. One that is slow
//! with what it need not wait for is helped by the transcoders, once; whoever begins first serves.

use http::StatusCode;
use tokio::time::sleep;

use super::{Objects, nothing};
use crate::{
    entry::{Failure, Writer},
    freshness::Class,
    metrics::FromHome,
    origin::Answer,
    route::Key,
    routing::{HEDGE_AFTER, Home, Routing},
    upstream::{Object, UpstreamError},
};

/// How a home was heard.
enum Heard {
    /// It answered, or failed to.
    Itself(Result<Object, UpstreamError>),
    /// It is not to be waited for any longer.
    Lost,
    /// The transcoders have done it in the meantime.
    Helped(Result<(), Failure>),
}

impl Objects {
    /// What came of asking the home. None: the transcoders are to be asked, since there is no home but this box, or it
    /// could not serve.
    pub(super) async fn ask_home(&self, key: &Key, writer: &Writer) -> Option<Result<(), Failure>> {
        let routing = self.routing.as_ref()?;
        let home = routing.home(key.stream())?;
        let (outcome, done) = match self.hear_home(routing, home, key, writer).await {
            Heard::Helped(done) => (FromHome::Late, Some(done)),
            Heard::Lost => (FromHome::Lost, None),
            Heard::Itself(Ok(mut object)) => match self.copy(key, &mut object, writer).await {
                Ok(()) => (FromHome::Answered, Some(Ok(()))),
                Err(_) if writer.entry().has_begun() => {
                    (FromHome::Failed, Some(Err(Failure::Broken)))
                }
                Err(_) => (FromHome::Failed, None),
            },
            // What is named by a playlist may be at a transcoder although the home never had it.
            Heard::Itself(Err(UpstreamError::Missing)) if !key.object().is_immutable() => {
                writer.begin(nothing(StatusCode::NOT_FOUND));
                (FromHome::Answered, Some(Ok(())))
            }
            Heard::Itself(Err(UpstreamError::Refused)) => {
                writer.begin(nothing(StatusCode::BAD_REQUEST));
                (FromHome::Answered, Some(Ok(())))
            }
            Heard::Itself(Err(error)) => {
                if error.answer() == Answer::Unreachable {
                    routing.refused(home, &error);
                }
                (FromHome::Failed, None)
            }
        };
        routing.metrics().asked(outcome);
        done
    }

    async fn hear_home(&self, routing: &Routing, home: Home, key: &Key, writer: &Writer) -> Heard {
        let class = Class::of(key);
        let td = self.origins().target_duration(key.stream());
        let get = self.upstream.get(home.source, key, class.first_byte(td));
        let mut get = std::pin::pin!(get);
        tokio::select! {
            got = &mut get => return Heard::Itself(got),
            () = routing.lost(key.stream(), home) => return Heard::Lost,
            // What may not be there yet is waited for.
            () = sleep(HEDGE_AFTER), if !class.is_held() => {}
        }
        routing.metrics().hedged();
        let mut helped = std::pin::pin!(self.ask_origins(key, writer));
        tokio::select! {
            biased;
            done = &mut helped => match done {
                Err(_) if !writer.entry().has_begun() => Heard::Itself(get.await),
                done => Heard::Helped(done),
            },
            got = &mut get => match got {
                Ok(object) if !writer.entry().has_begun() => Heard::Itself(Ok(object)),
                _ => Heard::Helped(helped.await),
            },
        }
    }
}
