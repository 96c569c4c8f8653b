//! The configured streams, shared between the connections: each a [`Stream`] behind a lock, and who waits for it.
//!
//! The lock is held for a decision, never over a wait or a write. What the decision asks for is done here: publishers
//! are closed, consumers and timers woken, numbers handed to their keeper, changes told to the log.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use live::{StreamName, cutter::LastNumbers, playlist::DateRange};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::sleep,
};
use tracing::info;

use crate::{
    announcement::Announcement,
    budget::{Budget, Share, Spent, on_air},
    clock::WallClock,
    consumer::ConsumerStats,
    election::PublisherId,
    events::{Events, Kind},
    handover::{Area, Aside, Handover, Left, Resumed},
    health::Code,
    key::PublishRole,
    output::OutputStatus,
    push::{Order, Pushes},
    ring::Seq,
    rows::Rows,
    stream::{AnnounceError, CloseCause, Command, CommandError, Event, Settings, State, Stream},
    wake::Wake,
};

mod publishing;

pub(crate) use publishing::Publishing;

/// All streams, by name. None comes or goes while mux runs.
pub(crate) type Streams = BTreeMap<StreamName, Arc<SharedStream>>;

/// One stream.
pub(crate) struct SharedStream {
    name: StreamName,
    clock: Arc<WallClock>,
    events: Events,
    handover: Option<Arc<Handover>>,
    inner: Mutex<Inner>,
    /// The ring's head: whoever waits for it has something to send.
    head: watch::Sender<Seq>,
    numbers: watch::Sender<Option<LastNumbers>>,
    /// Its next deadline is sooner than it was.
    deadline: Notify,
    /// The RTMP players of this stream, together.
    pub(crate) players: Arc<ConsumerStats>,
    /// Those of them that are sent the same bytes.
    pub(crate) rows: Rows,
    /// Its transcoders, in rank order.
    pub(crate) outputs: Vec<Arc<OutputStatus>>,
    /// Where else it is published to.
    pub(crate) pushes: Pushes,
}

struct Inner {
    stream: Stream,
    wake: Wake,
    /// When the timer will wake up, Unix milliseconds.
    armed: Option<u64>,
    publishers: BTreeMap<PublisherId, oneshot::Sender<CloseCause>>,
    /// From its first publisher until there is none and the ring is empty.
    memory: Option<Share>,
    /// What is kept with the stream.
    aside: Aside,
    /// What outlives this process.
    area: Option<Area>,
    /// Connections to its outputs that another process left, until these take them over.
    left: Vec<Resumed>,
}

impl SharedStream {
    /// A stream without a show.
    pub(crate) fn new(
        name: StreamName,
        settings: Settings,
        last: Option<LastNumbers>,
        clock: Arc<WallClock>,
        events: Events,
        outputs: Vec<Arc<OutputStatus>>,
    ) -> Self {
        let merge = settings.merge;
        Self {
            name,
            clock,
            events,
            handover: None,
            inner: Mutex::new(Inner {
                stream: Stream::new(settings, last),
                wake: Wake::default(),
                armed: None,
                publishers: BTreeMap::new(),
                memory: None,
                aside: Aside {
                    next_publisher: 1,
                    ..Aside::default()
                },
                area: None,
                left: Vec::new(),
            }),
            head: watch::Sender::default(),
            numbers: watch::Sender::default(),
            deadline: Notify::new(),
            players: Arc::default(),
            rows: Rows::new(merge),
            outputs,
            pushes: Pushes::default(),
        }
    }

    /// Keeps it for another process from now on, and goes on where one left it.
    pub(crate) fn carry_on(
        &mut self,
        handover: &Arc<Handover>,
        left: &mut Left,
        settings: Settings,
    ) {
        let (area, state) = handover.stream(&self.name, settings, left);
        self.handover = Some(Arc::clone(handover));
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.area = area;
        inner.left = left.outputs(&self.name);
        if let Some((stream, aside)) = state {
            self.clock.not_before(aside.now);
            inner.aside = aside;
            self.head.send_replace(stream.ring().head());
            self.numbers.send_replace(stream.last_numbers());
            inner.stream = stream;
        }
    }

    /// What keeps the connections to its outputs for another process.
    pub(crate) const fn handover(&self) -> Option<&Arc<Handover>> {
        self.handover.as_ref()
    }

    /// The connection to `output` that another process left.
    pub(crate) fn take_left(&self, output: &str) -> Option<Resumed> {
        let mut inner = self.lock();
        let found = inner.left.iter().position(|left| left.is_to(output))?;
        Some(inner.left.swap_remove(found))
    }

