//! `leaklab challenge`: known leaks in the user's own program, under its own load, to see which
//! of them its soak would have called.

use crate::challenge::{Challenged, Leak, SEARCHED, Search, Tried, prepare, sizes_of};
use crate::commands::{plain_table, print};
use crate::exit::{Exit, usage};
use crate::plan::{CellSettings, DEFAULT_COMMAND_LOAD, RunSettings, command_cells};
use crate::results::judged::JudgedCell;
use crate::run::record_run;
use crate::supervisor::signals;
use crate::time::duration_text;
use crate::words::say;
use anyhow::Context;
use leaklab_judge::amount::bytes_text;
use leaklab_judge::{Budget, Verdict};
use leaklab_reports::cell::Standing;
use std::cell::Cell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Put known leaks into your own program and see which its soak would call.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab challenge --duration 10m --load 'wrk -d 1h http://127.0.0.1:8080/' -- ./shop
  leaklab challenge --leak blocks --require 10MiB/h --heap jemalloc -- ./shop

Each leak is made inside the program, by a thread of a preloaded object or of the probe that it
links: steady blocks, one container that doubles, blocks in proportion to the CPU time that the
program uses (as a leak per request), and blocks that are given back late, which are no leak. One
soak without a leak comes first; then the size is searched between the largest leak that was not
called and the smallest that was, each in a soak of its own, with the program's own load. The
flags are those of `leaklab run`.

Exit codes: 0 every leak is called from some size on, and what is given back is not called one ·
1 one is not, or not at --require, or the program leaks by itself · 3 none could be tried, or what
is given back was not told from a leak in soaks that called none · else as `leaklab run`.")]
pub struct Arguments {
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
    /// Leaks to try: blocks, container, work, late [default: all].
    #[arg(
        long = "leak",
        value_name = "LEAK",
        value_delimiter = ',',
        help_heading = "Challenge"
    )]
    leaks: Vec<Leak>,
    /// Soaks for each leak whose size is searched.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=12), help_heading = "Challenge")]
    soaks: u32,
    /// Size at which each leak must be called, which is tried first: 10MiB/h.
    #[arg(long, value_name = "GROWTH", help_heading = "Challenge")]
    require: Option<Budget>,
    /// What the program is called everywhere [default: its file's name].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    cell: CellSettings,
    /// Folder for runs.
    #[arg(
        long,
        default_value = "leaklab-out",
        env = "LEAKLAB_OUT",
        help_heading = "Files"
    )]
    out: PathBuf,
}

/// Challenges the soak of a program.
///
/// # Errors
///
/// A usage error if the program cannot be started or not be preloaded; otherwise what kept a
/// run from being recorded.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let leaks = match arguments.leaks.is_empty() {
        true => Leak::ALL.to_vec(),
        false => arguments.leaks.clone(),
    };
    let soaks = Soaks::new(arguments);
    let required = arguments.required(soaks.load)?;
    soaks.announce(&leaks, arguments.soaks);
    signals::listen().context("cannot listen for signals")?;
    let baseline = soaks.soak(None)?;
    if let Some(exit) = baseline.refusal() {
        return Ok(exit);
    }
    let mut challenged = Vec::new();
    let mut start = baseline.first_size(soaks.load);
    for leak in leaks.iter().copied().filter(|leak| SEARCHED.contains(leak)) {
        if leak == Leak::Work && baseline.processor_share < LEAST_SHARE {
            say!("no leak with its work: the program used no CPU time to speak of");
            continue;
        }
        // What is required is tried first: beside it, sizes would be found that do not tell of it.
        let first = required.unwrap_or(start);
        let mut search = Search::new(first, arguments.soaks, soaks.load);
        while let Some(size) = search.next() {
            let tried = soaks.soak(Some((leak, size, &baseline)))?;
            if let Some(signal) = signals::asked_by() {
                return Ok(Exit::Signal(signal));
            }
            search.take(size, tried.verdict);
        }
        start = search.called.unwrap_or(start);
        challenged.push(Challenged::searched(leak, &search));
    }
    if leaks.contains(&Leak::Late) {
        let tried = soaks.soak(Some((Leak::Late, start * LATE_FACTOR, &baseline)))?;
        challenged.push(Challenged::late(start * LATE_FACTOR, tried.verdict));
    }
    if let Some(signal) = signals::asked_by() {
        return Ok(Exit::Signal(signal));
    }
    print(&words(&challenged, required, soaks.load))?;
    Ok(exit_of(&challenged, required))
}

