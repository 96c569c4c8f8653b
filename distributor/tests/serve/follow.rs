//! What somebody watches is there before it is asked for; what nobody watches is not asked for.

use std::{collections::BTreeMap, fmt::Write as _};

use http::StatusCode;
use live::Directives;
use tokio::{sync::watch, task::JoinSet};

use crate::stage::{Answer, Origin, Reply, Stage, Viewer, ask, ok, pass, status};

pub(crate) const PLAYLIST: &str = "/live/stage/source/media.m3u8";

/// How far a live stream has come: its first segment, the open one, and the parts of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) open: u64,
    pub(crate) parts: u32,
    first: u64,
    ended: bool,
}

/// Parts of each segment.
const PARTS: u32 = 4;

impl At {
    pub(crate) const fn new(first: u64, open: u64, parts: u32) -> Self {
        Self {
            open,
            parts,
            first,
            ended: false,
        }
    }

    pub(crate) fn playlist(self) -> String {
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:3\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=18.00000,HOLD-BACK=9.00000,PART-HOLD-BACK=1.60500\n\
             #EXT-X-PART-INF:PART-TARGET=0.53500\n#EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n\
             #EXT-X-MAP:URI=\"init-00000000000000aa.mp4\"\n",
            self.first
        );
        let mut parts = |msn: u64, count: u32, end: &str| {
            for part in 0..count {
                writeln!(
                    text,
                    "#EXT-X-PART:DURATION=0.50000,URI=\"{msn}.{part}.m4s\""
                )
                .unwrap();
            }
            text.push_str(end);
        };
        for msn in self.first..self.open {
            let listed = if msn + 2 >= self.open { PARTS } else { 0 };
            parts(msn, listed, &format!("#EXTINF:2.00000,\n{msn}.m4s\n"));
        }
        let end = if self.ended {
            "#EXT-X-ENDLIST\n".to_owned()
        } else {
            format!(
                "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}.{}.m4s\"\n",
                self.open, self.parts
            )
        };
        parts(self.open, self.parts, &end);
        text
    }

    fn has(self, msn: u64, part: Option<u32>) -> bool {
        self.ended
            || msn < self.open
            || (msn == self.open && part.is_some_and(|part| part < self.parts))
    }
}

/// A stream that is as far as a test lets it come, and an origin that holds back what is not there yet.
pub(crate) async fn origin(size: usize) -> (watch::Sender<At>, Origin) {
    let at = watch::Sender::new(At::new(100, 103, 1));
    let seen = at.clone();
    let origin = Origin::start(move |target| {
        let at = seen.subscribe();
        async move { answer(at, &target, size).await }
    })
    .await;
    (at, origin)
}

pub(crate) async fn answer(mut at: watch::Receiver<At>, target: &str, size: usize) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let name = path.rsplit('/').next().unwrap();
    if !path.starts_with("/live/stage/") {
        return status(404);
    }
    if name == "media.m3u8" {
        if let Some((msn, part)) = Directives::parse(query).unwrap().block {
            let has = |at: &At| at.has(msn.0, part.map(|part| part.0));
            at.wait_for(has).await.unwrap();
        }
        let playlist = at.borrow().playlist();
        return ok(playlist);
    }
    let Some(number) = name.strip_suffix(".m4s") else {
        return ok("init");
    };
    let (msn, part) = number.split_once('.').unwrap_or((number, ""));
    let (msn, part): (u64, Option<u32>) = (msn.parse().unwrap(), part.parse().ok());
    if msn > at.borrow().open + 1 {
        return status(404);
    }
    at.wait_for(|at| at.has(msn, part)).await.unwrap();
    ok(vec![7; size])
}

/// A low-latency player of a stream that goes on as fast as it watches.
pub(crate) struct Honest<'a> {
    stage: &'a Stage,
    viewer: Viewer,
    stream: watch::Sender<At>,
    seen: At,
}

impl<'a> Honest<'a> {
    /// Has found the stream of `origin`, which `stream` moves on.
    pub(crate) async fn new(stage: &'a Stage, stream: watch::Sender<At>, origin: &Origin) -> Self {
        let seen = *stream.borrow();
        let mut viewer = stage.viewer().await;
        assert_eq!(viewer.get(PLAYLIST).await.body, seen.playlist());
        until_held(stage, origin, seen).await;
        Self {
            stage,
            viewer,
            stream,
            seen,
        }
    }

