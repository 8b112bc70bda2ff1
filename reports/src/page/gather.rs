//! Reads the cells of a run for the page: all of them for the table, the gravest for charts.

use super::series::{CellSeries, SeriesReader};
use super::{PageError, PageOptions, RunLife};
use crate::attribution::Answer;
use crate::cell::{
    Costs, Figures, Standing, Summary, VerdictOptions, damage_words, judge_samples, stored_verdict,
};
use crate::chart::style_numbers;
use leaklab_judge::CellJudgement;
use leaklab_run::{Cell, Run, SampleTable, State, TableError};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

/// A cell with what the page says about it.
pub(super) struct Entry<'a> {
    pub cell: &'a Cell,
    /// What is known of the run's life, beyond its folder.
    pub life: Option<RunLife>,
    pub judgement: Option<CellJudgement>,
    pub standing: Standing,
    pub figures: Figures,
    /// Whether `samples.csv` ended in the middle of a row.
    pub torn: bool,
    /// What of its record is damaged or gone.
    pub damage: Vec<String>,
    pub costs: Option<Costs>,
    /// Where it grows, for a cell with charts whose stacks were sampled.
    pub answer: Option<Answer>,
    /// Place in [`Gathered::series`], for a cell with charts.
    pub chart: Option<usize>,
}

/// All cells of a run.
pub(super) struct Gathered<'a> {
    /// In the order of the record, or the gravest first if there are many.
    pub entries: Vec<Entry<'a>>,
    /// What the charts draw, in the order of the entries that have some.
    pub series: Vec<CellSeries>,
}

/// The standing of a cell by the verdict that is stored for it.
pub(super) fn judged_standing(cell: &Cell) -> Standing {
    Standing::of(cell, stored_verdict(cell).as_ref())
}

/// Up to so many cells, a table in the order of the record can be overlooked.
const ORDERED_CELLS: usize = 50;

impl<'a> Gathered<'a> {
    /// Reads the cells of `run`.
    pub fn of(run: &'a Run, options: &PageOptions) -> Result<Self, PageError> {
        let mut judged: Vec<(usize, &Cell, Option<CellJudgement>, Standing)> = run
            .cells
            .iter()
            .enumerate()
            .map(|(i, cell)| {
                let judgement = stored_verdict(cell).or_else(|| {
                    let wanted = options.judge_missing && cell.status.state != State::Planned;
                    wanted
                        .then(|| judge_samples(cell, &VerdictOptions::default()).ok())
                        .flatten()
                });
                let standing = Standing::of(cell, judgement.as_ref());
                (i, cell, judgement, standing)
            })
            .collect();
        judged.sort_by_key(|(i, _, _, standing)| (*standing, *i));
        let charted = judged.len().min(options.charted_cells);
        if judged.len() <= ORDERED_CELLS {
            let mut gravest: Vec<usize> = judged.iter().take(charted).map(|(i, ..)| *i).collect();
            gravest.sort_unstable();
            judged.sort_by_key(|(i, ..)| *i);
            return Self::read(run, options, judged, |i| gravest.binary_search(&i).is_ok());
        }
        let gravest: std::collections::HashSet<usize> =
            judged.iter().take(charted).map(|(i, ..)| *i).collect();
        Self::read(run, options, judged, |i| gravest.contains(&i))
    }

