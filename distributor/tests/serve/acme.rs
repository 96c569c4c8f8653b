//! Certificates by ACME, from an authority that is not ours (Caddy's), in a network of each test's own: the authority
//! looks for proofs on ports 80 and 443 of `localhost`.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use distributor::{Distributor, config::Config};
use http_body_util::Empty;
use hyper::client;
use hyper_util::rt::TokioIo;
use live::daemon::{
    Chassis, Daemon,
    config::{Given, read},
};
use nix::sched::{CloneFlags, unshare};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::yield_now,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    stage::{Viewer, pass},
    troupe::section,
};

const DIRECTORY: &str = "https://localhost:14000/acme/local/directory";
/// Private listeners.
const PEERS: [&str; 2] = ["127.0.0.1:8090", "127.0.0.1:8091"];
/// A web site that knows nothing of ACME.
const NONSENSE: &str = "https://localhost:14001/directory";
const SITES: &str = "{\n admin off\n auto_https disable_redirects\n skip_install_trust\n}\n\
    https://localhost:14000 {\n tls internal\n acme_server\n}\n\
    https://localhost:14001 {\n tls internal\n respond \"<p>welcome\"\n}\n";

/// A directory and a network that only this test and what it starts see.
struct Place(PathBuf);

impl Place {
    /// None where that cannot be had, which is said.
    fn new(name: &str) -> Option<Self> {
        let caddy = Command::new("caddy").arg("version").output();
        let missing = match (caddy, unshare(CloneFlags::CLONE_NEWNET)) {
            (Err(error), _) => Some(format!("caddy cannot be started ({error}): make test-deps")),
            (_, Err(error)) => Some(format!("no network can be made ({error}): be root")),
            (Ok(_), Ok(())) => None,
        };
        if let Some(missing) = missing {
            #[expect(clippy::print_stderr, reason = "what is not tested is said")]
            {
                eprintln!("NOT TESTED: {missing}");
            }
            return None;
        }
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.unwrap().success());
        let path = std::env::temp_dir().join(format!("footlight-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Some(Self(path))
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// The authority's own certificate, once there is one.
    fn root(&self) -> io::Result<String> {
        fs::read_to_string(self.0.join("caddy/pki/authorities/local/root.crt"))
    }

    async fn caddy(&self) -> Caddy {
        let file = self.0.join("Caddyfile");
        fs::write(&file, SITES).unwrap();
        let child = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .envs(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, &self.0)))
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.0.join("caddy.log")).unwrap())
            .spawn()
            .unwrap();
        let caddy = Caddy(child);
        while self.root().is_err() || self.connect(14000).await.is_err() {
            yield_now().await;
        }
        caddy
    }

    /// A connection over which Caddy's authority vouches for `localhost`.
    async fn connect(&self, port: u16) -> io::Result<TlsStream<TcpStream>> {
        // It may be half written.
        let root = CertificateDer::from_pem_slice(self.root()?.as_bytes());
        let root = root.map_err(io::Error::other)?;
        connect(root, port).await
    }

    /// A player, which trusts Caddy's authority.
    async fn viewer(&self) -> io::Result<Viewer> {
        Ok(player(self.connect(443).await?).await)
    }

    async fn distributor(&self, directory: &str, challenge: &str) -> Edge {
        self.on_ports((443, 80), directory, challenge).await
    }

    async fn on_ports(&self, ports: (u16, u16), directory: &str, challenge: &str) -> Edge {
        let kept = (&*self.state(), &*self.root().unwrap());
        Edge::start(config(ports, kept, (directory, challenge), "")).await
    }

    /// One of two distributors.
    async fn peer(&self, own: usize, ports: (u16, u16)) -> Edge {
        let kept = (
            &*self.0.join(format!("state-{own}")),
            &*self.root().unwrap(),
        );
        let peers = section(own, &PEERS.map(|peer| (peer.parse().unwrap(), 1)));
        Edge::start(config(ports, kept, (DIRECTORY, "http-01"), &peers)).await
    }
}

/// A connection to `localhost` that trusts `root` only.
async fn connect(root: CertificateDer<'static>, port: u16) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
}

async fn player(connection: TlsStream<TcpStream>) -> Viewer {
    let handshake = client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(connection));
    let (sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    Viewer::H1(sender)
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _best_effort = fs::remove_dir_all(&self.0);
        }
    }
}

/// The authority, while it is there.
struct Caddy(Child);

