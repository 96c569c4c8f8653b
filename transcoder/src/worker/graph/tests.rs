use bytes::Bytes;
use live::Rendition;

use super::*;

fn rung(height: u16, width: u16, bitrate_bps: u32) -> RungPlan {
    RungPlan {
        rendition: Rendition::Encoded(height),
        width,
        height,
        bitrate_bps,
    }
}

fn plan(rungs: Vec<RungPlan>) -> Plan {
    Plan {
        codec_config: Bytes::from_static(&[1, 0x64, 0, 0x28, 0xff, 0xe0, 0]),
        width: 1920,
        height: 1080,
        rungs,
    }
}

#[test]
fn a_ladder_is_one_decoder_and_a_chain_of_scalers() {
    let plan = plan(vec![rung(480, 854, 1_400_999), rung(720, 1280, 2_800_000)]);
    let graph = Graph::new(&plan).unwrap();
    assert_eq!(graph.description, include_str!("snapshot.txt").trim_end());
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
    let one = Graph::new(&plan(rungs.clone()));
    rungs.reverse();
    assert_eq!(one, Graph::new(&plan(rungs)));
}

#[test]
fn a_plan_that_cannot_be_built_is_refused() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan(vec![rung(480, 854, 1_400_000)]);
        assert!(Graph::new(&plan).is_ok());
        change(&mut plan);
        Graph::new(&plan).unwrap_err()
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
        assert_eq!(Graph::new(&plan), Err(PlanError::NotEncoded(rendition)));
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
        PlanError::CodecConfig
    );
    assert_eq!(
        refused(|p| p.codec_config = vec![1; MAX_CODEC_CONFIG + 1].into()),
        PlanError::CodecConfig
    );
    assert_eq!(
        refused(|p| p.codec_config = Bytes::from_static(b"\" ! sink")),
        PlanError::CodecConfig
    );
}
