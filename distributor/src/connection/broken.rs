//! What a viewer did that a connection ended by, read from the error that it ended with.

use std::{error::Error, io};

use h2::Reason;

use crate::{http1::Malformed, metrics::Broken};

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
        // An error of the system's is transparent: what it holds is not among its causes.
        next = match cause.downcast_ref::<io::Error>() {
            Some(error) => match by_reading(error) {
                None => error.get_ref().map(|held| held as _),
                broken => return broken,
            },
            None => cause.source(),
        };
    }
    None
}

/// Of an error of what is read from, its kind is what is left of it behind the library for HTTP/2.
fn by_reading(error: &io::Error) -> Option<Broken> {
    if error.kind() == io::ErrorKind::QuotaExceeded {
        return Some(Broken::Flood);
    }
    // Without a reason it is an answer's.
    let held = error
        .get_ref()
        .filter(|_| error.kind() == io::ErrorKind::InvalidData)?;
    match held.downcast_ref() {
        // What it says when it leaves is its own affair.
        Some(rustls::Error::AlertReceived(_)) => None,
        _ => Some(Broken::Record),
    }
}

fn by_http2(error: &h2::Error) -> Option<Broken> {
    if let Some(error) = error.get_io() {
        return by_reading(error);
    }
    match error.reason() {
        // The same.
        Some(_) if error.is_remote() => None,
        Some(Reason::ENHANCE_YOUR_CALM) => Some(Broken::Flood),
        Some(Reason::NO_ERROR) | None => None,
        Some(_) => Some(Broken::Http2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    #[test]
    fn what_was_read_is_told_apart_by_the_kind_of_its_error() {
        let told = record::Broken::Told(record::Alert::BadRecordMac);
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::UserCanceled);
        for (kind, held, expected) in [
            (
                io::ErrorKind::InvalidData,
                Some(Box::<dyn Error + Send + Sync>::from(told)),
                Some(Broken::Record),
            ),
            (
                io::ErrorKind::InvalidData,
                Some("said in words".into()),
                Some(Broken::Record),
            ),
            (io::ErrorKind::InvalidData, Some(alert.into()), None),
            (io::ErrorKind::InvalidData, None, None),
            (io::ErrorKind::QuotaExceeded, None, Some(Broken::Flood)),
            (io::ErrorKind::ConnectionReset, None, None),
        ] {
            let error = match held {
                Some(held) => io::Error::new(kind, held),
                None => kind.into(),
            };
            assert_eq!(cause(&io::Error::other(error)), expected, "{kind}");
        }
    }
}
