//! Several distributors: their viewers, in a browser and in a crowd, notice neither that the home dies, nor that the next
//! box is drained, nor that a transcoder dies.

mod crowd;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{Admin, Browser, Clip, Picture, Plan, STAGE, Stage};

use crate::{redundancy::first_in_rank, start};
use crowd::Crowd;

/// Players of the load generator, beside the browser.
const PLAYERS: usize = 20;
/// Seconds that anybody's picture may stand still over all of it. It does not, but for what a busy machine costs.
const STALL_BUDGET_S: f64 = 1.0;
/// Parts that everybody plays after each fault.
const AFTER: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_dies_the_next_box_is_drained_a_transcoder_dies_and_everybody_goes_on() -> Result<()>
{
    let mut stage = start(Plan {
        transcoders: 2,
        distributors: 3,
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let all = stage.neighbours.context("there are several")?;
    let [home, next, last] = all.ranks()?[..] else {
        panic!("three distributors");
    };
    let _encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let path = format!("/live/{}/index.m3u8", STAGE.name);
    let offers_rung = |text: &[u8]| String::from_utf8_lossy(text).contains("/240p/media.m3u8");
    let viewer = stage.viewer_at(all.https(last)).await?;
    viewer.wait_until(&path, |text| offers_rung(text)).await?;

    let media = format!("https://{}{path}", all.https(last));
    let mut browser = Browser::open(
        &stage,
        "follow.mjs",
        json!({ "media": media, "player": "hls.js", "page": true }),
    )?;
    browser.wait_for("playing")?;
    let mut crowd = Crowd::come(&stage, all.https(last), PLAYERS).await?;
    let everybody = PLAYERS as u64 + 1;
    let at = |stage: &mut Stage, number| stage.distributor_mut(number)?.admin();
    watched_by(&[at(&mut stage, home)?], everybody)?;
    crowd.go_on(AFTER).await?;
    // What the start has cost is not looked at.
    browser.report()?;

    stage.distributor_mut(home)?.kill()?;
    // Those who lose their box go to all others.
    let (second, third) = (at(&mut stage, next)?, at(&mut stage, last)?);
    watched_by(&[second, third], everybody)?;
    crowd.go_on(AFTER).await?;
    let death = browser.report()?;

    let (code, said) = second.post("/drain")?;
    ensure!(code == 200, "{said}");
    // Players ask where to go every 27 to 33 s.
    watched_by(&[third], everybody).or_else(|_| watched_by(&[third], everybody))?;
    watched_by(&[second], 0)?;
    crowd.go_on(AFTER).await?;
    let drain = browser.report()?;

    let active = first_in_rank(&stage)?;
    stage.transcoders[active].kill()?;
    stage
        .distributor_mut(last)?
        .wait_for_line("the switch", |line| {
            line.contains("the origin is out of use").then_some(())
        })?;
    crowd.go_on(AFTER).await?;
    let switch = browser.report()?;

    let seen = crowd.leave().await?;
    for player in &seen {
        ensure!(
            player.stalled.as_secs_f64() <= STALL_BUDGET_S && (1..=2).contains(&player.moves),
            "{player:?}"
        );
    }
    ensure!(
        stood(&death) + stood(&drain) + stood(&switch) <= STALL_BUDGET_S,
        "{death} {drain} {switch}"
    );
    stage.transcoders.remove(active);
    stage.remove_distributor(home)?;
    stage.check_unharmed()
}

/// Waits until so many watch at these boxes together.
fn watched_by(boxes: &[Admin], count: u64) -> Result<Value> {
    let viewers = |status: &Value| status["audience"]["viewers"].as_u64().unwrap_or_default();
    let [first, others @ ..] = boxes else {
        panic!("one box at least");
    };
    first.wait_until(|status| {
        let others = others.iter().map(|admin| admin.wait_until(|_| true));
        let others = others.map(|status| viewers(&status.unwrap_or_default()));
        viewers(status) + others.sum::<u64>() == count
    })
}

/// Seconds that the picture stood, and nothing fatal happened.
fn stood(report: &Value) -> f64 {
    assert_eq!(report["fatal"], json!([]), "{report}");
    let [seconds, media] = ["seconds", "mediaSeconds"].map(|key| report[key].as_f64());
    // It plays a twentieth faster when it is late, never more.
    (seconds.unwrap_or_default() - media.unwrap_or_default()).max(0.0)
}
