//! What mux adds to its admin listener: orders to streams and push targets, the feed of events, and the document that
//! describes all of it.
//!
//! An order is carried out or changes nothing. Each that is carried out is in the log and an event.

use std::{future::ready, sync::Arc};

use live::daemon::{
    Chassis,
    admin::{Call, Feed, Method, Refusal, Reply, ServerEvent},
    config::nearest,
};
use serde_json::{Value, json};
use tracing::info;

use crate::{
    announcement::Announcement,
    events::{Events, Kind, Subscription},
    status,
    stream::Command,
    streams::{SharedStream, Streams},
};

/// OpenAPI 3.1; the end-to-end tests hold it against a running mux.
const DOCUMENT: &str = include_str!("../openapi.json");
/// Names that an answer lists at most.
const LISTED: usize = 12;

/// An order: where it is sent to, its word, and what is said of it.
struct Order<T> {
    path: &'static str,
    word: &'static str,
    text: &'static str,
    what: T,
}

/// Orders to a stream, and whether they are carried out at once; what waits for a keyframe is not.
const COMMANDS: [Order<(Command, bool)>; 5] = [
    Order {
        path: "/streams/{stream}/kick",
        word: "kick",
        text: "an operator closed the publisher on the air",
        what: (Command::Kick, true),
    },
    Order {
        path: "/streams/{stream}/switch",
        word: "switch",
        text: "an operator switches to the other publisher",
        what: (Command::Switch, false),
    },
    Order {
        path: "/streams/{stream}/hold",
        word: "hold",
        text: "an operator put the stream on hold",
        what: (Command::Hold, true),
    },
    Order {
        path: "/streams/{stream}/resume",
        word: "resume",
        text: "an operator lets the stream go on",
        what: (Command::Resume, false),
    },
    Order {
        path: "/streams/{stream}/end",
        word: "end",
        text: "an operator ended the show",
        what: (Command::End, true),
    },
];

/// Orders to a push target: whether it is wanted.
const PUSHES: [Order<bool>; 2] = [
    Order {
        path: "/streams/{stream}/outputs/{output}/start",
        word: "start",
        text: "an operator starts the push to",
        what: true,
    },
    Order {
        path: "/streams/{stream}/outputs/{output}/stop",
        word: "stop",
        text: "an operator stops the push to",
        what: false,
    },
];

/// An order with a body: something is said beside the media.
const METADATA: &str = "/streams/{stream}/metadata";

/// Adds all of it.
pub(crate) fn add_routes(chassis: &Chassis, streams: &Arc<Streams>, events: &Events) {
    let document = document();
    chassis.route(Method::Get, "/openapi.json", move |_call| {
        ready(Ok(Reply::ok(document.clone())))
    });
    for order in COMMANDS {
        let (streams, events) = (Arc::clone(streams), events.clone());
        chassis.route(Method::Post, order.path, move |call| {
            ready(command(&streams, &events, &call, &order))
        });
    }
    let (said, told) = (Arc::clone(streams), events.clone());
    chassis.route(Method::Post, METADATA, move |call| {
        ready(announce(&said, &told, &call))
    });
    for order in PUSHES {
        let (streams, events) = (Arc::clone(streams), events.clone());
        chassis.route(Method::Post, order.path, move |call| {
            ready(push(&streams, &events, &call, &order))
        });
    }
    let (streams, events) = (Arc::clone(streams), events.clone());
    chassis.events("/events", move || {
        let streams = Arc::clone(&streams);
        Reader(events.subscribe(move || status::status(&streams)))
    });
}

fn document() -> Value {
    // It is a part of this program; a test parses it.
    serde_json::from_str(DOCUMENT).unwrap_or_default()
}

fn command(
    streams: &Streams,
    events: &Events,
    call: &Call,
    order: &Order<(Command, bool)>,
) -> Result<Reply, Refusal> {
    let stream = stream_of(streams, call)?;
    let (command, done) = order.what;
    stream.command(command).map_err(|error| {
        info!(stream = %stream.name(), command = order.word, who = "admin", "a command is refused: {error}");
        let advice = "see how the stream stands: footlight-mux status, or GET /status";
        Refusal::conflict(error.to_string(), advice)
    })?;
    let fields = json!({ "command": order.word, "who": "admin" });
    tell(events, stream, order.word, order.text, fields);
    let answer = json!({
        "stream": stream.name().as_str(),
        "command": order.word,
        "status": status::of_stream(stream),
    });
    Ok(if done {
        Reply::ok(answer)
    } else {
        Reply::accepted(answer)
    })
}

