//! `footlight-distributor`.

fn main() -> std::process::ExitCode {
    live::daemon::run::<distributor::Distributor>()
}
