//! Sockets that listen on this box, and the processes that have them, from /proc.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::doctor::port::{Holder, Listening, listening};

/// Processes that are looked at; a box has some hundred.
const PROCESSES: usize = 32_768;

/// All of this network namespace.
pub(in crate::doctor) fn all() -> Vec<Listening> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    texts.flat_map(|text| listening(&text)).collect()
}

/// The processes that have these sockets, as far as they can be seen, by the sockets' inodes.
pub(in crate::doctor) fn holders(inodes: &BTreeSet<u64>) -> BTreeMap<u64, Vec<Holder>> {
    let mut found = BTreeMap::<u64, Vec<Holder>>::new();
    if inodes.is_empty() {
        return found;
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let number =
        |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path()));
    for (pid, directory) in processes.filter_map(number).take(PROCESSES) {
        for inode in sockets_of(&directory).intersection(inodes) {
            let holder = holder(pid, &directory);
            found.entry(*inode).or_default().push(holder);
        }
    }
    found
}

fn sockets_of(process: &Path) -> BTreeSet<u64> {
    let descriptors = fs::read_dir(process.join("fd"));
    let descriptors = descriptors.into_iter().flatten().flatten();
    let inode = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?;
        let number = target
            .to_str()?
            .strip_prefix("socket:[")?
            .strip_suffix(']')?;
        number.parse().ok()
    };
    descriptors.filter_map(inode).collect()
}

fn holder(pid: u32, process: &Path) -> Holder {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let groups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    Holder {
        name: name.trim_end().to_owned(),
        pid,
        unit: unit_of(&groups),
    }
}

/// The service that a process belongs to, of the text of its /proc/PID/cgroup.
fn unit_of(groups: &str) -> Option<String> {
    let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let mut units = paths.filter_map(|path| {
        let parts = path.rsplit('/');
        parts.clone().find(|part| part.ends_with(".service"))
    });
    // The session of somebody who is logged in is no daemon.
    units
        .find(|unit| !unit.starts_with("user@"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_that_is_taken_is_traced_to_the_process_that_has_it() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mine: Vec<_> = all()
            .into_iter()
            .filter(|one| one.address == address)
            .collect();
        assert_eq!(mine.len(), 1, "{address} is among {:?}", all());
        let inodes = mine.iter().map(|one| one.inode).collect();
        let holders = holders(&inodes);
        let pids: Vec<_> = holders
            .values()
            .flatten()
            .map(|holder| holder.pid)
            .collect();
        assert_eq!(pids, [std::process::id()]);
    }

    #[test]
    fn a_processs_unit_is_read_from_its_control_group() {
        for (groups, unit) in [
            ("0::/system.slice/nginx.service\n", Some("nginx.service")),
            (
                "1:name=systemd:/payload/footlight.slice/footlight-mux.service/x\n0::/\n",
                Some("footlight-mux.service"),
            ),
            ("0::/user.slice/user-0.slice/session-1.scope\n", None),
            (
                "0::/user.slice/user-0.slice/user@0.service/app.slice\n",
                None,
            ),
            ("nonsense", None),
        ] {
            assert_eq!(unit_of(groups).as_deref(), unit, "{groups}");
        }
    }
}
