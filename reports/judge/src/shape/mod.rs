//! Shapes that are looked for in a series before a line is fitted.

pub(crate) mod cycle;
pub(crate) mod sawtooth;
pub(crate) mod steps;
