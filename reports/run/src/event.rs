//! What happened in a cell besides its samples: one line of `events.jsonl` each.

use super::folder::open_regular;
use super::lines::read_bounded_line;
use super::sample::Phase;
use std::collections::BTreeMap;
use std::path::Path;

/// Something that happened at an instant of a cell.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// Monotonic time since the child was ready; negative before that.
    pub elapsed_ms: f64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum EventKind {
    /// The child said that it is ready.
    Ready,
    /// A phase began.
    Phase {
        /// The phase.
        phase: Phase,
    },
    /// A named instant, or a window when `duration_ms` is there.
    Mark {
        /// Its name.
        name: String,
        /// Length of the window.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_ms: Option<f64>,
    },
    /// Gauges whose names came too late for a column.
    Gauges {
        /// Name and value.
        gauges: BTreeMap<String, f64>,
    },
    /// A line of the child that is not an object of the protocol.
    MalformedLine {
        /// Its beginning, with what is not UTF-8 replaced.
        line: String,
    },
    /// Keys of the child that the protocol does not know, kept as they came.
    Extra {
        /// Key and value.
        values: BTreeMap<String, serde_json::Value>,
    },
    /// The memory limit was reached.
    MemoryLimit {
        /// Resident bytes when it was.
        rss_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The counters of the child began anew: it replaced itself or was restarted.
    Restart,
    /// No row was taken for three intervals or more, up to this event.
    Gap {
        /// Its length.
        duration_ms: f64,
        /// Rows that were due in it.
        missed: u64,
    },
    /// Something about the measurement that a reader should know.
    Warning {
        /// One sentence.
        message: String,
    },
    /// The child has ended.
    Exit {
        /// Exit code, if it ended by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
        /// Signal, if one ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
    /// An event of a later version.
    #[serde(other)]
    Unknown,
}

/// Most characters of a mark's name; a program can hand us one of any length.
const LONGEST_NAME: usize = 200;

fn shorten(name: &mut String) {
    if let Some((cut, _)) = name.char_indices().nth(LONGEST_NAME) {
        name.truncate(cut);
        name.push('…');
    }
}

/// Reads the events of a cell; names of marks are cut at 200 characters; lines that are torn or unreadable are left out.
///
/// # Errors
///
/// The error of the operating system if the file cannot be read; a missing file is no event.
pub fn read_events(path: &Path) -> std::io::Result<Vec<Event>> {
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut events = Vec::new();
    let mut reader = std::io::BufReader::new(file);
    let mut line = Vec::new();
    while read_bounded_line(&mut reader, &mut line)? {
        if let Ok(mut event) = serde_json::from_slice::<Event>(&line) {
            if let EventKind::Mark { name, .. } = &mut event.kind {
                shorten(name);
            }
            events.push(event);
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_torn_lines_and_later_versions() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("events.jsonl");
        let text = concat!(
            r#"{"elapsed_ms":0.0,"type":"ready"}"#,
            "\n",
            r#"{"elapsed_ms":5.0,"type":"mark","name":"deploy"}"#,
            "\n",
            r#"{"elapsed_ms":6.0,"type":"eclipse","moon":true}"#,
            "\n",
            r#"{"elapsed_ms":7.0,"type":"pha"#,
        );
        std::fs::write(&path, text).expect("a file");
        let kinds: Vec<_> = read_events(&path)
            .expect("events")
            .into_iter()
            .map(|event| event.kind)
            .collect();
        let mark = EventKind::Mark {
            name: "deploy".to_owned(),
            duration_ms: None,
        };
        assert_eq!(kinds, [EventKind::Ready, mark, EventKind::Unknown]);
        assert_eq!(read_events(&folder.path().join("none")).expect("none"), []);
    }

    #[test]
    fn a_name_without_end_is_cut() {
        let mut name = "é".repeat(60_000);
        shorten(&mut name);
        assert_eq!(name.chars().count(), LONGEST_NAME + 1);
        let mut short = "deploy".to_owned();
        shorten(&mut short);
        assert_eq!(short, "deploy");
    }
}
