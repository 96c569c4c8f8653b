//! [pure] Where plain HTTP is sent: to the same address over HTTPS.

use http::uri::Authority;

/// Longest target that is repeated in an answer: above any path of ours with a player's own parameters.
const TARGET_MAX: usize = 2048;

/// The `Location` for a request with this `Host` and target, when HTTPS is served on `port`. None when the request does
/// not say whom it is for, or asks for what could never be served.
pub(crate) fn location(host: &str, target: &str, port: u16) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    let host = authority.host();
    let plain = !authority.as_str().contains('@') && !host.is_empty();
    let sound = target.starts_with('/') && target.len() <= TARGET_MAX;
    (plain && sound).then(|| match port {
        443 => format!("https://{host}{target}"),
        port => format!("https://{host}:{port}{target}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_over_https_and_nothing_else() {
        for (host, target, port, expected) in [
            (
                "live.example",
                "/watch/stage?a=b",
                443,
                Some("https://live.example/watch/stage?a=b"),
            ),
            ("live.example:80", "/", 443, Some("https://live.example/")),
            (
                "localhost:8081",
                "/watch/stage",
                8443,
                Some("https://localhost:8443/watch/stage"),
            ),
            ("[::1]:8081", "/", 8443, Some("https://[::1]:8443/")),
            ("", "/", 443, None),
            ("user@evil.example", "/", 443, None),
            ("a b", "/", 443, None),
            ("live.example/evil", "/", 443, None),
            ("live.example", "*", 443, None),
            (
                "live.example",
                "//evil.example",
                443,
                Some("https://live.example//evil.example"),
            ),
        ] {
            assert_eq!(
                location(host, target, port).as_deref(),
                expected,
                "{host} {target}"
            );
        }
        assert_eq!(
            location("a", &format!("/{}", "x".repeat(TARGET_MAX)), 443),
            None
        );
    }
}
