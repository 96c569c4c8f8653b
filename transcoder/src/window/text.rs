//! [pure] A playlist as it is sent: pieces that are shared with the version before, and the whole as gzip, compressed once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use live::{InitHash, gzip};

/// A playlist as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The whole playlist.
    pub full: Text,
    /// The delta update for `_HLS_skip=YES`.
    pub delta: Text,
    /// That for `_HLS_skip=v2`.
    pub delta_v2: Text,
}

/// Bytes, and what tells them from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// One after the other. The oldest are shared with the text before.
    pub pieces: Vec<Bytes>,
    /// Hash of what they say.
    pub tag: InitHash,
    /// Compressed, once somebody has asked for it so.
    gzip: Arc<OnceLock<Bytes>>,
}

impl Text {
    /// In pieces, and what tells them from others.
    pub fn new((pieces, tag): (Vec<Bytes>, InitHash)) -> Self {
        let gzip = Arc::default();
        Self { pieces, tag, gzip }
    }

    /// The bytes as gzip, compressed once for all who ask. Those of hours take a tenth of a second.
    pub fn gzip(&self) -> Bytes {
        let compressed = || gzip::compress(&self.pieces).into();
        self.gzip.get_or_init(compressed).clone()
    }

    /// Whether it was compressed already.
    pub fn is_compressed(&self) -> bool {
        self.gzip.get().is_some()
    }

    /// The bytes in one piece.
    pub fn whole(&self) -> Bytes {
        match self.pieces.as_slice() {
            [one] => one.clone(),
            pieces => pieces.concat().into(),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Text {
    fn from(text: T) -> Self {
        let text = text.into();
        Self::new((vec![text.clone()], InitHash::of(&text)))
    }
}
