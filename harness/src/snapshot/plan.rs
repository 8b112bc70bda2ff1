//! What `--snapshot` asks for: a name, the form of the files, and where they come from.

use super::preset::Preset;
use crate::plan::refuse_misspelt;
use crate::supervisor::http::Url;
use crate::text::shell_words;
use leaklab_reports::classes::Format;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Longest name of a series.
const LONGEST_NAME: usize = 40;

/// A series of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPlan {
    /// What it is called.
    pub name: String,
    /// The form of its files.
    pub format: Format,
    /// Where they come from.
    pub source: Source,
    /// The preset that it is of: its runtime's process is looked for in the tree.
    pub preset: Option<Preset>,
}

/// Where a snapshot comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A command: its output, or the file `{out}`.
    Command(Vec<String>),
    /// An address that answers with it.
    Url(Url),
    /// Node.js, which writes it into its folder of diagnostics on a signal.
    NodeSignal,
    /// Python, whose thread of ours answers on a socket.
    PythonSocket,
}

/// What one snapshot may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest time.
    pub time: Duration,
    /// Most bytes, before they are packed.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            time: Duration::from_secs(60),
            bytes: 1 << 30,
        }
    }
}

/// One `--snapshot`: a preset is one or two series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFlag {
    /// As it was written.
    pub text: String,
    /// What it asks for.
    pub plans: Vec<SnapshotPlan>,
}

impl fmt::Display for SnapshotFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for SnapshotFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plans = match Preset::parse(text)? {
            Some(plans) => plans,
            None => vec![plan(text)?],
        };
        Ok(SnapshotFlag {
            text: text.to_owned(),
            plans,
        })
    }
}

/// `NAME=FORMAT:COMMAND`.
fn plan(text: &str) -> Result<SnapshotPlan, String> {
    let parts = text
        .split_once('=')
        .and_then(|(name, rest)| Some((name, rest.split_once(':')?)));
    let Some((name, (format, command))) = parts else {
        let presets = Preset::names().join(", ");
        return Err(format!(
            "`{text}` is neither NAME=FORMAT:COMMAND nor one of {presets}\n\
             (hint: 'classes=class-histogram:jcmd {{pid}} GC.class_histogram')"
        ));
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_part) {
        return Err(format!(
            "`{name}` is no name of snapshots: letters, digits, - and _, at most {LONGEST_NAME}"
        ));
    }
    let source = match command.trim() {
        url if url.starts_with("http://") || url.starts_with("https://") => {
            Source::Url(url.parse()?)
        }
        line => match shell_words(line) {
            Some(words) if !words.is_empty() => {
                refuse_misspelt(&words, &["pid", "k", "out"])?;
                Source::Command(words)
            }
            _ => return Err(format!("`{line}` is no command: is a quote not closed?")),
        },
    };
    Ok(SnapshotPlan {
        name: name.to_owned(),
        format: format.trim().parse()?,
        source,
        preset: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_taken_is_read_or_refused_in_words() {
        let flag: SnapshotFlag = "classes=class-histogram:jcmd {pid} GC.class_histogram"
            .parse()
            .expect("a snapshot");
        let plan = &flag.plans[0];
        assert_eq!(
            (plan.name.as_str(), plan.format),
            ("classes", Format::ClassHistogram)
        );
        let words = ["jcmd", "{pid}", "GC.class_histogram"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(plan.source, Source::Command(words));
        let flag: SnapshotFlag = "heap=pprof:http://127.0.0.1:1/heap".parse().expect("one");
        assert!(matches!(flag.plans[0].source, Source::Url(_)));
        for (text, part) in [
            ("ruby", "neither NAME=FORMAT:COMMAND nor one of java"),
            ("a=heapsnapshots:x", "did you mean `heapsnapshot`?"),
            ("a b=csv:x", "no name of snapshots"),
            ("a=csv:'x", "is a quote not closed?"),
            ("a=csv:dump {pod}", "there are {pid}, {k}, {out}"),
            ("go=", "names the address"),
        ] {
            let error = text.parse::<SnapshotFlag>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn presets_are_series_with_a_runtime() {
        for (text, names) in [
            ("java", &["classes"][..]),
            ("node", &["heap"]),
            ("python", &["lines"]),
            ("go=http://127.0.0.1:6060", &["heap", "goroutines"]),
        ] {
            let flag: SnapshotFlag = text.parse().expect(text);
            let found: Vec<_> = flag.plans.iter().map(|plan| plan.name.as_str()).collect();
            assert_eq!(found, names, "{text}");
            assert!(flag.plans.iter().all(|plan| plan.preset.is_some()));
        }
    }
}
