use super::*;

fn config() -> LoginConfig {
    LoginConfig {
        app: "login".to_owned(),
        seal: [7; 32],
    }
}

const NOW: Duration = Duration::from_secs(1000);

/// What stands behind `name=` in the words of a rejection.
fn told(words: &str, name: &str) -> String {
    let (_, rest) = words.split_once(&format!("{name}=")).unwrap();
    rest.split('&').next().unwrap().to_owned()
}

/// The query of a client that knows `password`, as librtmp makes it.
fn answer(words: &str, password: &str) -> String {
    let (user, salt, opaque) = (
        told(words, "user"),
        told(words, "salt"),
        told(words, "opaque"),
    );
    let first = digest(&[&user, &salt, password]);
    let first = std::str::from_utf8(&first).unwrap();
    let response = digest(&[first, &opaque, "0badcafe"]);
    let response = std::str::from_utf8(&response).unwrap();
    format!("authmod=adobe&user={user}&challenge=0badcafe&response={response}&opaque={opaque}")
}

fn challenged(user: &str) -> String {
    match step(&config(), &format!("authmod=adobe&user={user}"), NOW) {
        Step::Challenge(words) => words,
        Step::Ask(_) | Step::Answered(_) | Step::Failed(_) => panic!("no challenge"),
    }
}

#[test]
fn base64_of_md5_is_as_everybody_has_it() {
    assert_eq!(digest(&[]), *b"1B2M2Y8AsgTpgAmY7PhCfg==");
    assert_eq!(digest(&["a", "bc"]), *b"kAFQmDzST7DWlj99KOF/cg==");
}

#[test]
fn who_knows_the_password_proves_it() {
    assert!(
        matches!(step(&config(), "", NOW), Step::Ask(words) if words.contains("code=403 need auth; authmod=adobe"))
    );
    let words = challenged("stage");
    let later = NOW + FRESH;
    let Step::Answered(login) = step(&config(), &answer(&words, "key"), later) else {
        panic!("not answered");
    };
    assert_eq!(login.user, "stage");
    assert!(login.is_made_from(Verifier::of("stage", "key")));
    assert!(!login.is_made_from(Verifier::of("stage", "yek")));
    assert!(!login.is_made_from(Verifier::of("hall", "key")));
    assert!(!format!("{login:?}").contains("0badcafe"));
    let stored = Verifier::from_text(Verifier::of("stage", "key").as_str()).unwrap();
    assert!(login.is_made_from(stored));
}

#[test]
fn a_challenge_is_good_for_its_user_its_server_and_half_a_minute() {
    let query = answer(&challenged("stage"), "key");
    let refused = |config: &LoginConfig, query: &str, now| {
        matches!(step(config, query, now), Step::Failed(_))
    };
    let other = LoginConfig {
        seal: [8; 32],
        ..config()
    };
    let late = NOW + FRESH + Duration::from_millis(1);
    assert!(refused(&config(), &query, late));
    assert!(refused(&config(), &query, NOW - Duration::from_secs(1)));
    assert!(refused(&other, &query, NOW));
    assert!(refused(
        &config(),
        &query.replace("user=stage", "user=hall"),
        NOW
    ));
    for opaque in [
        "",
        "0",
        "zzzzzzzzzzzzzzzzzz",
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
    ] {
        let query = format!("authmod=adobe&user=stage&challenge=1&response=2&opaque={opaque}");
        assert!(refused(&config(), &query, NOW), "{opaque}");
    }
}
