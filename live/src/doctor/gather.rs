//! What the system tells: /proc, the file systems, the kernel's clock, systemd. Nothing is changed; what cannot be seen, mostly
//! for want of root, is left out.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that asks what time it is"
)]
#![expect(unsafe_code, reason = "the kernel's clock is had from adjtimex alone")]

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    libc,
    sys::statvfs::{FsFlags, statvfs},
    unistd::{AccessFlags, Gid, Group, access, geteuid},
};
use tokio::process::Command;

use super::{
    clock::Clock,
    directory::Room,
    reach::within,
    secret_file::Owned,
    service::{PROPERTIES, Unit},
};

pub(super) mod sockets;

/// Milliseconds since 1970 by this box's clock.
pub fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Whether everything can be seen.
pub(super) fn is_root() -> bool {
    geteuid().is_root()
}

/// What the box calls itself.
pub(super) fn host_name() -> String {
    text("/proc/sys/kernel/hostname").unwrap_or_else(|| "this box".to_owned())
}

/// A whole number that the kernel is told; of several the last.
pub(super) fn sysctl(name: &str) -> Option<u64> {
    let text = text(&format!("/proc/sys/{}", name.replace('.', "/")))?;
    text.split_whitespace().last()?.parse().ok()
}

fn text(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The daemon's unit; empty where there is no systemd.
pub(super) async fn unit(daemon: &str) -> Unit {
    let shown = within(async {
        let mut command = Command::new("systemctl");
        command
            .args(["show", "--property", PROPERTIES])
            .arg(format!("{daemon}.service"))
            .kill_on_drop(true);
        let output = command.output().await.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    });
    Unit::read(&shown.await.unwrap_or_default())
}

/// Whether the file that the process was started from has been replaced; false where that cannot be seen.
pub(super) fn is_replaced(process: u32) -> bool {
    let program = fs::read_link(format!("/proc/{process}/exe"));
    program.is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)"))
}

/// The kernel's clock.
pub(super) fn clock() -> Option<Clock> {
    // SAFETY: a timex is numbers alone, for which all zeroes is a value: with `modes` 0 nothing is changed.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes a timex into the one given, and nothing else.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    (state >= 0).then(|| Clock {
        synchronised: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
        estimated_error_us: timex.esterror,
        borrowed: Path::new("/run/systemd/container").exists()
            || Path::new("/run/host/container-manager").exists(),
    })
}

/// All addresses of this box.
pub(super) fn own_addresses() -> Vec<IpAddr> {
    let all = getifaddrs().into_iter().flatten();
    let ip = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|at| at.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|at| at.ip().into()))
    };
    all.filter_map(ip).collect()
}

/// The room at `path`, or where it will be made. Waits for the disk, or for the network behind it.
pub(super) fn room(path: &Path) -> Option<Room> {
    let mut places = path.ancestors();
    let stat = places.find_map(|place| statvfs(place).ok())?;
    let unit = stat.fragment_size();
    Some(Room {
        free: stat.blocks_available().saturating_mul(unit),
        files: (stat.files_available(), stat.files()),
        read_only: stat.flags().contains(FsFlags::ST_RDONLY),
    })
}

/// Whether who runs this may not write at `path`, or where it will be made.
pub(super) fn is_refused(path: &Path) -> bool {
    let place = path.ancestors().find(|place| place.exists());
    place.is_some_and(|place| access(place, AccessFlags::W_OK) == Err(Errno::EACCES))
}

/// Whose a file is; none where it is not there or cannot be seen.
pub(super) fn owned(path: &Path) -> Option<Owned> {
    let known = fs::metadata(path).ok()?;
    let group = Group::from_gid(Gid::from_raw(known.gid()));
    let group = group.ok().flatten().map(|group| group.name);
    Some(Owned {
        mode: known.mode(),
        group: group.unwrap_or_else(|| known.gid().to_string()),
    })
}
