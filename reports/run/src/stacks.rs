//! `stacks.json`: births, deaths and ages of sampled blocks, per stack of allocation.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// What the allocator's samples say of a cell's stacks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StackRecord {
    /// Mean number of bytes between two samples, the largest of all stacks.
    pub sample_bytes: u64,
    /// Samples that found no place and are in no stack.
    pub lost_samples: u64,
    /// Each stack of each process.
    pub stacks: Vec<StackHistory>,
}

/// The samples of one stack of one process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StackHistory {
    /// The process.
    pub pid: u32,
    /// Where the block was allocated, from the allocator outwards, each frame as `FILE+0xOFFSET`
    /// (a place in a mapped file) or `0xADDRESS` where no file was mapped. Empty for what was
    /// left over when all places for stacks were taken.
    pub frames: Vec<String>,
    /// Mean number of bytes between two samples of its process; 0 in recordings that are older,
    /// where it is that of the record.
    #[serde(skip_serializing_if = "is_zero")]
    pub sample_bytes: u64,
    /// Bytes of all sampled blocks that were ever born, which gives their mean size.
    pub born_bytes: u64,
    /// Its counts at some times of the run, the last one at its end.
    pub snapshots: Vec<StackSnapshot>,
}

/// The counts of a stack at one time, by the span of time in which its blocks were born.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StackSnapshot {
    /// When, on the clock of the samples.
    pub elapsed_ms: f64,
    /// When the first span began.
    pub first_span_ms: f64,
    /// Length of each span.
    pub span_ms: f64,
    /// Samples born in each span.
    pub born: Vec<u64>,
    /// Those of them that lived at this time.
    pub live: Vec<u64>,
    /// Bytes of those that lived; absent in recordings that are older.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_bytes: Option<u64>,
}

// What serde calls gets a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

impl StackHistory {
    /// Mean number of bytes between two samples, where that of the record is `record_bytes`.
    pub fn distance_bytes(&self, record_bytes: u64) -> u64 {
        match self.sample_bytes {
            0 => record_bytes,
            own => own,
        }
    }
}

impl StackRecord {
    /// Reads the file of a cell's folder; `None` if the cell has none.
    ///
    /// # Errors
    ///
    /// The error of the operating system, or that the file is not such a record.
    pub fn read(cell: &Path) -> std::io::Result<Option<Self>> {
        match crate::read_whole(&cell.join(STACKS_FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Name of the file in a cell's folder.
pub const STACKS_FILE: &str = "stacks.json";
