//! One file of a recorded show: its best rendition with the sound, without encoding anything.
//!
//! Best is what has the fewest gaps, of equals the source, then the highest rung. Time is kept: before a gap in the
//! picture its last frame stands until the next; in the sound nothing is. Memory holds two segments at most. The file has
//! another name until it is whole.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use live::{
    MediaTime, Rendition, ShowObject,
    playlist::{MediaPlaylist, Seconds, Uri},
};

use super::{
    shelf::{remove, temporary, write_whole},
    state::playlists,
};
use crate::fmp4::{
    FilmTrack, Fragment, MediaKind, film_head,
    read::{self, ReadError, Samples, TrackBox},
};

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilmError {
    /// The disk's.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// A segment's.
    #[error("{0}: {1}")]
    Segment(PathBuf, ReadError),
    /// The disk guard's.
    #[error("less than recording.stop_at_free is free; it is tried again every minute")]
    Full,
    /// Nothing with a beginning was kept.
    #[error("the show has no media")]
    Empty,
}

/// A film being made, segment by segment.
#[derive(Debug)]
pub(super) struct Film {
    directory: PathBuf,
    file: File,
    tracks: Vec<Track>,
    /// The show's beginning, ticks of 90 kHz.
    start: u64,
    sequence: u32,
}

#[derive(Debug)]
struct Track {
    rendition: Rendition,
    kind: MediaKind,
    inits: Vec<Uri>,
    film: FilmTrack,
    left: VecDeque<(Uri, Uri)>,
    /// What is written once it is known what follows: with its sample entry.
    held: Option<(Samples, u32)>,
}

impl Film {
    /// Starts over, whatever was there.
    pub(super) fn begin(directory: &Path) -> Result<Self, FilmError> {
        let mut tracks = Vec::new();
        let mut picture: Option<((usize, u32), Rendition, MediaPlaylist)> = None;
        let mut sound = None;
        for (rendition, path) in playlists(directory)? {
            let Ok(playlist) = MediaPlaylist::parse(&fs::read(path)?) else {
                continue;
            };
            let gaps = playlist.segments.iter().filter(|segment| segment.gap);
            let rank = match rendition {
                Rendition::Source => 0,
                Rendition::Encoded(height) => u32::from(u16::MAX - height).saturating_add(1),
                Rendition::Audio => {
                    sound = Some(playlist);
                    continue;
                }
            };
            let rank = (gaps.count(), rank);
            if picture.as_ref().is_none_or(|(best, ..)| rank < *best) {
                picture = Some((rank, rendition, playlist));
            }
        }
        let picture = picture.map(|(_, rendition, playlist)| (rendition, playlist));
        let sound = sound.map(|playlist| (Rendition::Audio, playlist));
        let mut length = Seconds::default();
        for (rendition, playlist) in [picture, sound].into_iter().flatten() {
            length = length.max(playlist.segments.iter().map(|s| s.duration).sum());
            tracks.extend(Track::new(directory, rendition, playlist)?);
        }
        let start = tracks
            .iter()
            .filter_map(|track| track.start(directory).transpose());
        let start: Result<Vec<u64>, FilmError> = start.collect();
        let start = start?.into_iter().min().ok_or(FilmError::Empty)?;
        let mut file = File::create(temporary(&path(directory)))?;
        let films: Vec<FilmTrack> = tracks.iter().map(|track| track.film.clone()).collect();
        let head = film_head(&films, length.units() / 100)
            .map_err(|error| FilmError::Segment(directory.to_owned(), error))?;
        file.write_all(&head)?;
        Ok(Self {
            directory: directory.to_owned(),
            file,
            tracks,
            start,
            sequence: 0,
        })
    }

    /// Writes the next segment of each track; `false` when there is no more.
    pub(super) fn step(&mut self) -> Result<bool, FilmError> {
        let mut more = false;
        for (track, id) in self.tracks.iter_mut().zip(1..) {
            let Some((init, segment)) = track.left.pop_front() else {
                continue;
            };
            more = true;
            let next = track.read(&self.directory, &init, &segment)?;
            let fragment = track.follow(next);
            self.sequence += 1;
            write(
                &mut self.file,
                track,
                id,
                fragment,
                self.start,
                self.sequence,
            )?;
        }
        Ok(more)
    }

    /// It is whole: it gets its name, unless the show goes on.
    pub(super) fn finish(mut self, wanted: bool) -> Result<u64, FilmError> {
        for (track, id) in self.tracks.iter_mut().zip(1..) {
            let last = track.held.take();
            self.sequence += 1;
            write(&mut self.file, track, id, last, self.start, self.sequence)?;
        }
        self.file.sync_data()?;
        let path = path(&self.directory);
        if wanted {
            fs::rename(temporary(&path), &path)?;
        } else {
            remove(&temporary(&path))?;
        }
        Ok(self.file.metadata()?.len())
    }
}

/// Where a show's file is.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(ShowObject::File.to_string())
}

/// In a show's directory when it can have no file: why.
pub(super) const FAILED: &str = "show.mp4.failed";

