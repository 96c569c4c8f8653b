//! [pure] What keeps a publisher's stream from its viewers, in words for whoever set up the encoder.
//!
//! None of it is an error: mux passes every codec through to those who can use it, so nobody else says it. A publisher
//! that changes back and forth is told of each fault once.

use rtmp::{
    Message, MessageKind,
    flv::{self, Class, Codec, Tag, Track},
};

use crate::{
    admission::Cut,
    codec::{SoundCodec, VideoCodec},
};

/// The faults of one stream.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    video: Fault<Codec>,
    audio: Fault<Codec>,
    source: Fault<&'static str>,
    encoder: Fault<String>,
    sound_encoder: Fault<String>,
    room: Fault<Cut>,
}

/// One that there is, and whether it was told of since the connection began.
#[derive(Debug, Clone)]
struct Fault<T> {
    now: Option<T>,
    told: bool,
}

impl<T> Default for Fault<T> {
    fn default() -> Self {
        Self {
            now: None,
            told: false,
        }
    }
}

impl<T: Clone> Fault<T> {
    /// What there is to tell.
    fn set(&mut self, now: Option<T>) -> Option<T> {
        let news = now.clone().filter(|_| !self.told);
        self.told |= now.is_some();
        self.now = now;
        news
    }
}

impl Faults {
    /// A message has come. Gives what is worth telling, once.
    pub fn message(&mut self, message: &Message) -> Option<String> {
        let unpublished = |tag: Tag<'_>, published: fn(Codec) -> bool| {
            let counts = tag.class != Class::Command && tag.track == Track::One(0);
            counts.then(|| Some(tag.codec).filter(|codec| !published(*codec)))
        };
        if message.kind == MessageKind::Video {
            let now = {
                let published = |codec| VideoCodec::of(codec).is_some();
                unpublished(flv::video(&message.payload).ok()?, published)?
            };
            self.video.set(now).map(no_picture)
        } else if message.kind == MessageKind::Audio {
            let published = |codec| SoundCodec::of(codec).is_some();
            let now = unpublished(flv::audio(&message.payload).ok()?, published)?;
            self.audio.set(now).map(no_sound)
        } else {
            None
        }
    }

    /// Why players are not offered the source, as it is now. Gives what is worth telling, once.
    pub fn source(&mut self, fault: Option<&'static str>) -> Option<String> {
        self.source.set(fault).map(no_source)
    }

    /// Why nothing is encoded, as it is now. Gives what is worth telling, once.
    pub fn encoder(&mut self, fault: Option<String>) -> Option<String> {
        self.encoder.set(fault).map(no_rungs)
    }

    /// Why sound that players do not take is not encoded, as it is now. Gives what is worth telling, once.
    pub fn sound_encoder(&mut self, fault: Option<String>) -> Option<String> {
        self.sound_encoder.set(fault).map(silence)
    }

    /// What of the ladder the box has no room for. Gives what is worth telling, once.
    pub fn room(&mut self, cut: Cut) -> Option<String> {
        let cut = Some(cut).filter(|cut| *cut != Cut::Nothing);
        self.room.set(cut).map(no_room)
    }

    /// All that there are.
    pub fn list(&self) -> Vec<String> {
        let video = self.video.now.map(no_picture);
        let audio = self.audio.now.map(no_sound);
        let source = self.source.now.map(no_source);
        let encoder = self.encoder.now.clone().map(no_rungs);
        let sound = self.sound_encoder.now.clone().map(silence);
        let room = self.room.now.map(no_room);
        let all = [video, audio, source, encoder, sound, room];
        all.into_iter().flatten().collect()
    }
}

fn no_picture(codec: Codec) -> String {
    let name = name(codec, |_| None);
    format!("viewers get no picture from {name}: set the encoder to H.264, HEVC or AV1")
}

