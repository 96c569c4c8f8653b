//! A show as its viewers get it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use live::{
    Msn, PartIndex,
    playlist::{MediaPlaylist, Uri, check, check::Rule, version_of},
};
use tests::{
    Clip, Picture, Plan, Recording, STAGE, Viewer, decode,
    fmp4::{self, Sample},
};

use crate::{assert_none, multivariant, start};

/// Segments that are watched to their end: more than three target durations.
const WATCHED: u64 = 6;
/// Segments that every rendition must have of those. An encoder on a busy machine may have to leave one out.
const ALWAYS: usize = 4;
/// Ticks of 90 kHz.
const SECOND: i64 = 90_000;
const MILLISECOND: i64 = SECOND / 1000;
/// One AAC frame at 48 kHz, in the same.
const AUDIO_FRAME: i64 = SECOND * 1024 / 48_000;

/// All that one viewer of every rendition at once has seen.
struct Show {
    recordings: BTreeMap<String, Recording>,
}

#[tokio::test]
async fn a_show_is_valid_hls_and_decodes() -> Result<()> {
    let mut stage = start(Plan::default());
    let encoder = stage.publish(STAGE, &Clip::of(Picture::FullHd)?)?;
    let viewer = stage.viewer().await?;
    let multivariant = multivariant(&viewer, STAGE, &["source", "480p", "audio"]).await?;

    let variants = multivariant.variants.iter().map(|variant| &variant.uri);
    let groups = multivariant
        .renditions
        .iter()
        .filter_map(|rendition| rendition.uri.as_ref());
    let mut uris: Vec<String> = variants.chain(groups).map(Uri::to_string).collect();
    uris.sort();
    uris.dedup();
    assert_eq!(
        uris,
        ["480p", "audio", "source"].map(|name| format!("{name}/media.m3u8"))
    );

    let show = Show::watch(&viewer, &uris).await?;
    drop(encoder);
    show.playlists_obey_the_rules()?;
    show.source_and_sound_are_whole()?;
    show.parts_add_up_to_their_segments()?;
    show.times_are_continuous()?;
    show.keyframes_are_at_the_same_times()?;
    show.dates_are_those_of_the_media()?;
    show.segments_decode(stage.directory().path())?;
    stage.check_unharmed()
}

impl Show {
    /// Follows all renditions side by side, as different viewers would.
    async fn watch(viewer: &Viewer, uris: &[String]) -> Result<Self> {
        let mut watching = tokio::task::JoinSet::new();
        for uri in uris {
            let (viewer, uri) = (viewer.clone(), uri.clone());
            watching.spawn(async move {
                let path = format!("/live/{}/{uri}", STAGE.name);
                let recording = Recording::follow(&viewer, &path, WATCHED).await;
                recording.map(|recording| (uri, recording))
            });
        }
        let mut recordings = BTreeMap::new();
        while let Some(recording) = watching.join_next().await {
            let (uri, recording) = recording??;
            recordings.insert(uri, recording);
        }
        Ok(Self { recordings })
    }

    fn playlists_obey_the_rules(&self) -> Result<()> {
        let mut last = Vec::new();
        for (uri, recording) in &self.recordings {
            let mut before: Option<&MediaPlaylist> = None;
            for (text, playlist) in &recording.playlists {
                let what = format!("{uri}:\n{}", String::from_utf8_lossy(text));
                let mut findings = check::media(playlist);
                // A show that has just begun has no more.
                findings.retain(|finding| finding.rule != Rule::ShortPlaylist);
                assert_none(&what, &findings);
                assert_none(&what, &check::version(version_of(text)?, playlist));
                if let Some(before) = before {
                    assert_none(&what, &check::successive(before, playlist));
                }
                before = Some(playlist);
            }
            assert_none(uri, &check::media(recording.last()?));
            last.push((uri.parse::<Uri>()?, recording.last()?));
        }
        let last: Vec<(&Uri, &MediaPlaylist)> = last.iter().map(|(uri, p)| (uri, *p)).collect();
        assert_none("all playlists", &check::presentation(&last));
        Ok(())
    }

    /// Only what waits for an encoder may be missing once the show has begun.
    fn source_and_sound_are_whole(&self) -> Result<()> {
        for (uri, recording) in &self.recordings {
            let mut listed = recording
                .last()?
                .segments
                .iter()
                .skip_while(|segment| segment.gap);
            let whole = listed.all(|segment| !segment.gap);
            assert!(whole || uri.starts_with("480p"), "{uri} misses a segment");
            let recorded = recording.segments.len();
            assert!(recorded >= ALWAYS, "{uri}: only {recorded} segments");
        }
        Ok(())
    }

    fn parts_add_up_to_their_segments(&self) -> Result<()> {
        for (uri, recording) in &self.recordings {
            let listed = recording
                .playlists
                .iter()
                .flat_map(|(_, playlist)| playlist.numbered());
            let counts: BTreeMap<Msn, usize> = listed
                .filter(|(_, segment)| !segment.parts.is_empty())
                .map(|(msn, segment)| (msn, segment.parts.len()))
                .collect();
            for (msn, count) in &counts {
                let parts = recording.parts.range((*msn, PartIndex(0))..).take(*count);
                let parts: Vec<u8> = parts.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
                let whole = recording.segments.get(msn).context("not recorded")?;
                assert!(
                    parts == **whole,
                    "{uri}, {msn}: the parts are not the segment"
                );
            }
            assert!(counts.len() >= ALWAYS, "{uri}: parts of {counts:?} only");
        }
        Ok(())
    }

