//! What is fitted: a model of steps and cycles, the line, its bends, its end.

pub(crate) mod bend;
pub(crate) mod line;
pub(crate) mod model;
pub(crate) mod settled;
pub(crate) mod slowing;

#[cfg(test)]
mod tests;
