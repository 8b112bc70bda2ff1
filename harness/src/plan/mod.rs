//! From what the user asked for to the cells that will run.

use crate::config::{Profile, ScenarioEntry};
use crate::exit::usage;
use crate::heap::{self, HeapSource};
use crate::supervisor::ChildPlan;
use crate::supervisor::cell::{CellSetup, Schedule};
use crate::text::nearest;
use globset::Glob;
use leaklab_run::{CellPlan, Configuration};
use leaklab_scenarios::{Parameters, Scenario, Variant, catalogue};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// A scenario of the catalogue with one of its variants.
pub type Selected = (&'static dyn Scenario, &'static Variant);

/// Rows that a short run should have at least, for the judge and the chart.
const FEWEST_ROWS: f64 = 100.0;
const LONGEST_DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
const SHORTEST_DEFAULT_INTERVAL: Duration = Duration::from_millis(10);

/// Load of another program when neither flag nor file says how long.
const DEFAULT_COMMAND_LOAD: Duration = Duration::from_secs(60);

/// What may differ from scenario to scenario; `None` leaves it to the next in rank.
#[derive(Debug, Clone, Default)]
pub struct PerCell {
    pub interval: Option<Duration>,
    pub duration: Option<Duration>,
    pub warmup: Option<Duration>,
    pub drain: Option<Duration>,
    pub rate: Option<f64>,
    pub operations: Option<u64>,
    pub budget: Option<String>,
    /// Parameters as `key=value`; of one key the last wins.
    pub settings: Vec<String>,
}

impl PerCell {
    /// This, and what it leaves open taken from `next`.
    fn or(&self, next: PerCell) -> PerCell {
        let mut settings = next.settings;
        settings.extend(self.settings.iter().cloned());
        PerCell {
            interval: self.interval.or(next.interval),
            duration: self.duration.or(next.duration),
            warmup: self.warmup.or(next.warmup),
            drain: self.drain.or(next.drain),
            rate: self.rate.or(next.rate),
            operations: self.operations.or(next.operations),
            budget: self.budget.clone().or(next.budget),
            settings,
        }
    }
}

impl From<&ScenarioEntry> for PerCell {
    fn from(entry: &ScenarioEntry) -> Self {
        PerCell {
            interval: entry.interval,
            duration: entry.duration,
            warmup: entry.warmup,
            drain: entry.drain,
            rate: entry.rate,
            operations: entry.operations,
            budget: entry.budget.clone(),
            settings: entry.settings().collect(),
        }
    }
}

impl From<&Profile> for PerCell {
    fn from(profile: &Profile) -> Self {
        PerCell {
            interval: profile.interval,
            duration: profile.duration,
            warmup: profile.warmup,
            drain: profile.drain,
            rate: profile.rate,
            operations: profile.operations,
            budget: profile.budget.clone(),
            settings: Vec::new(),
        }
    }
}

/// What applies to all cells of a run.
#[derive(Debug, Clone)]
pub struct Common {
    /// What flags and variables say.
    pub flags: PerCell,
    /// What the file says of scenarios.
    pub scenarios: Vec<ScenarioEntry>,
    /// What the chosen profile says.
    pub profile: PerCell,
    /// Budget of what has none of its own.
    pub default_budget: Option<String>,
    pub repeat: u64,
    pub jobs: u64,
    pub seed: u64,
    pub memory_limit_bytes: Option<u64>,
    pub descriptor_limit: Option<u64>,
    pub grace: Duration,
    pub ready_timeout: Option<Duration>,
    pub environment: Vec<(String, String)>,
    pub gauges: Vec<String>,
    /// Where the heap figures of a program of one's own come from.
    pub heap: Option<HeapSource>,
}

/// The scenario of that name.
///
/// # Errors
///
/// A usage error that names the nearest scenario, or all.
pub fn find_scenario(name: &str) -> anyhow::Result<&'static dyn Scenario> {
    catalogue::find(name).ok_or_else(|| {
        let names = || catalogue::all().iter().map(|s| s.description().name);
        let hint = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", names().collect::<Vec<_>>().join(", ")),
        };
        usage(format!("there is no scenario `{name}`\n(hint: {hint})"))
    })
}

