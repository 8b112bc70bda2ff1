//! The pipe protocol: one JSON object on a line, see PROTOCOL.md.

use crate::attribution::StackCounts;
use crate::text::nearest;
use leaklab_run::{Heap, Phase};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most bytes of a heap that are believed: more than any processor has addresses for. A heap of
/// 2^64 - 1 bytes is -1 in a program that keeps sizes without a sign.
const MOST_HEAP_BYTES: u64 = 1 << 57;

/// What one line of a child says; absent parts were not in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// When the child wrote it, on the monotonic clock of the machine.
    pub monotonic_us: Option<u64>,
    /// Operations completed so far.
    pub ops: Option<u64>,
    /// Heap figures; none if there is no figure of the protocol among them.
    pub heap: Option<Heap>,
    /// Names in a heap that has no figure of the protocol.
    pub unknown_heap: Vec<String>,
    /// Gauges by name.
    pub gauges: BTreeMap<String, f64>,
    /// A phase begins.
    pub phase: Option<Phase>,
    /// A named instant.
    pub mark: Option<Mark>,
    /// The child is ready to be measured.
    pub ready: bool,
    /// Median and 99th percentile of latency since the line before.
    pub latency_us: Option<(u64, u64)>,
    /// CPU time of the child's sample before this one.
    pub sample_cost_us: Option<u64>,
    /// The process that says it, of a tree whose processes each have a sampler.
    pub pid: Option<u32>,
    /// Name of the program, in the first line after it was started.
    pub program: Option<String>,
    /// Why the heap of the process cannot be read.
    pub heap_error: Option<String>,
    /// Counts of one of its stacks.
    pub stacks: Option<StackCounts>,
    /// Keys that are not of the protocol.
    pub extra: BTreeMap<String, Value>,
}

/// A named instant or, with a length, a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    pub name: String,
    pub duration_ms: Option<f64>,
}

impl Message {
    /// Reads a line; `None` if it is not a JSON object or a known key has a wrong type.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let mut message = Message::default();
        for (key, value) in object {
            message.take(key, value)?;
        }
        Some(message)
    }

    fn take(&mut self, key: String, value: Value) -> Option<()> {
        match key.as_str() {
            "monotonic_us" => self.monotonic_us = Some(value.as_u64()?),
            "ops" => self.ops = Some(whole(&value)?),
            "heap" => {
                let heap = heap(&value)?;
                let names = value.as_object()?.keys();
                match names.len() > 0 && names.clone().all(|name| !HEAP_FIGURES.contains(&&**name))
                {
                    true => self.unknown_heap = names.cloned().collect(),
                    false => self.heap = Some(heap),
                }
            }
            "gauges" => {
                for (name, value) in value.as_object()? {
                    // Null stands for a number that JSON has no word for.
                    if !value.is_null() {
                        self.gauges.insert(name.clone(), value.as_f64()?);
                    }
                }
            }
            "phase" => self.phase = Some(Phase::from_name(value.as_str()?)?),
            "mark" => self.mark = Some(mark(&value)?),
            "ready" => self.ready = value.as_bool()?,
            "latency_us" => {
                self.latency_us = Some((whole(value.get("p50")?)?, whole(value.get("p99")?)?));
            }
            "pid" => self.pid = Some(u32::try_from(whole(&value)?).ok()?),
            "program" => self.program = Some(value.as_str()?.to_owned()),
            "stacks" => self.stacks = Some(StackCounts::parse(&value)?),
            "heap_error" => self.heap_error = Some(value.as_str()?.to_owned()),
            "sample_cost_us" => self.sample_cost_us = Some(whole(&value)?),
            _ => {
                self.extra.insert(key, value);
            }
        }
        Some(())
    }
}

/// Keys of the protocol that hold figures by name.
const OF_FIGURES: [&str; 2] = ["heap", "gauges"];

impl Message {
    /// What it may have meant by a key that is not of the protocol; `None` if nothing looks like
    /// a slip.
    pub fn misspelt(&self) -> Option<String> {
        if let Some(name) = self.unknown_heap.first() {
            let near = nearest(name, HEAP_FIGURES);
            let near = near.map_or(HEAP_FIGURES.join(", "), |near| {
                format!("did you mean `{near}`?")
            });
            return Some(format!(
                "a `heap` without a figure of the protocol: `{name}` ({near})"
            ));
        }
        let mut figures = self.extra.iter().filter(|(_, value)| value.is_object());
        figures.find_map(|(key, _)| {
            let near = nearest(key, OF_FIGURES)?;
            Some(format!(
                "`{key}` is no key of the protocol (did you mean `{near}`?)"
            ))
        })
    }
}

/// A count; `12.0`, which some languages write for a whole number, is one too.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
    })
}

