//! What two Footlight daemons must agree on, and behind the feature `daemon` the chassis they all ride.
//!
//! Admission rule: a thing lives here when two daemons speak it, or all three use it; else it lives at home.
//! Without the feature nothing here names a runtime, a socket, a clock or the environment
//! (`cargo clippy -p live` proves it builds so).

pub mod cadence;
pub mod cluster;
pub mod cutter;
pub mod fuzzing;
#[cfg(feature = "gzip")]
pub mod gzip;
mod media_time;
mod name;
mod object;
pub mod part_target;
pub mod placement;
pub mod playlist;
mod range;
mod rendition;
mod segment;
pub mod sound_grid;
pub mod stamp;
pub mod telling;

#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "tls")]
pub mod doctor;

pub use media_time::MediaTime;
pub use name::{StreamName, StreamNameError};
pub use object::{
    Directives, DirectivesError, InitHash, Object, ObjectPath, ObjectPathError, ShowObject, Skip,
};
pub use range::ByteRange;
pub use rendition::{Rendition, RenditionError};
pub use segment::{Dsn, Msn, PartIndex, SessionId};
