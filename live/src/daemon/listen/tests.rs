//! Sockets as a peer finds them.

use std::{
    net::{Ipv4Addr, Ipv6Addr, TcpStream},
    os::fd::AsRawFd,
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::socket::sockopt::ReuseAddr,
};

use super::*;

fn bound(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    listeners(&mut Inherited::default(), "rtmp", addresses)
}

#[tokio::test]
async fn the_ipv6_wildcard_answers_both_families_and_no_child_inherits_it() {
    let listeners = bound(&[(Ipv6Addr::UNSPECIFIED, 0).into()]).unwrap();
    let port = listeners[0].local_addr().unwrap().port();
    assert_ne!(port, 0);
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    assert!(getsockopt(&listeners[0], ReuseAddr).unwrap());
    let flags = FdFlag::from_bits_retain(fcntl(&listeners[0], FcntlArg::F_GETFD).unwrap());
    assert!(flags.contains(FdFlag::FD_CLOEXEC));
}

#[tokio::test]
async fn both_wildcards_can_be_named_at_one_port() {
    let first = bound(&[(Ipv4Addr::UNSPECIFIED, 0).into()]).unwrap();
    let port = first[0].local_addr().unwrap().port();
    drop(first);
    let both: [SocketAddr; 2] = [
        (Ipv6Addr::UNSPECIFIED, port).into(),
        (Ipv4Addr::UNSPECIFIED, port).into(),
    ];
    assert_eq!(bound(&both).unwrap().len(), 2);
}

#[tokio::test]
async fn a_taken_port_names_the_remedy() {
    let first = bound(&[(Ipv4Addr::LOCALHOST, 0).into()]).unwrap();
    let address = first[0].local_addr().unwrap();
    let error = bound(&[address]).unwrap_err();
    let port = address.port();
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} is taken by another program: stop it (find it with: ss -ltnp 'sport = :{port}') or change [rtmp].listen"
        )
    );
    assert_eq!(error.exit(), Exit::Unavailable);
}

#[tokio::test]
async fn an_address_of_another_machine_names_the_remedy() {
    // TEST-NET-1: nobody has it.
    let error = bound(&["192.0.2.1:0".parse().unwrap()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "192.0.2.1 is no address of this machine: bring its interface up (see: ip addr) or change [rtmp].listen"
    );
    assert_eq!(error.exit(), Exit::Unavailable);
}

#[test]
fn a_refused_permission_names_the_remedy() {
    let denied = io::ErrorKind::PermissionDenied.into();
    let error = BindError::new("https", "0.0.0.0:443".parse().unwrap(), denied);
    assert_eq!(
        error.to_string(),
        "listening on 0.0.0.0:443 is not permitted: grant CAP_NET_BIND_SERVICE, let systemd pass the socket, \
         or change [https].listen to a port above 1023"
    );
    assert_eq!(error.exit(), Exit::NoPermission);
}

#[tokio::test]
async fn a_socket_that_systemd_passed_wins_over_the_configuration() {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (number, address) = (socket.as_raw_fd(), socket.local_addr().unwrap());
    let mut inherited = Inherited([("rtmp".to_owned(), vec![socket.into()])].into());
    assert_eq!(inherited.names().collect::<Vec<_>>(), ["rtmp"]);
    let configured = "192.0.2.1:1935".parse().unwrap();
    let listeners = listeners(&mut inherited, "rtmp", &[configured]).unwrap();
    assert_eq!(listeners[0].local_addr().unwrap(), address);
    assert_eq!(listeners[0].as_raw_fd(), number);
    assert!(inherited.take("rtmp").is_empty());
}

#[tokio::test]
async fn what_systemd_passed_and_is_no_listening_socket_is_refused() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let connected = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    for wrong in [file.into(), connected.into()] {
        let mut inherited = Inherited([("rtmp".to_owned(), vec![wrong])].into());
        let error = listeners(&mut inherited, "rtmp", &[]).unwrap_err();
        let said = error.to_string();
        let expected = "systemd passed rtmp something that is no listening TCP socket: correct the socket unit";
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(error.exit(), Exit::Usage);
    }
}
