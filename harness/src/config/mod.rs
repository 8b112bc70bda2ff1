//! `leaklab.toml` and `*.scenario.toml`: profiles, budgets, settings, scenarios of one's own.
//!
//! ```toml
//! include = ["soak/*.scenario.toml"]   # further files; those beside this one are read anyway
//!
//! [budget]
//! default = "0.5%/h"          # for everything that has none of its own
//! throughput = "5%"           # how much worse it may become: p50, p99, cpu, peak, settled,
//!                             # descriptors, threads, start-up
//!
//! [[scenario]]                # as flags, for one scenario of the catalogue
//! name = "alts-timeout"
//! budget = "64B/op"
//! set = { payload = "64KiB" }
//!
//! [[scenario]]                # with variants it defines one
//! name = "session-table"
//! [[scenario.variant]]
//! name = "kept"
//! command = ["./server"]
//!
//! [[rule]]                    # evidence, taken when a figure says so; see `rules`
//! when = "heap_used / heap_limit > 0.5"
//! for = "30s"
//! do = ["snapshot:classes"]
//!
//! [profile.nightly]           # as flags, with --profile nightly
//! duration = "8h"
//! interval = "1s"
//! ```
//!
//! A flag wins over its variable, that over the scenario's entry, that over the profile.

pub mod keys;
mod own;

pub use own::{OwnScenario, OwnVariant, Value};

use crate::commands::arguments::parse_count;
use crate::exit::usage;
use crate::plan::CellSettings;
use crate::reported;
use crate::rules::RuleText;
use crate::text::Glob;
use keys::{Keys, Problem};
use leaklab_judge::Budget;
use leaklab_reports::compare::{Figure, HarmBudgets, parse_accepted};
use leaklab_scenarios::catalogue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the file that is read when none is named.
pub const FILE_NAME: &str = "leaklab.toml";

/// How names of files that hold scenarios end.
pub const SCENARIO_SUFFIX: &str = ".scenario.toml";

/// What the files say.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Budget of what has none of its own; scenarios of the catalogue have one.
    pub default_budget: Option<Budget>,
    /// How much worse each figure may become: against the other side, or over nights.
    pub harm: HarmBudgets,
    /// Settings of scenarios of the catalogue.
    pub tuned: Vec<(String, CellSettings)>,
    /// Scenarios that the files define, in the order of files and entries.
    pub scenarios: Vec<OwnScenario>,
    /// Settings by the name of a profile.
    pub profiles: BTreeMap<String, Profile>,
    /// What is done when a figure says that something is wrong.
    pub rules: Vec<RuleText>,
}

/// `[profile.NAME]`.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// What holds for each cell.
    pub cell: CellSettings,
    /// `--repeat`.
    pub repeat: Option<u64>,
    /// `--jobs`.
    pub jobs: Option<u64>,
    /// `--seed`.
    pub seed: Option<u64>,
}