/// Whether it has a file, or can have none.
pub(super) fn is_settled(directory: &Path) -> bool {
    path(directory).exists() || directory.join(FAILED).exists()
}

/// It can have none.
pub(super) fn give_up(directory: &Path, error: &FilmError) -> io::Result<()> {
    remove(&temporary(&path(directory)))?;
    write_whole(&directory.join(FAILED), &[format!("{error}\n").into()])
}

impl Track {
    /// `None` when nothing of it was kept.
    fn new(
        directory: &Path,
        rendition: Rendition,
        playlist: MediaPlaylist,
    ) -> Result<Option<Self>, FilmError> {
        let kept = playlist.segments.into_iter().filter(|segment| !segment.gap);
        let left: VecDeque<(Uri, Uri)> = kept
            .filter_map(|segment| Some((segment.head.map?, segment.uri)))
            .collect();
        let mut inits: Vec<Uri> = Vec::new();
        let mut configurations = Vec::new();
        for (init, _) in &left {
            if !inits.contains(init) {
                let path = directory.join(rendition.to_string()).join(init.as_str());
                let bytes = Bytes::from(fs::read(&path)?);
                let track = read::init(&bytes).map_err(|error| FilmError::Segment(path, error))?;
                inits.push(init.clone());
                configurations.push(track);
            }
        }
        let kind = match rendition {
            Rendition::Audio => MediaKind::Audio,
            Rendition::Source | Rendition::Encoded(_) => MediaKind::Video,
        };
        Ok((!left.is_empty()).then_some(Self {
            rendition,
            kind,
            inits,
            film: FilmTrack { configurations },
            left,
            held: None,
        }))
    }

    fn timescale(&self) -> u32 {
        let first = self.film.configurations.first();
        first.map_or(1, |first| first.timescale)
    }

    /// When its first sample is decoded, ticks of 90 kHz.
    fn start(&self, directory: &Path) -> Result<Option<u64>, FilmError> {
        let Some((init, segment)) = self.left.front() else {
            return Ok(None);
        };
        let (first, _) = self.read(directory, init, segment)?;
        Ok(Some(rescale(first.decode_time, self.timescale(), TICKS)))
    }

    /// A segment's samples in the track's timescale, and which sample entry they need.
    fn read(
        &self,
        directory: &Path,
        init: &Uri,
        segment: &Uri,
    ) -> Result<(Samples, u32), FilmError> {
        let index = self.inits.iter().position(|known| known == init);
        let index = index.unwrap_or_default();
        let own = self.film.configurations.get(index);
        let own = own.map_or(1, |TrackBox { timescale, .. }| *timescale);
        let path = directory
            .join(self.rendition.to_string())
            .join(segment.as_str());
        let bytes = Bytes::from(fs::read(&path)?);
        let mut fragments = read::segment(self.kind, &bytes)
            .map_err(|error| FilmError::Segment(path, error))?
            .into_iter();
        let mut samples = fragments.next().unwrap_or(Samples {
            decode_time: 0,
            entries: Vec::new(),
        });
        samples
            .entries
            .extend(fragments.flat_map(|one| one.entries));
        if own != self.timescale() {
            samples.decode_time = rescale(samples.decode_time, own, self.timescale());
            for entry in &mut samples.entries {
                let duration = rescale(entry.duration.into(), own, self.timescale());
                entry.duration = u32::try_from(duration).unwrap_or(u32::MAX);
            }
        }
        Ok((samples, u32::try_from(index + 1).unwrap_or(u32::MAX)))
    }

    /// `next` follows what is held: that can be written now. A picture stands until the next.
    fn follow(&mut self, next: (Samples, u32)) -> Option<(Samples, u32)> {
        let start = next.0.decode_time;
        let mut held = self.held.replace(next);
        if let Some((samples, _)) = &mut held
            && self.kind == MediaKind::Video
        {
            let length: u64 = samples.entries.iter().map(|e| u64::from(e.duration)).sum();
            let end = samples.decode_time.saturating_add(length);
            if let Some(last) = samples.entries.last_mut() {
                let stands = u64::from(last.duration).saturating_add(start.saturating_sub(end));
                last.duration = u32::try_from(stands).unwrap_or(u32::MAX);
            }
        }
        held
    }
}

const TICKS: u32 = 90_000;
const _: () = assert!(
    MediaTime::HZ == TICKS as u64,
    "the segment clock's own timescale"
);

fn rescale(units: u64, from: u32, to: u32) -> u64 {
    let scaled = u128::from(units) * u128::from(to) / u128::from(from.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

fn write(
    file: &mut File,
    track: &Track,
    id: u32,
    fragment: Option<(Samples, u32)>,
    start: u64,
    sequence: u32,
) -> io::Result<()> {
    let Some((samples, sample_entry)) = fragment.filter(|(s, _)| !s.entries.is_empty()) else {
        return Ok(());
    };
    let start = rescale(start, TICKS, track.timescale());
    let fragment = Fragment {
        kind: track.kind,
        sequence,
        decode_time: samples.decode_time.saturating_sub(start),
        entries: &samples.entries,
        clock: None,
    };
    file.write_all(&fragment.write_in(id, Some(sample_entry)))
}
