//! `leaklab bisect`: the commit that a leak began with.

use crate::builds::{Repository, Tree};
use crate::commands::compare::{OutputFormat, comparison_text};
use crate::commands::print;
use crate::commands::run::DEFAULT_MAX_DURATION;
use crate::commands::sources::{TableArguments, series_of};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::plan::{CellSettings, CommandLine, RunSettings, command_cells, parse_command};
use crate::results::judged::JudgedCell;
use crate::run::record_run;
use crate::supervisor::signals;
use crate::time::duration_text;
use crate::words::say;
use anyhow::{Context, bail};
use leaklab_judge::plan::{Lengths, Plan};
use leaklab_reports::cell::{Standing, VerdictOptions};
use leaklab_reports::compare::compare_cells;
use leaklab_run::{Outcome, Run};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Find the commit that a leak began with: builds and runs commits between a good and a bad one.
///
/// Both ends are run first. A commit that is not decided is run again, and left out if it still is
/// not, or if it cannot be built or dies. At the end stands the certificate of the first bad commit
/// against its parent; where only commits are left that nothing decides, those that the first bad one
/// is among. Without --duration the bad end runs for a minute, and the others as long as
/// `leaklab plan` takes from what it shows; with --until-verdict and no --min-duration, that is
/// what each runs at least.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab bisect v1.3.0..HEAD --build 'cargo build --release' --until-verdict -- target/release/shop
  leaklab bisect HEAD~20..HEAD --duration 30s --budget 16B/op -- python3 server.py

Commits are checked out in a work tree of their own below OUT/builds; yours is not touched.

Exit codes: 0 found · 2 usage, or an end is not what it should be · 3 one of several commits ·
4 an end cannot be built or measured · 5 an end dies, or is never ready")]
pub struct Arguments {
    /// A commit without the leak, and a later one with it.
    #[arg(value_name = "GOOD..BAD")]
    range: String,
    /// The program and its arguments, in the work tree.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
    /// What builds a commit, run in its work tree.
    #[arg(long, value_name = "COMMAND", value_parser = parse_command)]
    build: Option<CommandLine>,
    /// Stop each run as soon as its verdict is certain.
    #[arg(long, conflicts_with = "duration")]
    until_verdict: bool,
    /// Longest load with --until-verdict [default: 8h].
    #[arg(long, value_parser = crate::commands::arguments::parse_positive, requires = "until_verdict")]
    max_duration: Option<Duration>,
    /// How often a commit is run until it is decided.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    tries: u64,
    /// What the program is called [default: its file's name].
    #[arg(long)]
    name: Option<String>,
    /// Folder for runs and builds.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
    /// Settings [default: leaklab.toml, if there is one].
    #[arg(long, value_name = "FILE", env = "LEAKLAB_CONFIG")]
    config: Option<PathBuf>,
    /// A profile of that file.
    #[arg(long, value_name = "NAME", env = "LEAKLAB_PROFILE")]
    profile: Option<String>,
    #[command(flatten)]
    cell: CellSettings,
}

/// Room that is left beyond the length that nine of ten runs need: a search asks many.
const SAFETY: f64 = 1.5;

/// Finds it.
///
/// # Errors
///
/// A usage error for a range that is none, or whose ends are not as they should be; what keeps an
/// end from being built.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let repository = Repository::here()?;
    let [good, bad] = repository.ends(&arguments.range)?;
    let tree = repository.tree(&arguments.out.join("builds"), &bad)?;
    signals::listen().context("cannot listen for signals")?;
    let mut search = Search {
        arguments,
        settings: arguments.settings(&tree)?,
        repository: &repository,
        tree: &tree,
        tried: BTreeMap::new(),
        unbuilt: BTreeSet::new(),
    };
    for (commit, wanted) in [(&bad, Word::Bad), (&good, Word::Good)] {
        let found = search.checked_out(commit)?;
        if let Some(exit) = search.wrong_end(commit, wanted, found)? {
            return Ok(exit);
        }
        if wanted == Word::Bad {
            search.plan_lengths(commit)?;
        }
    }
    match search.first_bad(&bad, &good)? {
        Found::First(first) => search.certificate(&first),
        Found::OneOf(left) => {
            search.tell_left(&left)?;
            Ok(signals::asked_by().map_or(Exit::Inconclusive, Exit::Signal))
        }
    }
}

