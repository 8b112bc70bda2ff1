//! Builds of commits: a work tree of its own for each, beside the user's, gone when it is dropped.

use crate::exit::usage;
use crate::plan::CommandLine;
use crate::words::say;
use anyhow::{Context, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Lines of a failed build that are shown; all are in its log.
const SHOWN_LINES: usize = 15;

/// Variables that would make git or cargo work elsewhere than in the tree: a target folder that
/// two builds share leaves both with the bytes of the last.
const ELSEWHERE: [&str; 5] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "CARGO_TARGET_DIR",
];

/// The repository that the working directory lies in.
#[derive(Debug, Clone)]
pub struct Repository {
    top: PathBuf,
    /// The working directory below its top.
    prefix: PathBuf,
}

impl Repository {
    /// Finds it.
    ///
    /// # Errors
    ///
    /// A usage error outside of one.
    pub fn here() -> anyhow::Result<Self> {
        let top = git(Path::new("."), ["rev-parse", "--show-toplevel"]);
        let top = top.map_err(|error| usage(format!("{error:#}")))?;
        let prefix = git(Path::new("."), ["rev-parse", "--show-prefix"])?;
        Ok(Repository {
            top: top.into(),
            prefix: prefix.into(),
        })
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    ///
    /// A usage error if it names none.
    pub fn commit(&self, revision: &str) -> anyhow::Result<String> {
        let wanted = format!("{revision}^{{commit}}");
        git(&self.top, ["rev-parse", "--verify", "--quiet", &wanted]).map_err(|_| {
            usage(format!(
                "`{revision}` is no commit of `{}`",
                self.top.display()
            ))
        })
    }

    /// The two ends of `OLD..NEW`.
    ///
    /// # Errors
    ///
    /// A usage error if it is no range, or one of them names no commit.
    pub fn ends(&self, range: &str) -> anyhow::Result<[String; 2]> {
        let ends = range
            .split_once("..")
            .filter(|(old, new)| !old.is_empty() && !new.starts_with('.') && !old.ends_with('.'));
        let Some((old, new)) = ends else {
            return Err(usage(format!("`{range}` is no range: write OLD..NEW")));
        };
        let new = if new.is_empty() { "HEAD" } else { new };
        let ends = [self.commit(old)?, self.commit(new)?];
        match ends[0] == ends[1] {
            false => Ok(ends),
            true => Err(usage(format!(
                "both ends of `{range}` are the same commit, {}: there is nothing between them",
                self.line(&ends[0])
            ))),
        }
    }

    /// The commit in a line: its short name and subject.
    pub fn line(&self, commit: &str) -> String {
        let line = git(&self.top, ["log", "-1", "--format=%h %s", commit]);
        line.unwrap_or_else(|_| commit.to_owned())
    }

    /// The first parent of a commit.
    ///
    /// # Errors
    ///
    /// What git says.
    pub fn parent(&self, commit: &str) -> anyhow::Result<String> {
        git(&self.top, ["rev-parse", "--verify", &format!("{commit}^1")])
    }

    /// A work tree of its own at that commit, below `folder`.
    ///
    /// # Errors
    ///
    /// What git says.
    pub fn tree(&self, folder: &Path, commit: &str) -> anyhow::Result<Tree> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))?;
        let name = format!("{}-{}", &commit[..commit.len().min(12)], std::process::id());
        let folder = std::path::absolute(folder)?.join(name);
        let words: [&OsStr; 6] = [
            "worktree".as_ref(),
            "add".as_ref(),
            "--detach".as_ref(),
            "--force".as_ref(),
            folder.as_os_str(),
            commit.as_ref(),
        ];
        git(&self.top, words)?;
        Ok(Tree {
            repository: self.clone(),
            folder,
        })
    }
}

/// A work tree; removed with what was built in it when it is dropped.
#[derive(Debug)]
pub struct Tree {
    repository: Repository,
    folder: PathBuf,
}

impl Tree {
    /// Its top.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder in it that stands for the user's working directory.
    pub fn working_folder(&self) -> PathBuf {
        self.folder.join(&self.repository.prefix)
    }

    /// A git command in the tree; what it printed.
    ///
    /// # Errors
    ///
    /// What git says.
    pub fn git<S: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<String> {
        git(&self.folder, words)
    }

    /// A step of `git bisect`, and what git says of it; where only skipped commits are left it fails,
    /// and says which.
    ///
    /// # Errors
    ///
    /// What git says, of any other failure.
    pub fn bisect(&self, words: &[&str]) -> anyhow::Result<String> {
        /// What `git bisect` ends with when only skipped commits are left.
        const ONLY_SKIPPED: i32 = 2;
        let words: Vec<&str> = std::iter::once("bisect")
            .chain(words.iter().copied())
            .collect();
        let output = git_output(&self.folder, &words)?;
        match output.status.code() {
            Some(0 | ONLY_SKIPPED) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            _ => bail!(failure(&output, &words)),
        }
    }

    /// Builds what is checked out.
    ///
    /// # Errors
    ///
    /// That the build failed, with its last lines.
    pub fn build(&self, command: &CommandLine, what: &str) -> anyhow::Result<()> {
        let line = command.0.join(" ");
        say!("building {what}: {line}");
        let output = quiet(&command.0[0], &self.working_folder())
            .args(&command.0[1..])
            .output()
            .with_context(|| format!("cannot start the build `{line}`"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let lines: Vec<&str> = said.lines().filter(|one| !one.trim().is_empty()).collect();
        let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  ");
        bail!(
            "the build of {what} failed ({}): {line}\n  {shown}",
            output.status
        )
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let words: [&OsStr; 4] = [
            "worktree".as_ref(),
            "remove".as_ref(),
            "--force".as_ref(),
            self.folder.as_os_str(),
        ];
        if let Err(error) = git(&self.repository.top, words) {
            say!("warning: a work tree was left behind: {error:#}");
        }
    }
}

fn quiet(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Git's answers in the words that are read here.
const PLAIN: (&str, &str) = ("LC_ALL", "C");

fn git<S: AsRef<OsStr>>(
    folder: &Path,
    words: impl IntoIterator<Item = S>,
) -> anyhow::Result<String> {
    let words: Vec<OsString> = words.into_iter().map(|w| w.as_ref().to_owned()).collect();
    let output = git_output(folder, &words)?;
    if !output.status.success() {
        bail!(failure(&output, &words));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

fn git_output<S: AsRef<OsStr>>(folder: &Path, words: &[S]) -> anyhow::Result<Output> {
    let mut git = quiet("git", folder);
    git.args(words).env(PLAIN.0, PLAIN.1);
    git.output().context("cannot start git")
}

/// That a command of git failed, with what it said, wherever it said that.
fn failure<S: AsRef<OsStr>>(output: &Output, words: &[S]) -> String {
    let shown: Vec<_> = words
        .iter()
        .map(|word| word.as_ref().to_string_lossy())
        .collect();
    let said = [&output.stderr[..], &output.stdout[..]].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    format!(
        "`git {}` failed ({}): {said}",
        shown.join(" "),
        output.status
    )
}
