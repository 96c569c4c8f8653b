//! What mux says of an encoder that is set up badly: where an operator would read it.

use anyhow::{Context, Result};
use tests::{Encoder, Entrance, quiet_ffmpeg};

const KEY: &str = "health-publish";

#[test]
fn an_encoder_with_long_gops_and_no_sound_is_told_what_to_set() -> Result<()> {
    let mut entrance = Entrance::start(&Entrance::stream("stage", KEY, "health-play"))?;
    let url = entrance.url(KEY)?;
    let mut ffmpeg = quiet_ffmpeg();
    ffmpeg.args(["-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"]);
    ffmpeg.args([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
    ]);
    ffmpeg.args(["-g", "250", "-sc_threshold", "0", "-f", "flv", &url]);
    let _encoder = Encoder::other(&mut ffmpeg, "ffmpeg", entrance.directory())?;

    let sentences = [
        "Keyframes come every 8.3 s; set 'Keyframe Interval' to 2 s",
        "No sound comes with the picture",
    ];
    for sentence in sentences {
        let found = |line: &str| line.contains(sentence).then_some(());
        entrance.mux.wait_for_line(sentence, found)?;
        let said = entrance.mux.log();
        let times = said.iter().filter(|line| line.contains(sentence)).count();
        assert_eq!(times, 1, "said once: {sentence}");
    }
    let admin = entrance.mux.admin()?;
    let (_, status) = admin.get("/status")?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let publisher = &status["streams"]["stage"]["publishing"][0];
    let health = &publisher["health"];
    let findings = health["findings"].as_array().context("no findings")?;
    let of = |name: &str| -> Vec<&str> {
        findings
            .iter()
            .filter_map(|finding| finding[name].as_str())
            .collect()
    };
    assert_eq!(of("code"), ["keyframe_interval", "no_audio"]);
    for (text, sentence) in of("text").iter().zip(sentences) {
        assert!(text.starts_with(sentence), "{text}");
    }
    assert_eq!(health["video"]["codec"], "H.264");
    assert_eq!(health["video"]["height"], 180);
    assert!(health["audio"].is_null());
    assert_eq!(health["figures"]["audio_present"], false);
    assert!(
        publisher["software"]
            .as_str()
            .is_some_and(|name| !name.is_empty())
    );

    let finding = admin.metric("footlight_mux_health_finding", "finding=\"no_audio\"")?;
    assert!(finding > 0.0);
    let interval = admin.metric("footlight_mux_publisher_keyframe_interval_seconds", "")?;
    assert!((8.0..9.0).contains(&interval), "{interval}");
    assert!(entrance.mux.is_running());
    Ok(())
}
