//! Follows what is watched: one task for each rendition, and its answers for viewers.
//!
//! What a task asks for are the same entries that viewers find: however they come together, an origin is asked once. A
//! playlist is published when all that it newly names is on its way. Viewers wait for playlists at the task, not at the
//! origin: whichever of them each one waits for, one held request serves all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use http::StatusCode;
use live::{Msn, Object, PartIndex, Rendition, Skip, StreamName, daemon::Chassis};
use tokio::{sync::watch, time::timeout};
use tracing::info;

use super::{Following, version::Version};
use crate::{
    entry::{Answer, Failure, Viewer},
    fill::{Found, Objects},
    freshness::Class,
    metrics::Metrics,
    now,
    route::Key,
    window::Reload,
};

/// Renditions followed at once, in all and of one stream: a ladder of six and its sound, twice over. Each holds two
/// requests at an origin. One that finds no room is fetched when it is asked for.
const FOLLOWED_MAX: (usize, usize) = (256, 16);

/// All that is followed.
pub(crate) struct Followers {
    objects: Arc<Objects>,
    followed: RwLock<HashMap<StreamName, Vec<Arc<Followed>>>>,
    chassis: Chassis,
    metrics: Metrics,
}

/// One rendition that is followed, as viewers see it.
struct Followed {
    stream: StreamName,
    rendition: Rendition,
    /// When a viewer last asked for its playlist.
    watched: Mutex<Instant>,
    shown: watch::Sender<Shown>,
}

#[derive(Default)]
struct Shown {
    version: Option<Arc<Version>>,
    /// How many times no origin had a newer one, and why the last time.
    failures: u64,
    failure: Option<Failure>,
}

/// How a request is come by.
pub(crate) enum Come {
    /// By an entry that is there or on its way.
    Entry(Viewer, Found),
    /// By a playlist that is yet to come.
    Awaited(Awaited),
    /// Not at all, whomever we asked.
    Never(StatusCode),
    /// By asking an origin, which may not be done.
    Unsought,
}

impl Come {
    /// Whether it may take a while.
    pub(crate) const fn waits(&self) -> bool {
        !matches!(
            self,
            Self::Never(_) | Self::Unsought | Self::Entry(_, Found::Hit)
        )
    }
}

/// A viewer who waits for a playlist.
pub(crate) struct Awaited {
    shown: watch::Receiver<Shown>,
    failures: u64,
    block: Option<(Msn, Option<PartIndex>)>,
    skip: Option<Skip>,
    hold: Duration,
}

impl Awaited {
    /// Waits for it, three target durations at most (RFC 8216bis §6.2.5.2).
    pub(crate) async fn answer(mut self, now: impl Fn() -> Instant) -> Result<Answer, Failure> {
        let is_there = |version: &Arc<Version>| version.window.reload(self.block) == Reload::Now;
        let settled = |shown: &Shown| {
            shown.failures != self.failures || shown.version.as_ref().is_some_and(is_there)
        };
        let entry = match timeout(self.hold, self.shown.wait_for(settled)).await {
            Ok(Ok(shown)) => match shown.version.as_ref().filter(|version| is_there(version)) {
                Some(version) => Ok(version.text(self.skip)),
                None => Err(shown.failure.unwrap_or(Failure::Unavailable)),
            },
            _ => Err(Failure::Unavailable),
        };
        Viewer::of(entry?).answer(now).await
    }
}

