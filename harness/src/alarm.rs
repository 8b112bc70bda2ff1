//! `--on-alarm`: a command that is run when a cell leaks, dies or fails, once for each cell.

use crate::supervisor::cell::CellSetup;
use crate::supervisor::load::{Surroundings, run_command};
use crate::words::say;
use leaklab_judge::CellJudgement;
use leaklab_reports::cell::{Standing, verdict_words};
use leaklab_run::{Cell, CellPlan};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest time that the command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The alarms of a run; each cell has one at most. Copies are of the same alarms.
#[derive(Clone, Default)]
pub struct Alarms(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By the cell's address; taken out when it is raised.
    waiting: HashMap<String, Alarm>,
    raised: Vec<JoinHandle<()>>,
}

struct Alarm {
    words: Vec<String>,
    surroundings: Surroundings,
    folder: PathBuf,
}

impl Alarms {
    /// Those that cells ask for.
    pub fn of(cells: &[CellSetup]) -> Self {
        let alarm = |cell: &CellSetup| {
            let alarm = Alarm {
                words: cell.beside.alarm.clone()?,
                surroundings: cell.beside.surroundings.clone(),
                folder: cell.folder.clone(),
            };
            Some((cell.plan.id.clone(), alarm))
        };
        Alarms(Arc::new(Mutex::new(State {
            waiting: cells.iter().filter_map(alarm).collect(),
            raised: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the command of a cell, if it has one and it was not run before; nobody waits for it
    /// here. `what` is a word for scripts, `reason` a sentence for people.
    pub fn raise(&self, plan: &CellPlan, what: &str, reason: &str) {
        let mut state = self.state();
        let Some(mut alarm) = state.waiting.remove(&plan.id) else {
            return;
        };
        let folder = std::path::absolute(&alarm.folder).unwrap_or_else(|_| alarm.folder.clone());
        let run = folder.parent().unwrap_or(&folder);
        let pid = Cell::open(run, plan).status.pid;
        let pid = pid.map_or(String::new(), |pid| pid.to_string());
        let log = folder.join("alarm.log");
        let folder = folder.display().to_string();
        let variables = [
            ("LEAKLAB_ALARM", what),
            ("LEAKLAB_CELL", &plan.id),
            ("LEAKLAB_REASON", reason),
            ("LEAKLAB_FOLDER", &folder),
            ("LEAKLAB_PID", &pid),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        alarm.surroundings.environment.extend(variables);
        let run = move || {
            let Alarm {
                words,
                surroundings,
                ..
            } = alarm;
            if let Err(message) = run_command("alarm", &words, &surroundings, &log, Some(PATIENCE))
            {
                say!("warning: {message}");
            }
        };
        match std::thread::Builder::new()
            .name("leaklab-alarm".to_owned())
            .spawn(run)
        {
            Ok(raised) => state.raised.push(raised),
            Err(error) => say!("warning: the alarm command could not be run: {error}"),
        }
    }

    /// Raises the alarm of a cell that has ended badly.
    pub fn ended(&self, cell: &Cell, judgement: Option<&CellJudgement>) {
        let what = match Standing::of(cell, judgement) {
            Standing::Unexpected => "leak",
            Standing::Died => "died",
            Standing::Broken => "failed",
            _ => return,
        };
        let reason = match (judgement, cell.status.message.is_empty()) {
            (Some(judgement), _) if what == "leak" => judgement.reason.clone(),
            (_, false) => cell.status.message.clone(),
            _ => verdict_words(cell, judgement),
        };
        self.raise(&cell.plan, what, &reason);
    }

    /// Waits for the commands that run.
    pub fn finish(&self) {
        let raised = std::mem::take(&mut self.state().raised);
        for one in raised {
            // One that panicked has said so.
            let _ = one.join();
        }
    }
}
