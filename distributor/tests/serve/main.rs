//! The distributor as a viewer meets it: real sockets, real TLS, and an origin that does as each test says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acme;
mod admission;
mod audience;
mod broken_origin;
mod capacity;
mod crowd;
mod failover;
mod follow;
mod hostile;
mod leaving;
mod memory;
mod peers;
mod records;
mod spread;
mod stage;
mod troupe;
mod viewer;