/// The variants that the selectors name, in the order of the catalogue, each once.
///
/// A selector is a scenario (`alts-timeout`), a variant (`alts-timeout::cleared`) or a glob
/// over variants (`*::fixed*`, `shape::*`).
///
/// # Errors
///
/// A usage error for a selector that names nothing, with the nearest name.
pub fn select(selectors: &[String]) -> anyhow::Result<Vec<Selected>> {
    let mut chosen = Vec::new();
    for selector in selectors {
        let found = select_one(selector)?;
        chosen.extend(found);
    }
    let mut selected = Vec::new();
    for (scenario, variant) in everything() {
        let address = address_of(scenario, variant);
        if chosen.contains(&address) {
            selected.push((scenario, variant));
        }
    }
    Ok(selected)
}

/// All variants of the catalogue.
pub fn everything() -> impl Iterator<Item = Selected> {
    catalogue::all().iter().flat_map(|scenario| {
        let variants = scenario.description().variants.iter();
        variants.map(|variant| (*scenario, variant))
    })
}

/// One buggy and one fixed variant of each document.
pub fn tour() -> Vec<Selected> {
    everything()
        .filter(|(scenario, variant)| scenario.description().tour.contains(&variant.name))
        .collect()
}

fn address_of(scenario: &dyn Scenario, variant: &Variant) -> String {
    format!("{}::{}", scenario.description().name, variant.name)
}

