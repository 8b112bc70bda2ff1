//! `leaklab field`: reported leaks on their real runtimes.
//!
//! - `outcome`: what a case must get, held against what it got.
//! - `new`: the files of a case that is to be written.
//! - `review`: what a reviewer looks for in the files of a case.

mod new;
mod outcome;
mod review;

use crate::commands::arguments::Format;
use crate::commands::{plain_table, print, run};
use crate::config::{Config, OwnScenario};
use crate::exit::{Exit, usage};
use crate::reported;
use crate::results::judged::JudgedCell;
use crate::text::{bytes_text, nearest};
use crate::words::say;
use clap::Parser;
use leaklab_scenarios::Role;
use std::path::PathBuf;

/// Published leaks, reproduced: each package in the version that leaks and the one that does not.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
  leaklab field                            which there are
  leaklab field ujson-bigint               installs both versions, runs them, holds them against
                                           what the report says
  leaklab field co-recursion --times 3     one of the five originals, three times
  leaklab field new my-leak --pypi ujson --buggy 5.11.0 --fixed 5.12.0
  leaklab field check my-leak              what a reviewer would look at, and three runs

Packages come from the registries, pinned by hash, into the user's cache; a case whose runtime is
missing is left out with its reason. `leaklab run field/NAME` takes the flags of any run."
)]
pub struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Cases; without any, all are listed.
    names: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// How cases are run.
#[derive(Debug, Clone, clap::Args)]
struct How {
    /// How often each variant is run, the variants in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    times: u64,
    /// Install nothing: a case whose packages are not there yet is left out.
    #[arg(long)]
    offline: bool,
    /// What is printed: a table, or a JSON object per variant.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Folder for runs.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    New(new::Arguments),
    /// Look at the files of a case as a reviewer would, and run it three times.
    Check {
        /// The case.
        name: String,
        #[command(flatten)]
        how: How,
    },
}

/// The command line of a run, from which the flags' defaults and variables come.
#[derive(Debug, Parser)]
#[command(name = "leaklab run")]
struct RunLine {
    #[command(flatten)]
    arguments: run::Arguments,
}

/// Lists, runs, checks or begins cases.
///
/// # Errors
///
/// A usage error for a case that does not exist or cannot be had here; otherwise what kept it
/// from being installed or run.
pub fn execute(arguments: Arguments) -> anyhow::Result<Exit> {
    match arguments.action {
        Some(Action::New(new)) => new::execute(&new),
        Some(Action::Check { name, mut how }) => {
            how.times = how.times.max(REVIEWED_TIMES);
            check(&name, &how)
        }
        None if arguments.names.is_empty() => list(arguments.how.format),
        None => run_cases(&arguments.names, &arguments.how),
    }
}

/// How often a reviewer runs a case: three of three must be right.
const REVIEWED_TIMES: u64 = 3;

/// Cases of the working directory, then those of the binary.
fn cases() -> anyhow::Result<Vec<OwnScenario>> {
    let every: Vec<String> = reported::PREFIXES.map(str::to_owned).to_vec();
    let mut cases = Config::read(None)?.with_reported_for(&every)?.scenarios;
    cases.retain(|case| reported::is_meant_by(&case.name));
    Ok(cases)
}

/// The case that is meant by `name`, with or without its prefix.
fn find<'a>(name: &str, cases: &'a [OwnScenario]) -> anyhow::Result<&'a OwnScenario> {
    let short = |case: &'a OwnScenario| case.name.split('/').next_back().unwrap_or_default();
    let found = cases
        .iter()
        .find(|case| case.name == name || short(case) == name);
    found.ok_or_else(|| {
        let hint = match nearest(name, cases.iter().map(short)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`leaklab field` lists them".to_owned(),
        };
        usage(format!("there is no case `{name}`\n(hint: {hint})"))
    })
}

