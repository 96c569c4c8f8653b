//! [pure] Which encoders a show may be encoded with, best first, as far as is known.

use serde_json::{Value, json};

use super::report::Report;
use crate::worker::{Encoder, EncoderKind};

/// The encoders in the operator's order, and what their exams found so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    order: Vec<Encoder>,
    reports: Vec<Report>,
    /// All have been examined, or none will be.
    done: bool,
    /// It was before this start.
    recalled: bool,
}

impl Standing {
    /// Before any exam.
    pub fn new(order: &[EncoderKind]) -> Self {
        let order = order.iter().flat_map(|kind| kind.encoders());
        Self {
            order: order.copied().collect(),
            reports: Vec::new(),
            done: false,
            recalled: false,
        }
    }

    /// The candidates, best first.
    pub fn order(&self) -> &[Encoder] {
        &self.order
    }

    /// What was found.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// What an operator sees: what a new show is encoded with, and what the exams found.
    pub fn status(&self) -> Value {
        json!({ "examined": self.done, "recalled": self.recalled, "usable": self.usable(), "exam": self.reports })
    }

    /// One was examined.
    pub fn add(&mut self, report: Report) {
        self.reports.push(report);
        self.done = self.reports.len() >= self.order.len();
    }

    /// An exam found this before the daemon was started.
    pub fn recall(&mut self, reports: Vec<Report>) {
        self.reports = reports;
        self.done = true;
        self.recalled = true;
    }

    /// There is no exam (any more): whatever was not examined is taken on trust.
    pub fn trust(&mut self) {
        self.done = true;
    }

    /// What to encode with, best first; never empty. Those that passed; on trust also those that nobody examined. While
    /// there is none, x264. If none passed at all, those that are good but slow, else x264: some picture is better than
    /// none.
    pub fn usable(&self) -> Vec<Encoder> {
        let report = |encoder| self.reports.iter().find(|report| report.encoder == encoder);
        let those = |good: &dyn Fn(Option<&Report>) -> bool| -> Vec<Encoder> {
            let order = self.order.iter().copied();
            order.filter(|encoder| good(report(*encoder))).collect()
        };
        let mut usable = those(&|report| report.map_or(self.done, |report| report.passed));
        if usable.is_empty() && self.done {
            usable = those(&|report| report.is_some_and(|report| report.only_slow));
        }
        if usable.is_empty() {
            usable.push(Encoder::X264);
        }
        usable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exam::{report::Figures, sheet::Fault};

    fn passed(encoder: Encoder) -> Report {
        let figures = Figures {
            frames_per_second: 100.0,
            likeness_db: 40.0,
            sessions: 1,
        };
        Report::new(encoder, Ok(figures))
    }

    fn refused(encoder: Encoder) -> Report {
        Report::new(encoder, Err(Fault::Failed("broken".to_owned())))
    }

    fn slow(encoder: Encoder) -> Report {
        let slow = Fault::Slow {
            done: 20.0,
            wanted: 30.0,
        };
        Report::new(encoder, Err(slow))
    }

    fn usable(reports: &[Report]) -> Vec<Encoder> {
        let mut standing = Standing::new(&[EncoderKind::Vaapi, EncoderKind::X264]);
        reports
            .iter()
            .cloned()
            .for_each(|report| standing.add(report));
        standing.usable()
    }

    #[test]
    fn until_something_passed_there_is_x264() {
        use Encoder::{Va, VaLowPower, X264};
        assert_eq!(usable(&[]), [X264]);
        assert_eq!(usable(&[refused(VaLowPower)]), [X264]);
        assert_eq!(usable(&[refused(VaLowPower), passed(Va)]), [Va]);
        assert_eq!(
            usable(&[passed(X264), refused(VaLowPower), passed(Va)]),
            [Va, X264],
            "the operator's order, whichever was examined first"
        );
    }

    #[test]
    fn a_slow_encoder_is_used_when_none_is_fast() {
        use Encoder::{Va, VaLowPower, X264};
        assert_eq!(
            usable(&[slow(VaLowPower), refused(Va), slow(X264)]),
            [VaLowPower, X264]
        );
        assert_eq!(usable(&[slow(VaLowPower), passed(Va), slow(X264)]), [Va]);
        assert_eq!(
            usable(&[refused(VaLowPower), refused(Va), refused(X264)]),
            [X264]
        );
    }

    #[test]
    fn without_an_exam_the_order_holds() {
        let mut standing = Standing::new(&[EncoderKind::OpenH264, EncoderKind::Vaapi]);
        standing.trust();
        assert_eq!(
            standing.usable(),
            [Encoder::OpenH264, Encoder::VaLowPower, Encoder::Va]
        );
    }
}
