//! The origin over real HTTP, fed message by message.

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use live::{
    Rendition,
    daemon::ConnectionLimit,
    playlist::{MediaPlaylist, Uri},
};
use tokio::task::JoinHandle;

mod forms;
mod waiting;

use super::*;
use crate::{
    show::{START_MS, Show, settings, stamps, wire},
    store::Publisher,
    stream::{Message, Settings},
};

mod saved;

struct Stand {
    chassis: Chassis,
    store: Arc<Store>,
    token: String,
    publisher: Publisher,
    messages: Vec<Message>,
    fed: usize,
}

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answered {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    fn playlist(&self) -> MediaPlaylist {
        assert_eq!(self.status, StatusCode::OK);
        MediaPlaylist::parse(&self.body).unwrap()
    }
}

impl Stand {
    /// A stream whose first segments are published: the last stamp fed is number `stamped`, and nothing after it.
    fn new(stamped: usize) -> Self {
        Self::with(&Show::default(), stamped, Archive::default())
    }

    fn with(show: &Show, stamped: usize, archive: Archive) -> Self {
        let chassis = Chassis::new("transcoder");
        let settings = Settings {
            ladder: Vec::new(),
            window_ms: 60_000,
            ..settings()
        };
        let encoders = crate::show::encoders(&chassis);
        let store = Store::new(settings.into(), encoders).with_archive(archive.clone());
        let store = Arc::new(store);
        chassis.spawn(
            "archive",
            archive.run(store.clone(), chassis.shutdown().clone()),
        );
        let secret = ClusterSecret::new("0123456789abcdef").unwrap();
        let origin = Arc::new(Origin::new(store.clone(), &secret, &chassis));
        let loopback = ([127, 0, 0, 1], 0).into();
        for listener in chassis.bind("origin", &[loopback]).unwrap() {
            let limit = ConnectionLimit::new(MAX_CONNECTIONS);
            let origin = origin.clone();
            chassis.serve("origin", listener, &limit, move |stream, _| {
                origin.clone().serve(stream)
            });
        }
        let messages = show.session(START_MS, None);
        let mut stand = Self {
            chassis,
            publisher: store.publish(&"stage".parse().unwrap()).unwrap(),
            store,
            token: secret.origin_token().expose().to_owned(),
            fed: 0,
            messages,
        };
        for message in show.headers() {
            stand.publisher.feed(&wire(&message)).unwrap();
        }
        let (last, _) = stamps(&stand.messages)[stamped];
        stand.feed(last + 1);
        stand
    }

    fn feed(&mut self, until: usize) {
        for message in &self.messages[self.fed..until] {
            self.publisher.feed(&wire(message)).unwrap();
        }
        self.fed = until;
    }

    async fn connect(&self) -> (SendRequest<Empty<Bytes>>, JoinHandle<()>) {
        let address = self.chassis.address("origin").unwrap();
        let socket = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(socket)).await.unwrap();
        let driver = async {
            connection.await.unwrap();
        };
        (sender, tokio::spawn(driver))
    }

    fn request(&self, method: Method, path: &str) -> Request<Empty<Bytes>> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Empty::new())
            .unwrap()
    }

    async fn send(&self, request: Request<Empty<Bytes>>) -> Answered {
        let (mut sender, _connection) = self.connect().await;
        read(sender.send_request(request).await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.send(self.request(Method::GET, path)).await
    }

    /// The same, on its way: it may have to wait.
    async fn asking(&self, path: &str) -> JoinHandle<Answered> {
        let (mut sender, _connection) = self.connect().await;
        let request = self.request(Method::GET, path);
        tokio::spawn(async move { read(sender.send_request(request).await.unwrap()).await })
    }

    /// Returns when `count` requests wait.
    async fn waiting(&self, count: usize) {
        let published = self.store.get(&"stage".parse().unwrap()).unwrap();
        while published.waiting() != count {
            tokio::task::yield_now().await;
        }
    }
}

