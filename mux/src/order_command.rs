//! `footlight-mux order`: what POST does on the admin listener, for a hand without curl.

use std::net::SocketAddr;

use live::daemon::{
    Exit, admin, asking,
    command::{CommandHelp, CommandLine, answer, complain},
};
use serde_json::Value;

use crate::{config::ADMIN_PORT, daemon::Mux};

/// For `--help`.
pub(crate) const HELP: CommandHelp = CommandHelp {
    name: "order",
    usage: &[
        "STREAM kick               close the publisher on the air; it may come again",
        "STREAM switch             put the other publisher on the air, at its next keyframe",
        "STREAM hold | resume      viewers wait although media comes; go on",
        "STREAM end                end the show: viewers are told that it is over",
        "STREAM start|stop OUTPUT  push to a target or no more, without touching the show",
    ],
    about: "Have a running mux do something; [--admin IP:PORT] as for status",
};

/// Words that have a stream do something.
const TO_STREAM: [&str; 5] = ["kick", "switch", "hold", "resume", "end"];
/// Words that concern one of its push targets.
const TO_PUSH: [&str; 2] = ["start", "stop"];

#[derive(Debug, PartialEq, Eq)]
struct Order {
    path: String,
    admin: Option<SocketAddr>,
}

/// Carries the command out.
pub(crate) fn run(line: &CommandLine) -> Exit {
    let order = match parse(line) {
        Ok(order) => order,
        Err(what) => return line.refuse::<Mux>(HELP.name, what),
    };
    let (address, runtime) = match asking::prepare(line, order.admin, ADMIN_PORT) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    match runtime.block_on(admin::order(address, &order.path)) {
        Ok((code, body)) => tell(code, &serde_json::from_slice(&body).unwrap_or_default()),
        Err(error) => {
            complain(&format!("{error}; {}", asking::advice::<Mux>()));
            Exit::Unavailable
        }
    }
}

fn parse(line: &CommandLine) -> Result<Order, String> {
    let (words, admin) = asking::words(line, ADMIN_PORT)?;
    // What is no name cannot be a piece of a path either.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if let Some(odd) = words.iter().find(|word| !word.bytes().all(plain)) {
        return Err(format!("{odd:?} is no name"));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let path = match words.as_slice() {
        [stream, word] if TO_STREAM.contains(word) => format!("/streams/{stream}/{word}"),
        [stream, word, output] if TO_PUSH.contains(word) => {
            format!("/streams/{stream}/outputs/{output}/{word}")
        }
        [_, word] if TO_PUSH.contains(word) => return Err(format!("{word} which output?")),
        [_, word, ..] => return Err(format!("{word:?} is no order")),
        [] | [_] => return Err("give a stream and an order".to_owned()),
    };
    Ok(Order { path, admin })
}

/// What mux answered.
fn tell(code: u16, body: &Value) -> Exit {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let (who, state) = match body.get("output") {
        Some(output) => (text(&output["name"]), text(&output["state"])),
        None => (text(&body["stream"]), text(&body["status"]["state"])),
    };
    match code {
        200 => answer(&format!("done: {who} is {state}\n")),
        202 => answer(&format!("begun: {who} is {state} at this moment\n")),
        _ => {
            let (error, advice) = (text(&body["error"]), text(&body["advice"]));
            complain(&format!("{error}; {advice}"));
            if code == 404 {
                Exit::Usage
            } else {
                Exit::Unavailable
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(arguments: &[&str]) -> Result<String, String> {
        let line = CommandLine {
            config: "/etc/footlight/mux.toml".into(),
            arguments: arguments.iter().map(Into::into).collect(),
        };
        parse(&line).map(|order| order.path)
    }

    #[test]
    fn an_order_is_a_path() {
        for word in TO_STREAM {
            let wanted = format!("/streams/stage/{word}");
            assert_eq!(path(&["stage", word]), Ok(wanted));
        }
        let wanted = "/streams/stage/outputs/youtube/stop".to_owned();
        assert_eq!(path(&["stage", "stop", "youtube"]), Ok(wanted));
    }

    #[test]
    fn what_is_no_order_is_told_so() {
        for (arguments, told) in [
            (&[][..], "give a stream and an order"),
            (&["stage"], "give a stream and an order"),
            (&["stage", "explode"], "\"explode\" is no order"),
            (&["stage", "start"], "start which output?"),
            (&["stage", "kick", "youtube"], "\"kick\" is no order"),
            (&["../status", "kick"], "\"../status\" is no name"),
            (&["--loud"], "invalid option '--loud'"),
        ] {
            assert_eq!(path(arguments), Err(told.to_owned()), "{arguments:?}");
        }
    }
}
