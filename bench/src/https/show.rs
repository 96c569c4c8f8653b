//! An origin with one show, in this process: parts appear when its owner says so, and what was asked of it is counted.
//!
//! Playlists and parts that are yet to come are held, as RFC 8216bis says. Media may take a while, or be refused.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use live::playlist::MediaPlaylist;
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, sleep_until},
};

/// The segment with the first part.
const FIRST: u64 = 1_795_000_000;
/// Of half a second, in a segment. Long segments, so that an audience of any size gathers within a few.
const PARTS: u64 = 20;
/// Whole segments in a playlist.
const SEGMENTS: u64 = 18;
/// Path of the stream that is on.
pub(super) const STREAM: &str = "/live/bench/source";
/// Bytes of an initialization section.
pub(super) const INIT: usize = 1000;

/// What its media are like.
#[derive(Clone, Copy)]
pub(super) struct Media {
    /// Bytes of a part and of a segment.
    pub(super) part: usize,
    pub(super) segment: usize,
    /// From a request to the first byte.
    pub(super) takes: Duration,
    /// Nothing but 503 comes of them.
    pub(super) refuses: bool,
}

/// A running one.
pub(super) struct Show {
    pub(super) port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    parts: watch::Sender<u64>,
    media: Media,
    asked: Mutex<HashMap<String, u32>>,
    piece: Bytes,
}

impl Show {
    /// Its first part is there.
    pub(super) async fn begin(media: Media) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let inner = Arc::new(Inner {
            parts: watch::Sender::new(1),
            media,
            asked: Mutex::default(),
            piece: vec![b'#'; media.part.max(media.segment).max(INIT)].into(),
        });
        let serving = inner.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let inner = serving.clone();
                let answer = service_fn(move |request: Request<Incoming>| {
                    let inner = inner.clone();
                    async move { Ok::<_, Infallible>(inner.answer(&request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(tcp), answer));
            }
        });
        Ok(Self { port, inner })
    }

    /// Parts that there are.
    pub(super) fn parts(&self) -> u64 {
        *self.inner.parts.borrow()
    }

    /// One more part is there.
    pub(super) fn go_on(&self) {
        self.inner.parts.send_modify(|parts| *parts += 1);
    }

    /// How often `path` was asked for.
    pub(super) fn asked(&self, path: &str) -> u32 {
        let asked = self.inner.asked.lock();
        let asked = asked.unwrap_or_else(PoisonError::into_inner);
        asked.get(path).copied().unwrap_or(0)
    }

    /// Parts that there are as `list` says it; none if it is another show's.
    pub(super) fn parts_in(list: &MediaPlaylist) -> Option<u64> {
        let whole = list.open_msn().0.checked_sub(FIRST)? * PARTS;
        let open = list.open.as_ref().map_or(0, |open| open.parts.len());
        Some(whole + open as u64)
    }

    /// Where part `number` is, counted from 0.
    pub(super) fn part(number: u64) -> String {
        let (msn, part) = place(number);
        format!("{STREAM}/{msn}.{part}.m4s")
    }

    /// The playlist with part `number`, which is waited for.
    pub(super) fn playlist_with(number: u64) -> String {
        let (msn, part) = place(number);
        format!("{STREAM}/media.m3u8?_HLS_msn={msn}&_HLS_part={part}")
    }
}

impl Inner {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let begun = Instant::now();
        let path = request.uri().path();
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            *asked.entry(path.to_owned()).or_default() += 1;
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        if name == "media.m3u8" {
            let number = request.uri().query().and_then(asked_for);
            let parts = self.wait(number).await;
            let kept = if number.is_some() { 60 } else { 1 };
            return whole(playlist(parts).into(), kept);
        }
        if name.starts_with("init") {
            return whole(self.piece.slice(..INIT), 3600);
        }
        if path.starts_with(STREAM) {
            self.wait(named(name)).await;
        }
        sleep_until(begun + self.media.takes).await;
        if self.media.refuses {
            let refusal = Response::builder().status(503).body(Full::default());
            return refusal.unwrap_or_default();
        }
        let is_part = name.split('.').count() == 3;
        let size = if is_part {
            self.media.part
        } else {
            self.media.segment
        };
        whole(self.piece.slice(..size), 3600)
    }

    /// Until part `number` is there, if it is one. How many there are then.
    async fn wait(&self, number: Option<u64>) -> u64 {
        let mut parts = self.parts.subscribe();
        let there = |parts: &u64| number.is_none_or(|number| *parts > number);
        parts.wait_for(there).await.map_or(1, |parts| *parts)
    }
}

fn whole(body: Bytes, seconds: u32) -> Response<Full<Bytes>> {
    let built = Response::builder()
        .header("Cache-Control", format!("max-age={seconds}"))
        .body(Full::new(body));
    built.unwrap_or_default()
}

const fn place(number: u64) -> (u64, u64) {
    (FIRST + number / PARTS, number % PARTS)
}

/// The part that a playlist is to have.
fn asked_for(query: &str) -> Option<u64> {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|pair| pair.0 == name)?.1.parse::<u64>().ok()
    };
    let whole = value("_HLS_msn")?.checked_sub(FIRST)? * PARTS;
    Some(whole + value("_HLS_part").unwrap_or(PARTS - 1))
}

/// The part that a file is, or which ends the segment that it is.
fn named(name: &str) -> Option<u64> {
    let mut numbers = name.strip_suffix(".m4s")?.split('.');
    let whole = numbers.next()?.parse::<u64>().ok()?.checked_sub(FIRST)? * PARTS;
    let part = numbers
        .next()
        .map_or(Some(PARTS - 1), |part| part.parse().ok());
    Some(whole + part?)
}

fn playlist(parts: u64) -> String {
    let (open, of_open) = place(parts);
    let first = open - SEGMENTS;
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:10\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.6\n\
         #EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-MAP:URI=\"init-0123456789abcdef.mp4\"\n"
    );
    let list = |text: &mut String, msn: u64, parts: u64| {
        for part in 0..parts {
            let uri = format!("{msn}.{part}.m4s");
            let _infallible = writeln!(
                text,
                "#EXT-X-PART:DURATION=0.50000,URI=\"{uri}\",INDEPENDENT=YES"
            );
        }
    };
    for msn in first..open {
        if msn + 1 == open && msn >= FIRST {
            list(&mut text, msn, PARTS);
        }
        text.push_str(&format!("#EXTINF:10.00000,\n{msn}.m4s\n"));
    }
    list(&mut text, open, of_open);
    text.push_str(&format!(
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{open}.{of_open}.m4s\"\n"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_by_its_place_name_and_playlist() {
        for number in [0, 1, PARTS - 1, PARTS, 10 * PARTS + 3] {
            let path = Show::part(number);
            assert_eq!(named(path.rsplit('/').next().unwrap()), Some(number));
            let asked = Show::playlist_with(number);
            assert_eq!(asked_for(asked.split_once('?').unwrap().1), Some(number));
            let list = MediaPlaylist::parse(playlist(number + 1).as_bytes()).unwrap();
            assert_eq!(list.segments.len() as u64, SEGMENTS);
            assert_eq!(Show::parts_in(&list), Some(number + 1));
            assert!(playlist(number + 1).contains(path.rsplit('/').next().unwrap()));
        }
    }
}
