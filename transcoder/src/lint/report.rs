//! [pure] What a visit has found: each rule kept, broken or not put to the test, for a person and for machines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use live::playlist::check::{Finding, Group, Level, Rule};
use serde_json::{Value, json};

/// Places that are kept of one rule; what is broken a thousand times is told well by a few.
const MOST_PLACES: usize = 8;
/// Places a person is shown of one rule.
const SHOWN: usize = 3;
/// Longest place, in characters: it may hold the server's words.
const MOST_CHARS: usize = 300;
/// Notes that are kept.
const MOST_NOTES: usize = 64;

/// What came of all checks.
#[derive(Debug, Default)]
pub(super) struct Report {
    broken: BTreeMap<Rule, Broken>,
    tested: BTreeSet<Rule>,
    notes: Vec<String>,
    /// What was measured, by playlist.
    pub(super) figures: BTreeMap<String, Value>,
}

#[derive(Debug, Default)]
struct Broken {
    times: u64,
    places: Vec<String>,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Kept,
    Broken,
    NotTested,
}

impl Report {
    /// All rules of a group were looked at.
    pub(super) fn tested(&mut self, group: Group) {
        let all = Rule::ALL.iter().copied();
        self.tested.extend(all.filter(|rule| rule.group() == group));
    }

    /// These rules were looked at.
    pub(super) fn tested_rules(&mut self, rules: &[Rule]) {
        self.tested.extend(rules);
    }

    /// Takes findings in. `playlist` is put before each place.
    pub(super) fn add(&mut self, playlist: &str, findings: Vec<Finding>) {
        for Finding { rule, place } in findings {
            self.tested.insert(rule);
            let broken = self.broken.entry(rule).or_default();
            broken.times = broken.times.saturating_add(1);
            let place = match (playlist, place.as_str()) {
                ("", place) => plain(place),
                (playlist, "playlist") => plain(playlist),
                (playlist, place) => plain(&format!("{playlist}: {place}")),
            };
            if broken.places.len() < MOST_PLACES && !broken.places.contains(&place) {
                broken.places.push(place);
            }
        }
    }

    /// Notes the rule as looked at, and as broken unless it `holds`.
    pub(super) fn need(&mut self, holds: bool, rule: Rule, place: impl FnOnce() -> String) {
        self.tested.insert(rule);
        if !holds {
            let place = place();
            self.add("", vec![Finding { rule, place }]);
        }
    }

    /// Something to know that breaks no rule.
    pub(super) fn note(&mut self, what: &str) {
        let what = plain(what);
        if self.notes.len() < MOST_NOTES && !self.notes.contains(&what) {
            self.notes.push(what);
        }
    }

    /// What the other report found too.
    pub(super) fn merge(&mut self, other: Self) {
        self.tested.extend(other.tested);
        self.figures.extend(other.figures);
        for note in other.notes {
            self.note(&note);
        }
        for (rule, theirs) in other.broken {
            let ours = self.broken.entry(rule).or_default();
            ours.times = ours.times.saturating_add(theirs.times);
            let room = MOST_PLACES.saturating_sub(ours.places.len());
            ours.places.extend(theirs.places.into_iter().take(room));
        }
    }

    /// The level of the worst rule that is broken.
    pub(super) fn worst(&self) -> Option<Level> {
        self.broken.keys().map(|rule| rule.level()).max()
    }

    fn verdict(&self, rule: Rule) -> Verdict {
        if self.broken.contains_key(&rule) {
            Verdict::Broken
        } else if self.tested.contains(&rule) {
            Verdict::Kept
        } else {
            Verdict::NotTested
        }
    }

    fn count(&self, verdict: Verdict) -> usize {
        let all = Rule::ALL.iter();
        all.filter(|rule| self.verdict(**rule) == verdict).count()
    }

    /// For machines.
    pub(super) fn json(&self, url: &str) -> String {
        let rules = Rule::ALL.iter().map(|rule| {
            let broken = self.broken.get(rule);
            json!({
                "rule": format!("{rule:?}"),
                "group": rule.group().title(),
                "level": rule.level().to_string(),
                "sentence": rule.sentence(),
                "verdict": match self.verdict(*rule) {
                    Verdict::Kept => "kept",
                    Verdict::Broken => "broken",
                    Verdict::NotTested => "not tested",
                },
                "times": broken.map_or(0, |broken| broken.times),
                "places": broken.map(|broken| broken.places.as_slice()).unwrap_or_default(),
            })
        });
        let report = json!({
            "url": url,
            "worst": self.worst().map(|level| level.to_string()),
            "rules": rules.collect::<Vec<_>>(),
            "renditions": self.figures,
            "notes": self.notes,
        });
        format!("{report:#}\n")
    }

