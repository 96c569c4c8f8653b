//! What a viewer may ask, and how it is answered: blocking reloads, refusals, CORS, headers.

use anyhow::{Context, Result};
use hyper::{Method, StatusCode};
use live::{
    Msn, PartIndex,
    playlist::{MediaPlaylist, check},
};
use tests::{Clip, Picture, Plan, STAGE, Stage, Viewer, http_get};

use crate::{assert_none, media, multivariant, start};

#[tokio::test]
async fn a_playlist_waits_for_its_part_and_everything_else_is_answered_at_once() -> Result<()> {
    let small = Plan {
        rungs: Vec::new(),
        ..Plan::default()
    };
    let mut stage = start(small);
    let encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "audio"]).await?;

    a_blocked_reload_has_its_part(&viewer).await?;
    directives_that_make_no_sense_are_refused(&viewer).await?;
    what_is_not_there_is_not_found(&viewer).await?;
    any_page_may_play(&viewer).await?;
    answers_say_what_they_are(&viewer).await?;
    older_players_get_the_same(&stage, &viewer).await?;

    let http = stage.distributor.listener("http")?;
    let (status, head, _) = http_get(http, "/live/stage/index.m3u8", "")?;
    assert!((301..=308).contains(&status), "plain HTTP: {status}");
    assert!(head.to_lowercase().contains("location: https://"), "{head}");

    drop(encoder);
    stage.check_unharmed()
}

async fn a_blocked_reload_has_its_part(viewer: &Viewer) -> Result<()> {
    let path = media(STAGE, "source");
    let read = async |query: &str| -> Result<MediaPlaylist> {
        Ok(MediaPlaylist::parse(
            &viewer.fetch(&format!("{path}{query}")).await?,
        )?)
    };
    let mut seen = read("").await?;
    for _ in 0..6 {
        // What the playlist hints at is not there yet; whoever waits for it gets a playlist that has it.
        let hint = seen.preload_hint.clone().context("no preload hint")?;
        let (msn, part) = (
            seen.open_msn(),
            seen.open.as_ref().map_or(0, |open| open.parts.len()),
        );
        let hinted = format!("{}/{hint}", path.trim_end_matches("/media.m3u8"));
        let query = format!("?_HLS_msn={msn}&_HLS_part={part}");
        let (early, next) = tokio::join!(viewer.fetch(&hinted), read(&query));
        let next = next?;
        let listed = next.segments.iter().flat_map(|s| &s.parts);
        let listed = listed.chain(next.open.iter().flat_map(|open| &open.parts));
        let listed = listed.filter(|part| part.uri == hint).count();
        assert_eq!(listed, 1, "{query} was answered without {hint}");
        assert_eq!(
            early?,
            viewer.fetch(&hinted).await?,
            "the hinted part, asked for early"
        );
        assert_none(&query, &check::successive(&seen, &next));
        seen = next;
    }
    // A whole segment: answered when it is complete.
    let msn = seen.open_msn();
    let next = read(&format!("?_HLS_msn={msn}")).await?;
    assert!(
        next.open_msn() > msn,
        "{msn} was asked for and is not complete"
    );
    // What is there already is answered at once, perhaps from a cache.
    let old = read(&format!("?_HLS_msn={}&_HLS_part=0", msn.0 - 1)).await?;
    assert!(old.edge() >= Some((Msn(msn.0 - 1), Some(PartIndex(0)))));
    Ok(())
}