impl Drop for Caddy {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Of a distributor with HTTPS on port `https` and HTTP on `http`.
fn config(
    (https, http): (u16, u16),
    (state, root): (&Path, &str),
    (directory, challenge): (&str, &str),
    more: &str,
) -> Config {
    let text = format!(
        "https.listen = \"127.0.0.1:{https}\"\nhttp.listen = \"127.0.0.1:{http}\"\ncluster.secret = {{ file = \"/s\" }}\n\
        [acme]\nnames = [\"localhost\"]\nagree_to_terms = true\nmail = \"ops@venue.example\"\nca = \"/ca\"\n\
        directory = \"{directory}\"\nchallenges = [\"{challenge}\"]\nstate_directory = \"{}\"\n\
        [[transcoder]]\nname = \"a\"\naddress = \"127.0.0.1:9\"\n{more}",
        state.display()
    );
    let files = [
        ("/d", text.as_str()),
        ("/ca", root),
        ("/s", "0123456789abcdef"),
    ];
    let given = Given {
        files: files
            .map(|(path, text)| (path.into(), text.to_owned()))
            .into(),
        ..Given::default()
    };
    let read = read(Path::new("/d"), &given, Distributor::resolve);
    read.unwrap().1
}

/// A running distributor.
struct Edge {
    chassis: Chassis,
    _distributor: Distributor,
}

impl Edge {
    async fn start(config: Config) -> Self {
        let chassis = Chassis::new("distributor");
        let distributor = Distributor::start(config, &chassis).await.unwrap();
        Self {
            chassis,
            _distributor: distributor,
        }
    }

    fn is_ready(&self) -> bool {
        self.chassis.readiness().missing().is_empty()
    }

    async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let status = self.chassis.status();
            if wanted(&status) {
                return status;
            }
            yield_now().await;
        }
    }

    /// Returns once the authority's certificate is shown.
    async fn issued(&self) -> i64 {
        let status = self.until(|status| status["acme"]["state"] == "kept").await;
        status["certificate_expiry"].as_i64().unwrap()
    }

    /// Why there is no certificate, once `count` orders have failed.
    async fn failed(&self, count: u64) -> String {
        let status = self
            .until(|status| status["acme"]["failures"] == count)
            .await;
        status["acme"]["problem"].as_str().unwrap().to_owned()
    }

    fn expiry(&self) -> i64 {
        self.chassis.status()["certificate_expiry"]
            .as_i64()
            .unwrap()
    }

    async fn stop(self) {
        self.chassis.shutdown().trigger();
        self.chassis.tasks().empty().await;
    }
}