    /// The next part comes about, and he has it: its playlist when it is there, and the part without waiting for the
    /// origin.
    pub(crate) async fn goes_on(&mut self) {
        let At {
            open, parts, first, ..
        } = self.seen;
        let next = if parts < PARTS {
            At::new(first, open, parts + 1)
        } else {
            At::new(first + 1, open + 1, 1)
        };
        let reload = format!(
            "{PLAYLIST}?_HLS_msn={}&_HLS_part={}",
            next.open,
            next.parts - 1
        );
        let waits = self.viewer.get(&reload);
        let comes = async {
            self.stage.until(|status| status["waiters"] != 0).await;
            self.stream.send_replace(next);
        };
        let (reply, ()) = tokio::join!(waits, comes);
        assert_eq!(
            (reply.status, reply.body),
            (StatusCode::OK, next.playlist().into())
        );
        let part = format!("/live/stage/source/{}.{}.m4s", next.open, next.parts - 1);
        let reply = self.viewer.get(&part).await;
        assert_eq!(reply.status, StatusCode::OK, "{part}");
        let came = reply.header("cache-status");
        assert!(!came.ends_with("stored"), "{part}: {came}");
        self.seen = next;
    }
}

/// A stage whose stream `source` is watched by one viewer, and all that its playlist names is in memory.
async fn watched(origin: &Origin, at: At) -> Stage {
    let stage = Stage::with(&[origin], "cache.memory = \"64MiB\"\n").await;
    assert_eq!(stage.viewer().await.get(PLAYLIST).await.body, at.playlist());
    stage
        .until(|status| status["followed"]["stage"][0] == "source")
        .await;
    until_held(&stage, origin, at).await;
    stage
}

/// Returns when the reload and the part that follow `at` are held, so that all before them was asked for.
pub(crate) async fn until_held(stage: &Stage, origin: &Origin, at: At) {
    let reload = format!("{PLAYLIST}?_HLS_msn={}&_HLS_part={}", at.open, at.parts);
    let part = format!("/live/stage/source/{}.{}.m4s", at.open, at.parts);
    loop {
        let asked = origin.asked();
        if asked.contains(&reload) && asked.contains(&part) {
            break;
        }
        stage.until(|_| true).await;
        tokio::task::yield_now().await;
    }
}

pub(crate) fn each_once(origin: &Origin) {
    let mut times = BTreeMap::<String, u32>::new();
    for target in origin.asked() {
        *times.entry(target).or_default() += 1;
    }
    times.retain(|_, times| *times > 1);
    assert!(times.is_empty(), "asked for more than once: {times:?}");
}

/// What `count` viewers get who ask for `targets` in turn, all at once; `then` happens when all wait.
async fn crowd(stage: &Stage, count: usize, targets: &[&str], then: impl FnOnce()) -> Vec<Reply> {
    let mut replies = JoinSet::new();
    for n in 0..count {
        let mut viewer = stage.viewer().await;
        let request = ask("GET", targets[n % targets.len()], &[]);
        replies.spawn(async move { viewer.send(request).await.unwrap() });
    }
    stage.waiting(count as u64).await;
    then();
    replies.join_all().await
}

