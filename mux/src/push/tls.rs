//! TLS towards push targets: whom we trust, and what is wrong with a certificate in words an operator can act on.

use std::sync::Arc;

use rustls::{CertificateError, ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{net::TcpStream, task::spawn_blocking};

use crate::{
    push::target::{Scheme, Target},
    transport::Transport,
};

/// Why TLS cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The host's name is none that a certificate can bear.
    #[error("no certificate can be made out for the host of its URL: use a DNS name or an address")]
    Name,
    /// Neither the system nor the target's `ca` names anybody.
    #[error(
        "no certificate authority is known: install the package ca-certificates, or give this target a 'ca'"
    )]
    Roots,
    /// The library said so.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
}

/// The connection, under TLS if the target's URL says so.
pub(super) async fn secure(socket: TcpStream, target: &Target) -> Result<Transport, TlsError> {
    if target.url.scheme == Scheme::Rtmp {
        return Ok(Transport::plain(socket));
    }
    let host = target.url.address.host().to_owned();
    let name = ServerName::try_from(host).map_err(|_| TlsError::Name)?;
    let ca = target.ca.clone();
    // The system's store is read for each connection: it may have been updated, and connections are rare.
    let roots = spawn_blocking(move || roots(ca.as_deref())).await;
    let roots = roots.ok().filter(|roots| !roots.is_empty());
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots.ok_or(TlsError::Roots)?)
        .with_no_client_auth();
    Ok(Transport::connect_tls(socket, name, Arc::new(config))?)
}

/// The authorities of the system, and those of `ca`.
fn roots(ca: Option<&str>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // What cannot be read or parsed is not trusted; the rest is.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(certificates(ca.unwrap_or_default()));
    roots
}

/// The certificates of a PEM text; what is none is passed over.
pub(crate) fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .flatten()
        .collect()
}

/// What to do about a failed handshake.
pub(super) fn advice(error: &rustls::Error) -> &'static str {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return "the target does not speak TLS as we do: check the scheme and the port of 'url'";
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's list grows")]
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the target's certificate has expired: its operator must renew it (or our clock is wrong)"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the target's certificate is not valid yet: is our clock right?"
        }
        CertificateError::UnknownIssuer => {
            "nobody we trust has signed the target's certificate: give its authority as 'ca', or use the platform's public host name"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the target's certificate is for another name: write the host in 'url' as the platform shows it"
        }
        _ => "the target's certificate is not accepted",
    }
}
