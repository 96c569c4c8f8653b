//! Each value is written one way and reads back equal.

use proptest::prelude::*;

use super::*;

/// `text` is read and written again as `written`.
fn same<T: FromStr<Err = ValueError> + fmt::Display>(text: &str, written: &str) {
    assert_eq!(text.parse::<T>().unwrap().to_string(), written);
}

fn refused<T: FromStr<Err = ValueError> + fmt::Debug>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{text:?} was taken");
    }
}

#[test]
fn spans_of_time() {
    assert_eq!("2s".parse::<Timespan>().unwrap().get().as_millis(), 2000);
    same::<Timespan>("500ms", "500ms");
    same::<Timespan>("2000ms", "2s");
    same::<Timespan>("90s", "90s");
    same::<Timespan>("120s", "2m");
    same::<Timespan>("0h", "0ms");
    same::<Timespan>("1000h", "1000h");
    refused::<Timespan>(&[
        "",
        "2",
        "s",
        "2 s",
        "-2s",
        "2.5s",
        "2d",
        "2S",
        "1001h",
        "99999999999999999999s",
        "2s2s",
    ]);
}

#[test]
fn sizes_and_bit_rates() {
    assert_eq!("512MiB".parse::<ByteSize>().unwrap().get(), 512 << 20);
    same::<ByteSize>("1024KiB", "1MiB");
    same::<ByteSize>("0B", "0B");
    refused::<ByteSize>(&["512", "512MB", "1TiB", "18446744073709551615GiB"]);
    assert_eq!("1400k".parse::<BitRate>().unwrap().get(), 1_400_000);
    same::<BitRate>("6000k", "6M");
    same::<BitRate>("64001", "64001");
    refused::<BitRate>(&["", "k", "1.4M", "6m", "6Mbit"]);
}

#[test]
fn other_machines() {
    same::<HostPort>("transcoder-1:1935", "transcoder-1:1935");
    same::<HostPort>("10.0.0.2:8080", "10.0.0.2:8080");
    same::<HostPort>("[fd00::0:2]:1", "[fd00::2]:1");
    refused::<HostPort>(&[
        "",
        "a",
        "a:",
        ":1",
        "a:0",
        "a:65536",
        "fd00::2:1",
        "[a]:1",
        "[::1:1",
        "a b:1",
        "a/b:1",
        "rtmp://a:1",
    ]);
}

proptest! {
    #[test]
    fn what_is_written_reads_back_equal(value in 0..1000 * 3_600_000_u64, bytes: u64) {
        let span = Timespan::from_millis(value);
        prop_assert_eq!(span.to_string().parse::<Timespan>(), Ok(span));
        prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        prop_assert_eq!(BitRate(bytes).to_string().parse(), Ok(BitRate(bytes)));
    }

    #[test]
    fn no_text_brings_it_down(text: String) {
        let _any = (text.parse::<Timespan>(), text.parse::<HostPort>(), text.parse::<ByteSize>());
    }
}
