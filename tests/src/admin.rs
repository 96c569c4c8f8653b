//! Plain HTTP/1.1 to a daemon: its admin listener as a scraper sees it, an origin as a distributor does.

#![expect(
    clippy::disallowed_methods,
    reason = "a shell: deadlines for what is waited for"
)]

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How long an answer may take. A blocked playlist request may be held three target durations.
const ANSWER: Duration = Duration::from_secs(30);

/// Status code, head and body of `path`; `headers` are whole lines with their line ends.
pub fn http_get(address: SocketAddr, path: &str, headers: &str) -> Result<(u16, String, Vec<u8>)> {
    http(
        address,
        "GET",
        path,
        &format!("Host: localhost\r\n{headers}"),
        b"",
    )
}

/// The same by any method, with a body; all headers are the caller's but `Connection`.
pub fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Result<(u16, String, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A body that nobody wanted was not read; the answer came all the same.
        Err(error) if error.kind() != ErrorKind::ConnectionReset => return Err(error.into()),
        _ => {}
    }
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

    /// Gives an order as curl would: status code and what was answered.
    pub fn post(self, path: &str) -> Result<(u16, Value)> {
        let host = format!("Host: {}\r\n", self.0);
        let (status, _, body) = http(self.0, "POST", path, &host, b"")?;
        Ok((status, serde_json::from_slice(&body)?))
    }

    /// Gives an order that says more: status code and what was answered.
    pub fn post_json(self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let body = body.to_string();
        let headers = format!("Host: {}\r\nContent-Length: {}\r\n", self.0, body.len());
        let (status, _, body) = http(self.0, "POST", path, &headers, body.as_bytes())?;
        Ok((status, serde_json::from_slice(&body)?))
    }

    /// `/status`, as soon as it is as one waits for.
    pub fn wait_until(self, is: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = Value::Null;
        poll(ANSWER, || {
            last = serde_json::from_str(&self.get("/status")?.1)?;
            Ok(is(&last))
        })
        .with_context(|| format!("in vain: {last}"))?;
        Ok(last)
    }

    /// Waits until [`Self::metric`] is at least this.
    pub fn wait_for_metric(self, name: &str, label: &str, least: f64) -> Result<()> {
        poll(ANSWER, || Ok(self.metric(name, label)? >= least))
            .with_context(|| format!("in vain: {name} {label} of {least}"))
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

/// Asks again and again until the answer is yes. What only an answer over HTTP tells, nobody announces: this is the one
/// place of the harness where time is waited for.
pub(crate) fn poll(patience: Duration, mut ask: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + patience;
    while !ask()? {
        ensure!(Instant::now() < deadline, "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
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
