//! The encoders' exam for real: the built binary as the worker, GStreamer, and encoders that were made bad on purpose.
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be made or read fails the test"
)]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use transcoder::{
    exam::{Examiner, Report},
    ladder::Rung,
    worker::{Encoder, Preset, Recipe},
};

const WORKER: &str = env!("CARGO_BIN_EXE_footlight-transcoder");
/// Longer than a busy machine takes for an encoder without fault.
const PATIENT: Duration = Duration::from_secs(100);
/// Frames per second that any encoder reaches on any machine.
const SLOW: f64 = 0.5;

async fn examiner(program: &Path, shows: usize) -> Examiner {
    let ladder = [Rung::new(240, 400_000).unwrap()];
    let examiner = Examiner::new(program, &ladder, shows).await;
    examiner.unwrap().with_limits(PATIENT, SLOW)
}

fn x264() -> Recipe {
    Encoder::X264.recipe(Preset::Superfast)
}

/// x264 with something done to its table of elements.
fn bad(change: impl Fn(&str) -> String) -> Recipe {
    let recipe = x264();
    Recipe {
        encoder: change(&recipe.encoder),
        ..recipe
    }
}

fn refusal(report: &Report) -> &str {
    assert!(!report.passed, "{report}");
    report.reason.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn both_encoders_in_software_pass_and_so_do_many_at_once() {
    let examiner = examiner(Path::new(WORKER), 3).await;
    for encoder in [Encoder::X264, Encoder::OpenH264] {
        let report = examiner
            .examine(encoder, &encoder.recipe(Preset::Superfast))
            .await;
        assert!(report.passed, "{report}");
        assert_eq!(report.sessions, Some(3));
        assert!(report.likeness_db > Some(30.0), "{report}");
    }
}

#[tokio::test]
async fn large_and_small_rungs_are_judged_in_the_same_colours() {
    // Above 576 lines colours are of BT.709, below of BT.601; x264 writes them down, openh264 does not.
    let ladder =
        [(720, 2_800_000), (360, 800_000)].map(|(height, bps)| Rung::new(height, bps).unwrap());
    let examiner = Examiner::new(Path::new(WORKER), &ladder, 1).await;
    let examiner = examiner.unwrap().with_limits(PATIENT, SLOW);
    for encoder in [Encoder::X264, Encoder::OpenH264] {
        let recipe = encoder.recipe(Preset::Superfast);
        let report = examiner.examine(encoder, &recipe).await;
        assert!(report.passed && report.likeness_db > Some(35.0), "{report}");
    }
}

#[tokio::test]
async fn an_encoder_that_breaks_a_rule_is_refused_with_its_reason() {
    let examiner = examiner(Path::new(WORKER), 1).await;
    for (what, recipe, reason) in [
        (
            "moves times",
            bad(|x264| format!("{x264} ! identity datarate=100000")),
            "240p: the time of picture 0 moved by -1790000000067 ms",
        ),
        (
            "is deaf to requests for keys",
            bad(|x264| format!("{x264} min-force-key-unit-interval=10000000000")),
            "240p: picture 39 is no key, and one was asked for",
        ),
        (
            "makes keys of its own",
            bad(|x264| x264.replace("key-int-max=1073741824", "key-int-max=30")),
            "240p: picture 30 is a key that nobody asked for",
        ),
        (
            "makes keys at scene changes",
            bad(|x264| {
                format!(
                    "videobalance contrast=2 ! {}",
                    x264.replace("scenecut=0", "scenecut=400:min-keyint=5")
                )
            }),
            "is a key that nobody asked for",
        ),
        (
            "loses pictures",
            bad(|x264| format!("identity drop-probability=0.5 ! {x264}")),
            "the time of picture",
        ),
        (
            "paints wrong",
            bad(|x264| format!("videobalance contrast=0.2 hue=0.5 ! {x264}")),
            "the picture is not the source's",
        ),
        (
            "changes its parameter sets",
            bad(|x264| {
                let other = x264
                    .replace("{name}", "other")
                    .replace("bframes=0", "bframes=0 ref=4");
                format!(
                    "tee name=both ! queue ! identity eos-after=40 ! {x264} ! join.  \
                     both. ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! {other} ! join. \
                     concat name=join"
                )
            }),
            "the encoder changed its codec_data in mid-run",
        ),
        (
            "gives up",
            bad(|x264| format!("identity error-after=20 ! {x264}")),
            "Failed after iterations as requested",
        ),
        (
            "is not there",
            bad(|x264| x264.replace("x264enc", "x265enc9000")),
            "no element \"x265enc9000\"; install gstreamer1.0-plugins-ugly",
        ),
    ] {
        let report = examiner.examine(Encoder::X264, &recipe).await;
        let told = refusal(&report);
        assert!(told.contains(reason), "{what}: {told}");
    }
}

#[tokio::test]
async fn a_slow_encoder_is_told_from_one_that_hangs() {
    let examiner = examiner(Path::new(WORKER), 1).await;
    let slow = bad(|x264| format!("identity sleep-time=40000 ! {x264}"));
    let wanted = examiner.clone().with_limits(PATIENT, 37.5);
    let report = wanted.examine(Encoder::X264, &slow).await;
    assert!(
        refusal(&report).ends_with("frames per second, 37.5 are wanted"),
        "{report}"
    );
    assert!(report.frames_per_second < Some(25.1), "{report}");

    let hanging = bad(|x264| format!("identity sleep-time=4294967295 ! {x264}"));
    let impatient = examiner.with_limits(Duration::from_secs(2), SLOW);
    let report = impatient.examine(Encoder::X264, &hanging).await;
    assert_eq!(
        refusal(&report),
        "it took pictures and gave none within 2 s"
    );
}

#[tokio::test]
async fn an_encoder_whose_process_is_killed_is_refused() {
    let script = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exam-killed.sh");
    // The pictures alone go through it unharmed, so that there is an exam at all.
    let text = format!(
        "#!/bin/sh\nif [ -e '{0}.armed' ]; then kill -KILL $$; fi\nexec '{WORKER}' worker\n",
        script.display()
    );
    let armed: PathBuf = format!("{}.armed", script.display()).into();
    if armed.exists() {
        std::fs::remove_file(&armed).unwrap();
    }
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let examiner = examiner(&script, 1).await;
    std::fs::write(&armed, "").unwrap();
    let report = examiner.examine(Encoder::X264, &x264()).await;
    let told = refusal(&report);
    assert!(told.contains("signal: 9 (SIGKILL)"), "{told}");
}
