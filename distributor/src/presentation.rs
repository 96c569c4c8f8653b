//! [pure] A stream's multivariant playlist as one viewer is given it.
//!
//! The origin's playlist is read once for each version into a [`Template`]; each viewer's copy is written from it: with
//! the viewer's number in the address of every media playlist, without the qualities that the box cannot carry now, and,
//! where there are several distributors, with every variant once for each pathway (RFC 8216bis §7). No quality is ever
//! left out if nothing would be left.

use live::{
    StreamName,
    playlist::{AlternativeRendition, IFrameVariant, Multivariant, Text, Uri, Variant},
};

use crate::{
    ladder::{Ladder, rendition},
    viewer::ViewerId,
};

/// Longest playlist that is taken for a template: 20 times that of a full ladder.
pub(crate) const TEMPLATE_MAX: usize = 64 << 10;

/// A multivariant playlist as its origin wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// `/live/{stream}/`, which its addresses are seen from.
    directory: String,
    list: Multivariant,
}

/// The best that a viewer may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ceiling {
    /// Everything there is.
    #[default]
    None,
    /// Without the best picture, where there is another one.
    BelowTop,
    /// Sound alone, where there is a variant of it; else the least of all.
    Least,
}

/// A distributor that a viewer may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pathway {
    /// Its name, as PATHWAY-ID and behind the name of each group of renditions.
    pub(crate) name: Text,
    /// Its address for viewers: `https://d1.example`, without a slash at the end.
    pub(crate) base: String,
}

/// What one viewer is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct View<'a> {
    pub(crate) viewer: Option<ViewerId>,
    pub(crate) ceiling: Ceiling,
    /// The first is the one to begin with. None: addresses stay relative, and nothing is said of steering.
    pub(crate) pathways: &'a [Pathway],
    /// Where to ask for another order of pathways.
    pub(crate) steering: Option<&'a str>,
}

impl Template {
    /// Reads what the origin wrote for `stream`. None if it is not understood: then it goes out as it came.
    pub(crate) fn read(playlist: &[u8], stream: &StreamName) -> Option<Self> {
        if playlist.len() > TEMPLATE_MAX {
            return None;
        }
        let list = Multivariant::parse(playlist).ok()?;
        (!list.variants.is_empty()).then(|| Self {
            directory: format!("/live/{stream}/"),
            list,
        })
    }

    /// The qualities that there are.
    pub(crate) fn ladder(&self) -> Ladder {
        Ladder::of(&self.list)
    }

    /// The playlist for this viewer.
    pub(crate) fn write(&self, view: &View<'_>) -> String {
        let mut list = self.list.clone();
        view.ceiling.lower(&mut list);
        if view.pathways.is_empty() {
            let address = |uri: &Uri| with_viewer(uri.as_str(), view.viewer);
            list.readdress(&address);
            return list.write();
        }
        let mut all = Multivariant {
            renditions: Vec::new(),
            variants: Vec::new(),
            i_frame_variants: Vec::new(),
            content_steering: view.steering.and_then(|uri| steering(uri, view.pathways)),
            ..list.clone()
        };
        for (rank, pathway) in view.pathways.iter().enumerate() {
            let mut list = list.clone();
            list.readdress(&|uri| self.at(pathway, uri, view.viewer));
            list.send_by(pathway, rank > 0);
            all.renditions.append(&mut list.renditions);
            all.variants.append(&mut list.variants);
            all.i_frame_variants.append(&mut list.i_frame_variants);
        }
        all.write()
    }

    /// The same object at the distributor of `pathway`. What the origin addressed otherwise is not ours to move.
    fn at(&self, pathway: &Pathway, uri: &Uri, viewer: Option<ViewerId>) -> String {
        let text = uri.as_str();
        if text.starts_with('/') || text.contains(':') {
            return text.to_owned();
        }
        let (base, directory) = (&pathway.base, &self.directory);
        with_viewer(&format!("{base}{directory}{text}"), viewer)
    }
}

