//! The command `status`, the same for all daemons: asks the running one how it is, once or each second, and shows it.
//!
//! What is shown is the daemon's own affair, a [`View`].

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    time::Duration,
};

use lexopt::{Arg, Parser};
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Daemon, Exit, admin, asking,
    command::{CommandHelp, CommandLine, answer, complain, may_colour},
    figure,
    paper::{Line, Paper, Tone, wrapped},
    terminal::{self, Signals, Terminal},
};

/// For `--help`.
pub const HELP: CommandHelp = CommandHelp {
    name: "status",
    usage: &[
        "                    how it is; exit 69 if the daemon does not run",
        "--watch             the same, anew each second, until q or Ctrl-C",
        "--json              what GET /status answers, for scripts",
        "--admin IP:PORT     ask there, not at the configuration's [admin] listen",
    ],
    about: "Show how the running daemon is",
};

/// What a daemon shows of itself.
pub trait View: Default {
    /// Whose it is.
    type Daemon: Daemon;
    /// The daemon's port of the admin listener, by default.
    const ADMIN_PORT: u16;

    /// Takes an answer of `/status` over. The error says what is not understood.
    fn take(&mut self, body: &[u8]) -> Result<(), String>;

    /// What was taken last, a string for each line.
    fn draw(&self, paper: Paper) -> Vec<String>;
}

/// What every daemon's `/status` begins with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Head {
    name: String,
    version: String,
    uptime_seconds: u64,
    /// It was asked to stop.
    pub draining: bool,
    /// What it waits for before it is ready.
    pub missing: Vec<String>,
}

impl Head {
    /// The first line of every view.
    pub fn line(&self) -> Line {
        let (tone, state) = if self.draining {
            (Tone::Odd, "stopping".to_owned())
        } else if self.missing.is_empty() {
            (Tone::Good, "ready".to_owned())
        } else {
            (Tone::Odd, format!("waits for {}", self.missing.join(", ")))
        };
        let up = figure::seconds(self.uptime_seconds);
        Line::default()
            .with(Tone::Strong, format!("{} {}", self.name, self.version))
            .with(Tone::Plain, format!("  up {up}  "))
            .with(tone, state)
    }
}

/// How often `--watch` asks.
const EVERY: Duration = Duration::from_secs(1);
/// What ends `--watch`: q, and what Ctrl-D and Escape send.
const QUIT: &[u8] = b"qQ\x04\x1b";

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    watch: bool,
    json: bool,
    admin: Option<SocketAddr>,
}

/// Carries the command out.
pub fn run<V: View>(line: &CommandLine) -> Exit {
    let options = match parse(line, V::ADMIN_PORT) {
        Ok(options) => options,
        Err(what) => return line.refuse::<V::Daemon>(HELP.name, what),
    };
    let (address, runtime) = match asking::prepare(line, options.admin, V::ADMIN_PORT) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    if options.watch {
        let mut watch = Watch {
            address,
            json: options.json,
            view: V::default(),
            newest: None,
            failures: 0,
            error: None,
        };
        // Whoever reads has gone, or the terminal has.
        let _gone = runtime.block_on(watch.run());
        watch.exit()
    } else {
        runtime.block_on(once::<V>(address, options.json))
    }
}

fn parse(line: &CommandLine, port: u16) -> Result<Options, String> {
    let mut options = Options::default();
    let mut parser = Parser::from_args(&line.arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("watch") | Arg::Short('w') => options.watch = true,
            Arg::Long("json") => options.json = true,
            Arg::Long("admin") => options.admin = Some(asking::admin(&mut parser, port)?),
            unknown @ (Arg::Short(_) | Arg::Long(_) | Arg::Value(_)) => {
                return Err(unknown.unexpected().to_string());
            }
        }
    }
    Ok(options)
}

async fn once<V: View>(address: SocketAddr, json: bool) -> Exit {
    let mut view = V::default();
    match look(address, &mut view).await {
        Ok(text) if json => answer(&text),
        Ok(_) => answer(&joined(&view.draw(paper()))),
        Err(error) => {
            complain(&format!("{error}; {}", asking::advice::<V::Daemon>()));
            Exit::Unavailable
        }
    }
}

