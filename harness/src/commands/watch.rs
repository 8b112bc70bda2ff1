//! `leaklab watch`: a run that goes on elsewhere, seen in a terminal through its folder.

use crate::commands::report::{newest_run, open};
use crate::commands::{print, print_styled};
use crate::exit::Exit;
use crate::progress::History;
use crate::results::judged::JudgedCell;
use crate::run_life::{CellLife, cell_life, run_life};
use crate::tail::SampleTail;
use crate::text::{bytes_text, count_text};
use crate::time::{duration_text, ms_duration, parse_duration};
use crate::words::{clean, clean_line, say};
use leaklab_reports::cell::damage_of;
use leaklab_reports::chart::terminal::{Frame, braille, sparkline};
use leaklab_reports::page::RunLife;
use leaklab_run::{Cell, Outcome, Run, Sample};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Watch a run that goes on elsewhere, by its folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab watch                 the newest run
  leaklab watch RUN --once      how it stands, and no more

Ends with the run, and with its exit code; with 4 if the run died without a word.
Ctrl-C ends the watching and leaves the run alone.")]
pub struct Arguments {
    /// The run folder [default: the newest run].
    run: Option<String>,
    /// Print how it stands, and end.
    #[arg(long)]
    once: bool,
    /// Time between two looks.
    #[arg(long, value_parser = parse_duration, default_value = "1s")]
    every: Duration,
    /// Folder for runs, where the newest is looked for.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
}

/// Time between two lines of a cell where stdout is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// Cells that are shown at once; of more, those that run and the latest.
const SHOWN_CELLS: usize = 8;
/// Characters of the line of blocks behind a cell that has ended.
const SKETCH_WIDTH: usize = 24;
/// Lines of the small chart.
const CHART_LINES: usize = 4;

/// Watches until the run has ended or died.
///
/// # Errors
///
/// A usage error for what is not a run; otherwise what kept its files from being read.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let address = match &arguments.run {
        Some(address) => address.clone(),
        None => newest_run(&arguments.out)?.display().to_string(),
    };
    let folder = open(&address)?.0.folder;
    let mut watch = Watch::new(std::io::stdout().is_terminal() && !arguments.once);
    loop {
        let run = Run::open(&folder)?;
        let life = run_life(&run, SystemTime::now());
        watch.read(&run)?;
        watch.show(&run, life, arguments.once || life != RunLife::Running)?;
        if life != RunLife::Running {
            tell_damage(&run);
        }
        match life {
            RunLife::Ended => return Ok(exit_of(&run)),
            RunLife::Gone => return Ok(Exit::Harness),
            RunLife::Running if arguments.once => return Ok(Exit::Good),
            RunLife::Running => std::thread::sleep(arguments.every.max(Duration::from_millis(50))),
        }
    }
}

/// Says what was damaged since the cells were written; their verdicts are those of then.
fn tell_damage(run: &Run) {
    for cell in &run.cells {
        for words in damage_of(cell) {
            say!("note: {}: {words}", cell.plan.id);
        }
    }
}

/// The exit code of the run itself: that of the signal which stopped it, or of its gravest cell.
fn exit_of(run: &Run) -> Exit {
    let stopped_by = |cell: &Cell| cell.status.stopped_by_signal;
    if let Some(signal) = run.cells.iter().find_map(stopped_by) {
        return Exit::Signal(signal);
    }
    let whole = match run.lacks() {
        None => Exit::Good,
        Some(lacks) => {
            say!("{lacks}");
            Exit::Inconclusive
        }
    };
    run.cells.iter().fold(whole, |exit, cell| {
        exit.or_graver(JudgedCell::as_recorded(cell).exit())
    })
}

/// What has been seen of a run.
struct Watch {
    on_terminal: bool,
    cells: HashMap<PathBuf, WatchedCell>,
    lines_on_screen: usize,
    last_lines: Option<Instant>,
}

