use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::Challenge;

/// A state directory of its own, gone with the test.
struct State(PathBuf);

impl State {
    fn new(name: &str) -> Self {
        let name = format!("footlight-acme-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _of_a_test_before = fs::remove_dir_all(&path);
        Self(path)
    }

    fn config(&self, names: &[&str], directory: &str) -> Acme {
        Acme {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            mail: None,
            directory: directory.to_owned(),
            roots: None,
            challenges: vec![Challenge::Http],
            state_directory: self.0.clone(),
        }
    }

    fn store(&self) -> Store {
        Store::open(&self.config(&["a.example", "b.example"], "https://ca.example/d")).unwrap()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}

fn issued(store: &Store) -> String {
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    store.text(&made.cert.pem(), &made.signing_key.serialize_pem())
}

#[test]
fn what_is_kept_is_there_after_a_restart_and_for_nobody_else_to_read() {
    let state = State::new("kept");
    let store = state.store();
    assert!(store.certificate().unwrap().is_none());
    let text = issued(&store);
    store.keep_certificate(&text).unwrap();
    store.keep_tried(&[1, 2, 3]).unwrap();

    let store = state.store();
    assert!(store.certificate().unwrap().unwrap().is_as_ordered);
    assert_eq!(store.tried(), [1, 2, 3]);
    for file in fs::read_dir(&state.0).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_certificate_for_other_names_or_from_elsewhere_is_known_as_such() {
    let state = State::new("other");
    let store = state.store();
    store.keep_certificate(&issued(&store)).unwrap();
    for config in [
        state.config(&["a.example"], "https://ca.example/d"),
        state.config(&["a.example", "b.example"], "https://staging.example/d"),
    ] {
        let kept = Store::open(&config).unwrap().certificate();
        assert!(!kept.unwrap().unwrap().is_as_ordered);
    }
}

#[test]
fn damage_is_told_or_as_good_as_nothing_and_the_next_file_replaces_it() {
    let state = State::new("damage");
    let store = state.store();
    for name in [ACCOUNT, TRIED, CERTIFICATE] {
        fs::write(state.0.join(name), "garbage").unwrap();
    }
    assert!(store.account().is_none() && store.tried().is_empty());
    assert!(store.certificate().unwrap_err().contains("PEM"));
    store.keep_certificate(&issued(&store)).unwrap();
    assert!(store.certificate().unwrap().is_some());
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    let state = State::new("full");
    let store = state.store();
    store.keep_tried(&[1]).unwrap();
    // Nothing can be made at the name under which the new file would be written.
    fs::create_dir(state.0.join("acme-tried.new")).unwrap();
    store.keep_tried(&[2]).unwrap_err();
    assert_eq!(store.tried(), [1]);
}
