//! What is fitted: a line, the part that has settled, and growth that slows down.

pub(crate) mod line;
pub(crate) mod settled;
pub(crate) mod slowing;
