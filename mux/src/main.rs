//! The binary `footlight-mux`: see the library.

fn main() -> std::process::ExitCode {
    live::daemon::run::<mux::Mux>()
}
