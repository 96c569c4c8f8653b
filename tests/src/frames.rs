//! Frames of HTTP/2 (RFC 9113) one by one, as no honest client would send them.

/// What a client begins with (§3.4), and settings that change nothing.
pub fn preface() -> Vec<u8> {
    [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(SETTINGS, 0, 0, b""),
    ]
    .concat()
}

/// Kinds of frames (§6).
pub const DATA: u8 = 0;
/// §6.2.
pub const HEADERS: u8 = 1;
/// §6.3, of no effect.
pub const PRIORITY: u8 = 2;
/// §6.4.
pub const RST_STREAM: u8 = 3;
/// §6.5.
pub const SETTINGS: u8 = 4;
/// §6.7.
pub const PING: u8 = 6;
/// §6.8.
pub const GOAWAY: u8 = 7;
/// §6.9.
pub const WINDOW_UPDATE: u8 = 8;
/// §6.10.
pub const CONTINUATION: u8 = 9;
/// No kind at all: to be passed over (§5.5).
pub const UNKNOWN: u8 = 0xbe;
/// Flag of a stream's last frame.
pub const END_STREAM: u8 = 1;
/// Flag of a PING or SETTINGS that answers another.
pub const ACK: u8 = 1;
/// Flag of a header block's last frame.
pub const END_HEADERS: u8 = 4;

/// One frame, of a payload of up to 16 MiB.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A request for `path` with more fields than it needs.
pub fn get(stream: u32, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    frame(
        HEADERS,
        END_STREAM | END_HEADERS,
        stream,
        &block(path, more),
    )
}

/// The header block of such a request (RFC 7541): GET, https, then literals that are not indexed.
pub fn block(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x82, 0x87, 0x04];
    text(&mut block, path);
    block.push(0x01);
    text(&mut block, "localhost");
    for (name, value) in more {
        block.push(0x00);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

/// A string (RFC 7541 §5.2) behind its length with a prefix of seven bits (§5.1).
pub fn text(block: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(short @ ..127) => block.push(short),
        _ => {
            block.push(127);
            let mut left = text.len().saturating_sub(127);
            while left >= 128 {
                block.push(u8::try_from(left % 128).unwrap_or_default() | 128);
                left /= 128;
            }
            block.push(u8::try_from(left).unwrap_or_default());
        }
    }
    block.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_and_a_string_are_as_the_standards_write_them() {
        assert_eq!(frame(PING, ACK, 7, b"12"), b"\0\0\x02\x06\x01\0\0\0\x0712");
        let mut block = Vec::new();
        text(&mut block, &"a".repeat(1337 + 96));
        // RFC 7541 C.1.2 has 1337 behind a prefix of five bits: 31 + 1306; here it is 127 + 1306.
        assert_eq!(block.get(..3), Some(&[127, 154, 10][..]));
    }
}
