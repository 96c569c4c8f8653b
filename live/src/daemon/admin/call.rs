//! What a daemon's own routes are asked and what they answer: JSON, and errors as `{"error", "advice"}`.

use hyper::{StatusCode, body::Bytes};
use serde_json::{Value, json};

use super::route::Parameters;

/// One request to a route that a daemon has added.
#[derive(Debug, Clone, Default)]
pub struct Call {
    parameters: Parameters,
    body: Bytes,
}

impl Call {
    pub(super) const fn new(parameters: Parameters, body: Bytes) -> Self {
        Self { parameters, body }
    }

    /// What stands for `{name}` in the path: never empty, as it was sent. Empty if the pattern has no such name.
    pub fn parameter(&self, name: &str) -> &str {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// At most [`super::BODY_MAX`] bytes; empty for a GET.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }
}

/// An answer in good order.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Reply {
    /// 200: it is as the body says.
    pub const fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    /// 202: it was begun; the body says how far it is.
    pub const fn accepted(body: Value) -> Self {
        Self {
            status: StatusCode::ACCEPTED,
            body,
        }
    }
}

/// An answer that says no: what is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: String,
    pub(super) advice: String,
    /// The methods that there are instead.
    pub(super) allow: Option<String>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        error: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error: error.into(),
            advice: advice.into(),
            allow: None,
        }
    }

    /// 400: the request makes no sense.
    pub fn bad_request(error: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, advice)
    }

    /// 404: there is no such thing.
    pub fn not_found(error: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, advice)
    }

    /// 409: not as things are now.
    pub fn conflict(error: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, error, advice)
    }

    /// What is wrong comes first.
    pub(super) fn json(&self) -> String {
        let (error, advice) = (json!(self.error), json!(self.advice));
        format!("{{\"error\":{error},\"advice\":{advice}}}\n")
    }
}
