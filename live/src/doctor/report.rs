//! [pure] Findings as an operator reads them, and as a script does.

use serde_json::{Value, json};

use super::finding::{Finding, Verdict};
use crate::daemon::{
    Exit,
    paper::{Line, Paper, Tone, wrapped},
};

/// All that was found on a box.
#[derive(Debug)]
pub(super) struct Report {
    /// `footlight-mux`.
    name: String,
    version: &'static str,
    /// What the box calls itself.
    host: String,
    /// In the order of their areas.
    findings: Vec<Finding>,
}

/// Columns of the verdict and of the area, with the blanks behind them.
const VERDICT: usize = 9;
const AREA: usize = 15;

impl Report {
    pub(super) fn new(
        (name, version): (String, &'static str),
        host: String,
        mut findings: Vec<Finding>,
    ) -> Self {
        findings.sort_by_key(|finding| finding.area);
        Self {
            name,
            version,
            host,
            findings,
        }
    }

    /// 0 all well, 1 what should be otherwise, 2 what must be.
    pub(super) fn exit(&self) -> Exit {
        match self.worst() {
            Verdict::Failure => Exit::Broken,
            Verdict::Warning => Exit::Warned,
            Verdict::Ok | Verdict::NotApplicable => Exit::Ok,
        }
    }

    fn worst(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|finding| finding.verdict);
        verdicts.max().unwrap_or(Verdict::Ok)
    }

    fn count(&self, verdict: Verdict) -> usize {
        let alike = |finding: &&Finding| finding.verdict == verdict;
        self.findings.iter().filter(alike).count()
    }

    /// A line for each finding, its remedy below it, and the sum at the end.
    pub(super) fn lines(&self, paper: Paper) -> Vec<Line> {
        let title = format!("{} {}", self.name, self.version);
        let title = Line::default().with(Tone::Strong, title);
        let mut lines = vec![title.with(Tone::Plain, format!(" on {}", self.host))];
        lines.push(Line::default());
        lines.extend(
            self.findings
                .iter()
                .flat_map(|finding| entry(finding, paper)),
        );
        lines.push(Line::default());
        let mut sum = Line::default();
        for (verdict, words) in [
            (Verdict::Failure, "to put right"),
            (Verdict::Warning, "to look at"),
            (Verdict::Ok, "as it should be"),
        ] {
            let count = self.count(verdict);
            if count > 0 {
                let tone = mark(verdict).1;
                sum = sum.with(tone, format!("{count} {words}  "));
            }
        }
        lines.push(sum);
        lines
    }

    /// `{"name", "version", "host", "verdict", "findings": [{"area", "subject", "verdict", "sentence", "remedy"}]}`
    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "version": self.version,
            "host": self.host,
            "verdict": self.worst(),
            "findings": self.findings,
        })
    }
}

const fn mark(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Ok => ("ok", Tone::Good),
        Verdict::Warning => ("warning", Tone::Odd),
        Verdict::Failure => ("FAILURE", Tone::Bad),
        Verdict::NotApplicable => ("-", Tone::Faint),
    }
}

fn entry(finding: &Finding, paper: Paper) -> Vec<Line> {
    let (word, tone) = mark(finding.verdict);
    let inset = VERDICT + AREA;
    let text = match finding.subject.is_empty() {
        true => finding.sentence.clone(),
        false => format!("{}: {}", finding.subject, finding.sentence),
    };
    let plain = match finding.verdict {
        Verdict::NotApplicable => Tone::Faint,
        Verdict::Ok | Verdict::Warning | Verdict::Failure => Tone::Plain,
    };
    let narrower = Paper {
        width: paper.width.map(|width| width.saturating_sub(inset)),
        ..paper
    };
    let mut rows = wrapped(0, (plain, ""), &text, narrower);
    if let Some(remedy) = &finding.remedy {
        rows.extend(wrapped(0, (Tone::Strong, "-> "), remedy, narrower));
    }
    let head = |index: usize| match index {
        0 => Line::default()
            .with(tone, format!("{word:VERDICT$}"))
            .with(Tone::Faint, format!("{:AREA$}", finding.area.as_str())),
        _ => Line::default().with(Tone::Plain, " ".repeat(inset)),
    };
    rows.into_iter()
        .enumerate()
        .map(|(index, row)| head(index).followed_by(row))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Area;

    fn report() -> Report {
        let findings = vec![
            Finding::failure(
                Area::Ports,
                "[https]",
                "port 443 is taken by nginx (pid 812)",
                "sudo systemctl disable --now nginx.service",
            ),
            Finding::not_applicable(Area::Graphics, "", "no encoder in hardware is asked for"),
            Finding::ok(Area::Configuration, "/etc/footlight/x.toml", "is good"),
        ];
        Report::new(("footlight-x".into(), "1.2.3"), "box".into(), findings)
    }

    fn shown(paper: Paper) -> Vec<String> {
        let lines = report().lines(paper);
        lines.iter().map(|line| line.write(paper)).collect()
    }

    #[test]
    fn findings_stand_below_each_other_in_order_with_what_to_type() {
        let paper = Paper {
            width: None,
            colour: false,
        };
        let wanted = [
            "footlight-x 1.2.3 on box",
            "",
            "ok       configuration  /etc/footlight/x.toml: is good",
            "FAILURE  ports          [https]: port 443 is taken by nginx (pid 812)",
            "                        -> sudo systemctl disable --now nginx.service",
            "-        graphics       no encoder in hardware is asked for",
            "",
            "1 to put right  1 as it should be",
        ];
        assert_eq!(shown(paper), wanted);
    }

    #[test]
    fn a_narrow_terminal_wraps_sentences_below_themselves() {
        let paper = Paper {
            width: Some(52),
            colour: true,
        };
        let wanted = [
            "\x1b[1;31mFAILURE  \x1b[0m\x1b[2mports          \x1b[0m[https]: port 443 is taken",
            "                        by nginx (pid 812)",
        ];
        assert_eq!(shown(paper).get(4..6).unwrap(), wanted);
    }

    #[test]
    fn the_worst_finding_is_the_exit_code_and_json_tells_each() {
        assert_eq!(report().exit(), Exit::Broken);
        let json = report().json();
        assert_eq!(json["verdict"], "failure");
        assert_eq!(
            json["findings"][1]["remedy"],
            "sudo systemctl disable --now nginx.service"
        );
        assert_eq!(json["findings"][2]["verdict"], "not_applicable");
        let well = Report::new((String::new(), ""), String::new(), Vec::new());
        assert_eq!(well.exit(), Exit::Ok);
    }
}
