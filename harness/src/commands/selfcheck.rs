//! `leaklab selfcheck`: canaries through the whole instrument, from child to verdict.

use crate::commands::canaries::canaries;
use crate::commands::{print, selfcheck_hostile};
use crate::exit::Exit;
use crate::plan::{CellSettings, RunSettings, scenario_cells, select};
use crate::results::closing_table;
use crate::results::judged::JudgedCell;
use crate::run::record_run;
use crate::supervisor::signals;
use anyhow::Context;
use leaklab_reports::cell::Standing;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Load of each canary: two thousand operations at the shapes' own rate, some teeth of the
/// sawtooth and some fillings of the cache.
const CANARY_LOAD: Duration = Duration::from_secs(8);
/// Twenty samples in each tooth, so that its floor is seen.
const CANARY_INTERVAL: Duration = Duration::from_millis(20);
const CANARY_DRAIN: Duration = Duration::from_millis(200);
/// How often a canary may be run that is not decided, each time for twice as long.
const ATTEMPTS: u32 = 2;

/// Check the instrument: programs with a known answer, from child process to verdict.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Runs a known leak, a bounded cache, a sawtooth, a warm-up and a flat program, in under a minute,
and gives the judge readings of known answer: a list that grows, resident memory in steps, a leak
that is started again and again, a cache that fills, a program without work.
Exit code 4 and `instrument broken` if one gets another verdict than it must: then a green
nightly run says nothing. One that is not decided, as on a busy machine, is run again for twice
as long; 3 if it still is not. Run it first:

  leaklab selfcheck && leaklab run --duration 8h -- ./my-service")]
pub struct Arguments {
    /// Folder for the canaries' run; it is removed when all is well.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
    /// Try instead what nights do to a harness: floods, escapes, wrong clocks, double forks, a
    /// full disk, kill -9 of either side; in under two minutes.
    #[arg(long)]
    hostile: bool,
}

/// Runs the canaries.
///
/// # Errors
///
/// What keeps the run from being recorded.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.hostile {
        return selfcheck_hostile::execute(&arguments.out);
    }
    let mut settings = RunSettings {
        flags: CellSettings {
            duration: Some(CANARY_LOAD),
            interval: Some(CANARY_INTERVAL),
            drain: Some(CANARY_DRAIN),
            memory_limit: Some(1 << 30),
            ..CellSettings::default()
        },
        repeat: 1,
        jobs: 2,
        seed: 1,
        ..RunSettings::default()
    };
    let deceived = deceived()?;
    if !deceived.is_empty() {
        print(&format!(
            "instrument broken: the judge is wrong about {}\n\
             (hint: this build is not to be trusted; install another version)\n",
            deceived.join(", ")
        ))?;
        return Ok(Exit::Harness);
    }
    signals::listen().context("cannot listen for signals")?;
    let mut asked = vec!["shape".to_owned()];
    let mut broken;
    let mut folder;
    let mut attempts = 0;
    loop {
        let canaries = select(&asked, &[])?;
        let plan = |folder: &Path| scenario_cells(&settings, &canaries, &BTreeMap::new(), folder);
        let recorded = record_run(&arguments.out.join("selfcheck"), &settings, &plan, false)?;
        if let Some(signal) = signals::asked_by() {
            return Ok(Exit::Signal(signal));
        }
        let run = recorded.open()?;
        folder = recorded.folder;
        let judged: Vec<_> = run.cells.iter().map(JudgedCell::as_recorded).collect();
        print(&closing_table(&judged))?;
        let (open, wrong): (Vec<_>, Vec<_>) = (judged.iter())
            .filter(|cell| cell.exit() != Exit::Good)
            .partition(|cell| cell.standing() == Standing::Undecided);
        let ids = |cells: &[&JudgedCell<'_>]| -> Vec<String> {
            cells.iter().map(|cell| cell.cell.plan.id.clone()).collect()
        };
        (broken, asked) = (ids(&wrong), ids(&open));
        if broken.is_empty() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove `{}`", folder.display()))?;
        }
        if asked.is_empty() || !broken.is_empty() {
            break;
        }
        attempts += 1;
        if attempts == ATTEMPTS {
            print(&format!(
                "\nnot decided: {} (hint: try again when the machine has less to do)\n",
                asked.join(", ")
            ))?;
            return Ok(Exit::Inconclusive);
        }
        // A machine that is busy makes readings uneven; that is no fault of the instrument.
        settings.flags.duration = settings.flags.duration.map(|load| load * 2);
        print(&format!(
            "\n{} is not decided: again, for twice as long\n\n",
            asked.join(", ")
        ))?;
    }
    if broken.is_empty() {
        print("\nthe instrument works: every canary got the verdict that it must get\n")?;
        return Ok(Exit::Good);
    }
    print(&format!(
        "\ninstrument broken: {} did not get the verdict that it must get\n\
         (hint: the samples are in `{}`; a machine under heavy load can be the cause)\n",
        broken.join(", "),
        folder.display()
    ))?;
    Ok(Exit::Harness)
}

/// The readings of known answer that the judge is wrong about.
fn deceived() -> anyhow::Result<Vec<&'static str>> {
    let mut wrong = Vec::new();
    for canary in canaries() {
        let holds = canary.holds();
        if !holds.with_context(|| format!("the judge refuses {}", canary.name))? {
            wrong.push(canary.name);
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judge_is_right_about_every_canary() {
        assert_eq!(deceived().expect("verdicts"), Vec::<&str>::new());
    }
}
