//! rml_rtmp at the other end: its client publishes to our server, our client to its server.

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{
    ClientSession as RmlClient, ClientSessionConfig, ClientSessionEvent, ClientSessionResult,
    PublishRequestType, ServerSession as RmlServer, ServerSessionConfig, ServerSessionEvent,
    ServerSessionResult,
};
use rml_rtmp::time::RtmpTimestamp;
use rtmp::MessageKind;
use rtmp::client::{ClientAction, ClientSession, Purpose};
use rtmp::server::{ServerAction, ServerConfig, ServerSession};

use crate::pair::{KEY, answer, client_config, media, seconds, wire};

#[test]
fn rml_publishes_to_our_server() {
    let now = seconds(0);
    let mut server = ServerSession::new(ServerConfig::default(), now);
    let mut handshake = Handshake::new(PeerType::Client);
    server.handle_input(&handshake.generate_outbound_p0_and_p1().unwrap(), now);
    let Some(ServerAction::Send(answered)) = server.next_action() else {
        panic!()
    };
    let Ok(HandshakeProcessResult::Completed { response_bytes, .. }) =
        handshake.process_bytes(&answered)
    else {
        panic!()
    };
    server.handle_input(&response_bytes, now);

    let (mut client, first) = RmlClient::new(ClientSessionConfig::new()).unwrap();
    let mut todo = first;
    todo.push(client.request_connection("live".to_owned()).unwrap());
    let mut heard = Vec::new();
    while !todo.is_empty() {
        for result in std::mem::take(&mut todo) {
            match result {
                ClientSessionResult::OutboundResponse(packet) => {
                    server.handle_input(&packet.bytes, now)
                }
                ClientSessionResult::RaisedEvent(ClientSessionEvent::ConnectionRequestAccepted) => {
                    let live = PublishRequestType::Live;
                    todo.push(client.request_publishing(KEY.to_owned(), live).unwrap());
                }
                ClientSessionResult::RaisedEvent(ClientSessionEvent::PublishRequestAccepted) => {
                    let frame = vec![0x17; 5000].into();
                    let sent = client.publish_video_data(frame, RtmpTimestamp::new(40), false);
                    todo.push(sent.unwrap());
                }
                // Our bandwidth, which rml does not know.
                ClientSessionResult::UnhandleableMessageReceived(_) => {}
                other => panic!("{other:?}"),
            }
        }
        while let Some(action) = server.next_action() {
            answer(&mut server, &action, None, now);
            match action {
                ServerAction::Send(bytes) => todo.extend(client.handle_input(&bytes).unwrap()),
                ServerAction::Media(message) => heard.push(message),
                ServerAction::PublishRequested(request) => assert_eq!(request.key.expose(), KEY),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(heard, [media(40, MessageKind::Video, &[0x17; 5000])]);
}

#[test]
fn our_client_publishes_to_rml() {
    let now = seconds(0);
    let mut client = ClientSession::new(client_config(Purpose::Publish), now);
    let mut handshake = Handshake::new(PeerType::Server);
    let mut server: Option<RmlServer> = None;
    let mut heard = Vec::new();
    while let Some(action) = client.next_action() {
        let bytes = match action {
            ClientAction::Send(bytes) => bytes.to_vec(),
            ClientAction::Publishing {
                stream_id,
                chunk_size,
            } => {
                let mut frame = media(40, MessageKind::Video, &[0x17; 5000]);
                frame.stream_id = stream_id;
                wire(&frame, chunk_size)
            }
            other => panic!("{other:?}"),
        };
        let Some(server) = &mut server else {
            match handshake.process_bytes(&bytes).unwrap() {
                HandshakeProcessResult::InProgress { response_bytes } => {
                    client.handle_input(&response_bytes, now);
                }
                HandshakeProcessResult::Completed { .. } => {
                    let (session, first) = RmlServer::new(ServerSessionConfig::new()).unwrap();
                    for result in first {
                        let ServerSessionResult::OutboundResponse(packet) = result else {
                            panic!()
                        };
                        client.handle_input(&packet.bytes, now);
                    }
                    server = Some(session);
                }
            }
            continue;
        };
        let mut todo = server.handle_input(&bytes).unwrap();
        while !todo.is_empty() {
            for result in std::mem::take(&mut todo) {
                match result {
                    ServerSessionResult::OutboundResponse(packet) => {
                        client.handle_input(&packet.bytes, now);
                    }
                    ServerSessionResult::RaisedEvent(
                        ServerSessionEvent::ConnectionRequested { request_id, .. }
                        | ServerSessionEvent::PublishStreamRequested { request_id, .. },
                    ) => todo.extend(server.accept_request(request_id).unwrap()),
                    ServerSessionResult::RaisedEvent(ServerSessionEvent::VideoDataReceived {
                        data,
                        timestamp,
                        ..
                    }) => heard.push((timestamp.value, data.to_vec())),
                    // releaseStream and FCPublish, chunk sizes, acknowledgements.
                    ServerSessionResult::RaisedEvent(_)
                    | ServerSessionResult::UnhandleableMessageReceived(_) => {}
                }
            }
        }
    }
    assert_eq!(heard, [(40, vec![0x17; 5000])]);
}
