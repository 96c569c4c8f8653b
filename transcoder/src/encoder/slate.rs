//! Has the slates of an encoder made, one rung after the other, each by a process of its own.
//!
//! It costs the box a second or two of one core, once for each encoder that starts. Whatever fails costs the slate
//! alone: holds are then GAP, and it is said why.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path, time::Duration};

use bytes::Bytes;
use live::Rendition;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::{
    slate::{Card, Slate},
    store::Published,
    stream::SlateOrder,
    worker::{Event, Output, Plan, Process, Recipe, RungPlan, Still, StillFormat},
};

/// Our own picture; see its README.
static BUILT_IN: &[u8] = include_bytes!("../../slate/back-in-a-moment.png");
/// Largest picture in bytes.
const MAX_PICTURE: u64 = 8 << 20;
/// How long one rung may take: a busy box is given time, as nobody waits.
const DEADLINE: Duration = Duration::from_secs(60);

/// Makes those that are lacking. `pictures` are the caps of each rung's pictures.
pub(super) async fn make(
    published: &Published,
    generation: u64,
    recipe: &Recipe,
    plan: &Plan,
    pictures: BTreeMap<Rendition, String>,
) {
    let Some(order) = published.slate_order(generation) else {
        return;
    };
    let stream = published.name();
    let picture = match read(&order.card).await {
        Ok(picture) => picture,
        Err(reason) => {
            return warn!(%stream, reason, "there is no slate: while nobody publishes there are gaps");
        }
    };
    for rung in plan
        .rungs
        .iter()
        .filter(|r| order.rungs.contains(&r.rendition))
    {
        let rendition = rung.rendition;
        let caps = pictures.get(&rendition).cloned().unwrap_or_default();
        let still = still(rung, caps, &order, picture.clone());
        let made = match timeout(DEADLINE, encode(recipe, &still)).await {
            Ok(made) => made,
            Err(_) => Err(format!("it took longer than {} s", DEADLINE.as_secs())),
        };
        let made = made.and_then(|slate| {
            let fits = published.set_slate(generation, rendition, slate);
            fits.then_some(())
                .ok_or_else(|| "the encoder codes it otherwise than the show".to_owned())
        });
        match made {
            Ok(()) => info!(%stream, %rendition, "the slate is ready"),
            Err(reason) => warn!(
                %stream, %rendition, reason,
                "this rung has no slate: while nobody publishes it shows gaps"
            ),
        }
    }
}

fn still(rung: &RungPlan, pictures: String, order: &SlateOrder, picture: Bytes) -> Still {
    Still {
        rung: rung.clone(),
        pictures,
        length_ms: order.length_ms,
        rate: order.rate,
        picture,
    }
}

/// The picture's file.
async fn read(card: &Card) -> Result<Bytes, String> {
    let path = match card {
        Card::Nothing => return Err("there is to be none".to_owned()),
        Card::BuiltIn => return Ok(Bytes::from_static(BUILT_IN)),
        Card::File(path) => path.clone(),
    };
    let read = move || read_file(&path).map_err(|reason| format!("{}: {reason}", path.display()));
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|_| Err("it could not be read".to_owned()))
}

fn read_file(path: &Path) -> Result<Bytes, String> {
    let said = |error: std::io::Error| error.to_string();
    // What is no file may be without end, or let nobody in.
    if !path.metadata().map_err(said)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut picture = Vec::new();
    let file = File::open(path).map_err(said)?;
    file.take(MAX_PICTURE + 1)
        .read_to_end(&mut picture)
        .map_err(said)?;
    if picture.len() as u64 > MAX_PICTURE {
        return Err(format!("it is larger than {} MiB", MAX_PICTURE >> 20));
    }
    match StillFormat::of(&picture) {
        Some(_) => Ok(picture.into()),
        None => Err("it is neither PNG nor JPEG".to_owned()),
    }
}

/// One rung's slate, by a worker of its own.
async fn encode(recipe: &Recipe, still: &Still) -> Result<Slate, String> {
    let output = Process::spawn_still(recipe, still);
    hear(output.map_err(|error| error.to_string())?).await
}

/// What the worker says, to its end.
async fn hear(mut output: Output) -> Result<Slate, String> {
    let mut record = Bytes::new();
    let mut pictures = Vec::new();
    let mut bytes_heard = 0;
    while let Some(event) = output.recv().await {
        match event {
            Event::Config { codec_config, .. } => record = codec_config,
            Event::Sample {
                pts, key, bytes, ..
            } => {
                bytes_heard += bytes.len();
                pictures.push((pts.ticks(), key, bytes));
            }
            Event::Failed { reason } => return Err(reason),
            Event::Picture(_)
            | Event::NoPictures { .. }
            | Event::Paced { .. }
            | Event::Used { .. } => {}
        }
        if bytes_heard > Slate::MAX_BYTES || pictures.len() > Slate::MAX_PICTURES {
            break;
        }
    }
    Slate::new(record, pictures).map_err(|error| error.to_string())
}
