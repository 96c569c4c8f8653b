//! [pure] Figures as people read them at a glance: two or three digits and a unit.

/// `5.8 MiB`.
pub fn bytes(count: u64) -> String {
    scaled(count, 1024, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// `4.1 Mb/s`.
pub fn bit_rate(per_second: u64) -> String {
    scaled(per_second, 1000, &["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"])
}

/// One decimal below ten, none above; none of the smallest unit.
fn scaled(count: u64, step: u64, units: &[&str]) -> String {
    let mut unit = 0;
    // In tenths, so that no figure is lost on the way; rounded once for each step.
    let mut tenths = u128::from(count) * 10;
    let step = u128::from(step);
    while (tenths + 5) / 10 >= step && unit + 1 < units.len() {
        tenths = (tenths + step / 2) / step;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 || tenths >= 100 {
        format!("{} {name}", (tenths + 5) / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// `4 d 3 h`, `3 h 12 min`, `12 min 5 s`, `5 s`.
pub fn seconds(all: u64) -> String {
    let (days, hours, minutes) = (all / 86_400, all / 3_600 % 24, all / 60 % 60);
    match (days, all / 3_600, all / 60) {
        (1.., _, _) => format!("{days} d {hours} h"),
        (0, 1.., _) => format!("{hours} h {minutes} min"),
        (0, 0, 1..) => format!("{minutes} min {} s", all % 60),
        (0, 0, 0) => format!("{all} s"),
    }
}

/// `40 ms`, `3.4 s`, `12 min 5 s`.
pub fn millis(all: u64) -> String {
    match all {
        0..1_000 => format!("{all} ms"),
        1_000..60_000 => format!("{}.{} s", all / 1_000, all / 100 % 10),
        60_000.. => seconds(all / 1_000),
    }
}

/// At most one decimal, none where it would be 0: `29.97` is `30`, `2.5` is `2.5`.
pub fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), str::to_owned)
}

/// A column for each value, oldest first, its height relative to the largest.
pub fn plot(values: impl Iterator<Item = u64> + Clone) -> String {
    const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.clone().max().unwrap_or_default().max(1);
    let column = |value: u64| {
        let height = u128::from(value) * 7 / u128::from(most);
        let height = usize::try_from(height).unwrap_or_default();
        COLUMNS.get(height).copied().unwrap_or(' ')
    };
    values.map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates() {
        for (count, shown) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (10 * 1024, "10 KiB"),
            (1_048_575, "1.0 MiB"),
            (6_081_741, "5.8 MiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
        assert_eq!(bit_rate(4_123_456), "4.1 Mb/s");
        assert_eq!(bit_rate(999_999), "1.0 Mb/s");
        assert_eq!(bit_rate(128_000), "128 kb/s");
    }

    #[test]
    fn spans_of_time() {
        assert_eq!(seconds(5), "5 s");
        assert_eq!(seconds(725), "12 min 5 s");
        assert_eq!(seconds(3_600 * 3 + 720), "3 h 12 min");
        assert_eq!(seconds(86_400 * 4 + 3_600 * 3), "4 d 3 h");
        assert_eq!(millis(40), "40 ms");
        assert_eq!(millis(3_450), "3.4 s");
        assert_eq!(millis(725_000), "12 min 5 s");
    }

    #[test]
    fn rates_of_frames_and_a_plot() {
        assert_eq!(short(29.97), "30");
        assert_eq!(short(2.5), "2.5");
        assert_eq!(plot([0, 50, 100].into_iter()), "▁▄█");
        assert_eq!(plot([0, 0].into_iter()), "▁▁");
        assert_eq!(plot(std::iter::empty()), "");
    }
}