/// What a search ends with.
enum Found {
    /// The first bad commit.
    First(String),
    /// Commits of which any may be the first bad one: nothing decides the others.
    OneOf(Vec<String>),
}

/// What is said of a commit, in git's words: exit codes 0, 1 and 125 of `git bisect run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Good,
    Bad,
    Skip(Standing),
}

impl Word {
    fn of(standing: Standing) -> Self {
        match standing {
            Standing::Good => Word::Good,
            Standing::Unexpected => Word::Bad,
            other => Word::Skip(other),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Word::Good => "good",
            Word::Bad => "bad",
            Word::Skip(_) => "skip",
        }
    }

    /// Whether another run may decide it.
    fn may_change(self) -> bool {
        matches!(self, Word::Skip(Standing::Undecided | Standing::Unjudged))
    }
}

impl Arguments {
    fn settings(&self, tree: &Tree) -> anyhow::Result<RunSettings> {
        let config = Config::read(self.config.as_deref())?;
        let profile = config.profile_or_default(self.profile.as_deref())?;
        let mut flags = self.cell.clone();
        if self.until_verdict {
            flags.duration = Some(self.max_duration.unwrap_or(DEFAULT_MAX_DURATION));
        }
        let folder = tree.working_folder();
        flags.cwd = Some(
            flags
                .cwd
                .map_or_else(|| folder.clone(), |own| folder.join(own)),
        );
        Ok(RunSettings {
            flags,
            profile: profile.cell,
            default_budget: config.default_budget,
            default_memory_limit: crate::host::default_memory_limit_bytes(1),
            repeat: 1,
            jobs: 1,
            seed: 1,
            name: self.name.clone(),
            ..RunSettings::default()
        })
    }
}

/// A search that goes on.
struct Search<'a> {
    arguments: &'a Arguments,
    settings: RunSettings,
    repository: &'a Repository,
    tree: &'a Tree,
    /// The commits that were run.
    tried: BTreeMap<String, Tested>,
    /// The commits whose build failed.
    unbuilt: BTreeSet<String>,
}

/// A commit that was run.
struct Tested {
    /// What came out.
    word: Word,
    /// Why, in words.
    why: String,
    /// Whether it came to its end.
    is_whole: bool,
    /// The run that decided it.
    folder: PathBuf,
}

