use bytes::Bytes;
use live::{Dsn, InitHash, MediaTime, Msn, Rendition, playlist::Seconds};

use super::*;
use crate::small_disk::SmallDisk;

struct Directory(Place);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("footlight-archive-{}-{name}", std::process::id());
        Self(Place {
            directory: std::env::temp_dir().join(name),
            stop_at_free: 0,
        })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0.directory).ok();
    }
}

fn name(msn: u64) -> Name {
    Name {
        stream: "stage".parse().unwrap(),
        session: SessionId(1_800_000_000_000),
        rendition: Rendition::Encoded(480),
        msn: Msn(msn),
    }
}

fn closed() -> Closed {
    let init = Bytes::from_static(b"init");
    Closed {
        rendition: Rendition::Encoded(480),
        msn: Msn(7),
        dsn: Dsn(0),
        start: MediaTime::default(),
        duration: Seconds::from_secs(2),
        discontinuity: false,
        gap: false,
        held: false,
        init: Some((InitHash::of(&init), init)),
        parts: vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")],
        date_ranges: Vec::new(),
    }
}

#[test]
fn a_segment_lies_where_a_recorded_show_has_it() {
    let directory = Directory::new("names");
    let place = &directory.0;
    assert_eq!(write(place, &name(7), &closed()).unwrap(), 6);
    let show = place.directory.join("stage/1800000000000");
    assert_eq!(fs::read(show.join("480p/7.m4s")).unwrap(), b"onetwo");
    let init = format!("480p/init-{}.mp4", InitHash::of(b"init"));
    assert_eq!(fs::read(show.join(init)).unwrap(), b"init");
    assert_eq!(fs::read_dir(show.join("480p")).unwrap().count(), 2);
    remove(place, &Removal::Segment(name(7))).unwrap();
    remove(place, &Removal::Segment(name(7))).unwrap();
    assert!(!place.segment(&name(7)).exists());
    remove(place, &Removal::Show(name(7).stream, name(7).session)).unwrap();
    assert_eq!(fs::read_dir(&place.directory).unwrap().count(), 0);
}

#[test]
fn what_is_recorded_or_not_ours_is_never_deleted() {
    let directory = Directory::new("sweep");
    let place = &directory.0;
    write(place, &name(7), &closed()).unwrap();
    let recorded = Name {
        session: SessionId(17),
        ..name(7)
    };
    write(place, &recorded, &closed()).unwrap();
    let show = place.show(&recorded.stream, recorded.session);
    fs::write(show.join("index.m3u8"), "#EXTM3U").unwrap();
    let foreign = place.directory.join("stage/notes");
    fs::create_dir_all(&foreign).unwrap();
    std::os::unix::fs::symlink(&foreign, place.directory.join("stage/18")).unwrap();
    let (_lock, swept) = open(place).unwrap();
    assert_eq!(swept, 1);
    remove(place, &Removal::Segment(recorded.clone())).unwrap();
    remove(
        place,
        &Removal::Show(recorded.stream.clone(), recorded.session),
    )
    .unwrap();
    assert!(place.segment(&recorded).exists() && foreign.exists());
    assert!(!place.segment(&name(7)).exists());
}

#[test]
fn a_directory_belongs_to_one_process_at_a_time() {
    let directory = Directory::new("taken");
    let lock = open(&directory.0).unwrap();
    let error = open(&directory.0).unwrap_err().to_string();
    assert!(error.contains("another transcoder"), "{error}");
    drop(lock);
    open(&directory.0).unwrap();
}

#[test]
fn a_disk_without_room_is_not_filled() {
    let directory = Directory::new("full");
    let place = Place {
        stop_at_free: u64::MAX,
        ..directory.0.clone()
    };
    let error = write(&place, &name(7), &closed()).unwrap_err().to_string();
    assert!(error.contains("[archive].stop_at_free"), "{error}");
    assert!(!place.segment(&name(7)).exists());
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let directory = Directory::new("blocked");
    let place = &directory.0;
    let target = place.segment(&name(7));
    fs::create_dir_all(target.join("in the way")).unwrap();
    let error = write(place, &name(7), &closed()).unwrap_err().to_string();
    assert!(error.contains("7.m4s cannot be written"), "{error}");
    assert!(!target.with_extension("new").exists());
}

#[test]
fn a_disk_that_is_full_to_the_last_page_keeps_what_it_has_and_takes_more_once_there_is_room() {
    let Some(disk) = SmallDisk::mount("archive-full", 64) else {
        return;
    };
    let place = Place {
        directory: disk.path().to_owned(),
        stop_at_free: 0,
    };
    let large = Closed {
        parts: vec![vec![7; 10_000].into(), vec![8; 10_000].into()],
        ..closed()
    };
    assert_eq!(write(&place, &name(6), &large).unwrap(), 20_000);
    for pages in 0..5 {
        disk.fill(pages);
        let error = write(&place, &name(7), &large).unwrap_err().to_string();
        assert!(error.contains("No space left"), "{pages}: {error}");
        let files = fs::read_dir(place.segment(&name(7)).parent().unwrap()).unwrap();
        assert_eq!(files.count(), 2, "the segment before and its section");
    }
    disk.clear();
    assert_eq!(write(&place, &name(7), &large).unwrap(), 20_000);
    for msn in [6, 7] {
        assert_eq!(
            fs::read(place.segment(&name(msn))).unwrap(),
            large.parts.concat()
        );
    }
}