fn no_sound(codec: Codec) -> String {
    let name = name(codec, |id| match id {
        0 | 3 => Some("PCM"),
        4..=6 => Some("Nellymoser"),
        7 | 8 => Some("G.711"),
        11 => Some("Speex"),
        _ => None,
    });
    format!("viewers get no sound from {name}: set the encoder to AAC, or Opus over Enhanced RTMP")
}

fn no_room(cut: Cut) -> String {
    let left = match cut {
        Cut::All => "the source and the sound alone, no rung is encoded".to_owned(),
        Cut::Top(1) => "all but the largest rung".to_owned(),
        Cut::Top(top) => format!("all but the {top} largest rungs"),
        Cut::Nothing => "all rungs".to_owned(),
    };
    format!(
        "the box has no room for the whole ladder beside what it encodes already: viewers get {left}; \
         add a transcoder, or take rungs from streams"
    )
}

fn no_source(why: &str) -> String {
    format!("viewers are not offered the source: {why}")
}

fn no_rungs(why: String) -> String {
    format!("viewers are offered the source alone, as it cannot be encoded: {why}")
}

fn silence(why: String) -> String {
    format!("viewers get silence, as the sound cannot be encoded to AAC: {why}")
}

/// `legacy` names the ids that mean one thing for pictures and another for sound.
fn name(codec: Codec, legacy: impl Fn(u8) -> Option<&'static str>) -> String {
    match codec {
        Codec::Avc => "H.264".to_owned(),
        Codec::Hevc => "HEVC".to_owned(),
        Codec::Aac => "AAC".to_owned(),
        Codec::FourCc(four_cc) => four_cc.escape_ascii().to_string(),
        Codec::Legacy(id) => legacy(id).map_or_else(|| format!("FLV codec {id}"), str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(kind: MessageKind, payload: &'static [u8]) -> Message {
        Message {
            timestamp: 0,
            kind,
            stream_id: 1,
            payload: Bytes::from_static(payload),
        }
    }

    #[test]
    fn a_codec_that_viewers_do_without_is_told_once_and_listed_while_it_lasts() {
        let vp9 = message(MessageKind::Video, b"\x91vp09picture");
        let avc = message(MessageKind::Video, b"\x17\x01\x00\x00\x00picture");
        let speex = message(MessageKind::Audio, b"\xb2sound");
        let pcm = message(MessageKind::Audio, b"\x3esound");
        let mut faults = Faults::default();
        assert_eq!(
            faults.message(&vp9).unwrap(),
            "viewers get no picture from vp09: set the encoder to H.264, HEVC or AV1"
        );
        assert_eq!(
            faults.message(&speex).unwrap(),
            "viewers get no sound from Speex: set the encoder to AAC, or Opus over Enhanced RTMP"
        );
        assert_eq!(faults.message(&vp9), None);
        assert_eq!(faults.list().len(), 2);
        assert_eq!(faults.message(&avc), None);
        assert_eq!(faults.message(&pcm), None, "sound was told of");
        assert_eq!(
            faults.list(),
            ["viewers get no sound from PCM: set the encoder to AAC, or Opus over Enhanced RTMP"]
        );
        assert_eq!(faults.message(&vp9), None, "so were pictures");
    }

    #[test]
    fn what_viewers_get_is_no_fault() {
        let mut faults = Faults::default();
        for (kind, payload) in [
            (MessageKind::Video, &b"\x17\x01\x00\x00\x00picture"[..]),
            (MessageKind::Video, b"\x91hvc1\x00\x00\x00picture"),
            (MessageKind::Video, b"\x91av01picture"),
            (MessageKind::Video, b"\x5f\x00"),
            (MessageKind::Audio, b"\xaf\x01sound"),
            (MessageKind::Audio, b"\x91Opussound"),
            (MessageKind::Audio, b"\x2fsound"),
            (MessageKind::Audio, b""),
            (MessageKind::DataAmf0, b"\x02"),
        ] {
            assert_eq!(faults.message(&message(kind, payload)), None, "{payload:?}");
        }
        assert!(faults.list().is_empty());
    }
}
