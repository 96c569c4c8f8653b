//! One certificate, from the account to the chain (RFC 8555 §7): the conversation with the authority.

use std::{error::Error as _, io, time::Duration};

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier,
    NewAccount, NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};
use live::daemon::tls::Certificate;

use super::{
    challenge::{Answering, ChallengeError, Challenges},
    client::{AuthorityClient, ClientError},
    order::{Failure, Window},
    store::Store,
};
use crate::config::{Acme, Challenge};

/// How long the authority may look for the proofs, and then how long it may take to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(120));
/// Characters of the authority's own words that are repeated.
const WORDS_MAX: usize = 400;

/// Whom certificates are ordered from, and what for.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) config: Acme,
    pub(crate) store: Store,
    pub(crate) challenges: Challenges,
}

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    /// The system's, or the operator's.
    #[error("the state directory cannot be written, so nothing is ordered: {0}")]
    Disk(#[source] io::Error),
    /// The operator's or the system's.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The operator's or the net's.
    #[error("the authority cannot be reached, or makes no sense: {0}")]
    Away(String),
    /// The operator's, mostly.
    #[error("the authority refuses: {0}")]
    Refused(String),
    /// The operator's: the names point elsewhere, or the ports are closed.
    #[error(
        "the authority could not prove the names: {0}; their DNS must lead to this box, and its port 80 (http-01) or 443 (tls-alpn-01) be open to everybody"
    )]
    Unproven(String),
    /// It was asked too often, by this box or others with the same names.
    #[error("the authority was asked too often: {0}")]
    Limited(String),
    /// The authority has lost our account; a new one is made at the next try.
    #[error("the authority does not know this box's account any more; the next try makes another")]
    AccountUnknown,
    /// The authority's.
    #[error("the authority asks for what cannot be done: {0}")]
    Challenge(#[from] ChallengeError),
    /// The system's.
    #[error("no key or request can be made: {0}")]
    Request(String),
    /// The authority's: what it issued is none.
    #[error("what the authority issued cannot be used: {0}")]
    Unusable(String),
    /// It took longer than any order may.
    #[error("the authority did not come to an end")]
    Late,
}

impl OrderError {
    /// What follows from it for the next try.
    pub(crate) const fn failure(&self) -> Failure {
        match self {
            Self::Disk(_) => Failure::Disk,
            Self::Limited(_) => Failure::Limited,
            Self::Refused(_) | Self::Unproven(_) | Self::Challenge(_) => Failure::Refused,
            Self::Client(_)
            | Self::Away(_)
            | Self::AccountUnknown
            | Self::Request(_)
            | Self::Unusable(_)
            | Self::Late => Failure::Away,
        }
    }
}

impl From<Error> for OrderError {
    fn from(error: Error) -> Self {
        let Error::Api(problem) = error else {
            let mut words = error.to_string();
            let mut source = error.source();
            // The cause is what helps: "client error (Connect)" has a refused connection or a certificate below it.
            while let Some(cause) = source {
                words = format!("{words}: {cause}");
                source = cause.source();
            }
            return Self::Away(harmless(&words));
        };
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let words = harmless(&problem.to_string());
        match kind.rsplit(':').next() {
            Some("rateLimited") => Self::Limited(words),
            Some("accountDoesNotExist") => Self::AccountUnknown,
            Some("connection" | "dns" | "tls" | "unauthorized" | "incorrectResponse" | "caa") => {
                Self::Unproven(words)
            }
            Some("serverInternal" | "") | None => Self::Away(words),
            Some(_) => Self::Refused(words),
        }
    }
}

/// Words of a stranger, fit for a log.
fn harmless(words: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    words.chars().take(WORDS_MAX).map(plain).collect()
}

impl Authority {
    /// Orders a certificate and answers with its file's content. With each `failures` another way of proving comes
    /// first; `replaced` tells the authority which certificate this is the renewal of.
    pub(crate) async fn order(
        &self,
        failures: u32,
        replaced: Option<&Certificate>,
    ) -> Result<String, OrderError> {
        let account = self.account().await?;
        let names = self.config.names.iter();
        let identifiers: Vec<_> = names.cloned().map(Identifier::Dns).collect();
        let mut new = NewOrder::new(&identifiers);
        if let Some(replaced) = replaced.and_then(identifier) {
            new = new.replaces(replaced);
        }
        let mut order = account.new_order(&new).await?;
        let answering = self.challenges.answering();
        self.answer(&mut order, &answering, failures).await?;
        match order.poll_ready(&PATIENCE).await {
            Ok(OrderStatus::Ready) => {}
            Ok(_) => return Err(unproven(&mut order, None).await),
            Err(Error::Api(problem)) => return Err(unproven(&mut order, Some(problem)).await),
            Err(error) => return Err(error.into()),
        }
        drop(answering);
        let (key, request) = self.request()?;
        order.finalize_csr(&request).await?;
        let chain = order.poll_certificate(&PATIENCE).await?;
        Ok(self.store.text(&chain, &key))
    }

