//! Works out where the heap of a cell grows, with the names of its stacks.

use super::frames::frames;
use super::roll_up::{Way, live, rolled_up};
use super::symbols::{Symbols, is_container_growth, outside_allocator, own_places, owner, way};
use leaklab_judge::amount::plural;
use leaklab_judge::stats::quantile::median;
use leaklab_reports::attribution::{
    Answer, Attribution, Behaviour, Group, HeapGrowth, NamedStack, Place, RankedStack, Row, Work,
    attribute, known_part, settled_part,
};
use leaklab_run::{Cell, Phase, SampleTable, StackHistory, StackRecord, columns};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Part of the settled load at each of its ends whose median stands for that end.
const END_SHARE: f64 = 0.1;

/// The answer for a cell: as it was worked out when the cell had ended, while the files of the
/// program were those that ran, else worked out now. `None` if its stacks were not sampled.
///
/// # Errors
///
/// What keeps its files from being read.
pub fn answer(cell: &Cell) -> anyhow::Result<Option<Answer>> {
    match Answer::read(&cell.folder)? {
        Some(answer) => Ok(Some(answer)),
        None => worked_out(cell),
    }
}

/// Works the answer out from a cell's folder, and keeps it there.
///
/// # Errors
///
/// What keeps its files from being read, or the answer from being written.
pub fn keep_answer(cell: &Cell) -> anyhow::Result<()> {
    if let Some(answer) = worked_out(cell)? {
        answer.write(&cell.folder)?;
    }
    Ok(())
}

fn worked_out(cell: &Cell) -> anyhow::Result<Option<Answer>> {
    let Some(record) = StackRecord::read(&cell.folder)? else {
        return Ok(None);
    };
    let table =
        cell.samples(|name| name == columns::ALLOCATED_BYTES || name == columns::OPS_TOTAL)?;
    let Some(load) = table.phase_span_ms(Phase::Load) else {
        return Ok(None);
    };
    let known = known_part(&record, load, heard_until_ms(&table, load));
    let mut symbols = Symbols::default();
    let work = work(&table);
    let mut ways = ways(&record, known, &work, &mut symbols);
    let rows = rolled_up(&mut ways);
    let groups: Vec<Group<'_>> = rows.iter().map(|ways| joined(ways)).collect();
    let heap = heap_growth(&table, known);
    let attribution = attribute(&record, &groups, known, heap, &work);
    let mut answer = Answer {
        heap_growth: attribution.heap,
        seconds: attribution.seconds,
        sample_bytes: record.sample_bytes,
        resolution_bytes_per_s: attribution.resolution_bytes_per_s,
        lost_samples: attribution.lost_samples,
        rows: named_rows(&attribution, &rows),
        ..Answer::default()
    };
    let main_ways = attribution.stacks.iter();
    let main_ways = main_ways.map(|stack| main_way(&rows[stack.group]));
    let shares = answer.rows.iter().map(|row| row.share);
    let leaking: Vec<_> = (shares.zip(main_ways))
        .zip(&answer.rows)
        .filter_map(|(of_row, row)| row.leaks().then_some(of_row))
        .collect();
    let all: Vec<&Way<'_>> = rows.iter().flatten().copied().collect();
    answer.frames = frames(&leaking, &all);
    answer.notes = notes(&answer, &rows, &attribution, &symbols);
    add_stacks(&mut answer, &record, known, &work, &mut symbols);
    Ok(Some(answer))
}

/// The ways on which blocks come, each with its owner and what it does.
fn ways<'a>(
    record: &'a StackRecord,
    known: (f64, f64),
    work: &Work,
    symbols: &mut Symbols,
) -> Vec<Way<'a>> {
    let mut found: BTreeMap<Vec<String>, Way<'a>> = BTreeMap::new();
    for stack in &record.stacks {
        let places = symbols.places(&stack.frames);
        let is_container = is_container_growth(&places);
        let mut key = way(&places);
        // The growth of a container is a way of its own, also where its blocks come by the same.
        key.push(is_container.to_string());
        let way = found.entry(key).or_insert_with(|| Way {
            own: own_places(&places).into_iter().cloned().collect(),
            group: Group::default(),
            owner: Place::default(),
            behaviour: Behaviour::TooFew,
        });
        let stacks: &mut Vec<&StackHistory> = match is_container {
            true => &mut way.group.containers,
            false => &mut way.group.blocks,
        };
        stacks.push(stack);
    }
    let mut ways: Vec<Way<'a>> = found.into_values().collect();
    let groups: Vec<Group<'_>> = ways.iter().map(|way| way.group.clone()).collect();
    for stack in &attribute(record, &groups, known, None, work).stacks {
        ways[stack.group].behaviour = stack.growth.behaviour;
    }
    let owners: Vec<Place> = (0..ways.len()).map(|at| owner_of(&ways, at)).collect();
    for (way, owner) in ways.iter_mut().zip(owners) {
        way.owner = owner;
    }
    ways
}

/// The owner of a way: without helpers by which blocks come too that are not its own. For what
/// leaks those are the blocks that do not; calls of the same functions from other lines are its own.
fn owner_of(ways: &[Way<'_>], at: usize) -> Place {
    let way = &ways[at];
    let goes_the_same = |other: &Way<'_>| {
        let pairs = way.own.iter().zip(&other.own);
        way.own.len() == other.own.len() && pairs.into_iter().all(|(a, b)| a.function == b.function)
    };
    let is_other = |other: &&Way<'_>| {
        other.behaviour != Behaviour::TooFew
            && !(way.leaks() && other.leaks())
            && !goes_the_same(other)
    };
    let others = ways.iter().filter(is_other);
    let others: Vec<&[Place]> = others.map(|other| other.own.as_slice()).collect();
    owner(&way.own, &others).cloned().unwrap_or_default()
}

