//! [pure] Who may read a file that holds a secret.

use std::path::Path;

use super::finding::{Area, Finding};

/// What the system says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    /// Permission bits.
    pub(super) mode: u32,
    /// The group's name, or its number.
    pub(super) group: String,
}

/// `packaged`: the daemon runs as a user of its own, in the group `footlight`, and reads the file as such.
pub(super) fn judge(path: &Path, owned: &Owned, packaged: bool) -> Finding {
    /// The group that all daemons are in.
    const GROUP: &str = "footlight";
    let shown = path.display();
    let mode = owned.mode & 0o777;
    let remedy = format!("sudo chgrp footlight {shown}; sudo chmod 0640 {shown}");
    if mode & 0o004 != 0 {
        let sentence = format!("everybody on this box can read it (mode {mode:04o})");
        return Finding::failure(Area::Secrets, shown, sentence, remedy);
    }
    if mode & 0o022 != 0 {
        let sentence = format!("others than its owner can change it (mode {mode:04o})");
        return Finding::failure(Area::Secrets, shown, sentence, remedy);
    }
    if packaged && (owned.group != GROUP || mode & 0o040 == 0) {
        let sentence = format!(
            "the daemon cannot read it: it belongs to the group {} (mode {mode:04o})",
            owned.group
        );
        return Finding::failure(Area::Secrets, shown, sentence, remedy);
    }
    let sentence = match packaged {
        true => "root and the daemons can read it, nobody else",
        false => "not everybody can read it",
    };
    Finding::ok(Area::Secrets, shown, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_secret_is_read_by_root_and_the_group_alone() {
        for (mode, group, packaged, verdict, part) in [
            (0o100_640, "footlight", true, Verdict::Ok, "nobody else"),
            (0o100_600, "root", false, Verdict::Ok, "not everybody"),
            (0o100_644, "footlight", true, Verdict::Failure, "everybody"),
            (0o100_660, "footlight", true, Verdict::Failure, "change it"),
            (0o100_640, "root", true, Verdict::Failure, "cannot read it"),
            (
                0o100_600,
                "footlight",
                true,
                Verdict::Failure,
                "cannot read it",
            ),
        ] {
            let owned = Owned {
                mode,
                group: group.into(),
            };
            let found = judge(Path::new("/etc/footlight/s"), &owned, packaged);
            assert_eq!(found.verdict, verdict, "{found:?}");
            assert!(found.sentence.contains(part), "{found:?}");
            if verdict == Verdict::Failure {
                let remedy = found.remedy.unwrap();
                assert!(remedy.contains("chmod 0640 /etc/footlight/s"), "{remedy}");
            }
        }
    }
}
