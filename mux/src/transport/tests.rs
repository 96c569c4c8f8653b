use rustls::{RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpListener;

use super::*;

/// Two ends of one connection over loopback.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["mux.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

async fn tls(name: &'static str) -> (Transport, Transport) {
    let (server, client) = configs();
    let (near, far) = sockets().await;
    let name = ServerName::try_from(name).unwrap();
    (
        Transport::connect_tls(near, name, client).unwrap(),
        Transport::accept_tls(far, server).unwrap(),
    )
}

/// Writes all of `bytes` and takes leave, as fast as the socket lets it; what comes meanwhile is taken too.
async fn say(transport: &mut Transport, mut bytes: &[u8]) -> Result<(), TransportError> {
    while !bytes.is_empty() || transport.is_unsent() {
        transport.ready(!bytes.is_empty()).await?;
        transport.try_read(|piece| assert!(piece.is_empty()))?;
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        match transport.try_write_vectored(&slices) {
            Ok(count) => bytes = bytes.get(count..).unwrap(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let _taken_later = transport.try_flush();
    }
    Ok(transport.shutdown().await?)
}

/// Reads to the end, answering what TLS has to answer.
async fn hear(transport: &mut Transport) -> (Vec<u8>, TransportError) {
    let mut heard = Vec::new();
    loop {
        transport.ready(false).await.unwrap();
        let read = transport.try_read(|piece| heard.extend_from_slice(piece));
        let _taken_later = transport.try_flush();
        if let Err(error) = read {
            return (heard, error);
        }
    }
}

fn bytes() -> Vec<u8> {
    (0..3_000_000_u32)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect()
}

#[tokio::test]
async fn what_goes_in_comes_out_whichever_end_begins() {
    let (near, far) = sockets().await;
    let plain = (Transport::plain(near), Transport::plain(far));
    for (mut one, mut other) in [plain, tls("mux.example").await] {
        let sent = bytes();
        let (said, (heard, end)) = tokio::join!(say(&mut one, &sent), hear(&mut other));
        said.unwrap();
        assert!(heard == sent && matches!(end, TransportError::Eof), "{end}");
        // It may close its side and still be told something.
        let (said, (heard, end)) = tokio::join!(say_only(&mut other, b"bye"), hear(&mut one));
        said.unwrap();
        assert!(heard == b"bye" && matches!(end, TransportError::Eof));
    }
}

/// As [`say`], to an end that has already taken leave.
async fn say_only(transport: &mut Transport, bytes: &[u8]) -> Result<(), TransportError> {
    let taken = transport.try_write_vectored(&[IoSlice::new(bytes)])?;
    assert_eq!(taken, bytes.len());
    Ok(transport.shutdown().await?)
}

#[tokio::test]
async fn what_is_no_tls_or_shows_another_name_is_told_apart() {
    let (server, _) = configs();
    let (near, far) = sockets().await;
    let (mut rtmp, mut tls_end) = (
        Transport::plain(near),
        Transport::accept_tls(far, server).unwrap(),
    );
    say_only(&mut rtmp, &[3; 1537]).await.unwrap();
    let (heard, end) = hear(&mut tls_end).await;
    assert!(
        heard.is_empty() && matches!(end, TransportError::NotTls(3)),
        "{end}"
    );

    let (mut client, mut server) = tls("other.example").await;
    let (said, (_, end)) = tokio::join!(say(&mut client, b"hello"), hear(&mut server));
    assert!(matches!(said, Err(TransportError::Tls(_))));
    assert!(matches!(end, TransportError::Tls(_)), "{end}");
}

#[tokio::test]
async fn a_peer_that_reads_nothing_holds_no_more_than_the_bound() {
    let (mut client, mut server) = tls("mux.example").await;
    while !is_settled(&mut client, &mut server) {
        tokio::task::yield_now().await;
    }
    let block = [7; 8 * 1024];
    let mut taken = 0;
    loop {
        match server.try_write_vectored(&[IoSlice::new(&block)]) {
            Ok(count) => taken += count,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                break;
            }
        }
        tokio::task::yield_now().await;
    }
    let Transport::Tls(tls) = &mut server else {
        unreachable!("it was made so")
    };
    let mut held = Vec::new();
    while tls.connection.wants_write() {
        tls.connection.write_tls(&mut held).unwrap();
    }
    // 22 bytes a record in TLS 1.3.
    assert!(
        taken > UNSENT && held.len() <= UNSENT + 10 * 22,
        "{}",
        held.len()
    );
}

/// Whether the handshake is over and the server has heard the client.
fn is_settled(client: &mut Transport, server: &mut Transport) -> bool {
    let _handshaking = client.try_write_vectored(&[IoSlice::new(b"x")]);
    let mut heard = false;
    for transport in [client, server] {
        transport.try_read(|_| heard = true).unwrap();
        let _taken_later = transport.try_flush();
    }
    heard
}
