//! What will run: a cell for each variant and repetition.

use super::evidence::{Evidence, evidence, refuse_same_names};
use super::placeholders::Placeholders;
use super::{CellSettings, CommandLine, RunSettings, Selected, find_program};
use crate::attribution::{ALLOCATOR_OPTIONS, sample_stacks};
use crate::config::{OwnScenario, OwnVariant, Value};
use crate::exit::usage;
use crate::heap::{self, HeapSource};
use crate::program_file;
use crate::snapshot::{self, Limits, SnapshotPlan, Source};
use crate::supervisor::ChildPlan;
use crate::supervisor::cell::{CellSetup, Schedule};
use crate::supervisor::load::{Beside, Surroundings};
use crate::supervisor::settle::Settle;
use leaklab_judge::Budget;
use leaklab_run::{CellPlan, Configuration, Redactor, columns};
use leaklab_scenarios::{Expected, Parameters, Role, Scenario, Variant};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rows that a short run should have at least, for the judge and the chart.
const FEWEST_ROWS: f64 = 100.0;
const LONGEST_DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
const SHORTEST_DEFAULT_INTERVAL: Duration = Duration::from_millis(10);

/// Load of a program of one's own when neither flag nor file says how long.
pub const DEFAULT_COMMAND_LOAD: Duration = Duration::from_secs(60);
/// Load before which a verdict does not end a program's run: most caches are full by then, and
/// most collectors have been through several turns.
const DEFAULT_MIN_DURATION: Duration = Duration::from_secs(300);
/// Drain of a scenario of the catalogue.
const DEFAULT_DRAIN: Duration = Duration::from_secs(2);
/// Time between TERM and KILL.
const DEFAULT_GRACE: Duration = Duration::from_secs(5);
/// How long what must say that it is ready may take.
const DEFAULT_READY_TIMEOUT: Duration = Duration::from_secs(30);

/// Part of the smallest declared leak that counts as not leaking, where a scenario of a file
/// has formulas and no budget.
const BUDGET_SHARE: f64 = 0.1;

