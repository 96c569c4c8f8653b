//! [pure] Decoder configurations, as far as packaging needs them.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{TagError, bits::Bits, fixed};

/// An AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), checked to the end of its parameter sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvcConfig<'a> {
    /// AVCProfileIndication.
    pub profile: u8,
    /// profile_compatibility.
    pub compatibility: u8,
    /// AVCLevelIndication.
    pub level: u8,
    /// Bytes of a NAL unit's length prefix: 1, 2 or 4.
    pub nal_length_size: u8,
    /// The first sequence parameter set, NAL header included.
    pub sps: &'a [u8],
    /// The first picture parameter set, NAL header included.
    pub pps: &'a [u8],
}

impl<'a> AvcConfig<'a> {
    /// Parses the body of an AVC sequence header. A record without both parameter sets is an error.
    pub fn parse(record: &'a [u8]) -> Result<Self, TagError> {
        let mut rest = record;
        let [
            version,
            profile,
            compatibility,
            level,
            length_size,
            sps_count,
        ] = fixed(&mut rest)?;
        let nal_length_size = (length_size & 3).saturating_add(1);
        if version != 1 || nal_length_size == 3 {
            return Err(TagError::Undefined);
        }
        let sps = first_of(sps_count & 0x1F, &mut rest)?;
        let [pps_count] = fixed(&mut rest)?;
        let pps = first_of(pps_count, &mut rest)?;
        Ok(Self {
            profile,
            compatibility,
            level,
            nal_length_size,
            sps,
            pps,
        })
    }
}

/// Passes over `count` parameter sets and gives the first, which may not be empty.
fn first_of<'a>(count: u8, rest: &mut &'a [u8]) -> Result<&'a [u8], TagError> {
    let mut first: &[u8] = &[];
    for index in 0..count {
        let length = u16::from_be_bytes(fixed(rest)?);
        let (set, after) = rest
            .split_at_checked(length.into())
            .ok_or(TagError::Truncated)?;
        *rest = after;
        if index == 0 {
            first = set;
        }
    }
    if first.is_empty() {
        Err(TagError::Truncated)
    } else {
        Ok(first)
    }
}

/// An AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), its first fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AacConfig {
    /// Audio object type of the core coder: 2 is LC, also under explicitly signalled SBR and PS.
    pub object_type: u8,
    /// What the core coder is extended by, where that is signalled explicitly: 5 is SBR (HE-AAC), 29 PS (HE-AAC v2).
    pub extension: Option<u8>,
    /// Samples per second of the core coder, not 0.
    pub sample_rate: u32,
    /// channelConfiguration: 1 to 6 are that many channels, 7 is eight, 0 is told in-band.
    pub channel_configuration: u8,
    /// Samples of a frame, at the core coder's rate: 1024, or 960 as some broadcasts have it.
    pub frame_length: u16,
}

const SBR: u32 = 5;
const PS: u32 = 29;

impl AacConfig {
    /// Object type of LC.
    pub const LC: u8 = 2;

    /// Parses the body of an AAC sequence header.
    pub fn parse(config: &[u8]) -> Result<Self, TagError> {
        let mut bits = Bits::new(config);
        let mut object_type = object_type(&mut bits)?;
        let sample_rate = sample_rate(&mut bits)?;
        let channels = take(&mut bits, 4)?;
        let mut extension = None;
        if object_type == SBR || object_type == PS {
            extension = u8::try_from(object_type).ok();
            let _extension_rate = self::sample_rate(&mut bits)?;
            object_type = self::object_type(&mut bits)?;
        }
        // What comes first in a GASpecificConfig (4.4.1); a configuration that is cut off there leaves it out.
        let is_short = bits.number(1) == Some(1);
        let narrow = |value| u8::try_from(value).map_err(|_| TagError::Undefined);
        let (object_type, channel_configuration) = (narrow(object_type)?, narrow(channels)?);
        Ok(Self {
            object_type,
            extension,
            sample_rate,
            channel_configuration,
            frame_length: if is_short { 960 } else { 1024 },
        })
    }
}

fn object_type(bits: &mut Bits<'_>) -> Result<u32, TagError> {
    match take(bits, 5)? {
        31 => Ok(take(bits, 6)?.saturating_add(32)),
        0 => Err(TagError::Undefined),
        object_type => Ok(object_type),
    }
}

fn sample_rate(bits: &mut Bits<'_>) -> Result<u32, TagError> {
    const RATES: [u32; 13] = [
        96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
    ];
    let index = take(bits, 4)?;
    let rate = match usize::try_from(index) {
        Ok(15) => take(bits, 24)?,
        Ok(index) => RATES.get(index).copied().unwrap_or(0),
        Err(_) => 0,
    };
    if rate == 0 {
        Err(TagError::Undefined)
    } else {
        Ok(rate)
    }
}

fn take(bits: &mut Bits<'_>, count: u32) -> Result<u32, TagError> {
    bits.number(count).ok_or(TagError::Truncated)
}
