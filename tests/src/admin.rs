//! Plain HTTP/1.1 to a daemon: its admin listener as a scraper sees it, an origin as a distributor does.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result};

/// How long an answer may take. A blocked playlist request may be held three target durations.
const ANSWER: Duration = Duration::from_secs(30);

/// Status code, head and body of `path`; `headers` are whole lines with their line ends.
pub fn http_get(address: SocketAddr, path: &str, headers: &str) -> Result<(u16, String, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("no end of the head")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer)?;
    let status = head.split(' ').nth(1).context("no status line")?.parse()?;
    Ok((status, head, body))
}

/// Asks an admin listener.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub SocketAddr);

impl Admin {
    /// Status code and body of `path`.
    pub fn get(self, path: &str) -> Result<(u16, String)> {
        let (status, _, body) = http_get(self.0, path, "")?;
        Ok((status, String::from_utf8(body)?))
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
        .fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let text = "# TYPE a_total counter\na_total{why=\"key\"} 2\na_total{why=\"app\"} 3\na_total_b 9\nb 1\n# EOF\n";
        let whole = |name, label| format!("{}", super::sum(text, name, label));
        assert_eq!(whole("a_total", ""), "5");
        assert_eq!(whole("a_total", "why=\"app\""), "3");
        assert_eq!(whole("c", ""), "0");
    }
}
