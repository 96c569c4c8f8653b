//! The players of a stream that are sent its tape, in rows: a row is written to in one pass, by one task.
//!
//! A thousand players are sixteen tasks to wake for a picture and not a thousand, and no pass holds up what else waits
//! for its thread for longer than a row takes. Transcoders' tasks are woken with the rows and go first.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use live::daemon::prometheus_client::metrics::histogram::Histogram;
use tokio::{net::TcpStream, sync::Notify, task::yield_now, time::sleep};
use tracing::debug;

use crate::{
    cursor::Place, handover::Outgoing, outbox::Outbox, seat::Seat, streams::SharedStream,
    tape::Tape,
};

/// Seats in a row: half a millisecond of system calls.
const ROW: usize = 64;

/// Seconds; arrivals are known to the millisecond.
const LATENCIES: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

/// See the module.
pub(crate) struct Rows {
    /// Time between two passes, at least.
    merge: Duration,
    inner: Mutex<Inner>,
    /// From a message's arrival to its having been written to a row, seconds: of the oldest message of each pass.
    pub(crate) latency: Histogram,
}

#[derive(Default)]
struct Inner {
    /// That of the session in progress; none without players.
    tape: Option<Arc<Tape>>,
    rows: Vec<Arc<Row>>,
}

#[derive(Default)]
struct Row {
    /// Replaced as a whole when somebody comes or goes, so that a pass needs no lock.
    seats: Mutex<Arc<Vec<Arc<Seat>>>>,
    empty: Notify,
}

/// A player's place. Dropping it leaves the row.
pub(crate) struct Seated {
    seat: Arc<Seat>,
    row: Arc<Row>,
    stream: Arc<SharedStream>,
}

impl Rows {
    /// No rows. What comes within `merge` of a pass waits for the next.
    pub(crate) fn new(merge: Duration) -> Self {
        Self {
            merge,
            inner: Mutex::default(),
            latency: Histogram::new(LATENCIES),
        }
    }

    /// Gives a player a seat; `control` is what its session has said. Its connection is to write first.
    pub(crate) fn sit(
        stream: &Arc<SharedStream>,
        socket: Arc<TcpStream>,
        control: Outbox,
        outgoing: Option<Outgoing>,
    ) -> Seated {
        let mut inner = stream.rows.lock();
        let tape = inner.tape.take().filter(|tape| !tape.is_over());
        let tape = Arc::clone(inner.tape.insert(tape.unwrap_or_default()));
        let says = (control, outgoing);
        let seat = Seat::new(socket, tape, Arc::clone(stream), says, None);
        inner.seat(stream, seat)
    }

    /// Gives a player a seat that has been sent what lies before `place`, in another process; nothing waits to be
    /// written to it. Nobody else has sat down on another clock yet, or the player does without.
    pub(crate) fn sit_again(
        stream: &Arc<SharedStream>,
        socket: Arc<TcpStream>,
        outgoing: &mut Option<Outgoing>,
        place: Place,
    ) -> Option<Seated> {
        let mut inner = stream.rows.lock();
        let tape = inner.tape.take().unwrap_or_else(|| {
            Arc::new(stream.look(|stream, _now| Tape::going_on(stream.ring(), place)))
        });
        let tape = Arc::clone(inner.tape.insert(tape));
        let at = tape.extend(stream).ok().and_then(|_| tape.find(place));
        let Some(at) = at else {
            if inner.rows.is_empty() {
                inner.tape = None;
            }
            return None;
        };
        let says = (Outbox::default(), outgoing.take());
        let seat = Seat::new(socket, tape, Arc::clone(stream), says, Some(at));
        Some(inner.seat(stream, seat))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn seat(&mut self, stream: &Arc<SharedStream>, seat: Seat) -> Seated {
        stream.players.connected.fetch_add(1, Ordering::Relaxed);
        let (inner, seat) = (self, Arc::new(seat));
        let free = inner.rows.iter().find(|row| row.seats().len() < ROW);
        let row = free.cloned().unwrap_or_else(|| {
            let row = Arc::<Row>::default();
            inner.rows.push(Arc::clone(&row));
            tokio::spawn(serve(Arc::clone(stream), Arc::clone(&row)));
            row
        });
        row.change(|seats| seats.push(Arc::clone(&seat)));
        Seated {
            seat,
            row,
            stream: Arc::clone(stream),
        }
    }
}

impl Row {
    fn seats(&self) -> Arc<Vec<Arc<Seat>>> {
        Arc::clone(&self.seats.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Seat>>)) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut seats));
    }
}

impl Seated {
    /// The seat.
    pub(crate) const fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.stream
            .players
            .connected
            .fetch_sub(1, Ordering::Relaxed);
        let mut inner = self.stream.rows.lock();
        self.row
            .change(|seats| seats.retain(|seat| !Arc::ptr_eq(seat, &self.seat)));
        if self.row.seats().is_empty() {
            self.row.empty.notify_one();
            inner.rows.retain(|row| !Arc::ptr_eq(row, &self.row));
        }
        if inner.rows.is_empty() {
            inner.tape = None;
        }
    }
}

/// Writes to a row whenever there is something new, until nobody sits in it.
async fn serve(stream: Arc<SharedStream>, row: Arc<Row>) {
    let row = Served(row);
    let merge = stream.rows.merge;
    let mut head = stream.head();
    // What was there before its first player sat down is not late.
    let mut laid = u64::MAX;
    let mut pause = pin!(sleep(Duration::ZERO));
    loop {
        tokio::select! {
            // The stream lives as long as `stream`, so waiting cannot fail.
            _closed = head.changed() => {}
            () = row.0.empty.notified() => return,
        }
        // Transcoders first.
        yield_now().await;
        if merge > Duration::ZERO {
            pause.as_mut().await;
            pause.set(sleep(merge));
        }
        pass(&stream, &row.0, &mut laid);
    }
}

/// `laid` is how much of the tape there was in the last pass.
fn pass(stream: &SharedStream, row: &Row, laid: &mut u64) {
    let Some(tape) = stream.rows.lock().tape.clone() else {
        return;
    };
    let now = tape.extend(stream).unwrap_or_else(|error| {
        debug!(%error, "no memory for the players' tape: they are closed");
        0
    });
    let (end, arrived) = tape.since(*laid);
    *laid = end;
    let mut written = false;
    for seat in row.seats().iter() {
        written |= seat.serve(now);
    }
    if let Some(arrived) = arrived.filter(|_| written) {
        let latency = stream.look(|_, now| now).saturating_sub(arrived);
        stream
            .rows
            .latency
            .observe(Duration::from_millis(latency).as_secs_f64());
    }
}

/// A row while its task lives: should that panic, no player is left waiting for it.
struct Served(Arc<Row>);

impl Drop for Served {
    fn drop(&mut self) {
        for seat in self.0.seats().iter() {
            seat.fail();
        }
    }
}
