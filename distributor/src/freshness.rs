//! [pure] How long an answer counts: in our cache, in a player's cache, and when nothing newer can be had.
//!
//! Plain arithmetic on given durations. The times are those of RFC 8216bis appendix B; TD is the target duration that
//! the playlist itself declares.

use std::time::Duration;

use http::StatusCode;
use live::{Object, ShowObject};

use crate::route::Key;

/// Target duration where no playlist has told it yet: that of segments up to 5 s.
pub(crate) const TARGET_DURATION_ASSUMED: Duration = Duration::from_secs(6);
/// Longest target duration believed, so that a broken playlist cannot pin itself.
const TARGET_DURATION_MAX: Duration = Duration::from_secs(60);
/// A plain playlist is asked for anew after this: one part of nominal length, so nobody sees it a part too late.
const PLAYLIST: Duration = Duration::from_millis(500);
/// Pictures are taken every ten seconds: with a player's own cache none is seen much later than the next is there.
const PICTURE: Duration = Duration::from_secs(5);
/// An old picture of the show is better than none, for as long as somebody may wait for the show.
const PICTURE_USEFUL: Duration = Duration::from_secs(600);
/// A part that is not there yet may be there one part later.
const MISSING: Duration = Duration::from_millis(500);
/// A show that has not started is looked for this often, however many wait for it: those who do see its begin.
const MISSING_PLAYLIST: Duration = Duration::from_millis(250);
/// A failed origin is asked this often for one object, however many want it.
const FAILED: Duration = Duration::from_secs(1);
/// Media is kept as long as memory lasts; this only drops what nobody asks for any more.
const IMMUTABLE: Duration = Duration::from_secs(3600);

/// What an object promises about its future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The path names these bytes for ever: initialization sections and segments.
    Immutable,
    /// So does that of a part; but a player asks for the next one before it is there, and the origin holds the request
    /// until it is (RFC 8216bis §6.2.6).
    Part,
    /// A playlist that answers one blocking request: as it was when that part appeared.
    Blocking,
    /// A playlist as it is now; it changes under the same name.
    Playlist,
    /// So do the poster and the storyboard's index, every ten seconds.
    Picture,
}

impl Class {
    /// The class of the object that `key` names.
    pub(crate) const fn of(key: &Key) -> Self {
        match key.object() {
            Object::Part(..) => Self::Part,
            Object::Init(..)
            | Object::Segment(..)
            | Object::Sheet(_)
            | Object::Show(
                _,
                ShowObject::Init(..) | ShowObject::Segment(..) | ShowObject::Sheet(_),
            ) => Self::Immutable,
            Object::Media(_) | Object::IFrames(_) if key.is_blocking() => Self::Blocking,
            Object::Poster
            | Object::Storyboard
            | Object::Show(_, ShowObject::Poster | ShowObject::Storyboard) => Self::Picture,
            Object::Media(_) | Object::Multivariant | Object::IFrames(_) | Object::Show(..) => {
                Self::Playlist
            }
        }
    }

    /// Whether it is a playlist.
    pub(crate) const fn is_playlist(self) -> bool {
        matches!(self, Self::Blocking | Self::Playlist)
    }

    /// Whether it changes under the same name: the one before may do when there is no newer.
    pub(crate) const fn is_renewed(self) -> bool {
        matches!(self, Self::Playlist | Self::Picture)
    }

    /// Whether it is answered with only when it is all there, so that it is never half of one.
    pub(crate) const fn is_sent_whole(self) -> bool {
        self.is_playlist() || self.is_renewed()
    }

    /// Whether an origin may hold the request back until the object is there.
    pub(crate) const fn is_held(self) -> bool {
        matches!(self, Self::Blocking | Self::Part)
    }

