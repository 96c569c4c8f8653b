use proptest::prelude::*;

use super::*;

fn members(list: &[(&str, u16)]) -> Vec<Member> {
    list.iter()
        .map(|&(name, weight)| Member::new(name, weight).unwrap())
        .collect()
}

fn ranked<'a>(stream: &str, members: &'a [Member]) -> Vec<&'a str> {
    ranks(&stream.parse().unwrap(), members)
        .into_iter()
        .map(|i| members[i].name())
        .collect()
}

/// Computed by an independent program (Python's hashlib). Frozen.
#[test]
fn golden_vectors() {
    assert_eq!(draw_number("stage", "tc-1", 0), 0x8215e0265d8a933);
    let boxes = members(&[("tc-1", 1), ("tc-2", 1), ("tc-3", 2), ("tc-4", 1)]);
    for (stream, expected) in [
        ("stage", ["tc-4", "tc-3", "tc-2", "tc-1"]),
        ("main-hall", ["tc-3", "tc-4", "tc-2", "tc-1"]),
        ("bar", ["tc-2", "tc-4", "tc-3", "tc-1"]),
        ("a", ["tc-2", "tc-4", "tc-3", "tc-1"]),
        ("0", ["tc-1", "tc-2", "tc-4", "tc-3"]),
        ("studio_2", ["tc-1", "tc-2", "tc-3", "tc-4"]),
    ] {
        assert_eq!(ranked(stream, &boxes), expected, "{stream}");
    }
}

#[test]
fn a_member_is_refused_by_name_or_weight() {
    assert_eq!(
        Member::new("TC 1", 1),
        Err(MemberError::Name(StreamNameError::Alphabet))
    );
    assert_eq!(Member::new("tc-1", 0), Err(MemberError::Weight));
    assert_eq!(Member::new("tc-1", 101), Err(MemberError::Weight));
}

#[test]
fn twice_the_weight_gets_twice_the_streams() {
    let boxes = members(&[("a", 1), ("b", 2), ("c", 1)]);
    let firsts = (0..4000)
        .filter(|n| ranked(&format!("s{n}"), &boxes)[0] == "b")
        .count();
    assert!((1850..2150).contains(&firsts), "{firsts} of 4000");
}

proptest! {
    #[test]
    fn a_lost_member_moves_only_what_it_had(
        stream in "[a-z]{1,8}",
        names in prop::collection::btree_set("[a-z]{1,6}", 2..8),
        lost in any::<prop::sample::Index>(),
    ) {
        let list: Vec<(&str, u16)> = names.iter().map(|n| (n.as_str(), 1)).collect();
        let all = members(&list);
        let before = ranked(&stream, &all);
        let lost = list[lost.index(list.len())].0;
        let rest = members(&list.iter().copied().filter(|m| m.0 != lost).collect::<Vec<_>>());
        let expected: Vec<&str> = before.into_iter().filter(|n| *n != lost).collect();
        prop_assert_eq!(ranked(&stream, &rest), expected);
    }

    #[test]
    fn the_lists_order_does_not_matter(
        stream in "[a-z]{1,8}",
        mut names in prop::collection::btree_set("[a-z]{1,6}", 1..8).prop_map(|s| s.into_iter().collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let shuffled = members(&names.iter().map(|n| (n.as_str(), 1)).collect::<Vec<_>>());
        let expected: Vec<String> = ranked(&stream, &shuffled).into_iter().map(String::from).collect();
        names.sort();
        let sorted = members(&names.iter().map(|n| (n.as_str(), 1)).collect::<Vec<_>>());
        prop_assert_eq!(ranked(&stream, &sorted), expected);
    }
}
