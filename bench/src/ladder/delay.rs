//! How late a part is: from the end of its media on the publisher's clock until a held playlist request that waited for
//! it is answered. The publisher sends in real time and without B-frames, mux anchors media time to UTC at the first
//! frame, so the show's own clock is the publisher's, to within the milliseconds that RTMP counts in.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use live::{
    Msn, Object, PartIndex, Rendition,
    playlist::{MediaPlaylist, Seconds},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::box_of_ours::{OurBox, STREAM};
use crate::{
    Plan,
    table::{Figure, Row},
};

/// One rung is enough: the others come beside it, from threads of their own.
const RUNGS: [(u16, u32); 1] = [(480, 1400)];
const SHORTEST: Duration = Duration::from_secs(20);
/// How long a show may take until it is there.
const PLAYABLE: Duration = Duration::from_secs(30);

pub(super) async fn run(plan: &Plan, dir: &Path, clip: &Path) -> Result<Vec<Row>> {
    plan.progress("delay of parts");
    let ours = OurBox::start(plan, dir, &RUNGS).await?;
    let _publisher = ours.publish(clip, &dir.join("publisher.log"))?;
    let window = plan.window.max(SHORTEST);
    let box_of_ours = &ours;
    let of = |rendition| async move {
        let mut follower = Follower::connect(box_of_ours, rendition).await?;
        follower.follow(window).await
    };
    let (source, rung, sound) = tokio::try_join!(
        of(Rendition::Source),
        of(Rendition::Encoded(480)),
        of(Rendition::Audio)
    )?;
    let row = |case: &str, mut late: Vec<f64>| {
        late.sort_by(f64::total_cmp);
        let at =
            |share: usize| late.get((late.len() * share / 100).min(late.len().saturating_sub(1)));
        let figure = |name, value: Option<&f64>| Figure {
            name,
            value: value.copied().unwrap_or(f64::NAN),
            more_is_better: false,
        };
        Row {
            case: format!("a part is there after its last picture, {case}"),
            server: "footlight-tr.",
            figures: vec![figure("ms p50", at(50)), figure("ms p99", at(99))],
        }
    };
    Ok(vec![
        row("source", source),
        row("480p, x264", rung),
        row("audio", sound),
    ])
}

/// A connection that always asks for the next part.
pub(super) struct Follower {
    stream: BufReader<TcpStream>,
    path: String,
    authorization: String,
}

impl Follower {
    pub(super) async fn connect(ours: &OurBox, rendition: Rendition) -> Result<Self> {
        let stream = TcpStream::connect(ours.origin).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            path: format!("/live/{STREAM}/{}", Object::Media(rendition)),
            authorization: OurBox::authorization()?,
        })
    }

    /// The playlist, once there is one.
    pub(super) async fn appears(&mut self) -> Result<MediaPlaylist> {
        let patience = Instant::now() + PLAYABLE;
        loop {
            match self.get("").await? {
                Some(playlist) => return Ok(playlist),
                None if Instant::now() > patience => bail!("{} never appears", self.path),
                None => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Milliseconds by which each part was late.
    async fn follow(&mut self, window: Duration) -> Result<Vec<f64>> {
        let mut playlist = self.appears().await?;
        let until = Instant::now() + window;
        let mut late = Vec::new();
        while Instant::now() < until {
            let (msn, part) = next(&playlist);
            let query = format!("?_HLS_msn={msn}&_HLS_part={part}");
            let newer = timeout(PLAYABLE, self.get(&query)).await??;
            playlist = newer.context("a playlist vanished")?;
            if let Some(end) = edge(&playlist) {
                late.push(now_ms() - end);
            }
        }
        Ok(late)
    }

    pub(super) async fn get(&mut self, query: &str) -> Result<Option<MediaPlaylist>> {
        let request = format!(
            "GET {}{query} HTTP/1.1\r\nHost: origin\r\nAuthorization: {}\r\n\r\n",
            self.path, self.authorization
        );
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        answer(&mut self.stream).await
    }
}

/// One answer: a playlist, or none where there is none.
pub(super) async fn answer(
    stream: &mut BufReader<impl AsyncRead + Unpin>,
) -> Result<Option<MediaPlaylist>> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let found = line.starts_with("HTTP/1.1 200");
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse()?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    found
        .then(|| MediaPlaylist::parse(&body).context("a playlist that is none"))
        .transpose()
}

/// The part that follows the newest.
fn next(playlist: &MediaPlaylist) -> (Msn, PartIndex) {
    let parts = playlist.open.as_ref().map_or(0, |open| open.parts.len());
    (
        playlist.open_msn(),
        PartIndex(u32::try_from(parts).unwrap_or(u32::MAX)),
    )
}

/// Where the newest media of an open segment end, Unix milliseconds; none just after a segment was closed.
fn edge(playlist: &MediaPlaylist) -> Option<f64> {
    let open = playlist
        .open
        .as_ref()
        .filter(|open| !open.parts.is_empty())?;
    let start = open.head.program_date_time?.unix_millis();
    let parts: Seconds = open.parts.iter().map(|part| part.duration).sum();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let end = start as f64 + parts.units() as f64 / 100.0;
    Some(end)
}

fn now_ms() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}