impl Config {
    /// Reads `path`, or [`FILE_NAME`] in the working directory if there is one, what it
    /// includes, and the scenario files beside it.
    ///
    /// # Errors
    ///
    /// A usage error if the file is missing, is not TOML, has a key that is not known (the
    /// nearest is named) or a value that cannot be read.
    pub fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let named = path.unwrap_or(FILE_NAME.as_ref());
        let mut config = Config::default();
        let mut files = Vec::new();
        let read = match path {
            Some(named) => std::fs::read_to_string(named),
            None => text_of(named),
        };
        match read {
            Ok(text) => {
                files = config
                    .add(&text, named)
                    .map_err(|error| usage(format!("`{}`: {error}", named.display())))?;
            }
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(usage(format!("cannot read `{}`: {error}", named.display())));
            }
        }
        files.extend(scenario_files(folder_of(named)));
        files.sort();
        files.dedup();
        for file in files.iter().filter(|file| file.as_path() != named) {
            let text = text_of(file)
                .map_err(|error| usage(format!("cannot read `{}`: {error}", file.display())))?;
            config
                .add(&text, file)
                .map_err(|error| usage(format!("`{}`: {error}", file.display())))?;
        }
        Ok(config)
    }

    /// Adds the reported leaks, unpacked to the user's cache, if a selector means one that the
    /// files do not define themselves.
    ///
    /// # Errors
    ///
    /// If the cache cannot be written.
    pub fn with_reported_for(mut self, selectors: &[String]) -> anyhow::Result<Self> {
        let is_known = |selector: &String| {
            let name = selector.split("::").next().unwrap_or_default();
            self.scenarios.iter().any(|scenario| scenario.name == name)
        };
        let mut meant = selectors.iter().filter(|one| reported::is_meant_by(one));
        if meant.all(is_known) {
            return Ok(self);
        }
        let folder = reported::unpack()?;
        let known = Config::reported(&folder)?.scenarios;
        for scenario in known {
            if !self.scenarios.iter().any(|one| one.name == scenario.name) {
                self.scenarios.push(scenario);
            }
        }
        Ok(self)
    }

    /// The reported leaks, as they lie below `folder` once they are unpacked.
    ///
    /// # Errors
    ///
    /// If a file of ours is wrong.
    pub fn reported(folder: &Path) -> anyhow::Result<Self> {
        let mut config = Config::default();
        for (name, text) in reported::scenario_files() {
            let added = config.add(text, &folder.join(name));
            added.map_err(|error| anyhow::anyhow!("`{name}`: {error}"))?;
        }
        Ok(config)
    }

    /// Adds what a file says; the result is what it includes.
    fn add(&mut self, text: &str, path: &Path) -> Result<Vec<PathBuf>, Problem> {
        let mut keys = Keys::of_file(text)?;
        if let Some(mut budget) = keys.table("budget")? {
            let default = budget.parsed("default", |text| {
                text.parse::<Budget>().map_err(|error| error.to_string())
            })?;
            self.default_budget = default.or(self.default_budget);
            for (figure, key) in Figure::BUDGETED {
                let accepted = budget.parsed(key, |text| parse_accepted(figure, text))?;
                self.harm
                    .extend(accepted.map(|accepted| (figure, accepted)));
            }
            budget.finish()?;
        }
        for (name, mut profile) in keys.named_tables("profile")? {
            let read = Profile {
                cell: CellSettings::take(&mut profile)?,
                repeat: profile.parsed("repeat", parse_count)?,
                jobs: profile.parsed("jobs", parse_count)?,
                seed: profile.parsed("seed", |text| {
                    let seed = text.parse::<u64>();
                    seed.map_err(|_| format!("`{text}` is not a whole number"))
                })?,
            };
            profile.finish()?;
            self.profiles.insert(name, read);
        }
        for entry in keys.tables("scenario")? {
            self.add_scenario(entry, path)?;
        }
        for table in keys.tables("rule")? {
            let number = self.rules.len() as u64 + 1;
            self.rules.push(RuleText::take(number, table)?);
        }
        let mut files = Vec::new();
        for pattern in keys.list("include")?.unwrap_or_default() {
            files.extend(included(folder_of(path), &pattern)?);
        }
        keys.finish()?;
        Ok(files)
    }

    fn add_scenario(&mut self, mut entry: Keys<'_>, path: &Path) -> Result<(), Problem> {
        let name = entry
            .text("name")?
            .ok_or_else(|| entry.lacks("has no `name`"))?;
        entry.call(format!("scenario `{name}`"));
        if let Some((scenario, _)) = name.split_once("::") {
            return Err(format!(
                "`[[scenario]]` names a whole scenario: write `{scenario}`, not `{name}`"
            ));
        }
        let is_built_in = catalogue::find(&name).is_some();
        if !entry.has("variant") {
            let settings = CellSettings::take(&mut entry)?;
            if !is_built_in {
                return Err(entry.lacks(&not_in_catalogue(&name)));
            }
            entry.finish()?;
            self.tuned.push((name, settings));
            return Ok(());
        }
        if is_built_in {
            return Err(entry.lacks(
                "is a scenario of the catalogue; give yours another name, or leave its \
                 `[[scenario.variant]]` out to change the settings of the built-in one",
            ));
        }
        let scenario = OwnScenario::take(name, entry, path)?;
        let twin = self.scenarios.iter().find(|one| one.name == scenario.name);
        if let Some(twin) = twin {
            return Err(format!(
                "scenario `{}` is defined twice: here and in `{}`",
                twin.name,
                twin.file.display()
            ));
        }
        self.scenarios.push(scenario);
        Ok(())
    }

    /// The profile of that name, or one that says nothing if no name is given.
    ///
    /// # Errors
    ///
    /// A usage error that names the profiles there are.
    pub fn profile_or_default(&self, name: Option<&str>) -> anyhow::Result<Profile> {
        name.map_or_else(|| Ok(Profile::default()), |name| self.profile(name))
    }

    /// The profile of that name.
    ///
    /// # Errors
    ///
    /// A usage error that names the profiles there are.
    pub fn profile(&self, name: &str) -> anyhow::Result<Profile> {
        self.profiles.get(name).cloned().ok_or_else(|| {
            let names: Vec<_> = self.profiles.keys().map(|k| format!("`{k}`")).collect();
            let known = match names.is_empty() {
                true => format!("`{FILE_NAME}` has none"),
                false => format!("there are {}", names.join(", ")),
            };
            usage(format!("there is no profile `{name}`: {known}"))
        })
    }
}

fn not_in_catalogue(name: &str) -> String {
    let names = || catalogue::all().iter().map(|s| s.description().name);
    let hint = match crate::text::nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "known are {}; a scenario of your own has `[[scenario.variant]]`s with a `command`",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    format!("is not in the catalogue\n(hint: {hint})")
}

