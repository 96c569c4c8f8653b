//! [pure] One stream: mux's messages in, objects published, frames for the encoder out.
//!
//! Everything that is published depends on the messages and their order alone, encoded rungs on the encoder too.
//! A second connection of the same session goes on where the first stopped: stamps and frames that were there already
//! change nothing. Another session starts afresh, with the settings of the day. Memory is bounded by
//! [`Settings::memory`].

mod encoded;
mod encoder;
mod ending;
mod former;
mod memory;
mod message;
mod next_show;
mod offer;
mod parts;
mod pictures;
mod room;
mod run;
mod settings;
mod slate;
mod sound;
mod status;
mod timed;
mod wanted;

use std::sync::Arc;

use bytes::Bytes;
use live::{
    Msn, Object, Rendition, SessionId,
    stamp::{Stamp, StampKind},
};

use crate::{
    admission::{Allowance, Cut},
    archive::{self, News},
    blocking::Position,
    boundary::Boundary,
    codec::{SoundCodec, SoundTrack, SoundTrackError, VideoCodec, VideoTrack, VideoTrackError},
    window::{Found, Limits, Text, Written},
    worker::{Event, Input},
};
use former::Former;
pub use message::{Action, Message, Metadata};
use run::Run;
pub use settings::{Changes, Settings, SettingsByName};
pub use slate::SlateOrder;
pub use status::{RenditionStatus, StreamStatus};
pub use wanted::{Outcome, Wanted};

/// Why a message had no effect, or the stream cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The video is not published.
    #[error("video cannot be packaged: {0}")]
    Video(#[from] VideoTrackError),
    /// The sound is not published.
    #[error("sound cannot be packaged: {0}")]
    Audio(#[from] SoundTrackError),
    /// The stream's newest segments alone exceed the memory it may use: drop the publisher.
    #[error(
        "the newest segments alone exceed [window].memory; lower the publisher's bitrate or raise the limit"
    )]
    Memory,
}

/// One stream.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Those of the next session; the one there is has its own.
    settings: Arc<Settings>,
    metadata: Metadata,
    video: Option<VideoTrack>,
    audio: Option<SoundTrack>,
    run: Option<Run>,
    former: Option<Former>,
    /// The publisher is long gone: playlists are served no more.
    withdrawn: bool,
    generation: u64,
    allowance: Allowance,
    counts: Counts,
    /// What happened to sessions, in order, until the shell takes it after each message.
    news: Vec<News>,
}

/// What was left out, since the stream began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Frames that came twice, out of order, without a stamp or too large.
    pub(crate) frames: u64,
    /// Stamps that did not move on, or are beyond bounds.
    pub(crate) stamps: u64,
    /// Date ranges that do not fit those there are, or were too many.
    pub(crate) ranges: u64,
}

impl Stream {
    /// Most segments that a stamp may have jumped over; beyond it the stream starts afresh.
    const MAX_MISSED: u64 = 1000;
    /// Largest EXT-X-TARGETDURATION taken, seconds; mux makes 11 at most. It bounds what a playlist starts with.
    const MAX_TARGET: u32 = 60;