fn announce(streams: &Streams, events: &Events, call: &Call) -> Result<Reply, Refusal> {
    let stream = stream_of(streams, call)?;
    let said = Announcement::parse(call.body()).map_err(|error| {
        let advice = "send an object such as {\"title\": \"So What\", \"artist\": \"Miles Davis\"}; see /openapi.json";
        Refusal::bad_request(error.to_string(), advice)
    })?;
    let range = stream.announce(&said).map_err(|error| {
        let advice = "give it another id or class, or say it later; footlight-mux status shows how the stream stands";
        Refusal::conflict(error.to_string(), advice)
    })?;
    let text = "an operator says something beside the media";
    let (id, line) = (range.id().as_str(), range.to_string());
    let fields = json!({ "command": "metadata", "id": id, "who": "admin" });
    tell(events, stream, "metadata", text, fields);
    Ok(Reply::ok(json!({
        "stream": stream.name().as_str(),
        "command": "metadata",
        "id": id,
        "start_ms": range.start().unix_millis(),
        "date_range": line,
    })))
}

fn push(
    streams: &Streams,
    events: &Events,
    call: &Call,
    order: &Order<bool>,
) -> Result<Reply, Refusal> {
    let stream = stream_of(streams, call)?;
    let name = call.parameter("output");
    let Some(push) = stream.pushes.get(name) else {
        if stream.outputs.iter().any(|output| output.name == name) {
            return Err(Refusal::conflict(
                format!("{name} is a transcoder, and transcoders are always sent the stream"),
                "take it out of the configuration to stop it; only push targets are started and stopped",
            ));
        }
        let pushes = stream.pushes.list();
        let known = pushes.iter().map(|push| push.name());
        return Err(unknown("output", name, known));
    };
    if order.what {
        push.start(stream);
    } else {
        push.stop(stream);
    }
    let fields = json!({ "command": order.word, "output": name, "who": "admin" });
    tell(
        events,
        stream,
        order.word,
        &format!("{} {name}", order.text),
        fields,
    );
    Ok(Reply::accepted(json!({
        "stream": stream.name().as_str(),
        "command": order.word,
        "output": status::of_push(&push),
    })))
}

fn tell(events: &Events, stream: &SharedStream, command: &str, text: &str, fields: Value) {
    info!(stream = %stream.name(), command, who = "admin", "{text}");
    events.publish(Some(stream.name()), Kind::Command, text, fields);
}

fn stream_of<'a>(streams: &'a Streams, call: &Call) -> Result<&'a Arc<SharedStream>, Refusal> {
    let written = call.parameter("stream");
    let found = streams.iter().find(|(name, _)| name.as_str() == written);
    let known = streams.keys().map(live::StreamName::as_str);
    found
        .map(|(_, stream)| stream)
        .ok_or_else(|| unknown("stream", written, known))
}

/// What is not there, and what was likely meant.
fn unknown<'a>(what: &str, written: &str, known: impl Iterator<Item = &'a str> + Clone) -> Refusal {
    let shown: String = written.chars().take(64).collect();
    let names: Vec<&str> = known.clone().take(LISTED).collect();
    let advice = match nearest(written, known) {
        Some(meant) => format!("did you mean {meant}?"),
        None if names.is_empty() => format!("no {what} is configured"),
        None => format!("there are: {}", names.join(", ")),
    };
    Refusal::not_found(format!("there is no {what} {shown:?}"), advice)
}

/// One client of `/events`.
struct Reader(Subscription);

impl Feed for Reader {
    async fn next(&mut self) -> Option<ServerEvent> {
        let record = self.0.next().await;
        Some(ServerEvent {
            kind: record.kind.as_str(),
            data: serde_json::to_value(&*record).unwrap_or_default(),
        })
    }
}
