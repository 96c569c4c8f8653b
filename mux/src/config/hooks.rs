//! [pure] `[hooks]`: who is asked over HTTP before a publisher or player comes in, and what holds if nobody answers.

use live::daemon::config::{Problems, Timespan};
use serde::{Deserialize, Serialize};

use crate::hooks::{self, HookUrl, NoAnswer};

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHooks {
    #[serde(skip_serializing_if = "Option::is_none")]
    on_publish: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_unpublish: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_play: Option<String>,
    timeout: Timespan,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_answer: Option<NoAnswer>,
}

impl Default for RawHooks {
    fn default() -> Self {
        Self {
            on_publish: None,
            on_unpublish: None,
            on_play: None,
            timeout: Timespan::from_secs(1),
            no_answer: None,
        }
    }
}

impl RawHooks {
    /// Notes what is wrong.
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> hooks::Settings {
        let bounds = Timespan::from_millis(100)..=Timespan::from_secs(10);
        problems.within("hooks.timeout", self.timeout, bounds);
        let mut url = |name: &str, url: &Option<String>| -> Option<HookUrl> {
            let text = url.as_deref()?;
            problems.parse(format!("hooks.{name}"), text)
        };
        let on_publish = url("on_publish", &self.on_publish);
        let on_unpublish = url("on_unpublish", &self.on_unpublish);
        let on_play = url("on_play", &self.on_play);
        if (self.on_publish.is_some() || self.on_play.is_some()) && self.no_answer.is_none() {
            problems.refuse(
                "hooks.no_answer",
                "is missing: say \"deny\" if nobody may come in while the hook does not answer, or \"allow\"",
            );
        }
        hooks::Settings {
            on_publish,
            on_unpublish,
            on_play,
            timeout: self.timeout.get(),
            no_answer: self.no_answer.unwrap_or(NoAnswer::Deny),
        }
    }
}
