//! leaklab: runs a program, samples its memory, and says whether it leaks.

use std::process::ExitCode;

fn main() -> ExitCode {
    leaklab::main_with(&[])
}
