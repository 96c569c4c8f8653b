//! The servers that stand beside each other, each in front of the same origin, and what speaks TLS with them.

use std::{path::Path, process::Command, sync::Arc};

use anyhow::{Context, Result, bail};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio_rustls::TlsConnector;

use crate::{Plan, server::Server};

/// Ports of both, from the base.
pub(super) const DISTRIBUTOR: u16 = 1443;
pub(super) const NGINX: u16 = 1444;
pub(super) const ADMIN: u16 = 1403;

pub(super) async fn distributor(plan: &Plan, dir: &Path, origin: u16) -> Result<Server> {
    let config = dir.join("distributor.toml");
    let (https, http, admin) = (plan.port(DISTRIBUTOR), plan.port(1480), plan.port(ADMIN));
    let at = dir.display();
    std::fs::write(
        dir.join("cluster.secret"),
        "0123456789abcdef0123456789abcdef",
    )?;
    std::fs::write(
        &config,
        format!(
            "[https]\nlisten = [\"127.0.0.1:{https}\"]\ncertificate = \"{at}/cert.pem\"\nkey = \"{at}/key.pem\"\n\
             [http]\nlisten = [\"127.0.0.1:{http}\"]\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [cluster]\nsecret = {{ file = \"{at}/cluster.secret\" }}\n\
             [[transcoder]]\nname = \"origin\"\naddress = \"127.0.0.1:{origin}\"\nweight = 1\n"
        ),
    )?;
    let mut command = Command::new(plan.binary("footlight-distributor"));
    command.args(["--config".as_ref(), config.as_os_str()]);
    Server::start(&mut command, https, &dir.join("distributor.log")).await
}

pub(super) async fn nginx(plan: &Plan, dir: &Path, origin: u16) -> Result<Server> {
    let at = dir.display();
    let config = dir.join("nginx-https.conf");
    let port = plan.port(NGINX);
    std::fs::write(
        &config,
        format!(
            "daemon off;\nmaster_process on;\nworker_processes 1;\nworker_rlimit_nofile 32768;\npid {at}/nginx-https.pid;\nerror_log stderr;\n\
             events {{ worker_connections 16384; }}\n\
             http {{\n access_log off;\n keepalive_requests 1000000000; keepalive_timeout 600;\n\
             proxy_cache_path /dev/shm/footlight-bench levels=1 keys_zone=c:10m max_size=1g use_temp_path=off;\n\
             server {{\n listen 127.0.0.1:{port} ssl http2;\n ssl_certificate {at}/cert.pem;\n ssl_certificate_key {at}/key.pem;\n\
             ssl_protocols TLSv1.3;\n sendfile off;\n output_buffers 4 256k;\n tcp_nodelay on;\n\
             location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache c; proxy_cache_valid 200 1h;\n\
             proxy_cache_lock on; proxy_http_version 1.1; }}\n }}\n}}\n"
        ),
    )?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&config).arg("-p").arg(dir);
    Server::start(&mut command, port, &dir.join("nginx-https.log")).await
}

pub(super) fn certificate(dir: &Path) -> Result<()> {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
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
    Ok(())
}

/// What players offer: this `protocol`, or none.
pub(super) fn connector(dir: &Path, protocol: Option<&[u8]>) -> Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("cert.pem"))?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocol.into_iter().map(<[u8]>::to_vec).collect();
    Ok(TlsConnector::from(Arc::new(config)))
}
