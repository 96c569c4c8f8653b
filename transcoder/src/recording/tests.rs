//! Recordings on a real disk, of a made-up show.

use std::{
    fs,
    path::{Path, PathBuf},
};

use live::{
    MediaTime, Msn, Object, Rendition, ShowObject,
    playlist::{MediaPlaylist, Multivariant, check, check::Rule, version_of},
};

mod album;
mod bucket;
mod clearing;
mod full;

use super::*;
use crate::{
    archive::News,
    fmp4::{MediaKind, read},
    show::{RUNG, START_MS, Show, Stage, holds, last_numbers, settings},
    stream::Message,
    window::Found,
};

mod winding;

/// A directory that goes when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("footlight-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A stream, and the writer that it tells.
struct Stand {
    stage: Stage,
    tape: Tape,
    told: Receiver<Told>,
    writer: Writer,
}

fn writer(directory: &Path) -> (Recorder, Receiver<Told>, Writer) {
    let (queue, told) = channel(QUEUE);
    let recorder = Recorder {
        queue,
        waiting: Arc::default(),
        figures: Arc::default(),
    };
    let writer = Writer {
        shelf: Shelf::new(directory.to_owned()),
        guard: Guard::new(1),
        shows: BTreeMap::new(),
        endless: BTreeMap::new(),
        figures: recorder.figures.clone(),
        over: Arc::default(),
    };
    (recorder, told, writer)
}

fn name() -> StreamName {
    "stage".parse().unwrap()
}

impl Stand {
    fn new(directory: &Path) -> Self {
        let (recorder, told, writer) = writer(directory);
        let mut stage = Stage::new(settings());
        stage.feed(&Show::default().headers());
        Self {
            stage,
            tape: recorder.tape(&name()),
            told,
            writer,
        }
    }

    /// The transcoder is killed and starts anew, which mux tells nothing of what was before.
    fn restart(self, directory: &Path) -> Self {
        drop(self);
        let mut stand = Self::new(directory);
        stand.writer.repair();
        stand
    }

    fn feed(&mut self, message: Message) {
        self.stage.feed_one(message);
        self.record();
    }

    /// A whole show, during whose second third the disk is full; with what is to be seen after each message.
    fn show_with_a_full_disk(&mut self, mut see: impl FnMut(&Self, bool)) {
        let mut messages = Show::default().session(START_MS, None);
        messages.push(Message::End);
        let third = messages.len() / 3;
        for (n, message) in messages.into_iter().enumerate() {
            let full = (third..2 * third).contains(&n);
            self.writer.guard = Guard::new(if full { u64::MAX } else { 1 });
            self.feed(message);
            see(self, n == 2 * third - 1);
        }
    }

    fn record(&mut self) {
        for News { session, event } in self.stage.stream.news() {
            self.tape.tell(&self.stage.stream, session, &event);
        }
        self.tape.offer(&self.stage.stream);
        while let Ok(told) = self.told.try_recv() {
            self.writer.take(told);
        }
    }
}

fn show_directory(directory: &Path, start: u64) -> PathBuf {
    directory.join(format!("stage/{start}"))
}

fn playlist(show: &Path, rendition: Rendition) -> MediaPlaylist {
    let text = fs::read(show.join(ShowObject::Media(rendition).to_string())).unwrap();
    let playlist = MediaPlaylist::parse(&text).unwrap();
    let mut findings = check::media(&playlist);
    findings.extend(check::version(version_of(&text).unwrap(), &playlist));
    let short = [Rule::ShortPlaylist, Rule::FewSegments];
    findings.retain(|f| playlist.end_list || !short.contains(&f.rule));
    assert_eq!(findings, [], "{}", String::from_utf8_lossy(&text));
    let own = show.join(rendition.to_string());
    for segment in playlist.segments.iter().filter(|segment| !segment.gap) {
        assert!(own.join(segment.uri.as_str()).exists(), "{}", segment.uri);
        let map = segment.head.map.as_ref().unwrap();
        assert!(own.join(map.as_str()).exists(), "{map}");
    }
    playlist
}

