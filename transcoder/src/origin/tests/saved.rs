//! Segments that are on disk alone.

use std::path::PathBuf;

use live::Msn;

use super::*;
use crate::archive::Place;
use crate::window::Found;

/// A directory for one test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("footlight-origin-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn archive(&self) -> Archive {
        Archive::new(Some(Place {
            directory: self.0.clone(),
            stop_at_free: 0,
        }))
    }

    /// The file of a segment; there is one session.
    fn segment(&self, msn: Msn) -> PathBuf {
        let mut sessions = std::fs::read_dir(self.0.join("stage")).unwrap();
        let session = sessions.next().unwrap().unwrap().path();
        session.join(format!("source/{msn}.m4s"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Stand {
    /// The listed segments of the source that are on disk alone.
    fn saved(&self) -> Vec<Msn> {
        let published = self.store.get(&"stage".parse().unwrap()).unwrap();
        published.look(|stream| {
            let written = stream.playlist(Rendition::Source).unwrap();
            let listed = MediaPlaylist::parse(&written.full.whole()).unwrap();
            let saved = |msn: &Msn| {
                let found = stream.find(Object::Segment(Rendition::Source, *msn));
                matches!(found, Found::Saved(..))
            };
            listed
                .numbered()
                .map(|(msn, _)| msn)
                .filter(saved)
                .collect()
        })
    }

    async fn until_saved(&self, count: usize) -> Vec<Msn> {
        loop {
            let saved = self.saved();
            if saved.len() >= count {
                return saved;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn show() -> Show {
    Show {
        seconds: 60,
        ..Show::default()
    }
}

fn path(msn: Msn) -> String {
    format!("/live/stage/source/{msn}.m4s")
}

#[tokio::test]
async fn a_segment_from_the_disk_is_the_same_as_from_memory() {
    let directory = Directory::new("same");
    let stand = Stand::with(&show(), 25, directory.archive());
    let twin = Stand::with(&show(), 25, Archive::default());
    for msn in stand.until_saved(1).await {
        let saved = stand.get(&path(msn)).await;
        let held = twin.get(&path(msn)).await;
        assert_eq!(saved.status, StatusCode::OK, "{msn}");
        assert_eq!(saved.body, held.body, "{msn}");
        assert_eq!(saved.headers.len(), held.headers.len());
        for name in [
            header::CONTENT_LENGTH,
            header::CONTENT_TYPE,
            header::CACHE_CONTROL,
            header::ETAG,
        ] {
            assert_eq!(saved.header(name.clone()), held.header(name.clone()));
        }
        let head = stand.send(stand.request(Method::HEAD, &path(msn))).await;
        assert_eq!(
            head.header(header::CONTENT_LENGTH),
            held.body.len().to_string()
        );
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn a_segment_that_vanished_or_was_cut_is_not_there_and_counted() {
    let directory = Directory::new("vanished");
    let archive = directory.archive();
    let stand = Stand::with(&show(), 25, archive.clone());
    let saved = stand.until_saved(1).await[0];
    std::fs::write(directory.segment(saved), b"cut").unwrap();
    let cut = stand.get(&path(saved)).await;
    assert_eq!(cut.status, StatusCode::NOT_FOUND);
    std::fs::remove_file(directory.segment(saved)).unwrap();
    let vanished = stand.get(&path(saved)).await;
    assert_eq!(vanished.status, StatusCode::NOT_FOUND);
    assert_eq!(archive.status()["missing_segments"], 2);
    let playlist = stand.get("/live/stage/source/media.m3u8").await;
    assert_eq!(playlist.status, StatusCode::OK);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_told_and_takes_all_once_it_can() {
    let directory = Directory::new("refusing");
    std::fs::write(&directory.0, b"in the way").unwrap();
    let archive = directory.archive();
    let stand = Stand::with(&show(), 25, archive.clone());
    while !archive.status()["state"]
        .as_str()
        .unwrap()
        .starts_with("failing")
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(stand.saved(), []);
    let playlist = stand.get("/live/stage/source/media.m3u8").await.playlist();
    let oldest = playlist.segments.iter().find(|s| !s.gap).unwrap();
    let answer = stand
        .get(&format!("/live/stage/source/{}", oldest.uri))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    std::fs::remove_file(&directory.0).unwrap();
    stand.until_saved(1).await;
    while archive.status()["waiting_segments"] != 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(archive.status()["state"], "working");
}
