//! [pure] User and password over RTMP: Adobe's `authmod=adobe`, as librtmp (OBS's "Use authentication") and ffmpeg
//! speak it.
//!
//! Not in the RTMP specification. The client's first connect is rejected with "need auth"; its second, on a connection
//! of its own, names the user in the application's query and is rejected with a salt and a challenge; its third answers.
//! Nothing is remembered in between: the challenge carries its time and our own seal of it, so that no stranger can
//! have us keep anything, and any connection may bring the answer.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How long a challenge may be answered: clients do so at once, on a new connection.
const FRESH: Duration = Duration::from_secs(30);
/// Longest text of a query's field that is kept: a challenge of ours has 48, clients' own are 8 to 24.
const MAX_FIELD: usize = 64;
/// An MD5 in base64.
const DIGEST: usize = 24;

/// What the server's side is told: which application asks for a user, and what seals its challenges.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginConfig {
    /// The application, unlike the one that wants no user.
    pub app: String,
    /// Random, the same for all connections of a process.
    pub seal: [u8; 32],
}

impl std::fmt::Debug for LoginConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoginConfig({:?})", self.app)
    }
}

/// What a password is checked against: `base64(md5(user + salt + password))`. As secret as the password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verifier([u8; DIGEST]);

impl Verifier {
    /// Of a user and password, with the salt that [`salt`] gives the user.
    #[must_use]
    pub fn of(user: &str, password: &str) -> Self {
        Self(digest(&[user, &salt(user), password]))
    }

    /// As it was stored; `None` if it is none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let bytes = <[u8; DIGEST]>::try_from(text.as_bytes()).ok()?;
        bytes.iter().copied().all(base64).then_some(Self(bytes))
    }

    /// To store it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A client's answer to a challenge of ours. `Debug` shows the user only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Who it says it is, at most 64 bytes.
    pub user: String,
    opaque: String,
    challenge: String,
    response: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({:?})", self.user)
    }
}

impl Login {
    /// Whether the client knows the password that `verifier` was made of. Takes the same time either way.
    #[must_use]
    pub fn is_made_from(&self, verifier: Verifier) -> bool {
        let expected = digest(&[verifier.as_str(), &self.opaque, &self.challenge]);
        expected.ct_eq(self.response.as_bytes()).into()
    }
}

/// A user's salt: the same each time, for whoever asks. It keeps two users with one password apart.
#[must_use]
pub fn salt(user: &str) -> String {
    let digest = Sha256::digest(format!("footlight login salt {user}"));
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// How far a client has come.
pub(crate) enum Step {
    /// It has said nothing: the words that ask it for a user.
    Ask(String),
    /// It has named one: the words that challenge it.
    Challenge(String),
    /// It has answered a fresh challenge of ours. Whether rightly is for the daemon to say.
    Answered(Login),
    /// It has answered none of ours, or too late: the words that say so.
    Failed(String),
}

/// What librtmp and ffmpeg look for at the start of the words.
const REJECT: &str = "[ AccessManager.Reject ] : [";

/// The next step for a client whose connect came with this query behind its application.
pub(crate) fn step(config: &LoginConfig, query: &str, now: Duration) -> Step {
    // The answers of base64 come unescaped, so that this is no form data: '+' is itself.
    let field = |name: &str| {
        let fields = query.split(['&', '?']);
        let mut values = fields.filter_map(|field| field.split_once('='));
        let value = values.find(|(key, _)| *key == name).map(|(_, value)| value);
        value.filter(|value| value.len() <= MAX_FIELD)
    };
    let (Some("adobe"), Some(user)) = (field("authmod"), field("user")) else {
        return Step::Ask(format!("{REJECT} code=403 need auth; authmod=adobe ] : "));
    };
    let user = user.to_owned();
    let (Some(challenge), Some(response)) = (field("challenge"), field("response")) else {
        let salt = salt(&user);
        let opaque = opaque(config, &user, now);
        return Step::Challenge(format!(
            "{REJECT} authmod=adobe ] : ?reason=needauth&user={user}&salt={salt}&challenge={opaque}&opaque={opaque}"
        ));
    };
    let opaque = field("opaque").unwrap_or_default();
    if !is_ours(config, &user, opaque, now) {
        return Step::Failed(format!(
            "{REJECT} authmod=adobe ] : ?reason=authfailed&opaque=-"
        ));
    }
    Step::Answered(Login {
        opaque: opaque.to_owned(),
        challenge: challenge.to_owned(),
        response: response.to_owned(),
        user,
    })
}

/// A challenge made at `now`: its time in milliseconds and our seal, 48 hexadecimal digits.
fn opaque(config: &LoginConfig, user: &str, now: Duration) -> String {
    let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    format!("{at:016x}{}", seal(config, user, at))
}

fn is_ours(config: &LoginConfig, user: &str, opaque: &str, now: Duration) -> bool {
    let Some((at, sealed)) = opaque.split_at_checked(16) else {
        return false;
    };
    let Ok(at) = u64::from_str_radix(at, 16) else {
        return false;
    };
    let age = now.checked_sub(Duration::from_millis(at));
    let right: bool = seal(config, user, at)
        .as_bytes()
        .ct_eq(sealed.as_bytes())
        .into();
    right && age.is_some_and(|age| age <= FRESH)
}

/// 128 bits of an HMAC-SHA-256.
fn seal(config: &LoginConfig, user: &str, at: u64) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(&config.seal) else {
        return String::new();
    };
    mac.update(&at.to_be_bytes());
    mac.update(user.as_bytes());
    let sealed = mac.finalize().into_bytes();
    sealed
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// `base64(md5(parts))`.
fn digest(parts: &[&str]) -> [u8; DIGEST] {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part.as_bytes());
    }
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = [b'='; DIGEST];
    let bytes: [u8; 16] = md5.finalize().into();
    for (three, four) in bytes.chunks(3).zip(text.chunks_mut(4)) {
        let bits = three
            .iter()
            .zip([16, 8, 0])
            .fold(0, |bits, (byte, shift)| bits | u32::from(*byte) << shift);
        // n bytes are n + 1 signs; the rest stays padding.
        for (sign, shift) in four.iter_mut().take(three.len() + 1).zip([18, 12, 6, 0]) {
            let index = usize::try_from(bits >> shift & 63).unwrap_or(0);
            *sign = SIGNS.get(index).copied().unwrap_or(b'=');
        }
    }
    text
}

#[cfg(test)]
mod tests;
