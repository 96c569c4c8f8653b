//! [pure] The segment clock's message from mux to the transcoders: where a segment begins, and its number.
//!
//! A stamp opens segment `msn` at `pts` and thereby closes the one before. It is complete in itself: a transcoder that
//! joins late needs no history (DESIGN §4). It travels as an AMF0 data message, a name and an object of numbers; this
//! file owns the names, the daemons own the wire.

use crate::{Dsn, MediaTime, Msn, SessionId, cadence::Cadence, sound_grid::SoundPlace};

/// AMF0 name of a stamp that opens a segment with media.
pub const ON_SEGMENT: &str = "onSegment";
/// AMF0 name of a stamp that opens a segment without: the stream is held.
pub const ON_HOLD: &str = "onHold";
/// AMF0 name of the message that ends a session (EXT-X-ENDLIST).
pub const ON_END: &str = "onEnd";
/// The layout that this build writes and understands, field `v`.
pub const VERSION: u64 = 1;

/// What the segment that a stamp opens holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StampKind {
    /// Media follows.
    Segment,
    /// Nobody publishes: slate on encoded rungs, silence on `audio`, GAP on `source`.
    Hold,
}

/// "Segment `msn` starts at `pts`."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stamp {
    /// Media, or a hold.
    pub kind: StampKind,
    /// The run of the stream that the segment belongs to.
    pub session: SessionId,
    /// Discontinuity sequence number of the segment.
    pub dsn: Dsn,
    /// The segment's media sequence number.
    pub msn: Msn,
    /// Absolute presentation time at which it starts.
    pub pts: MediaTime,
    /// Mux's wall clock when it stamped, Unix milliseconds (for lag figures only: nothing written depends on it).
    pub utc_ms: u64,
    /// Nominal segment duration K in milliseconds, 1000 or more.
    pub k_ms: u32,
    /// EXT-X-TARGETDURATION of the session, seconds.
    pub td: u32,
    /// Where the newest frame of sound lies that was sent before. None when there is none, when it is not AAC, and from
    /// a mux that does not tell.
    pub sound: Option<SoundPlace>,
    /// How far apart the pictures of the session's first segment are; the same in every stamp but the session's first.
    /// None in that, when there were none, and from a mux that does not tell.
    pub cadence: Option<Cadence>,
}

/// Why an `onSegment`/`onHold` message is no stamp. The peer's fault, or a mux of another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// A field is absent or no whole number in its range.
    #[error("stamp field '{0}' is missing or out of range")]
    Field(&'static str),
    /// Written by a mux that speaks another layout: upgrade the older box.
    #[error("stamp version {0} is not the one this build speaks")]
    Version(u64),
}

impl Stamp {
    /// AMF0 name of the message that carries it.
    pub const fn message_name(&self) -> &'static str {
        match self.kind {
            StampKind::Segment => ON_SEGMENT,
            StampKind::Hold => ON_HOLD,
        }
    }

    /// The object's fields in wire order. All are whole numbers below 2^53, so AMF0's double holds them exactly.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, f64)> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "below 2^53, see the docs of each field"
        )]
        let number = |(name, n): (&'static str, u64)| (name, n as f64);
        let fields = [
            ("v", VERSION),
            ("session", self.session.0),
            ("dsn", self.dsn.0),
            ("msn", self.msn.0),
            ("pts", self.pts.ticks()),
            ("utc_ms", self.utc_ms),
            ("k_ms", self.k_ms.into()),
            ("td", self.td.into()),
        ];
        let sound = self.sound.into_iter().flat_map(SoundPlace::fields);
        let cadence = self.cadence.into_iter().flat_map(Cadence::fields);
        fields.into_iter().chain(sound).chain(cadence).map(number)
    }

    /// Reads a stamp back; `field` looks a number up by name. Unknown fields are ignored, so that mux may add some.
    pub fn from_fields(
        kind: StampKind,
        field: impl Fn(&str) -> Option<f64>,
    ) -> Result<Self, StampError> {
        let whole = |name: &'static str| {
            field(name)
                .and_then(whole_number)
                .ok_or(StampError::Field(name))
        };
        let small = |name: &'static str| {
            u32::try_from(whole(name)?)
                .ok()
                .filter(|n| *n > 0)
                .ok_or(StampError::Field(name))
        };
        let optional = |name: &'static str| {
            let whole = |number| whole_number(number).ok_or(StampError::Field(name));
            field(name).map(whole).transpose()
        };
        match whole("v")? {
            VERSION => {}
            other => return Err(StampError::Version(other)),
        }
        Ok(Self {
            kind,
            session: SessionId(whole("session")?),
            dsn: Dsn(whole("dsn")?),
            msn: Msn(whole("msn")?),
            pts: MediaTime::from_ticks(whole("pts")?),
            utc_ms: whole("utc_ms")?,
            k_ms: small("k_ms").and_then(|k| {
                if k >= 1000 {
                    Ok(k)
                } else {
                    Err(StampError::Field("k_ms"))
                }
            })?,
            td: small("td")?,
            sound: SoundPlace::from_fields(optional)?,
            cadence: Cadence::from_fields(optional)?,
        })
    }
}

