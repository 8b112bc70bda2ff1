//! The command line: which commands there are.

use crate::commands::{
    ab, bisect, calibrate, cell, challenge, chart, compare, doctor, export, field, fleet, history,
    judge, list, mark, merge, plan, prune, report, resume, run, selfcheck, serve, stop, submit,
    watch, r#where,
};
use crate::exit::Exit;
use crate::words::{clean, say};
use clap::{Parser, Subcommand};

/// Runs a program for minutes or nights, samples its memory, and says whether it leaks.
#[derive(Debug, Parser)]
#[command(
    name = "leaklab",
    version,
    propagate_version = true,
    after_help = "\
Exit codes: 0 as expected, within budget · 1 leak or regression · 2 usage · 3 inconclusive ·
4 harness failed · 5 the program died · 130, 143 stopped by a signal

  leaklab run alts-timeout --duration 20s       every variant of a published leak, with a chart
  leaklab run --duration 8h -- ./my-service     a soak of your own program
  leaklab list                                  the catalogue"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Commands under their headings; one that is in none stands under "Further".
const HEADINGS: [(&str, &[&str]); 5] = [
    ("Run", &["run", "list", "field", "ab", "bisect"]),
    (
        "Look at results",
        &[
            "judge", "chart", "report", "compare", "history", "where", "fleet",
        ],
    ),
    (
        "While it runs",
        &["watch", "serve", "mark", "stop", "resume"],
    ),
    (
        "Trust",
        &["plan", "calibrate", "selfcheck", "challenge", "doctor"],
    ),
    ("Keep house", &["prune", "merge", "export", "submit"]),
];

/// The command line with its commands under headings.
pub fn command() -> clap::Command {
    use clap::CommandFactory;
    // That there are variables is said once, not at every flag.
    let quiet = |run: clap::Command| {
        run.mut_args(|argument| argument.hide_env(true)).after_long_help(
            "Flags with a value may be set by variables too: LEAKLAB_DURATION, LEAKLAB_BUDGET, …; \
             `--show-settings` prints every setting and where its value comes from.",
        )
    };
    let command = Cli::command().mut_subcommand("run", quiet);
    let listed = command_list(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{listed}\nOptions:\n{{options}}\n\
         {{after-help}}"
    ))
}

/// Reads the command line.
///
/// # Errors
///
/// clap's answer: help, version, or what is wrong.
pub fn parse() -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches()?;
    <Cli as clap::FromArgMatches>::from_arg_matches(&matches)
}

fn command_list(command: &clap::Command) -> String {
    let about = |name: &str| {
        let mut all = command.get_subcommands();
        let found = all.find(|one| one.get_name() == name && !one.is_hide_set())?;
        Some(
            found
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default(),
        )
    };
    let known: Vec<&str> = HEADINGS
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    let others = command.get_subcommands().map(clap::Command::get_name);
    let others: Vec<&str> = others.filter(|name| !known.contains(name)).collect();
    let further = [("Further", &others[..])];
    let mut text = String::new();
    for (heading, names) in HEADINGS.iter().copied().chain(further) {
        let lines: Vec<String> = (names.iter())
            .filter_map(|name| Some(format!("  {name:<11}{}\n", about(name)?)))
            .collect();
        if !lines.is_empty() {
            text.push_str(&format!("{heading}:\n{}", lines.concat()));
        }
    }
    text
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Arguments>),
    Ab(Box<ab::Arguments>),
    Bisect(Box<bisect::Arguments>),
    Judge(judge::Arguments),
    Fleet(Box<fleet::Arguments>),
    Plan(plan::Arguments),
    Calibrate(calibrate::Arguments),
    Challenge(Box<challenge::Arguments>),
    List(list::Arguments),
    Field(field::Arguments),
    Selfcheck(selfcheck::Arguments),
    Chart(chart::Arguments),
    Compare(compare::Arguments),
    Report(report::Arguments),
    Where(r#where::Arguments),
    Watch(watch::Arguments),
    Stop(stop::Arguments),
    Resume(resume::Arguments),
    Export(export::Arguments),
    History(history::Arguments),
    Prune(prune::Arguments),
    Merge(merge::Arguments),
    Submit(submit::Arguments),
    Serve(serve::Arguments),
    Mark(mark::Arguments),
    Doctor(doctor::Arguments),
    #[command(hide = true)]
    Cell(cell::Arguments),
    /// Outlives a harness that is killed and ends what it left behind.
    #[command(hide = true)]
    Guard {
        /// What the names of the harness's cells begin with.
        token: String,
    },
}