async fn directives_that_make_no_sense_are_refused(viewer: &Viewer) -> Result<()> {
    let path = media(STAGE, "source");
    let open = MediaPlaylist::parse(&viewer.fetch(&path).await?)?
        .open_msn()
        .0;
    for query in [
        "_HLS_part=0".to_owned(),
        "_HLS_msn=-1".to_owned(),
        "_HLS_msn=x".to_owned(),
        "_HLS_skip=maybe".to_owned(),
        format!("_HLS_msn={open}&_HLS_part=1000"),
        format!("_HLS_msn={}", open + 10),
        format!("_HLS_msn={}", u64::MAX),
    ] {
        let answer = viewer.get(&format!("{path}?{query}")).await?;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
    Ok(())
}

async fn what_is_not_there_is_not_found(viewer: &Viewer) -> Result<()> {
    for path in [
        "/live/nobody/index.m3u8",
        "/live/stage/4320p/media.m3u8",
        "/live/stage/source/1.m4s",
        "/live/stage/source/18446744073709551615.0.m4s",
        "/live/stage/source/init-0000000000000000.mp4",
        "/live/stage/../stage/index.m3u8",
        "/live/stage/source/%2e%2e/index.m3u8",
        "/live/STAGE/index.m3u8",
        "/live/stage/index.m3u8/",
        "/metrics",
        "/status",
        "/nothing",
    ] {
        let answer = viewer.get(path).await?;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let mine: bool = path.starts_with("/live/stage/") || path.starts_with("/live/nobody/");
        let readable = answer.header("access-control-allow-origin") == "*";
        assert!(
            readable || !mine,
            "{path}: a page elsewhere cannot read the refusal"
        );
    }
    let answer = viewer
        .ask(Method::POST, "/live/stage/index.m3u8", &[])
        .await?;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    Ok(())
}

async fn any_page_may_play(viewer: &Viewer) -> Result<()> {
    let from = ("origin", "https://venue.example");
    let playlist = media(STAGE, "source");
    let answer = viewer.ask(Method::GET, &playlist, &[from]).await?;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "*");

    let asks = [
        from,
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let answer = viewer.ask(Method::OPTIONS, &playlist, &asks).await?;
    assert!(answer.status.is_success(), "preflight: {}", answer.status);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(
        answer
            .header("access-control-allow-methods")
            .contains("GET")
    );
    let allowed = answer.header("access-control-allow-headers").to_lowercase();
    assert!(allowed.contains("range") || allowed == "*", "{allowed}");
    assert!(!answer.header("access-control-max-age").is_empty());
    Ok(())
}

async fn answers_say_what_they_are(viewer: &Viewer) -> Result<()> {
    let path = media(STAGE, "audio");
    let text = viewer.get(&path).await?;
    assert_eq!(text.header("content-type"), "application/vnd.apple.mpegurl");
    let playlist = MediaPlaylist::parse(&text.body)?;
    let segment = playlist.segments.back().context("no segment")?;
    let base = path.trim_end_matches("media.m3u8");
    for uri in [Some(&segment.uri), segment.head.map.as_ref()]
        .into_iter()
        .flatten()
    {
        let answer = viewer.get(&format!("{base}{uri}")).await?;
        assert_eq!(answer.header("content-type"), "audio/mp4", "{uri}");
        assert!(
            answer.header("cache-control").contains("immutable"),
            "{uri}"
        );
        let head = viewer
            .ask(Method::HEAD, &format!("{base}{uri}"), &[])
            .await?;
        assert_eq!(head.status, StatusCode::OK, "HEAD {uri}");
        assert!(head.body.is_empty());
        assert_eq!(
            head.header("content-length"),
            answer.body.len().to_string(),
            "HEAD {uri}"
        );
    }
    Ok(())
}

async fn older_players_get_the_same(stage: &Stage, viewer: &Viewer) -> Result<()> {
    let authority = std::fs::read_to_string(stage.root_certificate())?;
    let older = Viewer::connect_http1(stage.https()?, &authority).await?;
    let path = media(STAGE, "source");
    let playlist = MediaPlaylist::parse(&older.fetch(&path).await?)?;
    let segment = playlist.segments.back().context("no segment")?;
    let path = format!("{}{}", path.trim_end_matches("media.m3u8"), segment.uri);
    assert_eq!(older.fetch(&path).await?, viewer.fetch(&path).await?);
    Ok(())
}
