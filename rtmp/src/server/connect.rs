//! [pure] connect: what the peer says of itself, and our answer, enhanced RTMP included.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::amf0::{self, Value};
use crate::close::words;
use crate::command::information;
use crate::login::{self, Login, LoginConfig, Step};

/// What is kept of a connect command.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Connect {
    pub(super) app: String,
    pub(super) login: Option<Login>,
    pub(super) tc_url: Secret,
    pub(super) flash_ver: String,
}

impl Connect {
    /// What is missing is empty: no encoder leaves out `app`, and an empty one is refused like a wrong one.
    /// `Err` holds the words for a peer that has to log in first.
    pub(super) fn parse(
        object: &Value,
        login: Option<&LoginConfig>,
        now: Duration,
    ) -> Result<Self, String> {
        let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let app = text("app");
        let (app, query) = app.split_once('?').unwrap_or((app, ""));
        let app = app.trim_matches('/');
        let login = match login.filter(|login| login.app == app) {
            Some(config) => match login::step(config, query, now) {
                Step::Answered(login) => Some(login),
                Step::Ask(words) | Step::Challenge(words) | Step::Failed(words) => {
                    return Err(words);
                }
            },
            None => None,
        };
        Ok(Self {
            app: app.to_owned(),
            login,
            tc_url: Secret::new(text("tcUrl")),
            flash_ver: words(text("flashVer")),
        })
    }
}

/// `_error` for a connect.
pub(super) fn rejection(transaction: f64, description: &str) -> Bytes {
    let reason = information("error", REJECTED, description);
    amf0::encode(&["_error".into(), transaction.into(), Value::Null, reason])
}

pub(super) const REJECTED: &str = "NetConnection.Connect.Rejected";

/// FourCcInfoMask::CanForward of E-RTMP v2.
const CAN_FORWARD: f64 = 4.0;
/// CapsExMask of E-RTMP v2: Multitrack, ModEx and TimestampNanoOffset pass through us. Reconnect (1) does not.
const CAPABILITIES: u32 = 0x0E;
/// What we echo of a peer's `fourCcList`: E-RTMP defines 13 codecs.
const MAX_FOUR_CC: usize = 32;

/// `_result` for a connect. Enhanced RTMP is answered to those who ask: we forward every codec, so the answer to
/// any list is the list.
pub(super) fn success(transaction: f64, asked: &Value) -> Bytes {
    let mut answer = information("status", "NetConnection.Connect.Success", "Connected.");
    if let Value::Object(properties) = &mut answer {
        properties.push(("objectEncoding".to_owned(), 0.0.into()));
        if let Some(Value::StrictArray(list)) = asked.get("fourCcList") {
            let texts = list
                .iter()
                .filter(|value| value.as_str().is_some_and(|text| text.len() <= 4));
            let list = texts.take(MAX_FOUR_CC).cloned().collect();
            properties.push(("fourCcList".to_owned(), Value::StrictArray(list)));
        }
        for map in ["videoFourCcInfoMap", "audioFourCcInfoMap"] {
            if asked.get(map).is_some() {
                let every = Value::object([("*", CAN_FORWARD.into())]);
                properties.push((map.to_owned(), every));
            }
        }
        if let Some(theirs) = asked.get("capsEx").and_then(Value::as_u32) {
            properties.push(("capsEx".to_owned(), f64::from(theirs & CAPABILITIES).into()));
        }
    }
    let server = Value::object([
        ("fmsVer", "FMS/3,0,1,123".into()),
        ("capabilities", 31.0.into()),
    ]);
    amf0::encode(&["_result".into(), transaction.into(), server, answer])
}
