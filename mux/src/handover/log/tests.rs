use proptest::prelude::*;
use rtmp::flv::TrackSet;

use super::*;
use crate::{
    headers::{Medium, Part, PartKey},
    ring::RingLimits,
};

/// The file: what was freed is gone.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    freed: u64,
}

impl Disk {
    fn read(&self, range: &Range<u64>) -> Bytes {
        assert!(range.start >= self.freed, "what was freed is wanted");
        let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
        Bytes::copy_from_slice(&self.bytes[start..end])
    }
}

fn headers(generation: u64) -> Arc<Headers> {
    let mut headers = Headers::default();
    let key = PartKey {
        medium: Medium::Video,
        part: Part::Decoder,
        tracks: TrackSet::one(0),
    };
    headers
        .set(key, &generation.to_be_bytes().to_vec().into())
        .unwrap();
    Arc::new(headers.numbered(generation))
}

fn is_same(a: &Slot, b: &Slot) -> bool {
    let entries = match (&a.entry, &b.entry) {
        (Entry::Frame(a), Entry::Frame(b)) => {
            (a.kind, a.at, &a.payload) == (b.kind, b.at, &b.payload)
        }
        (
            Entry::Telling { at, payload },
            Entry::Telling {
                at: b_at,
                payload: b,
            },
        ) => (at, payload) == (b_at, b),
        _ => false,
    };
    entries && a.headers == b.headers && (a.arrived, a.join) == (b.arrived, b.join)
}

#[derive(Debug, Clone)]
enum Act {
    Push(usize, bool),
    NewHeaders,
    Clear,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => (0..40_000_usize, any::<bool>()).prop_map(|(size, join)| Act::Push(size, join)),
        2 => Just(Act::NewHeaders),
        1 => Just(Act::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_ring_is_read_back_after_every_change(acts in prop::collection::vec(act(), 1..120)) {
        let limits = RingLimits { bytes: 1 << 18, span: 4_000 };
        let mut ring = Ring::new(limits);
        let (mut log, mut disk) = (Log::default(), Disk::default());
        let mut generation = 1;
        for (number, act) in (0_u64..).zip(acts) {
            match act {
                Act::Push(size, join) => {
                    let (at, payload) = (number * 40, vec![u8::try_from(number % 256).unwrap(); size].into());
                    let entry = if size % 3 == 0 {
                        Entry::Telling { at, payload }
                    } else {
                        let kind = MediaKind::Video;
                        Entry::Frame(Frame { kind, at, payload })
                    };
                    ring.push(Slot {
                        entry,
                        headers: headers(generation),
                        arrived: number * 40 + 7,
                        join,
                    });
                }
                Act::NewHeaders => generation += 1,
                Act::Clear => ring.clear(),
            }
            let mut new = Vec::new();
            log.follow(&ring, &mut new);
            disk.bytes.extend(new);
            prop_assert_eq!(disk.bytes.len() as u64, log.end());
            if let Some(freed) = log.free() {
                disk.freed = freed.end;
            }
            let saved = postcard::to_allocvec(&log).unwrap();
            let mut found: Log = postcard::from_bytes(&saved).unwrap();
            let read: Vec<Bytes> = found.wanted().iter().map(|range| disk.read(range)).collect();
            let slots = found.replay(&read).unwrap();
            prop_assert_eq!(&found, &log);
            prop_assert_eq!(found.tail(), ring.tail());
            let there: Vec<_> = (ring.tail().0..ring.head().0).filter_map(|seq| ring.get(Seq(seq))).collect();
            prop_assert_eq!(slots.len(), there.len());
            prop_assert!(slots.iter().zip(there).all(|(a, b)| is_same(a, b)));
        }
    }
}
