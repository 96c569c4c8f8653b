//! Uploads to a real S3 server, which goes away at the worst moment.

mod wire;

use live::daemon::config::{Given, SecretSource};
use object_store::{ObjectStoreExt as _, path::Path as Key};

use super::*;
use crate::recording::{state::UPLOADED, upload::UploadError};
use wire::{Server, Wire};

/// More than two pieces, so that an upload can break off between them.
const FILM: usize = 20 << 20;

/// An upload to a server at `port`.
fn upload(stand: &Stand, port: u16) -> Upload {
    let path = PathBuf::from("/keys");
    let given = Given {
        files: [(path.clone(), "S3RVER".to_owned())].into(),
        ..Given::default()
    };
    let key = SecretSource::File(path).load(&given).unwrap();
    let bucket = Bucket {
        name: "shows".into(),
        region: "us-east-1".into(),
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        prefix: "2026".into(),
        access_key: key.clone(),
        secret_key: key,
        keep_local: false,
    };
    let (shelf, figures) = (stand.writer.shelf.clone(), stand.writer.figures.clone());
    Upload::new(shelf, bucket, false, figures, Arc::default()).unwrap()
}

async fn send(upload: &Upload) -> Result<bool, UploadError> {
    upload.show(&name(), SessionId(START_MS)).await
}

/// All files of the show are in the bucket as they are here.
async fn check_whole(upload: &Upload, show: &Path) {
    let mut files = 0;
    for directory in [show.to_owned()]
        .into_iter()
        .chain(["source", "240p", "audio"].map(|rendition| show.join(rendition)))
    {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(show).unwrap().to_str().unwrap();
            if path.is_file() && name.contains('.') {
                let key = Key::from(format!("2026/stage/{START_MS}/{name}"));
                let there = upload.store.get(&key).await.unwrap();
                assert!(
                    there.bytes().await.unwrap() == fs::read(&path).unwrap(),
                    "{name}"
                );
                files += 1;
            }
        }
    }
    assert!(files > 20, "{files}");
}

#[tokio::test]
async fn a_bucket_that_is_gone_or_goes_in_the_middle_costs_nothing_but_time() {
    let directory = Directory::new("bucket");
    let mut stand = Stand::new(&directory.0.join("recordings"));
    let show = show_directory(&directory.0.join("recordings"), START_MS);
    for message in Show::default().session(START_MS, None) {
        stand.feed(message);
    }
    album::photograph(&mut stand, 3, 3);
    stand.feed(Message::End);
    let film: Vec<u8> = (0..FILM).map(|n| (n / 7).to_le_bytes()[0]).collect();
    fs::write(show.join("show.mp4"), film).unwrap();

    let mut server = Server::start(&directory.0.join("bucket"), 0);
    let wire = Wire::to(server.port).await;
    let upload = upload(&stand, wire.port);
    wire.cut();
    let error = send(&upload).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1"), "{error}");

    // The second piece of the film is on its way.
    wire.allow(12 << 20);
    let (sent, ()) = tokio::join!(send(&upload), async {
        wire.stuck().await;
        server.kill();
        wire.cut();
    });
    sent.unwrap_err();
    assert!(show.join("show.mp4").exists() && !show.join(UPLOADED).exists());
    let _again = Server::start(&directory.0.join("bucket"), server.port);
    wire.allow(1 << 30);
    let sent = send(&upload).await.unwrap();
    assert!(sent && show.join(UPLOADED).exists());
    check_whole(&upload, &show).await;
    for picture in ["poster.jpg", "storyboard.vtt"] {
        assert!(show.join(picture).exists(), "{picture} was looked at");
    }
}

/// At first it is tried again after a second, in the end every five minutes: nothing is lost meanwhile.
#[tokio::test]
async fn an_hour_without_the_bucket_costs_nothing_but_time() {
    let directory = Directory::new("bucket-hour");
    let mut stand = Stand::new(&directory.0.join("recordings"));
    let show = show_directory(&directory.0.join("recordings"), START_MS);
    for message in Show::default().session(START_MS, None) {
        stand.feed(message);
    }
    stand.feed(Message::End);
    let mut server = Server::start(&directory.0.join("bucket"), 0);
    server.kill();

    let figures = stand.writer.figures.clone();
    let chassis = Chassis::new("transcoder");
    tokio::time::pause();
    let work = upload(&stand, server.port).run(chassis.shutdown().clone());
    let work = tokio::spawn(work);
    sleep(Duration::from_secs(3600)).await;
    let tries = figures.upload_failures.get();
    assert!((15..=25).contains(&tries), "{tries}");
    let now = figures.now();
    assert_eq!(now.waiting_for_upload, 1);
    assert!(now.upload_fault.unwrap().contains("127.0.0.1"));
    assert!(!show.join(UPLOADED).exists());

    let _again = Server::start(&directory.0.join("bucket"), server.port);
    tokio::time::advance(Duration::from_secs(300)).await;
    tokio::time::resume();
    while figures.uploads.get() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(show.join(UPLOADED).exists());
    check_whole(&upload(&stand, server.port), &show).await;
    assert_eq!(figures.now().upload_fault, None);
    work.abort();
}

#[tokio::test]
async fn a_show_that_goes_on_while_it_is_uploaded_is_uploaded_again_and_whole() {
    let directory = Directory::new("bucket-again");
    let recordings = directory.0.join("recordings");
    let show = show_directory(&recordings, START_MS);
    let messages = Show {
        seconds: 30,
        ..Show::default()
    }
    .session(START_MS, None);
    let (first, second) = messages.split_at(messages.len() / 2);
    let mut stand = Stand::new(&recordings);
    first.iter().for_each(|message| stand.feed(message.clone()));
    let beginning = playlist(&show, Rendition::Source).media_sequence;
    let mut stand = stand.restart(&recordings);

    let server = Server::start(&directory.0.join("bucket"), 0);
    let wire = Wire::to(server.port).await;
    let upload = upload(&stand, wire.port);
    wire.allow(4096);
    let (sent, ()) = tokio::join!(send(&upload), async {
        wire.stuck().await;
        second
            .iter()
            .for_each(|message| stand.feed(message.clone()));
        wire.allow(1 << 30);
    });
    assert!(!sent.unwrap() && !show.join(UPLOADED).exists());

    stand.feed(Message::End);
    assert!(send(&upload).await.unwrap());
    check_whole(&upload, &show).await;
    let key = Key::from(format!("2026/stage/{START_MS}/source/media.m3u8"));
    let text = upload.store.get(&key).await.unwrap().bytes().await.unwrap();
    let there = MediaPlaylist::parse(&text).unwrap();
    assert_eq!(there.media_sequence, beginning);
    let gaps = there.segments.iter().filter(|segment| segment.gap).count();
    assert!((1..=3).contains(&gaps) && there.end_list, "{gaps}");
}
