//! What a run found: a table for people, JSON for machines. Every figure stands beside a peer's from the same run.

use serde_json::{Value, json};

/// One figure of one server.
pub(crate) struct Row {
    /// What was done, such as `RTMP fan-out, 100 players`.
    pub case: String,
    /// Who did it.
    pub server: &'static str,
    /// Figures by name and unit; the same names for all servers of a case. Lower or higher is better by `Figure`.
    pub figures: Vec<Figure>,
}

/// One number.
pub(crate) struct Figure {
    /// Name with unit.
    pub name: &'static str,
    /// The number.
    pub value: f64,
    /// Whether more is better.
    pub more_is_better: bool,
}

/// The rows as JSON.
pub(crate) fn json(rows: &[Row]) -> Value {
    rows.iter()
        .map(|row| {
            let figures: serde_json::Map<String, Value> = row
                .figures
                .iter()
                .map(|f| (f.name.into(), json!(f.value)))
                .collect();
            json!({ "case": row.case, "server": row.server, "figures": figures })
        })
        .collect()
}

/// The rows as text, with each figure's [`ratio`]: above 1 means that Footlight is better.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut case = "";
    for row in rows {
        if row.case != case {
            case = &row.case;
            let names: String = row
                .figures
                .iter()
                .map(|f| format!("{:>24}", f.name))
                .collect();
            text.push_str(&format!("\n{case}\n  {:<21}{names}\n", ""));
        }
        let figures: String = row
            .figures
            .iter()
            .map(|figure| match ratio(rows, row, figure) {
                Some(ratio) => format!("{:>16.3} {:>6.2}x", figure.value, ratio),
                None => format!("{:>16.3} {:>7}", figure.value, ""),
            })
            .collect();
        text.push_str(&format!("  {:<21}{figures}\n", row.server));
    }
    text
}

/// How many times better Footlight's `figure` is: in its own row than the best peer's, in a peer's than that one.
fn ratio(rows: &[Row], row: &Row, figure: &Figure) -> Option<f64> {
    if row.is_floor() {
        return None;
    }
    let same = |other: &&Row| other.case == row.case && other.is_ours() != row.is_ours();
    let others = rows.iter().filter(same).filter(|other| !other.is_floor());
    let values = others
        .filter_map(|other| other.figures.iter().find(|f| f.name == figure.name))
        .map(|figure| figure.value);
    let best = if figure.more_is_better {
        values.reduce(f64::max)
    } else {
        values.reduce(f64::min)
    }?;
    let (ours, theirs) = if row.is_ours() {
        (figure.value, best)
    } else {
        (best, figure.value)
    };
    // Nothing and nothing are equal, too.
    Some(if ours.to_bits() == theirs.to_bits() {
        1.0
    } else if figure.more_is_better {
        ours / theirs
    } else {
        theirs / ours
    })
}

impl Row {
    fn is_ours(&self) -> bool {
        self.server.starts_with("footlight")
    }

    /// Whether it is what the kernel alone costs.
    fn is_floor(&self) -> bool {
        self.server.starts_with("floor")
    }
}

impl Figure {
    /// The better one of the two.
    pub(crate) fn better(self, other: Self) -> Self {
        if (self.value < other.value) == self.more_is_better {
            other
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(server: &'static str, cost: f64, rate: f64) -> Row {
        let cost = Figure {
            name: "CPU s/Gbit",
            value: cost,
            more_is_better: false,
        };
        let rate = Figure {
            name: "req/s",
            value: rate,
            more_is_better: true,
        };
        Row {
            case: "case".into(),
            server,
            figures: vec![cost, rate],
        }
    }

    #[test]
    fn better_is_above_one_either_way() {
        let rows = [row("nginx", 0.2, 50.0), row("footlight-mux", 0.1, 100.0)];
        let text = text(&rows);
        assert_eq!(text.matches("2.00x").count(), 4, "{text}");
        assert_eq!(json(&rows)[1]["figures"]["req/s"], 100.0);
    }
}
