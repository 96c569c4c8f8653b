use proptest::prelude::*;

use super::*;

fn rendition() -> impl Strategy<Value = Rendition> {
    prop_oneof![
        Just(Rendition::Source),
        Rendition::HEIGHTS.prop_map(Rendition::Encoded),
        Just(Rendition::Audio)
    ]
}

fn object() -> impl Strategy<Value = Object> {
    (rendition(), any::<u64>(), any::<u32>(), 0..18).prop_map(|(rendition, n, part, kind)| {
        let show = |object| Object::Show(SessionId(part.into()), object);
        match kind {
            0 => Object::Multivariant,
            1 => Object::Media(rendition),
            2 => Object::Init(rendition, InitHash(n)),
            3 => Object::Segment(rendition, Msn(n)),
            4 => Object::Part(rendition, Msn(n), PartIndex(part)),
            5 => Object::IFrames(rendition),
            6 => Object::Poster,
            7 => Object::Storyboard,
            8 => Object::Sheet(n),
            9 => show(ShowObject::Multivariant),
            10 => show(ShowObject::Media(rendition)),
            11 => show(ShowObject::Init(rendition, InitHash(n))),
            12 => show(ShowObject::Segment(rendition, Msn(n))),
            13 => show(ShowObject::File),
            14 => show(ShowObject::Poster),
            15 => show(ShowObject::Storyboard),
            16 => show(ShowObject::Sheet(n)),
            _ => show(ShowObject::IFrames(rendition)),
        }
    })
}

proptest! {
    #[test]
    fn every_object_has_a_path_that_names_it(stream in "[a-z0-9][a-z0-9_-]{0,63}", object in object()) {
        let path = ObjectPath { stream: stream.parse().unwrap(), object };
        prop_assert_eq!(path.to_string().parse::<ObjectPath>(), Ok(path));
    }

    #[test]
    fn whatever_parses_was_spelled_the_one_way(text in "/live/[a-z0-9._%/-]{1,12}/(source|audio|[0-9]{1,4}p|)/?[a-z0-9.+-]{1,24}(m4s|mp4|m3u8)") {
        if let Ok(path) = text.parse::<ObjectPath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn no_text_is_a_panic(text in ".*") {
        if let Ok(path) = text.parse::<ObjectPath>() {
            prop_assert_eq!(path.to_string(), text.clone());
        }
        if let Ok(directives) = Directives::parse(&text) {
            prop_assert_eq!(Directives::parse(&directives.to_string()), Ok(directives));
        }
    }
}

#[test]
fn the_grammar_of_the_design() {
    for good in [
        "/live/stage/index.m3u8",
        "/live/stage/source/media.m3u8",
        "/live/stage/720p/init-00ff00ff00ff00ff.mp4",
        "/live/stage/audio/1795000000.m4s",
        "/live/stage/480p/1795000000.3.m4s",
        "/live/stage/480p/iframes.m3u8",
        "/live/stage/poster.jpg",
        "/live/stage/storyboard.vtt",
        "/live/stage/storyboard-17.jpg",
        "/live/stage/vod/1795000000123/index.m3u8",
        "/live/stage/vod/1795000000123/source/media.m3u8",
        "/live/stage/vod/1795000000123/480p/iframes.m3u8",
        "/live/stage/vod/1795000000123/source/1795000000.m4s",
        "/live/stage/vod/1795000000123/poster.jpg",
        "/live/stage/vod/1795000000123/storyboard.vtt",
        "/live/stage/vod/1795000000123/storyboard-17.jpg",
        "/live/stage/vod/1795000000123/show.mp4",
    ] {
        assert_eq!(good.parse::<ObjectPath>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "/",
        "/live",
        "/live/stage",
        "/live/stage/",
        "/live/stage/index.m3u8/",
        "/live//index.m3u8",
        "/live/../etc/passwd",
        "/live/stage/../stage/index.m3u8",
        "/live/stage/source/index.m3u8",
        "/live/stage/source/01.m4s",
        "/live/stage/source/1.01.m4s",
        "/live/stage/source/1.2.3.m4s",
        "/live/stage/source/.m4s",
        "/live/stage/source/18446744073709551616.m4s",
        "/live/stage/source/1.4294967296.m4s",
        "/live/stage/source/init-.mp4",
        "/live/stage/source/init-00FF00ff00ff00ff.mp4",
        "/live/stage/0720p/media.m3u8",
        "/live/stage/source/1.m4s?x=1",
        "/live/stage/storyboard-01.jpg",
        "/live/stage/vod/1795000000123/",
        "/live/stage/vod/1795000000123/storyboard-01.jpg",
        "/live/stage/vod/1795000000123/source/1.0.m4s",
        "/live/stage/vod/1795000000123/vod/1/show.mp4",
    ] {
        assert_eq!(bad.parse::<ObjectPath>(), Err(ObjectPathError), "{bad}");
    }
}

#[test]
fn directives_are_read_or_refused() {
    let read = Directives::parse;
    assert_eq!(read(""), Ok(Directives::default()));
    assert_eq!(read("CMCD=bl%3D1&x"), Ok(Directives::default()));
    let blocked = Directives {
        block: Some((Msn(7), Some(PartIndex(2)))),
        skip: Some(Skip::V2),
    };
    assert_eq!(read("_HLS_skip=v2&_HLS_part=2&a=b&_HLS_msn=7"), Ok(blocked));
    assert_eq!(blocked.to_string(), "_HLS_msn=7&_HLS_part=2&_HLS_skip=v2");
    assert_eq!(read("_HLS_part=2"), Err(DirectivesError::PartWithoutMsn));
    assert_eq!(read("_HLS_msn=-1"), Err(DirectivesError::Value("_HLS_msn")));
    assert_eq!(
        read("_HLS_msn=1&_HLS_part=x"),
        Err(DirectivesError::Value("_HLS_part"))
    );
    assert_eq!(
        read("_HLS_skip=maybe"),
        Err(DirectivesError::Value("_HLS_skip"))
    );
    assert_eq!(
        read("_HLS_msn=1&_HLS_msn=1"),
        Err(DirectivesError::Twice("_HLS_msn"))
    );
}
