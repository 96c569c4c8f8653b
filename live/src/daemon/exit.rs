//! [pure] The exit codes of every daemon, named as in sysexits.h.

/// Why the process ends, as the operator's shell and systemd see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Asked to stop, and did; or the question (`--check`, `--version`, `--help`) was answered.
    Ok = 0,
    /// A command that judges something found what should be otherwise.
    Warned = 1,
    /// A command that judges something found what must be otherwise.
    Broken = 2,
    /// The command line or the configuration is wrong: EX_USAGE.
    Usage = 64,
    /// An address is taken or is not on this machine: EX_UNAVAILABLE.
    Unavailable = 69,
    /// A bug of ours: EX_SOFTWARE.
    Software = 70,
    /// The system refused a resource: EX_OSERR.
    System = 71,
    /// The system refused a permission, such as that of a port below 1024: EX_NOPERM.
    NoPermission = 77,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
