//! `footlight-mux status`: asks the running mux how it is, once or each second, and shows it.
//!
//! What is shown is `view`'s affair.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    time::Duration,
};

use live::daemon::{
    Exit, admin,
    command::{CommandHelp, CommandLine, answer, complain, may_colour},
    lexopt::{Arg, Parser},
    terminal::{self, Signals, Terminal},
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    asking,
    daemon::Mux,
    view::{self, History, Paper, Status},
};

/// For `--help`.
pub(crate) const HELP: CommandHelp = CommandHelp {
    name: "status",
    usage: &[
        "                    streams, publishers, outputs; exit 69 if mux does not run",
        "--watch             the same, anew each second, until q or Ctrl-C",
        "--json              what GET /status answers, for scripts",
        "--admin IP:PORT     ask there, not at the configuration's [admin] listen",
    ],
    about: "Show how a running mux is",
};

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
pub(crate) fn run(line: &CommandLine) -> Exit {
    let options = match parse(line) {
        Ok(options) => options,
        Err(what) => return line.refuse::<Mux>(HELP.name, what),
    };
    let (address, runtime) = match asking::prepare(line, options.admin) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    if options.watch {
        let mut watch = Watch {
            address,
            json: options.json,
            history: History::default(),
            newest: None,
            failures: 0,
            error: None,
        };
        // Whoever reads has gone, or the terminal has.
        let _gone = runtime.block_on(watch.run());
        watch.exit()
    } else {
        runtime.block_on(once(address, options.json))
    }
}

fn parse(line: &CommandLine) -> Result<Options, String> {
    let mut options = Options::default();
    let mut parser = Parser::from_args(&line.arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("watch") | Arg::Short('w') => options.watch = true,
            Arg::Long("json") => options.json = true,
            Arg::Long("admin") => options.admin = Some(asking::admin(&mut parser)?),
            unknown @ (Arg::Short(_) | Arg::Long(_) | Arg::Value(_)) => {
                return Err(unknown.unexpected().to_string());
            }
        }
    }
    Ok(options)
}

async fn once(address: SocketAddr, json: bool) -> Exit {
    match look(address).await {
        Ok((text, _)) if json => answer(&text),
        Ok((_, status)) => answer(&joined(&view::draw(&status, &History::default(), paper()))),
        Err(error) => {
            complain(&format!("{error}; {}", asking::ADVICE));
            Exit::Unavailable
        }
    }
}

/// The status as it came, and as it is understood.
async fn look(address: SocketAddr) -> Result<(String, Status), String> {
    let body = admin::ask(address, "/status")
        .await
        .map_err(|error| error.to_string())?;
    let status = serde_json::from_slice(&body);
    let status = status.map_err(|error| {
        format!("what {address} says is not understood, it may be of another version: {error}")
    })?;
    Ok((String::from_utf8_lossy(&body).into_owned(), status))
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

/// `--watch`.
struct Watch {
    address: SocketAddr,
    json: bool,
    history: History,
    /// As it came, and understood.
    newest: Option<(String, Status)>,
    /// Looks in a row without an answer, so about as many seconds.
    failures: u64,
    error: Option<String>,
}

impl Watch {
    async fn run(&mut self) -> io::Result<()> {
        let mut signals = Signals::catch()?;
        let drawn = !self.json && io::stdout().is_terminal();
        let terminal = drawn.then(Terminal::enter).transpose()?;
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = async {
                ticks.tick().await;
                look(self.address).await
            };
            let key = async {
                match &terminal {
                    Some(terminal) => terminal.key(QUIT).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                looked = next => self.take(looked),
                end = signals.next() => if end { return Ok(()) },
                () = key => return Ok(()),
            }
            match &terminal {
                Some(terminal) => terminal.draw(&self.lines())?,
                None => self.print()?,
            }
        }
    }

    fn take(&mut self, looked: Result<(String, Status), String>) {
        match looked {
            Ok((text, status)) => {
                self.history.add(&status);
                self.newest = Some((text, status));
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
            lines.extend(view::unreachable(error, self.failures, paper));
        }
        if let Some((_, status)) = &self.newest {
            lines.extend(view::draw(status, &self.history, paper));
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
            (None, Some((text, _))) if self.json => text.clone(),
            (None, _) => joined(&self.lines()) + "\n",
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn exit(&self) -> Exit {
        match (&self.newest, &self.error) {
            (None, Some(error)) => {
                complain(&format!("{error}; {}", asking::ADVICE));
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
        parse(&CommandLine {
            config: "/etc/footlight/mux.toml".into(),
            arguments: arguments.iter().map(Into::into).collect(),
        })
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
}
