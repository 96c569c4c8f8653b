//! What an entry is made of, and what the level lets through.

use std::sync::{Arc, Mutex};

use tracing::{debug, debug_span, error, info, info_span, warn};

use super::*;

/// What the journal gets while `act` runs at `level`, without the fields that say where in the code.
fn journal(level: Level, act: impl FnOnce()) -> Vec<Vec<String>> {
    let entries = Arc::new(Mutex::new(Vec::new()));
    let written = entries.clone();
    let output = Output {
        write: Box::new(move |entry| {
            let mut fields = entry.journal("footlight-mux");
            fields.retain(|field| !field.starts_with("CODE_") && !field.starts_with("TARGET"));
            written.lock().unwrap().push(fields);
        }),
    };
    let registry = tracing_subscriber::registry().with(output.with_filter(level.filter()));
    tracing::subscriber::with_default(registry, act);
    let entries = entries.lock().unwrap();
    entries.clone()
}

#[test]
fn an_entry_has_the_fields_of_the_spans_around_it_and_the_innermost_value_stands() {
    let entries = journal(Level::Info, || {
        let outer = info_span!(
            "connection",
            peer = "192.0.2.1:5",
            stream = tracing::field::Empty
        );
        let _outer = outer.enter();
        info!("accepted");
        outer.record("stream", "stage");
        let _inner = info_span!("push", output = %7, peer = "192.0.2.9:1935").entered();
        warn!(msn = 12_u64, "late");
    });
    assert_eq!(
        entries,
        [
            vec![
                "PRIORITY=6",
                "SYSLOG_IDENTIFIER=footlight-mux",
                "MESSAGE=accepted  peer=192.0.2.1:5",
                "PEER=192.0.2.1:5"
            ],
            vec![
                "PRIORITY=4",
                "SYSLOG_IDENTIFIER=footlight-mux",
                "MESSAGE=late  peer=192.0.2.9:1935 stream=stage output=7 msn=12",
                "PEER=192.0.2.9:1935",
                "STREAM=stage",
                "OUTPUT=7",
                "MSN=12",
            ],
        ]
    );
}

#[test]
fn what_is_below_the_level_is_not_written() {
    assert!(journal(Level::Info, || debug!("a peer's affair")).is_empty());
    assert!(journal(Level::Warn, || info!("the normal course")).is_empty());
    assert_eq!(journal(Level::Debug, || debug!("a peer's affair")).len(), 1);
    let _quiet = journal(Level::Info, || drop(debug_span!("unseen").entered()));
}

#[test]
fn what_a_library_warns_of_is_a_peers_affair() {
    let warned = || {
        warn!(target: "h2::proto::ping_pong", "recv PING ack that we never sent");
        error!(target: "hyper", "out of memory");
    };
    assert_eq!(journal(Level::Info, warned).len(), 1);
    assert_eq!(journal(Level::Debug, warned).len(), 2);
}

#[test]
fn levels_and_styles_are_read_as_they_are_written() {
    for (level, name) in Level::ALL {
        assert_eq!(name.parse(), Ok(level));
        assert_eq!(level.to_string(), name);
    }
    assert_eq!("journal".parse(), Ok(Style::Journal));
}
