//! [pure] One session of a stream: its tracks, and the order in which they are told things.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use live::{MediaTime, Rendition, SessionId, playlist::DateRanges};

use super::{
    Action, FeedError, Settings, encoded::Encoded, encoder::Encoder, parts::Waits, sound::Sound,
};
use crate::{
    admission::{Allowance, Cut},
    archive::News,
    boundary::{Boundary, Recent, missed},
    codec::{SoundTrack, VideoCodec, VideoTrack},
    fmp4::{VIDEO_TIMESCALE, video_init},
    pictures::Pictures,
    sample::Sample,
    track::{AudioTrack, Fed, RungTrack, SourceTrack},
    window::{Limits, Text, Window, Written},
    wire_time,
    worker::{Event, Input, Pace, Plan},
};

#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) id: SessionId,
    pub(super) limits: Limits,
    pub(super) settings: Arc<Settings>,
    /// The newest boundary: its segment is open.
    pub(super) open: Boundary,
    pub(super) recent: Recent,
    /// What is told beside the media.
    pub(super) ranges: DateRanges,
    /// What the publisher said of it in the open segment.
    pub(super) cues: u32,
    /// Segments begun, the first included.
    pub(super) begun: u64,
    /// Where the media end, once no more will come.
    pub(super) closed: Option<MediaTime>,
    pub(super) ended: bool,
    pub(super) multivariant: Option<Text>,
    /// The video configuration in use.
    pub(super) video: Option<VideoTrack>,
    /// One that takes effect at the next stamp; frames until then cannot be decoded with it nor without.
    pub(super) next_video: Option<VideoTrack>,
    /// The newest configuration could not be read: frames cannot be decoded until there is another.
    unreadable: bool,
    pub(super) source: Option<SourceTrack>,
    pub(super) audio: Option<AudioTrack>,
    pub(super) rungs: BTreeMap<Rendition, Encoded>,
    pub(super) encoder: Option<Encoder>,
    pub(super) pictures: Pictures,
    /// That of sound which players do not take.
    pub(super) sound: Sound,
    /// What the box had no room for.
    pub(super) cut: Cut,
    /// Segments since there has been room for more.
    pub(super) roomy: u32,
    /// What the encoder is estimated to cost.
    pub(super) cost: u64,
    pub(super) waits: Waits,
    /// Decoding time of the newest video frame.
    last_dts: Option<MediaTime>,
    /// Distance of the two newest video frames, ticks.
    pub(super) distance: u64,
    /// Video frames of the open segment.
    frames: u64,
    /// Thousandths of a frame per second, in the newest whole segment.
    pub(super) frame_rate: Option<u64>,
    /// Presentation time of the newest frame of any kind.
    pub(super) edge: MediaTime,
    /// That of the newest picture.
    pub(super) shown: MediaTime,
}

impl Run {
    pub(super) fn new(
        id: SessionId,
        open: Boundary,
        limits: Limits,
        (video, audio): (Option<VideoTrack>, Option<SoundTrack>),
        settings: &Arc<Settings>,
    ) -> Self {
        let mut run = Self {
            id,
            limits,
            settings: settings.clone(),
            open,
            recent: Recent::default(),
            ranges: DateRanges::default(),
            cues: 0,
            begun: 0,
            closed: None,
            ended: false,
            multivariant: None,
            video: None,
            next_video: video,
            unreadable: false,
            source: None,
            audio: None,
            rungs: BTreeMap::new(),
            encoder: None,
            pictures: Pictures::new(limits.length_ms),
            sound: Sound::default(),
            cut: Cut::Nothing,
            roomy: 0,
            cost: 0,
            waits: Waits::Told(0),
            last_dts: None,
            distance: 0,
            frames: 0,
            frame_rate: None,
            edge: open.start,
            shown: open.start,
        };
        if let Some(audio) = audio {
            run.audio_config(audio);
        }
        run
    }

    /// A video configuration, or none that can be read. It takes effect at the next stamp.
    pub(super) fn video_config(&mut self, track: Option<VideoTrack>) {
        self.unreadable = track.is_none();
        self.next_video = track;
    }

    /// Whether frames of `codec` are those of the configuration in use.
    pub(super) fn is_decodable(&self, codec: VideoCodec) -> bool {
        let configured = self.video.as_ref().map(VideoTrack::codec);
        !self.unreadable && self.next_video.is_none() && configured == Some(codec)
    }

    /// Whether a stamp says something new.
    pub(super) fn moves_on(&self, boundary: &Boundary) -> bool {
        self.closed.is_none() && boundary.msn > self.open.msn && boundary.start > self.open.start
    }

