//! What the daemon says: to journald with fields, to a terminal for the eye, or as JSON lines.
//!
//! One event is one entry, with the fields of the spans around it. Text that came from a peer cannot forge an entry or
//! drive a terminal: control characters are escaped, whatever the style.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that reads JOURNAL_STREAM and the clock for the log"
)]

use std::{
    fmt,
    io::{IsTerminal, Write},
    os::fd::AsFd,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::sys::stat::fstat;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use super::config::{ValueError, as_text};

mod entry;

use entry::{Entry, Fields};

/// The crates whose levels mean what [`Level`] says.
const OURS: [&str; 5] = ["live", "rtmp", "mux", "transcoder", "distributor"];

/// How much is told. ERROR: an operator must act. WARN: an operator should look. INFO: what a show is made of.
/// DEBUG: one peer's affairs. TRACE: every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Only errors.
    Error,
    /// And warnings.
    Warn,
    /// And what happens in the normal course.
    #[default]
    Info,
    /// And what single peers do.
    Debug,
    /// Everything.
    Trace,
}

as_text!(Level);

impl Level {
    const ALL: [(Self, &str); 5] = [
        (Self::Error, "error"),
        (Self::Warn, "warn"),
        (Self::Info, "info"),
        (Self::Debug, "debug"),
        (Self::Trace, "trace"),
    ];

    /// Libraries warn of what single peers do, for each frame of it even: up to INFO only their errors are told.
    fn filter(self) -> Targets {
        let (ours, libraries) = match self {
            Self::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
            Self::Warn => (LevelFilter::WARN, LevelFilter::ERROR),
            Self::Info => (LevelFilter::INFO, LevelFilter::ERROR),
            Self::Debug => (LevelFilter::DEBUG, LevelFilter::DEBUG),
            Self::Trace => (LevelFilter::TRACE, LevelFilter::TRACE),
        };
        let targets = OURS.map(|name| (name, ours));
        Targets::from_iter(targets).with_default(libraries)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(level, _)| level == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl std::str::FromStr for Level {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        ValueError::one_of(text, &Self::ALL)
    }
}

/// In which form it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The journal when standard error is connected to it, else pretty.
    Auto,
    Journal,
    Pretty,
    Json,
}

impl std::str::FromStr for Style {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        ValueError::one_of(
            text,
            &[
                (Self::Auto, "auto"),
                (Self::Journal, "journal"),
                (Self::Pretty, "pretty"),
                (Self::Json, "json"),
            ],
        )
    }
}

/// Changes the level of a log that is running.
#[derive(Debug, Clone)]
pub(super) struct Telemetry(reload::Handle<Targets, Registry>);

impl Telemetry {
    /// Starts the log of this process. The second call does nothing but return a handle without effect.
    pub(super) fn start(identifier: String, style: Style, level: Level) -> Self {
        let (filter, handle) = reload::Layer::new(level.filter());
        let sink = Sink::choose(style);
        let write = move |entry: &Entry<'_>| sink.write(&identifier, entry);
        let output = Output {
            write: Box::new(write),
        };
        let _already_started = tracing_subscriber::registry()
            .with(output.with_filter(filter))
            .try_init();
        Self(handle)
    }

    pub(super) fn set(&self, level: Level) {
        let _gone_with_the_process = self.0.reload(level.filter());
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    Journal,
    Pretty { colour: bool },
    Json,
}

impl Sink {
    fn choose(style: Style) -> Self {
        let pretty = Self::Pretty {
            colour: std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        match style {
            Style::Auto if stderr_is_journal() => Self::Journal,
            Style::Auto | Style::Pretty => pretty,
            Style::Journal => Self::Journal,
            Style::Json => Self::Json,
        }
    }

    /// What cannot be written is lost: there is nobody left to tell.
    fn write(self, identifier: &str, entry: &Entry<'_>) {
        let text = match self {
            Self::Journal => {
                let fields = entry.journal(identifier);
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                let _lost = systemd::journal::send(&fields);
                return;
            }
            Self::Pretty { colour } => entry.pretty(colour),
            Self::Json => entry.json(identifier),
        };
        let _lost = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// Whether standard error is what systemd connected to the journal: JOURNAL_STREAM is its "device:inode".
fn stderr_is_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    fstat(std::io::stderr().as_fd())
        .is_ok_and(|stat| stream.to_str() == Some(&format!("{}:{}", stat.st_dev, stat.st_ino)))
}

/// Gathers an event with the fields around it and hands it on.
struct Output {
    write: Box<dyn Fn(&Entry<'_>) + Send + Sync>,
}

impl<S> Layer<S> for Output
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span);
            }
        }
        event.record(&mut fields);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let entry = Entry {
            unix: since.unwrap_or_default(),
            metadata: event.metadata(),
            fields: &fields,
        };
        (self.write)(&entry);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.to_owned());
    }
}

#[cfg(test)]
mod tests;