/// What a view does to a playlist.
trait Viewed {
    /// Gives every media playlist the address that `address` makes of its own.
    fn readdress(&mut self, address: &dyn Fn(&Uri) -> String);
    /// Marks every variant as being of `pathway`, and keeps its groups apart from those of others if `apart`.
    fn send_by(&mut self, pathway: &Pathway, apart: bool);
}

impl Viewed for Multivariant {
    fn readdress(&mut self, address: &dyn Fn(&Uri) -> String) {
        let alternatives = self.renditions.iter_mut().filter_map(|r| r.uri.as_mut());
        let variants = self.variants.iter_mut().map(|v| &mut v.uri);
        let i_frames = self.i_frame_variants.iter_mut().map(|v| &mut v.uri);
        for uri in alternatives.chain(variants).chain(i_frames) {
            if let Ok(changed) = address(uri).parse() {
                *uri = changed;
            }
        }
    }

    fn send_by(&mut self, pathway: &Pathway, apart: bool) {
        let group = |group: &mut Text| {
            if let Ok(own) = format!("{group}-{}", pathway.name).parse()
                && apart
            {
                *group = own;
            }
        };
        for AlternativeRendition { group_id, .. } in &mut self.renditions {
            group(group_id);
        }
        for Variant {
            audio, pathway: of, ..
        } in &mut self.variants
        {
            audio.as_mut().map(group);
            *of = Some(pathway.name.clone());
        }
        for IFrameVariant { pathway: of, .. } in &mut self.i_frame_variants {
            *of = Some(pathway.name.clone());
        }
    }
}

impl Ceiling {
    fn lower(self, list: &mut Multivariant) {
        match self {
            Self::None => {}
            Self::BelowTop => {
                let Some(top) = Ladder::of(list).top() else {
                    return;
                };
                let stays = |uri: &Uri| rendition(uri) != Some(top);
                list.variants.retain(|variant| stays(&variant.uri));
                list.i_frame_variants.retain(|variant| stays(&variant.uri));
            }
            Self::Least => {
                let bandwidths = list.variants.iter().map(|variant| variant.bandwidth);
                let Some(least) = bandwidths.min() else {
                    return;
                };
                list.variants.retain(|variant| variant.bandwidth <= least);
                list.i_frame_variants
                    .retain(|variant| variant.bandwidth <= least);
            }
        }
    }
}

fn with_viewer(uri: &str, viewer: Option<ViewerId>) -> String {
    match viewer {
        Some(viewer) => format!("{uri}?v={viewer}"),
        None => uri.to_owned(),
    }
}

