use proptest::prelude::*;

use super::*;

/// Reads a stream as the shell does: what is asked for, and nothing else. Answers with the address and what was read.
fn read(stream: &[u8]) -> (Result<Option<SocketAddr>, ProxyError>, usize) {
    let mut read = 0;
    loop {
        match parse(&stream[..read]) {
            Ok(Header::Whole(source)) => return (Ok(source), read),
            Ok(Header::More(more)) if read + more <= stream.len() => {
                assert!(more > 0);
                read += more;
            }
            Ok(Header::More(_)) => return (Err(ProxyError::Missing), read),
            Err(error) => return (Err(error), read),
        }
    }
}

fn version_2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family][..], &length, block].concat()
}

#[test]
fn version_1_is_read_to_its_end_and_not_beyond() {
    for (line, source) in [
        (
            "PROXY TCP4 192.0.2.1 198.51.100.2 56324 1935\r\n",
            Some("192.0.2.1:56324"),
        ),
        (
            "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
            Some("[2001:db8::1]:1"),
        ),
        (
            "PROXY TCP6 ::ffff:192.0.2.1 ::1 0 443\r\n",
            Some("192.0.2.1:0"),
        ),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    ] {
        let stream = [line.as_bytes(), b"\x03rtmp follows"].concat();
        let source = source.map(|address| address.parse().unwrap());
        assert_eq!(read(&stream), (Ok(source), line.len()), "{line}");
    }
}

#[test]
fn version_2_is_read_to_its_end_and_not_beyond() {
    let v4 = [192, 0, 2, 1, 10, 0, 0, 1, 0xDC, 4, 7, 0x8F];
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 1, 0xD, 0xB8]);
    v6[33] = 9;
    let with_tlv = [&v4[..], &[0x04, 0, 3, 1, 2, 3]].concat();
    let longest = [&v4[..], &[0; MAX_V2 - FIXED - 12]].concat();
    for (header, source) in [
        (version_2(0x21, 0x11, &v4), Some("192.0.2.1:56324")),
        (version_2(0x21, 0x11, &with_tlv), Some("192.0.2.1:56324")),
        (version_2(0x21, 0x11, &longest), Some("192.0.2.1:56324")),
        (version_2(0x21, 0x21, &v6), Some("[2001:db8::]:9")),
        (version_2(0x20, 0x00, &[]), None),
        (version_2(0x20, 0x11, &v4), None),
        (version_2(0x21, 0x00, &[1, 2, 3]), None),
        (version_2(0x21, 0x31, &[0; 216]), None),
    ] {
        let stream = [&header[..], b"\x16tls follows"].concat();
        let source = source.map(|address| address.parse().unwrap());
        assert_eq!(read(&stream), (Ok(source), header.len()), "{header:?}");
    }
}

#[test]
fn what_is_no_header_is_refused_by_its_first_wrong_byte() {
    use ProxyError::{Malformed, Missing, TooLong};
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(MAX_V1));
    for (stream, wrong) in [
        (&[3; 1537][..], Missing),
        (b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03..........", Missing),
        (b"GET / HTTP/1.1\r\n\r\n", Missing),
        (b"PROXY\r\n             ", Missing),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n", Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n", Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n", Malformed),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n", Malformed),
        (b"PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n", Malformed),
        (b"PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n", Malformed),
        (b"PROXY \nUNKNOWN\r\n", Malformed),
        (b"PROXY \xff\xff\xff\xff\xff\xff\xff\xff\r\n", Malformed),
        (long.as_bytes(), TooLong(MAX_V1)),
        (&version_2(0x11, 0x11, &[0; 12]), Malformed),
        (&version_2(0x22, 0x11, &[0; 12]), Malformed),
        (&version_2(0x21, 0x12, &[0; 12]), Malformed),
        (&version_2(0x21, 0x11, &[0; 11]), Malformed),
        (&version_2(0x21, 0x21, &[0; 35]), Malformed),
        (&version_2(0x21, 0x11, &[0; 521]), TooLong(MAX_V2)),
    ] {
        assert_eq!(read(stream).0, Err(wrong), "{}", stream.escape_ascii());
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_within_the_bounds(
        start in prop::sample::select(vec![&b""[..], WORD, b"PROXY TCP4 ", SIGNATURE]),
        rest in prop::collection::vec(any::<u8>(), 0..700),
    ) {
        let (_, read) = read(&[start, &rest].concat());
        prop_assert!(read <= MAX_V2);
    }

    #[test]
    fn every_address_comes_through(source: SocketAddr, destination: SocketAddr) {
        let (kind, port) = (if source.is_ipv4() { "TCP4" } else { "TCP6" }, source.port());
        prop_assume!(source.is_ipv4() == destination.is_ipv4());
        let line = format!("PROXY {kind} {} {} {port} 1\r\n", source.ip(), destination.ip());
        prop_assert_eq!(read(line.as_bytes()).0, Ok(Some(canonical(SocketAddr::new(source.ip(), port)))));
    }
}
