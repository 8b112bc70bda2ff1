//! Reported leaks on their real runtimes: scenario files, programs and pins, as they lie in the
//! folders `field` and `originals` of this crate.
//!
//! They are no part of the catalogue: they need other runtimes and install packages. Whoever
//! runs them writes them to a folder first.

/// Name, with `/` between folders, and contents of every file.
pub static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/reported.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn the_scenario_files_of_the_folders_are_there_and_nothing_that_was_installed() {
        let embedded: BTreeSet<String> = FILES
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .filter(|name| name.ends_with(".scenario.toml"))
            .collect();
        let mut there = BTreeSet::new();
        for folder in ["field", "originals"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for entry in std::fs::read_dir(path).expect("a folder").flatten() {
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                if name.ends_with(".scenario.toml") {
                    there.insert(name);
                }
            }
        }
        // A build that is older than a new case: touch scenarios/build.rs.
        assert_eq!(embedded, there);
        assert!(!FILES.iter().any(|(name, _)| name.contains("installed/")));
    }
}
