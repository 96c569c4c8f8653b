//! [pure] What the commands change in the key file.

use std::time::Duration;

use live::{StreamName, daemon::config::nearest};

use crate::key::{
    Expiry, KeyHash, KeyId, KeyOrigin, Use, Verifier,
    file::{Hex, KeyFile, Name, Stored},
};

use super::arguments::New;

/// The operator's mistake.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EditError {
    /// With the nearest spelling, if any is near.
    #[error("no stream is called {0:?}{1}")]
    NoStream(String, String),
    /// The same.
    #[error("no key has the ID {0:?}{1}; see footlight-mux keys list")]
    NoKey(String, String),
    /// It is in the configuration.
    #[error("key {0} is written in the configuration: change it there, and reload mux (SIGHUP)")]
    Inline(String),
    /// Nothing would be gained.
    #[error("key {0} expired on {1}: make a new one with keys add")]
    Expired(KeyId, Expiry),
}

/// Whether a stream is configured.
pub(super) fn check_stream(stream: &StreamName, known: &[StreamName]) -> Result<(), EditError> {
    if known.contains(stream) {
        return Ok(());
    }
    let hint = hint(stream.as_str(), known.iter().map(StreamName::as_str));
    let hint = match (hint.is_empty(), known.is_empty()) {
        (true, true) => "; there is no [[stream]] in the configuration".to_owned(),
        (true, false) => {
            let names: Vec<&str> = known.iter().take(8).map(StreamName::as_str).collect();
            format!("; there are {}", names.join(", "))
        }
        (false, _) => hint,
    };
    Err(EditError::NoStream(stream.to_string(), hint))
}

fn hint<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(written, known).map_or_else(String::new, |meant| format!("; did you mean {meant}?"))
}

/// As a new key is stored.
pub(super) fn stored(new: &New, id: KeyId, key: &str, now: u64) -> Stored {
    Stored {
        id,
        stream: Name(new.stream.clone()),
        usage: new.usage,
        role: new.role,
        label: new.label.clone(),
        made: Expiry::at(now),
        expires: new.expires,
        from: new.from.clone(),
        sha256: Hex(KeyHash::of(key)),
        login: (new.usage == Use::Publish).then(|| Verifier::of(&new.stream, key)),
    }
}

/// The key called `id`.
pub(super) fn find<'a>(
    file: &'a KeyFile,
    id: &str,
    origin: &KeyOrigin,
) -> Result<&'a Stored, EditError> {
    if let Some(found) = file.keys.iter().find(|key| key.id.as_str() == id) {
        return Ok(found);
    }
    let mut inline = origin.inline.entries().iter();
    if inline.any(|entry| entry.id.as_str() == id) {
        return Err(EditError::Inline(id.to_owned()));
    }
    let hint = hint(id, file.keys.iter().map(|key| key.id.as_str()));
    Err(EditError::NoKey(id.to_owned(), hint))
}

/// A key that is no good any more is not worth another like it.
pub(super) fn check_not_expired(key: &Stored, now: u64) -> Result<(), EditError> {
    match key.expires.filter(|expires| expires.is_past(now)) {
        Some(expires) => Err(EditError::Expired(key.id.clone(), expires)),
        None => Ok(()),
    }
}

/// Has a key expire after the grace, unless it does so before.
pub(super) fn expire(file: &mut KeyFile, id: &KeyId, grace: Duration, now: u64) -> Expiry {
    let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    let mut end = Expiry::at(now.saturating_add(grace));
    for key in file.keys.iter_mut().filter(|key| key.id == *id) {
        end = key.expires.map_or(end, |expires| expires.min(end));
        key.expires = Some(end);
    }
    end
}

/// Takes a key out.
pub(super) fn revoke(
    file: &mut KeyFile,
    id: &str,
    origin: &KeyOrigin,
) -> Result<Stored, EditError> {
    let gone = find(file, id, origin)?.clone();
    file.keys.retain(|key| key.id != gone.id);
    Ok(gone)
}