    /// For how long an origin's answer with `status` is given again without asking. `td` is the target duration.
    pub(crate) fn kept(self, status: StatusCode, td: Duration) -> Duration {
        match (status, self) {
            (StatusCode::OK, Self::Immutable | Self::Part) => IMMUTABLE,
            (StatusCode::OK, Self::Blocking) => td * 6,
            (StatusCode::OK, Self::Playlist) => PLAYLIST,
            (StatusCode::OK, Self::Picture) => PICTURE,
            (StatusCode::NOT_FOUND, class) if class.is_sent_whole() => MISSING_PLAYLIST,
            (status, _) if status.is_client_error() => MISSING,
            _ => FAILED,
        }
    }

    /// Until what age what changes is still worth more than an error, when no origin can be reached. An older one would
    /// only keep a player from looking elsewhere.
    pub(crate) fn useful(self, td: Duration) -> Duration {
        match self {
            Self::Immutable | Self::Part => Duration::MAX,
            Self::Blocking => Duration::ZERO,
            Self::Playlist => td * 3 / 2,
            Self::Picture => PICTURE_USEFUL,
        }
    }

    /// How long an origin may hold the request back (RFC 8216bis §6.2.5.2).
    pub(crate) fn hold(self, td: Duration) -> Duration {
        if self.is_held() {
            td * 3
        } else {
            Duration::ZERO
        }
    }

    /// How long an origin may take to begin its answer.
    pub(crate) fn first_byte(self, td: Duration) -> Duration {
        /// What the origin and the road may take above a hold.
        const GRACE: Duration = Duration::from_secs(1);
        /// For what is there or is not.
        const AT_ONCE: Duration = Duration::from_secs(2);
        if self.is_held() {
            self.hold(td) + GRACE
        } else {
            AT_ONCE
        }
    }

    /// How long an origin may take for an object from its first byte to its last: by then a player has given up. A part is
    /// there before it is named, and a segment comes as fast as the net between the boxes.
    pub(crate) fn last_byte(td: Duration) -> Duration {
        td * 3
    }

    /// How long all origins together may take to begin: a second one after a first that was too slow; but what is held
    /// back is not asked for twice, since a player has given up by then.
    pub(crate) fn patience(self, td: Duration) -> Duration {
        let one = self.first_byte(td);
        if self.is_held() { one } else { one * 2 }
    }

    /// `Cache-Control` for players and any cache between them and us.
    pub(crate) fn cache_control(self, status: StatusCode, td: Duration) -> String {
        match (status, self) {
            (StatusCode::OK, Self::Immutable | Self::Part) => {
                "public, max-age=3600, immutable".to_owned()
            }
            (StatusCode::OK, Self::Blocking) => format!("public, max-age={}", (td * 6).as_secs()),
            (StatusCode::OK, Self::Picture) => format!("public, max-age={}", PICTURE.as_secs()),
            (StatusCode::OK, Self::Playlist) | (StatusCode::NOT_FOUND, _) => {
                "public, max-age=1".to_owned()
            }
            _ => "no-store".to_owned(),
        }
    }
}

/// Whether `text` can be a playlist at all (RFC 8216bis §4.4.1.1): what a broken origin sends instead is often a page.
pub(crate) fn is_playlist(text: &[u8]) -> bool {
    text.strip_prefix(b"#EXTM3U")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'\n' | b'\r')))
}

