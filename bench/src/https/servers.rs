//! The servers that stand beside each other, each in front of the same origin with a cache in memory, all with one ECDSA
//! P-256 certificate and on CPU 0; and what speaks TLS with them.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use rustls::crypto::{
    CryptoProvider,
    aws_lc_rs::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider, kx_group::X25519},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio_rustls::TlsConnector;

use crate::{Plan, ladder::SECRET, server::Server};

mod peers;

/// Ports of the distributor, from the base.
pub(super) const DISTRIBUTOR: u16 = 1443;
pub(super) const ADMIN: u16 = 1403;
const PRIVATE: u16 = 1483;

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    Haproxy,
    /// Varnish, which speaks no TLS, and hitch in front of it, which speaks nothing else.
    Varnish,
    Footlight,
    /// With a listener for other distributors, which is the one that serves media in the clear.
    FootlightPeer,
}

impl Kind {
    /// All that serve viewers, ourselves last.
    pub(super) const ALL: [Self; 4] = [Self::Nginx, Self::Haproxy, Self::Varnish, Self::Footlight];

    /// In a table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Varnish => "varnish + hitch",
            Self::Footlight => "footlight-distributor",
            Self::FootlightPeer => "footlight-dist. peer",
        }
    }

    /// Where it speaks TLS, from the base.
    const fn tls(self) -> u16 {
        match self {
            Self::Nginx => 1444,
            Self::Haproxy => 1446,
            Self::Varnish => 1445,
            Self::Footlight | Self::FootlightPeer => DISTRIBUTOR,
        }
    }

    /// Where it serves media in the clear, from the base.
    const fn plain(self) -> u16 {
        match self {
            Self::Nginx => 1484,
            Self::Haproxy => 1486,
            Self::Varnish => 1485,
            Self::Footlight | Self::FootlightPeer => PRIVATE,
        }
    }

    /// Programs that it needs.
    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["nginx"],
            Self::Haproxy => &["haproxy"],
            Self::Varnish => &["varnishd", "hitch"],
            Self::Footlight | Self::FootlightPeer => &[],
        }
    }

    /// Of `kinds` those whose programs are installed; what is left out is said once for each row.
    pub(super) fn installed(kinds: &[Self]) -> Vec<Self> {
        let is_there = |program: &&str| {
            let mut command = Command::new(program);
            command
                .arg("-V")
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().is_ok()
        };
        let (there, missing): (Vec<Self>, Vec<Self>) = kinds
            .iter()
            .partition(|kind| kind.programs().iter().all(is_there));
        for kind in missing {
            println!("left out: {} (make bench installs it)", kind.name());
        }
        there
    }
}

/// One that serves, of as many processes as it needs.
pub(super) struct Contestant {
    pub(super) kind: Kind,
    /// Its ports, as they are.
    pub(super) tls: u16,
    pub(super) plain: u16,
    servers: Vec<Server>,
}

impl Contestant {
    /// Starts it in front of the origin at port `origin`, with nothing in memory.
    pub(super) async fn start(plan: &Plan, dir: &Path, kind: Kind, origin: u16) -> Result<Self> {
        let servers = match kind {
            Kind::Nginx => vec![peers::nginx(plan, dir, origin).await?],
            Kind::Haproxy => vec![peers::haproxy(plan, dir, origin).await?],
            Kind::Varnish => peers::varnish(plan, dir, origin).await?,
            Kind::Footlight => vec![distributor(plan, dir, origin, false).await?],
            Kind::FootlightPeer => vec![distributor(plan, dir, origin, true).await?],
        };
        Ok(Self {
            kind,
            tls: plan.port(kind.tls()),
            plain: plan.port(kind.plain()),
            servers,
        })
    }

    /// CPU time that it has used, nanoseconds.
    pub(super) fn cpu_ns(&self) -> u64 {
        self.servers.iter().map(Server::cpu_ns).sum()
    }

    /// Resident memory now, KiB.
    pub(super) fn rss_kib(&self) -> u64 {
        self.servers.iter().map(Server::rss_kib).sum()
    }

    /// Largest resident memory so far, KiB.
    pub(super) fn peak_kib(&self) -> u64 {
        self.servers.iter().map(Server::peak_kib).sum()
    }
}

async fn distributor(plan: &Plan, dir: &Path, origin: u16, peered: bool) -> Result<Server> {
    let config = dir.join("distributor.toml");
    let (https, http, admin) = (plan.port(DISTRIBUTOR), plan.port(1480), plan.port(ADMIN));
    let at = dir.display();
    let private = plan.port(PRIVATE);
    let peer = if peered {
        format!(
            "[peer]\nname = \"d1\"\nlisten = [\"127.0.0.1:{private}\"]\nurl = \"https://localhost\"\n\
             [[peer.distributor]]\nname = \"d1\"\naddress = \"127.0.0.1:{private}\"\nurl = \"https://d1.localhost\"\n\
             [[peer.distributor]]\nname = \"d2\"\naddress = \"127.0.0.1:1\"\nurl = \"https://d2.localhost\"\n"
        )
    } else {
        String::new()
    };
    std::fs::write(dir.join("cluster.secret"), SECRET)?;
    std::fs::write(
        &config,
        format!(
            "[https]\nlisten = [\"127.0.0.1:{https}\"]\ncertificate = \"{at}/cert.pem\"\nkey = \"{at}/key.pem\"\n\
             [http]\nlisten = [\"127.0.0.1:{http}\"]\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [cluster]\nsecret = {{ file = \"{at}/cluster.secret\" }}\n{peer}\
             [[transcoder]]\nname = \"origin\"\naddress = \"127.0.0.1:{origin}\"\nweight = 1\n"
        ),
    )?;
    let mut command = Command::new(plan.binary("footlight-distributor"));
    command.args(["--config".as_ref(), config.as_os_str()]);
    Server::start(&mut command, https, &dir.join("distributor.log")).await
}

/// The certificate and its key, apart and in one file.
pub(super) fn certificate(dir: &Path) -> Result<()> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(dir.join("key.pem"))
        .arg("-out")
        .arg(dir.join("cert.pem"))
        .output()
        .context("openssl is missing: run make deps")?;
    if !made.status.success() {
        bail!("openssl: {}", String::from_utf8_lossy(&made.stderr));
    }
    let mut both = std::fs::read(dir.join("cert.pem"))?;
    both.extend(std::fs::read(dir.join("key.pem"))?);
    Ok(std::fs::write(dir.join("both.pem"), both)?)
}

/// What players offer: this `protocol`, or none. No session is resumed: each handshake is a whole one. The cipher is the
/// one that browsers want most; the key exchange the best that all servers know.
pub(super) fn connector(dir: &Path, protocol: Option<&[u8]>) -> Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("cert.pem"))?)?;
    let provider = CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![X25519],
        ..default_provider()
    };
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocol.into_iter().map(<[u8]>::to_vec).collect();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}
