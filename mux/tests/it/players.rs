//! What RTMP players get, whatever publishers and other players do.

use rtmp::{CloseReason, MessageKind, client::Purpose};

use crate::{
    peer::{AAC, AVC, Client, METADATA, frame, number},
    running::{KEY, KEY_HASH, PLAY_KEY, Running, within},
};

/// Reads up to the frame numbered `last`; answers with all frames' numbers.
async fn read_until(player: &mut Client, last: u32) -> Vec<(u32, bool)> {
    let mut numbers = Vec::new();
    while numbers.last().is_none_or(|(number, _)| *number < last) {
        numbers.extend(number(&player.next().await.unwrap()));
    }
    numbers
}

/// Nothing is there twice or out of order, and what is left out ends at a keyframe.
fn assert_clean(numbers: &[(u32, bool)]) {
    assert!(numbers.first().is_some_and(|(_, key)| *key));
    for pair in numbers.windows(2) {
        let [(before, _), (after, key)] = pair else {
            unreachable!();
        };
        assert!(
            *after == before + 1 || (after > before && *key),
            "{before} then {after}"
        );
    }
}

#[tokio::test]
async fn headers_come_first_then_a_keyframe_then_all_in_order_byte_for_byte() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut player = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        // A player that joins in the middle of a GOP starts at its keyframe.
        obs.send(MessageKind::Video, 900, &frame(true, 0, 100))
            .await;
        obs.send(MessageKind::Video, 933, &frame(false, 1, 3_000_000))
            .await;
        obs.send(MessageKind::Audio, 940, b"\xaf\x01sound").await;
        obs.send(MessageKind::DataAmf0, 941, b"\x02\x00\x0aonCuePoint\x05")
            .await;
        assert_eq!(player.next().await.unwrap().payload, METADATA[16..]);
        assert_eq!(player.next().await.unwrap().payload, AVC);
        assert_eq!(player.next().await.unwrap().payload, AAC);
        let key = player.next().await.unwrap();
        assert_eq!((key.timestamp, number(&key)), (0, Some((0, true))));
        let inter = player.next().await.unwrap();
        assert_eq!(
            (inter.timestamp, inter.payload),
            (33, frame(false, 1, 3_000_000).into())
        );
        let sound = player.next().await.unwrap();
        assert_eq!(
            (sound.timestamp, &sound.payload[..]),
            (40, &b"\xaf\x01sound"[..])
        );
        let cue = player.next().await.unwrap();
        assert_eq!(&cue.payload[..], b"\x02\x00\x0aonCuePoint\x05");

        let mut late = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        assert_eq!(late.next().await.unwrap().payload, METADATA[16..]);
        assert_eq!(read_until(&mut late, 1).await, [(0, true), (1, false)]);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_player_that_stops_reading_costs_nobody_anything_and_goes_on_at_a_keyframe() {
    within(async {
        const FRAMES: u32 = 600;
        let mux = Running::start(&[]).await;
        let mut healthy = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut stopped = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        // More than the ring and the kernel hold together.
        for n in 0..FRAMES {
            obs.send(MessageKind::Video, n * 33, &frame(n % 30 == 0, n, 100_000))
                .await;
            // In step, so that the healthy one is never late.
            assert_eq!(
                read_until(&mut healthy, n).await.last().map(|last| last.0),
                Some(n)
            );
        }
        let numbers = read_until(&mut stopped, FRAMES - 1).await;
        assert_clean(&numbers);
        assert!(numbers.len() < 500, "{}", numbers.len());
        let status = mux.status();
        assert_eq!(status["players"]["connected"], 2);
        assert_eq!(status["players"]["skips"], 1);
        assert!(status["ring"]["bytes"].as_u64().unwrap() <= 16 << 20);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn players_stay_while_publishers_die_and_come_back() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut player = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut newest = 0;
        for n in 0..4 {
            // It starts at 0 again, and dies in the middle of a message.
            let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
            obs.send_headers().await;
            obs.send(MessageKind::Video, 0, &frame(true, 2 * n, 100))
                .await;
            obs.send(MessageKind::Video, 40, &frame(false, 2 * n + 1, 100))
                .await;
            obs.send_raw(b"\x08\x00\x00\x50\x00\x10\x00\x09\x01\x00\x00\x00\x27\x01half")
                .await;
            for expected in [(2 * n, true), (2 * n + 1, false)] {
                let message = loop {
                    let message = player.next().await.unwrap();
                    if number(&message).is_some() {
                        break message;
                    }
                };
                assert_eq!(number(&message), Some(expected));
                assert!(n == 0 || message.timestamp > newest);
                newest = message.timestamp;
            }
        }
        assert_eq!(mux.status()["takeovers"], 3);
        assert_eq!(mux.status()["dsn"], 0);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_newcomer_takes_over_from_a_publisher_that_hangs() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut player = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut hanging = Client::publish(mux.address(), KEY).await.unwrap();
        hanging.send_headers().await;
        hanging
            .send(MessageKind::Video, 0, &frame(true, 0, 10))
            .await;
        read_until(&mut player, 0).await;
        let mut newcomer = Client::publish(mux.address(), KEY).await.unwrap();
        newcomer.send_headers().await;
        newcomer
            .send(MessageKind::Video, 0, &frame(true, 1, 10))
            .await;
        read_until(&mut player, 1).await;
        hanging.closed().await;
        assert_eq!(mux.status()["publishers"], 1);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_or_app_is_refused_with_words() {
    within(async {
        let mux = Running::start(&[]).await;
        let code = |refused: Result<Client, CloseReason>| match refused.err() {
            Some(CloseReason::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        };
        for key in ["", "stage", "stage-deV", PLAY_KEY] {
            let refused = Client::publish(mux.address(), key).await;
            assert_eq!(code(refused), "NetStream.Publish.Denied", "{key}");
        }
        for key in ["stage", KEY] {
            let refused = Client::play(mux.address(), key).await;
            assert_eq!(code(refused), "NetStream.Play.Failed", "{key}");
        }
        let lost = Client::connect(mux.address(), "lvie", KEY, Purpose::Publish).await;
        assert_eq!(code(lost), "NetStream.Publish.Denied");
        assert_eq!(mux.status()["publishers"], 0);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn keys_change_while_a_show_goes_on_and_other_changes_wait() {
    within(async {
        let mut mux = Running::start(&[]).await;
        let mut player = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        // That of "stage-new".
        let new_hash = "f607bda82fbe046f29879b728fac11438f1edaf73581feb164ebc18644574691";
        let both = format!("{KEY_HASH}\", role = \"backup\" }}, {{ sha256 = \"{new_hash}");
        mux.reload(KEY_HASH, &both).await.unwrap();
        obs.send(MessageKind::Video, 0, &frame(true, 0, 10)).await;
        read_until(&mut player, 0).await;
        let mut newer = Client::publish(mux.address(), "stage-new").await.unwrap();
        // The key is taken away, and whoever came by it with it; the others stay.
        mux.reload(KEY_HASH, new_hash).await.unwrap();
        obs.send(MessageKind::Video, 20, &frame(false, 1, 10)).await;
        obs.closed().await;
        assert!(Client::publish(mux.address(), KEY).await.is_err());
        newer.send_headers().await;
        newer.send(MessageKind::Video, 0, &frame(true, 2, 10)).await;
        read_until(&mut player, 2).await;
        let told = mux.reload("name = \"stage\"", "name = \"hall\"").await;
        assert!(told.unwrap_err().contains("the list of [[stream]]"));
        mux.stop().await;
    })
    .await;
}