    /// A stamp that moves on.
    pub(super) fn stamp(&mut self, boundary: Boundary, actions: &mut Vec<Action>) {
        if boundary.held
            && !self.open.held
            && let Some(encoder) = &mut self.encoder
        {
            let drain = encoder.feed(Input::Drain);
            actions.extend(drain.map(Action::Encode));
        }
        let end = self.edge.plus_ticks(self.distance);
        let most = u64::from(self.limits.target_duration) * MediaTime::HZ;
        for gap in missed(self.open, end, &boundary, most) {
            self.begin(gap);
        }
        self.begin(boundary);
    }

    /// All tracks learn of a boundary.
    pub(super) fn begin(&mut self, boundary: Boundary) {
        self.begun += 1;
        let lasted = boundary.start.since(self.open.start);
        let frames = std::mem::take(&mut self.frames);
        if frames > 0 && lasted > 0 && !self.open.gap {
            self.frame_rate = Some((frames * 1000 * MediaTime::HZ + lasted / 2) / lasted);
        }
        self.open = boundary;
        self.recent.push(boundary);
        self.age_ranges();
        self.sound.restart_here();
        let fed = match &mut self.encoder {
            Some(encoder) if boundary.held => encoder.fed_before(boundary.start),
            Some(encoder) => encoder.fed_until(boundary.start, self.distance),
            None => Fed::default(),
        };
        if let Some(source) = &mut self.source {
            source.boundary(boundary);
        }
        if let Some(audio) = &mut self.audio {
            audio.boundary(boundary);
        }
        for rung in self.rungs.values_mut() {
            let fed = fed.but(rung.left_out(), self.distance);
            rung.track.boundary(boundary, fed);
        }
    }

    /// A new video configuration takes effect with the stamp that follows: new initialization section, new encoder.
    pub(super) fn start_encoder(
        &mut self,
        generation: &mut u64,
        room: (Option<u64>, Allowance),
        actions: &mut Vec<Action>,
    ) {
        let Some(video) = self.next_video.take() else {
            return;
        };
        let parts = self.parts();
        let mut track = self.source.take().unwrap_or_else(|| {
            SourceTrack::new(self.new_window(Rendition::Source, VIDEO_TIMESCALE), parts)
        });
        track.configure(video.clone());
        self.source = Some(track);
        let rungs;
        (rungs, self.cut, self.cost) = self.admit(&video, room);
        for rung in &rungs {
            let known = self.rungs.remove(&rung.rendition);
            let mut encoded = known.unwrap_or_else(|| Encoded {
                track: RungTrack::new(self.new_window(rung.rendition, VIDEO_TIMESCALE), parts),
                codec: None,
                plan: rung.clone(),
                pace: Pace::Full,
            });
            encoded.plan = rung.clone();
            encoded.set(Pace::Full);
            self.rungs.insert(rung.rendition, encoded);
        }
        self.encoder = None;
        if rungs.is_empty() {
            actions.push(Action::Stop);
        } else {
            *generation += 1;
            let plan = Plan {
                codec: video.codec(),
                codec_config: video.record().clone(),
                width: video.width(),
                height: video.height(),
                rungs,
                pictures: self.settings.pictures,
            };
            self.encoder = Some(Encoder::new(*generation));
            actions.push(Action::Start(*generation, plan));
        }
        self.video = Some(video);
    }

    /// A video frame. `false` when it is of no use.
    pub(super) fn video(
        &mut self,
        wire_ms: u32,
        composition_ms: i32,
        key: bool,
        bytes: Bytes,
        actions: &mut Vec<Action>,
    ) -> bool {
        let dts = wire_time::absolute(wire_ms, self.last_dts.unwrap_or(self.open.start));
        let pts = dts.millis().checked_add_signed(composition_ms.into());
        let Some(pts) = pts.map(MediaTime::from_millis) else {
            return false;
        };
        if self.closed.is_some() || self.last_dts.is_some_and(|last| dts <= last) {
            return false;
        }
        self.wait(bytes.len());
        let bytes = match &self.video {
            Some(video) => video.sample(bytes),
            None => bytes,
        };
        let Ok(sample) = Sample::new(pts, dts, key, bytes) else {
            return false;
        };
        let Some(source) = &mut self.source else {
            return false;
        };
        if let Some(last) = self.last_dts.replace(dts) {
            self.distance = dts.since(last);
        }
        self.edge = self.edge.max(pts);
        self.shown = self.shown.max(pts);
        self.frames += 1;
        if let Some(audio) = &mut self.audio {
            audio.video_at(dts);
        }
        let overdue = source.push(&sample);
        self.encode(sample, overdue, actions);
        true
    }

    fn encode(&mut self, sample: Sample, overdue: bool, actions: &mut Vec<Action>) {
        let Some(encoder) = &mut self.encoder else {
            return;
        };
        let start = self.open.start;
        if overdue {
            let force = encoder.feed(Input::ForceKey { pts: start });
            actions.extend(force.map(Action::Encode));
        } else if sample.key && sample.pts == start {
            encoder.restart_here();
        }
        let frame = encoder.feed(Input::Frame {
            pts: sample.pts,
            dts: sample.dts,
            key: sample.key,
            bytes: sample.bytes().clone(),
        });
        actions.extend(frame.map(Action::Encode));
    }

