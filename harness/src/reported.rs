//! The reported leaks in the user's cache: unpacked from the binary, installed beside.

use anyhow::Context;
use leaklab_run::write_atomically;
use leaklab_scenarios::reported::FILES;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What names of reported leaks begin with.
pub const PREFIXES: [&str; 2] = ["field/", "original/"];

/// Whether a selector can mean a reported leak.
pub fn is_meant_by(selector: &str) -> bool {
    PREFIXES.iter().any(|prefix| selector.starts_with(prefix))
}

/// Writes the files to the user's cache, those that differ, and returns their folder.
///
/// # Errors
///
/// If there is no home, or it cannot be written.
pub fn unpack() -> anyhow::Result<PathBuf> {
    let cache = cache()?;
    let folder = cache.join("reported");
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&cache)?;
        // Two that unpack at once would take each other's half-written files for old ones.
        let lock = std::fs::File::create(cache.join("reported.lock"))?;
        lock.lock()?;
        write_files(&folder)
    };
    write()
        .with_context(|| format!("cannot unpack the reported leaks to `{}`", folder.display()))?;
    Ok(folder)
}

/// Scenario files among them, with their texts.
pub fn scenario_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES
        .iter()
        .filter(|(name, _)| name.ends_with(crate::config::SCENARIO_SUFFIX))
        .filter_map(|(name, contents)| Some((*name, std::str::from_utf8(contents).ok()?)))
}

/// `$XDG_CACHE_HOME/leaklab`, or `~/.cache/leaklab`.
fn cache() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("leaklab"))
        .context("there is no folder for the reported leaks\n(hint: set HOME or XDG_CACHE_HOME)")
}

fn write_files(folder: &Path) -> std::io::Result<()> {
    let mut known: BTreeMap<PathBuf, BTreeSet<OsString>> = BTreeMap::new();
    for (name, contents) in FILES {
        let path = folder.join(name);
        let (Some(parent), Some(file)) = (path.parent(), path.file_name()) else {
            continue;
        };
        std::fs::create_dir_all(parent)?;
        let files = known.entry(parent.to_owned()).or_default();
        files.insert(file.to_owned());
        if std::fs::read(&path).is_ok_and(|there| there == *contents) {
            continue;
        }
        write_atomically(&path, contents)?;
        if contents.starts_with(b"#!") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    // A pin of an older version would be installed, and a program of one be built, too.
    for (parent, files) in known {
        for entry in std::fs::read_dir(&parent)?.flatten() {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && !files.contains(&entry.file_name()) {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacking_again_takes_away_what_is_of_an_older_version_and_leaves_what_was_installed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_files(folder.path()).expect("it can be written");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("field/ujson-bigint/old.requirements.txt"), "").expect("a file");
        std::fs::create_dir(at("field/installed")).expect("a folder");
        std::fs::write(at("field/installed/kept"), "").expect("a file");
        std::fs::write(at("field/install"), "changed").expect("a file");
        write_files(folder.path()).expect("it can be written");
        assert!(!at("field/ujson-bigint/old.requirements.txt").exists());
        assert!(at("field/installed/kept").exists());
        let install = std::fs::metadata(at("field/install")).expect("it is there");
        assert_eq!(install.permissions().mode() & 0o111, 0o111);
    }
}