    /// A stream of which nothing is known yet.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            metadata: Metadata::default(),
            video: None,
            audio: None,
            run: None,
            former: None,
            withdrawn: false,
            generation: 0,
            allowance: Allowance::default(),
            counts: Counts::default(),
            news: Vec::new(),
        }
    }

    /// What an encoder that starts from now on may take of the box. All, unless it is said.
    pub const fn allow(&mut self, allowance: Allowance) {
        self.allowance = allowance;
    }

    /// What the encoder is estimated to take, in thousandths of a processor.
    pub fn encoding_cost(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.cost)
    }

    /// What of the ladder there was no room for.
    pub fn cut(&self) -> Cut {
        self.run.as_ref().map_or(Cut::Nothing, |run| run.cut)
    }

    /// The next message of the feed.
    pub fn feed(&mut self, message: Message, actions: &mut Vec<Action>) -> Result<(), FeedError> {
        match message {
            Message::VideoConfig(codec, record) => self.video_config(codec, &record)?,
            Message::AudioConfig(codec, config) => self.audio_config(codec, &config, actions)?,
            Message::Metadata(metadata) => self.metadata = metadata,
            Message::DateRange(telling) => self.counts.ranges += u64::from(!self.told(&telling)),
            Message::Cue(wire_ms, cue) => self.counts.ranges += u64::from(!self.cue(wire_ms, cue)),
            Message::Stamp(stamp) => self.stamp(&stamp, actions),
            Message::Video {
                codec,
                wire_ms,
                composition_ms,
                key,
                bytes,
            } => {
                let taken = self
                    .run
                    .as_mut()
                    .filter(|run| run.is_decodable(codec))
                    .is_some_and(|run| run.video(wire_ms, composition_ms, key, bytes, actions));
                self.counts.frames += u64::from(!taken);
            }
            Message::Audio {
                codec,
                wire_ms,
                bytes,
            } => {
                if codec.configures_itself() {
                    self.audio_config(codec, &Bytes::new(), actions)?;
                }
                let known = self.audio.as_ref().map(SoundTrack::codec) == Some(codec);
                let taken = self
                    .run
                    .as_mut()
                    .filter(|_| known)
                    .is_some_and(|run| run.sound(wire_ms, bytes, actions));
                self.counts.frames += u64::from(!taken);
            }
            Message::End => {
                if let Some(run) = self.run.as_mut().filter(|run| !run.ended) {
                    run.end(actions);
                    self.news.extend(run.news());
                    self.news.push(News {
                        session: run.id,
                        event: archive::Event::Ended,
                    });
                    actions.extend([Action::Stop, Action::StopSound]);
                }
            }
        }
        self.offer_first();
        self.fit()
    }

    /// No more media will come before [`Message::End`]: the newest segments are published as far as they go.
    pub fn close(&mut self, actions: &mut Vec<Action>) {
        if let Some(run) = &mut self.run {
            run.close(actions);
        }
    }

    /// Whether media were published that players are to fetch before the session ends.
    pub fn is_closing(&self) -> bool {
        self.run.as_ref().is_some_and(Run::is_closing)
    }

    /// What happened to the stream's segments, each told once.
    pub fn news(&mut self) -> Vec<News> {
        let mut news = std::mem::take(&mut self.news);
        let former = self.former.iter_mut().map(|former| &mut former.run);
        news.extend(former.chain(&mut self.run).flat_map(Run::news));
        news
    }

    /// A segment is on disk.
    pub fn saved(&mut self, session: SessionId, rendition: Rendition, msn: Msn) {
        let former = self.former.as_mut().map(|former| &mut former.run);
        let mut runs = self.run.iter_mut().chain(former);
        let run = runs.find(|run| run.id == session);
        if let Some(window) = run.and_then(|run| run.window_mut(rendition)) {
            window.saved(msn);
        }
    }

    /// The session that is being published.
    pub fn session(&self) -> Option<SessionId> {
        self.run.as_ref().map(|run| run.id)
    }

    /// Playlists are served no more; what is in them stays (RFC 8216bis §6.2.2).
    pub fn withdraw(&mut self) {
        self.withdrawn = true;
    }

    /// Whether playlists are served no more.
    pub const fn is_withdrawn(&self) -> bool {
        self.withdrawn
    }

    /// There is a publisher again.
    pub fn readmit(&mut self) {
        self.withdrawn = false;
    }

    /// Nothing can be fetched any more.
    pub fn forget(&mut self) {
        self.let_go_of_former();
        if let Some(run) = self.run.take() {
            self.let_go(run);
        }
    }

    fn fit(&mut self) -> Result<(), FeedError> {
        let memory = self.in_force().memory;
        self.fit_former(memory);
        let fits = self.run.as_mut().is_none_or(|run| run.fit(memory));
        if fits { Ok(()) } else { Err(FeedError::Memory) }
    }

    fn video_config(&mut self, codec: VideoCodec, record: &Bytes) -> Result<(), VideoTrackError> {
        let same = |known: &VideoTrack| known.codec() == codec && known.record() == record;
        if self.video.as_ref().is_some_and(same) {
            return Ok(());
        }
        let track = VideoTrack::parse(codec, record);
        self.video = track.as_ref().ok().cloned();
        if let Some(run) = &mut self.run {
            run.video_config(self.video.clone());
        }
        track.map(drop)
    }

    fn audio_config(
        &mut self,
        codec: SoundCodec,
        config: &Bytes,
        actions: &mut Vec<Action>,
    ) -> Result<(), SoundTrackError> {
        let track = SoundTrack::parse(codec, config);
        let parsed = track.as_ref().ok();
        if self.audio.as_ref() != parsed {
            self.audio = parsed.cloned();
            if let (Some(run), Some(track)) = (&mut self.run, &self.audio) {
                run.audio_config(track.clone());
                run.start_sound(&mut self.generation, actions);
            }
        }
        track.map(drop)
    }

    fn stamp(&mut self, stamp: &Stamp, actions: &mut Vec<Action>) {
        if stamp.td > Self::MAX_TARGET {
            self.counts.stamps += 1;
            return;
        }
        let same = |run: &&mut Run| {
            run.id == stamp.session
                && stamp.msn.0.saturating_sub(run.open.msn.0) <= Self::MAX_MISSED
        };
        let run = self.run.as_mut().filter(same);
        let settings = run.as_ref().map_or(&self.settings, |run| &run.settings);
        let boundary = Boundary {
            msn: stamp.msn,
            dsn: stamp.dsn,
            start: stamp.pts,
            gap: stamp.kind == StampKind::Hold,
            held: stamp.kind == StampKind::Hold,
            sound: stamp.sound,
            parts: stamp
                .cadence
                .map(|cadence| settings.parts.fitting(cadence, stamp.td)),
        };
        let room = (self.metadata.frame_rate, self.allowance);
        match run {
            Some(run) => {
                if !run.moves_on(&boundary) {
                    self.counts.stamps += u64::from(run.open != boundary);
                    return;
                }
                run.decide_parts(boundary.parts);
                run.use_room(&boundary, room);
                run.start_encoder(&mut self.generation, room, actions);
                run.stamp(boundary, actions);
            }
            None => {
                let limits = Limits {
                    length_ms: self.settings.window_ms,
                    parts: self.settings.parts,
                    target_duration: stamp.td,
                    segment_ms: stamp.k_ms,
                };
                let tracks = (self.video.clone(), self.audio.clone());
                let mut run = Run::new(stamp.session, boundary, limits, tracks, &self.settings);
                if boundary.parts.is_some() {
                    run.decide_parts(boundary.parts);
                }
                actions.extend([Action::Stop, Action::StopSound]);
                run.start_encoder(&mut self.generation, room, actions);
                run.start_sound(&mut self.generation, actions);
                run.begin(boundary);
                self.succeed(run);
            }
        }
        self.offer();
        self.age_former();
    }

    /// The encoder of `generation` is up: what to feed it first.
    pub fn encoder_started(&mut self, generation: u64) -> Vec<Input> {
        match self.run.as_mut().and_then(|run| run.encoder(generation)) {
            Some(encoder) => encoder.started(),
            None => Vec::new(),
        }
    }

    /// The encoder of `generation` is gone.
    pub fn encoder_stopped(&mut self, generation: u64) {
        if let Some(run) = &mut self.run {
            run.encoder_stopped(generation);
        }
    }

    /// The encoder of `generation` says something. One that was replaced is not heard.
    pub fn encoded(&mut self, generation: u64, event: Event) -> Result<(), FeedError> {
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        run.encoded(generation, event)?;
        self.offer_first();
        self.fit()
    }

    /// The renditions, each with a number that rises when its playlist changes.
    #[cfg(test)]
    pub(crate) fn versions(&self) -> impl Iterator<Item = (Rendition, u64)> {
        let windows = self.run.iter().flat_map(Run::windows);
        windows.map(|(rendition, window)| (rendition, window.version()))
    }

    /// The session's multivariant playlist, once there is one.
    pub fn multivariant(&self) -> Option<Text> {
        self.run.as_ref()?.multivariant.clone()
    }

    /// The multivariant playlist that is served.
    pub fn offered(&self) -> Option<Text> {
        let former = self.former.as_ref().map(|former| &former.run);
        let mut runs = self.run.iter().chain(former).filter(|_| !self.withdrawn);
        runs.find_map(|run| run.multivariant.clone())
    }

    /// A media playlist as it is now. `None` when the rendition has nothing yet, or there is no such.
    pub fn playlist(&mut self, rendition: Rendition) -> Option<Written> {
        self.serving_mut(rendition)?.playlist(rendition)
    }

    /// An I-frame playlist as it is now. `None` when there is no picture, or none yet.
    pub fn i_frames(&mut self, rendition: Rendition) -> Option<Written> {
        self.serving_mut(rendition)?
            .window_mut(rendition)?
            .i_frames()
    }

    /// How far a rendition has come, once it has a playlist.
    pub fn position(&self, rendition: Rendition) -> Option<Position> {
        let window = self.serving(rendition)?.window(rendition)?;
        window.has_media().then(|| window.position())
    }

    /// What is under the path of an immutable object.
    pub fn find(&self, object: Object) -> Found {
        self.find_with_session(object).1
    }

    /// EXT-X-TARGETDURATION in seconds, while there is a session.
    pub fn target_duration(&self) -> Option<u32> {
        self.run.as_ref().map(|run| run.limits.target_duration)
    }

    /// Whether the session is over.
    pub fn is_ended(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.ended)
    }
}

#[cfg(test)]
mod tests;
