//! An evening on the watch page and in a frame of another page: soon, live, held, live again, thanks; how many watch; and
//! nothing of it that keeps anybody out.

use anyhow::{Result, bail, ensure};
use live::playlist::MediaPlaylist;
use serde_json::{Value, json};
use tests::{Browser, Clip, Picture, Plan, STAGE};

use crate::{
    browser::{check_quiet, watch_page},
    media,
    slate::holds,
};

const SEATS: usize = 2;
/// From the slate's begin to the word that it is one, milliseconds of the show.
const SAID_MS: u64 = 2_000;

/// Returns when every page is in this state, which each says and shows without a fault of accessibility.
fn all(pages: &mut [Browser; SEATS], state: &str, title: &str) -> Result<Vec<Value>> {
    let mut told = Vec::new();
    for page in pages {
        let one = page.wait_for(state)?;
        ensure!(one["title"] == title, "{state}: {one}");
        ensure!(one["audit"] == json!([]), "accessibility, {state}: {one}");
        told.push(one);
    }
    Ok(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_how_the_evening_stands_and_who_is_there() -> Result<()> {
    let mut stage = crate::start(Plan {
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let open = |more: Value| {
        let mut plan = json!({ "states": true, "deadline": 240 });
        if let (Some(plan), Value::Object(more)) = (plan.as_object_mut(), more) {
            plan.extend(more);
        }
        watch_page(&stage, plan)
    };
    let mut pages = [
        open(json!({ "own": true }))?,
        open(json!({ "embed": true, "light": true, "size": [390, 844] }))?,
    ];
    all(&mut pages, "before", "The show starts soon")?;
    let clip = Clip::of(Picture::Small)?;
    let mut encoder = stage.publish(STAGE, &clip)?;
    all(&mut pages, "playing", "Playing live")?;
    let both = |status: &Value| status["audience"]["streams"]["stage"]["viewers"] == SEATS;
    stage.distributor.admin()?.wait_until(both)?;

    encoder.kill()?;
    let told = all(&mut pages, "held", "A short pause")?;
    let source = stage.viewer().await?.fetch(&media(STAGE, "source")).await?;
    let source = MediaPlaylist::parse(&source)?;
    let [began] = holds(&source)?[..] else {
        bail!("one hold: {source:?}");
    };
    for told in told {
        ensure!(told["viewers"] == "2 watching", "{told}");
        let date = told["date"].as_u64();
        ensure!(
            date.is_some_and(|ms| ms.abs_diff(began) <= SAID_MS),
            "{began}: {told}"
        );
    }
    let _again = stage.publish(STAGE, &clip)?;
    all(&mut pages, "playing", "Playing live")?;

    ensure!(stage.mux.admin()?.post("/streams/stage/end")?.0 == 200);
    all(&mut pages, "over", "Thanks for watching")?;
    for page in &mut pages {
        check_quiet(&page.wait_for("report")?)?;
    }
    stage.check_unharmed()
}