    /// What an operator ordered of its push targets, to be looked at or changed.
    pub(crate) fn orders<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Order>) -> T) -> T {
        self.act(|inner, _now| change(&mut inner.aside.orders))
    }

    /// Once all publishers that were left are back: the others are not coming.
    pub(crate) fn settle(&self) {
        self.act(|inner, _now| {
            // Those outputs are configured no more.
            inner.left.clear();
            for id in inner.stream.publisher_ids() {
                if !inner.publishers.contains_key(&id) {
                    inner.stream.publisher_left(id);
                }
            }
        });
    }

    /// Lets a publisher in again that another process let in. Answers with how many messages of it were taken in.
    pub(crate) fn publish_again(
        self: &Arc<Self>,
        id: PublisherId,
        budget: &Arc<Budget>,
    ) -> (Publishing, u64) {
        let (close, closed) = oneshot::channel();
        let applied = self.act(|inner, _now| {
            if inner.memory.is_none() {
                // A smaller budget than before ends no show that is on the air.
                let ring = inner.stream.ring().capacity();
                inner.memory = budget.take(on_air(ring, self.outputs.len())).ok();
            }
            let applied = inner.stream.applied(id);
            if applied.is_some() {
                inner.publishers.insert(id, close);
            } else {
                // It was thrown out, and had not heard of it.
                let _heard = close.send(CloseCause::TakenOver);
            }
            applied
        });
        let publishing = Publishing {
            stream: Arc::clone(self),
            id,
            closed,
        };
        (publishing, applied.unwrap_or(0))
    }

    /// Its name.
    pub(crate) const fn name(&self) -> &StreamName {
        &self.name
    }

    /// Tells when there is more in the ring.
    pub(crate) fn head(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    /// Tells the numbers to keep.
    pub(crate) fn numbers(&self) -> watch::Receiver<Option<LastNumbers>> {
        self.numbers.subscribe()
    }

    /// A look at the stream, with the time in Unix milliseconds.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Stream, u64) -> T) -> T {
        let inner = self.lock();
        look(&inner.stream, self.clock.now())
    }

    /// Lets a publisher in, if there is memory for the stream to be on the air.
    pub(crate) fn publish(
        self: &Arc<Self>,
        role: PublishRole,
        budget: &Arc<Budget>,
    ) -> Result<Publishing, Spent> {
        let (close, closed) = oneshot::channel();
        let id = self.act(|inner, _now| {
            if inner.memory.is_none() {
                let ring = inner.stream.ring().capacity();
                inner.memory = Some(budget.take(on_air(ring, self.outputs.len()))?);
            }
            // Under the lock, so that ids rise in the order of joining.
            let id = PublisherId(inner.aside.next_publisher);
            inner.aside.next_publisher = id.0.saturating_add(1);
            inner.publishers.insert(id, close);
            inner.stream.publisher_joined(id, role);
            Ok(id)
        })?;
        Ok(Publishing {
            stream: Arc::clone(self),
            id,
            closed,
        })
    }

    /// Carries an operator's command out.
    pub(crate) fn command(&self, command: Command) -> Result<(), CommandError> {
        self.act(|inner, now| inner.stream.command(command, now))
    }

    /// Says something beside the media.
    pub(crate) fn announce(&self, announcement: &Announcement) -> Result<DateRange, AnnounceError> {
        self.act(|inner, now| inner.stream.announce(announcement, now))
    }

    /// Keeps the stream's deadlines, for ever.
    pub(crate) async fn keep_time(&self) {
        loop {
            let wait = self.arm();
            match wait {
                None => self.deadline.notified().await,
                Some(wait) => {
                    tokio::select! {
                        () = sleep(Duration::from_millis(wait)) => {}
                        () = self.deadline.notified() => {}
                    }
                    self.act(|inner, now| inner.stream.handle_timeout(now));
                }
            }
        }
    }

    /// How long until the stream's next deadline, milliseconds.
    fn arm(&self) -> Option<u64> {
        let mut inner = self.lock();
        inner.armed = inner.stream.poll_timeout();
        Some(inner.armed?.saturating_sub(self.clock.now()))
    }

    /// Changes the stream and does what follows from it.
    fn act<T>(&self, change: impl FnOnce(&mut Inner, u64) -> T) -> T {
        let mut inner = self.lock();
        // Read under the lock: the stream's time never falls.
        let now = self.clock.now();
        let result = change(&mut inner, now);
        while let Some(event) = inner.stream.poll_event() {
            self.handle(event, &mut inner.publishers);
        }
        if inner.publishers.is_empty() && inner.stream.state() == State::Idle {
            inner.memory = None;
        }
        let Inner {
            stream,
            wake,
            armed,
            aside,
            area,
            ..
        } = &mut *inner;
        if let Some(area) = area {
            // Nobody sees what is not kept.
            aside.now = now;
            area.commit(stream, aside);
        }
        let (head, due) = (stream.ring().head(), wake.due(stream.ring(), now));
        let timeout = stream.poll_timeout();
        let sooner = timeout.is_some_and(|due| armed.is_none_or(|armed| due < armed));
        drop(inner);
        if sooner {
            self.deadline.notify_one();
        }
        if due {
            self.head.send_replace(head);
        }
        result
    }

    fn handle(
        &self,
        event: Event,
        publishers: &mut BTreeMap<PublisherId, oneshot::Sender<CloseCause>>,
    ) {
        let stream = &self.name;
        if let Some(told) = event.told() {
            let publisher = told.publisher.map(|id| id.0);
            let session = told.session.map(|session| session.0);
            let finding = told.finding.map(Code::as_str);
            info!(%stream, publisher, session, finding, "{}", told.text);
            self.tell(told.kind, told.text, told.fields);
        }
        match event {
            Event::Close(id, cause) => {
                if cause == CloseCause::TakenOver {
                    let fields = json!({ "publisher": id.0 });
                    self.tell(Kind::Takeover, cause.to_string(), fields);
                }
                if let Some(close) = publishers.remove(&id) {
                    // It may be leaving by itself at this moment.
                    let _gone = close.send(cause);
                }
            }
            Event::Numbers(numbers) => {
                self.numbers.send_replace(Some(numbers));
            }
            Event::OnAir(..)
            | Event::Held
            | Event::Resumed(_)
            | Event::Suspended
            | Event::Ended(_)
            | Event::Parked(_)
            | Event::KeyframeOverdue(_)
            | Event::Health(..) => {}
        }
    }

    /// Tells the event bus what has happened to this stream. `fields` is an object.
    pub(crate) fn tell(&self, kind: Kind, text: impl Into<String>, fields: Value) {
        self.events.publish(Some(&self.name), kind, text, fields);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
