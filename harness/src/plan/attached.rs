//! The cell of what runs already: a process, a control group, a container.

use super::cells::{DEFAULT_COMMAND_LOAD, OneCell, interval_within, look_up_tools};
use super::{CellSettings, RunSettings};
use crate::cgroup::ControlGroup;
use crate::exit::usage;
use crate::heap::{self, HeapSource};
use crate::supervisor::cell::{CellSetup, Schedule};
use crate::supervisor::settle::Settle;
use crate::supervisor::{Attached, ChildPlan};
use leaklab_run::CellPlan;
use std::path::Path;

/// What is to be watched, as it was asked for.
#[derive(Debug, Clone)]
pub enum AttachTo {
    /// `--pid`
    Process(u32),
    /// `--cgroup`
    Group(String),
    /// `--container`
    Container(String),
}

impl AttachTo {
    /// The flag that it was asked for with.
    fn flag(&self) -> &'static str {
        match self {
            AttachTo::Process(_) => "--pid",
            AttachTo::Group(_) => "--cgroup",
            AttachTo::Container(_) => "--container",
        }
    }
}

/// The cell of what runs already.
///
/// # Errors
///
/// A usage error if there is no such thing, or if something was set that only a program which
/// is started here can have.
pub fn attached_cells(
    settings: &RunSettings,
    to: &AttachTo,
    run_folder: &Path,
) -> anyhow::Result<Vec<CellSetup>> {
    let own = settings.flags.or(settings.profile.clone());
    let flags = &settings.flags;
    let heap_needs_start =
        (own.heap.as_ref()).is_some_and(|heap| !matches!(heap, HeapSource::Url(_)));
    let signals = matches!(own.settle, Some(Settle::Signal { .. }));
    for (is_set, flag) in [
        (flags.memory_limit.is_some(), "--memory-limit"),
        (!flags.environment.is_empty() || flags.env_clear, "--env"),
        (flags.cwd.is_some(), "--cwd"),
        (flags.user.is_some(), "--user"),
        (flags.descriptor_limit.is_some(), "--descriptor-limit"),
        (flags.ready.is_some(), "--ready"),
        (!flags.parameters.is_empty(), "--set"),
        (flags.rate.is_some(), "--rate"),
        (flags.operations.is_some(), "--operations"),
        (heap_needs_start, "--heap jemalloc, mallinfo, pipe or auto"),
        (flags.sample_stacks, "--where"),
        (signals, "--settle signal:…"),
        (settings.repeat > 1, "--repeat"),
    ] {
        if is_set {
            return Err(usage(format!(
                "`{flag}` does not go with {}: what runs already is only read\n\
                 (hint: leaklab run {flag} … -- PROGRAM starts one)",
                to.flag()
            )));
        }
    }
    let plans = own.snapshots.iter().flat_map(|flag| &flag.plans);
    let need = plans
        .filter_map(|plan| plan.preset)
        .find_map(|preset| preset.launch_need());
    if let Some(need) = need {
        return Err(usage(format!(
            "`--snapshot` does not go with {} here: {need}\n\
             (hint: leaklab run --snapshot … -- PROGRAM starts one)",
            to.flag()
        )));
    }
    let one = OneCell {
        settings,
        repetition: 1,
        run_folder,
    };
    one.attached(&own, to).map(|cell| vec![cell])
}

impl OneCell<'_> {
    fn attached(&self, own: &CellSettings, to: &AttachTo) -> anyhow::Result<CellSetup> {
        look_up_tools(own)?;
        let (attached, found, command) = match to {
            AttachTo::Process(pid) => process(*pid)?,
            AttachTo::Group(name) => group(ControlGroup::named(name).map_err(usage)?, None)?,
            AttachTo::Container(id) => {
                let of_container = ControlGroup::of_container(id).map_err(usage)?;
                group(of_container, Some(id))?
            }
        };
        let name = self.settings.name.clone().unwrap_or(found);
        let plan = CellPlan {
            command,
            control_group: match &attached {
                Attached::Group(group) => Some(group.folder().display().to_string()),
                Attached::Process(_) => None,
            },
            ..self.plan_named(own, &name)
        };
        let load = own.duration.unwrap_or(DEFAULT_COMMAND_LOAD);
        let schedule = Schedule {
            warmup: own.warmup.unwrap_or_default(),
            load: Some(load),
            drain: own.drain.unwrap_or_default(),
            by_child: false,
        };
        let child = ChildPlan {
            attach: Some(attached),
            is_own: true,
            ..self.child(own, interval_within(own.interval, Some(load))?)?
        };
        let mut cell = self.setup(own, plan, child, schedule);
        cell.memory_limit_bytes = None;
        cell.ready_timeout = None;
        self.add_rules(own, &mut cell)?;
        if let Some(source) = &own.heap {
            let cells = std::slice::from_mut(&mut cell);
            heap::prepare(cells, source, Path::new("")).map_err(usage)?;
        }
        Ok(cell)
    }
}

/// A process that runs, what it is called, and its command line.
fn process(pid: u32) -> anyhow::Result<(Attached, String, Vec<String>)> {
    let gone = || {
        usage(format!(
            "there is no process {pid}, or it may not be seen (hidepid, another container)"
        ))
    };
    crate::procfs::start_ticks(pid).ok_or_else(gone)?;
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
    let name = read("comm").map_err(|_| gone())?.trim().to_owned();
    let command_line = read("cmdline").unwrap_or_default();
    let words = command_line.split('\0').filter(|word| !word.is_empty());
    let words = words.map(str::to_owned).collect();
    Ok((Attached::Process(pid), name, words))
}

/// A group with processes in it, and what it is called: the container, or its folder.
fn group(
    group: ControlGroup,
    container: Option<&str>,
) -> anyhow::Result<(Attached, String, Vec<String>)> {
    if group.processes().is_empty() {
        return Err(usage(format!(
            "there is no process in `{}`: what it held has ended",
            group.folder().display()
        )));
    }
    let name = container.map_or_else(|| group.name(), str::to_owned);
    Ok((Attached::Group(group), name, Vec::new()))
}
