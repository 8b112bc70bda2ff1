//! Where a program is, and whether it can be started: asked before anything is created.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The file of a program: at its path (relative to `folder`, if it is given), or by its name in
/// a folder of `PATH`.
///
/// # Errors
///
/// Why it cannot be started, and the way out.
pub fn find_program(program: &OsStr, folder: Option<&Path>) -> Result<PathBuf, String> {
    let name = Path::new(program);
    if program.as_encoded_bytes().contains(&b'/') {
        let path = match folder {
            Some(folder) => folder.join(name),
            None => name.to_owned(),
        };
        return check(&path, name).map(|()| path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    if let Some(found) = candidates.into_iter().find(|file| may_be_executed(file)) {
        return Ok(found);
    }
    let here = folder.unwrap_or(Path::new("")).join(name);
    let hint = match here.is_file() {
        true => format!("a program in this folder is written ./{}", name.display()),
        false => format!(
            "no folder of PATH has it; a program in this folder is written ./{}",
            name.display()
        ),
    };
    Err(format!(
        "`{}` could not be started: there is no such program\n(hint: {hint})",
        name.display()
    ))
}

fn check(path: &Path, name: &Path) -> Result<(), String> {
    let (what, hint) = if path.is_dir() {
        ("it is a folder", "name the program in it".to_owned())
    } else if !path.is_file() {
        let hint = match path.parent().is_some_and(Path::is_dir) {
            true => "check the spelling, or build it first".to_owned(),
            false => "its folder does not exist either".to_owned(),
        };
        ("there is no such file", hint)
    } else if !may_be_executed(path) {
        (
            "it is not executable",
            format!(
                "chmod +x {0}, or name its interpreter: leaklab run -- python3 {0}",
                name.display()
            ),
        )
    } else {
        return Ok(());
    };
    Err(format!(
        "`{}` could not be started: {what}\n(hint: {hint})",
        name.display()
    ))
}

fn may_be_executed(file: &Path) -> bool {
    std::fs::metadata(file)
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_started_says_why() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("leak.c"), "int main;").expect("a file");
        let error = |name: &str| {
            find_program(OsStr::new(name), Some(folder.path())).expect_err("cannot be started")
        };
        assert!(error("./leak.c").contains("not executable"));
        assert!(error("./nosuch").contains("there is no such file"));
        assert!(!error("./nosuch").contains("././"));
        assert!(error("leak.c").contains("is written ./leak.c"));
        assert!(error("../").contains("folder"));
        assert!(find_program(OsStr::new("sh"), None).is_ok());
    }
}
