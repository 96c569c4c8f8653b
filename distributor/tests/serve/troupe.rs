//! Several distributors in front of one origin, each of which has the others for peers.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

use http::StatusCode;
use live::{
    StreamName,
    placement::{Member, ranks},
};
use serde_json::Value;

use crate::stage::{Origin, Stage};

/// An address on which nobody else listens: of this process's own, and of no range from which any free one is taken.
pub(crate) fn address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(27_100);
    let own = Ipv4Addr::from(0x7f00_0002 + (std::process::id() & 0x003f_ffff));
    (own, NEXT.fetch_add(1, Relaxed)).into()
}

/// `[peer]` of the box at `own` in a list of such addresses and weights.
pub(crate) fn section(own: usize, list: &[(SocketAddr, u16)]) -> String {
    let listen = list[own].0;
    let mut text = format!(
        "[peer]\nname = \"d{own}\"\nlisten = \"{listen}\"\nurl = \"https://live.example\"\n"
    );
    for (n, (address, weight)) in list.iter().enumerate() {
        writeln!(
            text,
            "[[peer.distributor]]\nname = \"d{n}\"\naddress = \"{address}\"\n\
             url = \"https://d{n}.example\"\nweight = {weight}"
        )
        .unwrap();
    }
    text
}

/// Indices of boxes of such weights in the order of `stage`'s ranks.
pub(crate) fn order(weights: &[u16]) -> Vec<usize> {
    let members = weights.iter().enumerate();
    let members: Vec<_> = members
        .map(|(n, weight)| Member::new(&format!("d{n}"), *weight).unwrap())
        .collect();
    ranks(&"stage".parse::<StreamName>().unwrap(), &members)
}

pub(crate) fn stands(status: &Value, name: &str) -> Value {
    let all = status["peers"]["distributors"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap().clone()
}

/// Distributors in front of one origin in the order of `stage`'s ranks, so the first is its home.
pub(crate) struct Troupe {
    pub(crate) boxes: Vec<Stage>,
    pub(crate) names: Vec<String>,
}

impl Troupe {
    /// So many, each of which knows that the others are well.
    pub(crate) async fn new(count: usize, origin: &Origin) -> Self {
        Self::with(&vec![""; count], origin).await
    }

    /// One for each of `more`, its further keys.
    pub(crate) async fn with(more: &[&str], origin: &Origin) -> Self {
        let count = more.len();
        let list: Vec<_> = (0..count).map(|_| (address(), 1)).collect();
        let (mut boxes, mut names) = (Vec::new(), Vec::new());
        for (own, more) in order(&vec![1; count]).into_iter().zip(more) {
            let more = format!("{more}\n{}", section(own, &list));
            boxes.push(Stage::with(&[origin], &more).await);
            names.push(format!("d{own}"));
        }
        let troupe = Self { boxes, names };
        for stage in &troupe.boxes {
            for name in &troupe.names {
                stage
                    .until(|status| stands(status, name)["state"] != "down")
                    .await;
            }
        }
        troupe
    }

    pub(crate) async fn get(&self, rank: usize, target: &str) -> String {
        let reply = self.boxes[rank].viewer().await.get(target).await;
        assert_eq!(reply.status, StatusCode::OK, "{target}");
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    /// The names of a steering manifest's pathways.
    pub(crate) async fn steered(&self, rank: usize, query: &str) -> Vec<String> {
        let text = self.get(rank, &format!("/steer/stage?{query}")).await;
        let manifest: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(manifest["VERSION"], 1);
        let names = manifest["PATHWAY-PRIORITY"].as_array().unwrap();
        let names = names.iter().map(|name| name.as_str().unwrap().to_owned());
        names.collect()
    }
}