impl Cli {
    /// Whether this is the child of a cell rather than a harness.
    pub fn is_cell(&self) -> bool {
        matches!(self.command, Command::Cell(_))
    }

    /// Does what the command line says.
    ///
    /// # Errors
    ///
    /// Anything that kept the command from its end; see [`crate::exit::of_error`].
    pub fn execute(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::Run(arguments) => run::execute(*arguments),
            Command::Ab(arguments) => ab::execute(&arguments),
            Command::Bisect(arguments) => bisect::execute(&arguments),
            Command::Judge(arguments) => judge::execute(&arguments),
            Command::Fleet(arguments) => fleet::execute(&arguments),
            Command::Plan(arguments) => plan::execute(&arguments),
            Command::Calibrate(arguments) => calibrate::execute(&arguments),
            Command::Challenge(arguments) => challenge::execute(&arguments),
            Command::List(arguments) => list::execute(&arguments),
            Command::Field(arguments) => field::execute(arguments),
            Command::Selfcheck(arguments) => selfcheck::execute(&arguments),
            Command::Chart(arguments) => chart::execute(&arguments),
            Command::Compare(arguments) => compare::execute(&arguments),
            Command::Report(arguments) => report::execute(&arguments),
            Command::Where(arguments) => r#where::execute(&arguments),
            Command::History(arguments) => history::execute(arguments),
            Command::Prune(arguments) => prune::execute(&arguments),
            Command::Merge(arguments) => merge::execute(&arguments),
            Command::Submit(arguments) => submit::execute(&arguments),
            Command::Watch(arguments) => watch::execute(&arguments),
            Command::Stop(arguments) => stop::execute(&arguments),
            Command::Resume(arguments) => resume::execute(&arguments),
            Command::Export(arguments) => export::execute(&arguments),
            Command::Serve(arguments) => serve::execute(&arguments),
            Command::Mark(arguments) => mark::execute(&arguments),
            Command::Doctor(arguments) => doctor::execute(&arguments),
            Command::Cell(arguments) => cell::execute(&arguments),
            Command::Guard { token } => {
                crate::supervisor::guard::keep_guard(std::io::stdin().lock(), &token);
                Ok(Exit::Good)
            }
        }
    }
}

impl Cli {
    /// The arguments of `run`, if that is the command.
    pub fn into_run(self) -> Option<run::Arguments> {
        match self.command {
            Command::Run(arguments) => Some(*arguments),
            _ => None,
        }
    }
}

/// Prints help, version or what is wrong with the command line.
///
/// Parts of an error come from the caller: what could steer a terminal is left out, and with
/// it the colours.
pub fn answer(answer: &clap::Error) -> Exit {
    let plain = answer.render().to_string();
    if answer.use_stderr() {
        match clean(&plain) == plain {
            // Nobody who reads it may be there; the code says it too.
            true => drop(answer.print()),
            false => say!("{}", plain.trim_end()),
        }
        return Exit::Usage;
    }
    match answer.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Harness,
        _ => Exit::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declarations_of_the_command_line_agree() {
        command().debug_assert();
    }

    #[test]
    fn help_groups_all_commands_and_the_flags_of_run_fit_a_screen() {
        let help = command().render_help().to_string();
        for part in [
            "Run:\n  run",
            "Look at results:\n  judge",
            "Trust:\n  plan",
            "Exit codes",
        ] {
            assert!(help.contains(part), "no `{part}` in:\n{help}");
        }
        let mut whole = command().term_width(100);
        let run = whole.find_subcommand_mut("run").expect("a command");
        let short = run.clone().term_width(100).render_help().to_string();
        let lines = short.lines().count();
        assert!(lines <= 60, "{lines} lines:\n{short}");
        assert!(
            short.lines().all(|line| line.chars().count() <= 100),
            "{short}"
        );
        assert!(short.contains("Times:") && short.contains("A program of your own:"));
    }
}
