//! A daemon's admin listener, as a probe or a scraper sees it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result};

/// How long an admin listener may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Asks an admin listener.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub SocketAddr);

impl Admin {
    /// Status code and body of `path`.
    pub fn get(self, path: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.0, ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("no end of the head")?;
        let status = head.split(' ').nth(1).context("no status line")?;
        Ok((status.parse()?, body.to_owned()))
    }

    /// Whether `/ready` says so.
    pub fn is_ready(self) -> bool {
        matches!(self.get("/ready"), Ok((200, _)))
    }

    /// The sum of a metric over its labels, of which `label` (as it is written, or empty) must be one. 0 when absent.
    pub fn metric(self, name: &str, label: &str) -> Result<f64> {
        let (_, text) = self.get("/metrics")?;
        Ok(sum(&text, name, label))
    }
}

fn sum(text: &str, name: &str, label: &str) -> f64 {
    text.lines()
        .filter(|line| !line.starts_with('#') && line.contains(label))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(series, _)| series.split('{').next() == Some(name))
        .filter_map(|(_, value)| value.parse::<f64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let text = "# TYPE a_total counter\na_total{why=\"key\"} 2\na_total{why=\"app\"} 3\na_total_b 9\nb 1\n# EOF\n";
        assert_eq!(super::sum(text, "a_total", ""), 5.0);
        assert_eq!(super::sum(text, "a_total", "why=\"app\""), 3.0);
        assert_eq!(super::sum(text, "c", ""), 0.0);
    }
}
