//! [pure] `[peer]`: the distributors of an appliance that has several, and which of them this box is.

use std::collections::BTreeSet;

use live::{
    daemon::config::{HostPort, Listen, Problems, nearest},
    placement::{MAX_MEMBERS, Member, MemberError},
};
use serde::{Deserialize, Serialize};

/// What may be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSection {
    /// This box's name in the list.
    pub name: String,
    /// Where the others ask, in the clear.
    pub listen: Listen,
    /// `https://HOST`: the name that leads viewers to any of the distributors.
    pub url: String,
    /// All distributors, this one too: the same list in the same words on every box.
    pub distributor: Vec<DistributorSection>,
}

/// `[[peer.distributor]]`: one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistributorSection {
    /// Its name, by which streams are placed.
    pub name: String,
    /// Host and port of its private listener.
    pub address: HostPort,
    /// `https://HOST`: where viewers reach it and no other.
    pub url: String,
    /// Its share of the streams beside the others: 1 to 100. Default 1.
    #[serde(default = "super::weight")]
    pub weight: u16,
}

/// What it means where there are several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peering {
    pub(crate) listen: Listen,
    pub(crate) url: String,
    /// This box's place in the list.
    pub(crate) own: usize,
    pub(crate) distributors: Vec<Neighbour>,
}

/// One distributor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbour {
    /// Its place among the others.
    pub(crate) member: Member,
    /// `host:port` of its private listener.
    pub(crate) authority: String,
    pub(crate) url: String,
}

impl Peering {
    /// Where viewers reach any of the distributors, and each of them.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        let each = self.distributors.iter().map(|one| one.url.as_str());
        [self.url.as_str()].into_iter().chain(each)
    }
}

impl PeerSection {
    /// Nothing where this box is the only one, or after noting what is wrong.
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Option<Peering> {
        if self.distributor.is_empty() || self.distributor.len() > MAX_MEMBERS {
            problems.refuse(
                "peer.distributor",
                format_args!("list 1 to {MAX_MEMBERS} distributors, this one too"),
            );
            return None;
        }
        let url = public(&self.url, "peer.url", problems);
        let (mut names, mut urls) = (BTreeSet::new(), BTreeSet::new());
        let mut distributors = Vec::new();
        for (index, section) in self.distributor.iter().enumerate() {
            let at = format!("peer.distributor[{index}]");
            let twice = "is given twice: each box has its own";
            if !names.insert(section.name.as_str()) {
                problems.refuse(format!("{at}.name"), format_args!("this name {twice}"));
            }
            if !urls.insert(section.url.as_str()) {
                problems.refuse(format!("{at}.url"), format_args!("this address {twice}"));
            }
            distributors.extend(section.resolve(&at, problems));
        }
        let own = self
            .distributor
            .iter()
            .position(|one| one.name == self.name);
        if own.is_none() {
            let meant = match nearest(&self.name, names) {
                Some(name) => format!("did you mean {name:?}?"),
                None => "list this box too".to_owned(),
            };
            problems.refuse(
                "peer.name",
                format_args!(
                    "{:?} is not in the list of distributors; {meant}",
                    self.name
                ),
            );
        }
        let whole = distributors.len() == self.distributor.len() && distributors.len() > 1;
        let (url, own) = (url?, own?);
        whole.then(|| Peering {
            listen: self.listen.clone(),
            url,
            own,
            distributors,
        })
    }
}

impl DistributorSection {
    fn resolve(&self, at: &str, problems: &mut Problems<'_>) -> Option<Neighbour> {
        let url = public(&self.url, &format!("{at}.url"), problems);
        let member = Member::new(&self.name, self.weight).map_err(|error| {
            let key = match error {
                MemberError::Name(_) => "name",
                MemberError::Weight => "weight",
            };
            problems.refuse(format!("{at}.{key}"), error);
        });
        Some(Neighbour {
            member: member.ok()?,
            authority: self.address.to_string(),
            url: url?,
        })
    }
}

/// `https://host` or `https://host:port`: addresses for viewers are made by appending a path.
fn public(text: &str, key: &str, problems: &mut Problems<'_>) -> Option<String> {
    let good = text.starts_with("https://") && super::web_origin(text).is_some();
    if !good {
        problems.refuse(
            key,
            format_args!("{text:?} is no address for viewers: write scheme and host in lower case and nothing behind, such as \"https://live.example\""),
        );
    }
    good.then(|| text.to_owned())
}
