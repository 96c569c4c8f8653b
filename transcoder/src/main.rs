//! `footlight-transcoder`: dispatch, and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Its own child comes first: it has no configuration, no sockets and no log of the daemon's.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|arg| arg == "worker")
    {
        return transcoder::worker::run();
    }
    live::daemon::run::<transcoder::Transcoder>()
}
