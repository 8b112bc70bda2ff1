//! Where the live heap of a program comes from: what it says itself, or a preloaded object.

mod binary;
mod preload;
mod processes;

pub use binary::{Binary, Runtime};
pub use preload::PreloadFile;
pub use processes::{ProcessHeap, ProcessHeaps};

use crate::supervisor::cell::CellSetup;
use crate::supervisor::http::Url;
use crate::supervisor::scrape::Scrape;
use crate::text::Glob;
use leaklab_preload::{JEMALLOC, MALLINFO, SharedObject};
use leaklab_run::columns;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Variable by which Python takes even its small objects from `malloc`, where they are seen.
pub const PYTHON_MALLOC: (&str, &str) = ("PYTHONMALLOC", "malloc");

/// What `--heap` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeapSource {
    /// The program is put on jemalloc, which is read.
    Jemalloc,
    /// The program keeps glibc's malloc, which is asked.
    Mallinfo,
    /// The program says it through the pipe protocol, or nobody does.
    Pipe,
    /// The best of these for this program.
    Auto,
    /// A page of metrics, scraped.
    Url(String),
}

impl FromStr for HeapSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "jemalloc" => Ok(HeapSource::Jemalloc),
            "mallinfo" => Ok(HeapSource::Mallinfo),
            "pipe" => Ok(HeapSource::Pipe),
            "auto" => Ok(HeapSource::Auto),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(HeapSource::Url(url.to_owned()))
            }
            _ => Err(format!(
                "`{text}` is no source of heap figures: jemalloc, mallinfo, pipe, auto, or the \
                 address of a page of metrics (http://…)"
            )),
        }
    }
}

impl fmt::Display for HeapSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            HeapSource::Jemalloc => "jemalloc",
            HeapSource::Mallinfo => "mallinfo",
            HeapSource::Pipe => "pipe",
            HeapSource::Auto => "auto",
            HeapSource::Url(url) => url,
        })
    }
}

/// A source that fits the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenHeap {
    /// The source; never `auto`.
    pub source: HeapSource,
    /// What is preloaded for it.
    pub preload: Option<SharedObject>,
    /// Why, when leaklab chose; or what the figures will not hold, when the user did.
    pub words: Option<String>,
}

impl ChosenHeap {
    fn of(source: HeapSource, words: Option<String>) -> Self {
        let preload = match source {
            HeapSource::Jemalloc => Some(JEMALLOC),
            HeapSource::Mallinfo => Some(MALLINFO),
            _ => None,
        };
        ChosenHeap {
            source,
            preload,
            words,
        }
    }
}

impl HeapSource {
    /// Chooses for the program in the file `program`, before anything is started.
    ///
    /// # Errors
    ///
    /// Why the program cannot be preloaded, and the way out. A program that would run silently
    /// without the preloaded object is refused as well as one that would not run.
    pub fn choose(&self, program: &Path) -> Result<ChosenHeap, String> {
        match self {
            HeapSource::Pipe => Ok(ChosenHeap::of(self.clone(), None)),
            HeapSource::Url(url) => {
                url.parse::<Url>()?;
                Ok(ChosenHeap::of(self.clone(), None))
            }
            HeapSource::Jemalloc | HeapSource::Mallinfo => {
                let binary = Binary::behind(program)?;
                let name = program.display();
                if let Some(reason) = binary.refusal() {
                    return Err(format!(
                        "`{name}` cannot be run with --heap {self}: {reason}\n(hint: {})",
                        binary.way_out()
                    ));
                }
                let words = binary.runtime.heap_is_its_own().then(|| {
                    format!(
                        "{} keeps its own heap, which malloc does not see: --heap {self} covers \
                         only what its native code allocates",
                        binary.runtime.name()
                    )
                });
                Ok(ChosenHeap::of(self.clone(), words))
            }
            HeapSource::Auto => Ok(automatic(&Binary::behind(program)?)),
        }
    }
}

/// Lets the cells of one program, whose file is `program`, read their heap from `source`.
/// Returns words for the user, if there are any.
///
/// # Errors
///
/// As for [`HeapSource::choose`].
pub fn prepare(
    cells: &mut [CellSetup],
    source: &HeapSource,
    program: &Path,
) -> Result<Option<String>, String> {
    let chosen = source.choose(program)?;
    for cell in cells {
        cell.plan.heap = Some(chosen.source.to_string());
        cell.child.preload = chosen.preload;
        if let HeapSource::Url(url) = &chosen.source {
            cell.beside.scrape = Some(Scrape {
                url: url.parse()?,
                gauges: cell.gauges.clone(),
            });
            // Patterns have no columns; what they find comes with the first page.
            cell.gauges.retain(|name| !Glob::is_pattern(name));
        }
        if chosen.preload.is_some() {
            cell.gauges.push(columns::HEAP_PROCESSES.to_owned());
        }
    }
    Ok(chosen.words)
}

fn automatic(binary: &Binary) -> ChosenHeap {
    let (source, why) = if let Some(reason) = binary.refusal() {
        (HeapSource::Pipe, reason)
    } else if binary.runtime.heap_is_its_own() {
        let runtime = binary.runtime.name();
        (
            HeapSource::Pipe,
            format!(
                "{runtime} keeps its own heap; give the address of its metrics as --heap http://…"
            ),
        )
    } else if binary.runtime == Runtime::Python {
        let (name, value) = PYTHON_MALLOC;
        (HeapSource::Mallinfo, format!("Python, with {name}={value}"))
    } else {
        (HeapSource::Jemalloc, "it uses malloc".to_owned())
    };
    let words = format!("--heap auto is {source}: {why}");
    ChosenHeap::of(source, Some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_they_are_shown() {
        for text in [
            "jemalloc",
            "mallinfo",
            "pipe",
            "auto",
            "http://127.0.0.1:9100/metrics",
        ] {
            let source: HeapSource = text.parse().expect(text);
            assert_eq!(source.to_string(), text);
        }
        for text in ["", "tcmalloc", "Jemalloc", "127.0.0.1:9100", "ftp://x"] {
            assert!(text.parse::<HeapSource>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_program_of_the_system_is_put_on_jemalloc() {
        let shell = Path::new("/bin/sh");
        let chosen = HeapSource::Auto.choose(shell).expect("a choice");
        assert_eq!(chosen.source, HeapSource::Jemalloc);
        assert_eq!(chosen.preload, Some(JEMALLOC));
        assert!(chosen.words.expect("words").contains("jemalloc"));
        let chosen = HeapSource::Pipe.choose(shell).expect("a choice");
        assert_eq!((chosen.preload, chosen.words), (None, None));
    }
}
