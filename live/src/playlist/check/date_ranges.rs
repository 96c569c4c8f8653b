//! [pure] The rules of EXT-X-DATERANGE (RFC 8216bis §4.4.5.1).

use std::collections::BTreeMap;

use super::{Findings, Rule};
use crate::playlist::{DateRange, DateRanges, MediaPlaylist, Unfit};

/// Most ranges that are held against each other.
const MOST: usize = DateRanges::MOST;

pub(super) fn date_ranges(playlist: &MediaPlaylist, findings: &mut Findings) {
    let mut heads = playlist.segments.iter().map(|segment| &segment.head);
    let open = playlist.open.iter().map(|open| &open.head);
    let dated = heads
        .by_ref()
        .chain(open)
        .any(|head| head.program_date_time.is_some());
    // A delta update may have left the dated ones out.
    let dated = dated || playlist.skipped.is_some() || playlist.date_ranges.is_empty();
    findings.need(dated, Rule::DateRangeUndated, || "playlist".into());
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    let mut together = DateRanges::default();
    for line in playlist.date_ranges.iter().take(MOST) {
        let range: DateRange = match line.as_str().parse() {
            Ok(range) => range,
            Err(error) => {
                findings.need(false, Rule::DateRange, || format!("{error}: {line}"));
                continue;
            }
        };
        // Tags of one ID may each say a part of it; those that say the same are no contradiction.
        if let Some(before) = known.insert(range.id().to_string(), line.as_str()) {
            let merged = DateRange::contradicts(before, line.as_str());
            findings.need(!merged, Rule::DateRangesContradict, || {
                range.id().to_string()
            });
        } else if let Err(Unfit::Overlaps(other)) = together.add(range.clone()) {
            findings.need(false, Rule::DateRangesOverlap, || {
                format!("{} and {other}", range.id())
            });
        }
    }
}
