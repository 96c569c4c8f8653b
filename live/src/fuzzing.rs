//! [pure] What the fuzz targets do with their input. A test replays the corpora through the same functions, so that
//! neither can rot.

use crate::{
    Directives, ObjectPath,
    playlist::{MediaPlaylist, Multivariant, check, version_of},
};

/// A playlist of either kind: what was understood is written and read back equal, and no check fails on it.
pub fn playlist(data: &[u8]) {
    if let Ok(read) = MediaPlaylist::parse(data) {
        let again = MediaPlaylist::parse(read.write().as_bytes());
        assert_eq!(
            again.as_ref(),
            Ok(&read),
            "what is written is not what was read"
        );
        let delta = MediaPlaylist::parse(read.write_delta().as_bytes());
        assert_eq!(delta.map(|delta| delta.open_msn()), Ok(read.open_msn()));
        check::media(&read);
        check::successive(&read, &read);
    }
    if let Ok(read) = Multivariant::parse(data) {
        let again = Multivariant::parse(read.write().as_bytes());
        assert_eq!(
            again.as_ref(),
            Ok(&read),
            "what is written is not what was read"
        );
        check::multivariant(&read);
    }
    // A number or none, whatever else is wrong.
    let _version = version_of(data);
}

/// The target of a request: one path, one spelling; directives in their one order.
pub fn object(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if let Ok(parsed) = path.parse::<ObjectPath>() {
        assert_eq!(parsed.to_string(), path, "a second spelling");
    }
    if let Ok(parsed) = Directives::parse(query) {
        assert_eq!(Directives::parse(&parsed.to_string()), Ok(parsed));
    }
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::replay::replay;

    #[test]
    fn playlist() {
        replay("playlist", super::playlist);
    }

    #[test]
    fn object() {
        replay("object", super::object);
    }
}
