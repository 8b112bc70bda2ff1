//! The answer to the question where, as it stands in `where.json` of a cell.

use super::behaviour::{Behaviour, FEWEST_SAMPLES, StackGrowth};
use super::place::Place;
use super::ranking::HeapGrowth;
use leaklab_judge::Unit;
use leaklab_judge::amount::{amount_text, bytes_text, duration_text, number_text};
use leaklab_run::write_atomically;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Name of the file in a cell's folder.
pub const WHERE_FILE: &str = "where.json";
/// Rows that are shown.
pub const SHOWN_ROWS: usize = 10;

/// Where the heap of one cell grows, with names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The growth that is shared out; absent where the live heap is not known.
    pub heap_growth: Option<HeapGrowth>,
    /// Seconds of the settled part of the load, over which stacks are compared.
    pub seconds: f64,
    /// Mean number of bytes between two samples.
    pub sample_bytes: u64,
    /// Smallest growth that this profile could have seen, in bytes a second.
    pub resolution_bytes_per_s: f64,
    /// Samples that found no place.
    pub lost_samples: u64,
    /// Owners, those that leak first, by their growth.
    pub rows: Vec<Row>,
    /// Functions that the growth of what leaks comes through, those with most of it first.
    pub frames: Vec<Frame>,
    /// What is missing in the names, in words.
    pub notes: Vec<String>,
    /// Places that the stacks go through.
    pub places: Vec<Place>,
    /// Every stack.
    pub stacks: Vec<NamedStack>,
}

/// What one owner keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its part of the growth of all that leak, from 0 to 1; 0 for one that does not.
    pub share: f64,
    /// Bytes by which it grew in the settled part of the load.
    pub bytes: f64,
    /// Lower end of their 95 % interval.
    pub bytes_low: f64,
    /// Upper end.
    pub bytes_high: f64,
    /// Blocks by which it grew, without the memory of containers.
    pub blocks: f64,
    /// Bytes among them by which containers grew.
    pub container_bytes: f64,
    /// Whether there is nothing but containers.
    pub container_growth: bool,
    /// Its growth in samples, and what it does.
    pub growth: StackGrowth,
    /// The function that owns what is kept.
    pub function: String,
    /// `FOLDER/FILE:LINE` of its call, or its module.
    pub location: String,
    /// Stacks that were taken together.
    pub stacks: usize,
}

impl Row {
    /// Whether it leaks.
    pub fn leaks(&self) -> bool {
        self.growth.behaviour == Behaviour::Leaks
    }

    /// Whether there is enough of it to be shown.
    pub fn is_worth_showing(&self) -> bool {
        match self.growth.behaviour {
            Behaviour::Leaks => true,
            Behaviour::TooFew => false,
            _ => self.growth.live > 0,
        }
    }

    /// Its bytes with the ends of their interval.
    pub fn amount(&self) -> [f64; 3] {
        [self.bytes, self.bytes_low, self.bytes_high]
    }

    /// The row in words, under [`Answer::heads`]; amounts are divided by `per`.
    fn texts(&self, per: f64, by_operation: bool) -> [String; 7] {
        let [bytes, low, high] = self.amount().map(|bytes| bytes / per);
        let amount = |bytes: f64| match by_operation {
            true => amount_text(bytes, Unit::Bytes),
            false => bytes_text(bytes),
        };
        let leaks = self.leaks();
        [
            match leaks {
                true => format!("{:.0} %", 100.0 * self.share),
                false => "-".to_owned(),
            },
            format!("{} ({} to {})", amount(bytes), amount(low), amount(high)),
            match leaks && self.blocks > 0.0 {
                true => number_text(self.blocks / per),
                false => "-".to_owned(),
            },
            format!("{:.0}", self.growth.samples),
            self.growth.behaviour.to_string(),
            self.owner_text(),
            self.location.clone(),
        ]
    }

    /// The owner, with what of it is containers.
    fn owner_text(&self) -> String {
        let part = self.container_bytes / self.bytes;
        match self.container_growth {
            true => format!("{} (a container grows)", self.function),
            false if self.leaks() && part >= 0.01 => {
                let percent = 100.0 * part.min(1.0);
                format!("{} ({percent:.0} % of it containers)", self.function)
            }
            false => self.function.clone(),
        }
    }
}

/// A function that the growth of what leaks comes through: the owner of a row, or the one in which
/// several rows meet a few frames further out. A task comes through who starts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The function.
    pub function: String,
    /// `FOLDER/FILE:LINE` of its call, or its module.
    pub location: String,
    /// Its part of the growth of all that leak, from 0 to 1.
    pub share: f64,
    /// The rows, by their number in [`Answer::rows`].
    pub rows: Vec<usize>,
}

/// One stack with its names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedStack {
    /// Its places from the innermost out, by their number in [`Answer::places`].
    pub places: Vec<usize>,
    /// Bytes by which it grew in the settled part of the load.
    pub growth_bytes: f64,
    /// Bytes that lived at its end.
    pub live_bytes: f64,
}