impl Arguments {
    /// The size at which each leak must be called, in bytes an hour, if it can be made.
    fn required(&self, load: Duration) -> anyhow::Result<Option<f64>> {
        let bytes = match self.require {
            None => return Ok(None),
            Some(Budget::BytesPerHour(bytes)) => bytes,
            Some(_) => return Err(usage("`--require` takes growth per hour: 10MiB/h")),
        };
        let [least, most] = sizes_of(load);
        match (least..=most).contains(&bytes) {
            true => Ok(Some(bytes)),
            false => Err(usage(format!(
                "in a soak of {} leaks between {}/h and {}/h can be made, and `--require` asks for \
                 {}/h (hint: a longer --duration shows smaller ones)",
                duration_text(load),
                bytes_text(least),
                bytes_text(most),
                bytes_text(bytes)
            ))),
        }
    }
}

/// CPU time, as a share of a processor, below which there is no work to leak with.
const LEAST_SHARE: f64 = 0.002;
/// How much faster than the smallest called leak what is given back late is allocated.
const LATE_FACTOR: f64 = 2.0;

/// The soaks of a challenge: all alike but for the leak.
struct Soaks<'a> {
    arguments: &'a Arguments,
    settings: RunSettings,
    load: Duration,
}

impl<'a> Soaks<'a> {
    fn new(arguments: &'a Arguments) -> Self {
        let mut flags = arguments.cell.clone();
        let load = *flags.duration.get_or_insert(DEFAULT_COMMAND_LOAD);
        let settings = RunSettings {
            flags,
            default_memory_limit: crate::host::default_memory_limit_bytes(1),
            repeat: 1,
            jobs: 1,
            seed: 1,
            name: arguments.name.clone(),
            ..RunSettings::default()
        };
        Soaks {
            arguments,
            settings,
            load,
        }
    }

    fn announce(&self, leaks: &[Leak], soaks: u32) {
        let searched = leaks.iter().filter(|leak| SEARCHED.contains(leak)).count() as u32;
        let late = u32::from(leaks.contains(&Leak::Late));
        let most = 1 + searched * soaks + late;
        let cell = &self.settings.flags;
        let each = self.load + cell.warmup.unwrap_or_default() + cell.drain.unwrap_or_default();
        say!(
            "at most {most} soaks of {}, {} in all",
            duration_text(each),
            duration_text(each * most)
        );
    }

    /// One soak, with a leak of so many bytes an hour beside what the one without showed.
    fn soak(&self, leak: Option<(Leak, f64, &Tried)>) -> anyhow::Result<Tried> {
        let is_preloaded = Cell::new(false);
        let plan = |folder: &Path| {
            let mut cells = command_cells(&self.settings, &self.arguments.command, folder)?;
            if let Some((leak, bytes_per_hour, without)) = leak {
                let program = Path::new(&self.arguments.command[0]);
                for cell in &mut cells {
                    prepare(cell, program, leak, bytes_per_hour, without).map_err(usage)?;
                    is_preloaded.set(cell.child.preload.is_some());
                }
            }
            Ok(cells)
        };
        match leak {
            None => say!("a soak without a leak"),
            Some((leak, bytes, _)) => say!("{} of {}/h", leak.words(), bytes_text(bytes)),
        }
        let runs = self.arguments.out.join("runs");
        let recorded = record_run(&runs, &self.settings, &plan, false)?;
        let run = recorded.open()?;
        let cell = &run.cells[0];
        let judged = JudgedCell::as_recorded(cell);
        let tried = Tried::of(&judged);
        if let Some((_, _, without)) = leak
            && !tried.was_made(without, is_preloaded.get())
        {
            return Err(usage(
                "the program tells of its heap by itself and made no leak when it was asked to: \
                 link the leaklab-probe of this version, or name a heap that is read from \
                 outside (--heap mallinfo, --heap jemalloc)",
            ));
        }
        match &judged.judgement {
            Ok(judgement) => say!("  {}: {}", judgement.verdict, judgement.reason),
            Err(why) => say!("  not judged: {why}"),
        }
        Ok(tried)
    }
}