#[tokio::test]
async fn after_the_first_viewer_nobody_waits_for_the_origin() {
    let (at, origin) = origin(1000).await;
    let stage = watched(&origin, At::new(100, 103, 1)).await;
    for parts in 2..=3 {
        let now = At::new(100, 103, parts);
        at.send_replace(now);
        until_held(&stage, &origin, now).await;
        let mut viewer = stage.viewer().await;
        // As a player that is new: the playlist, and what it begins with.
        let whole = viewer
            .get(&format!("{PLAYLIST}?CMCD=1&v=00000000000000ff"))
            .await;
        assert_eq!(whole.body, now.playlist());
        for object in [
            format!("103.{}.m4s", parts - 1),
            "103.0.m4s".to_owned(),
            "102.3.m4s".to_owned(),
            "102.m4s".to_owned(),
            "100.m4s".to_owned(),
            "init-00000000000000aa.mp4".to_owned(),
        ] {
            let reply = viewer.get(&format!("/live/stage/source/{object}")).await;
            assert_eq!(reply.status, StatusCode::OK, "{object}");
            let came = reply.header("cache-status");
            assert!(
                came.ends_with("hit") || came.ends_with("collapsed"),
                "{object}: {came}"
            );
        }
        // As one that comes late, or asks for what is there already.
        for query in [
            "_HLS_msn=103&_HLS_part=0",
            "_HLS_msn=102",
            "_HLS_msn=103&_HLS_part=1&_HLS_skip=YES",
        ] {
            let reply = viewer.get(&format!("{PLAYLIST}?{query}")).await;
            assert_eq!(
                (reply.status, &reply.body),
                (StatusCode::OK, &now.playlist().into())
            );
            assert_eq!(reply.header("cache-status"), "Footlight; hit");
        }
    }
    each_once(&origin);
    assert_eq!(stage.chassis.status()["edge_misses"], 0);
}

#[tokio::test]
async fn whatever_viewers_wait_for_one_reload_is_held_at_the_origin() {
    let (at, origin) = origin(1000).await;
    let before = At::new(80, 103, 1);
    at.send_replace(before);
    let stage = watched(&origin, before).await;
    let queries = [
        "_HLS_msn=103&_HLS_part=1",
        "_HLS_msn=103",
        "_HLS_msn=103&_HLS_part=3&_HLS_skip=YES",
        "_HLS_msn=104&_HLS_part=0&_HLS_skip=v2",
        "_HLS_skip=YES&_HLS_msn=103&_HLS_part=2&x=1",
    ]
    .map(|query| format!("{PLAYLIST}?{query}"));
    let targets = queries.each_ref().map(String::as_str);
    let after = At::new(80, 104, 1);
    let replies = crowd(&stage, 50, &targets, || {
        at.send_replace(after);
    })
    .await;
    let mut deltas = 0;
    for reply in replies {
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.header("cache-control"), "public, max-age=18");
        assert_eq!(
            reply.header("cache-status"),
            "Footlight; fwd=miss; collapsed"
        );
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        let whole = after.playlist();
        let delta = text.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=");
        let (_, end) = whole.split_once("\n100.m4s\n").unwrap();
        assert!(text.ends_with(end) && (delta || text == whole), "{text}");
        assert_eq!(text.contains("\n80.m4s\n"), !delta);
        deltas += usize::from(delta);
    }
    assert_eq!(deltas, 30, "everyone who takes one gets one");
    until_held(&stage, &origin, after).await;
    each_once(&origin);
    let skips = origin
        .asked()
        .iter()
        .filter(|target| target.contains("skip"))
        .count();
    assert_eq!(skips, 0, "the delta is made here");
}

#[tokio::test]
async fn with_nobody_watching_nothing_is_asked_for() {
    let (at, origin) = origin(1000).await;
    let stage = watched(&origin, At::new(100, 103, 1)).await;
    pass(12).await;
    at.send_replace(At::new(100, 103, 2));
    stage
        .until(|status| status["followed"].as_object().unwrap().is_empty())
        .await;
    let asked = origin.asked().len();
    for open in 104..110 {
        at.send_replace(At::new(100, open, 1));
        pass(2).await;
    }
    // What belongs to the playlist that was held last was fetched; nothing since.
    assert!(origin.asked().len() <= asked + 1, "{:?}", origin.asked());
    let late = stage.viewer().await.get(PLAYLIST).await;
    assert_eq!(late.body, At::new(100, 109, 1).playlist());
}