    /// The encoder of that generation, of pictures or of sound.
    pub(super) fn encoder(&mut self, generation: u64) -> Option<&mut Encoder> {
        let encoders = [self.encoder.as_mut(), self.sound.encoder_mut()];
        encoders
            .into_iter()
            .flatten()
            .find(|encoder| encoder.generation == generation)
    }

    pub(super) fn encoder_stopped(&mut self, generation: u64) {
        if let Some(encoder) = self.encoder(generation) {
            encoder.running = false;
            if !self.sound.is_encoded_by(generation) {
                for rung in self.rungs.values_mut() {
                    rung.track.interrupted();
                    // Whoever comes next begins with all it is to do.
                    rung.set(Pace::Full);
                }
            }
        }
    }

    pub(super) fn encoded(&mut self, generation: u64, event: Event) -> Result<(), FeedError> {
        if self.ended || self.encoder(generation).is_none() {
            return Ok(());
        }
        if self.sound.is_encoded_by(generation) {
            if let (Event::Sample { pts, bytes, .. }, Some(audio)) = (event, &mut self.audio)
                && let Ok(sample) = Sample::new(pts, pts, true, bytes)
            {
                audio.push_encoded(sample);
            }
            return Ok(());
        }
        match event {
            Event::Config {
                rendition,
                codec_config,
                ..
            } => {
                let codec = VideoTrack::parse(VideoCodec::Avc, &codec_config)?;
                if let Some(rung) = self.rungs.get_mut(&rendition) {
                    rung.track.configure(video_init(&codec));
                    if rung
                        .track
                        .slate()
                        .is_some_and(|slate| slate.record() != codec.record())
                    {
                        rung.track.set_slate(None);
                    }
                    rung.codec = Some(codec);
                }
            }
            Event::Sample {
                rendition,
                pts,
                key,
                bytes,
            } => {
                let rung = self.rungs.get_mut(&rendition);
                if let (Some(rung), Ok(sample)) = (rung, Sample::new(pts, pts, key, bytes)) {
                    rung.track.push(&sample);
                }
            }
            Event::Paced {
                rendition, pace, ..
            } => {
                if let Some(rung) = self.rungs.get_mut(&rendition) {
                    rung.set(pace);
                }
            }
            Event::Picture(snapshot) => self.pictures.take(snapshot),
            Event::NoPictures { .. } | Event::Used { .. } | Event::Failed { .. } => {}
        }
        Ok(())
    }

    /// What happened to the segments, rendition by rendition, each told once.
    pub(super) fn news(&mut self) -> Vec<News> {
        let session = self.id;
        self.windows_mut()
            .flat_map(Window::news)
            .map(|event| News { session, event })
            .collect()
    }

    pub(super) fn windows(&self) -> impl Iterator<Item = (Rendition, &Window)> {
        let source = self.source.iter().map(|t| (Rendition::Source, t.window()));
        let rungs = self.rungs.iter().map(|(r, rung)| (*r, rung.track.window()));
        let audio = self.audio.iter().map(|t| (Rendition::Audio, t.window()));
        source.chain(rungs).chain(audio)
    }

    pub(super) fn windows_mut(&mut self) -> impl Iterator<Item = &mut Window> {
        let source = self.source.iter_mut().map(SourceTrack::window_mut);
        let rungs = self.rungs.values_mut().map(|rung| rung.track.window_mut());
        let audio = self.audio.iter_mut().map(AudioTrack::window_mut);
        source.chain(rungs).chain(audio)
    }

    pub(super) fn window(&self, rendition: Rendition) -> Option<&Window> {
        self.windows()
            .find_map(|(r, window)| (r == rendition).then_some(window))
    }

    /// The playlist of the present version, written once.
    pub(super) fn playlist(&mut self, rendition: Rendition) -> Option<Written> {
        let window = self.window(rendition).filter(|window| window.has_media())?;
        if let Some(written) = window.written() {
            return Some(written.clone());
        }
        let reports = self
            .windows()
            .filter(|(other, _)| *other != rendition)
            .filter_map(|(_, window)| window.report())
            .collect();
        Some(self.window_mut(rendition)?.write(reports))
    }

    pub(super) fn window_mut(&mut self, rendition: Rendition) -> Option<&mut Window> {
        Some(match rendition {
            Rendition::Source => self.source.as_mut()?.window_mut(),
            Rendition::Audio => self.audio.as_mut()?.window_mut(),
            Rendition::Encoded(_) => self.rungs.get_mut(&rendition)?.track.window_mut(),
        })
    }
}
