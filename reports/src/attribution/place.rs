//! Places in programs: functions with the files and lines of their source.

use serde::{Deserialize, Serialize};

/// One function of a frame, the inlined ones first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Its name, or the address in its file where there is none.
    pub function: String,
    /// Its source file, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The program or library it is in.
    pub module: String,
    /// Whether its name is known.
    pub named: bool,
}

impl Place {
    /// `FOLDER/FILE:LINE`, or the module.
    pub fn location(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{}:{line}", short_path(file)),
            (Some(file), None) => short_path(file),
            (None, _) => short_path(&self.module),
        }
    }
}

/// The last two parts of a path.
pub(super) fn short_path(path: &str) -> String {
    let parts: Vec<&str> = path.rsplitn(3, '/').collect();
    match parts.as_slice() {
        [file, folder, _] => format!("{folder}/{file}"),
        _ => path.to_owned(),
    }
}