/// The cells of scenarios, in order; each repetition runs through all of them.
///
/// # Errors
///
/// A usage error for a setting that a chosen scenario does not take.
pub fn scenario_cells(
    settings: &RunSettings,
    selected: &[Selected<'_>],
    versions: &BTreeMap<String, String>,
    run_folder: &Path,
) -> anyhow::Result<Vec<CellSetup>> {
    let mut cells = Vec::new();
    for repetition in 1..=settings.repeat {
        let one = OneCell {
            settings,
            repetition,
            run_folder,
        };
        for chosen in selected {
            cells.push(match *chosen {
                Selected::BuiltIn(scenario, variant) => one.built_in(scenario, variant)?,
                Selected::Own(scenario, variant) => {
                    let mut cell = one.own(scenario, variant)?;
                    cell.plan.version = versions.get(&scenario.name).cloned().unwrap_or_default();
                    cell
                }
            });
        }
    }
    Ok(cells)
}

/// What variants would be at the settings of files, with nothing asked of the machine.
///
/// # Errors
///
/// As for [`scenario_cells`], but programs need not exist.
pub fn planned_cells(
    settings: &RunSettings,
    selected: &[Selected<'_>],
) -> anyhow::Result<Vec<CellPlan>> {
    let one = OneCell {
        settings,
        repetition: 1,
        run_folder: Path::new(""),
    };
    let plans = selected.iter().map(|chosen| match *chosen {
        Selected::BuiltIn(scenario, variant) => Ok(one.built_in(scenario, variant)?.plan),
        Selected::Own(scenario, variant) => Ok(one.own_plan(scenario, variant)?.1),
    });
    plans.collect()
}

/// The cells of a program of one's own: one per repetition.
///
/// # Errors
///
/// A usage error if the program cannot be started, or if something was set that only scenarios
/// understand.
pub fn command_cells(
    settings: &RunSettings,
    command: &[OsString],
    run_folder: &Path,
) -> anyhow::Result<Vec<CellSetup>> {
    for (is_set, flag) in [
        (!settings.flags.parameters.is_empty(), "--set"),
        (settings.flags.rate.is_some(), "--rate"),
        (settings.flags.operations.is_some(), "--operations"),
    ] {
        if is_set {
            return Err(usage(format!(
                "`{flag}` is for scenarios; give the program's own flags after `--`"
            )));
        }
    }
    (1..=settings.repeat)
        .map(|repetition| {
            let one = OneCell {
                settings,
                repetition,
                run_folder,
            };
            one.command(command)
        })
        .collect()
}

/// One cell on its way from settings to setup.
pub(super) struct OneCell<'a> {
    pub settings: &'a RunSettings,
    pub repetition: u64,
    pub run_folder: &'a Path,
}

impl OneCell<'_> {
    fn built_in(&self, scenario: &dyn Scenario, variant: &Variant) -> anyhow::Result<CellSetup> {
        let description = scenario.description();
        let own = (self.settings).of_scenario(description.name, &CellSettings::default());
        let parameters =
            Parameters::parse(description.name, description.parameters, &own.parameters)
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
            .unwrap_or(DEFAULT_DRAIN.min(load.unwrap_or(DEFAULT_DRAIN)));
        let schedule = Schedule {
            warmup: own.warmup.unwrap_or_default(),
            load,
            drain,
            by_child: true,
        };
        let length = load.or_else(|| {
            let (operations, rate) = own.operations.zip(rate)?;
            Duration::try_from_secs_f64(operations as f64 / rate).ok()
        });
        let address = format!("{}::{}", description.name, variant.name);
        let mut arguments: Vec<OsString> = vec!["cell".into(), address.clone().into()];
        let mut flag = |name: &str, value: String| {
            arguments.push(format!("--{name}={value}").into());
        };
        for (name, value) in parameters.texts() {
            flag("set", format!("{name}={value}"));
        }
        let rate_text = rate.map(|rate| rate.to_string());
        let operations = own.operations.map(|operations| operations.to_string());
        for (name, value) in [
            ("rate", rate_text),
            ("operations", operations),
            ("duration", load.map(flag_text)),
            ("warmup", Some(flag_text(schedule.warmup))),
            ("drain", Some(flag_text(drain))),
            ("seed", Some(self.seed().to_string())),
        ] {
            value.into_iter().for_each(|value| flag(name, value));
        }
        let parameters = parameters.under(rate, load);
        let retained = (variant.retained_bytes_per_operation)(&parameters);
        // What it must get depends on parameters and rate as its formula does.
        let expected = match variant.expected {
            Expected::Dies => Expected::Dies,
            _ if retained > description.budget_bytes_per_operation => Expected::Leak,
            _ => Expected::NoLeak,
        };
        let plan = CellPlan {
            scenario: description.name.to_owned(),
            variant: variant.name.to_owned(),
            role: variant.role.name().to_owned(),
            expected: Some(own.expected.unwrap_or(expected).name().to_owned()),
            document: description.document.title.to_owned(),
            reference: description.document.reference.to_owned(),
            mechanism: description.mechanism.to_owned(),
            summary: variant.summary.to_owned(),
            operation: description.operation.to_owned(),
            retained_bytes_per_operation: Some(retained),
            retained_formula: variant.retained_formula.to_owned(),
            parameters: parameters.texts().map(|(n, v)| (n.to_owned(), v)).collect(),
            budget: Some(
                own.budget
                    .unwrap_or(Budget::BytesPerOperation(
                        description.budget_bytes_per_operation,
                    ))
                    .to_string(),
            ),
            rate,
            // It was declared for the scenario's own parameters: others fill other caches.
            min_duration_s: own
                .parameters
                .is_empty()
                .then_some(description.default_duration_s),
            ..self.plan(&address)
        };
        let mut child = ChildPlan {
            program: "/proc/self/exe".into(),
            arguments,
            is_own: false,
            ..self.child(&own, interval_within(own.interval, length)?)?
        };
        // What lies in a thread's cache counts as allocated: a model's heap is what it keeps.
        let no_thread_caches = (ALLOCATOR_OPTIONS.to_owned(), "tcache:false".to_owned());
        child.environment.insert(0, no_thread_caches);
        let mut cell = self.setup(&own, plan, child, schedule);
        let flags = &self.settings.flags;
        for (is_set, flag) in [
            (flags.ready.is_some(), "--ready"),
            (!flags.loads.is_empty(), "--load"),
            (!flags.setup.is_empty(), "--setup"),
            (!flags.teardown.is_empty(), "--teardown"),
            (flags.settle.is_some(), "--settle"),
            (!flags.snapshots.is_empty(), "--snapshot"),
            (flags.allow_idle, "--allow-idle"),
        ] {
            if is_set {
                return Err(usage(format!(
                    "`{flag}` is for programs; `{}` brings its own load",
                    description.name
                )));
            }
        }
        // A profile's are for programs.
        cell.beside = Beside {
            alarm: cell.beside.alarm,
            ..Beside::default()
        };
        cell.gauges = description.gauges.iter().map(|g| (*g).to_owned()).collect();
        cell.ready_timeout = Some(own.ready_timeout.unwrap_or(DEFAULT_READY_TIMEOUT));
        Ok(cell)
    }

    fn own(&self, scenario: &OwnScenario, variant: &OwnVariant) -> anyhow::Result<CellSetup> {
        let (own, plan, load) = self.own_plan(scenario, variant)?;
        let command: Vec<OsString> = plan.command.iter().map(OsString::from).collect();
        self.program(&own, plan, &command, load)
    }

    /// What a variant of a file will be; whether its program exists is not asked.
    fn own_plan(
        &self,
        scenario: &OwnScenario,
        variant: &OwnVariant,
    ) -> anyhow::Result<(CellSettings, CellPlan, Duration)> {
        let by_file = variant.settings.or(scenario.settings.clone());
        let own = self.settings.of_scenario(&scenario.name, &by_file);
        let address = format!("{}::{}", scenario.name, variant.name);
        let refused = |message: String| usage(format!("`{address}`: {message}"));
        let parameters = scenario.parameters_with(&own.parameters).map_err(refused)?;
        let load = own.duration.unwrap_or(DEFAULT_COMMAND_LOAD);
        let value_of = |name: &str| match name {
            "rate" => own.rate,
            "duration" => Some(load.as_secs_f64()),
            "operations" => own.operations.map(|operations| operations as f64),
            parameter => parameters.get(parameter).and_then(Value::number),
        };
        let words = Placeholders {
            parameters: &parameters,
            rate: own.rate,
            operations: own.operations,
            load,
            seed: self.seed(),
        };
        let used = |name: &str| {
            let placeholder = format!("{{{name}}}");
            let loads = own.loads.iter().flat_map(|line| &line.0);
            let mut texts = variant.command.iter().chain(&own.environment).chain(loads);
            texts.any(|text| text.contains(&placeholder))
        };
        for (given, name) in [
            (self.settings.flags.rate.is_some(), "rate"),
            (self.settings.flags.operations.is_some(), "operations"),
        ] {
            if given && !used(name) {
                return Err(refused(format!(
                    "takes no --{name}: its command has no `{{{name}}}`"
                )));
            }
        }
        let command = (variant.command.iter())
            .map(|word| words.fill(word))
            .collect::<Result<Vec<String>, String>>()
            .map_err(refused)?;
        let fill = |line: &CommandLine| -> Result<CommandLine, String> {
            let filled = line.0.iter().map(|word| words.fill(word));
            filled.collect::<Result<_, _>>().map(CommandLine)
        };
        let fill_all = |lines: &[CommandLine]| -> anyhow::Result<Vec<CommandLine>> {
            let filled = lines.iter().map(fill).collect::<Result<_, _>>();
            filled.map_err(refused)
        };
        let own = CellSettings {
            loads: fill_all(&own.loads)?,
            setup: fill_all(&own.setup)?,
            teardown: fill_all(&own.teardown)?,
            environment: (own.environment.iter())
                .map(|pair| words.fill(pair))
                .collect::<Result<_, _>>()
                .map_err(refused)?,
            cwd: Some(match &own.cwd {
                Some(folder) => scenario.folder.join(folder),
                None => scenario.folder.clone(),
            }),
            ..own
        };
        let bytes = variant.bytes_per_operation.as_ref();
        let retained = bytes.and_then(|formula| formula.value(&value_of));
        let budget = own.budget.or_else(|| derived_budget(scenario, &value_of));
        let expected = own
            .expected
            .or(variant.expected)
            .unwrap_or_else(|| derived_expectation(variant.role, retained, budget));
        let plan = CellPlan {
            scenario: scenario.name.clone(),
            variant: variant.name.clone(),
            role: variant.role.name().to_owned(),
            expected: Some(expected.name().to_owned()),
            document: match scenario.title.as_str() {
                "" => scenario.source.clone(),
                title => title.to_owned(),
            },
            reference: scenario.source.clone(),
            mechanism: scenario.summary.clone(),
            summary: variant.summary.clone(),
            operation: scenario.operation.clone(),
            retained_bytes_per_operation: retained,
            retained_formula: bytes.map(ToString::to_string).unwrap_or_default(),
            blocks_per_operation: (variant.blocks_per_operation.as_ref())
                .and_then(|formula| formula.value(&value_of)),
            parameters: (parameters.iter())
                .map(|(name, value)| (name.clone(), value.written()))
                .collect(),
            budget: budget
                .or(self.settings.default_budget)
                .map(|budget| budget.to_string()),
            rate: own.rate,
            command,
            ..self.plan(&address)
        };
        Ok((own, plan, load))
    }

    fn command(&self, command: &[OsString]) -> anyhow::Result<CellSetup> {
        let own = self.settings.flags.or(self.settings.profile.clone());
        let program = command.first().map(Path::new).unwrap_or(Path::new(""));
        let file_name = program.file_name().unwrap_or(program.as_os_str());
        let name = match &self.settings.name {
            Some(name) => name.clone(),
            None => file_name.to_string_lossy().into_owned(),
        };
        let plan = CellPlan {
            command: command
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            ..self.plan_named(&own, &name)
        };
        let load = own.duration.unwrap_or(DEFAULT_COMMAND_LOAD);
        self.program(&own, plan, command, load)
    }

    /// A cell of a program that does not keep the schedule itself.
    fn program(
        &self,
        own: &CellSettings,
        plan: CellPlan,
        command: &[OsString],
        load: Duration,
    ) -> anyhow::Result<CellSetup> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(usage("there is no program after `--`"));
        };
        let found = find_program(program, own.cwd.as_deref()).map_err(usage)?;
        let plan = CellPlan {
            program_sha256: program_file::sha256_of(&found),
            build_id: program_file::build_id_of(&found),
            ..plan
        };
        // Relative paths are the caller's, or the file's, also where the program runs elsewhere.
        let program_path = found.clone();
        let started = match program.as_encoded_bytes().contains(&b'/') {
            true => std::path::absolute(&found).unwrap_or(found).into(),
            false => program.clone(),
        };
        look_up_tools(own)?;
        let schedule = Schedule {
            warmup: own.warmup.unwrap_or_default(),
            load: Some(load),
            drain: own.drain.unwrap_or_default(),
            by_child: false,
        };
        let child = ChildPlan {
            program: started,
            arguments: arguments.to_vec(),
            is_own: !own.env_clear,
            ..self.child(own, interval_within(own.interval, Some(load))?)?
        };
        let program = PathBuf::from(&child.program);
        let mut cell = self.setup(own, plan, child, schedule);
        let evidence = evidence(own, &cell, &program_path).map_err(usage)?;
        cell.plan.samples_stacks = matches!(evidence, Evidence::Stacks);
        let for_stacks = cell.plan.samples_stacks.then_some(HeapSource::Jemalloc);
        if let Evidence::Objects(plans) = evidence {
            let runtimes = runtimes(&plans);
            let notice = format!("--where counts the objects of {runtimes}, as --snapshot does");
            cell.notices.push(notice);
            cell.beside.snapshots = plans;
        }
        snapshot::launch(&mut cell);
        self.add_rules(own, &mut cell)?;
        if let Some(source) = own.heap.as_ref().or(for_stacks.as_ref()) {
            let cells = std::slice::from_mut(&mut cell);
            let words = heap::prepare(cells, source, &program).map_err(usage)?;
            cell.notices.extend(words);
        }
        Ok(cell)
    }

    /// The plan of a program that is no scenario, by its name: `shop`, or `shop::patched`.
    pub(super) fn plan_named(&self, own: &CellSettings, name: &str) -> CellPlan {
        let (scenario, variant) = name.split_once("::").unwrap_or(("command", name));
        CellPlan {
            scenario: scenario.to_owned(),
            variant: variant.to_owned(),
            expected: own.expected.map(|expected| expected.name().to_owned()),
            budget: own
                .budget
                .or(self.settings.default_budget)
                .map(|budget| budget.to_string()),
            ..self.plan(&format!("{scenario}::{variant}"))
        }
    }

    /// The rules of the file, with their names looked up among what the cell has.
    pub(super) fn add_rules(&self, own: &CellSettings, cell: &mut CellSetup) -> anyhow::Result<()> {
        refuse_same_names(&cell.beside.snapshots).map_err(usage)?;
        let series: Vec<String> = (cell.beside.snapshots.iter())
            .map(|plan| plan.name.clone())
            .collect();
        let rules = (self.settings.rules.iter())
            .map(|rule| rule.of_cell(&cell.gauges, &series, own.sample_stacks))
            .collect::<Result<_, _>>()
            .map_err(usage)?;
        cell.beside.rules = rules;
        Ok(())
    }

    /// What every plan has: names, which may hold what a folder's name may not.
    pub(super) fn plan(&self, address: &str) -> CellPlan {
        let (id, suffix) = match self.settings.repeat {
            0 | 1 => (address.to_owned(), String::new()),
            _ => (
                format!("{address}#{}", self.repetition),
                format!("-{}", self.repetition),
            ),
        };
        let safe: String = address
            .replace("::", "--")
            .chars()
            .map(|c| match c {
                // Names of scenarios have no point, so that this stays unique.
                '/' => '.',
                c if c.is_ascii_alphanumeric() || "-_.".contains(c) => c,
                _ => '_',
            })
            .take(96)
            .collect();
        CellPlan {
            id,
            folder: format!("{safe}{suffix}"),
            repetition: self.repetition,
            ..CellPlan::default()
        }
    }

    pub(super) fn child(
        &self,
        own: &CellSettings,
        interval: Duration,
    ) -> anyhow::Result<ChildPlan> {
        let environment = own
            .environment
            .iter()
            .map(|given| match given.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => std::env::var(given)
                    .map(|value| (given.clone(), value))
                    .map_err(|_| usage(format!("`--env {given}`: it is not set here"))),
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let folder: Option<PathBuf> = own.cwd.clone();
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(usage(format!(
                "there is no folder `{}` to run in",
                folder.display()
            )));
        }
        let user = own.user.as_deref().map(super::user::find_user);
        Ok(ChildPlan {
            environment,
            interval,
            folder,
            user: user.transpose().map_err(usage)?,
            descriptor_limit: own.descriptor_limit,
            ..ChildPlan::default()
        })
    }

    pub(super) fn setup(
        &self,
        own: &CellSettings,
        plan: CellPlan,
        child: ChildPlan,
        schedule: Schedule,
    ) -> CellSetup {
        let is_program = !schedule.by_child;
        let plan = CellPlan {
            samples_stacks: own.sample_stacks,
            // A load command that runs may still not reach the program.
            needs_work: is_program && !own.allow_idle,
            may_be_idle: own.allow_idle,
            settle: own.settle.as_ref().map(ToString::to_string),
            duration_s: schedule.load.map(|load| load.as_secs_f64()),
            min_duration_s: Some(
                own.min_duration
                    .map(|least| least.as_secs_f64())
                    .or(plan.min_duration_s)
                    .unwrap_or(DEFAULT_MIN_DURATION.as_secs_f64()),
            ),
            warmup_s: schedule.warmup.as_secs_f64(),
            drain_s: schedule.drain.as_secs_f64(),
            interval_ms: child.interval.as_secs_f64() * 1000.0,
            ..plan
        };
        let mut cell = CellSetup {
            folder: self.run_folder.join(&plan.folder),
            plan,
            gauges: own.gauges.clone(),
            schedule,
            ready_timeout: own
                .ready_timeout
                .or(own.ready.as_ref().map(|_| DEFAULT_READY_TIMEOUT)),
            beside: Beside {
                ready: own.ready.clone(),
                scrape: None,
                loads: own.loads.iter().map(|line| line.0.clone()).collect(),
                setup: own.setup.iter().map(|line| line.0.clone()).collect(),
                teardown: own.teardown.iter().map(|line| line.0.clone()).collect(),
                alarm: own.on_alarm.as_ref().map(|line| line.0.clone()),
                settle: own.settle.clone(),
                snapshots: own
                    .snapshots
                    .iter()
                    .flat_map(|flag| flag.plans.clone())
                    .collect(),
                snapshot_limits: snapshot_limits(own),
                rules: Vec::new(),
                surroundings: Surroundings {
                    environment: child.environment.clone(),
                    folder: child.folder.clone(),
                },
            },
            child,
            grace: own.grace.unwrap_or(DEFAULT_GRACE),
            memory_limit_bytes: own.memory_limit.or(self.settings.default_memory_limit),
            must_last: is_program && own.duration.is_some(),
            redactor: Redactor::new(&self.settings.redact),
            notices: Vec::new(),
        };
        if own.settle.is_some() {
            cell.gauges.push(columns::SETTLED_GAUGE.to_owned());
        }
        if own.sample_stacks {
            sample_stacks(&mut cell);
        }
        cell
    }

    fn seed(&self) -> u64 {
        self.settings.seed.wrapping_add(self.repetition - 1)
    }
}

