//! The encoders' exam: whether each does what the packager relies on, and fast enough. Drivers are judged by what they do
//! here, in a worker as shows have it, never by their names.
//!
//! An encoder is given a clip, in as many workers side by side as shows are planned. It must keep every time, make keys
//! where they are asked for and nowhere else, never change its parameter sets, give pictures that another decoder finds
//! to be the source's, and be faster than the planned load. Whatever it does instead, its exam is over in
//! [`Examiner::LIMIT`].

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that knows how long an encoder took"
)]

mod clip;
mod device;
mod likeness;
mod machine;
mod report;
mod sheet;
mod standing;
mod verdicts;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use live::{Rendition, daemon::Chassis};
use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::{Instant, timeout},
};
use tracing::{info, warn};

use crate::{
    codec::{VideoCodec, VideoTrack},
    ladder::{self, Rung},
    worker::{Encoder, EncoderKind, Input, Plan, Preset, Process, RAW, Recipe, RungPlan},
};
use clip::Clip;
use report::Figures;
pub use report::{Report, table};
use sheet::{Fault, Sheet};
pub use standing::Standing;
pub use verdicts::Verdicts;

/// What the operator plans to encode, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The kinds, best first.
    pub order: Vec<EncoderKind>,
    /// For x264.
    pub preset: Preset,
    /// Whether encoders are examined at all.
    pub exam: bool,
    /// Shows at once.
    pub shows: usize,
    /// The encoded rungs of each.
    pub ladder: Vec<Rung>,
    /// The file in which verdicts are kept.
    pub verdicts: Option<PathBuf>,
}

/// Why there can be no exam. The installation's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("encoders cannot be examined: {0}")]
pub struct ExamError(String);

/// One who examines.
#[derive(Debug, Clone)]
pub struct Examiner {
    program: PathBuf,
    clip: Arc<Clip>,
    /// The clip's pictures in the size in which pictures are compared.
    source: Arc<Vec<Bytes>>,
    plan: Plan,
    shows: usize,
    wanted: f64,
    limit: Duration,
}

impl Examiner {
    /// How long one encoder may take. Three seconds' worth of pictures, of an encoder that is fast enough for a show.
    pub const LIMIT: Duration = Duration::from_secs(5);
    /// Frames per second of a show.
    const FRAME_RATE: f64 = 30.0;
    /// An encoder that only just keeps up falls behind at the first hard scene.
    const MARGIN: f64 = 1.25;
    /// How long a worker may take that decodes only. The first on a box also scans GStreamer's plugins.
    const PATIENCE: Duration = Duration::from_secs(30);
    /// Pictures on their way: more than B-frames need, and below what makes the feed drop any.
    const ON_THE_WAY: usize = 16;
    /// The size in which pictures are compared: what is wrong is seen, what scalers do differently is not.
    const COMPARED: (u16, u16) = (320, 180);

    /// Examines for `ladder` in that many shows at once, with `program` as the worker.
    ///
    /// # Errors
    /// The clip itself cannot be decoded here.
    pub async fn new(program: &Path, ladder: &[Rung], shows: usize) -> Result<Self, ExamError> {
        let unfit = |what: &str| ExamError(what.to_owned());
        let clip = Clip::read().ok_or_else(|| unfit("the clip is damaged"))?;
        let track = VideoTrack::parse(VideoCodec::Avc, &clip.codec_config)
            .map_err(|error| ExamError(error.to_string()))?;
        let mut rungs = ladder::plan(&track, None, ladder);
        // Every picture is asked after.
        rungs.iter_mut().for_each(|rung| rung.halved = false);
        let plan = Plan {
            codec: VideoCodec::Avc,
            codec_config: clip.codec_config.clone(),
            width: track.width(),
            height: track.height(),
            rungs,
            pictures: false,
        };
        let mut examiner = Self {
            program: program.to_owned(),
            clip: Arc::new(clip),
            source: Arc::default(),
            plan,
            shows: shows.max(1),
            wanted: Self::FRAME_RATE * Self::MARGIN,
            limit: Self::LIMIT,
        };
        let (config, inputs) = (&examiner.plan.codec_config, &examiner.clip.inputs);
        let seen = examiner.look(config.clone(), inputs.clone()).await;
        examiner.source = Arc::new(seen.map_err(ExamError)?);
        Ok(examiner)
    }

