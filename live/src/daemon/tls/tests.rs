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
    assert!(certificate.expires() > 0);
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