async fn is_issued_and_outlives_a_restart(place: &Place, challenge: &str) {
    let _caddy = place.caddy().await;
    let edge = place.distributor(DIRECTORY, challenge).await;
    assert!(!edge.is_ready(), "players would refuse what is shown");
    let concerns = edge.chassis.concerns();
    assert!(concerns[0].contains("self-signed"), "{concerns:?}");
    let expiry = edge.issued().await;
    assert!(edge.is_ready() && edge.chassis.concerns().is_empty());
    let reply = place.viewer().await.unwrap().get("/nothing").await;
    assert_eq!(reply.status, 404);
    for file in fs::read_dir(place.state()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    edge.stop().await;

    let edge = place.distributor(DIRECTORY, challenge).await;
    assert!(edge.is_ready(), "the certificate was kept");
    assert_eq!(edge.issued().await, expiry);
    place.viewer().await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_issued_over_port_80_and_outlives_a_restart() {
    if let Some(place) = Place::new("acme-http") {
        is_issued_and_outlives_a_restart(&place, "http-01").await;
    }
}

#[tokio::test]
async fn a_certificate_is_issued_over_port_443_and_outlives_a_restart() {
    if let Some(place) = Place::new("acme-alpn") {
        is_issued_and_outlives_a_restart(&place, "tls-alpn-01").await;
    }
}

#[tokio::test]
async fn a_name_that_leads_to_another_distributor_is_proven_there() {
    let Some(place) = Place::new("acme-peers") else {
        return;
    };
    let _caddy = place.caddy().await;
    // The authority comes to port 80 alone, so to the first.
    let _first = place.peer(0, (443, 80)).await;
    let second = place.peer(1, (444, 81)).await;
    second.issued().await;
    place.connect(444).await.unwrap();
}

/// Keeps, as if issued, a certificate for 90 days of which but a few are left.
fn keep_an_old_one(state: &Path) -> (CertificateDer<'static>, String) {
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let day = Duration::from_secs(86_400);
    let today = rcgen::date_time_ymd(1970, 1, 1) + UNIX_EPOCH.elapsed().unwrap();
    params.not_before = today - day * 80;
    params.not_after = today + day * 10;
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let text = format!(
        "Ordered from {DIRECTORY} for localhost\n{}{}",
        made.pem(),
        key.serialize_pem()
    );
    fs::create_dir_all(state).unwrap();
    fs::write(state.join("acme-certificate.pem"), text).unwrap();
    (made.der().clone(), made.pem())
}

#[tokio::test]
async fn while_the_authority_is_away_the_old_certificate_goes_on_and_then_it_is_renewed() {
    let Some(place) = Place::new("acme-away") else {
        return;
    };
    drop(place.caddy().await);
    let (old_one, _) = keep_an_old_one(&place.state());
    let edge = place.distributor(DIRECTORY, "http-01").await;
    assert!(edge.is_ready(), "an old certificate is one");
    let problem = edge.failed(1).await;
    assert!(problem.contains("cannot be reached"), "{problem}");
    assert!(problem.contains("refused"), "{problem}");
    let concerns = edge.chassis.concerns();
    assert!(edge.is_ready() && concerns[0].starts_with("the certificate expires in "));
    connect(old_one, 443).await.unwrap();

    let old = edge.expiry();
    let _caddy = place.caddy().await;
    pass(150).await;
    assert_ne!(edge.issued().await, old);
    place.viewer().await.unwrap();
}

#[tokio::test]
async fn an_authority_that_makes_no_sense_is_told_and_asked_again_later() {
    let Some(place) = Place::new("acme-nonsense") else {
        return;
    };
    let _caddy = place.caddy().await;
    let edge = place.distributor(NONSENSE, "http-01").await;
    let problem = edge.failed(1).await;
    assert!(problem.contains("makes no sense"), "{problem}");
    assert!(!edge.is_ready());
    assert!(edge.chassis.concerns()[0].contains("makes no sense"));
}

#[tokio::test]
async fn who_cannot_be_reached_from_outside_is_told_which_port_to_open() {
    let Some(place) = Place::new("acme-closed") else {
        return;
    };
    let _caddy = place.caddy().await;
    let edge = place.on_ports((444, 80), DIRECTORY, "tls-alpn-01").await;
    let problem = edge.failed(1).await;
    assert!(problem.contains("could not prove the names"), "{problem}");
    assert!(problem.contains("443"), "{problem}");
    let mut plain = TcpStream::connect("127.0.0.1:80").await.unwrap();
    let request = b"GET /.well-known/acme-challenge/abc HTTP/1.1\r\nHost: localhost\r\n\r\n";
    plain.write_all(request).await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
}

#[tokio::test]
async fn nothing_is_ordered_while_the_state_cannot_be_written() {
    let name = format!("footlight-acme-disk-{}", std::process::id());
    let state = std::env::temp_dir().join(name);
    let (_, root) = keep_an_old_one(&state);
    // Where the record of orders would be written first.
    let in_the_way = state.join("acme-tried.new");
    fs::create_dir_all(&in_the_way).unwrap();
    let config = config((0, 0), (&state, &root), (DIRECTORY, "http-01"), "");
    let edge = Edge::start(config).await;
    let old = edge.expiry();
    let problem = edge.failed(1).await;
    assert!(problem.contains("cannot be written"), "{problem}");
    assert!(edge.is_ready() && edge.expiry() == old);

    fs::remove_dir(&in_the_way).unwrap();
    pass(120).await;
    let problem = edge.failed(2).await;
    assert!(problem.contains("cannot be reached"), "{problem}");
    edge.stop().await;
    fs::remove_dir_all(&state).unwrap();
}

#[tokio::test]
async fn on_a_full_disk_the_old_certificate_goes_on_and_it_is_said_why_there_is_no_new_one() {
    let mount = |arguments: &[&str]| {
        let done = Command::new("mount").args(arguments).status();
        done.is_ok_and(|status| status.success())
    };
    let name = format!("footlight-acme-full-{}", std::process::id());
    let state = std::env::temp_dir().join(name);
    fs::create_dir_all(&state).unwrap();
    let disk = [
        "-t",
        "tmpfs",
        "-o",
        "size=64k",
        "none",
        state.to_str().unwrap(),
    ];
    let own = unshare(CloneFlags::CLONE_NEWNS).is_ok() && mount(&["--make-rprivate", "/"]);
    if !own || !mount(&disk) {
        eprintln!("NOT TESTED: no disk can be mounted here: be root");
        return;
    }
    let (old_one, root) = keep_an_old_one(&state);
    let ballast = state.join("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).unwrap_err();
    let config = config((0, 0), (&state, &root), (DIRECTORY, "http-01"), "");
    let edge = Edge::start(config).await;
    let problem = edge.failed(1).await;
    assert!(problem.contains("No space left"), "{problem}");
    assert!(edge.is_ready(), "an old certificate is one");
    let concerns = edge.chassis.concerns();
    assert!(concerns[0].contains("No space left"), "{concerns:?}");
    let https = edge.chassis.address("https").unwrap();
    connect(old_one, https.port()).await.unwrap();

    fs::remove_file(&ballast).unwrap();
    pass(120).await;
    // There is no authority here; but now it would have been asked.
    let problem = edge.failed(2).await;
    assert!(problem.contains("cannot be reached"), "{problem}");
    edge.stop().await;
}
