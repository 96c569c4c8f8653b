//! One event written three ways, and what a peer's text cannot do to it.

use tracing::{Callsite, callsite::DefaultCallsite, field::FieldSet};

use super::*;

/// Any callsite will do: its file and line are this one's.
fn metadata() -> &'static Metadata<'static> {
    static CALLSITE: DefaultCallsite = DefaultCallsite::new(&METADATA);
    static METADATA: Metadata<'static> = Metadata::new(
        "event",
        "mux::ingest",
        Level::WARN,
        Some("mux/src/ingest.rs"),
        Some(7),
        Some("mux::ingest"),
        FieldSet::new(&[], tracing::callsite::Identifier(&CALLSITE)),
        tracing::metadata::Kind::EVENT,
    );
    CALLSITE.metadata()
}

fn fields() -> Fields {
    let mut fields = Fields::default();
    for (name, value) in [
        ("peer", "192.0.2.1:5"),
        ("message", "refused: app\n\u{1b}[2Jlive\u{202e}"),
        ("stream", "stage"),
        ("message_id", "0123"),
        ("peer.name", "a\r\nPRIORITY=0"),
        ("message", "refused: \"a\"\n\u{1b}[2J\u{202e}b"),
    ] {
        fields.set(name, value.to_owned());
    }
    fields
}

fn entry(fields: &Fields) -> Entry<'_> {
    Entry {
        unix: Duration::from_millis(1_700_000_000_042),
        metadata: metadata(),
        fields,
    }
}

#[test]
fn for_the_journal() {
    assert_eq!(
        entry(&fields()).journal("footlight-mux"),
        [
            "PRIORITY=4",
            "SYSLOG_IDENTIFIER=footlight-mux",
            "MESSAGE=refused: \"a\"\\n\\u{1b}[2J\\u{202e}b  peer=192.0.2.1:5 stream=stage peer.name=a\\r\\nPRIORITY=0",
            "TARGET=mux::ingest",
            "CODE_FILE=mux/src/ingest.rs",
            "CODE_LINE=7",
            "PEER=192.0.2.1:5",
            "STREAM=stage",
            "MESSAGE_ID=0123",
            "PEER_NAME=a\\r\\nPRIORITY=0",
        ]
    );
}

#[test]
fn for_the_eye() {
    assert_eq!(
        entry(&fields()).pretty(false),
        "22:13:20.042  WARN refused: \"a\"\\n\\u{1b}[2J\\u{202e}b  peer=192.0.2.1:5 stream=stage peer.name=a\\r\\nPRIORITY=0\n"
    );
    let coloured = entry(&fields()).pretty(true);
    assert!(
        coloured.starts_with("\u{1b}[2m22:13:20.042\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m refused")
    );
    assert!(coloured.ends_with("\u{1b}[0m\n"));
}

#[test]
fn for_machines() {
    let json = entry(&fields()).json("footlight-mux");
    assert_eq!(json.matches('\n').count(), 1);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["message"], "refused: \"a\"\n\u{1b}[2J\u{202e}b");
    assert_eq!(value["level"], "WARN");
    assert_eq!(value["unix_ms"], 1_700_000_000_042_u64);
    assert_eq!(value["stream"], "stage");
    assert_eq!(value["peer.name"], "a\r\nPRIORITY=0");
}

#[test]
fn a_field_cannot_pose_as_one_of_the_journals_own() {
    for (name, expected) in [
        ("stream", "STREAM"),
        ("priority", "F_PRIORITY"),
        ("code_line", "F_CODE_LINE"),
        ("_pid", "F__PID"),
        ("7th", "F_7TH"),
        ("größe", "GR__E"),
    ] {
        assert_eq!(journal_name(name), expected);
    }
}

#[test]
fn priorities_are_those_of_syslog() {
    let all = [
        Level::ERROR,
        Level::WARN,
        Level::INFO,
        Level::DEBUG,
        Level::TRACE,
    ];
    assert_eq!(all.map(priority), [3, 4, 6, 7, 7]);
}
