//! Two transcoders that are fed from the start are one: every object they serve is the same to the byte, through a hold
//! with its slate.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Context, Result, ensure};
use live::{
    Msn,
    cluster::ClusterSecret,
    placement::{Member, ranks},
    playlist::{MediaPlaylist, Multivariant, check},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::{Clip, Encoder, Picture, Plan, Recording, STAGE, Stage, http_get};

use crate::{assert_none, media, multivariant, start};

/// Segments that are compared before a hold.
const COMPARED: usize = 5;
/// Segments of the hold.
const HELD: u64 = 2;
const RENDITIONS: [&str; 3] = ["source", "240p", "audio"];
/// What stands for a segment without media.
const GAP: &str = "EXT-X-GAP";

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
            if !(from..to).contains(&msn) {
                continue;
            }
            let mut hashes = Hashes::new();
            if segment.gap {
                hashes.insert(GAP.to_owned(), String::new());
                all.insert(msn, hashes);
                continue;
            }
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
        .take_while(|msn| !a[msn].contains_key(GAP) && !b[msn].contains_key(GAP));
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

    // Follow all renditions on both until enough segments are complete on both.
    let playlist = MediaPlaylist::parse(&a.fetch(&media(STAGE, "source"))?)?;
    let mut with_media = playlist.numbered().filter(|(_, segment)| !segment.gap);
    let (first, _) = with_media.next().context("no segment")?;
    let end = Msn(first.0 + COMPARED as u64);
    let follow = |from: Msn, to: Msn| -> Result<()> {
        for path in RENDITIONS.map(|rendition| media(STAGE, rendition)) {
            for (origin, msn) in [a, b]
                .into_iter()
                .flat_map(|o| (from.0..to.0).map(move |n| (o, n)))
            {
                origin.fetch(&format!("{path}?_HLS_msn={msn}"))?;
            }
        }
        Ok(())
    };
    follow(first, end)?;
    let [one, other] = [a, b].map(|origin| origin.fetch("/live/stage/index.m3u8"));
    let one = Multivariant::parse(&one?)?;
    assert_eq!(one, Multivariant::parse(&other?)?);

    let (held, back) = hold(&stage, encoder)?;
    let last = Msn(back.0 + 2);
    follow(end, last)?;
    for (rendition, least) in [("source", COMPARED), ("audio", COMPARED), ("240p", 2)] {
        let of_a = a.hashes(rendition, first, last)?;
        let of_b = b.hashes(rendition, first, last)?;
        let shared = shared(&of_a, &of_b, first, end);
        assert!(shared >= least, "{rendition}: {of_a:#?} {of_b:#?}");
        let slate = !of_a[&Msn(held.0 + 1)].contains_key(GAP);
        assert_eq!(slate, rendition != "source", "{rendition}: {of_a:#?}");
        let from_the_start = (first.0..first.0 + shared as u64).map(Msn);
        let in_the_hold = (held.0..back.0).map(Msn);
        // What is encoded after a hold has been through the same as what was before it.
        let after = (back.0..last.0).map(Msn).filter(|_| rendition != "240p");
        for msn in from_the_start.chain(in_the_hold).chain(after) {
            assert_same(rendition, &of_a[&msn], &of_b[&msn]);
        }
    }
    stage.check_unharmed().context("after the comparison")
}

/// Nobody publishes for some segments, then somebody does: the first held segment, and the first that is not.
fn hold(stage: &Stage, encoder: Encoder) -> Result<(Msn, Msn)> {
    let msn = |status: &Value| status["streams"]["stage"]["msn"].as_u64();
    let slate = |status: &Value| {
        let all = status["streams"]["stage"]["renditions"].as_array();
        all.is_some_and(|all| all.iter().any(|one| one["slate"] == true))
    };
    for transcoder in &stage.transcoders {
        transcoder.admin()?.wait_until(slate)?;
    }
    drop(encoder);
    let status = stage.transcoders[0].admin()?;
    let held = status.wait_until(|status| status["streams"]["stage"]["held"] == true)?;
    let held = msn(&held).context("a number")?;
    status.wait_until(|status| msn(status) >= Some(held + HELD))?;
    let encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let back = status.wait_until(|status| status["streams"]["stage"]["held"] == false)?;
    let back = msn(&back).context("a number")?;
    status.wait_until(|status| msn(status) >= Some(back + 2))?;
    drop(encoder);
    Ok((Msn(held), Msn(back)))
}

fn assert_same(rendition: &str, one: &Hashes, other: &Hashes) {
    // Parts leave the playlist after a while; whole segments are in both.
    let compared: Vec<_> = one
        .keys()
        .filter(|path| other.contains_key(*path))
        .collect();
    let gaps = one.contains_key(GAP);
    assert!(
        gaps || compared.len() >= 2,
        "{rendition}: {one:#?} {other:#?}"
    );
    assert_eq!(
        gaps,
        other.contains_key(GAP),
        "{rendition}: {one:#?} {other:#?}"
    );
    for path in compared {
        assert_eq!(one[path], other[path], "{path}");
    }
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
pub(crate) fn first_in_rank(stage: &Stage) -> Result<usize> {
    let members = (1..=stage.transcoders.len())
        .map(|n| Member::new(&format!("transcoder-{n}"), 1))
        .collect::<Result<Vec<_>, _>>()?;
    let ranked = ranks(&STAGE.name.parse()?, &members);
    ranked.first().copied().context("a rank")
}