/// A double that is a whole number from 0 to 2^53, as such.
fn whole_number(value: f64) -> Option<u64> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    let whole = (0.0..=LIMIT).contains(&value) && value.fract() == 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and in range"
    )]
    whole.then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound_grid::SoundGrid;

    fn stamp() -> Stamp {
        let pts = MediaTime::from_millis(1_795_000_000_190);
        Stamp {
            kind: StampKind::Segment,
            session: SessionId(1_795_000_000_123),
            dsn: Dsn(1),
            msn: Msn(1_795_000_000),
            pts,
            utc_ms: 1_795_000_000_200,
            k_ms: 2000,
            td: 3,
            sound: SoundPlace::new(48_000, pts, SoundGrid::nearest(pts.samples(48_000))),
            cadence: Cadence::new(2970, 3060),
        }
    }

    fn fields() -> Vec<(&'static str, f64)> {
        stamp().fields().collect()
    }

    fn read(fields: &[(&str, f64)]) -> Result<Stamp, StampError> {
        Stamp::from_fields(StampKind::Segment, |name| {
            fields.iter().find(|f| f.0 == name).map(|f| f.1)
        })
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert!(stamp().sound.is_some() && stamp().cadence.is_some());
        assert_eq!(read(&fields()), Ok(stamp()));
    }

    #[test]
    fn a_mux_that_tells_nothing_of_sound_and_pictures_is_understood() {
        let silent = Stamp {
            sound: None,
            cadence: None,
            ..stamp()
        };
        assert_eq!(read(&fields()[..8]), Ok(silent));
        assert_eq!(silent.fields().count(), 8);
    }

    #[test]
    fn a_broken_field_is_named() {
        for index in 0..fields().len() {
            for bad in [f64::NAN, -1.0, 0.5, 1e300, f64::INFINITY] {
                let mut fields = fields();
                fields[index].1 = bad;
                assert_eq!(read(&fields), Err(StampError::Field(fields[index].0)));
            }
            let mut fields = fields();
            let (name, _) = fields.remove(index);
            let name = match index {
                ..8 => name,
                8..11 => "sound_at",
                _ => "frame_max",
            };
            assert_eq!(read(&fields), Err(StampError::Field(name)));
        }
        for (index, name) in [
            (8, "sound_rate"),
            (9, "sound_at"),
            (10, "sound_at"),
            (11, "frame_max"),
            (12, "frame_max"),
        ] {
            let mut fields = fields();
            fields[index].1 += 5_000_000_000.0;
            assert_eq!(read(&fields), Err(StampError::Field(name)));
        }
        let mut fields = fields();
        fields[0].1 = 2.0;
        assert_eq!(read(&fields), Err(StampError::Version(2)));
    }
}