async fn read(response: Response<hyper::body::Incoming>) -> Answered {
    let (parts, body) = response.into_parts();
    Answered {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

#[tokio::test]
async fn nothing_answers_without_the_token() {
    let stand = Stand::new(3);
    for authorization in [None, Some("Bearer "), Some("Bearer 00"), Some("Basic eDp5")] {
        for path in [
            "/live/stage/source/media.m3u8",
            "/",
            "/live/other/index.m3u8",
        ] {
            let mut request = stand.request(Method::GET, path);
            request.headers_mut().remove(header::AUTHORIZATION);
            if let Some(value) = authorization {
                let value = value.parse().unwrap();
                request.headers_mut().insert(header::AUTHORIZATION, value);
            }
            let answer = stand.send(request).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert!(answer.body.is_empty());
        }
    }
}

#[tokio::test]
async fn a_playlist_and_all_that_it_names_are_there() {
    let stand = Stand::new(3);
    let answer = stand.get("/live/stage/source/media.m3u8").await;
    let playlist = answer.playlist();
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=1");
    let fetch = async |uri: &Uri| {
        let answer = stand.get(&format!("/live/stage/source/{uri}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{uri}");
        assert_eq!(answer.header(header::CONTENT_TYPE), "video/mp4");
        let length: usize = answer.header(header::CONTENT_LENGTH).parse().unwrap();
        assert_eq!(length, answer.body.len());
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
        assert!(answer.header(header::ETAG).starts_with('"'));
        answer.body
    };
    for segment in playlist.segments.iter().filter(|segment| !segment.gap) {
        let whole = fetch(&segment.uri).await;
        let mut parts = Vec::new();
        for part in &segment.parts {
            parts.extend(fetch(&part.uri).await);
        }
        assert_eq!(whole, parts);
        fetch(segment.head.map.as_ref().unwrap()).await;
    }
    let multivariant = stand.get("/live/stage/index.m3u8").await;
    assert_eq!(multivariant.status, StatusCode::OK);
}

#[tokio::test]
async fn head_tells_the_length_and_sends_nothing() {
    let stand = Stand::new(3);
    let path = "/live/stage/source/media.m3u8";
    let whole = stand.get(path).await;
    let head = stand.send(stand.request(Method::HEAD, path)).await;
    assert_eq!(head.status, StatusCode::OK);
    assert!(head.body.is_empty());
    assert_eq!(
        head.header(header::CONTENT_LENGTH),
        whole.body.len().to_string()
    );
    let post = stand.send(stand.request(Method::POST, path)).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_is_wrong_is_400() {
    let stand = Stand::new(3);
    let playlist = stand.get("/live/stage/source/media.m3u8").await.playlist();
    let open = playlist.open_msn();
    for path in [
        "/live/other/index.m3u8",
        "/live/stage/720p/media.m3u8",
        "/live/stage/source/1.m4s",
        "/live/stage/source/1.0.m4s",
        "/live/stage/source/init-0123456789abcdef.mp4",
        "/live/stage/../stage/index.m3u8",
        "/live/stage/source/media.m3u8/",
        "/favicon.ico",
        &format!("/live/stage/source/{open}.m4s"),
        &format!("/live/stage/source/{open}.1.m4s"),
    ] {
        assert_eq!(
            stand.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for query in [
        "_HLS_part=1".to_owned(),
        "_HLS_msn=x".to_owned(),
        format!("_HLS_msn={}", open.0 + 2),
        format!("_HLS_msn={open}&_HLS_part=9"),
    ] {
        let path = format!("/live/stage/source/media.m3u8?{query}");
        let answer = stand.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn a_blocking_reload_is_answered_when_the_part_is_there_and_not_before() {
    let mut stand = Stand::new(3);
    let open = stand
        .get("/live/stage/source/media.m3u8")
        .await
        .playlist()
        .open_msn();
    let path = format!("/live/stage/source/media.m3u8?_HLS_msn={open}&_HLS_part=1");
    let answer = stand.asking(&path).await;
    stand.waiting(1).await;
    // Up to the last frame before the second part is complete.
    let part = |stand: &Stand| {
        let published = stand.store.get(&"stage".parse().unwrap()).unwrap();
        published.look(|stream| stream.position(Rendition::Source).unwrap().open_parts)
    };
    while part(&stand) < 1 {
        stand.feed(stand.fed + 1);
    }
    stand.waiting(1).await;
    assert!(!answer.is_finished());
    while part(&stand) < 2 {
        stand.feed(stand.fed + 1);
    }
    let answer = answer.await.unwrap();
    assert_eq!(answer.playlist().open.unwrap().parts.len(), 2);
    assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=18");
    stand.waiting(0).await;
}

#[tokio::test]
async fn a_hinted_part_is_sent_when_it_is_complete() {
    let mut stand = Stand::new(3);
    let playlist = stand.get("/live/stage/source/media.m3u8").await.playlist();
    let hint = playlist.preload_hint.unwrap();
    let answer = stand.asking(&format!("/live/stage/source/{hint}")).await;
    stand.waiting(1).await;
    let (next, _) = stamps(&stand.messages)[4];
    stand.feed(next);
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let again = stand.get(&format!("/live/stage/source/{hint}")).await;
    assert_eq!(answer.body, again.body);
}

#[tokio::test]
async fn who_waits_leaves_with_its_client() {
    let stand = Stand::new(3);
    let playlist = stand.get("/live/stage/source/media.m3u8").await.playlist();
    let path = format!(
        "/live/stage/source/media.m3u8?_HLS_msn={}",
        playlist.open_msn()
    );
    let (mut sender, connection) = stand.connect().await;
    let request = stand.request(Method::GET, &path);
    let answer = tokio::spawn(async move { sender.send_request(request).await.is_ok() });
    stand.waiting(1).await;
    connection.abort();
    answer.abort();
    stand.waiting(0).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_three_target_durations() {
    let stand = Stand::new(3);
    let playlist = stand.get("/live/stage/source/media.m3u8").await.playlist();
    let path = format!(
        "/live/stage/source/media.m3u8?_HLS_msn={}",
        playlist.open_msn()
    );
    // The clock stands still but for the timers: it jumps to the one that ends the wait.
    let answer = stand.get(&path).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn at_the_end_of_a_session_nobody_waits() {
    let stand = Stand::new(3);
    let playlist = stand.get("/live/stage/source/media.m3u8").await.playlist();
    let (mut sender, _connection) = stand.connect().await;
    let path = format!(
        "/live/stage/source/media.m3u8?_HLS_msn={}",
        playlist.open_msn().0 + 1
    );
    let request = stand.request(Method::GET, &path);
    let answer =
        tokio::spawn(async move { read(sender.send_request(request).await.unwrap()).await });
    stand.waiting(1).await;
    stand.publisher.feed(&wire(&Message::End)).unwrap();
    stand.publisher.end();
    assert!(answer.await.unwrap().playlist().end_list);
}

#[tokio::test]
async fn a_shutdown_answers_those_who_wait() {
    let stand = Stand::new(3);
    let playlist = stand.get("/live/stage/source/media.m3u8").await.playlist();
    let (mut sender, _connection) = stand.connect().await;
    let path = format!(
        "/live/stage/source/media.m3u8?_HLS_msn={}",
        playlist.open_msn()
    );
    let request = stand.request(Method::GET, &path);
    let answer =
        tokio::spawn(async move { read(sender.send_request(request).await.unwrap()).await });
    stand.waiting(1).await;
    stand.chassis.shutdown().trigger();
    assert_eq!(
        answer.await.unwrap().status,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn all_in_a_line_are_given_one_playlist_that_was_written_once() {
    let mut stand = Stand::new(3);
    let open = stand
        .get("/live/stage/source/media.m3u8")
        .await
        .playlist()
        .open_msn();
    let renders = |stand: &Stand| {
        let published = stand.store.get(&"stage".parse().unwrap()).unwrap();
        published.status().0.unwrap().renditions[0].renders
    };
    let path = format!("/live/stage/source/media.m3u8?_HLS_msn={open}");
    let mut answers = Vec::new();
    for _ in 0..6 {
        let (mut sender, connection) = stand.connect().await;
        let request = stand.request(Method::GET, &path);
        answers.push(tokio::spawn(async move {
            let answer = read(sender.send_request(request).await.unwrap()).await;
            (answer.body, connection)
        }));
    }
    stand.waiting(6).await;
    let before = renders(&stand);
    // What comes in the same moment changes nothing for those who are called now.
    stand.feed(stand.messages.len());
    let mut bodies = Vec::new();
    for answer in answers {
        bodies.push(answer.await.unwrap().0);
    }
    assert_eq!(renders(&stand), before + 1);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(
        MediaPlaylist::parse(&bodies[0]).unwrap().open_msn().0,
        open.0 + 1
    );
}
