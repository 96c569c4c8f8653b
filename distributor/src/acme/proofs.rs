//! What an authority is told on port 80, at whichever box it asks: one that looks for a proof by a name that leads to all
//! distributors may come to another than the one that ordered.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{Challenges, challenge::token_in};
use crate::{routing::Routing, upstream::Upstream};

/// Requests at once for which the others are asked; an authority makes a few for each name. When there are more, they are
/// answered as if there were no proof.
const ASKED_MAX: usize = 16;
/// How long another box may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest proof: a token, a dot and a hash.
const TEXT_MAX: usize = 256;

/// Clones are one.
#[derive(Clone)]
pub(crate) struct Proofs {
    own: Challenges,
    /// None where this is the only distributor.
    others: Option<Arc<Others>>,
}

struct Others {
    routing: Arc<Routing>,
    upstream: Arc<Upstream>,
    asked: Semaphore,
}

impl Proofs {
    /// This box's own, and those of the others in `routing`, who are asked by `upstream`.
    pub(crate) fn new(
        own: Challenges,
        routing: Option<&Arc<Routing>>,
        upstream: &Arc<Upstream>,
    ) -> Self {
        let others = routing.map(|routing| {
            Arc::new(Others {
                routing: routing.clone(),
                upstream: upstream.clone(),
                asked: Semaphore::new(ASKED_MAX),
            })
        });
        Self { own, others }
    }

    /// What is sent for `target`, if an order under way wants it at any box.
    pub(crate) async fn text(&self, target: &str) -> Option<String> {
        if let Some(own) = self.own.text(target) {
            return Some(own);
        }
        let others = self
            .others
            .as_ref()
            .filter(|_| token_in(target).is_some())?;
        let _asked = others.asked.try_acquire().ok()?;
        for source in others.routing.others() {
            if let Ok(text) = others
                .upstream
                .told(source, target, TEXT_MAX, PATIENCE)
                .await
            {
                return String::from_utf8(text.to_vec()).ok();
            }
        }
        None
    }
}