fn list(format: Format) -> anyhow::Result<Exit> {
    let cases = cases()?;
    if format == Format::Json {
        for case in &cases {
            print(&format!("{}\n", described(case)))?;
        }
        return Ok(Exit::Good);
    }
    let mut table = plain_table(&[
        "case",
        "package",
        "leaks in",
        "not in",
        "per operation",
        "what",
    ]);
    for case in &cases {
        let Some(published) = &case.published else {
            continue;
        };
        table.add_row([
            &case.name,
            &published.package,
            &published.buggy,
            &published.fixed,
            &declared(case).map_or("-".to_owned(), bytes_text),
            &case.summary,
        ]);
    }
    print(&format!(
        "{table}\n\n{} cases. `leaklab field NAME` installs and runs one, `leaklab list field/NAME` explains it.\n",
        cases.len()
    ))?;
    Ok(Exit::Good)
}

/// Bytes that an operation of the first buggy variant keeps.
fn declared(case: &OwnScenario) -> Option<f64> {
    let buggy = case.variants.iter().find(|one| one.role == Role::Buggy)?;
    let values = case.parameters.iter();
    let values = values.filter_map(|(name, value)| Some((name.as_str(), value.number()?)));
    let values: std::collections::BTreeMap<&str, f64> = values.collect();
    let formula = buggy.bytes_per_operation.as_ref()?;
    formula.value(&|name| values.get(name).copied())
}

fn described(case: &OwnScenario) -> serde_json::Value {
    let published = case.published.clone().unwrap_or_default();
    serde_json::json!({
        "case": case.name,
        "package": published.package,
        "ecosystem": published.ecosystem,
        "buggy": published.buggy,
        "fixed": published.fixed,
        "advisory": published.advisory,
        "source": case.source,
        "summary": case.summary,
        "operation": case.operation,
        "affected": published.affected,
        "found_by": published.found_by,
    })
}

fn check(name: &str, how: &How) -> anyhow::Result<Exit> {
    let cases = cases()?;
    let case = find(name, &cases)?;
    let faults = review::faults(case);
    for fault in &faults {
        say!("{}: {fault}", case.name);
    }
    let ran = run_cases(std::slice::from_ref(&case.name), how)?;
    Ok(match faults.is_empty() {
        true => ran,
        false => ran.or_graver(Exit::Bad),
    })
}

fn run_cases(names: &[String], how: &How) -> anyhow::Result<Exit> {
    let cases = cases()?;
    let meant: Vec<&OwnScenario> = names
        .iter()
        .map(|name| find(name, &cases))
        .collect::<anyhow::Result<_>>()?;
    let mut exit = Exit::Good;
    for case in meant {
        exit = exit.or_graver(run_case(case, how)?);
    }
    Ok(exit)
}

fn run_case(case: &OwnScenario, how: &How) -> anyhow::Result<Exit> {
    let times = how.times.to_string();
    let line = ["leaklab run", &case.name, "--repeat", &times];
    let mut words: Vec<std::ffi::OsString> = line.map(Into::into).to_vec();
    words.extend(["--out".into(), how.out.clone().into_os_string()]);
    if how.offline {
        words.push("--offline".into());
    }
    let line = RunLine::try_parse_from(words).map_err(|error| usage(error.to_string()))?;
    let recorded = run::record(&line.arguments)?;
    let run = recorded.open()?;
    let judged: Vec<JudgedCell<'_>> = run.cells.iter().map(JudgedCell::as_recorded).collect();
    let (text, is_as_declared) = match how.format {
        Format::Human => outcome::table(case, &judged),
        Format::Json => outcome::json_lines(case, &judged),
    };
    print(&text)?;
    let (paths, drawing) = run::drawn(&run, &recorded.folder);
    if how.format == Format::Human {
        for (what, path) in paths {
            print(&format!("{what:8}{}\n", path.display()))?;
        }
    }
    let by_cells = judged
        .iter()
        .fold(drawing, |exit, cell| exit.or_graver(cell.exit()));
    Ok(match is_as_declared {
        true => by_cells,
        false => by_cells.or_graver(Exit::Bad),
    })
}
