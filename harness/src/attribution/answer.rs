//! The answer to the question where: rows, ranked, and what could not have been seen.

use super::pprof::Profile;
use super::symbols::{Place, Symbols, is_container_growth, own_places, owner, way};
use crate::commands::plain_table;
use leaklab_judge::Unit;
use leaklab_judge::amount::{bytes_text, count_text, duration_text, number_text};
use leaklab_judge::stats::quantile::median;
use leaklab_reports::attribution::{
    Attribution, Behaviour, FEWEST_SAMPLES, HeapGrowth, RankedStack, attribute, known_part, merged,
    settled_part,
};
use leaklab_run::{Cell, Phase, SampleTable, StackHistory, StackRecord, columns};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

/// Rows that are shown.
const ROWS: usize = 10;
/// Part of the settled load at each of its ends whose median stands for that end.
const END_SHARE: f64 = 0.1;

/// Where the heap of one cell grows.
pub struct Answer {
    attribution: Attribution,
    /// Owner and its places, by the first frames of a ranked stack.
    owners: Vec<Owner>,
    /// Each stack by itself: its places from the innermost out, bytes of growth and of life.
    stacks: Vec<(Vec<Place>, f64, f64)>,
    unresolved: Vec<(String, String)>,
    sample_bytes: u64,
}

struct Owner {
    place: Place,
    container: bool,
    stacks: usize,
}

/// Works the answer out from a cell's folder; `None` if its stacks were not sampled.
///
/// # Errors
///
/// What keeps its files from being read.
pub fn answer(cell: &Cell) -> anyhow::Result<Option<Answer>> {
    let Some(record) = StackRecord::read(&cell.folder)? else {
        return Ok(None);
    };
    let table =
        cell.samples(|name| name == columns::ALLOCATED_BYTES || name == columns::OPS_TOTAL)?;
    let Some(load) = table.phase_span_ms(Phase::Load) else {
        return Ok(None);
    };
    let mut symbols = Symbols::default();
    let mut groups: BTreeMap<Vec<String>, Vec<&StackHistory>> = BTreeMap::new();
    for stack in &record.stacks {
        let way = way(&symbols.places(&stack.frames));
        groups.entry(way).or_default().push(stack);
    }
    let joined = StackRecord {
        stacks: groups
            .values()
            .filter_map(|stacks| merged(stacks))
            .collect(),
        sample_bytes: record.sample_bytes,
        lost_samples: record.lost_samples,
    };
    let attribution = attribute(
        &joined,
        load,
        heap_growth(&table, known_part(&record, load)),
    );
    let owners = owners(&attribution, &mut symbols, &groups);
    let mut stacks = Vec::new();
    for stack in &attribute(&record, load, None).stacks {
        let live = stack.growth.live as f64 * stack.growth.bytes_per_sample;
        let places = symbols.places(&stack.frames);
        stacks.push((places, stack.bytes[0].max(0.0), live));
    }
    Ok(Some(Answer {
        attribution,
        owners,
        stacks,
        unresolved: symbols.unresolved,
        sample_bytes: joined.sample_bytes,
    }))
}

/// The owner of each ranked stack. Functions through which stacks go that do not leak are
/// helpers: what leaks is owned by who calls them.
fn owners(
    attribution: &Attribution,
    symbols: &mut Symbols,
    groups: &BTreeMap<Vec<String>, Vec<&StackHistory>>,
) -> Vec<Owner> {
    let mut helpers = HashSet::new();
    for stack in &attribution.stacks {
        if matches!(
            stack.growth.behaviour,
            Behaviour::Churns | Behaviour::Bounded | Behaviour::FilledOnce
        ) {
            let places = symbols.places(&stack.frames);
            helpers.extend(
                own_places(&places)
                    .iter()
                    .map(|place| place.function.clone()),
            );
        }
    }
    let none = HashSet::new();
    let of = |stack: &RankedStack, symbols: &mut Symbols| {
        let places = symbols.places(&stack.frames);
        let shared = match stack.growth.behaviour {
            Behaviour::Leaks => &helpers,
            _ => &none,
        };
        Owner {
            container: is_container_growth(&places),
            stacks: groups.get(&way(&places)).map_or(1, Vec::len),
            place: owner(&places, shared).cloned().unwrap_or_default(),
        }
    };
    let stacks = attribution.stacks.iter();
    stacks.map(|stack| of(stack, symbols)).collect()
}

/// Growth of the live heap over the settled part of the load, between the medians of its ends.
fn heap_growth(table: &SampleTable, known: (f64, f64)) -> Option<HeapGrowth> {
    let (from, to) = settled_part(known);
    let length = to - from;
    let growth = |column: &str| {
        let values = table.filled_column(column)?;
        let between = |low: f64, high: f64| {
            let rows = table.elapsed_ms.iter().zip(values);
            let within = rows.filter(|(at, value)| (low..=high).contains(*at) && value.is_finite());
            median(&within.map(|(_, value)| *value).collect::<Vec<f64>>())
        };
        let end = END_SHARE * length;
        let rise = between(to - end, to)? - between(from, from + end)?;
        // The middles of the ends are a tenth of it nearer to each other than the ends.
        Some(rise / (1.0 - END_SHARE))
    };
    Some(HeapGrowth {
        bytes: growth(columns::ALLOCATED_BYTES)?,
        operations: growth(columns::OPS_TOTAL).filter(|operations| *operations > 0.0),
        seconds: length / 1000.0,
    })
}

