//! Reads the cells of a run for the page: all of them for the table, the gravest for charts.

use super::series::CellSeries;
use super::{PageError, PageOptions, RunLife};
use crate::attribution::Answer;
use crate::cell::{Costs, Figures, Standing, VerdictOptions, judge_samples, stored_verdict};
use crate::chart::style_numbers;
use leaklab_judge::CellJudgement;
use leaklab_run::{Cell, Run, SampleTable, State, TableError};
use std::collections::BTreeMap;

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
    pub damaged_rows: usize,
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
            let charted = is_charted(i);
            let table = samples(cell, |column| charted || Figures::needs(column))?;
            let figures = Figures::of(cell, &table);
            let mut entry = Entry {
                cell,
                life: options.life,
                judgement,
                standing,
                figures,
                torn: table.torn,
                damaged_rows: table.damaged_rows,
                costs: None,
                answer: None,
                chart: None,
            };
            if charted {
                let lines = table.names.len() + 1;
                let points = (options.chart_values / charts / lines).clamp(60, 4_000);
                entry.costs = Costs::of(&table);
                // What cannot be read of it is no reason to have no page.
                entry.answer = Answer::read(&cell.folder).ok().flatten();
                entry.chart = Some(gathered.series.len());
                gathered.series.push(CellSeries::of(
                    cell,
                    &table,
                    entry.judgement.as_ref(),
                    run.record.configuration.memory_limit_bytes,
                    points,
                ));
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

/// The samples of a cell; none if it never wrote a row.
fn samples(cell: &Cell, wanted: impl Fn(&str) -> bool) -> Result<SampleTable, PageError> {
    match cell.samples(wanted) {
        Ok(table) => Ok(table),
        Err(TableError::NoHeader { .. }) => Ok(SampleTable::default()),
        Err(TableError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(SampleTable::default())
        }
        Err(error) => Err(error.into()),
    }
}
