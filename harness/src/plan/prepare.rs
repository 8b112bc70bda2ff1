//! What scenarios of files need before they can run: programs that must be there, builds.

use super::{Selected, find_program};
use crate::config::OwnScenario;
use crate::exit::usage;
use crate::text::shell_words;
use crate::words::say;
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Exit status of a build that says: not to be had on this machine, the last line says why.
const NOT_TO_BE_HAD: i32 = 69;

/// What tells a build not to ask a registry.
const OFFLINE_VARIABLE: &str = "LEAKLAB_OFFLINE";

/// Lines of a failed build that are shown.
const SHOWN_LINES: usize = 12;

/// What was found out while preparing.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// What the version command of each scenario said, by the scenario's name.
    pub versions: BTreeMap<String, String>,
}

/// Checks requirements and builds, each scenario once.
///
/// A scenario whose requirements are not met is left out with a line on stderr if it was
/// selected with others by a pattern, and an error if it was `named`. With `offline`, builds are
/// told not to ask a registry.
///
/// # Errors
///
/// A usage error for a named scenario that cannot run here, or if none is left; otherwise that
/// a build failed, with its last lines.
pub fn prepare(
    selected: &mut Vec<Selected<'_>>,
    named: bool,
    offline: bool,
) -> anyhow::Result<Prepared> {
    let mut prepared = Prepared::default();
    let mut missing: BTreeMap<String, String> = BTreeMap::new();
    for scenario in own_scenarios(selected) {
        if let Some(message) = not_to_be_had(scenario, offline)? {
            if named {
                return Err(usage(format!(
                    "{message}\n(hint: install it, or leave the scenario out)"
                )));
            }
            say!("left out: {message}");
            missing.insert(scenario.name.clone(), message);
            continue;
        }
        if let Some(version) = version(scenario) {
            prepared.versions.insert(scenario.name.clone(), version);
        }
    }
    selected.retain(|one| !missing.contains_key(one.scenario()));
    match (selected.is_empty(), missing.into_values().next()) {
        (true, Some(message)) => Err(usage(format!("nothing is left to run: {message}"))),
        _ => Ok(prepared),
    }
}

/// Builds a scenario, unless what it needs is not here: then why.
fn not_to_be_had(scenario: &OwnScenario, offline: bool) -> anyhow::Result<Option<String>> {
    if let Some(requirement) = unmet(scenario) {
        return Ok(Some(format!(
            "`{}` needs `{requirement}`, which is not here",
            scenario.name
        )));
    }
    for command in &scenario.build {
        if let Some(why) = build(scenario, command, offline)? {
            return Ok(Some(format!("`{}`: {why}", scenario.name)));
        }
    }
    Ok(None)
}

fn own_scenarios<'a>(selected: &[Selected<'a>]) -> Vec<&'a OwnScenario> {
    let mut scenarios: Vec<&OwnScenario> = Vec::new();
    for one in selected {
        if let Selected::Own(scenario, _) = one
            && !scenarios.iter().any(|known| known.name == scenario.name)
        {
            scenarios.push(scenario);
        }
    }
    scenarios
}

/// The first requirement that is not met: a program, or a command that must succeed.
fn unmet(scenario: &OwnScenario) -> Option<&str> {
    let is_met = |requirement: &&String| {
        let words = shell_words(requirement).unwrap_or_default();
        let Some((program, arguments)) = words.split_first() else {
            return true;
        };
        if find_program(OsStr::new(program), Some(&scenario.folder)).is_err() {
            return false;
        }
        arguments.is_empty()
            || command_in(scenario, &words)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
    };
    let unmet = scenario.requires.iter().find(|one| !is_met(one));
    unmet.map(String::as_str)
}

fn command_in(scenario: &OwnScenario, words: &[String]) -> Command {
    let program = find_program(OsStr::new(&words[0]), Some(&scenario.folder));
    let absolute = program.map(|path| std::path::absolute(&path).unwrap_or(path));
    let mut command = Command::new(absolute.unwrap_or_else(|_| words[0].clone().into()));
    command
        .args(&words[1..])
        .current_dir(&scenario.folder)
        .stdin(Stdio::null());
    command
}

/// Runs a command of a build; `Some` is why it cannot be had on this machine.
fn build(
    scenario: &OwnScenario,
    words: &[String],
    offline: bool,
) -> anyhow::Result<Option<String>> {
    let line = words.join(" ");
    say!("building `{}`: {line}", scenario.name);
    find_program(OsStr::new(&words[0]), Some(&scenario.folder)).map_err(usage)?;
    let mut command = command_in(scenario, words);
    if offline {
        command.env(OFFLINE_VARIABLE, "1");
    }
    let output = command
        .output()
        .with_context(|| format!("`{}`: cannot start `{line}`", scenario.name))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if output.status.code() == Some(NOT_TO_BE_HAD) {
        return Ok(Some(lines.last().copied().unwrap_or(&line).to_owned()));
    }
    let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  ");
    bail!(
        "the build of `{}` failed ({}): {line}\n  {shown}",
        scenario.name,
        output.status
    );
}

/// The first line that the version command prints, on either stream.
fn version(scenario: &OwnScenario) -> Option<String> {
    if scenario.version.is_empty() {
        return None;
    }
    let output = command_in(scenario, &scenario.version).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let line = said.lines().find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(200).collect())
}