/// The runtimes of presets, for people.
fn runtimes(plans: &[SnapshotPlan]) -> &'static str {
    let preset = plans.iter().find_map(|plan| plan.preset);
    preset.map_or("the program", |preset| preset.runtime())
}

/// What one snapshot may take.
fn snapshot_limits(own: &CellSettings) -> Limits {
    let usual = Limits::default();
    Limits {
        time: own.snapshot_timeout.unwrap_or(usual.time),
        bytes: own.snapshot_limit.unwrap_or(usual.bytes),
    }
}

/// The budget of a scenario that has formulas and none of its own: a part of the smallest
/// growth that any of its variants declares as a leak.
fn derived_budget(
    scenario: &OwnScenario,
    value_of: &dyn Fn(&str) -> Option<f64>,
) -> Option<Budget> {
    let may_leak = |variant: &&OwnVariant| match variant.expected {
        Some(expected) => expected == Expected::Leak,
        None => variant.role == Role::Buggy,
    };
    let leaks = scenario.variants.iter().filter(may_leak);
    let formulas = leaks.filter_map(|variant| variant.bytes_per_operation.as_ref());
    formulas
        .filter_map(|formula| formula.value(value_of))
        .filter(|bytes| *bytes > 0.0)
        .min_by(f64::total_cmp)
        .map(|bytes| Budget::BytesPerOperation(bytes * BUDGET_SHARE))
}

