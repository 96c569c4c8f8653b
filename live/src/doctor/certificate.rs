//! [pure] Whether players take a certificate, now and for the next days.

use rustls::{client::verify_server_name, server::ParsedCertificate};
use rustls_pki_types::ServerName;

use super::{
    finding::{Area, Finding},
    patient::Presented,
};
use crate::daemon::tls::{Certificate, Validity};

/// At `now`, in unix seconds.
pub fn judge(presented: &Presented, certificate: &Certificate, now: i64) -> Vec<Finding> {
    let subject = format!("[{}]", presented.section);
    let renew = &presented.renewal;
    let validity = certificate.validity();
    let mut findings = vec![of_time(&subject, validity, renew, now)];
    if presented.public && certificate.is_self_issued() {
        findings.push(Finding::warning(
            Area::Certificates,
            &subject,
            "the certificate vouches for itself: who was not told to trust it refuses it",
            "get one from an authority: the distributor does so itself with [acme], Ansible with footlight_acme_agree_to_terms",
        ));
    }
    let astray: Vec<&str> = presented
        .names
        .iter()
        .map(String::as_str)
        .filter(|name| !names(certificate, name))
        .collect();
    if !astray.is_empty() {
        findings.push(Finding::failure(
            Area::Certificates,
            subject,
            format!(
                "the certificate does not name {}: players refuse it",
                astray.join(", ")
            ),
            format!("get one for all of these names. {renew}"),
        ));
    }
    findings
}

fn of_time(subject: &str, validity: Validity, renew: &str, now: i64) -> Finding {
    const DAY: i64 = 86_400;
    let left = validity.until.saturating_sub(now);
    match validity.concern(now) {
        None => Finding::ok(
            Area::Certificates,
            subject,
            format!("certificate and key fit, and are good for {}", figure(left)),
        ),
        Some(told) if now < validity.from => Finding::failure(
            Area::Certificates,
            subject,
            told,
            "compare `date` with a phone; on the box: chronyc sources",
        ),
        Some(told) if left <= DAY => Finding::failure(Area::Certificates, subject, told, renew),
        Some(told) => Finding::warning(Area::Certificates, subject, told, renew),
    }
}

fn figure(seconds: i64) -> String {
    match (seconds / 86_400, seconds / 3600) {
        (0, hours) => format!("{hours} h"),
        (days, _) => format!("{days} d"),
    }
}

fn names(certificate: &Certificate, name: &str) -> bool {
    let parsed = certificate.end_entity().map(ParsedCertificate::try_from);
    let name = ServerName::try_from(name);
    match (parsed, name) {
        (Some(Ok(parsed)), Ok(name)) => verify_server_name(&parsed, &name).is_ok(),
        (Some(Err(_)) | None, _) | (_, Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;
    use crate::{daemon::tls::CertificateFiles, doctor::Verdict};

    /// Good from 2024-03-01 to 2024-06-01.
    fn certificate() -> Certificate {
        let mut params = CertificateParams::new(["live.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2024, 3, 1);
        params.not_after = date_time_ymd(2024, 6, 1);
        let key = KeyPair::generate().unwrap();
        let chain = params.self_signed(&key).unwrap().pem();
        let files = CertificateFiles {
            certificate: "/c".into(),
            key: "/k".into(),
        };
        Certificate::parse(files, &chain, &key.serialize_pem()).unwrap()
    }

    fn judged(names: &[&str], now: i64) -> Vec<Finding> {
        let presented = Presented {
            public: false,
            section: "https".into(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            renewal: "renew it".into(),
        };
        judge(&presented, &certificate(), now)
    }

    const JUNE: i64 = 1_717_200_000;
    const DAY: i64 = 86_400;

    #[test]
    fn a_certificate_is_good_near_its_end_or_beyond_it() {
        for (now, verdict, part) in [
            (JUNE - 60 * DAY, Verdict::Ok, "good for 60 d"),
            (JUNE - 5 * DAY, Verdict::Warning, "expires in 5 d"),
            (JUNE - 7200, Verdict::Failure, "expires in 2 h"),
            (JUNE + 1, Verdict::Failure, "has expired"),
            (JUNE - 200 * DAY, Verdict::Failure, "not valid yet"),
        ] {
            let found = judged(&["live.example"], now);
            let one = found.first().unwrap();
            assert_eq!((found.len(), one.verdict), (1, verdict), "{one:?}");
            assert!(one.sentence.contains(part), "{one:?}");
        }
    }

    #[test]
    fn who_vouches_for_himself_is_told_where_others_come() {
        let presented = Presented {
            section: "https".into(),
            public: true,
            names: Vec::new(),
            renewal: String::new(),
        };
        let found = judge(&presented, &certificate(), JUNE - 60 * DAY);
        let told = found.last().unwrap();
        assert_eq!(told.verdict, Verdict::Warning);
        assert!(told.sentence.contains("vouches for itself"), "{told:?}");
    }

    #[test]
    fn names_that_it_does_not_bear_are_told() {
        let found = judged(
            &["live.example", "d1.live.example", "bühne"],
            JUNE - 60 * DAY,
        );
        let told = found.last().unwrap();
        assert_eq!(told.verdict, Verdict::Failure);
        assert!(
            told.sentence
                .contains("does not name d1.live.example, bühne:"),
            "{told:?}"
        );
    }
}
