//! I-frame playlists of recorded shows.

use live::playlist::Multivariant;

use super::*;

#[test]
fn a_show_that_is_over_can_be_wound_through_its_first_pictures() {
    let directory = Directory::new("winding");
    let mut stand = Stand::new(&directory.0);
    let show = show_directory(&directory.0, START_MS);
    let mut messages = Show::default().session(START_MS, None);
    messages.extend(holds(&messages, START_MS + 14_066, 2));
    for message in messages {
        stand.feed(message);
    }
    for rendition in [Rendition::Source, RUNG] {
        let path = show.join(ShowObject::IFrames(rendition).to_string());
        assert!(!path.exists(), "{rendition}");
    }
    stand.feed(Message::End);

    for rendition in [Rendition::Source, RUNG] {
        let text =
            fs::read_to_string(show.join(ShowObject::IFrames(rendition).to_string())).unwrap();
        assert!(text.contains("#EXT-X-I-FRAMES-ONLY\n") && text.ends_with("#EXT-X-ENDLIST\n"));
        assert!(text.contains("#EXT-X-PLAYLIST-TYPE:VOD\n"));
        // The same ranges as were served live, and each ends with the key that the segment begins with.
        let live = stand.stage.stream.i_frames(rendition).unwrap().full.whole();
        let live = String::from_utf8(live.to_vec()).unwrap();
        let ranges = |text: &str| -> Vec<String> {
            let ranges = text
                .lines()
                .filter(|line| line.starts_with("#EXT-X-BYTERANGE"));
            ranges.map(ToOwned::to_owned).collect()
        };
        assert!(ranges(&text).len() >= 6, "{text}");
        assert!(
            ranges(&text).ends_with(&ranges(&live)),
            "{rendition}: {text}{live}"
        );
        for (msn, segment) in playlist(&show, rendition).numbered() {
            assert!(text.contains(segment.uri.as_str()), "{msn}");
        }
    }
    assert!(
        !show
            .join(ShowObject::IFrames(Rendition::Audio).to_string())
            .exists()
    );
    let index = fs::read(show.join("index.m3u8")).unwrap();
    let index = Multivariant::parse(&index).unwrap();
    let mut wound: Vec<String> = index
        .i_frame_variants
        .iter()
        .map(|v| v.uri.to_string())
        .collect();
    wound.sort();
    assert_eq!(wound, ["240p/iframes.m3u8", "source/iframes.m3u8"]);
    assert!(
        index
            .i_frame_variants
            .iter()
            .all(|v| v.bandwidth >= v.average_bandwidth.unwrap())
    );
}
