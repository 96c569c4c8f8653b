//! [pure] Checks.
