//! Lists the files of the reported leaks, so that they are in every binary.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Folders beside this file whose contents are embedded.
const FOLDERS: [&str; 2] = ["field", "originals"];

/// What appears in them when a case is installed in place.
const MADE: [&str; 2] = ["installed", "__pycache__"];

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&here.join(folder), folder, &mut files);
    }
    files.sort();
    // Not the two folders: what is installed in them would be looked through at every build.
    println!("cargo::rerun-if-changed=build.rs");
    for (_, path) in &files {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let mut text = String::from("&[\n");
    for (name, path) in files {
        let _ = writeln!(text, "    ({name:?}, include_bytes!({path:?})),");
    }
    text.push_str("]\n");
    std::fs::write(out.join("reported.rs"), text).expect("the output folder can be written");
}

/// The files below `folder`, by their names with `/`.
fn collect(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) {
    let entries = std::fs::read_dir(folder).expect("the folder is in the crate");
    for entry in entries {
        let entry = entry.expect("the folder can be read");
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        let (name, path) = (format!("{name}/{file}"), entry.path());
        match path.is_dir() {
            true if MADE.contains(&file.as_str()) => {}
            true => collect(&path, &name, files),
            false => files.push((name, path)),
        }
    }
}