/// Names of the figures of a heap.
pub const HEAP_FIGURES: [&str; 9] = [
    "allocated_bytes",
    "active_bytes",
    "metadata_bytes",
    "resident_bytes",
    "mapped_bytes",
    "retained_bytes",
    "used_bytes",
    "committed_bytes",
    "limit_bytes",
];

fn heap(value: &Value) -> Option<Heap> {
    let object = value.as_object()?;
    let figure = |name: &str| match object.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => whole(value)
            .filter(|bytes| *bytes <= MOST_HEAP_BYTES)
            .map(Some),
    };
    Some(Heap {
        allocated_bytes: figure("allocated_bytes")?,
        active_bytes: figure("active_bytes")?,
        metadata_bytes: figure("metadata_bytes")?,
        resident_bytes: figure("resident_bytes")?,
        mapped_bytes: figure("mapped_bytes")?,
        retained_bytes: figure("retained_bytes")?,
        used_bytes: figure("used_bytes")?,
        committed_bytes: figure("committed_bytes")?,
        limit_bytes: figure("limit_bytes")?,
    })
}

/// `"deploy"` or `{"name": "deploy", "duration_ms": 500}`.
fn mark(value: &Value) -> Option<Mark> {
    if let Some(name) = value.as_str() {
        return Some(Mark {
            name: name.to_owned(),
            duration_ms: None,
        });
    }
    Some(Mark {
        name: value.get("name")?.as_str()?.to_owned(),
        duration_ms: match value.get("duration_ms") {
            None => None,
            Some(duration) => Some(duration.as_f64()?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_beyond_all_addresses_is_no_line_of_the_protocol() {
        for bytes in ["18446744073709551615", "18446744073709551616", "1e18", "-1"] {
            let line = format!("{{\"heap\": {{\"allocated_bytes\": {bytes}}}}}");
            assert_eq!(Message::parse(line.as_bytes()), None, "{bytes}");
        }
        let line = br#"{"heap": {"allocated_bytes": 1099511627776}}"#;
        assert!(Message::parse(line).is_some());
    }

    #[test]
    fn figures_under_a_misspelt_name_are_told() {
        let words = |line: &str| {
            Message::parse(line.as_bytes())
                .expect("a message")
                .misspelt()
        };
        let told = words(r#"{"heap": {"alocated_bytes": 5}}"#).expect("a slip");
        assert!(told.contains("did you mean `allocated_bytes`?"), "{told}");
        let told = words(r#"{"haep": {"allocated_bytes": 5}}"#).expect("a slip");
        assert!(told.contains("did you mean `heap`?"), "{told}");
        for line in [
            r#"{"heap": {"allocated_bytes": 5, "novel_bytes": 1}}"#,
            r#"{"heap": {}, "haep": 5, "shop": {"colour": "red"}}"#,
        ] {
            assert_eq!(words(line), None, "{line}");
        }
    }

    #[test]
    fn every_key_of_the_protocol_is_understood() {
        let line = br#"{"ops": 12.0, "gauges": {"depth": 3, "nan": null}, "phase": "drain",
            "heap": {"allocated_bytes": 5, "used_bytes": null, "novel_bytes": 1},
            "mark": {"name": "deploy", "duration_ms": 2.5}, "ready": true,
            "latency_us": {"p50": 1, "p99": 2, "count": 9}, "pid": 42, "program": "shop",
            "heap_error": "none", "colour": "red"}"#;
        let message = Message::parse(line).expect("a message");
        assert_eq!(message.ops, Some(12));
        assert_eq!(message.gauges, BTreeMap::from([("depth".to_owned(), 3.0)]));
        assert_eq!(message.phase, Some(Phase::Drain));
        let heap = message.heap.expect("a heap");
        assert_eq!((heap.allocated_bytes, heap.used_bytes), (Some(5), None));
        assert_eq!(message.mark.expect("a mark").duration_ms, Some(2.5));
        assert!(message.ready);
        assert_eq!(message.latency_us, Some((1, 2)));
        assert_eq!(message.pid, Some(42));
        assert_eq!(message.program.as_deref(), Some("shop"));
        assert_eq!(message.heap_error.as_deref(), Some("none"));
        assert_eq!(message.extra["colour"], "red");
    }

    #[test]
    fn what_is_not_of_the_protocol_is_refused_whole() {
        for line in [
            "",
            "hello",
            "[1]",
            "{\"ops\": -1}",
            "{\"ops\": 1.5}",
            "{\"ops\": \"1\"}",
            "{\"heap\": 3}",
            "{\"phase\": \"lunch\"}",
            "{\"pid\": 4294967296}",
            "{\"gauges\": {\"x\": \"y\"}}",
            "{\"ops\": 1",
        ] {
            assert_eq!(Message::parse(line.as_bytes()), None, "{line}");
        }
    }
}
