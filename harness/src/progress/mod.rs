//! What is shown while cells run: a line per cell on a terminal, a line a minute elsewhere.

mod history;
mod verdict;

pub use history::History;

use crate::alarm::Alarms;
use crate::supervisor::cell::{CellEvent, Observer};
use crate::text::{bytes_text, count_text};
use crate::time::{duration_text, ms_duration};
use crate::words::{clean, clean_line, say};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use leaklab_judge::Verdict;
use leaklab_reports::chart::terminal::{Frame, sparkline};
use leaklab_run::{CellPlan, CellStatus, Outcome, Phase, Sample};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use verdict::RunningVerdict;

/// Time between two lines of a cell when stderr is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// Characters of the small chart.
const SKETCH_WIDTH: usize = 24;

/// Columns of the bar and the space behind it.
const BAR_WIDTH: usize = 9;

/// Columns that are left for the words beside a bar.
fn message_width() -> usize {
    let columns = crate::system::terminal_columns(std::io::stderr().as_fd()).unwrap_or(80);
    usize::from(columns).saturating_sub(BAR_WIDTH)
}

/// Shows all cells of a run on stderr.
pub struct LiveView {
    bars: Option<MultiProgress>,
    cells: Mutex<HashMap<String, CellView>>,
    started: AtomicUsize,
    total: usize,
    until_verdict: bool,
    alarms: Alarms,
}

struct CellView {
    bar: Option<ProgressBar>,
    number: usize,
    history: History,
    verdict: RunningVerdict,
    last_line: Instant,
    planned_ms: Option<f64>,
}

impl LiveView {
    /// A view of `total` cells; bars only on a terminal, and not under `CI`. With
    /// `until_verdict`, a cell is stopped as soon as its verdict is certain; `alarms` are raised
    /// when it is a leak.
    pub fn new(total: usize, until_verdict: bool, alarms: Alarms) -> Self {
        let on_terminal = std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        LiveView {
            bars: on_terminal
                .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5))),
            cells: Mutex::new(HashMap::new()),
            started: AtomicUsize::new(0),
            total,
            until_verdict,
            alarms,
        }
    }

    fn cells(&self) -> MutexGuard<'_, HashMap<String, CellView>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => drop(bars.println(clean(line))),
            None => say!("{line}"),
        }
    }

    fn start(&self, plan: &CellPlan) {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let mut cells = self.cells();
        let bar = self.bars.as_ref().map(|bars| {
            let style = ProgressStyle::with_template("{bar:8} {wide_msg}");
            let bar = bars.add(ProgressBar::new(1000));
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        if bar.is_none() {
            say!("[{number}/{}] {} started", self.total, plan.id);
        }
        let view = CellView {
            bar,
            number,
            history: History::new(),
            verdict: RunningVerdict::new(plan),
            last_line: Instant::now(),
            planned_ms: plan.duration_s.map(|s| s * 1000.0),
        };
        cells.insert(plan.id.clone(), view);
    }

    fn sampled(&self, plan: &CellPlan, sample: &Sample) -> ControlFlow<()> {
        let mut cells = self.cells();
        let Some(view) = cells.get_mut(&plan.id) else {
            return ControlFlow::Continue(());
        };
        view.history.add(sample);
        let certain = view.verdict.add(sample);
        if let Some(bar) = &view.bar {
            let share = view
                .planned_ms
                .map_or(0.0, |planned| sample.elapsed_ms / planned);
            bar.set_position((share.clamp(0.0, 1.0) * 1000.0) as u64);
            let line = view.line(plan, sample, message_width());
            bar.set_message(clean_line(&line).into_owned());
        } else if view.last_line.elapsed() >= LINE_INTERVAL {
            view.last_line = Instant::now();
            say!(
                "[{}/{}] {}",
                view.number,
                self.total,
                view.line(plan, sample, usize::MAX)
            );
        }
        if let Some(judgement) = &certain
            && judgement.verdict == Verdict::Leak
            && plan.expected.as_deref() != Some("leak")
            // What a managed heap holds between two collections is no leak yet.
            && plan.settle.is_none()
        {
            self.alarms.raise(plan, "leak", &judgement.reason);
        }
        match certain {
            Some(_) if self.until_verdict => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn end(&self, plan: &CellPlan, status: &CellStatus) {
        let (number, sketch) = match self.cells().remove(&plan.id) {
            Some(view) => {
                if let Some(bar) = &view.bar {
                    bar.finish_and_clear();
                }
                (view.number, view.history.sketch())
            }
            None => (self.total, String::new()),
        };
        let hint = match (status.outcome, status.hint.is_empty()) {
            (_, true) => String::new(),
            (Some(Outcome::Completed), false) => format!(" (note: {})", status.hint),
            (_, false) => format!("\n      (hint: {})", status.hint),
        };
        self.say(&format!(
            "[{number}/{}] {}: {}; {} {sketch}{hint}",
            self.total,
            plan.id,
            status.message,
            match status.ops_total {
                Some(count) => format!("{} operations", count_text(count)),
                None => "operations not known".to_owned(),
            },
        ));
    }
}

impl Observer for LiveView {
    fn observe(&self, plan: &CellPlan, event: &CellEvent<'_>) -> ControlFlow<()> {
        match event {
            CellEvent::Started => self.start(plan),
            CellEvent::Sampled(sample) => return self.sampled(plan, sample),
            CellEvent::Marked { at_ms, duration_ms } => {
                if let Some(view) = self.cells().get_mut(&plan.id) {
                    view.verdict.mark(*at_ms, *duration_ms);
                }
            }
            CellEvent::Ended(status) => self.end(plan, status),
        }
        ControlFlow::Continue(())
    }
}

impl History {
    /// The values so far as a line of blocks that starts at zero.
    fn sketch(&self) -> String {
        let values = self.values();
        Frame::from_zero(&values)
            .map(|frame| sparkline(&values, SKETCH_WIDTH, frame))
            .unwrap_or_default()
    }
}

impl CellView {
    /// Time, live heap, growth, verdict so far, operations and a small chart, as far as they
    /// fit; the most telling first.
    fn line(&self, plan: &CellPlan, sample: &Sample, width: usize) -> String {
        let time = duration_text(ms_duration(sample.elapsed_ms));
        let heap = self.history.last().map_or("-".to_owned(), bytes_text);
        let growth = match self.history.growth() {
            Some(growth) if growth >= 0.0 => format!("+{}", bytes_text(growth)),
            Some(growth) => bytes_text(growth),
            None => "-".to_owned(),
        };
        let phase = match sample.phase {
            Phase::Load => "",
            other => other.name(),
        };
        let parts = [
            format!("{} {time}", plan.variant),
            format!("{} {heap} ({growth})", self.history.metric()),
            self.verdict.word(),
            phase.to_owned(),
            (sample.ops_total).map_or(String::new(), |count| format!("{} ops", count_text(count))),
            self.history.sketch(),
        ];
        let mut line = String::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let wanted = line.chars().count() + part.chars().count() + 2;
            if !line.is_empty() && wanted > width {
                break;
            }
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(part);
        }
        line
    }
}
