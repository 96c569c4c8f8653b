//! Playlists compressed for those who take it: short ones at once, long ones off the runtime's threads.
//!
//! A playlist of twelve hours takes a processor for a tenth of a second. On a thread of the runtime it would delay every
//! part that is to be sent from there. Few are compressed at once; who wants one meanwhile waits for a place, and finds
//! it done if it was the same.

use std::sync::Arc;

use bytes::Bytes;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::window::Text;

/// Bytes of a playlist that is compressed at once: that of half an hour, in a millisecond or two.
const SHORT: usize = 128 << 10;
/// Long ones that are compressed at once: each has a thread.
const AT_ONCE: usize = 2;

/// Compresses.
#[derive(Debug, Clone)]
pub(super) struct Packing(Arc<Semaphore>);

impl Default for Packing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Packing {
    /// `text` as gzip. None when the daemon is about to end.
    pub(super) async fn gzip(&self, text: &Text) -> Option<Bytes> {
        if text.is_compressed() || text.pieces.iter().map(Bytes::len).sum::<usize>() <= SHORT {
            return Some(text.gzip());
        }
        let place = self.0.clone().acquire_owned().await.ok()?;
        if text.is_compressed() {
            return Some(text.gzip());
        }
        let text = text.clone();
        let compressed = spawn_blocking(move || {
            let _until_done = place;
            text.gzip()
        });
        compressed.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_long_playlist_is_compressed_by_another_thread_and_delays_nobody() {
        let packing = Packing::default();
        let long = Text::from("#EXTINF:2.00000,\n1790000000.m4s\n".repeat(21_600));
        let short = Text::from("#EXTINF:2.00000,\n1790000000.m4s\n".repeat(7));
        // As long as others are being compressed nothing is begun, and those in line hold up nobody.
        let others = packing.0.clone().acquire_many_owned(2).await.unwrap();
        let mut first = pin!(packing.gzip(&long));
        let mut second = pin!(packing.gzip(&long));
        tokio::select! {
            biased;
            _ = &mut first => unreachable!("there is no place for it"),
            _ = &mut second => unreachable!("nor for it"),
            packed = packing.gzip(&short) => assert_eq!(packed, Some(short.gzip())),
        }
        assert!(!long.is_compressed());
        drop(others);
        let (first, second) = tokio::join!(first, second);
        assert_eq!(first, Some(long.gzip()));
        assert_eq!(first, second);
        // Now it is done, and given to all at once.
        let _others = packing.0.clone().acquire_many_owned(2).await.unwrap();
        assert_eq!(packing.gzip(&long).await, first);
    }
}
