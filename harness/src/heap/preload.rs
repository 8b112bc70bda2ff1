//! A shared object on disk while a cell runs, and the variables that preload it.

use super::PYTHON_MALLOC;
use crate::system;
use leaklab_preload::SharedObject;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};

const PRELOAD: &str = "LD_PRELOAD";

/// The file of a preloaded object; removed when this is dropped.
#[derive(Debug)]
pub struct PreloadFile {
    path: PathBuf,
    /// The folder that was made for it, if the cell's own would not do.
    folder: Option<PathBuf>,
}

impl PreloadFile {
    /// Writes the object into the cell's folder, or into a private one if the dynamic linker
    /// could not load it from there: it splits names at spaces and colons, and executes nothing
    /// from a file system that forbids it.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn create(object: SharedObject, cell: &Path) -> std::io::Result<Self> {
        let cell = cell.canonicalize()?;
        if may_be_preloaded_from(&cell) {
            return PreloadFile::write(object, cell.join(object.name), None);
        }
        let folder = private_folder()?;
        let path = folder.join(object.name);
        if !may_be_preloaded_from(&folder) {
            let _ = std::fs::remove_dir(&folder);
            return Err(std::io::Error::other(format!(
                "nothing can be preloaded from `{}` nor from `{}`: their names hold a space or a \
                 colon, or their file system forbids execution; set TMPDIR to a folder without",
                cell.display(),
                folder.display()
            )));
        }
        PreloadFile::write(object, path, Some(folder))
    }

    fn write(
        object: SharedObject,
        path: PathBuf,
        folder: Option<PathBuf>,
    ) -> std::io::Result<Self> {
        let file = PreloadFile { path, folder };
        std::fs::File::create_new(&file.path)?.write_all(object.bytes)?;
        Ok(file)
    }

    /// Variables for the program, which had `environment` until now. What the user set stays.
    pub fn variables(
        &self,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Vec<(&'static str, OsString)> {
        let mut preloaded = OsString::from(&self.path);
        if let Some(others) = environment(PRELOAD).filter(|others| !others.is_empty()) {
            preloaded.push(":");
            preloaded.push(others);
        }
        let mut variables = vec![(PRELOAD, preloaded)];
        let (name, value) = PYTHON_MALLOC;
        if environment(name).is_none() {
            variables.push((name, OsString::from(value)));
        }
        variables
    }
}

impl Drop for PreloadFile {
    fn drop(&mut self) {
        // A file that is left behind is of no use to anybody and in nobody's way.
        let _ = std::fs::remove_file(&self.path);
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn may_be_preloaded_from(folder: &Path) -> bool {
    let splits = |name: &OsStr| {
        name.as_encoded_bytes()
            .iter()
            .any(|byte| *byte == b':' || byte.is_ascii_whitespace())
    };
    !splits(folder.as_os_str()) && system::allows_execution(folder)
}

/// A new folder that nobody else may enter.
fn private_folder() -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let temporary = std::env::temp_dir().canonicalize()?;
    let (pid, now) = (std::process::id(), system::monotonic_us());
    let folder = temporary.join(format!("leaklab-{pid}-{now}"));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: SharedObject = SharedObject {
        name: "object.so",
        bytes: b"content",
    };

    #[test]
    fn an_object_is_where_the_linker_finds_it_and_gone_afterwards() {
        let folder = tempfile::tempdir().expect("a folder");
        let spaced = folder.path().join("my runs");
        std::fs::create_dir(&spaced).expect("a folder");
        for cell in [folder.path(), &spaced] {
            let file = PreloadFile::create(OBJECT, cell).expect("a file");
            let path = file.path.clone();
            assert_eq!(std::fs::read(&path).expect("its content"), b"content");
            assert!(!path.to_string_lossy().contains(' '), "{path:?}");
            drop(file);
            assert!(!path.exists());
            assert!(
                std::fs::read_dir(cell)
                    .expect("a folder")
                    .all(|entry| { entry.expect("an entry").path() == spaced })
            );
        }
    }

    #[test]
    fn what_the_user_preloads_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = PreloadFile::create(OBJECT, folder.path()).expect("a file");
        let own = file.path.to_string_lossy().into_owned();
        let variables = file.variables(|_| None);
        assert_eq!(variables[0], (PRELOAD, OsString::from(&own)));
        assert_eq!(variables[1], ("PYTHONMALLOC", OsString::from("malloc")));
        let variables = file.variables(|_| Some(OsString::from("other")));
        assert_eq!(
            variables,
            [(PRELOAD, OsString::from(format!("{own}:other")))]
        );
    }
}
