//! `footlight-mux keys`: makes, lists, rotates and revokes the keys of the key file.
//!
//! It writes the file and talks to nobody: a running mux sees the change by itself. A key is printed once, when it is
//! made, and is nowhere afterwards.

use std::{fs, time::Duration};

use live::daemon::{
    Exit, Process,
    command::{CommandHelp, CommandLine, answer, complain, may_colour},
    config::read,
};

use crate::{
    clock::WallClock,
    config::{KeysView, Raw},
    daemon::Mux,
    key::{
        Expiry, KeyId, Verifier,
        file::{Hex, KeyFile, Stored},
        secret,
    },
    key_store::{KeyStore, StoreError},
    random,
};

mod arguments;
mod edit;
mod table;
mod told;

use arguments::Ask;
use edit::EditError;

/// For `--help`.
pub(crate) const HELP: CommandHelp = CommandHelp {
    name: "keys",
    usage: &[
        "add STREAM [--play] [--role backup] [--expires 2026-12-01|30d] [--from RANGE]...",
        "    [--label TEXT] [--server HOST] [--json]   make a key; it is shown this once",
        "list [--json]                        all keys, those of the configuration too",
        "rotate ID [--grace 24h] [--server HOST] [--json]",
        "                                     a new key; the old one expires after the grace",
        "revoke ID                            at once; who is on the air with it is closed",
    ],
    about: "Stream keys, in the file that keys_file names; a running mux takes a change over within two seconds",
};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system gives no random numbers: {0}")]
    Random(std::io::Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Edit(_) => Exit::Usage,
            Self::Store(error) => error.exit(),
            Self::Random(_) => Exit::System,
        }
    }
}

/// A key that was made: its text is in no other place.
struct Made {
    key: String,
    stored: Stored,
    /// The key that it replaces, and until when that is good.
    replaces: Option<(KeyId, Expiry)>,
}

/// Carries the command out.
pub(crate) fn run(line: &CommandLine) -> Exit {
    // Whole seconds: nobody wants more in what is written.
    let now = WallClock::default().now() / 1000 * 1000;
    let ask = match arguments::parse(line, now) {
        Ok(ask) => ask,
        Err(what) => return line.refuse::<Mux>(HELP.name, what),
    };
    // Without the secrets of other sections: they may not be the operator's to read, or come from systemd alone.
    let view = match read(&line.config, &Process, Raw::resolve_keys) {
        Ok((_raw, view)) => view,
        Err(error) => {
            complain(&error.to_string());
            return Exit::Usage;
        }
    };
    match carry_out(ask, &view, line, now) {
        Ok(text) => answer(&text),
        Err(failure) => {
            complain(&format!("footlight-mux keys: {failure}"));
            failure.exit()
        }
    }
}

fn carry_out(ask: Ask, view: &KeysView, line: &CommandLine, now: u64) -> Result<String, Failure> {
    let store = KeyStore::new(&view.origin.file, &line.config);
    match ask {
        Ask::List { json } => {
            let file = store.read()?;
            Ok(if json {
                table::json(&file, &view.origin, now)
            } else {
                table::text(&file, &view.origin, now, may_colour())
            })
        }
        Ask::Add { new, printed } => {
            edit::check_stream(&new.stream, &view.origin.streams)?;
            let made = store.change(|file| {
                let (key, stored) = mint(file, |id, key| edit::stored(&new, id, key, now))?;
                file.keys.push(stored.clone());
                Ok::<_, Failure>(Made {
                    key,
                    stored,
                    replaces: None,
                })
            })?;
            Ok(told::made(&made, view, &printed, &host()))
        }
        Ask::Rotate { id, grace, printed } => {
            let made = store.change(|file| rotate(file, &id, grace, now, view))?;
            Ok(told::made(&made, view, &printed, &host()))
        }
        Ask::Revoke { id } => {
            let gone = store
                .change(|file| edit::revoke(file, &id, &view.origin).map_err(Failure::from))?;
            Ok(format!(
                "Key {} of stream {} is revoked. A running mux closes who is on the air with it.\n",
                gone.id, gone.stream.0
            ))
        }
    }
}

fn rotate(
    file: &mut KeyFile,
    id: &str,
    grace: Duration,
    now: u64,
    view: &KeysView,
) -> Result<Made, Failure> {
    let old = edit::find(file, id, &view.origin)?.clone();
    edit::check_not_expired(&old, now)?;
    let (key, stored) = mint(file, |id, key| Stored {
        id,
        sha256: Hex(crate::key::KeyHash::of(key)),
        login: old.login.map(|_| Verifier::of(&old.stream.0, key)),
        made: Expiry::at(now),
        ..old.clone()
    })?;
    let end = edit::expire(file, &old.id, grace, now);
    file.keys.push(stored.clone());
    Ok(Made {
        key,
        stored,
        replaces: Some((old.id, end)),
    })
}

/// A new key with an id that no other has.
fn mint(
    file: &KeyFile,
    store: impl Fn(KeyId, &str) -> Stored,
) -> Result<(String, Stored), Failure> {
    loop {
        let random = random::bytes::<{ 2 * secret::RANDOM }>().map_err(Failure::Random)?;
        let (first, second) = random.split_at(secret::RANDOM);
        // Too few of the bytes were of use, or the id is taken: once in a very long time.
        let (Some(key), Some(id)) = (
            secret::text(first, secret::KEY_LENGTH),
            secret::text(second, secret::ID_LENGTH),
        ) else {
            continue;
        };
        let Ok(id) = id.parse::<KeyId>() else {
            continue;
        };
        if file.keys.iter().all(|other| other.id != id) {
            let stored = store(id, &key);
            return Ok((key, stored));
        }
    }
}

/// This machine's name: what encoders are told if nobody says better.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "HOST" } else { name }.to_owned()
}
