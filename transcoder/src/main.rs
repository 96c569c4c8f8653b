//! footlight-transcoder: dispatch, and nothing else.

fn main() -> std::process::ExitCode {
    // The re-executed child must come before everything: it has no configuration and no sockets of ours.
    if std::env::args_os().nth(1).is_some_and(|arg| arg == "worker") {
        return transcoder::worker::run();
    }
    std::process::ExitCode::SUCCESS
}