/// What has been seen of a cell; bounded, however long it runs.
struct WatchedCell {
    tail: SampleTail,
    history: History,
    last: Option<Sample>,
}

impl Watch {
    fn new(on_terminal: bool) -> Self {
        Watch {
            on_terminal,
            cells: HashMap::new(),
            lines_on_screen: 0,
            last_lines: None,
        }
    }

    /// Reads what has been written since the last time.
    fn read(&mut self, run: &Run) -> anyhow::Result<()> {
        for cell in shown(run) {
            let watched = self
                .cells
                .entry(cell.folder.clone())
                .or_insert_with(|| WatchedCell {
                    tail: SampleTail::new(cell.folder.join("samples.csv")),
                    history: History::new(),
                    last: None,
                });
            let WatchedCell {
                tail,
                history,
                last,
            } = watched;
            tail.poll(|sample| {
                history.add(sample);
                *last = Some(*sample);
            })?;
        }
        let kept: Vec<&Path> = shown(run)
            .iter()
            .map(|cell| cell.folder.as_path())
            .collect();
        self.cells
            .retain(|folder, _| kept.contains(&folder.as_path()));
        Ok(())
    }

    /// Draws over what was drawn before on a terminal; elsewhere prints a line a minute.
    fn show(&mut self, run: &Run, life: RunLife, last_time: bool) -> anyhow::Result<()> {
        if self.on_terminal {
            let width = crate::system::terminal_columns(std::io::stdout().as_fd()).unwrap_or(80);
            let text = self.screen(run, life, usize::from(width));
            // Up to the first line of the last screen, and clear from there.
            let back = match self.lines_on_screen {
                0 => String::new(),
                lines => format!("\x1b[{lines}A\x1b[J"),
            };
            self.lines_on_screen = text.lines().count();
            print_styled(&format!("{back}{}", clean(&text)))?;
        } else if last_time
            || self
                .last_lines
                .is_none_or(|at| at.elapsed() >= LINE_INTERVAL)
        {
            self.last_lines = Some(Instant::now());
            print(&self.screen(run, life, 100))?;
        }
        Ok(())
    }

    fn screen(&self, run: &Run, life: RunLife, width: usize) -> String {
        let now = SystemTime::now();
        let ended = run
            .cells
            .iter()
            .filter(|cell| cell_life(cell, now) == CellLife::Ended)
            .count();
        let state = match life {
            RunLife::Running => ", running",
            RunLife::Ended => "",
            RunLife::Gone => ", died without a word: no process of it is left here",
        };
        let mut text = format!(
            "{}  {ended} of {} cells ended{state}\n",
            clean_line(&run.record.id),
            run.cells.len()
        );
        let shown = shown(run);
        for cell in &shown {
            let life = cell_life(cell, now);
            let lines = self
                .cells
                .get(&cell.folder)
                .map(|watched| watched.lines(cell, life, width));
            for line in lines.unwrap_or_default() {
                text.push_str(&cut(&line, width));
                text.push('\n');
            }
        }
        if run.cells.len() > shown.len() {
            text.push_str(&format!(
                "and {} more cells\n",
                run.cells.len() - shown.len()
            ));
        }
        text
    }
}

