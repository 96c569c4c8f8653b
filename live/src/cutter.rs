//! [pure] Placeholder.
