//! A worker that hangs, and one on a box that is too slow.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use transcoder::worker::Pace;

use super::*;

#[tokio::test]
async fn a_worker_that_stands_still_is_ended_and_says_why() {
    let show = Show::make("stopped", "320x180", 30, 3, &[0]);
    let scene = Scene::new("stopped-scene", "echo $$ > $dir/pid; exec $worker worker");
    let (mut feed, mut output) =
        Process::spawn_live(&scene.script, &recipe(), &plan(&show)).unwrap();
    (0..10).for_each(|n| feed.push(show.input(n)).unwrap());
    for rendition in [P360, P180] {
        while !matches!(output.recv().await, Some(Event::Sample { rendition: r, .. }) if r == rendition)
        {
        }
    }
    let pid = std::fs::read_to_string(scene.dir.join("pid")).unwrap();
    let stopped = std::process::Command::new("kill")
        .args(["-STOP", pid.trim()])
        .status();
    assert!(stopped.unwrap().success());
    (10..40).for_each(|n| feed.push(show.input(n)).unwrap());
    let mut reason = None;
    while let Some(event) = output.recv().await {
        if let Event::Failed { reason: why } = event {
            reason = Some(why);
        }
    }
    let reason = reason.unwrap();
    assert!(
        reason.contains("took frames for 2 s and gave none"),
        "{reason}"
    );
    assert_eq!(feed.push(show.input(40)), Err(FeedError::Gone));
}

#[tokio::test]
async fn on_a_slow_box_the_largest_rung_gives_way_and_the_smallest_keeps_up() {
    const SECONDS: u32 = 14;
    let keys: Vec<u64> = (0..SECONDS)
        .step_by(2)
        .map(|s| u64::from(s) * 1000)
        .collect();
    let show = Show::make("slow", "640x360", 30, SECONDS, &keys);
    // A tenth of a second for each picture: too slow for half of them too.
    let mut slow = recipe();
    slow.encoder = format!(
        "identity name={{name}} sleep-time=100000 ! {}",
        slow.encoder.replace(" name={name}", "")
    );
    let (mut feed, mut output) =
        Process::spawn_live(Path::new(WORKER), &slow, &plan(&show)).unwrap();
    let mut frames = interval(Duration::from_micros(33_333));
    frames.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut paces = Vec::new();
    let (mut fed, mut newest, mut oldest) = (0, BTreeMap::new(), 0);
    while fed < show.frames.len() {
        tokio::select! {
            _ = frames.tick() => {
                // Refused where it is behind at a key.
                feed.push(show.input(fed)).ok();
                fed += 1;
            }
            event = output.recv() => match event.expect("it goes on") {
                Event::Paced { rendition, pace, .. } => paces.push((rendition, pace)),
                Event::Sample { rendition, pts, .. } => {
                    newest.insert(rendition, pts);
                    let age = show.frames[fed - 1].pts.since(pts) / 90;
                    oldest = oldest.max(age);
                }
                Event::Config { .. }
                | Event::Picture(_)
                | Event::NoPictures { .. }
                | Event::Used { .. } => {}
                Event::Failed { reason } => panic!("{reason}"),
            },
        }
    }
    let expected = [
        (P360, Pace::Half),
        (P180, Pace::Half),
        (P360, Pace::Suspended),
    ];
    assert_eq!(paces, expected);
    // At worst the 24 frames that a key may find on their way and the 60 of its GOP, a tenth of a second each.
    assert!(oldest < 8_400, "{oldest} ms behind");
    assert!(newest[&P180] > newest[&P360], "the smallest goes on");
}
