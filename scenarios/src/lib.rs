//! The catalogue of published leaks.
