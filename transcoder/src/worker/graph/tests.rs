use bytes::Bytes;
use live::Rendition;

use super::*;
use crate::worker::{Encoder, Preset};

fn rung(height: u16, width: u16, bitrate_bps: u32) -> RungPlan {
    RungPlan {
        rendition: Rendition::Encoded(height),
        width,
        height,
        bitrate_bps,
        halved: false,
    }
}

fn plan(rungs: Vec<RungPlan>) -> Plan {
    Plan {
        codec: VideoCodec::Avc,
        codec_config: Bytes::from_static(&[1, 0x64, 0, 0x28, 0xff, 0xe0, 0]),
        width: 1920,
        height: 1080,
        rungs,
        pictures: false,
    }
}

fn x264() -> Recipe {
    Encoder::X264.recipe(Preset::default())
}

#[test]
fn every_encoder_keeps_pictures_where_they_are_decoded() {
    let plan = plan(vec![rung(720, 1280, 2_800_000), rung(480, 854, 1_400_999)]);
    for (encoder, expected) in [
        (Encoder::NvCuda, include_str!("nvenc-cuda.txt")),
        (Encoder::Nv, include_str!("nvenc.txt")),
        (Encoder::VaLowPower, include_str!("vaapi-lp.txt")),
        (Encoder::Va, include_str!("vaapi.txt")),
        (Encoder::X264, include_str!("x264.txt")),
        (Encoder::OpenH264, include_str!("openh264.txt")),
    ] {
        let graph = Graph::new(&encoder.recipe(Preset::default()), &plan).unwrap();
        assert_eq!(graph.description, expected.trim_end(), "{encoder}");
    }
}

#[test]
fn a_preset_is_x264s_alone() {
    let recipe = |encoder: Encoder, preset| encoder.recipe(preset);
    let slow = recipe(Encoder::X264, Preset::Medium);
    assert!(slow.encoder.contains("speed-preset=medium"));
    assert_eq!(
        recipe(Encoder::Va, Preset::Medium),
        recipe(Encoder::Va, Preset::Superfast)
    );
}

#[test]
fn a_ladder_is_one_decoder_and_a_chain_of_scalers() {
    let plan = plan(vec![rung(480, 854, 1_400_999), rung(720, 1280, 2_800_000)]);
    let graph = Graph::new(&x264(), &plan).unwrap();
    let names: Vec<_> = graph.rungs.iter().map(|r| r.rendition).collect();
    assert_eq!(names, [720, 480].map(Rendition::Encoded));
}

#[test]
fn the_order_of_rungs_in_a_plan_is_of_no_account() {
    let mut rungs = vec![
        rung(720, 1280, 1_000_000),
        rung(360, 640, 500_000),
        rung(480, 854, 700_000),
    ];
    let one = Graph::new(&x264(), &plan(rungs.clone()));
    rungs.reverse();
    assert_eq!(one, Graph::new(&x264(), &plan(rungs)));
}

#[test]
fn a_plan_that_cannot_be_built_is_refused() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan(vec![rung(480, 854, 1_400_000)]);
        assert!(Graph::new(&x264(), &plan).is_ok());
        change(&mut plan);
        Graph::new(&x264(), &plan).unwrap_err()
    };
    assert_eq!(refused(|p| p.rungs.clear()), PlanError::Rungs(0));
    assert_eq!(
        refused(|p| p.rungs = (0..9).map(|n| rung(100 + n, 64, 99_000)).collect()),
        PlanError::Rungs(9)
    );
    assert_eq!(
        refused(|p| p.rungs.push(p.rungs[0].clone())),
        PlanError::Twice(Rendition::Encoded(480))
    );
    for rendition in [Rendition::Source, Rendition::Audio] {
        let mut plan = plan(vec![rung(480, 854, 1_400_000)]);
        plan.rungs[0].rendition = rendition;
        assert_eq!(
            Graph::new(&x264(), &plan),
            Err(PlanError::NotEncoded(rendition))
        );
    }
    assert_eq!(
        refused(|p| p.rungs[0].width = 853),
        PlanError::Size(853, 480)
    );
    assert_eq!(
        refused(|p| p.rungs[0].height = 14),
        PlanError::Size(854, 14)
    );
    assert_eq!(refused(|p| p.width = 8193), PlanError::Size(8193, 1080));
    assert_eq!(
        refused(|p| p.rungs[0].bitrate_bps = 0),
        PlanError::Bitrate(0)
    );
    assert_eq!(
        refused(|p| p.codec_config = Bytes::new()),
        PlanError::CodecConfig(VideoCodec::Avc)
    );
    assert_eq!(
        refused(|p| p.codec_config = vec![1; MAX_CODEC_CONFIG + 1].into()),
        PlanError::CodecConfig(VideoCodec::Avc)
    );
    assert_eq!(
        refused(|p| p.codec_config = Bytes::from_static(b"\" ! sink")),
        PlanError::CodecConfig(VideoCodec::Avc)
    );
}
