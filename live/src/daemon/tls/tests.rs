use std::{
    io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::*;
use crate::daemon::config::Given;

fn made(name: &str) -> (String, String) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

fn files() -> CertificateFiles {
    CertificateFiles {
        certificate: "/etc/chain.pem".into(),
        key: "/etc/key.pem".into(),
    }
}

fn parse(chain: &str, key: &str) -> Result<Certificate, CertificateError> {
    Certificate::parse(files(), chain, key)
}

#[test]
fn a_chain_and_its_key_are_taken_and_not_printed() {
    let (chain, key) = made("live.example");
    let certificate = parse(&chain, &key).unwrap();
    assert!(certificate.validity().until > 0);
    assert!(!format!("{certificate:?}").contains("BEGIN"));
    server_config(Shown::new(certificate), &[b"h2"]).unwrap();
}

#[test]
fn what_cannot_be_used_is_told_by_file() {
    let (chain, key) = made("a");
    let (_, other) = made("b");
    let said = |chain: &str, key: &str| parse(chain, key).unwrap_err().to_string();
    assert!(said("", &key).starts_with("the certificate file holds no"));
    assert!(said(&key, &key).starts_with("the certificate file holds no"));
    assert!(said(&chain, "").starts_with("the key file holds no"));
    assert!(said(&chain, &chain).starts_with("the key file holds no"));
    assert!(
        said(&chain, &other).starts_with("the certificate and the key cannot be used together")
    );
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(said(garbage, &key).contains("malformed"));
}

/// Files that change under the daemon.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Given>>);

impl Disk {
    fn write(&self, chain: &str, key: &str) {
        let files = files();
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.files.insert(files.certificate, chain.to_owned());
        given.files.insert(files.key, key.to_owned());
    }
}

impl Sources for Disk {
    fn file(&self, path: &Path) -> io::Result<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .file(path)
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

#[test]
fn a_change_is_shown_and_what_is_broken_leaves_the_one_before() {
    let disk = Disk::default();
    let (chain, key) = made("a");
    let shown = Shown::new(parse(&chain, &key).unwrap());
    let first = Arc::clone(&shown.0.load().key);
    let is_first = |shown: &Shown| Arc::ptr_eq(&first, &shown.0.load().key);
    let mut look = Look::default();
    // Gone, the same again, half replaced, garbage.
    look.again(&shown, &disk);
    disk.write(&chain, &key);
    look.again(&shown, &disk);
    assert!(is_first(&shown) && look.wrong.is_none());
    let (newer, newer_key) = made("b");
    for (chain, key) in [(&newer, &key), (&key, &key)] {
        disk.write(chain, key);
        look.again(&shown, &disk);
        assert!(
            is_first(&shown) && !look.told,
            "it may be whole the next time"
        );
        look.again(&shown, &disk);
        assert!(is_first(&shown) && look.told);
    }
    disk.write(&newer, &newer_key);
    look.again(&shown, &disk);
    assert!(!is_first(&shown) && look.wrong.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_files_are_looked_at_until_the_shutdown() {
    let disk = Disk::default();
    let (chain, key) = made("a");
    let shown = Shown::new(parse(&chain, &key).unwrap());
    let first = shown.0.load_full();
    let shutdown = Shutdown::default();
    let keeper = tokio::spawn(shown.clone().keep(disk.clone(), shutdown.clone()));
    let (newer, newer_key) = made("b");
    disk.write(&newer, &newer_key);
    sleep(LOOK_EVERY * 2).await;
    assert_ne!(shown.0.load().fingerprint, first.fingerprint);
    shutdown.trigger();
    keeper.await.unwrap();
}

/// Shakes hands in memory with a client that shows no certificate: what each end says of it.
fn shake(authority: Option<Authority>) -> (Result<(), rustls::Error>, Result<(), rustls::Error>) {
    let (chain, key) = made("origin.example");
    let shown = Shown::new(parse(&chain, &key).unwrap());
    let server = server_config_for(shown, &[], authority).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(chain.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&VERSIONS)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "origin.example".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = rustls::ServerConnection::new(server).unwrap();
    let (mut client_says, mut server_says) = (Ok(()), Ok(()));
    for _ in 0..4 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut &wire[..]).unwrap();
        server_says = server_says.and_then(|()| server.process_new_packets().map(drop));
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut &wire[..]).unwrap();
        client_says = client_says.and_then(|()| client.process_new_packets().map(drop));
    }
    (client_says, server_says)
}

#[test]
fn where_clients_must_show_a_certificate_one_without_is_refused() {
    assert_eq!(shake(None), (Ok(()), Ok(())));
    let (authority, _) = made("authority");
    let (client_says, server_says) = shake(Authority::parse(&authority));
    assert!(client_says.is_err());
    assert_eq!(server_says, Err(rustls::Error::NoCertificatesPresented));
    assert!(Authority::parse("").is_none());
    assert!(Authority::parse("-----BEGIN CERTIFICATE-----\nAAAA\n").is_none());
}