/// The folder that a file lies in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn scenario_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| match folder == Path::new(".") {
        true => PathBuf::from(entry.file_name()),
        false => entry.path(),
    });
    files
        .filter(|path| path.to_string_lossy().ends_with(SCENARIO_SUFFIX))
        .collect()
}

/// The text of a file that is read unasked: what is none, as a link to a device or a named pipe,
/// would have no end.
///
/// # Errors
///
/// The error of the operating system, or that it is not text.
pub fn text_of(path: &Path) -> std::io::Result<String> {
    String::from_utf8(leaklab_run::read_whole(path)?)
        .map_err(|_| std::io::Error::other("it is not UTF-8"))
}

/// The files that a pattern names, relative to `folder`: `soak/*.scenario.toml`, or a path.
fn included(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, Problem> {
    let mut found = vec![folder.to_owned()];
    for part in Path::new(pattern).components() {
        let part = part.as_os_str().to_string_lossy().into_owned();
        let is_pattern = Glob::is_pattern(&part);
        let glob = Glob::new(&part)?;
        found = found
            .into_iter()
            .flat_map(|folder| match is_pattern {
                false => vec![folder.join(&part)],
                true => std::fs::read_dir(&folder)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .filter(|entry| glob.matches(&entry.file_name().to_string_lossy()))
                    .map(|entry| folder.join(entry.file_name()))
                    .collect(),
            })
            .collect();
    }
    found.retain(|path| path.is_file());
    match found.is_empty() {
        true => Err(format!("`include`: there is no file `{pattern}`")),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_scenarios::Role;
    use std::time::Duration;

    fn parse(text: &str) -> Result<Config, String> {
        let mut config = Config::default();
        config.add(text, FILE_NAME.as_ref())?;
        Ok(config)
    }

    #[test]
    fn a_file_with_everything_is_read() {
        let config = parse(
            r#"
            [budget]
            default = "0.5%/h"
            [[scenario]]
            name = "alts-timeout"
            budget = "64B/op"
            set = { payload = "64KiB", spread = 3 }
            [profile.nightly]
            duration = "8h"
            memory-limit = "2GiB"
            "#,
        )
        .expect("a valid file");
        let (_, tuned) = &config.tuned[0];
        assert_eq!(tuned.parameters, ["payload=64KiB", "spread=3"]);
        assert_eq!(tuned.budget, Some(Budget::BytesPerOperation(64.0)));
        let nightly = config.profile("nightly").expect("it is there").cell;
        assert_eq!(nightly.duration, Some(Duration::from_secs(8 * 3600)));
        assert_eq!(nightly.memory_limit, Some(2 << 30));
    }

    #[test]
    fn every_reported_leak_can_be_read_and_says_what_it_must_show() {
        let config = Config::reported("unpacked".as_ref()).expect("valid files");
        assert!(config.scenarios.len() > 30, "{}", config.scenarios.len());
        for scenario in &config.scenarios {
            let name = &scenario.name;
            assert!(reported::is_meant_by(name), "{name}");
            assert!(scenario.published.is_some(), "{name}: not published");
            assert!(scenario.source.starts_with("https://"), "{name}");
            assert!(!scenario.build.is_empty(), "{name}: installs nothing");
            for role in [Role::Buggy, Role::Fixed] {
                let has = scenario.variants.iter().any(|one| one.role == role);
                assert!(has, "{name}: no variant is {}", role.name());
            }
            for variant in &scenario.variants {
                let formula = variant.bytes_per_operation.is_some();
                assert!(formula && variant.expected.is_some(), "{name}");
            }
        }
    }

    #[test]
    fn mistakes_are_answered_with_line_and_what_is_known() {
        for (text, part) in [
            (
                "[profile.x]\nduratoin = \"1h\"",
                "line 2: `duratoin` of `[profile.x]`",
            ),
            ("[profile.x]\nduratoin = \"1h\"", "did you mean `duration`?"),
            ("[bugdet]", "did you mean `budget`?"),
            ("[profile.x]\nduration = \"soon\"", "write 500ms, 20s"),
            ("[profile.x]\nduration = [1]", "takes one value"),
            ("[budget]\ndefault = \"lots\"", "does not say per what"),
            ("[budget]\np99 = \"lots\"", "write 5% or 2ms"),
            (
                "[[scenario]]\nname = \"alts-timout\"",
                "did you mean `alts-timeout`?",
            ),
            ("[[scenario]]\nbudget = \"1B/op\"", "has no `name`"),
            ("[[scenario]]\nname = \"shape::flat\"", "write `shape`"),
            ("include = [\"nosuch.scenario.toml\"]", "there is no file"),
            ("x = [", "TOML parse error"),
        ] {
            let message = parse(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
        let error = Config::default().profile("nightly").expect_err("none");
        assert!(error.to_string().contains("`leaklab.toml` has none"));
    }
}
