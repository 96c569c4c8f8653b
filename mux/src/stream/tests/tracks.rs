//! Enhanced RTMP of a real ffmpeg: whoever joins late has what decodes every track.

use super::*;

/// Its origin stands in its first lines.
const FFMPEG: &str = include_str!("ffmpeg9.txt");

fn messages(case: &str) -> Vec<Message> {
    let lines = FFMPEG
        .lines()
        .skip_while(|line| *line != format!("case {case}"));
    let read = |line: &str| {
        let [kind, at, body] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        Message {
            timestamp: at.parse().unwrap(),
            kind: if kind == "9" {
                MessageKind::Video
            } else {
                MessageKind::Audio
            },
            stream_id: 1,
            payload: hex::decode(body).unwrap().into(),
        }
    };
    lines
        .skip(1)
        .take_while(|line| !line.starts_with("case"))
        .map(read)
        .collect()
}

/// What a player gets that joins at the end of what was recorded, in hexadecimal.
fn late(case: &str) -> Vec<String> {
    let mut stage = Stage::new();
    stage.stream.publisher_joined(A, PublishRole::Primary);
    for message in messages(case) {
        let due = NOW + u64::from(message.timestamp);
        stage.wait(due.saturating_sub(stage.now));
        let result = stage.stream.publisher_message(A, &message, stage.now);
        assert_eq!(result, Ok(()), "{message:?}");
    }
    let items = stage.take(&mut Cursor::new(Audience::Player));
    let hex = |item: Item| match item {
        Item::Message { payload, .. } => Some(hex::encode(payload)),
        Item::Stamp { .. } | Item::End(_) => None,
    };
    items.into_iter().filter_map(hex).collect()
}

/// The player gets headers that begin so, then pictures of the first track from a keyframe on, and all of `others`.
/// Answers with what comes behind the headers.
fn check(case: &str, headers: &[&str], key: &str, others: &[&str]) -> Vec<String> {
    let got = late(case);
    let (begin, media) = got.split_at(headers.len());
    for (got, header) in begin.iter().zip(headers) {
        assert!(got.starts_with(header), "{case}: {header} is {got}");
    }
    assert!(media[0].starts_with(key), "{case}: {}", media[0]);
    for other in others {
        assert!(
            media.iter().any(|got| got.starts_with(other)),
            "{case}: {other}"
        );
    }
    media.to_vec()
}

#[test]
fn hevc_with_its_colour_and_opus_with_its_channels() {
    // Sequence starts 90 hvc1 and 90 Opus, metadata d4, multichannel configuration 94.
    check(
        "hevc",
        &["9068766331", "d468766331", "904f707573", "944f707573"],
        "9168766331",
        &["914f707573"],
    );
}

#[test]
fn av1_with_its_colour_and_six_channels_of_aac() {
    check(
        "av1",
        &["9061763031", "d461763031", "af00", "946d703461"],
        "9161763031",
        &["af01"],
    );
}

#[test]
fn two_pictures_and_two_sounds() {
    check(
        "multi",
        &[
            "1700",
            "960061766331",
            "af00",
            "95006d703461",
            "95046d703461",
        ],
        "1701",
        &["a60361766331", "af01", "95016d703461"],
    );
}

#[test]
fn two_pictures_and_two_sounds_of_different_codecs() {
    let media = check(
        "mixed",
        &[
            "1700",
            "960068766331",
            "d468766331",
            "af00",
            "95004f707573",
            "95044f707573",
        ],
        "1701",
        &["af01", "95014f707573"],
    );
    // The second picture's keyframe lies before the first's, and no other has come.
    let second = |got: &&String| got.contains("0168766331") || got.contains("0368766331");
    assert_eq!(media.iter().find(second), None);
}

#[test]
fn after_a_change_of_configuration_a_further_picture_waits_for_its_own_keyframe() {
    const KEY_1: &[u8] = b"\x96\x03avc1\x01key";
    const INTER_1: &[u8] = b"\xa6\x03avc1\x01inter";
    let mut stage = Stage::new();
    let mut cursor = Cursor::new(Audience::Player);
    stage.join(A, AVC);
    let seconds = |items: &[Item]| {
        let of_second = |item: &&Item| {
            let payload = match item {
                Item::Message { payload, .. } => &payload[..],
                Item::Stamp { .. } | Item::End(_) => b"",
            };
            [KEY_1, INTER_1].contains(&payload)
        };
        items.iter().filter(of_second).count()
    };
    stage.send(A, MessageKind::Video, 0, KEY);
    stage.send(A, MessageKind::Video, 0, KEY_1);
    stage.send(A, MessageKind::Video, 40, INTER_1);
    assert_eq!(seconds(&stage.take(&mut cursor)), 2);
    stage.send(A, MessageKind::Video, 80, OTHER_AVC);
    stage.send(A, MessageKind::Video, 80, KEY_1);
    stage.send(A, MessageKind::Video, 120, KEY);
    stage.send(A, MessageKind::Video, 120, INTER_1);
    assert_eq!(seconds(&stage.take(&mut cursor)), 0);
    stage.send(A, MessageKind::Video, 160, KEY_1);
    stage.send(A, MessageKind::Video, 160, INTER_1);
    assert_eq!(seconds(&stage.take(&mut cursor)), 2);
}
