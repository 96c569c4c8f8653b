//! What a viewer did that a connection ended by, read from the error that it ended with.

use std::{error::Error, io};

use h2::Reason;

use crate::{http1::Malformed, metrics::Broken, record};

impl From<Malformed> for Broken {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Request => Self::Request,
            Malformed::TooLarge => Self::Head,
        }
    }
}

/// None when it was the network, or the viewer's good right.
pub(super) fn cause(error: &io::Error) -> Option<Broken> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            return by_http2(error);
        }
        if let Some(record::Broken::Told(_)) = cause.downcast_ref() {
            return Some(Broken::Record);
        }
        // An error of the system's is transparent: what it holds is not among its causes.
        next = match cause.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|held| held as _),
            None => cause.source(),
        };
    }
    None
}

fn by_http2(error: &h2::Error) -> Option<Broken> {
    if let Some(error) = error.get_io() {
        // What it was is lost on the way through the library; only a record is invalid data.
        return (error.kind() == io::ErrorKind::InvalidData).then_some(Broken::Record);
    }
    match error.reason() {
        // What the viewer says when it leaves is its own affair.
        Some(_) if error.is_remote() => None,
        Some(Reason::ENHANCE_YOUR_CALM) => Some(Broken::Flood),
        Some(Reason::NO_ERROR) | None => None,
        Some(_) => Some(Broken::Http2),
    }
}