fn index(show: &Path) -> Vec<String> {
    let text = fs::read(show.join("index.m3u8")).unwrap();
    let index = Multivariant::parse(&text).unwrap();
    let mut findings = check::multivariant(&index);
    // They come with the end.
    let over = state::is_over(show).unwrap();
    findings.retain(|finding| over || finding.rule != Rule::IFramesMissing);
    assert_eq!(findings, []);
    index.variants.iter().map(|v| v.uri.to_string()).collect()
}

#[test]
fn a_second_show_with_the_same_ladder_says_how_it_is_coded_too() {
    let directory = Directory::new("second");
    let mut stand = Stand::new(&directory.0);
    let first = Show::default().session(START_MS, None);
    let later = START_MS + 100_000;
    let second = Show::default().session(later, last_numbers(&first));
    for session in [first, second] {
        for message in session.into_iter().chain([Message::End]) {
            stand.feed(message);
        }
    }
    for start in [START_MS, later] {
        let text = fs::read(show_directory(&directory.0, start).join("index.m3u8")).unwrap();
        let index = Multivariant::parse(&text).unwrap();
        assert!(
            index
                .variants
                .iter()
                .all(|variant| variant.codecs.is_some())
        );
    }
}

#[test]
fn a_show_is_recorded_as_it_was_published() {
    let directory = Directory::new("recorded");
    let mut stand = Stand::new(&directory.0);
    let show = show_directory(&directory.0, START_MS);
    let mut published = 0;
    let mut messages = Show::default().session(START_MS, None);
    messages.extend(holds(&messages, START_MS + 14_066, 5));
    messages.push(Message::End);
    for message in messages {
        stand.feed(message);
        if !show.join("index.m3u8").exists() {
            continue;
        }
        for rendition in [Rendition::Source, RUNG, Rendition::Audio] {
            for (msn, segment) in playlist(&show, rendition).numbered() {
                let object = Object::Segment(rendition, msn);
                let Found::Bytes(bytes, _) = stand.stage.stream.find(object) else {
                    continue;
                };
                let path = show.join(rendition.to_string()).join(segment.uri.as_str());
                assert_eq!(fs::read(path).unwrap(), bytes.concat());
                published += 1;
            }
        }
    }
    assert!(published > 100, "{published}");
    let mut playlists = Vec::new();
    for rendition in [Rendition::Source, RUNG, Rendition::Audio] {
        let playlist = playlist(&show, rendition);
        assert!(playlist.end_list);
        let kept = playlist.segments.iter().filter(|segment| !segment.gap);
        assert!(kept.count() >= 6, "{rendition}");
        playlists.push(playlist);
    }
    let lengths: Vec<usize> = playlists.iter().map(|p| p.segments.len()).collect();
    assert_eq!(lengths, [lengths[0]; 3]);
    // Nobody came back: the show ends with the last that was published, in all renditions at the same moment.
    assert!(
        playlists
            .iter()
            .all(|p| p.segments.iter().all(|segment| !segment.gap))
    );
    let ends: Vec<u64> = playlists
        .iter()
        .map(|p| {
            p.segments
                .iter()
                .map(|segment| segment.duration.units())
                .sum()
        })
        .collect();
    let frame = live::playlist::Seconds::from_millis(22).units();
    assert!(
        ends.iter().all(|end| end.abs_diff(ends[0]) <= frame),
        "{ends:?}"
    );
    for rendition in [Rendition::Source, RUNG, Rendition::Audio] {
        let files = fs::read_dir(show.join(rendition.to_string())).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let media = names.filter(|name| name.ends_with(".m4s")).count();
        assert_eq!(media, lengths[0], "{rendition}");
    }
    let firsts: Vec<Msn> = playlists.iter().map(|p| p.media_sequence).collect();
    assert_eq!(firsts, [firsts[0]; 3]);
    let mut uris = index(&show);
    uris.sort();
    assert_eq!(
        uris,
        ["240p/media.m3u8", "audio/media.m3u8", "source/media.m3u8"]
    );
    assert_eq!(stand.writer.figures.now().shows, BTreeMap::new());
}

