//! [pure] Commands and statuses.
