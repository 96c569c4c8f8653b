//! What came through: one hash for each packet of each track, as ffmpeg reads them.
//!
//! A packet is compared byte for byte, so nothing that rewrites media passes; times are left out, for every server puts
//! a show on a clock of its own.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::encoder::quiet_ffmpeg;

/// Hashes in order of arrival, by the track's number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packets(BTreeMap<u32, Vec<String>>);

impl Packets {
    /// Those of a file.
    pub fn of(file: &Path) -> Result<Self> {
        Self::of_by(quiet_ffmpeg(), file)
    }

    /// Those of a file that only a newer ffmpeg than Debian's can read.
    pub fn of_by(mut ffmpeg: Command, file: &Path) -> Result<Self> {
        ffmpeg.arg("-i").arg(file);
        ffmpeg.args([
            "-map",
            "0",
            "-c",
            "copy",
            "-f",
            "framehash",
            "-hash",
            "md5",
            "-",
        ]);
        let output = ffmpeg.output().context("ffmpeg is missing: make deps")?;
        let complaints = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {complaints}", file.display());
        Self::parse(std::str::from_utf8(&output.stdout)?)
    }

    /// What ffmpeg's muxer `framehash` has written.
    pub fn parse(text: &str) -> Result<Self> {
        let mut tracks = BTreeMap::<u32, Vec<String>>::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            // Track, three times, size, hash; what follows is about side data.
            let (track, hash) = fields.first().zip(fields.get(5)).context("a short line")?;
            tracks
                .entry(track.parse()?)
                .or_default()
                .push((*hash).to_owned());
        }
        Ok(Self(tracks))
    }

    /// The hashes of one track.
    pub fn track(&self, number: u32) -> &[String] {
        self.0.get(&number).map_or(&[], Vec::as_slice)
    }

    /// Without the last packet of each track.
    #[must_use]
    pub fn but_the_last(mut self) -> Self {
        self.0.values_mut().for_each(|track| {
            track.pop();
        });
        self
    }

    /// How many tracks there are.
    pub fn tracks(&self) -> usize {
        self.0.len()
    }
}

/// Where in `whole`, which is played over and over, `stretch` begins; `None` when a packet is missing, repeated or
/// changed.
pub fn find(stretch: &[String], whole: &[String]) -> Option<usize> {
    (0..whole.len()).find(|&begin| {
        let there = whole.iter().cycle().skip(begin);
        stretch.iter().zip(there).all(|(a, b)| a == b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn a_stretch_is_whole_or_it_is_not_found() {
        let whole = hashes("abcabd");
        assert_eq!(find(&hashes("cab"), &whole), Some(2));
        assert_eq!(find(&hashes("abd"), &whole), Some(3));
        assert_eq!(find(&hashes("bdabca"), &whole), Some(4), "over the end");
        for broken in ["ac", "aab", "abx", "bda b"] {
            assert_eq!(find(&hashes(broken), &whole), None, "{broken}");
        }
    }

    #[test]
    fn what_the_muxer_writes_is_read() {
        let text = "#tb 0: 1/1000\n0,   0,  80,  33, 5000, aa\n1,  0, 0, 21, 300, bb, S=1, 10, ee\n0,  33, 200, 33, 10, cc\n";
        let packets = Packets::parse(text).expect("well formed");
        assert_eq!(packets.track(0), ["aa", "cc"]);
        assert_eq!(packets.track(1), ["bb"]);
        assert_eq!((packets.tracks(), packets.track(2).len()), (2, 0));
    }
}