    /// When the authority would have `certificate` renewed; none when it does not say.
    pub(crate) async fn window(&self, certificate: &Certificate) -> Option<Window> {
        // Only with an account there was an order to ask about.
        let _credentials = self.store.account()?;
        let account = self.account().await.ok()?;
        let asked = account.renewal_info(&identifier(certificate)?).await;
        let (info, _) = asked.ok()?;
        Some(Window {
            start: info.suggested_window.start.unix_timestamp(),
            end: info.suggested_window.end.unix_timestamp(),
        })
    }

    /// The account that was kept, or a new one.
    async fn account(&self) -> Result<Account, OrderError> {
        let client = AuthorityClient::new(self.config.roots.clone())?;
        let builder = Account::builder_with_http(Box::new(client));
        if let Some(credentials) = self.store.account() {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contact: Vec<String> = self
            .config
            .mail
            .iter()
            .map(|mail| format!("mailto:{mail}"))
            .collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let account = NewAccount {
            contact: &contact,
            // The configuration is refused otherwise.
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = self.config.directory.clone();
        let (account, credentials) = builder.create(&account, directory, None).await?;
        self.store
            .keep_account(credentials)
            .map_err(OrderError::Disk)?;
        Ok(account)
    }

    /// Sets up the proof of each name that is not proven yet, and says so.
    async fn answer(
        &self,
        order: &mut Order,
        answering: &Answering,
        failures: u32,
    ) -> Result<(), OrderError> {
        let ways = self.ways(failures);
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            let name = authorization.identifier().to_string();
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Invalid
                | AuthorizationStatus::Revoked
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Deactivated => {
                    return Err(OrderError::Unproven(harmless(&name)));
                }
            }
            let offered = |way: &&Challenge| {
                let kind = kind(**way);
                authorization
                    .challenges
                    .iter()
                    .any(|one| one.r#type == kind)
            };
            let none = || {
                OrderError::Refused(format!(
                    "it offers no way of acme.challenges for {}",
                    harmless(&name)
                ))
            };
            let way = *ways.iter().find(offered).ok_or_else(none)?;
            let mut challenge = authorization.challenge(kind(way)).ok_or_else(none)?;
            let proof = challenge.key_authorization();
            match way {
                Challenge::Http => answering.by_text(&challenge.token, proof.as_str())?,
                Challenge::TlsAlpn => answering.by_certificate(&name, proof.digest().as_ref())?,
            }
            challenge.set_ready().await?;
        }
        Ok(())
    }

    /// The ways of proving: a failure may mean that one is barred, so the next try begins with another.
    fn ways(&self, failures: u32) -> Vec<Challenge> {
        let mut ways = self.config.challenges.clone();
        let count = u32::try_from(ways.len()).unwrap_or(1).max(1);
        let first = usize::try_from(failures % count).unwrap_or_default();
        ways.rotate_left(first);
        ways
    }

    /// A new private key as PEM, and a request to certify it as DER.
    fn request(&self) -> Result<(String, Vec<u8>), OrderError> {
        let failed = |error: rcgen::Error| OrderError::Request(error.to_string());
        let mut params =
            rcgen::CertificateParams::new(self.config.names.clone()).map_err(failed)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let key = rcgen::KeyPair::generate().map_err(failed)?;
        let request = params.serialize_request(&key).map_err(failed)?;
        Ok((key.serialize_pem(), request.der().to_vec()))
    }
}

fn kind(way: Challenge) -> ChallengeType {
    match way {
        Challenge::Http => ChallengeType::Http01,
        Challenge::TlsAlpn => ChallengeType::TlsAlpn01,
    }
}

/// What the authority knows a certificate by (RFC 9773 §4.1).
fn identifier(certificate: &Certificate) -> Option<CertificateIdentifier<'static>> {
    let identifier = CertificateIdentifier::try_from(certificate.end_entity()?).ok()?;
    Some(identifier.into_owned())
}

/// Why the authority is not content, in its own words.
async fn unproven(order: &mut Order, problem: Option<Problem>) -> OrderError {
    let mut words: Vec<String> = problem.iter().map(ToString::to_string).collect();
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let name = authorization.identifier();
        let wrong = authorization.challenges.iter();
        let wrong = wrong.filter_map(|challenge| challenge.error.as_ref());
        words.extend(wrong.map(|problem| format!("{name}: {problem}")));
    }
    OrderError::Unproven(harmless(&words.join("; ")))
}
