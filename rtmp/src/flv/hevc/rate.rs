//! [pure] The frame rate in a sequence parameter set of H.265: all that lies between the bit depth and the timing of the
//! VUI (ITU-T H.265 7.3.2.2 and E.2.1).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::super::bits::{Bits, reduced};

/// Most short-term reference picture sets, and long-term pictures (7.4.3.2.1).
const MAX_SETS: u32 = 64;
/// Most pictures of one set: the decoded picture buffer holds 16 (7.4.8).
const MAX_PICTURES: usize = 16;

/// From behind bit_depth_luma_minus8 on. `None` when the set does not say, or is damaged on the way there.
pub(super) fn frame_rate(
    bits: &mut Bits<'_>,
    sub_layers: u32,
    chroma_format: u32,
) -> Option<(u32, u32)> {
    bits.unsigned_golomb()?;
    let order_bits = bits.unsigned_golomb()?.checked_add(4)?;
    let all_layers = bits.bit()?;
    let layers = if all_layers { sub_layers } else { 0 };
    golombs(bits, layers.saturating_add(1).saturating_mul(3))?;
    golombs(bits, 6)?;
    // scaling_list_enabled_flag, sps_scaling_list_data_present_flag
    if bits.bit()? && bits.bit()? {
        scaling_lists(bits, chroma_format)?;
    }
    // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    bits.skip(2)?;
    // pcm_enabled_flag
    if bits.bit()? {
        bits.skip(8)?;
        golombs(bits, 2)?;
        bits.skip(1)?;
    }
    reference_sets(bits)?;
    // long_term_ref_pics_present_flag
    if bits.bit()? {
        let count = bits.unsigned_golomb().filter(|n| *n <= MAX_SETS)?;
        bits.skip(order_bits.checked_add(1)?.checked_mul(count)?)?;
    }
    // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    bits.skip(2)?;
    vui_timing(bits)
}

fn golombs(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    for _ in 0..count {
        bits.unsigned_golomb()?;
    }
    Some(())
}

/// 7.3.4.
fn scaling_lists(bits: &mut Bits<'_>, chroma_format: u32) -> Option<()> {
    for size in 0_u32..4 {
        let step = if size == 3 && chroma_format != 3 {
            3
        } else {
            1
        };
        for _ in (0_u32..6).step_by(step) {
            if bits.bit()? {
                if size > 1 {
                    bits.signed_golomb()?;
                }
                golombs(bits, if size == 0 { 16 } else { 64 })?;
            } else {
                bits.unsigned_golomb()?;
            }
        }
    }
    Some(())
}

/// The distances of one set's pictures, before and after the picture that refers to them.
#[derive(Default)]
struct Set {
    before: Vec<i64>,
    after: Vec<i64>,
}

/// 7.3.7: a set may be told as the one before it, moved by a distance.
fn reference_sets(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.unsigned_golomb().filter(|n| *n <= MAX_SETS)?;
    let mut last = Set::default();
    for index in 0..count {
        last = if index > 0 && bits.bit()? {
            moved(bits, &last)?
        } else {
            told(bits)?
        };
        if last.before.len().max(last.after.len()) > MAX_PICTURES {
            return None;
        }
    }
    Some(())
}

fn told(bits: &mut Bits<'_>) -> Option<Set> {
    let before = bits.unsigned_golomb()?;
    let after = bits.unsigned_golomb()?;
    let mut distances = |count: u32, sign: i64| {
        let mut at = 0_i64;
        let mut all = Vec::new();
        for _ in 0..count {
            if all.len() >= MAX_PICTURES {
                return None;
            }
            let step = i64::from(bits.unsigned_golomb()?).saturating_add(1);
            at = at.saturating_add(step.saturating_mul(sign));
            all.push(at);
            bits.skip(1)?;
        }
        Some(all)
    };
    Some(Set {
        before: distances(before, -1)?,
        after: distances(after, 1)?,
    })
}

/// 7.4.8, equations 7-61 and 7-62.
fn moved(bits: &mut Bits<'_>, from: &Set) -> Option<Set> {
    let negative = bits.bit()?;
    let step = i64::from(bits.unsigned_golomb()?).saturating_add(1);
    let step = if negative {
        step.saturating_neg()
    } else {
        step
    };
    let mut used = Vec::new();
    for _ in 0..=from.before.len().saturating_add(from.after.len()) {
        // used_by_curr_pic_flag, use_delta_flag
        used.push(bits.bit()? || bits.bit()?);
    }
    let all: Vec<i64> = from
        .before
        .iter()
        .chain(&from.after)
        .copied()
        .chain([0])
        .collect();
    let kept = |index: usize| {
        let distance = all.get(index)?.saturating_add(step);
        used.get(index)
            .is_some_and(|used| *used)
            .then_some(distance)
    };
    let (before, after) = (from.before.len(), from.after.len());
    let whole = before.saturating_add(after);
    let forwards = || 0..before;
    let behind = || before..whole;
    Some(Set {
        before: behind()
            .rev()
            .chain([whole])
            .chain(forwards())
            .filter_map(kept)
            .filter(|distance| *distance < 0)
            .collect(),
        after: forwards()
            .rev()
            .chain([whole])
            .chain(behind())
            .filter_map(kept)
            .filter(|distance| *distance > 0)
            .collect(),
    })
}

/// From vui_parameters_present_flag to vui_time_scale.
fn vui_timing(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    if !bits.bit()? {
        return None;
    }
    // aspect_ratio_info
    if bits.bit()? && bits.number(8)? == 255 {
        bits.skip(32)?;
    }
    // overscan_info
    if bits.bit()? {
        bits.skip(1)?;
    }
    // video_signal_type
    if bits.bit()? {
        bits.skip(4)?;
        if bits.bit()? {
            bits.skip(24)?;
        }
    }
    // chroma_loc_info
    if bits.bit()? {
        golombs(bits, 2)?;
    }
    // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    bits.skip(3)?;
    // default_display_window
    if bits.bit()? {
        golombs(bits, 4)?;
    }
    if !bits.bit()? {
        return None;
    }
    let tick = bits.number(32)?;
    let scale = bits.number(32)?;
    reduced(scale, tick)
}
