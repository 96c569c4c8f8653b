//! Pictures of the show: that they come when they are due, and show what was on air.

use transcoder::pictures::{Size, Snapshot};

use super::*;

const FPS: usize = 10;
/// Pictures of the source that a worker holds back at most, on its way from the socket to where pictures are taken.
const HELD_BACK: usize = 20;
const BLACK: [u8; 3] = [0; 3];
const WHITE: [u8; 3] = [255; 3];
const RED: [u8; 3] = [255, 0, 0];

/// 25 seconds that begin with a slot's, white until just before the second picture is due and red from there.
fn show(name: &str, size: &str) -> Show {
    let picture = format!(
        "color=white:size={size}:rate={FPS}:duration=25,\
         drawbox=color=red:t=fill:enable='gte(t,9.5)'"
    );
    Show::film(name, &picture, size, &[0, 5000, 10_000, 15_000, 20_000])
}

/// The smallest rung's size is what counts.
fn plan_of(show: &Show, (width, height): (u16, u16)) -> Plan {
    let mut plan = plan(show);
    plan.pictures = true;
    plan.rungs.retain(|rung| rung.rendition == P180);
    for rung in &mut plan.rungs {
        (rung.width, rung.height) = (width, height);
    }
    plan
}

/// Feeds the show and waits for each picture soon after it is due.
async fn photograph(show: &Show, (mut feed, mut output): (Feed, Output)) -> Vec<Snapshot> {
    let mut taken = Vec::new();
    let mut encoded = 0;
    for n in 0..show.frames.len() {
        feed.push(show.input(n)).unwrap();
        let due = 1 + n.saturating_sub(HELD_BACK) / (10 * FPS);
        while encoded + HELD_BACK < n || (n > HELD_BACK && taken.len() < due) {
            match output.recv().await.expect("more events") {
                Event::Picture(snapshot) => taken.push(snapshot),
                Event::Sample { .. } => encoded += 1,
                Event::Config { .. } | Event::Used { .. } => {}
                other @ (Event::NoPictures { .. } | Event::Paced { .. } | Event::Failed { .. }) => {
                    panic!("{other:?}")
                }
            }
        }
    }
    taken
}

fn all_are(pixels: &[[u8; 3]], expected: [u8; 3]) -> bool {
    /// Of a value, through two conversions and a JPEG file.
    const TOLERANCE: u8 = 8;
    let near = |pixel: &[u8; 3]| {
        let mut both = pixel.iter().zip(expected);
        both.all(|(value, expected)| value.abs_diff(expected) <= TOLERANCE)
    };
    pixels.iter().all(near)
}

#[tokio::test]
async fn a_picture_is_taken_every_ten_seconds_as_a_poster_and_a_tile_in_its_place() {
    for (name, source, rung, poster, tile) in [
        (
            "pictures-wide",
            "960x540",
            (854, 480),
            (640, 360),
            (160, 90),
        ),
        (
            "pictures-tall",
            "270x480",
            (180, 320),
            (176, 312),
            (80, 142),
        ),
    ] {
        let show = show(name, source);
        let plan = plan_of(&show, rung);
        let worker = Process::spawn_program(Path::new(WORKER), &recipe(), &plan).unwrap();
        let taken = photograph(&show, worker).await;
        let times: Vec<MediaTime> = taken.iter().map(|it| it.at).collect();
        // The show begins within a slot's first second.
        let second = |at: MediaTime| at.since(show.at(0)) / MediaTime::HZ;
        let seconds: Vec<u64> = times.iter().copied().map(second).collect();
        assert_eq!(seconds, [0, 9, 19], "{name}: {times:?}");
        for (n, snapshot) in taken.iter().enumerate() {
            assert_eq!(snapshot.first, times[0]);
            let (size, pixels) = show::developed(name, &snapshot.poster);
            assert_eq!(size, poster, "{name}");
            assert!(
                all_are(&pixels, if n == 0 { WHITE } else { RED }),
                "{name} {n}"
            );
            let (width, height) = tile;
            assert_eq!(snapshot.tile, Size { width, height });
        }
        let (size, pixels) = show::developed(name, &taken[2].sheet);
        let (width, height) = (usize::from(tile.0), usize::from(tile.1));
        assert_eq!(size, (tile.0 * 5, tile.1 * 5), "{name}");
        for (n, expected) in [(0, WHITE), (1, RED), (2, RED), (3, BLACK), (5, BLACK)] {
            // A JPEG file's blocks are 16 pixels wide and know nothing of tiles.
            const EDGE: usize = 16;
            let (left, top) = (n % 5 * width, n / 5 * height);
            for y in top + EDGE..top + height - EDGE {
                let row = y * width * 5;
                let pixels = &pixels[row + left + EDGE..row + left + width - EDGE];
                assert!(all_are(pixels, expected), "{name}: tile {n}, row {y}");
            }
        }
    }
}

#[tokio::test]
async fn without_what_makes_the_files_the_show_goes_on() {
    let show = show("no-pictures", "320x180");
    // All plugins but one.
    let scene = Scene::new(
        "no-pictures-scene",
        "mkdir $dir/plugins
         for plugin in app coreelements libav typefindfunctions videoconvertscale videoparsersbad x264; do
             ln -s /usr/lib/*/gstreamer-1.0/libgst$plugin.so $dir/plugins
         done
         export GST_PLUGIN_SYSTEM_PATH_1_0=$dir/plugins GST_REGISTRY_1_0=$dir/registry
         exec $worker worker",
    );
    let (mut feed, mut output) = scene.spawn_by(&plan_of(&show, (320, 180)));
    let (mut encoded, mut reasons) = (0, Vec::new());
    for n in 0..show.frames.len() {
        feed.push(show.input(n)).unwrap();
        while encoded + HELD_BACK < n || (n > HELD_BACK && reasons.is_empty()) {
            match output.recv().await.expect("more events") {
                Event::NoPictures { reason } => reasons.push(reason),
                Event::Sample { .. } => encoded += 1,
                Event::Config { .. } | Event::Used { .. } => {}
                other @ (Event::Picture(_) | Event::Paced { .. } | Event::Failed { .. }) => {
                    panic!("{other:?}")
                }
            }
        }
    }
    assert!(reasons[0].contains("jpegenc"), "{reasons:?}");
    assert_eq!(reasons.len(), 1, "said once");
}
