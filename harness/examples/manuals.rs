//! Writes shell completions and manual pages into a folder; `scripts/manuals` calls it.

use clap_complete::{Shell, generate_to};
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .unwrap_or_else(|| "manuals".into()),
    );
    std::fs::create_dir_all(&folder)?;
    let mut command = leaklab::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, "leaklab", &folder)?;
    }
    clap_mangen::generate_to(command, &folder)
}
