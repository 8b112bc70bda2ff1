//! Rules, seen from the loop of a cell: each row is held against them, and what they ask for is
//! done.

use super::CellLoop;
use crate::rules::{Action, RuleWatch, value};
use crate::supervisor::load::{run_command_until, with_pid};
use crate::supervisor::signals;
use leaklab_run::{EventKind, Phase, Sample};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest time of a command that a rule runs.
const LONGEST_COMMAND: Duration = Duration::from_secs(60);

/// How long a command of a rule that fired late may go on after its program has ended.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// Time between two looks at the commands that go on then.
const LOOK: Duration = Duration::from_millis(10);

/// What the loop keeps of them.
pub struct RuledState {
    watches: Vec<RuleWatch>,
    /// What went wrong with their commands.
    failures: (Sender<String>, Receiver<String>),
    /// Threads of their commands.
    commands: Vec<JoinHandle<()>>,
    /// Set when the cell has ended, and its commands must.
    is_over: Arc<AtomicBool>,
}

impl RuledState {
    /// Of those rules, before the first row.
    pub fn new(rules: &[crate::rules::Rule]) -> Self {
        RuledState {
            watches: rules.iter().cloned().map(RuleWatch::new).collect(),
            failures: channel(),
            commands: Vec::new(),
            is_over: Arc::default(),
        }
    }
}

impl CellLoop<'_> {
    /// Holds a row against the rules.
    pub(super) fn keep_rules(&mut self, row: &Sample) {
        self.tell_failures();
        if self.ruled.watches.is_empty() || self.phase != Phase::Load || self.ready_us.is_none() {
            return;
        }
        let gauges = &self.gauges;
        let of = |name: &str| value(name, row, gauges);
        let fired: Vec<crate::rules::Rule> = (self.ruled.watches.iter_mut())
            .filter_map(|watch| watch.fires(row.elapsed_ms, &of).then(|| watch.rule.clone()))
            .collect();
        for rule in fired {
            let number = rule.text.number;
            let name = format!("rule {number}: {}", rule.text.when);
            let kind = EventKind::Mark {
                name,
                duration_ms: None,
            };
            self.recorder.event(row.elapsed_ms, kind);
            for action in &rule.text.actions {
                self.act(number, action);
            }
        }
    }

    fn tell_failures(&mut self) {
        let failures: Vec<String> = self.ruled.failures.1.try_iter().collect();
        for why in failures {
            self.warn(why);
        }
    }

    fn act(&mut self, number: u64, action: &Action) {
        match action {
            Action::Where => {
                self.write_stacks(true);
                let plans = self.setup.beside.snapshots.iter();
                let names: Vec<String> = plans.map(|plan| plan.name.clone()).collect();
                for name in names {
                    self.ask_for_snapshot(&name, number);
                }
            }
            Action::Snapshot(name) => {
                if !self.ask_for_snapshot(name, number) {
                    self.warn(format!(
                        "rule {number}: snapshot {name} was not taken: too many wait"
                    ));
                }
            }
            Action::Exec(words) => self.run_for_rule(number, words),
        }
    }

    fn run_for_rule(&mut self, number: u64, words: &[String]) {
        let words: Vec<String> = words
            .iter()
            .map(|word| with_pid(word, self.child.pid()))
            .collect();
        let mut surroundings = self.setup.beside.surroundings.clone();
        surroundings.environment.extend([
            ("LEAKLAB_RULE".to_owned(), number.to_string()),
            ("LEAKLAB_PID".to_owned(), self.child.pid().to_string()),
        ]);
        let log = self.setup.folder.join(format!("rule-{number}.log"));
        let to = self.ruled.failures.0.clone();
        let is_over = Arc::clone(&self.ruled.is_over);
        let work = move || {
            let longest = Some(LONGEST_COMMAND);
            let ended = run_command_until("rule's", &words, &surroundings, &log, longest, &is_over);
            if let Err(why) = ended {
                let with_run = match is_over.load(Ordering::Relaxed) {
                    true => " (the run was over)",
                    false => "",
                };
                // Of a cell that has ended there is nobody to tell.
                let _ = to.send(format!("rule {number}: {why}{with_run}"));
            }
        };
        let thread = std::thread::Builder::new().name("leaklab-rule".to_owned());
        match thread.spawn(work) {
            Ok(command) => self.ruled.commands.push(command),
            Err(error) => {
                let why = format!("the command of rule {number} was not run: {error}");
                let _ = self.ruled.failures.0.send(why);
            }
        }
    }

    /// Ends the commands that still go on: none outlives the run.
    fn end_commands(&mut self) {
        let deadline = Instant::now() + LAST_PATIENCE;
        let commands = std::mem::take(&mut self.ruled.commands);
        let go_on = || commands.iter().any(|command| !command.is_finished());
        while go_on() && Instant::now() < deadline && signals::asked_by().is_none() {
            std::thread::sleep(LOOK);
        }
        self.ruled.is_over.store(true, Ordering::Relaxed);
        for command in commands {
            // It looks often, and waits for what it has killed alone.
            let _ = command.join();
        }
    }

    /// Says what went wrong since the last row, and which rules could never fire, since a figure of
    /// theirs was never there.
    pub(super) fn finish_rules(&mut self) {
        self.end_commands();
        self.tell_failures();
        let blind: Vec<String> = (self.ruled.watches.iter())
            .filter(|watch| watch.was_blind() && self.ready_us.is_some())
            .map(|watch| {
                let text = &watch.rule.text;
                format!(
                    "rule {} never had its figures: `{}`",
                    text.number, text.when
                )
            })
            .collect();
        for message in blind {
            self.warn(message);
        }
    }
}
