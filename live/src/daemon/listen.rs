//! Listening sockets: inherited from systemd by name, or bound here.
//!
//! A socket unit's wins over the configuration: the unit says where it listens, and it stays open over a restart. What is
//! bound here has SO_REUSEADDR, close-on-exec, `[::]` answers IPv4 too, and it stays open over a restart where systemd has
//! a descriptor store for us ([`kept`]).

#![expect(
    unsafe_code,
    reason = "an inherited descriptor is a number until it is owned"
)]

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    os::fd::{FromRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{
        getsockopt, setsockopt,
        sockopt::{AcceptConn, Ipv6V6Only},
    },
};
use tokio::net::{TcpListener, TcpSocket};
use tracing::warn;

use super::{Exit, Notify};

pub(super) mod kept;

/// Connections the kernel holds for us while none is accepted: all who may come in the moment between two processes.
/// Beyond it a SYN is dropped and the peer tries again a second later. It is what Linux allows (net.core.somaxconn).
pub const BACKLOG: u32 = 4096;

/// What systemd passed to this process: sockets of socket units, and descriptors that were stored before a restart.
/// Each is handed out once.
#[derive(Debug, Default)]
pub struct Inherited(BTreeMap<String, Vec<OwnedFd>>);

impl Inherited {
    /// Takes over what systemd passed; nothing when systemd did not start us.
    ///
    /// To be called once, before anything else opens a descriptor; every one taken is closed on exec.
    pub fn from_systemd() -> io::Result<Self> {
        let passed = systemd::daemon::listen_fds_with_names()?;
        let mut named = BTreeMap::<String, Vec<OwnedFd>>::new();
        for (descriptor, name) in passed.iter() {
            // SAFETY: systemd opened it for this process alone, libsystemd checked LISTEN_PID, and this function,
            // called once as documented, is its only owner.
            let owned = unsafe { OwnedFd::from_raw_fd(descriptor) };
            let name = name.to_string_lossy().into_owned();
            named.entry(name).or_default().push(owned);
        }
        Ok(Self(named))
    }

    /// Takes the descriptors called `name`, in the order they were passed.
    pub fn take(&mut self, name: &str) -> Vec<OwnedFd> {
        self.0.remove(name).unwrap_or_default()
    }

    /// The names that were not taken yet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Why an address could not be listened on; says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "port {} is taken by another program: stop it (find it with: ss -ltnp 'sport = :{}') or change [{section}].listen",
        address.port(), address.port()
    )]
    Taken {
        /// Where.
        address: SocketAddr,
        /// The section of the configuration that names the address.
        section: String,
    },
    /// A port below 1024 without the right to it.
    #[error(
        "listening on {address} is not permitted: grant CAP_NET_BIND_SERVICE, let systemd pass the socket, \
         or change [{section}].listen to a port above 1023"
    )]
    NotPermitted {
        /// Where.
        address: SocketAddr,
        /// The section of the configuration that names the address.
        section: String,
    },
    /// No interface has the address.
    #[error(
        "{} is no address of this machine: bring its interface up (see: ip addr) or change [{section}].listen",
        address.ip()
    )]
    NotHere {
        /// Where.
        address: SocketAddr,
        /// The section of the configuration that names the address.
        section: String,
    },
    /// What systemd passed under the name is no listening TCP socket.
    #[error(
        "systemd passed {section} something that is no listening TCP socket: correct the socket unit ({error})"
    )]
    Inherited {
        /// The socket's name.
        section: String,
        /// What the system said.
        error: io::Error,
    },
    /// Anything else the system refuses.
    #[error("cannot listen on {address} for [{section}].listen: {error}")]
    System {
        /// Where.
        address: SocketAddr,
        /// The section of the configuration that names the address.
        section: String,
        /// What the system said.
        error: io::Error,
    },
}

impl BindError {
    fn new(section: &str, address: SocketAddr, error: io::Error) -> Self {
        let section = section.to_owned();
        let kind = error.kind();
        if kind == io::ErrorKind::AddrInUse {
            Self::Taken { address, section }
        } else if kind == io::ErrorKind::PermissionDenied {
            Self::NotPermitted { address, section }
        } else if kind == io::ErrorKind::AddrNotAvailable {
            Self::NotHere { address, section }
        } else {
            Self::System {
                address,
                section,
                error,
            }
        }
    }

    /// With which code the daemon ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Taken { .. } | Self::NotHere { .. } => Exit::Unavailable,
            Self::NotPermitted { .. } => Exit::NoPermission,
            Self::Inherited { .. } => Exit::Usage,
            Self::System { .. } => Exit::System,
        }
    }
}

/// The sockets for `section`: those of its socket unit, else those that were kept, else the configured addresses, bound.
pub(super) fn listeners(
    inherited: &mut Inherited,
    notify: Notify,
    section: &str,
    addresses: &[SocketAddr],
) -> Result<Vec<TcpListener>, BindError> {
    let passed = inherited.take(section);
    if passed.is_empty() {
        return kept::listeners(inherited, notify, section, addresses);
    }
    kept::forget(inherited, notify, section);
    let adopt = |descriptor| {
        adopt(descriptor).map_err(|error| BindError::Inherited {
            section: section.to_owned(),
            error,
        })
    };
    let sockets: Vec<TcpListener> = passed.into_iter().map(adopt).collect::<Result<_, _>>()?;
    warn_when_elsewhere(section, &sockets, addresses);
    Ok(sockets)
}

/// An operator who changed `listen` and sees no effect should learn why.
fn warn_when_elsewhere(section: &str, sockets: &[TcpListener], configured: &[SocketAddr]) {
    for address in sockets.iter().filter_map(|socket| socket.local_addr().ok()) {
        if !configured.contains(&address) {
            warn!(%address, "systemd passed a socket that listens elsewhere than [{section}].listen says: its unit wins");
        }
    }
}

fn adopt(descriptor: OwnedFd) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(descriptor);
    let _of_internet = listener.local_addr()?;
    if !getsockopt(&listener, AcceptConn)? {
        return Err(Errno::EINVAL.into());
    }
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Whether an IPv6 wildcard answers IPv4 too: not when the same port is also bound for IPv4 by its own address.
fn is_dual(address: SocketAddr, among: &[SocketAddr]) -> bool {
    !among
        .iter()
        .any(|other| other.is_ipv4() && other.port() == address.port())
}

fn bind(address: SocketAddr, dual: bool) -> io::Result<TcpListener> {
    let any_v6 = address.is_ipv6() && address.ip().is_unspecified();
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => match TcpSocket::new_v6() {
            // A kernel without IPv6: the wildcard means IPv4 then.
            Err(error) if any_v6 && is_errno(&error, Errno::EAFNOSUPPORT) => {
                return bind((Ipv4Addr::UNSPECIFIED, address.port()).into(), false);
            }
            socket => socket?,
        },
    };
    if any_v6 {
        setsockopt(&socket, Ipv6V6Only, &!dual)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn is_errno(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

#[cfg(test)]
mod tests;