    fn read(
        run: &'a Run,
        options: &PageOptions,
        judged: Vec<(usize, &'a Cell, Option<CellJudgement>, Standing)>,
        is_charted: impl Fn(usize) -> bool,
    ) -> Result<Self, PageError> {
        let mut gathered = Gathered {
            entries: Vec::with_capacity(judged.len()),
            series: Vec::new(),
        };
        let charts = judged.len().min(options.charted_cells).max(1);
        for (i, cell, judgement, standing) in judged {
            let points =
                |columns: usize| (options.chart_values / charts / (columns + 1)).clamp(60, 4_000);
            let charted = is_charted(i);
            let read = SamplesRead::of(cell, charted.then_some(&points))?;
            let figures = Figures::of(cell, &read.summary);
            let mut entry = Entry {
                cell,
                life: options.life,
                judgement,
                standing,
                torn: read.left.torn,
                damage: damage_words(cell, figures.rows as u64, &read.left),
                figures,
                costs: None,
                answer: None,
                chart: None,
            };
            if let Some(series) = read.series {
                entry.costs = Costs::of(&read.summary);
                // What cannot be read of it is no reason to have no page.
                entry.answer = Answer::read(&cell.folder).ok().flatten();
                entry.chart = Some(gathered.series.len());
                let limit_bytes = run.record.configuration.memory_limit_bytes;
                let judgement = entry.judgement.as_ref();
                gathered
                    .series
                    .push(series.finish(cell, judgement, limit_bytes));
            }
            gathered.entries.push(entry);
        }
        gathered.number_styles();
        Ok(gathered)
    }

    /// Gives each variant of a scenario the style that it has in the scenario's picture.
    fn number_styles(&mut self) {
        let mut scenarios: BTreeMap<&str, Vec<&Entry<'_>>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.chart.is_some()) {
            let scenario = entry.cell.plan.scenario.as_str();
            scenarios.entry(scenario).or_default().push(entry);
        }
        for entries in scenarios.into_values() {
            let line = |entry: &&Entry<'_>| {
                let plan = &entry.cell.plan;
                (plan.variant.clone(), plan.role.clone())
            };
            let lines: Vec<(String, String)> = entries.iter().map(line).collect();
            for (entry, number) in entries.iter().zip(style_numbers(&lines)) {
                if let Some(chart) = entry.chart {
                    self.series[chart].style = number;
                }
            }
        }
    }
}

/// What the page takes from the samples of a cell.
struct SamplesRead {
    summary: Summary,
    /// Where the cell has charts.
    series: Option<SeriesReader>,
    /// No row, and what was damaged.
    left: SampleTable,
}

impl SamplesRead {
    /// `points` says how many are drawn, where any are, by how many columns there are.
    ///
    /// Rows beyond some hours are not held in memory: they are gone through twice, first for
    /// their times, between which the points lie.
    fn of(cell: &Cell, points: Option<&dyn Fn(usize) -> usize>) -> Result<Self, PageError> {
        let mut summary = Summary::default();
        let Some(points) = points else {
            let left = none_if_missing(cell.stream(Figures::needs, |part| summary.push(part)))?;
            return Ok(SamplesRead {
                summary,
                series: None,
                left,
            });
        };
        if !cell.has_packed_hours() {
            let table = none_if_missing(cell.samples(|_| true))?;
            let mut series = SeriesReader::new(&table.elapsed_ms, points(table.names.len()));
            series.push(&table);
            summary.push(&table);
            return Ok(SamplesRead {
                summary,
                series: Some(series),
                left: table,
            });
        }
        let names = RefCell::new(HashSet::new());
        let times = none_if_missing(cell.samples(|name| {
            names.borrow_mut().insert(name.to_owned());
            false
        }))?;
        let mut series = SeriesReader::new(&times.elapsed_ms, points(names.borrow().len()));
        drop(times);
        let left = none_if_missing(cell.stream(
            |_| true,
            |part| {
                summary.push(part);
                series.push(part);
            },
        ))?;
        Ok(SamplesRead {
            summary,
            series: Some(series),
            left,
        })
    }
}

/// A run that died before its first row has a page too.
fn none_if_missing(read: Result<SampleTable, TableError>) -> Result<SampleTable, PageError> {
    match read {
        Ok(table) => Ok(table),
        Err(TableError::NoHeader { .. }) => Ok(SampleTable::default()),
        Err(TableError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(SampleTable::default())
        }
        Err(error) => Err(error.into()),
    }
}
