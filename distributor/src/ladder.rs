//! [pure] The qualities of a stream, best first, and what one viewer of each takes of the line.

use std::cmp::Reverse;

use live::{
    Object, Rendition,
    playlist::{Multivariant, Uri},
};

use crate::presentation::Ceiling;

/// What goes over the line for each thousand bits of media: 5 % for TCP and IP, 0.1 % for TLS, and the rest for heads and
/// playlists.
const LINE_PER_MILLE: u128 = 1_059;

/// One quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) rendition: Rendition,
    /// Average bits per second, with the sound that goes with it.
    pub(crate) bits: u64,
}

/// The qualities of a stream, best first, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ladder(Vec<Rung>);

impl Ladder {
    /// Those that `list` has; what another host serves is not ours to reckon with.
    pub(crate) fn of(list: &Multivariant) -> Self {
        let mut rungs: Vec<Rung> = Vec::new();
        for variant in &list.variants {
            let known = |rendition| rungs.iter().any(|rung| rung.rendition == rendition);
            if let Some(rendition) = rendition(&variant.uri).filter(|one| !known(*one)) {
                let bits = variant.average_bandwidth.unwrap_or(variant.bandwidth);
                rungs.push(Rung { rendition, bits });
            }
        }
        rungs.sort_by_key(|rung| Reverse(rung.bits));
        Self(rungs)
    }

    /// What a transcoder makes of a stream unless it is told otherwise.
    pub(crate) fn usual() -> Self {
        let rungs = [
            (Rendition::Source, 6_160_000),
            (Rendition::Encoded(1080), 4_660_000),
            (Rendition::Encoded(720), 2_960_000),
            (Rendition::Encoded(480), 1_560_000),
            (Rendition::Encoded(360), 960_000),
            (Rendition::Audio, 160_000),
        ];
        Self(
            rungs
                .map(|(rendition, bits)| Rung { rendition, bits })
                .into(),
        )
    }

    /// Best first.
    pub(crate) fn rungs(&self) -> &[Rung] {
        &self.0
    }

    /// The best picture, if there is another one to go down to.
    pub(crate) fn top(&self) -> Option<Rendition> {
        let mut pictures = self.pictures();
        let top = pictures.next()?;
        pictures.next().map(|_| top.rendition)
    }

    /// Bits per second that a new viewer is expected to take of the line: halfway between the least and the best picture
    /// that he may have. Players begin low and go up, if they can at all; by then it is measured what they take.
    pub(crate) fn need(&self, ceiling: Ceiling) -> u64 {
        let least = self.0.last().map_or(0, |rung| rung.bits);
        let top = self.top().filter(|_| ceiling != Ceiling::None);
        let mut pictures = self.pictures().filter(|rung| Some(rung.rendition) != top);
        let bits = match (ceiling, pictures.next()) {
            (Ceiling::Least, _) | (_, None) => least,
            (_, Some(best)) => {
                let worst = pictures.next_back().unwrap_or(best);
                best.bits.midpoint(worst.bits)
            }
        };
        on_the_line(bits)
    }

    fn pictures(&self) -> impl DoubleEndedIterator<Item = &Rung> {
        let is_picture = |rung: &&Rung| rung.rendition != Rendition::Audio;
        self.0.iter().filter(is_picture)
    }
}

/// Bits that go over the line for so many of media.
pub(crate) fn on_the_line(bits: u64) -> u64 {
    let all = u128::from(bits) * LINE_PER_MILLE / 1_000;
    u64::try_from(all).unwrap_or(u64::MAX)
}

/// The quality whose playlist is at `uri`, seen from the stream's directory.
pub(crate) fn rendition(uri: &Uri) -> Option<Rendition> {
    let object: Object = uri.as_str().parse().ok()?;
    let is_list = matches!(object, Object::Media(_) | Object::IFrames(_));
    object.rendition().filter(|_| is_list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(names: &str) -> Ladder {
        let mut text = "#EXTM3U\n".to_owned();
        for (name, bits) in names.split(' ').zip(1..) {
            text += &format!(
                "#EXT-X-STREAM-INF:BANDWIDTH=9000,AVERAGE-BANDWIDTH={bits}000\n{name}/media.m3u8\n"
            );
        }
        Ladder::of(&Multivariant::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn there_is_a_top_only_where_a_picture_is_left_without_it() {
        assert_eq!(ladder("audio 360p source").top(), Some(Rendition::Source));
        assert_eq!(ladder("360p 720p").top(), Some(Rendition::Encoded(720)));
        for alone in [
            "audio source",
            "source",
            "audio",
            "https://a.example/x 360p",
        ] {
            assert_eq!(ladder(alone).top(), None, "{alone}");
        }
    }

    #[test]
    fn a_lower_ceiling_never_needs_more() {
        for names in ["audio 360p 720p source", "audio source", "source", "audio"] {
            let ladder = ladder(names);
            let need = |ceiling| ladder.need(ceiling);
            assert!(need(Ceiling::None) >= need(Ceiling::BelowTop), "{names}");
            assert!(need(Ceiling::BelowTop) >= need(Ceiling::Least), "{names}");
            assert!(need(Ceiling::Least) > 0, "{names}");
        }
        let usual = Ladder::usual();
        assert_eq!(usual.need(Ceiling::None), on_the_line(3_560_000));
        assert_eq!(usual.need(Ceiling::BelowTop), on_the_line(2_810_000));
        assert_eq!(usual.need(Ceiling::Least), on_the_line(160_000));
    }
}
