//! Objects in other forms than whole and plain: compressed, or a range of their bytes.

use live::playlist::Multivariant;

use super::*;

#[tokio::test]
async fn a_playlist_is_compressed_for_those_who_take_it() {
    let stand = Stand::new(3);
    for path in ["/live/stage/index.m3u8", "/live/stage/source/media.m3u8"] {
        let plain = stand.get(path).await;
        let mut request = stand.request(Method::GET, path);
        let gzip = header::HeaderValue::from_static("gzip, deflate");
        request.headers_mut().insert(header::ACCEPT_ENCODING, gzip);
        let small = stand.send(request).await;
        assert_eq!(small.header(header::CONTENT_ENCODING), "gzip");
        assert_eq!(small.body, gzip::compress(&[&plain.body]));
        assert_eq!(small.header(header::VARY), "Accept-Encoding");
        assert_eq!(plain.header(header::VARY), "Accept-Encoding");
        assert_ne!(small.header(header::ETAG), plain.header(header::ETAG));
    }
}

#[tokio::test]
async fn the_first_picture_of_each_segment_can_be_fetched_alone() {
    let stand = Stand::new(3);
    let offered = stand.get("/live/stage/index.m3u8").await;
    let offered = Multivariant::parse(&offered.body).unwrap();
    let variant = &offered.i_frame_variants[0];
    let answer = stand.get(&format!("/live/stage/{}", variant.uri)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(text.contains("#EXT-X-I-FRAMES-ONLY\n"), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let mut pictures = 0;
    for window in lines.windows(3) {
        let [range, _, uri] = window else {
            unreachable!()
        };
        let Some(range) = range.strip_prefix("#EXT-X-BYTERANGE:") else {
            continue;
        };
        let length: u64 = range.strip_suffix("@0").unwrap().parse().unwrap();
        let mut request = stand.request(Method::GET, &format!("/live/stage/source/{uri}"));
        let value = format!("bytes=0-{}", length - 1).parse().unwrap();
        request.headers_mut().insert(header::RANGE, value);
        let picture = stand.send(request).await;
        assert_eq!(picture.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(&picture.body[4..8], b"prft");
        assert_eq!(&picture.body[36..40], b"moof");
        assert!(picture.body.windows(7).any(|bytes| bytes == b"picture"));
        let ends: Vec<u8> = [b"mdat", &b"picture"[..]].concat();
        let (_, mdat) = picture.body.split_at(picture.body.len() - 19);
        assert_eq!(mdat[..11], ends, "one picture and nothing after it");
        pictures += 1;
    }
    assert_eq!(pictures, 3);
    let mut request = stand.request(Method::GET, "/live/stage/source/1.m4s");
    let beyond = header::HeaderValue::from_static("bytes=99999999-");
    request.headers_mut().insert(header::RANGE, beyond.clone());
    assert_eq!(stand.send(request).await.status, StatusCode::NOT_FOUND);
    let segment = lines.iter().rfind(|line| line.ends_with(".m4s")).unwrap();
    let mut request = stand.request(Method::GET, &format!("/live/stage/source/{segment}"));
    request.headers_mut().insert(header::RANGE, beyond);
    let refused = stand.send(request).await;
    assert_eq!(refused.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn http2_is_spoken_with_whoever_begins_with_it() {
    let stand = Stand::new(3);
    let address = stand.chassis.address("origin").unwrap();
    let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let executor = hyper_util::rt::TokioExecutor::new();
    let handshake = hyper::client::conn::http2::handshake(executor, socket).await;
    let (sender, connection) = handshake.unwrap();
    let driver = tokio::spawn(connection);
    let uri = format!("http://{address}/live/stage/source/media.m3u8");
    let waits = format!("{uri}?_HLS_msn={}", {
        let plain = stand.get("/live/stage/source/media.m3u8").await;
        plain.playlist().open_msn()
    });
    let (mut first, mut second) = (sender.clone(), sender);
    let held = first.send_request(stand.request(Method::GET, &waits));
    let held = tokio::spawn(held);
    stand.waiting(1).await;
    // One that waits keeps no other from its answer.
    let request = stand.request(Method::GET, &uri);
    let answer = read(second.send_request(request).await.unwrap()).await;
    assert!(!answer.playlist().segments.is_empty());
    held.abort();
    drop(second);
    driver.abort();
}
