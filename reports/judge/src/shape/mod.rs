//! What is looked for in a series before a line is fitted to it.

pub(crate) mod bursts;
pub(crate) mod calendar;
pub(crate) mod cycle;
pub(crate) mod grain;
pub(crate) mod levels;
pub(crate) mod mixture;
pub(crate) mod restarts;
pub(crate) mod sawtooth;
pub(crate) mod staircase;
pub(crate) mod steps;
pub(crate) mod work;

#[cfg(test)]
pub(crate) mod tests;