/// The status as it came; the view has understood it.
async fn look(address: SocketAddr, view: &mut impl View) -> Result<String, String> {
    let body = admin::ask(address, "/status")
        .await
        .map_err(|error| error.to_string())?;
    view.take(&body).map_err(|error| {
        format!("what {address} says is not understood, it may be of another version: {error}")
    })?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn paper() -> Paper {
    let is_terminal = io::stdout().is_terminal();
    Paper {
        width: terminal::size()
            .filter(|_| is_terminal)
            .map(|(columns, _)| columns),
        colour: may_colour(),
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What is shown above the last view while the daemon does not answer. `looks`: how often in a row, once a second.
fn unreachable(error: &str, looks: u64, paper: Paper) -> Vec<String> {
    let text = format!("for {}: {error}; it is asked on", figure::seconds(looks));
    let lines = wrapped(0, (Tone::Bad, "NO ANSWER "), &text, paper);
    lines.iter().map(|line| line.write(paper)).collect()
}

/// `--watch`.
struct Watch<V> {
    address: SocketAddr,
    json: bool,
    view: V,
    /// As it came.
    newest: Option<String>,
    /// Looks in a row without an answer, so about as many seconds.
    failures: u64,
    error: Option<String>,
}

impl<V: View> Watch<V> {
    async fn run(&mut self) -> io::Result<()> {
        let mut signals = Signals::catch()?;
        let drawn = !self.json && io::stdout().is_terminal();
        let terminal = drawn.then(Terminal::enter).transpose()?;
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = async {
                ticks.tick().await;
                look(self.address, &mut self.view).await
            };
            let key = async {
                match &terminal {
                    Some(terminal) => terminal.key(QUIT).await,
                    None => std::future::pending().await,
                }
            };
            let looked = tokio::select! {
                looked = next => Some(looked),
                end = signals.next() => if end { return Ok(()) } else { None },
                () = key => return Ok(()),
            };
            if let Some(looked) = looked {
                self.take(looked);
            }
            match &terminal {
                Some(terminal) => terminal.draw(&self.lines())?,
                None => self.print()?,
            }
        }
    }

    fn take(&mut self, looked: Result<String, String>) {
        match looked {
            Ok(text) => {
                self.newest = Some(text);
                (self.failures, self.error) = (0, None);
            }
            Err(error) => {
                self.failures += 1;
                self.error = Some(error);
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let paper = paper();
        let mut lines = Vec::new();
        if let Some(error) = &self.error {
            lines.extend(unreachable(error, self.failures, paper));
        }
        if self.newest.is_some() {
            lines.extend(self.view.draw(paper));
        }
        lines
    }

    /// Into a pipe: one paragraph, or one line of JSON, for each answer; a trouble once, to standard error.
    fn print(&self) -> io::Result<()> {
        let text = match (&self.error, &self.newest) {
            (Some(error), _) => {
                if self.failures == 1 {
                    complain(&format!("{error}; asking on"));
                }
                return Ok(());
            }
            (None, Some(text)) if self.json => text.clone(),
            (None, _) => joined(&self.lines()) + "\n",
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn exit(&self) -> Exit {
        match (&self.newest, &self.error) {
            (None, Some(error)) => {
                complain(&format!("{error}; {}", asking::advice::<V::Daemon>()));
                Exit::Unavailable
            }
            (Some(_), _) | (None, None) => Exit::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, String> {
        let line = CommandLine {
            config: "/etc/footlight/mux.toml".into(),
            arguments: arguments.iter().map(Into::into).collect(),
        };
        parse(&line, 9101)
    }

    #[test]
    fn the_command_line_is_taken_or_refused_with_advice() {
        let given = options(&["--watch", "--json", "--admin", "127.0.0.1:9101"]).unwrap();
        let wanted = Options {
            watch: true,
            json: true,
            admin: Some(([127, 0, 0, 1], 9101).into()),
        };
        assert_eq!(given, wanted);
        assert_eq!(options(&[]).unwrap(), Options::default());
        let refused = options(&["--admin", "localhost"]).unwrap_err();
        assert!(refused.contains("127.0.0.1:9101"), "{refused}");
        assert!(options(&["--wach"]).unwrap_err().contains("--wach"));
        assert!(options(&["stage"]).unwrap_err().contains("stage"));
    }

    #[test]
    fn a_daemon_that_does_not_answer_is_said_above_the_rest() {
        let paper = Paper {
            width: Some(78),
            colour: false,
        };
        let lines = unreachable("nothing answers at 127.0.0.1:9101: refused", 72, paper);
        let wanted = "NO ANSWER for 1 min 12 s: nothing answers at 127.0.0.1:9101: refused; it is";
        assert_eq!(lines.first().map(String::as_str), Some(wanted));
    }
}