    /// For a person.
    pub(super) fn table(&self, url: &str, colour: bool) -> String {
        let mut text = format!("{}\n", plain(url));
        for (playlist, figures) in &self.figures {
            let of = |name: &str| figures.get(name).map(plain_value).unwrap_or_default();
            let (codecs, segments, peak) = (of("codecs"), of("segments"), of("peak_kbps"));
            text.push_str(&plain(&format!(
                "  {playlist}: {codecs}, {segments} segments, peak {peak} kbit/s"
            )));
            text.push('\n');
        }
        let mut group = None;
        for (rule, broken) in &self.broken {
            if group != Some(rule.group()) {
                group = Some(rule.group());
                let title = rule.group().title();
                let _fits = write!(text, "\n{}\n", paint(colour, "1", title));
            }
            self.row(&mut text, *rule, broken, colour);
        }
        for note in &self.notes {
            let _fits = write!(text, "\n{} {note}\n", paint(colour, "1", "Note:"));
        }
        let skipped: Vec<String> = Rule::ALL
            .iter()
            .filter(|rule| self.verdict(**rule) == Verdict::NotTested)
            .map(|rule| format!("{rule:?}"))
            .collect();
        if !skipped.is_empty() {
            let _fits = write!(text, "\nNot put to the test: {}\n", skipped.join(", "));
        }
        let of = |level| {
            self.broken
                .keys()
                .filter(|rule| rule.level() == level)
                .count()
        };
        let (must, should) = (of(Level::Must), of(Level::Should));
        let sum = format!(
            "{} rules kept, {must} MUST and {should} SHOULD broken, {} not put to the test",
            self.count(Verdict::Kept),
            self.count(Verdict::NotTested)
        );
        let shade = match self.worst() {
            None => "32",
            Some(level) => shade(level),
        };
        let _fits = write!(text, "\n{}\n", paint(colour, shade, &sum));
        text
    }

    fn row(&self, text: &mut String, rule: Rule, broken: &Broken, colour: bool) {
        let level = format!("{:<6}", rule.level().to_string());
        let name = format!("{rule:?}");
        let _fits = writeln!(
            text,
            "  {} {} {}",
            paint(colour, shade(rule.level()), &level),
            paint(colour, "1", &name),
            rule.sentence(),
        );
        for place in broken.places.iter().take(SHOWN) {
            let _fits = writeln!(text, "         {place}");
        }
        let shown = u64::try_from(broken.places.len().min(SHOWN)).unwrap_or(u64::MAX);
        if broken.times > shown {
            let _fits = writeln!(text, "         … {} times in all", broken.times);
        }
    }
}

/// Red for what must be, yellow for what should be.
const fn shade(level: Level) -> &'static str {
    match level {
        Level::Must => "31",
        Level::Should => "33",
    }
}

fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

fn plain_value(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// What a server wrote, made fit for a terminal.
fn plain(text: &str) -> String {
    let shown = text.chars().take(MOST_CHARS);
    let shown = shown.map(|c| if c.is_control() { '\u{fffd}' } else { c });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Report {
        let mut report = Report::default();
        report.tested(Group::Live);
        for n in 0..20 {
            let place = format!("{n}: \x1b[2J");
            report.need(n == 0, Rule::FewSegments, || place);
        }
        report
    }

    #[test]
    fn the_worst_level_is_told() {
        assert_eq!(Report::default().worst(), None);
        let mut report = Report::default();
        report.need(true, Rule::Version, String::new);
        assert_eq!(report.worst(), None);
        report.need(false, Rule::Redirected, String::new);
        assert_eq!(report.worst(), Some(Level::Should));
        report.merge(broken());
        assert_eq!(report.worst(), Some(Level::Must));
    }

    #[test]
    fn a_table_is_bounded_and_sends_nothing_to_the_terminal() {
        let text = broken().table("http://x/\x1b[2J", false);
        assert!(!text.contains('\x1b'), "{text}");
        assert!(text.contains("19 times in all"), "{text}");
        assert!(
            text.contains("2 rules kept, 1 MUST and 0 SHOULD broken"),
            "{text}"
        );
        assert!(broken().table("http://x/", true).contains("\x1b[31m"));
    }

    #[test]
    fn machines_are_told_of_every_rule() {
        let report: Value = serde_json::from_str(&broken().json("http://x/")).unwrap();
        let rules = report["rules"].as_array().unwrap();
        assert_eq!(rules.len(), Rule::ALL.len());
        let of = |verdict: &str| rules.iter().filter(|r| r["verdict"] == verdict).count();
        assert_eq!((of("broken"), of("kept")), (1, 2));
        let few = rules.iter().find(|r| r["rule"] == "FewSegments").unwrap();
        assert_eq!(few["times"], 19);
        assert_eq!(few["places"].as_array().unwrap().len(), MOST_PLACES);
    }
}
