//! [pure] One thing that was looked at, and what was found.

use serde::Serialize;

/// What was looked at. Findings are told in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The file, as `--check` reads it.
    Configuration,
    /// The unit, and whether the daemon answers.
    Service,
    /// Where it listens.
    Ports,
    /// Files that must not be read by everybody.
    Secrets,
    /// Certificates.
    Certificates,
    /// Names that viewers use.
    Names,
    /// This box's clock, and others'.
    Clock,
    /// Room for what is kept.
    Disk,
    /// What the kernel is told.
    System,
    /// What encodes.
    Graphics,
    /// The other boxes.
    Peers,
    /// Platforms.
    Targets,
}

impl Area {
    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Service => "service",
            Self::Ports => "ports",
            Self::Secrets => "secrets",
            Self::Certificates => "certificates",
            Self::Names => "names",
            Self::Clock => "clock",
            Self::Disk => "disk",
            Self::System => "system",
            Self::Graphics => "graphics",
            Self::Peers => "peers",
            Self::Targets => "targets",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There is nothing here to look at, or it could not be seen.
    NotApplicable,
    /// As it should be.
    Ok,
    /// A show is possible; something should be otherwise.
    Warning,
    /// A show suffers, or is not possible.
    Failure,
}

/// See the module. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub area: Area,
    /// Which one of its kind: an address, a file, a name.
    pub subject: String,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found.
    pub sentence: String,
    /// What to type or to do about it; always there for a warning or a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(area: Area, subject: impl ToString, sentence: impl Into<String>) -> Self {
        Self {
            area,
            subject: subject.to_string(),
            verdict: Verdict::Ok,
            sentence: sentence.into(),
            remedy: None,
        }
    }

    /// Nothing to look at, or not to be seen from here.
    pub fn not_applicable(area: Area, subject: impl ToString, sentence: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::NotApplicable,
            ..Self::ok(area, subject, sentence)
        }
    }

    /// What should be otherwise, and how.
    pub fn warning(
        area: Area,
        subject: impl ToString,
        sentence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Warning,
            remedy: Some(remedy.into()),
            ..Self::ok(area, subject, sentence)
        }
    }

    /// What must be otherwise, and how.
    pub fn failure(
        area: Area,
        subject: impl ToString,
        sentence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Failure,
            ..Self::warning(area, subject, sentence, remedy)
        }
    }
}