impl Answer {
    /// The rows as a table, and what the profile could not have seen.
    pub fn text(&self) -> String {
        let operations = self.attribution.heap.and_then(|heap| heap.operations);
        let (unit, blocks) = match operations {
            Some(_) => ("bytes/op (95 %)", "blocks/op"),
            None => ("growth/h (95 %)", "blocks/h"),
        };
        let mut table =
            plain_table(&["share", unit, blocks, "samples", "behaviour", "owner", "at"]);
        let per = operations.unwrap_or(self.attribution.seconds / 3600.0);
        let rows = self.attribution.stacks.iter().zip(&self.owners);
        let mut shown = 0;
        for (stack, owner) in rows.filter(|(stack, _)| is_worth_a_row(stack)).take(ROWS) {
            table.add_row(row(stack, owner, per, operations.is_some()));
            shown += 1;
        }
        let mut text = match shown {
            0 => "no stack was sampled often enough to say anything of it\n".to_owned(),
            _ => format!("{table}\n"),
        };
        self.add_notes(&mut text);
        text
    }

    fn add_notes(&self, text: &mut String) {
        let attribution = &self.attribution;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "this profile could not have seen less than {}/s: {FEWEST_SAMPLES} samples of {} in the \
             settled {} of the load",
            bytes_text(attribution.resolution_bytes_per_s),
            bytes_text(self.sample_bytes as f64),
            duration_text(attribution.seconds)
        );
        if let Some(heap) = attribution.heap {
            let found: f64 = attribution
                .stacks
                .iter()
                .map(|stack| match stack.growth.behaviour {
                    Behaviour::Leaks => stack.bytes[0],
                    _ => 0.0,
                })
                .sum();
            let _ = writeln!(
                text,
                "the live heap grew by {} in that time; stacks that leak explain {}",
                bytes_text(heap.bytes),
                bytes_text(found)
            );
        }
        if attribution.lost_samples > 0 {
            let _ = writeln!(
                text,
                "{} samples found no place in the tables and are in no row",
                count_text(attribution.lost_samples)
            );
        }
        for (file, reason) in &self.unresolved {
            let _ = writeln!(text, "no names from `{file}`: {reason}");
        }
    }

    /// The answer for machines.
    pub fn json(&self, cell: &str) -> String {
        let rows: Vec<serde_json::Value> = self
            .attribution
            .stacks
            .iter()
            .zip(&self.owners)
            .map(|(stack, owner)| {
                serde_json::json!({
                    "share": stack.share,
                    "bytes": stack.bytes[0],
                    "bytes_low": stack.bytes[1],
                    "bytes_high": stack.bytes[2],
                    "growth": stack.growth,
                    "function": owner.place.function,
                    "location": owner.place.location(),
                    "container_growth": owner.container,
                    "stacks": owner.stacks,
                })
            })
            .collect();
        let answer = serde_json::json!({
            "cell": cell,
            "heap_growth": self.attribution.heap,
            "seconds": self.attribution.seconds,
            "sample_bytes": self.sample_bytes,
            "resolution_bytes_per_s": self.attribution.resolution_bytes_per_s,
            "lost_samples": self.attribution.lost_samples,
            "rows": rows,
        });
        format!("{answer}\n")
    }

    /// Growth in bytes of each stack, one a line, its frames from the outermost joined by `;`:
    /// the input of flame graphs.
    pub fn folded(&self) -> String {
        let mut lines: BTreeMap<String, f64> = BTreeMap::new();
        for (places, growth, _) in &self.stacks {
            let names = places
                .iter()
                .rev()
                .map(|place| place.function.replace([';', '\n'], ","));
            *lines
                .entry(names.collect::<Vec<_>>().join(";"))
                .or_default() += growth;
        }
        let mut text = String::new();
        for (stack, growth) in lines.iter().filter(|(_, growth)| **growth >= 1.0) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{stack} {growth:.0}");
        }
        text
    }

    /// A profile in the form of pprof, not compressed.
    pub fn pprof(&self) -> Vec<u8> {
        let mut profile = Profile::new(self.sample_bytes);
        for (places, growth, live) in &self.stacks {
            profile.add(places, [*growth as i64, *live as i64]);
        }
        profile.encode()
    }
}

fn is_worth_a_row(stack: &RankedStack) -> bool {
    match stack.growth.behaviour {
        Behaviour::Leaks => true,
        Behaviour::TooFew => false,
        _ => stack.growth.live > 0,
    }
}

fn row(stack: &RankedStack, owner: &Owner, per: f64, by_operation: bool) -> Vec<String> {
    let [bytes, low, high] = stack.bytes.map(|bytes| bytes / per);
    let amount = |bytes: f64| match by_operation {
        true => leaklab_judge::amount::amount_text(bytes, Unit::Bytes),
        false => bytes_text(bytes),
    };
    let leaks = stack.growth.behaviour == Behaviour::Leaks;
    let blocks = bytes / stack.growth.block_bytes.max(1.0);
    let mut function = owner.place.function.clone();
    if owner.container {
        function.push_str(" (a container grows)");
    }
    vec![
        match leaks {
            true => format!("{:.0} %", 100.0 * stack.share),
            false => "-".to_owned(),
        },
        format!("{} ({} to {})", amount(bytes), amount(low), amount(high)),
        match leaks {
            true => number_text(blocks),
            false => "-".to_owned(),
        },
        format!("{:.0}", stack.growth.samples),
        stack.growth.behaviour.to_string(),
        function,
        owner.place.location(),
    ]
}
