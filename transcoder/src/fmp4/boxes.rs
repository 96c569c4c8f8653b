//! [pure] Writes boxes: a size that is filled in when the content is known, and big-endian fields.

use bytes::{BufMut, Bytes, BytesMut};

/// A file being written.
#[derive(Debug)]
pub(super) struct Boxes(BytesMut);

impl Boxes {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(BytesMut::with_capacity(bytes))
    }

    /// A box around what `content` writes. No box of ours comes near 4 GiB: see `Sample::MAX_BYTES`.
    pub(super) fn boxed(&mut self, kind: [u8; 4], content: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.u32(0);
        self.bytes(&kind);
        content(self);
        let size = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        self.overwrite(start, size);
    }

    /// A box that starts with a version and 24 bits of flags.
    pub(super) fn full(
        &mut self,
        kind: [u8; 4],
        version: u8,
        flags: u32,
        content: impl FnOnce(&mut Self),
    ) {
        self.boxed(kind, |out| {
            out.u32(u32::from(version) << 24 | flags);
            content(out);
        });
    }

    /// Writes over a field that was written before its value was known.
    pub(super) fn overwrite(&mut self, at: usize, value: u32) {
        if let Some(field) = self.0.get_mut(at..at + 4) {
            field.copy_from_slice(&value.to_be_bytes());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.put_u8(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.0.put_u16(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.put_u32(value);
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.0.put_i32(value);
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.put_u64(value);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.put_slice(bytes);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.0.put_bytes(0, count);
    }

    pub(super) fn finish(self) -> Bytes {
        self.0.freeze()
    }
}
