//! [pure] How a new key is shown: once, as one types it into OBS.

use std::fmt::Write;

use serde_json::json;

use super::{Made, arguments::Printed};
use crate::{config::KeysView, key::Use};

/// The whole answer.
pub(super) fn made(made: &Made, view: &KeysView, printed: &Printed, host: &str) -> String {
    let host = printed.server.as_deref().unwrap_or(host);
    let server = |scheme: &str, port: u16, default: u16, app: &str| {
        let port = if port == default {
            String::new()
        } else {
            format!(":{port}")
        };
        format!("{scheme}://{host}{port}/{app}")
    };
    let plain = server("rtmp", view.port, 1935, &view.app);
    let tls = view
        .tls_port
        .map(|port| server("rtmps", port, 443, &view.app));
    let login = server("rtmp", view.port, 1935, &view.login_app);
    if printed.json {
        let value = json!({
            "id": made.stored.id,
            "stream": made.stored.stream,
            "use": made.stored.usage,
            "role": made.stored.role,
            "expires": made.stored.expires,
            "key": made.key,
            "server": plain,
            "server_tls": tls,
            "replaces": made.replaces.as_ref().map(|(id, _)| id),
            "replaced_expires": made.replaces.as_ref().map(|(_, end)| end),
        });
        return format!("{value:#}\n");
    }
    text(made, view, (&plain, tls.as_deref(), &login))
}

fn text(made: &Made, view: &KeysView, servers: (&str, Option<&str>, &str)) -> String {
    let (plain, tls, login) = servers;
    let stored = &made.stored;
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing into memory does not fail.
        let _infallible = writeln!(text, "{words}");
    };
    let stream = &stored.stream.0;
    let what = match stored.usage {
        Use::Publish => format!("publishes, {}", stored.role.as_str()),
        Use::Play => "plays".to_owned(),
    };
    line(format_args!(
        "Key {} of stream {stream} ({what}).",
        stored.id
    ));
    if let Some(expires) = stored.expires {
        line(format_args!("It is good until {expires}."));
    }
    if let Some((old, end)) = &made.replaces {
        line(format_args!(
            "It replaces key {old}, which is good until {end}."
        ));
    }
    match stored.usage {
        Use::Publish => {
            line(format_args!(
                "\nIn OBS, Settings, Stream, Service \"Custom...\":\n"
            ));
            line(format_args!("  Server      {plain}"));
            if let Some(tls) = tls {
                line(format_args!("  or, better  {tls}"));
            }
            line(format_args!("  Stream Key  {}", made.key));
            line(format_args!(
                "\nOr, with \"Use authentication\": Server {login}, Stream Key {stream}, Username {stream},\n\
                 and the key as Password."
            ));
        }
        Use::Play => line(format_args!("\n  {plain}/{}", made.key)),
    }
    line(format_args!(
        "\nThe key is shown this once. {} has its hash; a running mux takes it over within two seconds.",
        view.origin.file.display()
    ));
    text
}
