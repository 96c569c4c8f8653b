//! Mux's side of the door, over real RTMP.

use live::daemon::ConnectionLimit;
use rtmp::{
    Secret,
    client::{ClientAction, ClientConfig, ClientSession, Purpose},
    writer::MediaHeader,
};

use super::*;
use crate::{
    admission::Capacity,
    show::{START_MS, Show, settings, stamps, wire},
    stream::Settings,
};

struct Stand {
    chassis: Chassis,
    store: Arc<Store>,
    secret: ClusterSecret,
    ingest: Arc<Ingest>,
}

impl Stand {
    fn new() -> Self {
        Self::of(usize::MAX)
    }

    /// With so many places.
    fn of(max_streams: usize) -> Self {
        let chassis = Chassis::new("transcoder");
        let settings = Settings {
            ladder: Vec::new(),
            ..settings()
        };
        let store = Store::new(settings.into(), crate::show::encoders(&chassis));
        let store = Arc::new(store.with_room(max_streams, Capacity::new(1000)));
        let secret = ClusterSecret::new("0123456789abcdef").unwrap();
        let ingest = Arc::new(Ingest::new(store.clone(), secret.clone(), &chassis));
        let loopback = ([127, 0, 0, 1], 0).into();
        for listener in chassis.bind("rtmp", &[loopback]).unwrap() {
            let ingest = ingest.clone();
            let limit = ConnectionLimit::new(8);
            chassis.serve("rtmp", listener, &limit, move |stream, _| {
                ingest.clone().serve(stream)
            });
        }
        Self {
            chassis,
            store,
            secret,
            ingest,
        }
    }

    fn key(&self) -> String {
        self.key_of("stage")
    }

    fn key_of(&self, stream: &str) -> String {
        let token = self.secret.publish_token(&stream.parse().unwrap());
        format!("{stream}?token={}", token.expose())
    }

    async fn connect(&self) -> TcpStream {
        let address = self.chassis.address("rtmp").unwrap();
        TcpStream::connect(address).await.unwrap()
    }

    async fn ended(&self, class: &'static str, count: u64) {
        while self.ingest.ends.get_or_create(&[("class", class)]).get() != count {
            tokio::task::yield_now().await;
        }
    }
}

/// A publisher as mux is one.
struct Mux {
    socket: TcpStream,
    session: ClientSession,
    granted: Option<(u32, u32)>,
}

impl Mux {
    /// Returns once it may publish, or was refused.
    async fn publish(stand: &Stand, app: &str, key: &str) -> Result<Self, rtmp::CloseReason> {
        let config = ClientConfig {
            purpose: Purpose::Publish,
            app: app.to_owned(),
            tc_url: Secret::new("rtmp://transcoder/live"),
            key: Secret::new(key),
            chunk_size: 1 << 20,
            deadline: Duration::from_secs(5),
            dead_after: None,
        };
        let mut mux = Self {
            socket: stand.connect().await,
            session: ClientSession::new(config, Duration::ZERO),
            granted: None,
        };
        while mux.granted.is_none() {
            mux.turn().await?;
        }
        Ok(mux)
    }

