//! What the maker of slates asks of a stream and gives to it.

use live::Rendition;

use super::{Published, lock};
use crate::{slate::Slate, stream::SlateOrder};

impl Published {
    /// What slates are to be made for the encoder of `generation`.
    pub(crate) fn slate_order(&self, generation: u64) -> Option<SlateOrder> {
        lock(&self.live).stream.slate_order(generation)
    }

    /// A rung's slate is ready; says whether it fits.
    pub(crate) fn set_slate(&self, generation: u64, rendition: Rendition, slate: Slate) -> bool {
        lock(&self.live)
            .stream
            .set_slate(generation, rendition, slate)
    }
}