impl Tried {
    /// Why there is nothing to challenge.
    fn refusal(&self) -> Option<Exit> {
        if let Some(signal) = signals::asked_by() {
            return Some(Exit::Signal(signal));
        }
        if self.verdict == Verdict::Leak {
            say!(
                "the program leaks by itself at this budget: nothing can be told from it \
                 (hint: accept its growth with --budget, or soak it for longer)"
            );
            return Some(Exit::Bad);
        }
        match self.standing {
            Standing::Good | Standing::Undecided | Standing::Unexpected => None,
            bad => Some(bad.into()),
        }
    }
}

fn words(challenged: &[Challenged], required: Option<f64>, load: Duration) -> String {
    let mut table = plain_table(&["leak", "smallest called", "not called", "soaks"]);
    for one in challenged {
        let per_hour = |size: Option<f64>| {
            size.map_or("-".to_owned(), |size| format!("{}/h", bytes_text(size)))
        };
        let called = match one.late {
            None => per_hour(one.called),
            Some(verdict) => match verdict {
                Verdict::NoLeak => "told apart: no-leak".to_owned(),
                Verdict::Inconclusive => "not called a leak: inconclusive".to_owned(),
                Verdict::Leak => "called a leak, wrongly".to_owned(),
            },
        };
        table.add_row([
            one.leak.words().to_owned(),
            called,
            per_hour(one.missed),
            one.soaks.to_string(),
        ]);
    }
    let mut text = format!("{table}\n\n");
    for one in challenged {
        if let Some(cleared) = one.cleared {
            text.push_str(&format!(
                "Of {} of {}/h it said no-leak: they did not show within {}.\n",
                one.leak.words(),
                bytes_text(cleared),
                duration_text(load)
            ));
        }
    }
    if let Some(size) = challenged
        .iter()
        .find_map(|one| one.shows_nothing(challenged))
    {
        text.push_str(&format!(
            "That blocks of {}/h that are given back were not called a leak shows nothing: a soak of \
             {} did not call any leak of that size. Soak for longer.\n",
            bytes_text(size),
            duration_text(load)
        ));
    }
    if let Some(required) = required {
        for one in challenged.iter().filter(|one| one.late.is_none()) {
            let word = if one.is_met(Some(required)) {
                ""
            } else {
                "not "
            };
            let (leak, size) = (one.leak.words(), bytes_text(required));
            text.push_str(&format!(
                "At {size}/h, as required, {leak} are {word}called.\n"
            ));
        }
    }
    let searched: Vec<&Challenged> = challenged.iter().filter(|one| one.late.is_none()).collect();
    let largest = searched
        .iter()
        .filter_map(|one| one.called)
        .fold(0.0, f64::max);
    if searched.iter().any(|one| one.called.is_none()) {
        text.push_str(
            "A leak was not called at any size that was tried: soak for longer, or read the live \
             heap (--heap).\n",
        );
    } else if largest > 0.0 {
        text.push_str(&format!(
            "A soak of {} calls leaks of {}/h, {}. Of smaller ones it says nothing for certain; \
             `leaklab plan` tells how long they need.\n",
            duration_text(load),
            bytes_text(largest),
            match searched.len() == SEARCHED.len() {
                true => "whatever their shape",
                false => "of the shapes that were tried",
            }
        ));
    }
    text
}

fn exit_of(challenged: &[Challenged], required: Option<f64>) -> Exit {
    let shows_nothing = |one: &Challenged| one.shows_nothing(challenged).is_some();
    match challenged.iter().all(|one| one.is_met(required)) {
        // Nothing could be tried: nothing is known.
        true if challenged.is_empty() || challenged.iter().any(shows_nothing) => Exit::Inconclusive,
        true => Exit::Good,
        false => Exit::Bad,
    }
}
