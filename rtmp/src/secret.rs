//! [pure] Text that must reach no log: stream keys, and URLs that may carry one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stream key or a URL that may hold one. `Debug` shows nothing of it, there is no `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`, verbatim.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Compare it in constant time, never print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text before the first `?`, and the query after it if there is one.
    #[must_use]
    pub fn split_query(&self) -> (&str, Option<&str>) {
        match self.0.split_once('?') {
            Some((name, query)) => (name, Some(query)),
            None => (&self.0, None),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_hides_the_text_and_the_query_is_kept() {
        let key = Secret::new("stage-dev?priority=2&x=?");
        assert_eq!(format!("{key:?}"), "Secret(..)");
        assert_eq!(key.split_query(), ("stage-dev", Some("priority=2&x=?")));
        assert_eq!(Secret::new("plain").split_query(), ("plain", None));
    }
}
