//! The leaklab binary.
fn main() {}