    async fn turn(&mut self) -> Result<(), rtmp::CloseReason> {
        while let Some(action) = self.session.next_action() {
            match action {
                ClientAction::Send(bytes) => self.socket.write_all(&bytes).await.unwrap(),
                ClientAction::Publishing {
                    stream_id,
                    chunk_size,
                } => {
                    self.granted = Some((stream_id, chunk_size));
                    return Ok(());
                }
                ClientAction::Closed(reason) => return Err(reason),
                ClientAction::Playing | ClientAction::Media(_) => {}
            }
        }
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer).await.unwrap() {
            0 => Err(rtmp::CloseReason::Ended),
            read => {
                self.session.handle_input(&buffer[..read], Duration::ZERO);
                Ok(())
            }
        }
    }

    async fn send(&mut self, message: &rtmp::Message) {
        let (stream_id, chunk_size) = self.granted.unwrap();
        let payload = &message.payload;
        let header = MediaHeader::new(message.timestamp, message.kind, payload.len(), stream_id);
        for piece in header.pieces(payload, chunk_size, 0) {
            self.socket.write_all(piece).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_mux_publishes_is_there() {
    let stand = Stand::new();
    let mut mux = Mux::publish(&stand, "live", &stand.key()).await.unwrap();
    let show = Show::default();
    let messages = show.session(START_MS, None);
    for message in show.headers().iter().chain(&messages) {
        mux.send(&wire(message)).await;
    }
    let published = stand.store.get(&"stage".parse().unwrap()).unwrap();
    let last = stamps(&messages).last().unwrap().1.msn.0;
    while published.status().0.is_none_or(|status| status.msn != last) {
        tokio::task::yield_now().await;
    }
    drop(mux);
    stand.ended("closed_by_peer", 1).await;
    let still = stand.store.get(&"stage".parse().unwrap());
    assert!(still.is_some(), "what was published stays for a while");
}

#[tokio::test]
async fn a_stranger_is_refused_and_harms_nobody() {
    let stand = Stand::new();
    let _mux = Mux::publish(&stand, "live", &stand.key()).await.unwrap();
    let good = stand.key();
    let other = good.replace("stage", "hall");
    for (app, key) in [
        ("live", "stage"),
        ("live", "stage?token="),
        ("live", "stage?token=00"),
        ("live", other.as_str()),
        ("live", "../stage?token=00"),
        ("other", good.as_str()),
    ] {
        assert!(Mux::publish(&stand, app, key).await.is_err(), "{app} {key}");
    }
    stand.ended("refused", 6).await;
    let published = stand.store.get(&"stage".parse().unwrap()).unwrap();
    assert_eq!(published.status().1.publishers, 1);
}

#[tokio::test]
async fn a_second_publisher_replaces_the_first() {
    let stand = Stand::new();
    let mut first = Mux::publish(&stand, "live", &stand.key()).await.unwrap();
    let _second = Mux::publish(&stand, "live", &stand.key()).await.unwrap();
    stand.ended("replaced", 1).await;
    while first.turn().await.is_ok() {}
    let published = stand.store.get(&"stage".parse().unwrap()).unwrap();
    assert_eq!(published.status().1.publishers, 2);
}

#[tokio::test]
async fn garbage_and_a_half_open_connection_are_closed_and_counted() {
    let stand = Stand::new();
    let mut garbage = stand.connect().await;
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    // Closed, by whatever way: there was unread garbage.
    let _closed = garbage.read_to_end(&mut rest).await;
    stand.ended("protocol", 1).await;
    let mut cut = Mux::publish(&stand, "live", &stand.key()).await.unwrap();
    cut.socket.write_all(&[0x08, 0, 0]).await.unwrap();
    drop(cut);
    stand.ended("closed_by_peer", 1).await;
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed() {
    let stand = Stand::new();
    let mut silent = stand.connect().await;
    let mut rest = Vec::new();
    let _closed = silent.read_to_end(&mut rest).await;
    stand.ended("protocol", 1).await;
}

#[tokio::test]
async fn what_nobody_publishes_any_more_is_forgotten() {
    let stand = Stand::new();
    let mux = Mux::publish(&stand, "live", &stand.key()).await.unwrap();
    drop(mux);
    stand.ended("closed_by_peer", 1).await;
    tokio::time::pause();
    while stand.store.get(&"stage".parse().unwrap()).is_some() {
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_show_that_begins_takes_the_place_of_one_that_is_over_and_of_no_other() {
    let stand = Stand::of(2);
    let publish = async |stream| Mux::publish(&stand, "live", &stand.key_of(stream)).await;
    let streams = || {
        let all = stand.store.all();
        let names = all.iter().map(|stream| stream.name().to_string());
        names.collect::<Vec<_>>()
    };
    let mut over = publish("over").await.unwrap();
    let lost = publish("lost").await.unwrap();
    let show = Show::default();
    for message in show.headers().iter().chain(&show.session(START_MS, None)) {
        over.send(&wire(message)).await;
    }
    let refused = publish("newcomer").await.err();
    let told = format!("{}", refused.unwrap());
    assert!(told.ends_with("No place is free."), "{told}");
    stand.ended("full", 1).await;
    assert_eq!(stand.ingest.refused(), ["newcomer"]);

    drop(lost);
    stand.ended("closed_by_peer", 1).await;
    assert!(
        publish("newcomer").await.is_err(),
        "mux may be back in a moment"
    );
    over.send(&wire(&crate::stream::Message::End)).await;
    drop(over);
    stand.ended("closed_by_peer", 2).await;
    // Once its viewers have had time for its last parts; mux tries again and again.
    let _newcomer = loop {
        if let Ok(newcomer) = publish("newcomer").await {
            break newcomer;
        }
    };
    assert_eq!(streams(), ["lost", "newcomer"]);
    assert!(stand.ingest.refused().is_empty());

    // Nobody who waits to forget the one that was there takes its successor away.
    drop(publish("lost").await.unwrap());
    stand.ended("closed_by_peer", 3).await;
    let lost = stand.store.get(&"lost".parse().unwrap()).unwrap();
    assert_eq!(lost.status().1.publishers, 2, "its own place was kept");
}

#[tokio::test]
async fn places_are_given_and_kept_by_what_was_configured_last() {
    let stand = Stand::of(1);
    let publish = async |stream| Mux::publish(&stand, "live", &stand.key_of(stream)).await;
    let _first = publish("first").await.unwrap();
    assert!(publish("second").await.is_err());
    let reload = |places| {
        let settings = settings().into();
        stand.store.reconfigure(settings, places, 1000);
    };
    reload(2);
    let _second = publish("second").await.unwrap();
    reload(1);
    assert!(publish("third").await.is_err());
    assert_eq!(stand.store.all().len(), 2, "nobody is thrown out");
}
