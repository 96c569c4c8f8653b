//! A certificate authority for one run, and its one certificate, for `localhost`, as a server and as a client.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// What it made, in PEM.
#[derive(Debug)]
pub struct Authority {
    /// The authority's own certificate: what a client has to trust.
    pub root: String,
    /// The certificate for `localhost`, `127.0.0.1` and `::1`.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// Makes both; the authority's own key is forgotten.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let name = "Footlight local authority, for one run";
        params.distinguished_name.push(DnType::CommonName, name);
        let root_key = KeyPair::generate()?;
        let root = params.self_signed(&root_key)?.pem();
        let issuer = Issuer::new(params, root_key);

        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(Self {
            root,
            certificate,
            key: key.serialize_pem(),
        })
    }
}
