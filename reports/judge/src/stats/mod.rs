//! Statistics behind the verdict, one file each, free of any notion of memory or leaks.
//!
//! Every function is checked in its own file against a value from an independent tool,
//! which the test names with its version.

pub mod autoregression;
pub mod bins;
pub mod hampel;
pub mod mosum;
pub mod newey_west;
pub mod quantile;
pub mod random;
pub mod regression;
pub mod student;
pub mod turning_points;
pub mod turns;