/// Fed the first half of a show; and the second.
fn half_a_show(directory: &Directory) -> (Stand, Vec<Message>) {
    let show = Show {
        seconds: 30,
        ..Show::default()
    };
    let mut first = show.session(START_MS, None);
    let second = first.split_off(first.len() / 2);
    let mut stand = Stand::new(&directory.0);
    first.into_iter().for_each(|message| stand.feed(message));
    (stand, second)
}

#[test]
fn what_a_crash_cut_off_is_finished_and_goes_on_if_its_session_does() {
    let directory = Directory::new("crash");
    let show = show_directory(&directory.0, START_MS);
    let (stand, second) = half_a_show(&directory);
    let before = playlist(&show, Rendition::Source);
    assert!(!before.end_list);
    // Torn as by a crash in mid-write.
    let path = show.join("source/media.m3u8");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("#EXT-X-PROGRAM-DATE-TIME:20");
    fs::write(&path, text).unwrap();
    fs::write(show.join("source/77.m4s.tmp"), "torn").unwrap();

    let mut stand = stand.restart(&directory.0);
    let between = playlist(&show, Rendition::Source);
    assert!(between.end_list);
    assert!(!show.join("source/77.m4s.tmp").exists());
    for message in second {
        stand.feed(message);
    }
    assert!(!playlist(&show, Rendition::Source).end_list);
    stand.feed(Message::End);
    let after = playlist(&show, Rendition::Source);
    assert!(after.end_list);
    assert_eq!(after.media_sequence, between.media_sequence);
    let gaps = after.segments.iter().filter(|segment| segment.gap).count();
    assert!((1..=3).contains(&gaps), "{gaps}");
    let dates = after
        .segments
        .iter()
        .map(|s| s.head.program_date_time.unwrap());
    let dates: Vec<u64> = dates.map(|date| date.unix_millis()).collect();
    assert!(
        dates.windows(2).all(|pair| pair[1] - pair[0] < 2500),
        "{dates:?}"
    );
}

/// Every picture of the best rendition is in the file, at its time, whatever is missing between.
#[test]
fn a_show_becomes_one_file() {
    let directory = Directory::new("film");
    let mut stand = Stand::new(&directory.0);
    let show = show_directory(&directory.0, START_MS);
    stand.show_with_a_full_disk(|_, _| {});
    let mut film = film::Film::begin(&show).unwrap();
    while film.step().unwrap() {}
    film.finish(true).unwrap();
    assert!(film::is_settled(&show));

    let source = playlist(&show, Rendition::Source);
    let mut expected = Vec::new();
    for segment in source.segments.iter().filter(|segment| !segment.gap) {
        let bytes = fs::read(show.join("source").join(segment.uri.as_str())).unwrap();
        for fragment in read::segment(MediaKind::Video, &bytes.into()).unwrap() {
            let mut at = fragment.decode_time;
            for entry in fragment.entries {
                expected.push((at, entry.bytes));
                at += u64::from(entry.duration);
            }
        }
    }
    // Behind ftyp and moov; every other fragment is sound, whose samples have no sizes of pictures.
    let file = Bytes::from(fs::read(film::path(&show)).unwrap());
    let fragments = fragments(&file, 1);
    let pictures: Vec<_> = fragments
        .iter()
        .flat_map(|bytes| read::segment(MediaKind::Video, bytes).unwrap())
        .collect();
    let first = expected[0].0 - pictures[0].decode_time;
    let mut found = Vec::new();
    for (fragment, next) in pictures
        .iter()
        .zip(pictures.iter().skip(1).map(Some).chain([None]))
    {
        let mut at = fragment.decode_time;
        for entry in &fragment.entries {
            found.push((at + first, entry.bytes.clone()));
            at += u64::from(entry.duration);
        }
        // The last picture before a gap stands until the next.
        assert!(next.is_none_or(|next| next.decode_time == at));
    }
    assert_eq!(found, expected);
}