    fn times_are_continuous(&self) -> Result<()> {
        for (uri, recording) in &self.recordings {
            let mut before: Option<(Msn, i64)> = None;
            for msn in recording.segments.keys() {
                let samples = samples(recording, *msn)?;
                let (first, last) = (samples[0], samples[samples.len() - 1]);
                if let Some((last_msn, end)) = before
                    && last_msn.next() == *msn
                {
                    let hole = (first.dts - end).abs();
                    assert!(hole <= AUDIO_FRAME, "{uri}, {msn}: a hole of {hole} ticks");
                }
                before = Some((*msn, last.dts + last.duration));
                let told = duration(recording, *msn)?;
                let is = samples.iter().map(|sample| sample.duration).sum::<i64>();
                let off = (told - is).abs();
                assert!(
                    off <= AUDIO_FRAME,
                    "{uri}, {msn}: EXTINF is {off} ticks off"
                );
            }
        }
        Ok(())
    }

    fn keyframes_are_at_the_same_times(&self) -> Result<()> {
        let mut times: BTreeMap<Msn, BTreeMap<&str, Vec<i64>>> = BTreeMap::new();
        for (uri, recording) in &self.recordings {
            for msn in recording.segments.keys() {
                let samples = samples(recording, *msn)?;
                assert!(
                    samples[0].sync,
                    "{uri}, {msn} does not start with a keyframe"
                );
                let keyframes = samples.iter().filter(|sample| sample.sync);
                let keyframes = if uri.starts_with("audio") {
                    // Every AAC frame is one.
                    vec![samples[0].pts]
                } else {
                    keyframes.map(|sample| sample.pts).collect()
                };
                times.entry(*msn).or_default().insert(uri, keyframes);
            }
        }
        let shared: Vec<_> = times.iter().filter(|(_, of)| of.len() == 3).collect();
        assert!(
            shared.len() >= ALWAYS,
            "only {} segments in common",
            shared.len()
        );
        for (msn, of) in shared {
            let source = &of["source/media.m3u8"];
            assert_eq!(source, &of["480p/media.m3u8"], "IDR times of {msn}");
            let late = of["audio/media.m3u8"][0] - source[0];
            // The first frame that does not begin before the picture, moved to the nearest place of the AAC grid; the
            // wire rounds to a millisecond.
            let (early, most) = (
                AUDIO_FRAME / 2 + MILLISECOND,
                AUDIO_FRAME * 3 / 2 + MILLISECOND,
            );
            assert!(
                (-early..=most).contains(&late),
                "{msn}: sound is {late} ticks late"
            );
        }
        Ok(())
    }

    fn dates_are_those_of_the_media(&self) -> Result<()> {
        for (uri, recording) in &self.recordings {
            for (msn, segment) in recording.last()?.numbered() {
                let Some(date) = segment.head.program_date_time else {
                    panic!("{uri}, {msn} has no date");
                };
                if recording.segments.contains_key(&msn) {
                    let first = samples(recording, msn)?[0].pts;
                    let off = (first - i64::try_from(date.unix_millis())? * SECOND / 1000).abs();
                    assert!(
                        off <= AUDIO_FRAME,
                        "{uri}, {msn}: the date is {off} ticks off"
                    );
                }
            }
        }
        Ok(())
    }

    fn segments_decode(&self, directory: &std::path::Path) -> Result<()> {
        for (uri, recording) in &self.recordings {
            let (codec, height) = match uri.split('/').next() {
                Some("source") => ("h264", 1080),
                Some("480p") => ("h264", 480),
                _ => ("aac", 0),
            };
            let file = directory.join("decode.mp4");
            let mut frames = 0;
            for msn in recording.segments.keys() {
                frames += samples(recording, *msn)?.len() as u64;
            }
            std::fs::write(&file, recording.all()?)?;
            let probed = decode(&file).with_context(|| uri.clone())?;
            assert_eq!(
                (probed.codec.as_str(), probed.height),
                (codec, height),
                "{uri}"
            );
            assert_eq!(probed.frames, frames, "{uri}: frames that decode");
            // And from any segment on, since that is how players switch.
            let last = *recording.segments.keys().last().context("no segment")?;
            std::fs::write(&file, recording.playable(last)?)?;
            let probed = decode(&file).with_context(|| format!("{uri}, {last} alone"))?;
            assert_eq!(
                probed.frames,
                samples(recording, last)?.len() as u64,
                "{uri}, {last}"
            );
        }
        Ok(())
    }
}

/// The samples of a segment, with times in ticks of 90 kHz.
fn samples(recording: &Recording, msn: Msn) -> Result<Vec<Sample>> {
    let scale = i64::from(fmp4::timescale(recording.init_of(msn)?)?);
    let segment = recording.segments.get(&msn).context("not recorded")?;
    let ticks = |units: i64| {
        let ticks = i128::from(units) * i128::from(SECOND) / i128::from(scale);
        i64::try_from(ticks).expect("a time of this century")
    };
    let samples = fmp4::samples(segment)?.into_iter().map(|sample| Sample {
        dts: ticks(sample.dts),
        pts: ticks(sample.pts),
        duration: ticks(sample.dts + sample.duration) - ticks(sample.dts),
        ..sample
    });
    Ok(samples.collect())
}

/// EXTINF of a segment, in ticks of 90 kHz.
fn duration(recording: &Recording, msn: Msn) -> Result<i64> {
    let mut playlists = recording.playlists.iter().rev();
    let segment = playlists.find_map(|(_, p)| p.numbered().find(|(n, _)| *n == msn));
    let (_, segment) = segment.context("not listed")?;
    Ok(i64::try_from(segment.duration.units())? * 9 / 10)
}
