//! What `footlight-mux doctor` asks beyond this box: whether each transcoder knows us, and whether push targets can be
//! reached. No stream begins anywhere, and no stream's key is sent to anybody.

use live::{
    StreamName,
    cluster::Token,
    daemon::config::HostPort,
    doctor::{Area, Finding, Patient, Plan, reach},
};
use rtmp::{
    CloseReason, Secret,
    client::{ClientAction, ClientConfig, ClientSession, Purpose},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use crate::{
    Config, Mux, Raw, clock,
    config::{ADMIN_PORT, Transcoders},
};

/// The stream that is asked for: there is none of that name, and a transcoder tells whom it trusts by how it says so.
const STREAM: &str = "doctor";
/// The application that every transcoder serves.
const APP: &str = "live";
/// Push targets that are tried, each address once.
const TARGETS: usize = 64;
/// Read at once; a refusal is far shorter.
const READ: usize = 4096;

impl Patient for Mux {
    const ADMIN_PORT: u16 = ADMIN_PORT;

    fn plan(raw: &Raw, config: &Config) -> Plan {
        raw.plan(config)
    }

    async fn visit(config: Config) -> Vec<Finding> {
        let mut visits = JoinSet::new();
        if let Some(transcoders) = &config.transcoders {
            for (name, address, token) in known(transcoders) {
                visits.spawn(async move {
                    let answer = reach::within(knock(&address, token)).await;
                    of_transcoder(&name, &address, answer)
                });
            }
        }
        for (what, address) in targets(&config) {
            visits.spawn(async move {
                let answer = reach::connect(&address).await;
                of_target(what, answer.map(drop))
            });
        }
        let mut findings = visits.join_all().await;
        if config.transcoders.is_none() {
            findings.push(Finding::not_applicable(
                Area::Peers,
                "",
                "no [[transcoder]] is configured",
            ));
        }
        findings.sort_by(|one, other| one.subject.cmp(&other.subject));
        findings
    }
}

/// Each transcoder, and what it is shown.
fn known(transcoders: &Transcoders) -> Vec<(String, HostPort, Token)> {
    let Ok(stream) = STREAM.parse::<StreamName>() else {
        return Vec::new();
    };
    let all = transcoders.addresses.iter();
    all.map(|(name, address)| {
        let token = transcoders.secret.publish_token(&stream);
        (name.clone(), address.clone(), token)
    })
    .collect()
}

/// Addresses that streams are pushed to, each once, with the first target that has it.
fn targets(config: &Config) -> Vec<(String, HostPort)> {
    let mut found: Vec<(String, HostPort)> = Vec::new();
    let pushes = config.pushes.iter();
    let all = pushes.flat_map(|(stream, targets)| targets.iter().map(move |one| (stream, one)));
    for (stream, target) in all {
        let address = &target.url.address;
        if found.len() < TARGETS && !found.iter().any(|(_, known)| known == address) {
            let what = format!("{} of {stream}, {}", target.name, target.url);
            found.push((what, address.clone()));
        }
    }
    found
}

/// Why the transcoder does not let us play a stream that is not there.
async fn knock(address: &HostPort, token: Token) -> Result<CloseReason, String> {
    let mut socket = reach::connect(address).await?;
    let config = ClientConfig {
        purpose: Purpose::Play,
        app: APP.to_owned(),
        tc_url: Secret::new(format!("rtmp://{address}/{APP}")),
        key: Secret::new(format!("{STREAM}?token={}", token.expose())),
        chunk_size: 65_536,
        deadline: reach::PATIENCE,
        dead_after: None,
    };
    let mut session = ClientSession::new(config, clock::monotonic());
    let mut buffer = [0; READ];
    loop {
        while let Some(action) = session.next_action() {
            match action {
                ClientAction::Send(bytes) => {
                    let sent = socket.write_all(&bytes).await;
                    sent.map_err(|error| error.to_string())?;
                }
                ClientAction::Closed(reason) => return Ok(reason),
                ClientAction::Playing
                | ClientAction::Publishing { .. }
                | ClientAction::Media(_) => {
                    return Err("it plays a stream that there is not".to_owned());
                }
            }
        }
        match socket.read(&mut buffer).await {
            Ok(0) => return Err("it closes the connection without a word".to_owned()),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                session.handle_input(bytes, clock::monotonic());
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn of_transcoder(name: &str, address: &HostPort, answer: Result<CloseReason, String>) -> Finding {
    let failure =
        |sentence: String, remedy: String| Finding::failure(Area::Peers, name, sentence, remedy);
    match answer {
        Ok(CloseReason::Refused { code, .. }) if code == "NetStream.Play.StreamNotFound" => {
            Finding::ok(Area::Peers, name, format!("answers at {address} and knows us"))
        }
        Ok(CloseReason::Refused { .. }) => failure(
            format!("answers at {address}, but does not know us: the two boxes have different cluster secrets"),
            "make the file of [cluster] secret the same on both (sudo sha256sum compares); then restart what was changed".to_owned(),
        ),
        Ok(other) => failure(
            format!("what answers at {address} is no transcoder of Footlight: {other}"),
            "correct its address in [[transcoder]], or stop what listens there".to_owned(),
        ),
        Err(why) => failure(
            why,
            "on that box: sudo footlight-transcoder doctor. If it is well, look at the way there: ping, the tunnel (sudo wg), the firewall (sudo nft list ruleset)".to_owned(),
        ),
    }
}

fn of_target(what: String, answer: Result<(), String>) -> Finding {
    match answer {
        Ok(()) => Finding::ok(Area::Targets, what, "can be reached (no key was sent)"),
        Err(why) => Finding::warning(
            Area::Targets,
            what,
            why,
            "compare its address with what the platform says today; does the firewall let this box out?",
        ),
    }
}

#[cfg(test)]
mod tests {
    use live::doctor::Verdict;
    use tokio::net::TcpListener;

    use super::*;

    fn judged(answer: Result<CloseReason, String>) -> Finding {
        let address = "10.0.0.2:1945".parse().unwrap();
        of_transcoder("transcoder-1", &address, answer)
    }

    #[test]
    fn a_transcoder_knows_us_does_not_or_is_none() {
        let refused = |code: &str| CloseReason::Refused {
            code: code.to_owned(),
            description: String::new(),
        };
        let found = judged(Ok(refused("NetStream.Play.StreamNotFound")));
        assert_eq!(found.verdict, Verdict::Ok);
        let stranger = judged(Ok(refused("NetStream.Play.Failed")));
        assert_eq!(stranger.verdict, Verdict::Failure);
        assert!(stranger.sentence.contains("different cluster secrets"));
        let http = judged(Ok(CloseReason::NotRtmp(b'H')));
        assert!(http.sentence.contains("no transcoder"), "{http:?}");
        let dead = judged(Err("10.0.0.2:1945 refuses the connection".into()));
        assert!(dead.remedy.unwrap().contains("footlight-transcoder doctor"));
    }

    #[tokio::test]
    async fn who_says_nothing_is_given_up_and_who_is_gone_is_named() {
        let token = live::cluster::ClusterSecret::new("0123456789abcdef").unwrap();
        let token = token.publish_token(&STREAM.parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: HostPort = listener.local_addr().unwrap().to_string().parse().unwrap();
        let accepted = async { drop(listener.accept().await.unwrap()) };
        let (answer, ()) = tokio::join!(knock(&address, token.clone()), accepted);
        assert!(answer.is_err(), "{answer:?}");
        drop(listener);
        let answer = knock(&address, token).await.unwrap_err();
        assert!(answer.contains(&address.to_string()), "{answer}");
    }
}