impl Followers {
    /// Nothing is followed yet.
    pub(crate) fn new(objects: Arc<Objects>, chassis: Chassis, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            objects,
            followed: RwLock::default(),
            chassis,
            metrics,
        })
    }

    /// How a viewer who asks for `key` is answered. Whether an origin `may` be asked for what nobody has named is seen
    /// only if it would be.
    pub(crate) fn find(self: &Arc<Self>, key: &Key, may: &dyn Fn() -> bool) -> Come {
        let Some(rendition) = key.object().rendition() else {
            return self.pull(key, may);
        };
        let now = now();
        let followed = self.followed(key.stream(), rendition);
        match (key.object(), followed) {
            (Object::Media(_), Some(followed)) => self.playlist(key, &followed, (now, may)),
            (Object::Media(_), None) => {
                let come = self.pull(key, may);
                // Once for each fetch, so that what cannot be followed is not tried with every request.
                if matches!(come, Come::Entry(_, Found::Filling)) && key.skip().is_none() {
                    self.start(key, rendition, now);
                }
                come
            }
            (object, Some(followed)) => self.media(key, object, &followed, (now, may)),
            (_, None) => self.pull(key, may),
        }
    }

    /// The renditions that are followed, and of what stream.
    pub(crate) fn status(&self) -> Vec<(StreamName, Vec<Rendition>)> {
        let followed = self.followed.read().unwrap_or_else(PoisonError::into_inner);
        let renditions = |all: &Vec<Arc<Followed>>| all.iter().map(|one| one.rendition).collect();
        followed
            .iter()
            .map(|(stream, all)| (stream.clone(), renditions(all)))
            .collect()
    }

    /// Returns when the live edge of `stream` lies in mid-segment ([`crate::window::Window::is_mid_segment`]); after its target duration in
    /// any case, and at once where it is not followed here.
    pub(crate) async fn mid_segment(&self, stream: &StreamName) {
        let shown = {
            let followed = self.followed.read().unwrap_or_else(PoisonError::into_inner);
            let one = followed.get(stream).and_then(|all| all.first());
            one.map(|one| one.shown.subscribe())
        };
        let Some(mut shown) = shown else { return };
        let (failures, most) = {
            let shown = shown.borrow();
            let most = |version: &Arc<Version>| version.window.target_duration();
            (shown.failures, shown.version.as_ref().map(most))
        };
        let settled = |shown: &Shown| {
            let mid = |version: &Arc<Version>| version.window.is_mid_segment();
            shown.failures != failures || shown.version.as_ref().is_none_or(mid)
        };
        // Who has waited in vain is moved all the same.
        let _late = timeout(most.unwrap_or_default(), shown.wait_for(settled)).await;
    }

    fn pull(&self, key: &Key, may: &dyn Fn() -> bool) -> Come {
        if !self.objects.cache().has(key, now()) && !may() {
            return Come::Unsought;
        }
        let (viewer, found) = self.objects.find(key);
        Come::Entry(viewer, found)
    }

    fn playlist(
        &self,
        key: &Key,
        followed: &Followed,
        (now, may): (Instant, &dyn Fn() -> bool),
    ) -> Come {
        *followed
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = now;
        let shown = followed.shown.borrow();
        let Some(version) = &shown.version else {
            drop(shown);
            return self.pull(key, may);
        };
        let (block, skip) = (key.block(), key.skip());
        match version.window.reload(block) {
            Reload::Wait => {
                let hold = Class::Blocking.hold(version.window.target_duration());
                let failures = shown.failures;
                drop(shown);
                Come::Awaited(Awaited {
                    shown: followed.shown.subscribe(),
                    failures,
                    block,
                    skip,
                    hold,
                })
            }
            Reload::Now if version.is_fresh(now) => {
                Come::Entry(Viewer::of(version.text(skip)), Found::Hit)
            }
            Reload::TooFar if version.is_fresh(now) => Come::Never(StatusCode::BAD_REQUEST),
            Reload::Now | Reload::TooFar => {
                drop(shown);
                self.pull(key, may)
            }
        }
    }

    fn media(
        &self,
        key: &Key,
        object: Object,
        followed: &Followed,
        (now, may): (Instant, &dyn Fn() -> bool),
    ) -> Come {
        let version = followed.shown.borrow().version.clone();
        let Some(version) = version.filter(|version| version.is_fresh(now)) else {
            return self.pull(key, may);
        };
        if object == Object::IFrames(followed.rendition) {
            return match version.window.reload(key.block()) {
                Reload::TooFar => Come::Never(StatusCode::BAD_REQUEST),
                Reload::Now | Reload::Wait => self.pull(key, may),
            };
        }
        if !version.window.may_have(object) {
            return Come::Never(StatusCode::NOT_FOUND);
        }
        let (viewer, found) = self.objects.find(key);
        if found == Found::Filling && version.window.edge().any(|listed| listed == object) {
            self.metrics.edge_miss();
        }
        Come::Entry(viewer, found)
    }

    fn followed(&self, stream: &StreamName, rendition: Rendition) -> Option<Arc<Followed>> {
        let followed = self.followed.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = followed.get(stream)?.iter();
        all.find(|one| one.rendition == rendition).cloned()
    }

    /// Begins to follow with the playlist that a viewer's request for `key` brings.
    fn start(self: &Arc<Self>, key: &Key, rendition: Rendition, now: Instant) {
        let followed = Arc::new(Followed {
            stream: key.stream().clone(),
            rendition,
            watched: Mutex::new(now),
            shown: watch::Sender::default(),
        });
        {
            let mut all = self
                .followed
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let in_all: usize = all.values().map(Vec::len).sum();
            let own = all.get(key.stream()).map_or(&[][..], Vec::as_slice);
            let there = own.iter().any(|one| one.rendition == rendition);
            if there || in_all >= FOLLOWED_MAX.0 || own.len() >= FOLLOWED_MAX.1 {
                return;
            }
            all.entry(key.stream().clone())
                .or_default()
                .push(followed.clone());
        }
        let (listed, key) = (Listed(self.clone(), followed), key.clone());
        self.chassis
            .spawn("follow", async move { listed.follow(key).await });
    }
}

