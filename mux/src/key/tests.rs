use super::*;

const NOW: u64 = 1_800_000_000_000;

fn name(text: &str) -> StreamName {
    text.parse().unwrap()
}

fn entry(key: &str, usage: Use, stream: &str) -> Entry {
    Entry {
        id: KeyId::of_place(&name(stream), usage.as_str(), 0),
        hash: KeyHash::of(key),
        stream: name(stream),
        usage,
        role: PublishRole::Primary,
        expires: None,
        from: Vec::new(),
        label: None,
        login: None,
    }
}

fn keys(entries: impl IntoIterator<Item = Entry>) -> Keys {
    let mut keys = Keys::default();
    for entry in entries {
        keys.insert(entry).unwrap();
    }
    keys
}

fn here() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

#[test]
fn a_key_opens_its_stream_for_its_use_and_nothing_else() {
    let mut keys = keys([
        entry("one", Use::Publish, "stage"),
        entry("two", Use::Play, "stage"),
        entry("three", Use::Publish, "hall"),
    ]);
    let opens = |key: &str, usage| {
        let found = keys.find(Presented::Key(key), usage, here(), NOW);
        found.map(|found| found.stream.to_string())
    };
    assert_eq!(opens("one", Use::Publish).unwrap(), "stage");
    assert_eq!(
        opens("one?bandwidthtest=true", Use::Publish).unwrap(),
        "stage"
    );
    assert_eq!(opens("three", Use::Publish).unwrap(), "hall");
    assert_eq!(opens("two", Use::Play).unwrap(), "stage");
    for wrong in ["", "on", "onee", "One", "stage", "?one", "two"] {
        let refused = opens(wrong, Use::Publish);
        assert_eq!(refused, Err(Refused::Unknown(Use::Publish)), "{wrong:?}");
    }
    assert_eq!(opens("one", Use::Play), Err(Refused::Unknown(Use::Play)));
    assert_eq!(
        keys.insert(entry("one", Use::Play, "hall")),
        Err(DuplicateKey)
    );
}

#[test]
fn a_key_is_good_until_it_expires_and_from_its_networks_alone() {
    let entry = Entry {
        role: PublishRole::Backup,
        expires: Some(Expiry::at(NOW)),
        from: vec![
            "192.0.2.0/24".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ],
        ..entry("one", Use::Publish, "stage")
    };
    let id = entry.id.clone();
    let keys = keys([entry]);
    let find = |from: &str, now| {
        keys.find(
            Presented::Key("one"),
            Use::Publish,
            from.parse().unwrap(),
            now,
        )
    };
    for from in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::7"] {
        assert_eq!(find(from, NOW - 1).unwrap().role, PublishRole::Backup);
    }
    assert_eq!(
        find("192.0.3.7", NOW - 1),
        Err(Refused::WrongAddress(id.clone()))
    );
    assert_eq!(
        find("192.0.2.7", NOW),
        Err(Refused::Expired(id, Expiry::at(NOW)))
    );
}

#[test]
fn who_came_by_a_key_stays_while_it_is_there() {
    let before = keys([entry("one", Use::Publish, "stage")]);
    let pass = before
        .find(Presented::Key("one"), Use::Publish, here(), NOW)
        .unwrap()
        .into();
    let expired = Entry {
        expires: Some(Expiry::at(0)),
        ..entry("one", Use::Publish, "stage")
    };
    assert!(keys([entry("other", Use::Publish, "stage"), expired]).holds(&pass));
    assert!(!keys([entry("other", Use::Publish, "stage")]).holds(&pass));
    assert!(!keys([entry("one", Use::Play, "stage")]).holds(&pass));
    assert!(!keys([entry("one", Use::Publish, "hall")]).holds(&pass));
}

#[test]
fn a_hash_is_read_and_never_printed() {
    let digits = "b8b8eb83374c0bf3b1c3224159f6119dbfff1b7ed6dfecdd80d4e8a895790a34";
    let hash: KeyHash = digits.parse().unwrap();
    assert!(!format!("{hash:?}").contains("b8b8"));
    for bad in ["", "b8", "zz", &digits.repeat(2)] {
        assert_eq!(bad.parse::<KeyHash>(), Err(KeyHashError));
    }
}
