//! [pure] The storyboard's index: WebVTT (W3C) whose cues name a region of a sheet by a media fragment, `#xywh=`, as
//! Video.js, JW Player, Plyr, media-chrome and Shaka read it.
//!
//! No standard says what a live stream's cues count from, and Shaka takes such tracks of recordings only. Players begin their own
//! time at the first segment of the playlist that they read first, so that is second 0 here; a player whose time has
//! gone on since, or that reads this again, finds the difference by the date in the first note. In a recording second 0
//! is where it begins.

use std::fmt::Write as _;

use live::{MediaTime, Object, playlist::ProgramDateTime};

use super::layout::Size;

/// A tile while it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cue {
    pub(crate) from: MediaTime,
    pub(crate) until: MediaTime,
    /// The sheet's name, and where the tile begins on it.
    pub(crate) sheet: u64,
    pub(crate) corner: (u16, u16),
    pub(crate) size: Size,
}

/// What stands before the date of second 0.
const DATE: &str = "EXT-X-PROGRAM-DATE-TIME:";

/// The index. `cues` are in order; what is over at `start` is left out.
pub(crate) fn write(start: MediaTime, cues: impl Iterator<Item = Cue>) -> String {
    let date = ProgramDateTime::from_media_time(start);
    let mut text = format!("WEBVTT\n\nNOTE Second 0 is where the playlists begin, {DATE}{date}\n");
    for cue in cues.filter(|cue| cue.until > start) {
        let (from, until) = (clock(start, cue.from), clock(start, cue.until));
        let (sheet, (x, y)) = (Object::Sheet(cue.sheet), cue.corner);
        let Size { width, height } = cue.size;
        // To a String this cannot fail.
        let _written = writeln!(
            text,
            "\n{from} --> {until}\n{sheet}#xywh={x},{y},{width},{height}"
        );
    }
    text
}

/// What [`write`] wrote: second 0, and the cues to the millisecond. What is none of ours is left out.
pub(crate) fn read(text: &str) -> Option<(MediaTime, Vec<Cue>)> {
    let mut lines = text.lines();
    let date = lines.find_map(|line| line.split_once(DATE))?.1;
    let date: ProgramDateTime = date.parse().ok()?;
    let start = MediaTime::from_millis(date.unix_millis());
    let mut cues = Vec::new();
    while let Some(line) = lines.next() {
        let Some((from, until)) = line.split_once(" --> ") else {
            continue;
        };
        let tile = lines.next().and_then(|line| line.split_once("#xywh="));
        let cue = tile.and_then(|(sheet, region)| {
            let Ok(Object::Sheet(sheet)) = sheet.parse() else {
                return None;
            };
            let mut region = region.split(',').map(str::parse);
            let mut side = || region.next()?.ok();
            Some(Cue {
                from: start.plus_millis(millis(from)?),
                until: start.plus_millis(millis(until)?),
                sheet,
                corner: (side()?, side()?),
                size: Size {
                    width: side()?,
                    height: side()?,
                },
            })
        });
        cues.extend(cue);
    }
    Some((start, cues))
}

/// The inverse of [`clock`].
fn millis(clock: &str) -> Option<u64> {
    let (clock, ms) = clock.split_once('.')?;
    let seconds = clock.split(':').try_fold(0_u64, |sum, part| {
        sum.checked_mul(60)?.checked_add(part.parse().ok()?)
    });
    seconds?.checked_mul(1000)?.checked_add(ms.parse().ok()?)
}

/// Hours, minutes, seconds and milliseconds since `start`.
fn clock(start: MediaTime, at: MediaTime) -> String {
    let ms = MediaTime::from_ticks(at.since(start)).millis();
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_count_from_the_playlists_start() {
        let start = MediaTime::from_millis(1_795_000_003_500);
        let cue = |from_ms: u64, until_ms: u64, x| Cue {
            from: MediaTime::from_millis(1_795_000_000_000 + from_ms),
            until: MediaTime::from_millis(1_795_000_000_000 + until_ms),
            sheet: 18_446_744_073_709_551_615,
            corner: (x, 90),
            size: Size {
                width: 160,
                height: 90,
            },
        };
        let cues = [
            cue(0, 3_500, 0),
            cue(0, 10_033, 160),
            cue(40_003_500, 40_013_500, 320),
        ];
        let text = write(start, cues.into_iter());
        assert_eq!(
            text,
            "WEBVTT\n\
             \n\
             NOTE Second 0 is where the playlists begin, EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:43.500Z\n\
             \n\
             00:00:00.000 --> 00:00:06.533\n\
             storyboard-18446744073709551615.jpg#xywh=160,90,160,90\n\
             \n\
             11:06:40.000 --> 11:06:50.000\n\
             storyboard-18446744073709551615.jpg#xywh=320,90,160,90\n"
        );
        let (second_0, cues) = read(&text).unwrap();
        assert_eq!((second_0, cues.len()), (start, 2));
        assert_eq!(write(start, cues.into_iter()), text);
        assert_eq!(read("WEBVTT\n"), None);
        let (torn, _) = text.split_at(text.len() - 40);
        assert_eq!(read(torn).unwrap().1.len(), 1);
    }
}
