//! Mux is restarted after every few bytes of a session, and what comes out is what comes out without.
//!
//! A real encoder's session is recorded byte for byte, and told to two mux: one is restarted after every piece, by turns
//! asked to stop and killed; its twin is left alone. A player who was there from the start, and the publisher, get the
//! same from both.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use rtmp::Message;
use tests::{Clip, Picture};

mod session;
mod telling;

use session::{HANDSHAKE, Session};
use telling::{Heard, Teller};

/// Cuts that fall into one stay in the publisher's five seconds to ask for something, on a busy machine too.
const SLICE: usize = 50;
/// Most restarts in one session, about.
const MOST: usize = 400;

/// Random numbers that can be had again (SplitMix64).
struct Dice(u64);

impl Dice {
    /// New ones; `FOOTLIGHT_TWIN_SEED` has those of a run before once more.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stderr,
        reason = "a run that fails can be had again"
    )]
    fn new() -> Result<Self> {
        let seed = match std::env::var("FOOTLIGHT_TWIN_SEED") {
            Ok(seed) => seed.parse().context("FOOTLIGHT_TWIN_SEED is no number")?,
            Err(_) => {
                let state = std::hash::RandomState::new();
                std::hash::BuildHasher::hash_one(&state, 0)
            }
        };
        eprintln!("FOOTLIGHT_TWIN_SEED={seed}");
        Ok(Self(seed))
    }

    /// One of `0..below`.
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or_default() % below
    }
}

/// What a twin that is left alone makes of the session.
async fn twin(session: &Session) -> Result<Heard> {
    let mut teller = Teller::new().await?;
    let told = teller.tell(session, &BTreeSet::new(), None).await;
    told.with_context(|| teller.log())?;
    let heard = teller.end().await?;
    // Nearly all that was said: a player begins at the first keyframe.
    ensure!(heard.media.len() + 10 > session.media(), "the twin is deaf");
    Ok(heard)
}

/// Tells the session to a mux that is restarted at these bytes, and compares with the twin.
async fn compare(
    session: &Session,
    cuts: &BTreeSet<usize>,
    twin: &Heard,
    dice: &mut Dice,
) -> Result<()> {
    let mut teller = Teller::new().await?;
    let told = teller.tell(session, cuts, Some(dice)).await;
    told.with_context(|| teller.log())?;
    let log = teller.log();
    let heard = teller.end().await?;
    same("messages to the player", &heard.media, &twin.media).with_context(|| log.clone())?;
    same("answers to the publisher", &heard.answers, &twin.answers).with_context(|| log.clone())?;
    ensure!(heard.end == twin.end, "{} for {}", heard.end, twin.end);
    Ok(())
}

fn same(what: &str, heard: &[Message], twin: &[Message]) -> Result<()> {
    let differs = heard.iter().zip(twin).position(|(a, b)| a != b);
    let at = differs.unwrap_or_else(|| heard.len().min(twin.len()));
    let near =
        |all: &[Message]| format!("{:?}", all.get(at.saturating_sub(1)..all.len().min(at + 3)));
    ensure!(
        heard == twin,
        "{what}: {} for the twin's {}, number {at} differs: {} for {}",
        heard.len(),
        twin.len(),
        near(heard),
        near(twin)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_after_every_byte_of_handshake_and_commands_changes_nothing() -> Result<()> {
    let session = Session::record(&Clip::of(Picture::Small)?, 1)?;
    let mut dice = Dice::new()?;
    let twin = twin(&session).await?;
    // Where the handshake's parts meet, and somewhere in them.
    let mut handshake = BTreeSet::from([0, 1, 2, 1536, 1537, 1538, HANDSHAKE - 1]);
    handshake.extend((0..SLICE).map(|_| 3 + dice.below(HANDSHAKE - 3)));
    compare(&session, &handshake, &twin, &mut dice).await?;
    // Commands, metadata and configuration up to the first picture's header; what ends it.
    let opening = HANDSHAKE..session.first_frame() + 16;
    for part in [opening, session.end()..session.bytes().len()] {
        let whole: Vec<usize> = part.collect();
        for slice in whole.chunks(SLICE) {
            compare(&session, &slice.iter().copied().collect(), &twin, &mut dice).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_after_every_few_bytes_of_media_changes_nothing() -> Result<()> {
    let session = Session::record(&Clip::of(Picture::Small)?, 4)?;
    let mut dice = Dice::new()?;
    let twin = twin(&session).await?;
    let media = session.end() - session.begin();
    for few in [400 + dice.below(300), 1021, 4096, 20_011, 65_537] {
        let from = session.begin() + dice.below(media.saturating_sub(MOST * few).max(1));
        let cuts = (from..session.end()).step_by(few).take(MOST).collect();
        compare(&session, &cuts, &twin, &mut dice).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_inside_headers_and_long_times_changes_nothing() -> Result<()> {
    let recorded = Session::record(&Clip::of(Picture::Small)?, 4)?;
    let mut dice = Dice::new()?;
    for session in [recorded.in_small_chunks()?, recorded] {
        let twin = twin(&session).await?;
        let chunks = session.chunks();
        // One of so many, and one right behind it at times.
        let every = 2 * chunks.len().div_ceil(MOST);
        let some = chunks.iter().filter(|_| dice.below(every) < 2);
        let cuts: Vec<usize> = some.copied().collect();
        let cuts = cuts.iter().map(|at| at + 1 + dice.below(15)).collect();
        compare(&session, &cuts, &twin, &mut dice).await?;
    }
    Ok(())
}
