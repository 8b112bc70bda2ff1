//! Joining what the shards of a fleet wrote, and seeing that it is all there.

use crate::exit::usage;
use leaklab_judge::amount::plural;
use leaklab_reports::fleet::Row;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The last line of a shard: how many rows stand before it, and whether they are all.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Shard {
    /// Which part of how many: `3/8`.
    shard: String,
    /// Rows before it.
    services: usize,
    /// Why the server did not answer with all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Shard {
    pub fn new((part, parts): (u64, u64), services: usize, failure: Option<String>) -> Self {
        Self {
            shard: format!("{part}/{parts}"),
            services,
            failure,
        }
    }
}

/// A line of a shard.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Shard(Shard),
    Row(Box<Row>),
}

/// The rows that shards wrote, and why some may be missing.
///
/// # Errors
///
/// A usage error for what is no file of a fleet, or counts twice.
pub(super) fn merged(files: &[PathBuf]) -> anyhow::Result<(Vec<Row>, Option<String>)> {
    let mut rows: Vec<Row> = Vec::new();
    let mut known = BTreeSet::new();
    let mut shards: BTreeMap<PathBuf, Option<Shard>> = BTreeMap::new();
    let mut failure: Option<String> = None;
    for file in files {
        let before = rows.len();
        let shard = read(file, &mut rows, &mut known)?;
        if let Some(shard) = &shard {
            let count = rows.len() - before;
            let missing = (count != shard.services).then(|| {
                format!(
                    "holds {} of {}",
                    count,
                    plural(shard.services as u64, "service")
                )
            });
            if let Some(words) = shard.failure.clone().or(missing) {
                failure.get_or_insert(format!(
                    "`{}`, shard {}: {words}",
                    file.display(),
                    shard.shard
                ));
            }
        }
        shards.insert(file.clone(), shard);
    }
    let failure = failure.or_else(|| missing(&shards));
    Ok((rows, failure))
}

fn read(
    file: &Path,
    rows: &mut Vec<Row>,
    known: &mut BTreeSet<BTreeMap<String, String>>,
) -> anyhow::Result<Option<Shard>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| usage(format!("cannot read `{}`: {error}", file.display())))?;
    let mut shard = None;
    let lines = text.lines().enumerate();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|error| {
            usage(format!(
                "`{}`, line {}: not a row of `leaklab fleet --format json`: {error}",
                file.display(),
                number + 1
            ))
        })?;
        match line {
            Line::Shard(last) => shard = Some(last),
            Line::Row(row) if known.insert(row.labels.clone()) => rows.push(*row),
            Line::Row(row) => {
                return Err(usage(format!(
                    "`{}`: {} is in two files; each service counts once",
                    file.display(),
                    row.name()
                )));
            }
        }
    }
    Ok(shard)
}

/// What is missing of shards that say which they are.
fn missing(shards: &BTreeMap<PathBuf, Option<Shard>>) -> Option<String> {
    let told: BTreeSet<(u64, u64)> = (shards.values().flatten())
        .filter_map(|shard| {
            let (part, parts) = shard.shard.split_once('/')?;
            Some((part.parse().ok()?, parts.parse().ok()?))
        })
        .collect();
    let &(_, parts) = told.first()?;
    if let Some((file, _)) = shards.iter().find(|(_, shard)| shard.is_none()) {
        return Some(format!(
            "`{}` does not end with the line that says which shard it is: it was cut off, or its shard failed",
            file.display()
        ));
    }
    if told.iter().any(|(_, of)| *of != parts) {
        return Some("these are shards of fleets that were parted differently".to_owned());
    }
    let part = (1..=parts).find(|part| !told.contains(&(*part, parts)))?;
    Some(format!("shard {part}/{parts} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_of_shards_is_said() {
        let shard = |text: &str| Shard {
            shard: text.to_owned(),
            services: 4,
            failure: None,
        };
        let missing = |shards: &[Option<&str>]| {
            let of = |(number, text): (usize, &Option<&str>)| {
                (PathBuf::from(number.to_string()), text.map(shard))
            };
            super::missing(&shards.iter().enumerate().map(of).collect()).unwrap_or_default()
        };
        // Files of whole fleets say nothing of shards.
        assert_eq!(missing(&[None, None]), "");
        assert_eq!(missing(&[Some("2/2"), Some("1/2")]), "");
        assert_eq!(missing(&[Some("1/3"), Some("3/3")]), "shard 2/3 is missing");
        assert!(missing(&[Some("1/2"), None]).contains("does not end"));
        assert!(missing(&[Some("1/2"), Some("2/2"), Some("3/4")]).contains("differently"));
    }
}