/// The fragments of one track of a file.
fn fragments(file: &Bytes, track: u32) -> Vec<Bytes> {
    let mut found = Vec::new();
    let mut rest = file.clone();
    let mut moof = Bytes::new();
    while !rest.is_empty() {
        let size = u32::from_be_bytes(rest[..4].try_into().unwrap());
        let one = rest.split_to(usize::try_from(size).unwrap());
        match &one[4..8] {
            b"moof" => moof = one,
            b"mdat" => {
                let at = moof.windows(4).position(|name| name == b"tfhd").unwrap();
                if moof[at + 8..at + 12] == track.to_be_bytes() {
                    found.push([moof.clone(), one].concat().into());
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn another_session_is_another_show() {
    let directory = Directory::new("sessions");
    let mut stand = Stand::new(&directory.0);
    let first = Show::default().session(START_MS, None);
    let second_start = START_MS + 60_000;
    let second = Show::default().session(second_start, last_numbers(&first));
    for message in first.into_iter().chain(second) {
        stand.feed(message);
    }
    let show = show_directory(&directory.0, START_MS);
    assert!(playlist(&show, Rendition::Source).end_list);
    let show = show_directory(&directory.0, second_start);
    assert!(!playlist(&show, Rendition::Source).end_list);
    assert_eq!(
        stand.writer.figures.now().shows["stage"].session,
        second_start
    );
}

#[test]
fn a_full_disk_stops_the_recording_in_words_and_marks_what_is_missing() {
    let directory = Directory::new("full");
    let mut stand = Stand::new(&directory.0);
    let show = show_directory(&directory.0, START_MS);
    stand.show_with_a_full_disk(|stand, at_the_last_of_it| {
        if at_the_last_of_it {
            let fault = stand.writer.figures.now().fault.unwrap();
            assert!(fault.contains("recording.stop_at_free"), "{fault}");
        }
    });
    assert_eq!(stand.writer.figures.now().fault, None);
    let source = playlist(&show, Rendition::Source);
    let gaps: Vec<bool> = source.segments.iter().map(|segment| segment.gap).collect();
    assert!(
        !gaps[0] && gaps.contains(&true) && !gaps[gaps.len() - 1],
        "{gaps:?}"
    );
}

#[test]
fn a_directory_that_cannot_be_written_is_a_fault_and_nothing_else() {
    let directory = Directory::new("readonly");
    // A file where a directory must be: root may write anywhere else.
    fs::write(directory.0.join("stage"), "in the way").unwrap();
    let mut stand = Stand::new(&directory.0);
    for message in Show::default().session(START_MS, None) {
        stand.feed(message);
    }
    stand.feed(Message::End);
    let fault = stand.writer.figures.now().fault.unwrap();
    assert!(fault.contains("cannot be written"), "{fault}");
    assert_eq!(
        fs::read_to_string(directory.0.join("stage")).unwrap(),
        "in the way"
    );
}

#[test]
fn what_the_queue_cannot_take_is_dropped_and_counted() {
    let directory = Directory::new("queue");
    let (recorder, mut told, _writer) = writer(&directory.0);
    let tape = recorder.tape(&name());
    let closed = |bytes: usize| What::Closed {
        closed: Closed {
            rendition: Rendition::Source,
            msn: Msn(1),
            dsn: live::Dsn(0),
            start: MediaTime::default(),
            duration: live::playlist::Seconds::from_secs(2),
            discontinuity: false,
            gap: false,
            held: false,
            init: None,
            parts: vec![vec![0; bytes].into()],
            date_ranges: Vec::new(),
        },
        target_duration: 3,
    };
    assert!(tape.send(SessionId(1), closed(1 << 20)));
    assert!(!tape.send(SessionId(1), closed(QUEUE_BYTES)));
    let sent = std::iter::repeat_with(|| tape.send(SessionId(1), What::Over)).take(QUEUE);
    assert_eq!(sent.filter(|sent| *sent).count(), QUEUE - 1);
    assert_eq!(recorder.figures.dropped.get(), 2);
    assert!(told.try_recv().is_ok());
    assert!(tape.send(SessionId(1), What::Over));
}
