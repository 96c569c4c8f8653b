//! [pure] What of a daemon is looked at: what all have in common as a [`Plan`], the rest by its own hand.

use std::{future::Future, path::PathBuf};

use super::finding::Finding;
use crate::daemon::{Daemon, config::Listen, tls::Certificate};

/// A daemon that can be looked at.
pub trait Patient: Daemon {
    /// Its port of the admin listener, by default.
    const ADMIN_PORT: u16;

    /// What its configuration says is to be looked at.
    fn plan(raw: &Self::Raw, config: &Self::Config) -> Plan;

    /// What it alone knows: whom it speaks to, what it encodes with. Each question needs a deadline of its own, and all
    /// are asked at once.
    fn visit(config: Self::Config) -> impl Future<Output = Vec<Finding>>;
}

/// What is looked at in the same way for every daemon.
#[derive(Debug, Default)]
pub struct Plan {
    /// Sections with the addresses that they are to listen at.
    pub listeners: Vec<(&'static str, Listen)>,
    /// Files that the daemon reads itself and nobody else may.
    pub secrets: Vec<PathBuf>,
    /// Where it keeps things.
    pub directories: Vec<Directory>,
    /// What it shows to those who connect.
    pub certificates: Vec<(Presented, Certificate)>,
    /// Names that viewers use for this box.
    pub names: Vec<String>,
    /// How many descriptors it should be allowed at least.
    pub descriptors: u64,
    /// Crowds come to it.
    pub has_crowds: bool,
}

/// A place that is written to.
#[derive(Debug)]
pub struct Directory {
    /// Where; it need not be there yet.
    pub path: PathBuf,
    /// What is done there, as in "recording stops".
    pub what: &'static str,
    /// With fewer bytes free that is not done any more.
    pub least: u64,
}

/// How a certificate is used.
#[derive(Debug)]
pub struct Presented {
    /// The section that names it.
    pub section: String,
    /// Whoever comes has to take it: viewers, encoders.
    pub public: bool,
    /// Names that it has to bear; none where that is not known.
    pub names: Vec<String>,
    /// What is done to renew it.
    pub renewal: String,
}