fn joined<'a>(ways: &[&Way<'a>]) -> Group<'a> {
    let mut group = Group::default();
    for way in ways {
        group.blocks.extend(&way.group.blocks);
        group.containers.extend(&way.group.containers);
    }
    group
}

/// The way of a row that most of its blocks come by, the first of those that have as many.
fn main_way<'a, 'b>(ways: &[&'b Way<'a>]) -> &'b Way<'a> {
    let most = ways.iter().rev().max_by_key(|way| way.count(live));
    most.unwrap_or(&ways[0])
}

fn named_rows(attribution: &Attribution, rows: &[Vec<&Way<'_>>]) -> Vec<Row> {
    let row = |stack: &RankedStack| {
        let ways = &rows[stack.group];
        let owner = &main_way(ways).owner;
        let [bytes, bytes_low, bytes_high] = stack.bytes;
        Row {
            share: stack.share,
            bytes,
            bytes_low,
            bytes_high,
            blocks: stack.blocks,
            container_bytes: stack.container_bytes,
            container_growth: ways.iter().all(|way| way.group.blocks.is_empty()),
            growth: stack.growth,
            function: owner.function.clone(),
            location: owner.location(),
            stacks: ways
                .iter()
                .map(|way| way.group.blocks.len() + way.group.containers.len())
                .sum(),
        }
    };
    attribution.stacks.iter().map(row).collect()
}

/// What the names of the rows that are shown lack, and what would bring it.
fn notes(
    answer: &Answer,
    rows: &[Vec<&Way<'_>>],
    attribution: &Attribution,
    symbols: &Symbols,
) -> Vec<String> {
    let mut notes = Vec::new();
    let (mut nameless, mut lineless) = (BTreeSet::new(), BTreeSet::new());
    let shown = answer.rows.iter().zip(&attribution.stacks);
    for (_, stack) in shown.filter(|(row, _)| row.is_worth_showing()) {
        let owner = &main_way(&rows[stack.group]).owner;
        match (owner.named, &owner.file) {
            (false, _) if owner.module.is_empty() => {}
            (false, _) => _ = nameless.insert(owner.module.clone()),
            (true, None) => _ = lineless.insert(owner.module.clone()),
            (true, Some(_)) => {}
        }
    }
    for file in nameless {
        notes.push(format!(
            "`{file}` has no names of functions: it is stripped (hint: run a build with symbols, \
             or install the package of its debug symbols)"
        ));
    }
    for file in lineless {
        notes.push(format!(
            "`{file}` has no line numbers: rows name functions, without those that were inlined \
             (hint: build with -g, or debug = \"line-tables-only\" in Cargo.toml)"
        ));
    }
    for (file, reason) in &symbols.unresolved {
        notes.push(format!("no names from `{file}`: {reason}"));
    }
    if attribution.lost_samples > 0 {
        notes.push(format!(
            "{} found no place in the tables and are in no row",
            plural(attribution.lost_samples, "sample")
        ));
    }
    notes
}

/// Each stack by itself, with names.
fn add_stacks(
    answer: &mut Answer,
    record: &StackRecord,
    known: (f64, f64),
    work: &Work,
    symbols: &mut Symbols,
) {
    let groups: Vec<Group<'_>> = record
        .stacks
        .iter()
        .map(
            |stack| match is_container_growth(&symbols.places(&stack.frames)) {
                true => Group {
                    containers: vec![stack],
                    ..Group::default()
                },
                false => Group {
                    blocks: vec![stack],
                    ..Group::default()
                },
            },
        )
        .collect();
    let mut numbers: HashMap<Place, usize> = HashMap::new();
    for stack in &attribute(record, &groups, known, None, work).stacks {
        let places = symbols.places(&record.stacks[stack.group].frames);
        let mut numbered = Vec::new();
        for place in outside_allocator(&places) {
            let next = numbers.len();
            let number = *numbers.entry(place.clone()).or_insert(next);
            if number == next {
                answer.places.push(place.clone());
            }
            numbered.push(number);
        }
        answer.stacks.push(NamedStack {
            places: numbered,
            growth_bytes: stack.bytes[0],
            live_bytes: stack.growth.live as f64 * stack.growth.bytes_per_sample,
        });
    }
}

/// The operations of a cell, where they are counted.
fn work(table: &SampleTable) -> Work {
    let operations = table.filled_column(columns::OPS_TOTAL);
    let known = operations.into_iter().flat_map(|values| {
        let points = table.elapsed_ms.iter().copied().zip(values.iter().copied());
        points
            .filter(|(_, done)| done.is_finite())
            .collect::<Vec<_>>()
    });
    Work::new(known)
}

/// When an allocator last told of its heap in the load: by the way by which it tells of its stacks.
fn heard_until_ms(table: &SampleTable, load: (f64, f64)) -> Option<f64> {
    let values = table.column(columns::ALLOCATED_BYTES)?;
    let mut rows = table.elapsed_ms.iter().zip(values).rev();
    rows.find(|(at, value)| **at <= load.1 && value.is_finite())
        .map(|(at, _)| *at)
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