    /// With another limit, and other frames per second to reach.
    #[must_use]
    pub const fn with_limits(mut self, limit: Duration, wanted: f64) -> Self {
        (self.limit, self.wanted) = (limit, wanted);
        self
    }

    /// Examines one encoder.
    pub async fn examine(&self, encoder: Encoder, recipe: &Recipe) -> Report {
        let result = match device::missing(encoder.kind()) {
            Some(missing) => Err(Fault::Missing(missing)),
            None => match self.sit(recipe).await {
                // Perhaps it was the box that was busy: the second time counts.
                Err(slow) if slow.is_slowness() => self.sit(recipe).await,
                result => result,
            },
        };
        let explain = |reason| device::explain(encoder.kind(), reason);
        Report::new(encoder, result.map_err(|fault| fault.explained(explain)))
    }

    async fn sit(&self, recipe: &Recipe) -> Result<Figures, Fault> {
        let mut shows = JoinSet::new();
        for _ in 0..self.shows {
            let (examiner, recipe) = (self.clone(), recipe.clone());
            shows.spawn(async move {
                let (plan, inputs) = (&examiner.plan, &examiner.clip.inputs);
                examiner.run(&recipe, plan, inputs, examiner.limit).await
            });
        }
        let sheets = shows.join_all().await;
        let rungs = self.plan.rungs.len();
        for sheet in &sheets {
            if let Some(fault) = sheet.fault(&self.clip, rungs, self.wanted, self.limit) {
                return Err(fault);
            }
        }
        let mut figures = Figures {
            frames_per_second: f64::INFINITY,
            likeness_db: f64::INFINITY,
            sessions: self.shows * rungs,
        };
        for sheet in &sheets {
            figures.frames_per_second = figures.frames_per_second.min(sheet.speed());
        }
        for (rung, answers) in sheets.into_iter().next().unwrap_or_default().rungs {
            let frame = |(pts, key, bytes)| Input::Frame {
                pts,
                dts: pts,
                key,
                bytes,
            };
            let inputs = answers.samples.into_iter().map(frame).collect();
            let seen = self.look(answers.codec_config, inputs).await;
            let seen = seen.map_err(|reason| Fault::Undecodable(format!("{rung}: {reason}")))?;
            let likeness = sheet::likeness(rung, &seen, &self.source)?;
            figures.likeness_db = figures.likeness_db.min(likeness.decibels());
        }
        Ok(figures)
    }

    /// What a decoder of another make sees, in the size in which pictures are compared.
    async fn look(&self, codec_config: Bytes, inputs: Vec<Input>) -> Result<Vec<Bytes>, String> {
        let (width, height) = Self::COMPARED;
        let plan = Plan {
            codec: VideoCodec::Avc,
            codec_config,
            width: self.plan.width,
            height: self.plan.height,
            rungs: vec![RungPlan {
                rendition: Rendition::Encoded(height),
                width,
                height,
                bitrate_bps: 1_000_000,
                halved: false,
            }],
            pictures: false,
        };
        let recipe = Recipe::pictures();
        let sheet = self.run(&recipe, &plan, &inputs, Self::PATIENCE).await;
        if let Some(reason) = sheet.failed {
            return Err(reason);
        }
        if sheet.out_of_time {
            return Err(format!("not within {} s", Self::PATIENCE.as_secs()));
        }
        match sheet.rungs.into_values().next() {
            Some(seen) if seen.codec_config == RAW => Ok(seen
                .samples
                .into_iter()
                .map(|(.., picture)| picture)
                .collect()),
            Some(_) | None => Err("there are no pictures".to_owned()),
        }
    }