/// EXT-X-CONTENT-STEERING's attributes (RFC 8216bis §4.4.6.6).
fn steering(uri: &str, pathways: &[Pathway]) -> Option<live::playlist::Line> {
    let first = &pathways.first()?.name;
    format!("SERVER-URI=\"{uri}\",PATHWAY-ID=\"{first}\"")
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use live::playlist::check;

    use super::*;

    const PLAYLIST: &str = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Sound\",LANGUAGE=\"und\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio/media.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1500000,AVERAGE-BANDWIDTH=1100000,CODECS=\"avc1.64001e,mp4a.40.2\",RESOLUTION=854x480,FRAME-RATE=30.000,AUDIO=\"audio\"\n480p/media.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=6500000,AVERAGE-BANDWIDTH=6200000,CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=30.000,AUDIO=\"audio\"\nsource/media.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=170000,AVERAGE-BANDWIDTH=160000,CODECS=\"mp4a.40.2\",AUDIO=\"audio\"\naudio/media.m3u8\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=300000,AVERAGE-BANDWIDTH=150000,CODECS=\"avc1.64001e\",RESOLUTION=854x480,URI=\"480p/iframes.m3u8\"\n";

    fn template() -> Template {
        Template::read(PLAYLIST.as_bytes(), &"stage".parse().unwrap()).unwrap()
    }

    fn pathways() -> Vec<Pathway> {
        let pathway = |name: &str| Pathway {
            name: name.parse().unwrap(),
            base: format!("https://{name}.example"),
        };
        vec![pathway("d2"), pathway("d1")]
    }

    fn viewer() -> ViewerId {
        "00000000000000ff".parse().unwrap()
    }

    #[test]
    fn who_is_nobody_in_particular_gets_what_the_origin_wrote() {
        assert_eq!(template().write(&View::default()), PLAYLIST);
    }

    #[test]
    fn a_viewer_is_known_by_every_media_playlist_it_asks_for() {
        let view = View {
            viewer: Some(viewer()),
            ..View::default()
        };
        let written = template().write(&view);
        assert_eq!(written.replace("?v=00000000000000ff", ""), PLAYLIST);
        assert_eq!(written.matches("?v=00000000000000ff").count(), 5);
    }

    #[test]
    fn each_pathway_has_every_variant_at_its_own_address_and_begins_with_the_first() {
        let pathways = pathways();
        let view = View {
            viewer: Some(viewer()),
            pathways: &pathways,
            steering: Some("/steer/stage?v=00000000000000ff"),
            ..View::default()
        };
        let written = template().write(&view);
        let parsed = Multivariant::parse(written.as_bytes()).unwrap();
        assert_eq!(check::multivariant(&parsed), []);
        let of = |pathway: &str| {
            let id: Text = pathway.parse().unwrap();
            let variants = parsed.variants.iter();
            variants.filter(move |v| v.pathway.as_ref() == Some(&id))
        };
        assert_eq!((of("d2").count(), of("d1").count()), (3, 3));
        for variant in of("d1") {
            assert!(
                variant
                    .uri
                    .as_str()
                    .starts_with("https://d1.example/live/stage/")
            );
            let group = variant.audio.as_ref().unwrap();
            let sound = parsed.renditions.iter().find(|r| r.group_id == *group);
            let uri = sound.and_then(|sound| sound.uri.as_ref()).unwrap();
            assert_eq!(
                uri.as_str(),
                "https://d1.example/live/stage/audio/media.m3u8?v=00000000000000ff"
            );
        }
        assert!(written.contains(
            "#EXT-X-CONTENT-STEERING:SERVER-URI=\"/steer/stage?v=00000000000000ff\",PATHWAY-ID=\"d2\"\n"
        ));
        assert_eq!(parsed.variants[0].pathway, Some("d2".parse().unwrap()));
    }

    #[test]
    fn a_full_box_offers_less_but_never_nothing() {
        let offered = |ceiling| {
            let view = View {
                ceiling,
                ..View::default()
            };
            let parsed = Multivariant::parse(template().write(&view).as_bytes()).unwrap();
            let uris = parsed.variants.iter();
            uris.map(|v| v.uri.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            offered(Ceiling::BelowTop),
            ["480p/media.m3u8", "audio/media.m3u8"]
        );
        assert_eq!(offered(Ceiling::Least), ["audio/media.m3u8"]);
        let alone = PLAYLIST.split_inclusive('\n').take(5).collect::<String>();
        let alone = Template::read(alone.as_bytes(), &"stage".parse().unwrap()).unwrap();
        for ceiling in [Ceiling::BelowTop, Ceiling::Least] {
            let view = View {
                ceiling,
                ..View::default()
            };
            assert_eq!(alone.write(&view), alone.write(&View::default()));
        }
    }

    #[test]
    fn what_is_no_such_playlist_is_no_template() {
        let stage = "stage".parse().unwrap();
        for text in [
            "",
            "#EXTM3U\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:3\n",
            "<html>",
        ] {
            assert_eq!(Template::read(text.as_bytes(), &stage), None, "{text}");
        }
        let long = PLAYLIST.to_owned() + &"#\n".repeat(TEMPLATE_MAX);
        assert_eq!(Template::read(long.as_bytes(), &stage), None);
    }
}
