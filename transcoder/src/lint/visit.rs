//! One visit to an origin: the multivariant playlist, then all media playlists side by side, then what holds between them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use live::playlist::{
    MediaPlaylist, Multivariant, Uri, Wording,
    check::{self, Group, Rule},
};
use tokio::task::JoinSet;

use super::{
    client::{Client, FetchError, Way},
    directives,
    follow::{Rendition, Seen, follow, text},
    media::{self, Media},
    report::Report,
    transport::Class,
    url::Url,
};

/// Media playlists that are looked at.
const MOST_RENDITIONS: usize = 24;
/// For the multivariant playlist.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a visit may take beyond the time for which live playlists are followed.
const BESIDE: Duration = Duration::from_secs(180);

/// The longest that a visit may take.
pub(super) fn lifetime(watch: Option<Duration>) -> Duration {
    BESIDE.saturating_add(watch.unwrap_or_default())
}

/// Looks at everything. The error is that there is nothing to look at.
pub(super) async fn visit(
    client: Client,
    url: &Url,
    watch: Option<Duration>,
) -> Result<Report, FetchError> {
    let client = Arc::new(client);
    let mut report = Report::default();
    let reply = client.get(url, text(PATIENCE)).await?;
    let is_media = reply
        .body
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(b"#EXT-X-TARGETDURATION"));
    if is_media {
        let file = url.path.rsplit('/').next().unwrap_or_default();
        let uri = file.parse().or_else(|_| "playlist".parse());
        if let Ok(uri) = uri {
            let rendition = Rendition {
                uri,
                url: url.clone(),
                i_frames: false,
            };
            report.merge(follow(client, rendition, watch).await.report);
        }
        return Ok(report);
    }
    reply.check(Class::Multivariant, "multivariant", &mut report);
    if !reply.is_ok() {
        return Ok(report);
    }
    report.tested_rules(&[Rule::Syntax]);
    let playlist = match Multivariant::parse(&reply.body) {
        Ok(playlist) => playlist,
        Err(error) => {
            report.need(false, Rule::Syntax, || format!("multivariant: {error}"));
            return Ok(report);
        }
    };
    report.tested(Group::Multivariant);
    report.add("multivariant", check::multivariant(&playlist));
    let way = Way {
        gzip: true,
        ..text(PATIENCE)
    };
    if let Ok(reply) = client.get(url, way).await {
        reply.check_compressed("multivariant", &mut report);
    }
    let seen = follow_all(&client, renditions(url, &playlist, &mut report), watch).await;
    together(&playlist, seen, &mut report);
    Ok(report)
}

/// Every media playlist once.
fn renditions(url: &Url, playlist: &Multivariant, report: &mut Report) -> Vec<Rendition> {
    let variants = playlist.variants.iter().map(|v| (&v.uri, false));
    let groups = playlist.renditions.iter().filter_map(|r| r.uri.as_ref());
    let pictures = playlist.i_frame_variants.iter().map(|v| (&v.uri, true));
    let mut all: Vec<Rendition> = Vec::new();
    for (uri, i_frames) in variants
        .chain(groups.map(|uri| (uri, false)))
        .chain(pictures)
    {
        if all.iter().any(|known| known.uri == *uri) {
            continue;
        }
        if all.len() == MOST_RENDITIONS {
            report.note("there are more than 24 media playlists; the rest was not looked at");
            break;
        }
        match url.join(uri.as_str()) {
            Some(url) => all.push(Rendition {
                uri: uri.clone(),
                url,
                i_frames,
            }),
            None => report.need(false, Rule::Unavailable, || {
                format!("{uri}: no address of HTTP")
            }),
        }
    }
    all
}

async fn follow_all(
    client: &Arc<Client>,
    renditions: Vec<Rendition>,
    watch: Option<Duration>,
) -> Vec<Seen> {
    let mut tasks = JoinSet::new();
    for (place, rendition) in renditions.into_iter().enumerate() {
        let client = client.clone();
        tasks.spawn(async move { (place, follow(client, rendition, watch).await) });
    }
    let mut seen = BTreeMap::new();
    while let Some(ended) = tasks.join_next().await {
        // A task is never cancelled here.
        if let Ok((place, one)) = ended {
            seen.insert(place, one);
        }
    }
    seen.into_values().collect()
}

/// What holds between all renditions.
fn together(playlist: &Multivariant, seen: Vec<Seen>, report: &mut Report) {
    let mut last: Vec<(Uri, MediaPlaylist, Wording)> = Vec::new();
    let mut all: Vec<Media> = Vec::new();
    for one in seen {
        if one.rendition.i_frames {
            report.tested(Group::IFrames);
        } else if let Some((playlist, wording)) = one.last {
            last.push((one.rendition.uri, playlist, wording));
            all.push(one.media);
        }
        report.merge(one.report);
    }
    if last.len() > 1 {
        report.tested(Group::Presentation);
        let playlists: Vec<(&Uri, &MediaPlaylist)> = last
            .iter()
            .map(|(uri, playlist, _)| (uri, playlist))
            .collect();
        report.add("", check::presentation(&playlists));
        let words: Vec<(&Uri, &Wording)> = last.iter().map(|(uri, _, word)| (uri, word)).collect();
        report.add("", check::playlist_types(&words));
        reports(&playlists, report);
    }
    media::dates(&all, report);
    media::description(playlist, &all, report);
}

/// Each report against the playlist it speaks of. All were fetched at about the same time.
fn reports(playlists: &[(&Uri, &MediaPlaylist)], report: &mut Report) {
    for (uri, playlist) in playlists {
        for told in &playlist.rendition_reports {
            // Without a query that is each viewer's own.
            let path = |uri: &Uri| {
                uri.as_str()
                    .split('?')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            let of = playlists
                .iter()
                .find(|(other, _)| told.uri.as_str().ends_with(&path(other)));
            if let Some((_, seen)) = of {
                directives::reported(uri.as_str(), told, seen, report);
            }
        }
    }
}