fn select_one(selector: &str) -> anyhow::Result<Vec<String>> {
    let addresses = || everything().map(|(scenario, variant)| address_of(scenario, variant));
    if selector.contains(['*', '?', '[', '{']) {
        let glob = Glob::new(selector)
            .map_err(|error| usage(format!("`{selector}` is not a pattern: {error}")))?
            .compile_matcher();
        let found: Vec<_> = addresses()
            .filter(|address| glob.is_match(address))
            .collect();
        if found.is_empty() {
            return Err(usage(format!(
                "no variant matches `{selector}`\n(hint: `leaklab list` shows all)"
            )));
        }
        return Ok(found);
    }
    let Some((scenario_name, variant_name)) = selector.split_once("::") else {
        let name = find_scenario(selector)?.description().name;
        let prefix = format!("{name}::");
        return Ok(addresses().filter(|a| a.starts_with(&prefix)).collect());
    };
    let description = find_scenario(scenario_name)?.description();
    if description.variant(variant_name).is_none() {
        let names = || description.variants.iter().map(|variant| variant.name);
        let hint = match nearest(variant_name, names()) {
            Some(near) => format!("did you mean `{}::{near}`?", description.name),
            None => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(usage(format!(
            "`{}` has no variant `{variant_name}`\n(hint: {hint})",
            description.name
        )));
    }
    Ok(vec![selector.to_owned()])
}

impl Common {
    /// The cells of scenarios, in order; each repetition runs through all of them.
    ///
    /// # Errors
    ///
    /// A usage error for a setting that a chosen scenario does not take.
    pub fn scenario_cells(
        &self,
        selected: &[Selected],
        run_folder: &Path,
    ) -> anyhow::Result<Vec<CellSetup>> {
        let mut cells = Vec::new();
        for repetition in 1..=self.repeat {
            for (scenario, variant) in selected {
                cells.push(self.scenario_cell(*scenario, variant, repetition, run_folder)?);
            }
        }
        Ok(cells)
    }

    fn scenario_cell(
        &self,
        scenario: &dyn Scenario,
        variant: &Variant,
        repetition: u64,
        run_folder: &Path,
    ) -> anyhow::Result<CellSetup> {
        let description = scenario.description();
        let own = self.of_scenario(description.name);
        let parameters = Parameters::parse(description.name, description.parameters, &own.settings)
            .map_err(|error| usage(error.to_string()))?;
        let load = match (own.duration, own.operations) {
            (None, Some(_)) => None,
            (given, _) => {
                Some(given.unwrap_or(Duration::from_secs_f64(description.default_duration_s)))
            }
        };
        let rate = own.rate.or(description.default_rate);
        let drain = own
            .drain
            .unwrap_or(Duration::from_secs(2).min(load.unwrap_or(Duration::from_secs(2))));
        let warmup = own.warmup.unwrap_or_default();
        let by_count = own.operations.zip(rate);
        let length = load.or_else(|| {
            let (operations, rate) = by_count?;
            Duration::try_from_secs_f64(operations as f64 / rate).ok()
        });
        let interval = interval_for(own.interval, length);
        let seed = self.seed + repetition - 1;
        let address = address_of(scenario, variant);
        let mut arguments: Vec<OsString> = vec!["cell".into(), address.clone().into()];
        let mut flag = |name: &str, value: String| {
            arguments.push(format!("--{name}={value}").into());
        };
        for (name, value) in parameters.texts() {
            flag("set", format!("{name}={value}"));
        }
        rate.into_iter()
            .for_each(|rate| flag("rate", rate.to_string()));
        own.operations
            .into_iter()
            .for_each(|operations| flag("operations", operations.to_string()));
        load.into_iter()
            .for_each(|load| flag("duration", flag_text(load)));
        flag("warmup", flag_text(warmup));
        flag("drain", flag_text(drain));
        flag("seed", seed.to_string());

        let budget = own
            .budget
            .unwrap_or_else(|| format!("{}B/op", description.budget_bytes_per_operation));
        let plan = CellPlan {
            id: self.with_repetition(&address, repetition),
            folder: self
                .with_repetition(&address.replace("::", "--"), repetition)
                .replace('#', "-"),
            scenario: description.name.to_owned(),
            variant: variant.name.to_owned(),
            role: variant.role.name().to_owned(),
            expected: Some(variant.expected.name().to_owned()),
            document: description.document.title.to_owned(),
            reference: description.document.reference.to_owned(),
            mechanism: description.mechanism.to_owned(),
            summary: variant.summary.to_owned(),
            operation: description.operation.to_owned(),
            retained_bytes_per_operation: Some((variant.retained_bytes_per_operation)(&parameters)),
            retained_formula: variant.retained_formula.to_owned(),
            parameters: parameters.texts().map(|(n, v)| (n.to_owned(), v)).collect(),
            budget: Some(budget),
            rate,
            heap: None,
            duration_s: load.map(|load| load.as_secs_f64()),
            warmup_s: warmup.as_secs_f64(),
            drain_s: drain.as_secs_f64(),
            interval_ms: interval.as_secs_f64() * 1000.0,
            command: Vec::new(),
            repetition,
        };
        let gauges = description.gauges.iter().map(|g| (*g).to_owned()).collect();
        let child = ChildPlan {
            program: "/proc/self/exe".into(),
            arguments,
            environment: self.environment.clone(),
            interval,
            descriptor_limit: self.descriptor_limit,
            preload: None,
        };
        let schedule = Schedule {
            warmup,
            load,
            drain,
            by_child: true,
        };
        let ready_timeout = Some(self.ready_timeout.unwrap_or(Duration::from_secs(30)));
        Ok(self.cell(plan, child, gauges, schedule, ready_timeout, run_folder))
    }

    /// The cells of another program: one per repetition.
    ///
    /// # Errors
    ///
    /// A usage error if something was set that only scenarios understand.
    pub fn command_cells(
        &self,
        command: &[OsString],
        run_folder: &Path,
    ) -> anyhow::Result<Vec<CellSetup>> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(usage("there is no program after `--`"));
        };
        if !can_be_started(program.as_ref()) {
            return Err(usage(format!(
                "`{}` could not be started: there is no such program\n\
                 (hint: a program in this folder is written ./{0})",
                Path::new(program).display()
            )));
        }
        for (is_set, flag) in [
            (!self.flags.settings.is_empty(), "--set"),
            (self.flags.rate.is_some(), "--rate"),
            (self.flags.operations.is_some(), "--operations"),
        ] {
            if is_set {
                return Err(usage(format!(
                    "`{flag}` is for scenarios; give the program's own flags after `--`"
                )));
            }
        }
        let name = Path::new(program)
            .file_name()
            .unwrap_or(program)
            .to_string_lossy()
            .into_owned();
        let own = self.flags.or(self.profile.clone());
        let warmup = own.warmup.unwrap_or_default();
        let budget = own.budget.or_else(|| self.default_budget.clone());
        let load = own.duration.unwrap_or(DEFAULT_COMMAND_LOAD);
        let interval = interval_for(own.interval, Some(load));
        let safe_name: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .take(64)
            .collect();
        let cells = (1..=self.repeat).map(|repetition| {
            let plan = CellPlan {
                id: self.with_repetition(&format!("command::{name}"), repetition),
                folder: self
                    .with_repetition(&format!("command--{safe_name}"), repetition)
                    .replace('#', "-"),
                scenario: "command".to_owned(),
                variant: name.clone(),
                budget: budget.clone(),
                duration_s: Some(load.as_secs_f64()),
                warmup_s: warmup.as_secs_f64(),
                interval_ms: interval.as_secs_f64() * 1000.0,
                command: command
                    .iter()
                    .map(|c| c.to_string_lossy().into_owned())
                    .collect(),
                repetition,
                ..CellPlan::default()
            };
            let child = ChildPlan {
                program: program.clone(),
                arguments: arguments.to_vec(),
                environment: self.environment.clone(),
                interval,
                descriptor_limit: self.descriptor_limit,
                preload: None,
            };
            let schedule = Schedule {
                warmup,
                load: Some(load),
                drain: Duration::ZERO,
                by_child: false,
            };
            let gauges = self.gauges.clone();
            self.cell(
                plan,
                child,
                gauges,
                schedule,
                self.ready_timeout,
                run_folder,
            )
        });
        let mut cells: Vec<CellSetup> = cells.collect();
        if let Some(source) = &self.heap {
            let words = heap::prepare(&mut cells, source, program.as_ref()).map_err(usage)?;
            words.into_iter().for_each(|words| eprintln!("{words}"));
        }
        Ok(cells)
    }

    fn cell(
        &self,
        plan: CellPlan,
        child: ChildPlan,
        gauges: Vec<String>,
        schedule: Schedule,
        ready_timeout: Option<Duration>,
        run_folder: &Path,
    ) -> CellSetup {
        CellSetup {
            folder: run_folder.join(&plan.folder),
            plan,
            child,
            gauges,
            schedule,
            ready_timeout,
            grace: self.grace,
            memory_limit_bytes: self.memory_limit_bytes,
        }
    }

    /// What applies to the cells of a scenario: flags, then its entry in the file, then the
    /// profile.
    fn of_scenario(&self, name: &str) -> PerCell {
        let entries = self.scenarios.iter().filter(|entry| entry.name == name);
        let by_file = entries.fold(self.profile.clone(), |next, entry| {
            PerCell::from(entry).or(next)
        });
        self.flags.or(by_file)
    }

    fn with_repetition(&self, name: &str, repetition: u64) -> String {
        if self.repeat > 1 {
            format!("{name}#{repetition}")
        } else {
            name.to_owned()
        }
    }

    /// The record of all this.
    pub fn configuration(&self) -> Configuration {
        let given = self.flags.or(self.profile.clone());
        Configuration {
            interval_ms: given.interval.map(|i| i.as_secs_f64() * 1000.0),
            duration_s: given.duration.map(|d| d.as_secs_f64()),
            warmup_s: given.warmup.map(|d| d.as_secs_f64()),
            drain_s: given.drain.map(|d| d.as_secs_f64()),
            rate: given.rate,
            operations: given.operations,
            repeat: self.repeat,
            jobs: self.jobs,
            seed: self.seed,
            memory_limit_bytes: self.memory_limit_bytes,
            budget: given.budget,
            ..Configuration::default()
        }
    }
}

