//! Sockets as a peer finds them.

use std::{
    net::{Ipv4Addr, Ipv6Addr, TcpStream},
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::socket::sockopt::ReuseAddr,
};

use super::*;

fn bound(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    listeners(
        &mut Inherited::default(),
        Notify::default(),
        "rtmp",
        addresses,
    )
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
    let listeners = listeners(&mut inherited, Notify::default(), "rtmp", &[configured]).unwrap();
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
        let error = listeners(&mut inherited, Notify::default(), "rtmp", &[]).unwrap_err();
        let said = error.to_string();
        let expected = "systemd passed rtmp something that is no listening TCP socket: correct the socket unit";
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(error.exit(), Exit::Usage);
    }
}

/// What the next process is given of what this one has bound and stored.
fn stored(bound: &[TcpListener]) -> Inherited {
    let descriptors = bound
        .iter()
        .map(|listener| listener.as_fd().try_clone_to_owned().unwrap());
    Inherited([("listener.rtmp".to_owned(), descriptors.collect())].into())
}

fn addresses_of(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    let addresses = listeners.iter().map(|listener| listener.local_addr());
    addresses.collect::<Result<_, _>>().unwrap()
}

fn again(inherited: &mut Inherited, addresses: &[SocketAddr]) -> Vec<TcpListener> {
    listeners(inherited, Notify::default(), "rtmp", addresses).unwrap()
}

#[tokio::test]
async fn who_connects_between_two_processes_is_met_by_the_second() {
    let any = [
        (Ipv4Addr::LOCALHOST, 0).into(),
        (Ipv6Addr::LOCALHOST, 0).into(),
    ];
    let first = bound(&any).unwrap();
    let addresses = addresses_of(&first);
    let mut inherited = stored(&first);
    drop(first);
    let peer = TcpStream::connect(addresses[1]).unwrap();
    let second = again(&mut inherited, &addresses);
    assert_eq!(addresses_of(&second), addresses);
    let (_, accepted) = second[1].accept().await.unwrap();
    assert_eq!(accepted, peer.local_addr().unwrap());
    assert_eq!(inherited.names().next(), None);
    // Port 0 is any: also the one that there is.
    assert_eq!(addresses_of(&again(&mut stored(&second), &any)), addresses);
}

#[tokio::test]
async fn a_changed_address_wins_over_a_kept_listener_also_at_the_same_port() {
    let first = bound(&[
        (Ipv4Addr::UNSPECIFIED, 0).into(),
        (Ipv4Addr::LOCALHOST, 0).into(),
    ])
    .unwrap();
    let [wide, other] = addresses_of(&first)[..] else {
        panic!("two were bound");
    };
    // As systemd keeps them, however long it takes to let go.
    let _systemd = stored(&first);
    let narrow = (Ipv4Addr::LOCALHOST, wide.port()).into();
    let second = again(&mut stored(&first), &[narrow]);
    drop(first);
    assert_eq!(addresses_of(&second), [narrow]);
    TcpStream::connect(narrow).unwrap();
    assert!(
        TcpStream::connect(other).is_err(),
        "nobody is there any more"
    );
    assert!(TcpStream::connect(("127.0.0.2", wide.port())).is_err());
}

#[tokio::test]
async fn a_kept_wildcard_is_only_taken_for_the_families_that_it_answers() {
    let first = bound(&[(Ipv6Addr::UNSPECIFIED, 0).into()]).unwrap();
    let port = first[0].local_addr().unwrap().port();
    let both = [
        (Ipv6Addr::UNSPECIFIED, port).into(),
        (Ipv4Addr::UNSPECIFIED, port).into(),
    ];
    let second = again(&mut stored(&first), &both);
    assert_eq!(addresses_of(&second), both);
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
}

#[tokio::test]
async fn a_socket_unit_wins_over_a_kept_listener_and_what_listens_no_more_is_bound_anew() {
    let first = bound(&[(Ipv4Addr::LOCALHOST, 0).into()]).unwrap();
    let [address] = addresses_of(&first)[..] else {
        panic!("one was bound");
    };
    let unit = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let units = unit.local_addr().unwrap();
    let mut inherited = stored(&first);
    inherited.0.insert("rtmp".to_owned(), vec![unit.into()]);
    let second = again(&mut inherited, &[address]);
    assert_eq!(addresses_of(&second), [units]);
    assert!(TcpStream::connect(address).is_err());
    // A store that kept it all the same, and an operator who has taken the unit away.
    let third = again(&mut stored(&first), &[address]);
    assert_eq!(addresses_of(&third), [address]);
    TcpStream::connect(address).unwrap();
}
