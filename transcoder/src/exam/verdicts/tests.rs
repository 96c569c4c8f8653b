use super::*;
use crate::{
    exam::{report::Figures, sheet::Fault},
    ladder::Rung,
    worker::{EncoderKind, Preset},
};

fn terms(name: &str) -> Terms {
    let directory = std::env::temp_dir().join(format!("verdicts-{name}-{}", std::process::id()));
    Terms {
        order: vec![EncoderKind::Vaapi, EncoderKind::X264],
        preset: Preset::default(),
        exam: true,
        shows: 1,
        ladder: vec![Rung::new(240, 400_000).unwrap()],
        verdicts: Some(directory.join("exam.json")),
    }
}

fn order() -> Vec<Encoder> {
    vec![Encoder::VaLowPower, Encoder::Va, Encoder::X264]
}

fn reports() -> Vec<Report> {
    let figures = Figures {
        frames_per_second: 141.96,
        likeness_db: 41.2,
        sessions: 3,
    };
    let missing = || Err(Fault::Missing("no VA device".to_owned()));
    vec![
        Report::new(Encoder::VaLowPower, missing()),
        Report::new(Encoder::Va, Ok(figures)),
        Report::new(Encoder::X264, Ok(figures)),
    ]
}

#[test]
fn what_was_found_counts_for_the_next_start_on_the_same_machine_and_for_no_other() {
    let terms = terms("same");
    let verdicts = Verdicts::of(&terms);
    assert!(matches!(verdicts.read(&order()), Err(Doubt::Unreadable(_))));
    verdicts.write(&reports(), &order());
    assert_eq!(Verdicts::of(&terms).read(&order()).unwrap(), reports());

    let more = Terms { shows: 2, ..terms };
    let read = Verdicts::of(&more).read(&order());
    assert!(matches!(read, Err(Doubt::Machine)), "{read:?}");
    let fewer = verdicts.read(&order()[1..]);
    assert!(matches!(fewer, Err(Doubt::Incomplete)), "{fewer:?}");

    verdicts.doubt();
    verdicts.doubt();
    assert!(matches!(verdicts.read(&order()), Err(Doubt::Unreadable(_))));
}

#[test]
fn a_file_that_is_not_as_we_write_it_is_a_doubt() {
    let terms = terms("damaged");
    let path = terms.verdicts.clone().unwrap();
    let verdicts = Verdicts::of(&terms);
    verdicts.write(&reports(), &order());
    let good = fs::read_to_string(&path).unwrap();
    for length in 0..good.len() {
        fs::write(&path, &good.as_bytes()[..length]).unwrap();
        verdicts.read(&order()).unwrap_err();
    }
    for (from, to) in [
        ("\"format\": 1", "\"format\": 2"),
        ("\"format\"", "\"more\": 1, \"format\""),
        ("\"vaapi\"", "\"other\""),
        ("\"passed\": true", "\"passed\": false"),
        ("\"x264\"", "\"nvenc\""),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&path, good.replace(from, to)).unwrap();
        let read = verdicts.read(&order());
        assert!(read.is_err(), "{to}: {read:?}");
    }
    fs::write(&path, format!("{good}{}", " ".repeat(64 << 10))).unwrap();
    assert!(matches!(verdicts.read(&order()), Err(Doubt::TooLong)));
}

#[test]
fn one_that_was_only_slow_or_none_at_all_is_nothing_to_keep() {
    let terms = terms("slow");
    let verdicts = Verdicts::of(&terms);
    verdicts.write(&reports(), &order());
    let slow = Fault::Slow {
        done: 20.0,
        wanted: 30.0,
    };
    let mut others = reports();
    others[1] = Report::new(Encoder::Va, Err(slow));
    verdicts.write(&others, &order());
    assert!(matches!(verdicts.read(&order()), Err(Doubt::Unreadable(_))));
    let refused = |encoder| Report::new(encoder, Err(Fault::Failed("broken".to_owned())));
    let none: Vec<Report> = order().into_iter().map(refused).collect();
    verdicts.write(&none, &order());
    assert!(matches!(verdicts.read(&order()), Err(Doubt::Unreadable(_))));
}