/// The interval that was given, or one second, or less for a run so short that it would have
/// fewer than a hundred rows.
fn interval_for(given: Option<Duration>, load: Option<Duration>) -> Duration {
    given.unwrap_or_else(|| {
        load.map_or(LONGEST_DEFAULT_INTERVAL, |load| load.div_f64(FEWEST_ROWS))
            .clamp(SHORTEST_DEFAULT_INTERVAL, LONGEST_DEFAULT_INTERVAL)
    })
}

/// Whether there is a file for a program: at its path, or by its name in a folder of `PATH`.
fn can_be_started(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A duration in the form that the child's flags take.
fn flag_text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(selectors: &[&str]) -> anyhow::Result<Vec<String>> {
        let selectors: Vec<_> = selectors.iter().map(|s| (*s).to_owned()).collect();
        let selected = select(&selectors)?;
        Ok(selected.iter().map(|(s, v)| address_of(*s, v)).collect())
    }

    #[test]
    fn selectors_name_scenarios_variants_and_globs_each_once() {
        assert_eq!(
            addresses(&["shape::flat", "shape::f*"]).expect("known"),
            ["shape::flat"]
        );
        assert_eq!(addresses(&["shape"]).expect("known").len(), 5);
    }

    #[test]
    fn unknown_names_are_answered_with_the_nearest() {
        let message = |selector: &str| addresses(&[selector]).expect_err("unknown").to_string();
        assert!(message("shpe").contains("did you mean `shape`?"));
        assert!(message("shape::flatt").contains("did you mean `shape::flat`?"));
        assert!(message("shape::zzzzzz").contains("it has steady-leak, flat"));
        assert!(message("qqqqqqqqqqqqqqqqq").contains("known are "));
        assert!(message("x*").contains("no variant matches"));
    }
}