impl Search<'_> {
    /// What a commit says; it is checked out first.
    fn checked_out(&mut self, commit: &str) -> anyhow::Result<Word> {
        if let Some(tested) = self.tried.get(commit) {
            return Ok(tested.word);
        }
        self.tree
            .git(["checkout", "--quiet", "--force", "--detach", commit])?;
        self.built(commit)?;
        self.tested(commit)
    }

    fn built(&self, commit: &str) -> anyhow::Result<()> {
        match &self.arguments.build {
            Some(build) => self.tree.build(build, &self.repository.line(commit)),
            None => Ok(()),
        }
    }

    /// What the commit that is checked out and built says.
    fn tested(&mut self, commit: &str) -> anyhow::Result<Word> {
        self.settings.labels = BTreeMap::from([("commit".to_owned(), commit.to_owned())]);
        let plan = |folder: &Path| command_cells(&self.settings, &self.arguments.command, folder);
        let mut tries = 0;
        loop {
            tries += 1;
            let runs = self.arguments.out.join("runs");
            let recorded = record_run(&runs, &self.settings, &plan, self.arguments.until_verdict)?;
            let run = recorded.open()?;
            let cell = run.cells.first().context("a run without a cell")?;
            let judged = JudgedCell::as_recorded(cell);
            let word = Word::of(judged.standing());
            let line = self.repository.line(commit);
            say!("{}: {line} ({})", word.text(), judged.said());
            if signals::asked_by().is_some() {
                bail!("stopped");
            }
            if !word.may_change() || tries >= self.arguments.tries {
                let why = match (cell.status.outcome, &judged.judgement) {
                    (Some(Outcome::Completed), Ok(judgement)) => &judgement.reason,
                    _ => &cell.status.message,
                };
                let tested = Tested {
                    word,
                    is_whole: judged.is_whole(),
                    why: why.clone(),
                    folder: run.folder.clone(),
                };
                self.tried.insert(commit.to_owned(), tested);
                return Ok(word);
            }
        }
    }

    /// Lets the other commits run as long as `leaklab plan` says of the leak that the bad end
    /// shows: the length of a run where none was given, else the least length of one that may end
    /// early.
    fn plan_lengths(&mut self, bad: &str) -> anyhow::Result<()> {
        let own = &self.settings;
        let is_given = match self.arguments.until_verdict {
            true => own
                .flags
                .min_duration
                .or(own.profile.min_duration)
                .is_some(),
            false => own.flags.duration.or(own.profile.duration).is_some(),
        };
        let Some(tested) = self.tried.get(bad).filter(|_| !is_given) else {
            return Ok(());
        };
        let name = tested.folder.display().to_string();
        let Some(lengths) = planned_lengths(&name)? else {
            return Ok(());
        };
        // No commit is let off before the leak would have shown; a whole run is long enough for
        // one without it, too.
        let (Some(leak), none) = (lengths.if_it_grows_s, lengths.if_it_does_not_s) else {
            return Ok(());
        };
        let seconds = match self.arguments.until_verdict {
            true => leak,
            false => leak.max(none.unwrap_or(leak)),
        };
        let length = Duration::from_secs_f64((seconds * SAFETY).ceil());
        say!(
            "each commit is run for {}{}, as `leaklab plan` takes it from the leak of the bad end",
            duration_text(length),
            if self.arguments.until_verdict {
                " at least"
            } else {
                ""
            }
        );
        match self.arguments.until_verdict {
            true => self.settings.flags.min_duration = Some(length),
            false => self.settings.flags.duration = Some(length),
        }
        Ok(())
    }

    /// What ends the search because an end of the range is not what it should be.
    fn wrong_end(&self, commit: &str, wanted: Word, found: Word) -> anyhow::Result<Option<Exit>> {
        let line = self.repository.line(commit);
        let end = wanted.text();
        match found {
            found if found == wanted => Ok(None),
            Word::Skip(standing) => {
                let tested = self.tried.get(commit);
                let why = tested.map_or("", |tested| &tested.why);
                let is_whole = tested.is_some_and(|tested| tested.is_whole);
                match standing {
                    Standing::Died => say!(
                        "the {end} end, {line}, does not live through its run: {why}\n(hint: this \
                         is a search for a leak; `git bisect run` finds the commit that a program \
                         dies since)"
                    ),
                    Standing::Broken => {
                        say!("the {end} end, {line}, could not be measured: {why}");
                    }
                    _ if !is_whole => {
                        say!("the {end} end, {line}, did not come to its end: {why}");
                    }
                    _ => say!(
                        "the {end} end, {line}, is not decided: {why}\n(hint: run longer \
                         (--duration), or give a budget that it can show)"
                    ),
                }
                Ok(Some(standing.into()))
            }
            Word::Bad => Err(usage(format!(
                "the good end leaks already: {line}\n(hint: the leak began earlier; name an older \
                 commit, or accept its growth with --budget)"
            ))),
            Word::Good => Err(usage(format!(
                "the bad end does not leak: {line}\n(hint: run longer, or under the load that shows \
                 the leak)"
            ))),
        }
    }

    /// The first bad commit, or those that it is one of.
    fn first_bad(&mut self, bad: &str, good: &str) -> anyhow::Result<Found> {
        let mut said = self.tree.bisect(&["start", bad, good])?;
        loop {
            if let Some(found) = found_in(&said) {
                return Ok(found);
            }
            let commit = self.tree.git(["rev-parse", "HEAD"])?;
            let word = match self.tried.get(&commit) {
                Some(tested) => tested.word,
                None => match self.built(&commit) {
                    Ok(()) => self.tested(&commit)?,
                    Err(error) => {
                        say!("skip: {error:#}");
                        self.unbuilt.insert(commit);
                        Word::Skip(Standing::Broken)
                    }
                },
            };
            self.tree.git(["reset", "--quiet", "--hard"])?;
            said = self.tree.bisect(&[word.text()])?;
        }
    }

    /// Tells the commits that the first bad one is among, and why the others were left out.
    fn tell_left(&self, left: &[String]) -> anyhow::Result<()> {
        print("the first bad commit is one of:\n")?;
        for commit in left {
            let why = match self.tried.get(commit) {
                _ if self.unbuilt.contains(commit) => "not built",
                Some(tested) if tested.word == Word::Bad => "bad",
                _ => "not decided",
            };
            print(&format!("  {} ({why})\n", self.repository.line(commit)))?;
        }
        say!(
            "nothing decides between them (hint: of what is not decided, --tries, a longer \
             --duration, or --until-verdict; of what is not built, another --build)"
        );
        Ok(())
    }

    /// Tells the first bad commit and what it brought against its parent.
    fn certificate(&mut self, first: &str) -> anyhow::Result<Exit> {
        let line = self.repository.line(first);
        print(&format!("first bad commit: {line}\n{first}\n\n"))?;
        let parent = self.repository.parent(first)?;
        if let Err(error) = self.checked_out(&parent) {
            say!("no certificate: the parent of {line} cannot be run: {error:#}");
            return Ok(Exit::Good);
        }
        let open = |commit: &str| -> anyhow::Result<Run> {
            let tested = self.tried.get(commit).context("it was not run")?;
            Ok(Run::open(&tested.folder)?)
        };
        let (before, after) = (open(&parent)?, open(first)?);
        let options = VerdictOptions::default();
        let sides = (before.cells.first()).zip(after.cells.first());
        let (old, new) = sides.context("a run without a cell")?;
        match compare_cells((&before, old), (&after, new), &options) {
            Ok(comparison) => print(&comparison_text(&comparison, OutputFormat::Text)?)?,
            Err(error) => say!("no certificate: {error}"),
        }
        for run in [&before, &after] {
            print(&format!("run     {}\n", run.folder.display()))?;
        }
        Ok(Exit::Good)
    }
}

