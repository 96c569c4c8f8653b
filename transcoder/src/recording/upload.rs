//! Brings shows that are over to a bucket, file by file, and tries until it has.
//!
//! What is to be uploaded is seen on the disk: a show without the mark. So nothing is lost by a crash, a restart or a
//! bucket that is gone for days; files stay until they are there. The index comes last, so that a show in the bucket is
//! a whole one. One file is under way at a time, in pieces: memory is bounded by two of them.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use live::{Object, SessionId, ShowObject, StreamName, daemon::Shutdown};
use object_store::{
    Attribute, Attributes, ClientOptions, ObjectStore, ObjectStoreExt, PutMultipartOptions,
    RetryConfig, WriteMultipart, aws::AmazonS3Builder,
};
use tokio::{sync::Notify, task::spawn_blocking, time::sleep};
use tracing::{info, warn};

use super::{
    bucket::Bucket,
    figures::Figures,
    film,
    shelf::{Shelf, names, write_whole},
    state::{UPLOADED, edition, is_over, playlists},
};

/// What is read and sent at a time. S3 takes 10,000 pieces, so files up to 80 GB.
const PIECE: usize = 8 << 20;
/// Between two tries, at first and at most; each time twice as long.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// For one request: a piece over 250 kbit/s.
const REQUEST: Duration = Duration::from_secs(300);
const CONNECT: Duration = Duration::from_secs(10);
/// Shows are looked for so often even if none was announced.
const TURN: Duration = Duration::from_secs(60);

/// Why a show is not in the bucket yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    /// The disk's.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// The bucket's or the net's.
    #[error("{0}")]
    Bucket(#[from] object_store::Error),
}

/// Uploads.
#[derive(Debug)]
pub(super) struct Upload {
    shelf: Shelf,
    bucket: Bucket,
    pub(super) store: object_store::aws::AmazonS3,
    figures: Arc<Figures>,
    /// Films are made: shows may be complete.
    made: Arc<Notify>,
    /// A show is uploaded after its film.
    films: bool,
}

impl Upload {
    pub(super) fn new(
        shelf: Shelf,
        bucket: Bucket,
        films: bool,
        figures: Arc<Figures>,
        made: Arc<Notify>,
    ) -> Result<Self, UploadError> {
        let options = ClientOptions::new()
            .with_timeout(REQUEST)
            .with_connect_timeout(CONNECT)
            .with_allow_http(true);
        // Tries of ours are told of; the store's own would only hide them.
        let retry = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_access_key_id(bucket.access_key.expose())
            .with_secret_access_key(bucket.secret_key.expose())
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        Ok(Self {
            shelf,
            store: builder.build()?,
            bucket,
            figures,
            made,
            films,
        })
    }

