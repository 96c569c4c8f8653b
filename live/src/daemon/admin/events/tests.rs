//! What one who watches is sent, and when the place is free again.

use http_body_util::BodyExt;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};

use super::*;

struct Numbers(broadcast::Receiver<u32>);

impl Feed for Numbers {
    async fn next(&mut self) -> Option<ServerEvent> {
        let (kind, data) = match self.0.recv().await {
            Ok(number) => ("number", json!({ "is": number, "text": "a\nb" })),
            Err(RecvError::Lagged(missed)) => ("missed", json!(missed)),
            Err(RecvError::Closed) => return None,
        };
        Some(ServerEvent { kind, data })
    }
}

struct Watch {
    numbers: broadcast::Sender<u32>,
    places: Arc<Semaphore>,
    body: EventBody,
}

/// One who watches a bus that keeps four numbers.
fn watch() -> Watch {
    let numbers = broadcast::Sender::new(4);
    let bus = numbers.clone();
    let places = places();
    let place = Arc::clone(&places).try_acquire_owned().unwrap();
    let body = open(move || Numbers(bus.subscribe()))(place);
    Watch {
        numbers,
        places,
        body,
    }
}

impl Watch {
    async fn next(&mut self) -> String {
        let frame = self.body.frame().await.unwrap().unwrap();
        String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
    }
}

#[tokio::test]
async fn events_come_in_order_one_line_each() {
    let mut watch = watch();
    watch.numbers.send(1).unwrap();
    watch.numbers.send(2).unwrap();
    assert_eq!(watch.next().await, "retry: 1000\n\n");
    for number in [1, 2] {
        let wanted = format!("event: number\ndata: {{\"is\":{number},\"text\":\"a\\nb\"}}\n\n");
        assert_eq!(watch.next().await, wanted);
    }
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive() {
    let bus = broadcast::Sender::new(4);
    let (queue, mut waiting) = mpsc::channel(QUEUE);
    tokio::spawn(pump(
        Numbers(bus.subscribe()),
        queue,
        Duration::from_millis(1),
    ));
    assert_eq!(waiting.recv().await.unwrap(), RETRY);
    assert_eq!(waiting.recv().await.unwrap(), ALIVE);
    assert_eq!(waiting.recv().await.unwrap(), ALIVE);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_its_queue_and_no_more() {
    let mut watch = watch();
    for number in 0..10_000 {
        watch.numbers.send(number).unwrap();
        tokio::task::yield_now().await;
    }
    let mut read = 0;
    let missed = loop {
        let text = watch.next().await;
        if let Some(missed) = text.strip_prefix("event: missed\ndata: ") {
            break missed.trim().parse::<usize>().unwrap();
        }
        read += 1;
    };
    assert!(read <= QUEUE + 2, "{read}");
    assert!(missed > 9_900, "{missed}");
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place_and_ends_its_feed() {
    let watch = watch();
    assert_eq!(watch.places.available_permits(), CLIENTS - 1);
    drop(watch.body);
    assert_eq!(watch.places.available_permits(), CLIENTS);
    while watch.numbers.receiver_count() > 0 {
        tokio::task::yield_now().await;
    }
}
