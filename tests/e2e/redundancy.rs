//! Two transcoders that are fed from the start are one: every object they serve is the same to the byte.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Context, Result, ensure};
use live::{
    Msn,
    cluster::ClusterSecret,
    placement::{Member, ranks},
    playlist::{MediaPlaylist, Multivariant, check},
};
use sha2::{Digest, Sha256};
use tests::{Clip, Picture, Plan, Recording, STAGE, Stage, http_get};

use crate::{assert_none, media, multivariant, start};

/// Segments that are compared.
const COMPARED: usize = 5;

/// An origin as a distributor sees it.
struct Origin {
    address: SocketAddr,
    authorization: String,
}

impl Origin {
    fn fetch(&self, path: &str) -> Result<Vec<u8>> {
        let (status, head, body) = http_get(self.address, path, &self.authorization)?;
        ensure!(status == 200, "{path}: {head}");
        Ok(body)
    }

    /// The hashes of all that the playlist names, by segment, from the segment `from` up to the one before `to`.
    fn hashes(&self, rendition: &str, from: Msn, to: Msn) -> Result<BTreeMap<Msn, Hashes>> {
        let playlist = MediaPlaylist::parse(&self.fetch(&media(STAGE, rendition))?)?;
        let mut all = BTreeMap::new();
        for (msn, segment) in playlist.numbered() {
            if segment.gap || !(from..to).contains(&msn) {
                continue;
            }
            let mut hashes = Hashes::new();
            let parts = segment.parts.iter().map(|part| &part.uri);
            for uri in parts.chain([&segment.uri]).chain(&segment.head.map) {
                let path = format!("/live/{}/{rendition}/{uri}", STAGE.name);
                hashes.insert(
                    path.clone(),
                    hex::encode(Sha256::digest(self.fetch(&path)?)),
                );
            }
            all.insert(msn, hashes);
        }
        Ok(all)
    }
}

/// SHA-256 by path.
type Hashes = BTreeMap<String, String>;

/// What both have from the start on, without a hole. An encoder that lacks CPU leaves out a GOP, which is the one thing
/// that depends on the machine; it knows a few frames before, and is another encoder from then on.
fn shared(a: &BTreeMap<Msn, Hashes>, b: &BTreeMap<Msn, Hashes>, from: Msn, to: Msn) -> usize {
    let both = (from.0..to.0)
        .map(Msn)
        .take_while(|msn| a.contains_key(msn) && b.contains_key(msn));
    let both = both.count();
    if both == COMPARED {
        both
    } else {
        both.saturating_sub(1)
    }
}

#[tokio::test]
async fn two_transcoders_write_the_same_bytes() -> Result<()> {
    let mut stage = start(Plan {
        transcoders: 2,
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "240p", "audio"]).await?;

    let secret = std::fs::read_to_string(stage.directory().path().join("cluster-secret"))?;
    let token = ClusterSecret::new(&secret)?.origin_token();
    let authorization = format!("Authorization: Bearer {}\r\n", token.expose());
    let mut origins = Vec::new();
    for transcoder in &stage.transcoders {
        origins.push(Origin {
            address: transcoder.listener("origin")?,
            authorization: authorization.clone(),
        });
    }
    let [a, b] = origins.as_slice() else {
        panic!("two transcoders");
    };
    let (status, ..) = http_get(a.address, &media(STAGE, "source"), "")?;
    assert_eq!(
        status, 401,
        "an origin answers nobody without the cluster's token"
    );

    // Follow one rendition on both until enough segments are complete on both.
    let playlist = MediaPlaylist::parse(&a.fetch(&media(STAGE, "source"))?)?;
    let mut with_media = playlist.numbered().filter(|(_, segment)| !segment.gap);
    let (first, _) = with_media.next().context("no segment")?;
    let end = Msn(first.0 + COMPARED as u64);
    for origin in [a, b] {
        for rendition in ["source", "240p", "audio"] {
            for msn in first.0..end.0 {
                origin.fetch(&format!("{}?_HLS_msn={msn}", media(STAGE, rendition)))?;
            }
        }
    }
    drop(encoder);

    let [one, other] = [a, b].map(|origin| origin.fetch("/live/stage/index.m3u8"));
    let one = Multivariant::parse(&one?)?;
    assert_eq!(one, Multivariant::parse(&other?)?);
    for (rendition, least) in [("source", COMPARED), ("audio", COMPARED), ("240p", 2)] {
        let of_a = a.hashes(rendition, first, end)?;
        let of_b = b.hashes(rendition, first, end)?;
        let shared = shared(&of_a, &of_b, first, end);
        assert!(shared >= least, "{rendition}: {of_a:#?} {of_b:#?}");
        for (one, other) in of_a.values().zip(of_b.values()).take(shared) {
            // Parts leave the playlist after a while; whole segments are in both.
            let compared: Vec<_> = one
                .keys()
                .filter(|path| other.contains_key(*path))
                .collect();
            assert!(compared.len() >= 2, "{one:#?} {other:#?}");
            for path in compared {
                assert_eq!(one[path], other[path], "{path}");
            }
        }
    }
    stage.check_unharmed().context("after the comparison")
}

#[tokio::test]
async fn a_transcoder_dies_and_no_viewer_notices() -> Result<()> {
    let mut stage = start(Plan {
        transcoders: 2,
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let _encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "240p", "audio"]).await?;
    let path = media(STAGE, "source");
    let before = Recording::follow(&viewer, &path, 1).await?;

    let active = first_in_rank(&stage)?;
    stage.transcoders[active].kill()?;
    let after = Recording::follow(&viewer, &path, 3).await?;
    assert_none(
        "over the death",
        &check::successive(before.last()?, after.last()?),
    );
    assert_none("after the death", &check::media(after.last()?));
    let seen = before.last()?.open_msn();
    for (msn, segment) in after.last()?.numbered().filter(|(msn, _)| *msn >= seen) {
        assert!(
            !segment.gap && !segment.head.discontinuity,
            "interrupted at {msn}"
        );
    }
    stage.transcoders.remove(active);
    stage.check_unharmed()
}

/// Which transcoder the distributor asks first.
fn first_in_rank(stage: &Stage) -> Result<usize> {
    let members = (1..=stage.transcoders.len())
        .map(|n| Member::new(&format!("transcoder-{n}"), 1))
        .collect::<Result<Vec<_>, _>>()?;
    let ranked = ranks(&STAGE.name.parse()?, &members);
    ranked.first().copied().context("a rank")
}