/// A rendition in the list of those that are followed, until this is dropped.
struct Listed(Arc<Followers>, Arc<Followed>);

impl Drop for Listed {
    fn drop(&mut self) {
        let Self(followers, followed) = self;
        {
            let mut all = followers
                .followed
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(own) = all.get_mut(&followed.stream) {
                own.retain(|one| !Arc::ptr_eq(one, followed));
                if own.is_empty() {
                    all.remove(&followed.stream);
                }
            }
        }
        let stops = followers.chassis.shutdown().is_triggered();
        self.fail(if stops {
            Failure::Stopping
        } else {
            Failure::Unavailable
        });
    }
}

impl Listed {
    /// Follows until nobody watches any more, nothing more will come, or the daemon stops.
    async fn follow(self, first: Key) {
        let Self(followers, followed) = &self;
        let (objects, metrics) = (&followers.objects, &followers.metrics);
        let _counted = metrics.following();
        let mut following = Following::new(followed.stream.clone(), followed.rendition);
        let (stream, rendition) = (&followed.stream, followed.rendition);
        let (mut key, mut known) = (first, false);
        while let Some(heard) = self.unless_stopped(self.hear(&key)).await {
            match heard {
                Ok(version) => {
                    // Not before: anybody may ask for names that are made up.
                    if !known {
                        known = true;
                        info!(%stream, %rendition, "viewers have come: it is fetched as it is made");
                    }
                    let changes = following.heard(version.window.clone(), now());
                    for key in &changes.fetch {
                        objects.keep(key);
                        metrics.ahead();
                    }
                    let lingers = version.lingers();
                    followed
                        .shown
                        .send_modify(|shown| shown.version = Some(Arc::new(version)));
                    changes
                        .release
                        .iter()
                        .for_each(|key| objects.cache().release(key));
                    changes
                        .forget
                        .iter()
                        .for_each(|key| objects.cache().forget(key));
                    // Whoever asks for it again is given the newest.
                    objects.cache().forget(&key);
                    self.unless_stopped(tokio::time::sleep(lingers)).await;
                }
                Err((status, failure)) => {
                    self.fail(failure);
                    if !following.failed(status) {
                        break;
                    }
                }
            }
            let watched = *followed
                .watched
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let Some((pause, next)) = following.next(watched, now()) else {
                break;
            };
            if self
                .unless_stopped(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                break;
            }
            key = next;
        }
        if known {
            info!(%stream, %rendition, "it is fetched no more: the show is over, or nobody watches");
        }
        following
            .holding()
            .iter()
            .for_each(|key| objects.cache().release(key));
    }

    /// The playlist that `key` names, when it is whole.
    async fn hear(&self, key: &Key) -> Result<Version, (StatusCode, Failure)> {
        let Self(followers, followed) = self;
        let (entry, viewer) = followers.objects.keep(key);
        let answer = viewer.answer(now).await;
        let status = match answer {
            Ok(answer) if answer.stale => StatusCode::SERVICE_UNAVAILABLE,
            Ok(answer) => answer.head.status,
            Err(failure) => return Err((failure.status(), failure)),
        };
        let before = followed.shown.borrow().version.clone();
        let version = (status == StatusCode::OK)
            .then(|| Version::read(&entry, followed.rendition, before.as_deref(), now()))
            .flatten();
        version.ok_or((status, Failure::Unavailable))
    }

    /// Those who wait are told so at once.
    fn fail(&self, failure: Failure) {
        self.1.shown.send_modify(|shown| {
            shown.failures = shown.failures.wrapping_add(1);
            shown.failure = Some(failure);
        });
    }

    /// None when the daemon stops. Those who wait for a playlist wait for the next process then.
    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.0.chassis.shutdown().triggered() => None,
            done = future => Some(done),
        }
    }
}
