//! What tells that a program was started anew, as help and documentation list it.

use super::companion::{COUNTS_TOLD, ENDS_TOLD, LIVES_TOLD, STARTS_TOLD, WORK_TOLD};
use super::lives::{NAMES_TOLD, UPTIMES_TOLD};

/// The columns by which restarts are known: when one is believed, and the names.
pub fn restart_columns() -> Vec<(&'static str, &'static [&'static str])> {
    let [called, holding] = UPTIMES_TOLD;
    vec![
        NAMES_TOLD,
        called,
        holding,
        COUNTS_TOLD,
        LIVES_TOLD,
        STARTS_TOLD,
        ENDS_TOLD,
        WORK_TOLD,
    ]
}
