//! [pure] Content steering (RFC 8216bis §7): what a player asks, and the manifest that it is answered with.

use live::StreamName;
use serde::Serialize;

use crate::viewer::ViewerId;

/// Seconds after which a player asks again, at least and at most: 30 in the mean, another for each viewer, so that those
/// who came together do not ask together for ever. What is drained is left within the longer of the two.
const TTL: (u64, u64) = (27, 33);
/// The parameter by which a player tells the pathway that it is on.
const PATHWAY: &str = "_HLS_pathway";

/// What a player tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Who it is, from the address that its playlist gave it.
    pub(crate) viewer: Option<ViewerId>,
    /// The name of the pathway that it is on.
    pub(crate) pathway: Option<StreamName>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Manifest<'a> {
    version: u32,
    ttl: u64,
    reload_uri: &'a str,
    pathway_priority: &'a [&'a str],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pathway_clones: Vec<Detour<'a>>,
}

/// The way to a box that a playlist does not name: as to one that it names, but for the host.
#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Detour<'a> {
    base_id: &'a str,
    id: &'a str,
    uri_replacement: Replacement<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Replacement<'a> {
    host: &'a str,
}

/// A distributor that a viewer may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its address for viewers: `https://HOST`, with a port if need be.
    pub(crate) url: &'a str,
}

impl<'a> Way<'a> {
    /// How to reach `other` by what leads here. Only a host can be replaced, so there is none when its port is another one.
    fn detour(&self, other: &Self) -> Option<Detour<'a>> {
        let ((_, own), (host, port)) = (self.place()?, other.place()?);
        (port == own).then_some(Detour {
            base_id: self.name,
            id: other.name,
            uri_replacement: Replacement { host },
        })
    }

    /// Host and port, which is empty where it is the usual one.
    fn place(&self) -> Option<(&'a str, &'a str)> {
        let place = self.url.strip_prefix("https://")?;
        match place.rsplit_once(':') {
            // Else the colon is one of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => Some((host, port)),
            Some(_) | None => Some((place, "")),
        }
    }
}

impl Asked {
    /// Reads a query. What is not understood says nothing.
    pub(crate) fn parse(query: &str) -> Self {
        let mut parameters = query.split('&').filter_map(|pair| pair.split_once('='));
        let pathway = parameters.find(|(name, _)| *name == PATHWAY);
        // Some players put it in quotes, which are written so in a query.
        let bare = |value: &str| value.replace("%22", "").replace('"', "").parse().ok();
        Self {
            viewer: ViewerId::in_query(query),
            pathway: pathway.and_then(|(_, value)| bare(value)),
        }
    }
}

/// Where a viewer of `stream` asks for its pathways, below `base`: the address of any distributor, or nothing.
pub(crate) fn address(base: &str, stream: &StreamName, viewer: Option<ViewerId>) -> String {
    match viewer {
        Some(viewer) => format!("{base}/steer/{stream}?v={viewer}"),
        None => format!("{base}/steer/{stream}"),
    }
}

/// The manifest for `viewer`: the ways of `order`, best first, and to ask again at `reload`. A playlist names two of them;
/// who says by which he is now, `at`, is told how the others are reached.
pub(crate) fn manifest(
    order: &[Way<'_>],
    at: Option<&str>,
    reload: &str,
    viewer: Option<ViewerId>,
) -> Vec<u8> {
    let base = order.iter().find(|way| at == Some(way.name));
    let detours = base.into_iter().flat_map(|base| {
        let others = order.iter().filter(move |way| way.name != base.name);
        others.filter_map(move |way| base.detour(way))
    });
    let names: Vec<&str> = order.iter().map(|way| way.name).collect();
    let (least, most) = TTL;
    let ttl = viewer.map_or(most, |viewer| least + viewer.share(most - least + 1));
    let manifest = Manifest {
        version: 1,
        ttl,
        reload_uri: reload,
        pathway_priority: &names,
        pathway_clones: detours.collect(),
    };
    // Words and numbers always have a JSON form.
    serde_json::to_vec(&manifest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stage() -> StreamName {
        "stage".parse().unwrap()
    }

    #[test]
    fn a_player_tells_who_it_is_and_where_in_either_spelling() {
        let viewer: ViewerId = "00000000000000ff".parse().unwrap();
        for query in [
            "v=00000000000000ff&_HLS_pathway=d2&_HLS_throughput=5140000",
            "_HLS_throughput=5&_HLS_pathway=%22d2%22&v=00000000000000ff",
            "_HLS_pathway=\"d2\"&v=00000000000000ff",
        ] {
            let asked = Asked {
                viewer: Some(viewer),
                pathway: Some("d2".parse().unwrap()),
            };
            assert_eq!(Asked::parse(query), asked, "{query}");
        }
        for query in [
            "",
            "v=1&_HLS_pathway=",
            "_HLS_pathway=A%20B",
            "_HLS_pathway",
        ] {
            assert_eq!(Asked::parse(query), Asked::default(), "{query}");
        }
    }

    #[test]
    fn a_manifest_is_as_players_read_it() {
        let viewer: ViewerId = "0000000000000003".parse().unwrap();
        let reload = address("https://live.example", &stage(), Some(viewer));
        let way = |name, url| Way { name, url };
        let d1 = way("d1", "https://d1.example:8443");
        let d2 = way("d2", "https://[::2]:8443");
        let d3 = way("d3", "https://d3.example");
        let text = manifest(&[d2, d1, d3], None, &reload, Some(viewer));
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "{\"VERSION\":1,\"TTL\":30,\"RELOAD-URI\":\"https://live.example/steer/stage?v=0000000000000003\",\
             \"PATHWAY-PRIORITY\":[\"d2\",\"d1\",\"d3\"]}"
        );
        let text = manifest(&[d2, d1, d3], Some("d1"), &reload, Some(viewer));
        let clones = ",\"PATHWAY-CLONES\":[{\"BASE-ID\":\"d1\",\"ID\":\"d2\",\
                      \"URI-REPLACEMENT\":{\"HOST\":\"[::2]\"}}]}";
        assert!(String::from_utf8(text).unwrap().ends_with(clones));
        assert_eq!(address("", &stage(), None), "/steer/stage");
    }

    proptest! {
        #[test]
        fn everyone_asks_again_within_the_time(viewer in "[0-9a-f]{16}", query in "\\PC*") {
            Asked::parse(&query);
            let way = Way { name: "a", url: "https://a.example" };
            let text = manifest(&[way], Some(&query), "", viewer.parse().ok());
            let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
            prop_assert!((27..=33).contains(&read["TTL"].as_u64().unwrap()));
        }
    }
}
