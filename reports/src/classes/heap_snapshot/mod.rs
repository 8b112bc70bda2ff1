//! V8's `.heapsnapshot`: objects and bytes per constructor, and what keeps them alive.
//!
//! The form is that of V8's `HeapSnapshotJSONSerializer`. A file of hundreds of MiB is gone
//! through and not held; only the search for what keeps objects alive holds its edges, in 9 bytes
//! each and up to a bound.

mod retainers;
mod scan;

pub use retainers::{Retained, retainers, retainers_of};

use super::counts::Counts;
use scan::{Fields, Visitor, scan};
use std::collections::HashMap;
use std::io::BufRead;

/// Most names that are counted before the largest of them are kept: a number each.
const MOST_NAMES: usize = 1_000_000;
/// Objects and bytes per constructor.
pub fn counts(file: &mut dyn BufRead) -> Result<Counts, String> {
    let mut table = Table::default();
    scan(file, &mut table)?;
    Ok(table.counts)
}

/// How the objects of a type are called.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Naming {
    /// By their constructor.
    Name,
    /// By the function.
    Function,
    /// By what they are, all together.
    Kind(&'static str),
    /// Not at all: they are no objects.
    None,
}

fn naming(kind: &str) -> Naming {
    match kind {
        "object" | "native" | "hidden" => Naming::Name,
        "closure" => Naming::Function,
        "array" => Naming::Kind("(array)"),
        "string" | "concatenated string" | "sliced string" => Naming::Kind("(string)"),
        "code" => Naming::Kind("(code)"),
        "object shape" => Naming::Kind("(shape)"),
        "number" | "bigint" => Naming::Kind("(number)"),
        "regexp" => Naming::Kind("(regexp)"),
        "symbol" => Naming::Kind("(symbol)"),
        _ => Naming::None,
    }
}

/// The key of an object with that name.
fn key(naming: Naming, name: &str) -> Option<String> {
    match naming {
        Naming::Name if name.is_empty() => Some("(object)".to_owned()),
        Naming::Name => Some(name.to_owned()),
        Naming::Function if name.is_empty() => Some("function (anonymous)".to_owned()),
        Naming::Function => Some(format!("function {name}")),
        Naming::Kind(kind) => Some(kind.to_owned()),
        Naming::None => None,
    }
}

/// Sums by type and number of the name, until the names are known.
#[derive(Default)]
struct Table {
    by_name: HashMap<(bool, u64), (u64, u64)>,
    counts: Counts,
    namings: Vec<Naming>,
}

impl Visitor for Table {
    fn node(&mut self, fields: &Fields, numbers: &[u64]) -> Result<(), String> {
        if self.namings.is_empty() {
            self.namings = fields.node_types.iter().map(|kind| naming(kind)).collect();
        }
        let kind = usize::try_from(numbers[fields.node_type]).unwrap_or(usize::MAX);
        // Ids of what lies outside V8's heap are no sequence.
        let is_outside = matches!(
            fields.node_types.get(kind).map(String::as_str),
            Some("native" | "synthetic") | None
        );
        if !is_outside {
            let largest = &mut self.counts.largest_id;
            *largest = (*largest).max(numbers[fields.node_id]);
        }
        let size = numbers[fields.node_size];
        let naming = self.namings.get(kind).copied().unwrap_or(Naming::None);
        match naming {
            Naming::None => {}
            Naming::Kind(kind) => self.counts.add(kind, 1, size),
            Naming::Name | Naming::Function => {
                let place = (naming == Naming::Function, numbers[fields.node_name]);
                let has_room = self.by_name.len() < MOST_NAMES;
                match self.by_name.get_mut(&place) {
                    Some((count, bytes)) => {
                        *count += 1;
                        *bytes = bytes.saturating_add(size);
                    }
                    None if has_room => drop(self.by_name.insert(place, (1, size))),
                    None => self.counts.left_out_keys += 1,
                }
            }
        }
        Ok(())
    }

    fn edge(&mut self, _fields: &Fields, _numbers: &[u64]) -> Result<(), String> {
        Ok(())
    }

    fn string(&mut self, number: usize, text: &str) -> Result<(), String> {
        for (is_function, naming) in [(false, Naming::Name), (true, Naming::Function)] {
            if let Some((count, bytes)) = self.by_name.remove(&(is_function, number as u64))
                && let Some(key) = key(naming, text)
            {
                self.counts.add(&key, count, bytes);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::Format;

    /// A root, a server with a list of two sessions, and a string.
    const SMALL: &str = r#"{"snapshot":{"meta":{
        "node_fields":["type","name","id","self_size","edge_count","trace_node_id"],
        "node_types":[["hidden","array","string","object","closure","synthetic"],"string"],
        "edge_fields":["type","name_or_index","to_node"],
        "edge_types":[["context","element","property","internal","weak","shortcut"],"x"]},
        "node_count":6,"edge_count":5},
        "nodes":[5,0,1,0,1,0, 3,1,3,40,1,0, 1,2,5,32,2,0, 3,3,7,48,1,0, 3,3,9,48,0,0, 2,4,11,16,0,0],
        "edges":[5,6,6, 2,5,12, 1,0,18, 4,1,24, 2,7,30],
        "trace_function_infos":[],
        "strings":["(root)","Server","","Session","a \"quoted\" text é","sessions","global","note"]}"#;

    #[test]
    fn constructors_are_counted_as_the_file_has_them() {
        let counts = Format::HeapSnapshot
            .read(SMALL.as_bytes())
            .expect("a snapshot");
        let all: Vec<_> = counts
            .iter()
            .map(|(key, amount)| (key, amount.count, amount.bytes))
            .collect();
        let expected = [
            ("(array)", 1, 32),
            ("(string)", 1, 16),
            ("Server", 1, 40),
            ("Session", 2, 96),
        ];
        assert_eq!(all, expected);
        assert_eq!(counts.largest_id, 11);
    }

    #[test]
    fn the_shortest_way_is_found_and_weak_ones_keep_nothing() {
        let open = || Ok(Box::new(SMALL.as_bytes()) as Box<dyn BufRead>);
        let wanted = [
            "Session".to_owned(),
            "(string)".to_owned(),
            "Nobody".to_owned(),
        ];
        let found = retainers(&open, &wanted, 3).expect("a snapshot");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].key, "Session");
        assert_eq!(
            found[0].path,
            ["[0] of (array)", "sessions of Server", "global of (root)"]
        );
        assert_eq!(found[1].path[0], "note of Session");
        // Nothing is newer than the newest.
        assert_eq!(retainers(&open, &wanted, 11), Ok(Vec::new()));
    }

    #[test]
    fn torn_and_hostile_snapshots_are_refused() {
        for end in 0..SMALL.len() {
            assert!(counts(&mut &SMALL.as_bytes()[..end]).is_err(), "{end}");
        }
        let wild = SMALL.replace("5,6,6,", "5,6,18446744073709551615,");
        let open = || Ok(Box::new(wild.as_bytes()) as Box<dyn BufRead>);
        assert_eq!(retainers(&open, &["Session".to_owned()], 0), Ok(Vec::new()));
        let deep = format!("{{\"x\":{}", "[".repeat(1000));
        assert!(counts(&mut deep.as_bytes()).is_err());
    }
}