/// How long runs like the one of that name must be for a verdict; `None` where too little was seen
/// of its noise.
fn planned_lengths(run: &str) -> anyhow::Result<Option<Lengths>> {
    let all = series_of(run, &TableArguments::default(), &VerdictOptions::default())?;
    let Some(memory) = all.first() else {
        return Ok(None);
    };
    let plan = Plan::of(&memory.series()?, &memory.options());
    Ok(plan.ok().flatten().and_then(|plan| plan.lengths()))
}

/// What git says of the end of a search: the first bad commit, or, where only skipped ones are left,
/// a line for each that may be it.
fn found_in(said: &str) -> Option<Found> {
    let mut lines = said.lines();
    if let Some(line) = lines
        .clone()
        .find(|line| line.ends_with(" is the first bad commit"))
    {
        return line
            .split(' ')
            .next()
            .map(|first| Found::First(first.to_owned()));
    }
    lines.find(|line| line.contains("first bad commit could be any of"))?;
    let is_name = |line: &&str| line.len() >= 40 && line.bytes().all(|b| b.is_ascii_hexdigit());
    let left: Vec<String> = lines.take_while(is_name).map(str::to_owned).collect();
    (!left.is_empty()).then_some(Found::OneOf(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_search_is_read_in_gits_words() {
        // git 2.39.5, of a search whose middle was skipped.
        let (one, two) = ("a".repeat(40), "b".repeat(40));
        let said = format!(
            "There are only 'skip'ped commits left to test.\nThe first bad commit could be any of:\n\
             {one}\n{two}\nWe cannot bisect more!\n"
        );
        let Some(Found::OneOf(left)) = found_in(&said) else {
            panic!("nothing is found")
        };
        assert_eq!(left, [one.clone(), two]);
        let first = found_in(&format!("{one} is the first bad commit\ncommit {one}\n"));
        assert!(matches!(first, Some(Found::First(found)) if found == one));
        assert!(found_in("Bisecting: 3 revisions left to test after this").is_none());
    }
}
