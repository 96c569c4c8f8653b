//! A slate for a rung: by the same encoder, with the same avcC, from a picture that anybody may have made.

use transcoder::worker::Still;

use super::*;

const CARD: &[u8] = include_bytes!("../../slate/back-in-a-moment.png");

/// The rungs as the show's own worker codes them.
async fn live(show: &Show, recipe: &Recipe) -> BTreeMap<Rendition, Rung> {
    let (mut feed, mut output) =
        Process::spawn_program(Path::new(WORKER), recipe, &plan(show)).unwrap();
    let mut rungs = BTreeMap::new();
    (0..30).for_each(|n| feed.push(show.input(n)).unwrap());
    drop(feed);
    while let Some(event) = output.recv().await {
        note(&mut rungs, event);
    }
    rungs
}

fn still(show: &Show, rendition: Rendition, pictures: &str, picture: &[u8]) -> Still {
    let rungs = plan(show).rungs;
    Still {
        rung: rungs
            .into_iter()
            .find(|r| r.rendition == rendition)
            .unwrap(),
        pictures: pictures.to_owned(),
        length_ms: 2000,
        rate: (30, 1),
        picture: Bytes::copy_from_slice(picture),
    }
}

/// All that a slate's worker says; the reason when it fails.
async fn slate(recipe: &Recipe, still: &Still) -> Result<Rung, String> {
    let mut output = Process::spawn_still_program(Path::new(WORKER), recipe, still).unwrap();
    let mut rungs = BTreeMap::new();
    while let Some(event) = output.recv().await {
        if let Event::Failed { reason } = event {
            return Err(reason);
        }
        note(&mut rungs, event);
    }
    Ok(rungs.remove(&still.rung.rendition).unwrap())
}

#[tokio::test]
async fn a_slate_needs_the_configuration_of_its_rung_and_no_other() {
    for (name, fps) in [("slate-30", 30), ("slate-25", 25)] {
        let show = Show::make(name, "640x360", fps, 2, &[0]);
        for encoder in [Encoder::X264, Encoder::OpenH264] {
            let recipe = encoder.recipe(Preset::default());
            for (rendition, mut rung) in live(&show, &recipe).await {
                let still = still(&show, rendition, &rung.pictures, CARD);
                let slate = slate(&recipe, &still).await.unwrap();
                assert_eq!(
                    slate.codec_config, rung.codec_config,
                    "{name} {encoder} {rendition}"
                );
                assert_eq!(slate.samples.len(), 2 * fps as usize + 1);
                assert_eq!(slate.keys(), [MediaTime::default()]);
                assert!(slate.times().is_sorted_by(|a, b| a < b));
                // Between pictures of the show a decoder notices nothing.
                let show = rung.samples.clone();
                rung.samples.extend(slate.samples);
                rung.samples.extend(show);
                assert_eq!(show::decoded(&rung), (rung.size, rung.samples.len()));
            }
        }
    }
}

#[tokio::test]
async fn a_slate_is_the_same_wherever_it_is_made_and_costs_next_to_nothing() {
    let show = Show::make("slate-twins", "320x180", 30, 2, &[0]);
    let recipe = recipe();
    let rung = live(&show, &recipe).await.remove(&P180).unwrap();
    let still = still(&show, P180, &rung.pictures, CARD);
    let (one, other) = tokio::join!(slate(&recipe, &still), slate(&recipe, &still));
    let one = one.unwrap();
    assert_eq!(one, other.unwrap());
    let bits: Vec<usize> = one.samples.iter().map(|(.., b)| b.len() * 8).collect();
    let (key, others) = bits.split_first().unwrap();
    // Two seconds of the rung's rate, and the encoder's buffer of one.
    assert!(key + others.iter().sum::<usize>() < 3 * 200_000, "{bits:?}");
    // A picture that stands still is not coded again: a twentieth of the rung's rate.
    assert!(others.iter().sum::<usize>() < 2 * 200_000 / 20, "{bits:?}");
}

#[tokio::test]
async fn a_portrait_rung_has_the_picture_between_borders() {
    let show = Show::make("slate-portrait", "360x640", 25, 2, &[0]);
    let recipe = recipe();
    let rung = live(&show, &recipe).await.remove(&P180).unwrap();
    let white = show::picture("slate-white", "white", "160x90");
    let still = still(&show, P180, &rung.pictures, &white);
    let slate = slate(&recipe, &still).await.unwrap();
    assert_eq!(slate.codec_config, rung.codec_config);
    // White as wide as the rung, black above and below.
    let lights = show::column(&slate);
    let white = lights.iter().filter(|light| **light > 200).count();
    let black = lights.iter().filter(|light| **light < 40).count();
    assert!(
        white.abs_diff(usize::from(rung.size.0) * 9 / 16) <= 4,
        "{white}"
    );
    assert!(white + black + 8 >= lights.len());
}

#[tokio::test]
async fn a_broken_or_hostile_picture_is_told_of_and_that_is_all() {
    let show = Show::make("slate-broken", "320x180", 25, 2, &[0]);
    let recipe = recipe();
    let rung = live(&show, &recipe).await.remove(&P180).unwrap();
    let mut bomb = CARD.to_vec();
    bomb[16..24].copy_from_slice(b"\x00\x00\xea\x60\x00\x00\xea\x60");
    let torn = CARD[..CARD.len() / 2].to_vec();
    let jpeg = b"\xff\xd8\xff\xe0 is all there is of it".to_vec();
    for picture in [bomb, jpeg, CARD[..40].to_vec(), b"<svg/>".to_vec()] {
        let still = still(&show, P180, &rung.pictures, &picture);
        let reason = slate(&recipe, &still).await.unwrap_err();
        assert!(reason.contains("the slate's picture"), "{reason}");
    }
    // What there is of it, or nothing; but the worker ends.
    let still = still(&show, P180, &rung.pictures, &torn);
    slate(&recipe, &still).await.ok();
}

#[tokio::test]
async fn caps_that_a_worker_made_up_are_refused() {
    let show = Show::make("slate-caps", "320x180", 25, 2, &[0]);
    for caps in [
        "",
        "video/x-raw ! fakesink",
        "video/x-raw(memory:Elsewhere),format=I420",
    ] {
        let still = still(&show, P180, caps, CARD);
        slate(&recipe(), &still).await.unwrap_err();
    }
}