/// The target duration that a media playlist declares (RFC 8216bis §4.4.3.1), none for any other text.
pub(crate) fn target_duration(playlist: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(playlist).ok()?;
    let seconds = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:"))?;
    let declared = Duration::from_secs(seconds.trim().parse().ok()?);
    (!declared.is_zero()).then(|| declared.min(TARGET_DURATION_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TD: Duration = Duration::from_secs(3);

    #[test]
    fn each_class_has_its_times() {
        use Class::{Blocking, Immutable, Part, Picture, Playlist};
        let ms = Duration::from_millis;
        for (class, status, kept, cache_control) in [
            (
                Immutable,
                200,
                ms(3_600_000),
                "public, max-age=3600, immutable",
            ),
            (Part, 200, ms(3_600_000), "public, max-age=3600, immutable"),
            (Part, 404, ms(500), "public, max-age=1"),
            (Blocking, 200, ms(18_000), "public, max-age=18"),
            (Playlist, 200, ms(500), "public, max-age=1"),
            (Picture, 200, ms(5000), "public, max-age=5"),
            (Picture, 404, ms(250), "public, max-age=1"),
            (Immutable, 404, ms(500), "public, max-age=1"),
            (Blocking, 404, ms(250), "public, max-age=1"),
            (Playlist, 404, ms(250), "public, max-age=1"),
            (Blocking, 400, ms(500), "no-store"),
            (Immutable, 503, ms(1000), "no-store"),
            (Playlist, 504, ms(1000), "no-store"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(class.kept(status, TD), kept, "{class:?} {status}");
            assert_eq!(
                class.cache_control(status, TD),
                cache_control,
                "{class:?} {status}"
            );
        }
        assert_eq!(Playlist.useful(TD), ms(4500));
        assert_eq!(Blocking.first_byte(TD), ms(10_000));
        assert_eq!(Part.first_byte(TD), ms(10_000), "it may not be there yet");
        assert_eq!(Immutable.first_byte(TD), ms(2000));
    }

    #[test]
    fn the_class_is_the_objects_own() {
        let class = |path: &str, query| {
            Class::of(&Key::new(
                path.parse().unwrap(),
                live::Directives::parse(query).unwrap(),
            ))
        };
        assert_eq!(class("/live/a/source/1.m4s", ""), Class::Immutable);
        assert_eq!(class("/live/a/source/1.0.m4s", ""), Class::Part);
        assert_eq!(class("/live/a/source/media.m3u8", ""), Class::Playlist);
        assert_eq!(
            class("/live/a/source/media.m3u8", "_HLS_skip=YES"),
            Class::Playlist
        );
        assert_eq!(
            class("/live/a/source/media.m3u8", "_HLS_msn=4"),
            Class::Blocking
        );
        assert_eq!(class("/live/a/index.m3u8", "_HLS_msn=4"), Class::Playlist);
        assert_eq!(class("/live/a/480p/iframes.m3u8", ""), Class::Playlist);
        assert_eq!(
            class("/live/a/480p/iframes.m3u8", "_HLS_msn=4"),
            Class::Blocking
        );
        assert_eq!(class("/live/a/poster.jpg", ""), Class::Picture);
        assert_eq!(class("/live/a/storyboard.vtt", ""), Class::Picture);
        assert_eq!(class("/live/a/storyboard-1.jpg", ""), Class::Immutable);
        assert_eq!(class("/live/a/vod/1/index.m3u8", ""), Class::Playlist);
        assert_eq!(class("/live/a/vod/1/480p/1.m4s", ""), Class::Immutable);
    }

    #[test]
    fn a_page_is_no_playlist() {
        for (text, is) in [
            ("#EXTM3U", true),
            ("#EXTM3U\r\n#EXT-X-VERSION:6\n", true),
            ("#EXTM3U8\n", false),
            ("<html>#EXTM3U\n", false),
            ("", false),
        ] {
            assert_eq!(is_playlist(text.as_bytes()), is, "{text}");
        }
    }

    #[test]
    fn a_playlist_tells_its_target_duration_and_a_broken_one_pins_nothing() {
        let told = |text: &str| target_duration(text.as_bytes());
        assert_eq!(
            told("#EXTM3U\n#EXT-X-TARGETDURATION:3\r\n#EXTINF:2,\n"),
            Some(TD)
        );
        assert_eq!(
            told("#EXTM3U\n#EXT-X-TARGETDURATION:99999\n"),
            Some(TARGET_DURATION_MAX)
        );
        for none in [
            "",
            "#EXTM3U\n",
            "#EXT-X-TARGETDURATION:0",
            "#EXT-X-TARGETDURATION:x",
            "#EXT-X-TARGETDURATION:-1",
        ] {
            assert_eq!(told(none), None, "{none}");
        }
        assert_eq!(target_duration(&[0xff, 0xfe]), None);
    }
}