    /// Until the shutdown.
    pub(super) async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = self.work() => {}
            () = shutdown.triggered() => {}
        }
    }

    async fn work(&self) {
        let mut pause = RETRY.0;
        loop {
            let waiting = self.waiting().await;
            self.figures.waiting(waiting.len());
            let Some((stream, session)) = waiting.into_iter().next() else {
                tokio::select! {
                    () = self.made.notified() => {}
                    () = sleep(TURN) => {}
                }
                continue;
            };
            match self.show(&stream, session).await {
                Ok(whole) => {
                    pause = RETRY.0;
                    self.figures.uploaded(whole);
                    if whole {
                        info!(%stream, %session, "a recording is in the bucket");
                    }
                }
                Err(error) => {
                    let words = format!("{stream} {session}: {error}");
                    if self.figures.upload_failed(words) {
                        warn!(%stream, %session, %error, "a recording is not uploaded; it is tried until it is");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    /// Shows that are complete here and not in the bucket, the oldest of each stream first.
    async fn waiting(&self) -> Vec<(StreamName, SessionId)> {
        let (shelf, films) = (self.shelf.clone(), self.films);
        let find = move || {
            let mut shows = shelf.shows().unwrap_or_default();
            shows.retain(|(stream, session)| {
                let directory = shelf.show(stream, *session);
                let lacks_film = films && !film::is_settled(&directory);
                !directory.join(UPLOADED).exists()
                    && !lacks_film
                    && !playlists(&directory).unwrap_or_default().is_empty()
                    && is_over(&directory).unwrap_or(false)
            });
            shows
        };
        spawn_blocking(find).await.unwrap_or_default()
    }

    /// Whether all of it is there; else it has gone on meanwhile, and comes again once it is over.
    pub(super) async fn show(
        &self,
        stream: &StreamName,
        session: SessionId,
    ) -> Result<bool, UploadError> {
        let directory = self.shelf.show(stream, session);
        let own = directory.clone();
        let told = blocking(move || edition(&own)).await?;
        let sent = self.objects(stream, session).await;
        let (shelf, complete) = (self.shelf.clone(), sent.is_ok());
        let same = blocking(move || {
            let _hand = shelf.hand();
            let same = is_over(&directory)? && edition(&directory)? == told;
            if same && complete {
                write_whole(&directory.join(UPLOADED), &[])?;
            }
            Ok(same)
        });
        match same.await? {
            true => sent.map(|()| true),
            // What was missing or did not fit was of another edition.
            false => Ok(false),
        }
    }

    async fn objects(&self, stream: &StreamName, session: SessionId) -> Result<(), UploadError> {
        let directory = self.shelf.show(stream, session);
        let own = directory.clone();
        for object in blocking(move || objects(&own)).await? {
            let path = directory.join(object.to_string());
            let key = self.bucket.key(stream, session, object);
            let kind = Object::Show(session, object).content_type();
            self.file(path, key.into(), kind).await?;
        }
        Ok(())
    }

    async fn file(
        &self,
        path: PathBuf,
        key: object_store::path::Path,
        kind: &'static str,
    ) -> Result<(), UploadError> {
        let (mut file, bytes) = blocking(move || {
            let file = File::open(&path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        })
        .await?;
        // What an earlier try has brought there. Playlists are small, and may have changed in length only by chance.
        let large = bytes > u64::try_from(PIECE / 64).unwrap_or(u64::MAX);
        if large
            && self
                .store
                .head(&key)
                .await
                .is_ok_and(|there| there.size == bytes)
        {
            return Ok(());
        }
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, kind.into());
        let mut left = bytes;
        let mut piece;
        (file, piece, left) = read(file, left).await?;
        if left == 0 {
            self.store
                .put_opts(&key, piece.into(), attributes.into())
                .await?;
        } else {
            let options = PutMultipartOptions {
                attributes,
                ..PutMultipartOptions::default()
            };
            let upload = self.store.put_multipart_opts(&key, options).await?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PIECE);
            while !piece.is_empty() {
                upload.wait_for_capacity(1).await?;
                upload.put(piece);
                (file, piece, left) = read(file, left).await?;
            }
            upload.finish().await?;
        }
        self.figures.upload_bytes.inc_by(bytes);
        Ok(())
    }
}

/// The next piece, and what is left after it.
async fn read(mut file: File, left: u64) -> Result<(File, Bytes, u64), UploadError> {
    blocking(move || {
        let next = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        let mut piece = vec![0; next];
        file.read_exact(&mut piece)?;
        let left = left - u64::try_from(next).unwrap_or(left);
        Ok((file, piece.into(), left))
    })
    .await
}

/// What a show consists of: media first, then what names them, the index last.
fn objects(directory: &Path) -> io::Result<Vec<ShowObject>> {
    let mut objects = Vec::new();
    let mut media = Vec::new();
    for (rendition, _) in playlists(directory)? {
        for name in names(&directory.join(rendition.to_string()))? {
            match format!("{rendition}/{name}").parse() {
                Ok(object @ (ShowObject::Media(_) | ShowObject::IFrames(_))) => media.push(object),
                Ok(object) => objects.push(object),
                Err(_) => {}
            }
        }
    }
    objects.append(&mut media);
    let sheets = names(directory)?.into_iter();
    let sheets = sheets.filter_map(|name| name.parse().ok());
    objects.extend(sheets.filter(|object| matches!(object, ShowObject::Sheet(_))));
    for object in [
        ShowObject::Storyboard,
        ShowObject::Poster,
        ShowObject::File,
        ShowObject::Multivariant,
    ] {
        if directory.join(object.to_string()).exists() {
            objects.push(object);
        }
    }
    Ok(objects)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, UploadError> {
    let done = spawn_blocking(work).await;
    Ok(done.unwrap_or_else(|panic| Err(panic.into()))?)
}