/// What a variant must get where the file does not say it: by its formula if it has one, else
/// by its role.
fn derived_expectation(role: Role, retained: Option<f64>, budget: Option<Budget>) -> Expected {
    let leaks = match (retained, budget) {
        (Some(bytes), Some(Budget::BytesPerOperation(budget))) => bytes > budget,
        (Some(bytes), _) => bytes > 0.0,
        (None, _) => role == Role::Buggy,
    };
    match leaks {
        true => Expected::Leak,
        false => Expected::NoLeak,
    }
}

/// The record of all this.
pub fn configuration(settings: &RunSettings) -> Configuration {
    let given = settings.flags.or(settings.profile.clone());
    Configuration {
        interval_ms: given.interval.map(|i| i.as_secs_f64() * 1000.0),
        duration_s: given.duration.map(|d| d.as_secs_f64()),
        warmup_s: given.warmup.map(|d| d.as_secs_f64()),
        drain_s: given.drain.map(|d| d.as_secs_f64()),
        rate: given.rate,
        operations: given.operations,
        repeat: settings.repeat,
        jobs: settings.jobs,
        seed: settings.seed,
        memory_limit_bytes: given.memory_limit.or(settings.default_memory_limit),
        budget: given.budget.map(|budget| budget.to_string()),
        other: settings.facts.clone(),
    }
}