    /// One worker, from its start to its end or the limit.
    async fn run(&self, recipe: &Recipe, plan: &Plan, inputs: &[Input], limit: Duration) -> Sheet {
        let started = Instant::now();
        let mut sheet = Sheet::default();
        let (mut feed, mut output) = match Process::spawn_program(&self.program, recipe, plan) {
            Ok(worker) => worker,
            Err(error) => {
                sheet.failed = Some(format!("it cannot be started: {error}"));
                return sheet;
            }
        };
        let rungs = plan.rungs.len();
        let work = async {
            let mut pushed = Vec::new();
            for input in inputs {
                while sheet.lacks(&pushed, rungs) >= Self::ON_THE_WAY {
                    match output.recv().await {
                        Some(event) => sheet.note(event, started.elapsed()),
                        None => return,
                    }
                }
                if let Input::Frame { pts, .. } = input {
                    pushed.push(*pts);
                }
                if feed.push(input.clone()).is_err() {
                    break;
                }
            }
            drop(feed);
            while let Some(event) = output.recv().await {
                sheet.note(event, started.elapsed());
            }
        };
        sheet.out_of_time = timeout(limit, work).await.is_err();
        sheet
    }
}

/// Examines the encoders of `terms` in the background, unless the verdicts of the last exam still hold, and says what is
/// known so far.
pub fn start(chassis: &Chassis, terms: Terms) -> (watch::Receiver<Standing>, Verdicts) {
    let (standing, known) = watch::channel(Standing::new(&terms.order));
    if !terms.exam || terms.ladder.is_empty() {
        standing.send_modify(Standing::trust);
        return (known, Verdicts::default());
    }
    let verdicts = Verdicts::of(&terms);
    let order = known.borrow().order().to_vec();
    match verdicts.read(&order) {
        Ok(reports) => {
            standing.send_modify(|standing| standing.recall(reports));
            let best = known.borrow().usable().first().copied();
            info!(?best, "the verdicts of the last exam hold");
            return (known, verdicts);
        }
        Err(doubt) => info!(%doubt, "no verdicts of an earlier exam: encoders are examined"),
    }
    let shutdown = chassis.shutdown().clone();
    let keep = verdicts.clone();
    // Detached: it ends by itself, and the chassis drains it.
    drop(chassis.spawn("the encoders' exam", async move {
        tokio::select! {
            () = hold(&terms, &standing) => {}
            () = shutdown.triggered() => return,
        }
        let reports = standing.borrow().reports().to_vec();
        // It logs what goes wrong.
        spawn_blocking(move || keep.write(&reports, &order))
            .await
            .ok();
    }));
    (known, verdicts)
}

async fn hold(terms: &Terms, standing: &watch::Sender<Standing>) {
    let program = Path::new("/proc/self/exe");
    let examiner = match Examiner::new(program, &terms.ladder, terms.shows).await {
        Ok(examiner) => examiner,
        Err(error) => {
            warn!(%error, "encoders are taken on trust");
            standing.send_modify(Standing::trust);
            return;
        }
    };
    let order = standing.borrow().order().to_vec();
    for encoder in order {
        let report = examiner
            .examine(encoder, &encoder.recipe(terms.preset))
            .await;
        info!("{report}");
        standing.send_modify(|standing| standing.add(report));
    }
    let passed = standing
        .borrow()
        .reports()
        .iter()
        .any(|report| report.passed);
    let best = standing.borrow().usable().first().copied();
    match best {
        Some(encoder) if passed => info!(%encoder, "new shows are encoded with"),
        Some(encoder) => {
            warn!(%encoder, "no encoder passed its exam: shows are encoded all the same, with")
        }
        None => {}
    }
}