impl Answer {
    /// Reads the file of a cell's folder; `None` if the cell has none.
    ///
    /// # Errors
    ///
    /// The error of the operating system, or that the file is not an answer.
    pub fn read(cell: &Path) -> std::io::Result<Option<Self>> {
        match leaklab_run::read_whole(&cell.join(WHERE_FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it into a cell's folder.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn write(&self, cell: &Path) -> std::io::Result<()> {
        write_atomically(&cell.join(WHERE_FILE), &serde_json::to_vec(self)?)
    }

    /// What amounts are divided by, and how that is called: operations where they are counted,
    /// hours otherwise.
    pub fn per(&self) -> (f64, &'static str) {
        match self.heap_growth.and_then(|heap| heap.operations) {
            Some(operations) => (operations, "op"),
            None => (self.seconds / 3600.0, "h"),
        }
    }

    /// Heads of the table of [`Answer::shown_texts`].
    pub fn heads(&self) -> [&'static str; 7] {
        let [bytes, blocks] = match self.per().1 {
            "op" => ["bytes/op (95 %)", "blocks/op"],
            _ => ["growth/h (95 %)", "blocks/h"],
        };
        [
            "share",
            bytes,
            blocks,
            "samples",
            "behaviour",
            "owner",
            "at",
        ]
    }

    /// The rows that are shown, in words.
    pub fn shown_texts(&self) -> Vec<[String; 7]> {
        let (per, unit) = self.per();
        self.shown_rows()
            .map(|row| row.texts(per, unit == "op"))
            .collect()
    }

    /// What stands below the table: what could not have been seen, how much of the growth is
    /// explained, and what is missing.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![format!(
            "this profile could not have seen less than {}/s: {FEWEST_SAMPLES} samples of {} in \
             the settled {} of the load",
            bytes_text(self.resolution_bytes_per_s),
            bytes_text(self.sample_bytes as f64),
            duration_text(self.seconds)
        )];
        if let Some(heap) = self.heap_growth {
            sentences.push(format!(
                "the live heap grew by {} in that time; stacks that leak explain {}{}",
                bytes_text(heap.bytes),
                bytes_text(self.explained_bytes()),
                match self.undecided_bytes() {
                    bytes if bytes > 0.0 => {
                        format!(", those not decided {}", bytes_text(bytes))
                    }
                    _ => String::new(),
                }
            ));
        }
        sentences.extend(
            self.frames
                .iter()
                .filter_map(|frame| self.meeting_text(frame)),
        );
        sentences.extend(self.notes.iter().cloned());
        sentences
    }

    /// That several rows come through one function, in words.
    fn meeting_text(&self, frame: &Frame) -> Option<String> {
        let rows = frame.rows.iter().filter_map(|row| self.rows.get(*row));
        let part = |row: &Row| format!("{:.0} % in `{}`", 100.0 * row.share, row.function);
        let parts: Vec<String> = rows.map(part).collect();
        (parts.len() > 1).then(|| {
            format!(
                "{:.0} % of the growth of what leaks comes through `{}` ({}): {}",
                100.0 * frame.share,
                frame.function,
                frame.location,
                parts.join(", ")
            )
        })
    }

    /// The rows that are shown.
    pub fn shown_rows(&self) -> impl Iterator<Item = &Row> {
        let worth = self.rows.iter().filter(|row| row.is_worth_showing());
        worth.take(SHOWN_ROWS)
    }

    /// Bytes by which rows grew that may leak or not.
    pub fn undecided_bytes(&self) -> f64 {
        let undecided = |row: &&Row| row.growth.behaviour == Behaviour::Undecided;
        self.rows
            .iter()
            .filter(undecided)
            .map(|row| row.bytes)
            .sum()
    }

    /// Bytes of growth that the rows explain that leak.
    pub fn explained_bytes(&self) -> f64 {
        let leaks = self.rows.iter().filter(|row| row.leaks());
        leaks.map(|row| row.bytes).sum()
    }

    /// The answer for machines, without the stacks.
    pub fn json(&self, cell: &str) -> serde_json::Value {
        let (per, _) = self.per();
        let operations = self.heap_growth.and_then(|heap| heap.operations);
        let rows = self.rows.iter().map(|row| {
            let mut value = serde_json::json!(row);
            if operations.is_some() {
                value["bytes_per_operation"] = row.amount().map(|bytes| bytes / per).into();
                value["blocks_per_operation"] = (row.blocks / per).into();
            }
            value
        });
        serde_json::json!({
            "cell": cell,
            "heap_growth": self.heap_growth,
            "seconds": self.seconds,
            "sample_bytes": self.sample_bytes,
            "resolution_bytes_per_s": self.resolution_bytes_per_s,
            "lost_samples": self.lost_samples,
            "frames": self.frames,
            "notes": self.notes,
            "rows": rows.collect::<Vec<_>>(),
        })
    }

    /// The places of a stack, the innermost first.
    pub fn places_of<'a>(&'a self, stack: &'a NamedStack) -> impl Iterator<Item = &'a Place> {
        stack.places.iter().filter_map(|at| self.places.get(*at))
    }

    /// Growth in bytes of each stack, one a line, its frames from the outermost joined by `;`:
    /// the input of flame graphs.
    pub fn folded(&self) -> String {
        let mut lines: BTreeMap<String, f64> = BTreeMap::new();
        for stack in &self.stacks {
            let mut names: Vec<String> = self
                .places_of(stack)
                .map(|place| place.function.replace([';', '\n'], ","))
                .collect();
            names.reverse();
            *lines.entry(names.join(";")).or_default() += stack.growth_bytes.max(0.0);
        }
        let mut text = String::new();
        for (stack, growth) in lines.iter().filter(|(_, growth)| **growth >= 1.0) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{stack} {growth:.0}");
        }
        text
    }
}
