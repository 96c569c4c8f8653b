//! `footlight-distributor order`: what POST does on the admin listener, for a hand without curl.

use std::net::SocketAddr;

use live::daemon::{
    Exit, admin, asking,
    command::{CommandHelp, CommandLine, answer, complain},
    config::nearest,
};
use serde_json::Value;

use crate::{Distributor, config::ADMIN_PORT};

/// For `--help`.
pub(crate) const HELP: CommandHelp = CommandHelp {
    name: "order",
    usage: &[
        "drain                    send viewers to the other distributors, and take no new ones",
        "undrain                  take viewers again",
    ],
    about: "Have a running distributor do something; [--admin IP:PORT] as for status",
};

/// What it may be told, and what is so when it is done.
const WORDS: [(&str, &str); 2] = [
    ("drain", "viewers are sent to the other distributors"),
    ("undrain", "viewers are taken again"),
];

#[derive(Debug, PartialEq, Eq)]
struct Order {
    path: String,
    done: &'static str,
    admin: Option<SocketAddr>,
}

/// Carries the command out.
pub(crate) fn run(line: &CommandLine) -> Exit {
    let order = match parse(line) {
        Ok(order) => order,
        Err(what) => return line.refuse::<Distributor>(HELP.name, what),
    };
    let (address, runtime) = match asking::prepare(line, order.admin, ADMIN_PORT) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    match runtime.block_on(admin::order(address, &order.path)) {
        Ok((200, _)) => answer(&format!("done: {}\n", order.done)),
        Ok((404, _)) => {
            complain(
                "this distributor is the only one; list the others in [peer] of its configuration",
            );
            Exit::Usage
        }
        Ok((code, body)) => {
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let error = body["error"].as_str().unwrap_or("it was refused");
            complain(&format!("{error} ({code})"));
            Exit::Unavailable
        }
        Err(error) => {
            complain(&format!("{error}; {}", asking::advice::<Distributor>()));
            Exit::Unavailable
        }
    }
}

fn parse(line: &CommandLine) -> Result<Order, String> {
    let (words, admin) = asking::words(line, ADMIN_PORT)?;
    let [word] = &words[..] else {
        return Err("give one order: drain or undrain".to_owned());
    };
    let known = WORDS.iter().copied().find(|(known, _)| known == word);
    let (word, done) = known.ok_or_else(|| {
        let meant = nearest(word, WORDS.map(|(known, _)| known));
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        format!("{word:?} is no order{meant}")
    })?;
    Ok(Order {
        path: format!("/{word}"),
        done,
        admin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(arguments: &[&str]) -> Result<String, String> {
        let line = CommandLine {
            config: "/etc/footlight/distributor.toml".into(),
            arguments: arguments.iter().map(Into::into).collect(),
        };
        parse(&line).map(|order| order.path)
    }

    #[test]
    fn an_order_is_a_path_and_what_is_none_is_told_so() {
        assert_eq!(path(&["drain"]), Ok("/drain".to_owned()));
        assert_eq!(
            path(&["undrain", "--admin", "127.0.0.1:1"]),
            Ok("/undrain".to_owned())
        );
        for (arguments, told) in [
            (&[][..], "give one order: drain or undrain"),
            (&["drain", "now"], "give one order: drain or undrain"),
            (&["stop"], "\"stop\" is no order"),
            (&["drian"], "\"drian\" is no order; did you mean drain?"),
            (&["--loud"], "invalid option '--loud'"),
        ] {
            assert_eq!(path(arguments), Err(told.to_owned()), "{arguments:?}");
        }
    }
}