#[tokio::test]
async fn what_cannot_be_is_refused_without_asking() {
    let (_at, origin) = origin(1000).await;
    let stage = watched(&origin, At::new(100, 103, 1)).await;
    let mut viewer = stage.viewer().await;
    for (target, status) in [
        ("source/media.m3u8?_HLS_msn=999", StatusCode::BAD_REQUEST),
        (
            "source/media.m3u8?_HLS_msn=103&_HLS_part=40",
            StatusCode::BAD_REQUEST,
        ),
        ("source/iframes.m3u8?_HLS_msn=999", StatusCode::BAD_REQUEST),
        ("source/999.m4s", StatusCode::NOT_FOUND),
        ("source/999.0.m4s", StatusCode::NOT_FOUND),
        ("source/102.77.m4s", StatusCode::NOT_FOUND),
        ("source/103.9.m4s", StatusCode::NOT_FOUND),
        ("source/3.m4s", StatusCode::NOT_FOUND),
        ("source/init-00000000000000bb.mp4", StatusCode::NOT_FOUND),
    ] {
        let reply = viewer.get(&format!("/live/stage/{target}")).await;
        assert_eq!(reply.status, status, "{target}");
        let asked = origin.asked();
        assert!(
            !asked.iter().any(|asked| asked.ends_with(target)),
            "{target}"
        );
    }
}

#[tokio::test]
async fn whatever_is_asked_for_the_live_edge_stays_in_memory() {
    let (at, origin) = origin(1 << 20).await;
    let now = At::new(10, 103, 1);
    at.send_replace(now);
    let stage = watched(&origin, now).await;
    let mut viewer = stage.viewer().await;
    for msn in 10..90 {
        let reply = viewer
            .get(&format!("/live/stage/source/{msn}.m4s?cb={msn}"))
            .await;
        assert_eq!(reply.status, StatusCode::OK);
        viewer.get(&format!("/live/stage/480p/{msn}.m4s")).await;
    }
    let cache = &stage.chassis.status()["cache"];
    assert!(
        cache["bytes"].as_u64() <= cache["capacity"].as_u64(),
        "{cache}"
    );
    let asked = origin.asked().len();
    for object in [
        "103.0.m4s",
        "102.0.m4s",
        "102.m4s",
        "101.m4s",
        "init-00000000000000aa.mp4",
    ] {
        let reply = viewer.get(&format!("/live/stage/source/{object}")).await;
        assert_eq!(reply.header("cache-status"), "Footlight; hit", "{object}");
    }
    assert_eq!(origin.asked().len(), asked);
}

#[tokio::test]
async fn after_the_end_everyone_has_it_and_nothing_is_asked_for() {
    let (at, origin) = origin(1000).await;
    let stage = watched(&origin, At::new(100, 103, 1)).await;
    let over = At {
        ended: true,
        ..At::new(100, 104, 0)
    };
    let target = format!("{PLAYLIST}?_HLS_msn=103&_HLS_part=3");
    let replies = crowd(&stage, 10, &[&target], || {
        at.send_replace(over);
    })
    .await;
    for reply in replies {
        assert_eq!(reply.body, over.playlist());
    }
    let mut viewer = stage.viewer().await;
    for query in ["", "?_HLS_msn=104&_HLS_part=0", "?_HLS_msn=999"] {
        let reply = viewer.get(&format!("{PLAYLIST}{query}")).await;
        assert_eq!(reply.body, over.playlist());
    }
    let reloads = origin.asked();
    let reloads = reloads.iter().filter(|target| target.starts_with(PLAYLIST));
    assert_eq!(reloads.count(), 2, "as it was at first, and the end");
}

#[tokio::test]
async fn when_nothing_comes_viewers_are_let_go_after_three_target_durations() {
    let (_at, origin) = origin(1000).await;
    let stage = watched(&origin, At::new(100, 103, 1)).await;
    let mut viewer = stage.viewer().await;
    let target = format!("{PLAYLIST}?_HLS_msn=103&_HLS_part=1");
    let patience = async {
        stage.waiting(1).await;
        pass(9).await;
    };
    let (reply, ()) = tokio::join!(viewer.get(&target), patience);
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn after_a_day_in_which_the_machine_stood_still_everyone_has_what_is_new() {
    let (at, origin) = origin(1000).await;
    let stage = watched(&origin, At::new(100, 103, 1)).await;
    let mut before = stage.viewer().await;
    before.get(PLAYLIST).await;
    let next = At::new(43_300, 43_303, 1);
    at.send_replace(next);
    pass(86_400).await;
    let mut after = stage.viewer().await;
    for object in ["media.m3u8", "43303.0.m4s", "43302.m4s"] {
        let reply = after.get(&format!("/live/stage/source/{object}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{object}");
    }
    assert_eq!(after.get(PLAYLIST).await.body, next.playlist());
}
