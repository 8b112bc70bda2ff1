//! What a reviewer looks for in the files of a case, before it is run.

use crate::config::OwnScenario;
use leaklab_scenarios::{Expected, Role};
use std::path::{Path, PathBuf};

/// Most lines of a program: more hide what provokes the leak.
const MOST_LINES: usize = 60;

/// Names of programs.
const PROGRAMS: [&str; 8] = [
    "program.py",
    "program.js",
    "program.clj",
    "main.rs",
    "main.go",
    "Main.java",
    "Main.kt",
    "program.sh",
];

/// What is wrong or missing, in words.
pub fn faults(case: &OwnScenario) -> Vec<String> {
    let mut faults = declared(case);
    let short = case.name.split('/').next_back().unwrap_or_default();
    let folder = case.folder.join(short);
    let programs = PROGRAMS.map(|name| folder.join(name));
    match programs.iter().find(|path| path.is_file()) {
        None => faults.push(format!("`{}` has no program", folder.display())),
        Some(program) => faults.extend(program_faults(program)),
    }
    let pins: Vec<PathBuf> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    faults.extend(pins.iter().filter_map(|path| pin_fault(path)));
    faults
}

/// What the scenario file must say.
fn declared(case: &OwnScenario) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    must(case.published.is_some(), "has no `[scenario.published]`");
    must(
        case.source.starts_with("https://"),
        "`source` is no https address",
    );
    must(
        !case.operation.is_empty(),
        "does not say what an `operation` is",
    );
    for (key, text) in texts(case) {
        must(
            !text.contains(LEFT_OPEN),
            &format!("`{key}` is not filled in"),
        );
    }
    must(case.settings.budget.is_some(), "has no `budget`");
    for role in [Role::Buggy, Role::Fixed] {
        let has = case.variants.iter().any(|one| one.role == role);
        must(has, &format!("no variant is {}", role.name()));
    }
    for variant in &case.variants {
        let formula = variant
            .bytes_per_operation
            .as_ref()
            .map(ToString::to_string);
        let is_guess = variant.expected == Some(Expected::Leak)
            && formula.as_deref().is_none_or(|text| text.trim() == "0");
        must(
            !is_guess,
            &format!("`{}` leaks, and no bytes are declared", variant.name),
        );
    }
    faults
}

/// What stands in a new case for what is to be written.
const LEFT_OPEN: char = '…';

/// What a case says in words, by its key.
fn texts(case: &OwnScenario) -> Vec<(&'static str, &str)> {
    let mut texts = vec![
        ("source", case.source.as_str()),
        ("summary", &case.summary),
        ("operation", &case.operation),
    ];
    if let Some(published) = &case.published {
        texts.push(("affected", &published.affected));
        texts.push(("found-by", &published.found_by));
    }
    texts
}

fn program_faults(program: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(program).unwrap_or_default();
    let mut faults = Vec::new();
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    // The originals show several remedies in one program.
    if lines > MOST_LINES && !program.to_string_lossy().contains("originals") {
        faults.push(format!(
            "`{name}` has {lines} lines: {MOST_LINES} are enough"
        ));
    }
    if text.contains("What keeps what, in one line.") {
        faults.push(format!(
            "`{name}` does not say in its first line what keeps what"
        ));
    }
    if text.contains("0.0.0.0") {
        faults.push(format!("`{name}` listens beyond loopback"));
    }
    faults
}

/// A pin without hashes.
fn pin_fault(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let text = std::fs::read_to_string(path).ok()?;
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let lacks = if name.ends_with(".requirements.txt") {
        lines.any(|line| !line.trim().is_empty() && !line.contains("--hash=sha256:"))
    } else if name.ends_with(".package-lock.json") {
        text.matches("\"version\":").count() > text.matches("\"integrity\":").count()
    } else if name.ends_with(".Cargo.lock") {
        text.matches("source = ").count() > text.matches("checksum = ").count()
    } else if name.ends_with(".pom.xml") {
        !path
            .with_file_name(name.replace(".pom.xml", ".sha256"))
            .is_file()
    } else if name.ends_with(".go.mod") {
        let needs = text.contains("require");
        needs
            && !path
                .with_file_name(name.replace(".go.mod", ".go.sum"))
                .is_file()
    } else {
        false
    };
    lacks.then(|| format!("`{name}` pins something without a hash"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_cases_that_are_there_have_nothing_to_find() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        for case in Config::reported(&folder).expect("valid files").scenarios {
            assert_eq!(faults(&case), Vec::<String>::new(), "{}", case.name);
        }
    }

    #[test]
    fn a_pin_without_a_hash_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("buggy.requirements.txt");
        std::fs::write(&path, "# python 3.11\nujson==5.11.0\n").expect("a file");
        assert!(pin_fault(&path).is_some());
        std::fs::write(&path, "# python 3.11\nujson==5.11.0 --hash=sha256:00\n").expect("a file");
        assert_eq!(pin_fault(&path), None);
    }
}