/// Refuses commands beside the program that are not there: some would be missed only hours later,
/// when nothing can be done about it.
///
/// # Errors
///
/// A usage error with the flag and the way out.
pub(super) fn look_up_tools(own: &CellSettings) -> anyhow::Result<()> {
    let first = |line: &CommandLine| line.0[0].clone();
    let mut named: Vec<(String, String)> = Vec::new();
    named.extend(
        own.setup
            .first()
            .map(|line| ("set-up".to_owned(), first(line))),
    );
    named.extend((own.on_alarm.iter()).map(|line| ("alarm".to_owned(), first(line))));
    // A set-up command may bring the tools that are named here.
    if own.setup.is_empty() {
        named.extend((own.loads.iter()).map(|line| ("load".to_owned(), first(line))));
        named.extend((own.teardown.iter()).map(|line| ("--teardown".to_owned(), first(line))));
        if let Some(Settle::Command(words)) = &own.settle {
            named.push(("--settle".to_owned(), words[0].clone()));
        }
        // What a preset calls is looked for where its runtime is.
        let plans = own.snapshots.iter().flat_map(|flag| &flag.plans);
        for plan in plans.filter(|plan| plan.preset.is_none()) {
            if let Source::Command(words) = &plan.source {
                named.push((format!("--snapshot {}", plan.name), words[0].clone()));
            }
        }
    }
    let folder = own.cwd.as_deref();
    for (what, program) in &named {
        find_program(program.as_ref(), folder)
            .map_err(|message| usage(format!("{what}: {message}")))?;
    }
    Ok(())
}

/// The interval between two rows of a load.
///
/// # Errors
///
/// A usage error if one was given that is longer than the load: no row would be taken in it.
pub(super) fn interval_within(
    given: Option<Duration>,
    load: Option<Duration>,
) -> anyhow::Result<Duration> {
    match given.zip(load).filter(|(interval, load)| interval > load) {
        Some((interval, load)) => Err(usage(format!(
            "`--interval {}` is longer than the load of {}: no row would be taken in it\n(hint: \
             leave it out, or give at most {})",
            flag_text(interval),
            flag_text(load),
            flag_text(interval_for(None, Some(load)))
        ))),
        None => Ok(interval_for(given, load)),
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

/// A duration in the form that the child's flags take.
fn flag_text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}
