//! Full TLS 1.3 handshakes per second and core, X25519 and ECDSA P-256, none resumed: each connection says goodbye right
//! after it, and waits for the server's.

use std::{path::Path, time::Duration};

use anyhow::Result;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::{
    MEDIA, best,
    servers::{self, Contestant, Kind},
    show::Show,
    start,
    viewer::Viewer,
};
use crate::{
    Plan,
    table::{Figure, Row},
};

/// Who come at once.
const AT_ONCE: usize = 16;

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    let show = Show::begin(MEDIA).await?;
    servers::certificate(dir)?;
    let contestants = start(plan, dir, &Kind::ALL, &show).await?;
    let connector = servers::connector(dir, None)?;
    let case = format!("full TLS handshakes, {AT_ONCE} at once");
    best(plan, &contestants, &case, async |contestant| {
        measure(contestant, &connector, plan.window).await
    })
    .await
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn measure(
    contestant: &Contestant,
    connector: &TlsConnector,
    window: Duration,
) -> Result<Vec<Figure>> {
    let before = contestant.cpu_ns();
    let until = Instant::now() + window;
    let running: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (connector, port) = (connector.clone(), contestant.tls);
            tokio::spawn(async move {
                let mut handshakes = 0u64;
                while Instant::now() < until {
                    Viewer::connect(&connector, port).await?.leave().await?;
                    handshakes += 1;
                }
                anyhow::Ok(handshakes)
            })
        })
        .collect();
    let mut handshakes = 0;
    for viewer in running {
        handshakes += viewer.await??;
    }
    let cpu_s = (contestant.cpu_ns() - before) as f64 / 1e9;
    Ok(vec![Figure {
        name: "handshakes/s/core",
        value: handshakes as f64 / cpu_s,
        more_is_better: true,
    }])
}
