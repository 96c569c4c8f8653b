//! [pure] Whether there is room where a daemon keeps things, and whether it may write there.

use super::{
    finding::{Area, Finding},
    patient::Directory,
};
use crate::daemon::figure;

/// What the system says of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes that may still be written.
    pub(super) free: u64,
    /// Files that may still be made, and may be in all; 0 in all where that is not bounded.
    pub(super) files: (u64, u64),
    /// The file system is mounted read-only.
    pub(super) read_only: bool,
}

/// May the daemon write there?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It may, or that cannot be told.
    Presumed,
    /// Its unit's sandbox does not let it.
    Sandboxed,
    /// Who asks may not.
    Refused,
}

/// `daemon` is the binary's name.
pub(super) fn judge(daemon: &str, place: &Directory, room: Room, access: Access) -> Finding {
    let path = place.path.display();
    let free = figure::bytes(room.free);
    let failure =
        |sentence: String, remedy: String| Finding::failure(Area::Disk, &path, sentence, remedy);
    let clear = format!(
        "sudo journalctl --vacuum-size=200M; sudo du -xh {path} | sort -h | tail shows what is large"
    );
    if room.read_only {
        let remedy = format!(
            "sudo dmesg | tail says why; then: sudo mount -o remount,rw $(findmnt -nT {path} -o TARGET)"
        );
        return failure("its file system is read-only".to_owned(), remedy);
    }
    match access {
        Access::Sandboxed => {
            return failure(
                "its unit does not let the daemon write there".to_owned(),
                format!(
                    "sudo systemctl edit {daemon}, write [Service] and ReadWritePaths={path}; sudo systemctl restart {daemon}"
                ),
            );
        }
        Access::Refused => {
            return failure(
                "it cannot be written to".to_owned(),
                format!("ls -ld {path} shows whose it is"),
            );
        }
        Access::Presumed => {}
    }
    let (files, all) = room.files;
    if all > 0 && files < all / 100 {
        return failure(
            format!("only {files} more files can be made there (inodes)"),
            clear,
        );
    }
    let what = place.what;
    if room.free < place.least {
        let least = figure::bytes(place.least);
        return failure(format!("{free} free: {what} stops below {least}"), clear);
    }
    if room.free < place.least.saturating_mul(3) {
        return Finding::warning(
            Area::Disk,
            path,
            format!("{free} free, which is little for {what}"),
            clear,
        );
    }
    Finding::ok(Area::Disk, path, format!("{free} free for {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    const GIB: u64 = 1 << 30;

    fn judged(free: u64, change: impl FnOnce(&mut Room), access: Access) -> Finding {
        let mut room = Room {
            free,
            files: (900, 1000),
            read_only: false,
        };
        change(&mut room);
        let place = Directory {
            path: "/srv/shows".into(),
            what: "recording",
            least: 2 * GIB,
        };
        judge("footlight-transcoder", &place, room, access)
    }

    #[test]
    fn room_is_enough_little_or_too_little() {
        for (free, verdict, part) in [
            (50 * GIB, Verdict::Ok, "free for recording"),
            (3 * GIB, Verdict::Warning, "little for recording"),
            (GIB, Verdict::Failure, "recording stops below"),
        ] {
            let found = judged(free, |_| {}, Access::Presumed);
            assert_eq!(found.verdict, verdict);
            assert!(found.sentence.contains(part), "{found:?}");
        }
        let none = judged(50 * GIB, |room| room.files = (3, 1000), Access::Presumed);
        assert!(none.sentence.contains("only 3 more files"), "{none:?}");
        let unbounded = judged(50 * GIB, |room| room.files = (0, 0), Access::Presumed);
        assert_eq!(unbounded.verdict, Verdict::Ok);
    }

    #[test]
    fn a_place_that_cannot_be_written_to_says_what_to_type() {
        let sandboxed = judged(50 * GIB, |_| {}, Access::Sandboxed);
        let remedy = sandboxed.remedy.unwrap();
        assert!(remedy.contains("ReadWritePaths=/srv/shows"), "{remedy}");
        let refused = judged(50 * GIB, |_| {}, Access::Refused);
        assert_eq!(refused.verdict, Verdict::Failure);
        let frozen = judged(50 * GIB, |room| room.read_only = true, Access::Presumed);
        assert!(frozen.remedy.unwrap().contains("remount,rw"));
    }
}
