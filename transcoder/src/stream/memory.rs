//! [pure] What a session holds in memory: media up to a bound, and pictures, which have one of their own
//! ([`crate::pictures::Pictures::MAX_BYTES`]).

use super::run::Run;
use crate::window::Window;

impl Run {
    /// Bytes of media held.
    pub(super) fn bytes(&self) -> usize {
        self.windows().map(|(_, window)| window.bytes()).sum()
    }

    /// Holds no more than `memory` bytes of media; the largest window gives first. `false` when that is not to be had.
    pub(super) fn fit(&mut self, memory: usize) -> bool {
        while self.bytes() > memory {
            let mut windows: Vec<&mut Window> = self.windows_mut().collect();
            windows.sort_by_key(|window| std::cmp::Reverse(window.bytes()));
            if !windows.into_iter().any(Window::evict) {
                return false;
            }
        }
        true
    }
}