impl WatchedCell {
    /// A line of figures, and a small chart below it while the cell runs.
    fn lines(&self, cell: &Cell, life: CellLife, width: usize) -> Vec<String> {
        let id = clean_line(&cell.plan.id);
        let values = self.history.values();
        let frame = Frame::from_zero(&values);
        let state = state_words(cell, life, self.last.as_ref());
        let Some(sample) = &self.last else {
            return vec![format!("{id}  {state}")];
        };
        let time = duration_text(ms_duration(sample.elapsed_ms));
        let operations = sample
            .ops_total
            .map_or_else(String::new, |ops| format!("  {} ops", count_text(ops)));
        let heap = self.history.last().map_or("-".to_owned(), bytes_text);
        let growth = self.history.growth().map_or_else(String::new, |growth| {
            let plus = if growth >= 0.0 { "+" } else { "" };
            format!(" ({plus}{})", bytes_text(growth))
        });
        let metric = self.history.metric();
        let line = format!("{id}  {state}  {time}{operations}  {metric} {heap}{growth}");
        if matches!(life, CellLife::Ended | CellLife::Planned) {
            let room = width
                .saturating_sub(line.chars().count() + 2)
                .min(SKETCH_WIDTH);
            let sketch = frame.map_or_else(String::new, |frame| sparkline(&values, room, frame));
            return vec![format!("{line}  {sketch}")];
        }
        let mut lines = vec![line];
        if let Some(frame) = frame {
            lines.extend(self.chart(frame, width));
        }
        lines
    }

    /// The chart with its limits at the left.
    fn chart(&self, frame: Frame, width: usize) -> Vec<String> {
        const LABEL: usize = 10;
        let columns = width.saturating_sub(LABEL + 3).clamp(8, 100);
        let points = self.history.points();
        let times_ms: Vec<f64> = points.iter().map(|point| point.elapsed_ms).collect();
        let field = braille(
            &times_ms,
            &self.history.values(),
            columns,
            CHART_LINES,
            frame,
        );
        field
            .iter()
            .enumerate()
            .map(|(i, dots)| {
                let label = match i {
                    0 => bytes_text(frame.high),
                    _ if i + 1 == CHART_LINES => bytes_text(frame.low),
                    _ => String::new(),
                };
                format!("{label:>LABEL$} │{dots}")
            })
            .collect()
    }
}

/// The cells worth a place on the screen: those that run, then the latest that have ended.
fn shown(run: &Run) -> Vec<&Cell> {
    if run.cells.len() <= SHOWN_CELLS {
        return run.cells.iter().collect();
    }
    let now = SystemTime::now();
    let mut ranked: Vec<(u8, usize)> = run
        .cells
        .iter()
        .enumerate()
        .map(|(i, cell)| match cell_life(cell, now) {
            CellLife::Running | CellLife::Silent(_) | CellLife::Gone(_) => (0, i),
            CellLife::Ended => (1, run.cells.len() - i),
            CellLife::Planned => (2, i),
        })
        .collect();
    ranked.sort_unstable();
    let mut places: Vec<usize> = ranked
        .into_iter()
        .take(SHOWN_CELLS)
        .map(|(rank, i)| if rank == 1 { run.cells.len() - i } else { i })
        .collect();
    places.sort_unstable();
    places.into_iter().map(|i| &run.cells[i]).collect()
}

/// How the cell stands, in words.
fn state_words(cell: &Cell, life: CellLife, last: Option<&Sample>) -> String {
    match life {
        CellLife::Planned => "not started".to_owned(),
        CellLife::Running => last.map_or("starting".to_owned(), |s| s.phase.name().to_owned()),
        CellLife::Silent(silence) => format!(
            "no row for {}, but its process lives",
            duration_text(silence)
        ),
        CellLife::Gone(silence) if silence == Duration::MAX => {
            "died without a word before its first row".to_owned()
        }
        CellLife::Gone(silence) => {
            format!(
                "died without a word, last row {} ago",
                duration_text(silence)
            )
        }
        CellLife::Ended => {
            let outcome = cell.status.outcome.map_or("ended", Outcome::name);
            let judgement = cell.verdict::<serde_json::Value>();
            let verdict = judgement
                .as_ref()
                .and_then(|value| value.get("verdict")?.as_str())
                .map_or_else(String::new, |verdict| format!(", {}", clean_line(verdict)));
            format!("{outcome}{verdict}")
        }
    }
}

/// At most `width` characters, so that a line stays one line.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut text: String = line.chars().take(width.saturating_sub(1)).collect();
    text.push('…');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
