//! `footlight-X doctor`: what is wrong with this box, in plain words, each with what to type.
//!
//! It runs beside the daemon, or where the daemon does not start, reads the same configuration, and changes nothing. The
//! pure files judge facts; `gather` has the facts from the system; what only one daemon knows (whom it speaks to, what it
//! encodes with) that daemon adds, see [`Patient`]. Whatever is asked has a deadline, all at once.

mod answer;
mod certificate;
mod clock;
mod command;
mod directory;
mod finding;
pub mod gather;
mod name;
mod patient;
mod port;
pub mod reach;
mod report;
mod secret_file;
mod service;
mod skew;
mod system;

pub use certificate::judge as judge_certificate;
pub use command::{HELP, run};
pub use finding::{Area, Finding, Verdict};
pub use patient::{Directory, Patient, Plan, Presented};
pub use skew::Skew;
