//! Presets: what the runtimes need at their launch so that their objects can be counted.

use super::plan::{SnapshotPlan, Source};
use crate::heap::{Binary, Runtime};
use crate::supervisor::cell::CellSetup;
use crate::supervisor::http::Url;
use leaklab_reports::classes::Format;
use leaklab_run::SNAPSHOTS_FOLDER;
use std::path::{Path, PathBuf};

/// A runtime whose objects are counted without a command of the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// `jcmd PID GC.class_histogram`; needs nothing at the launch.
    Java,
    /// A heap snapshot on a signal, which a flag in `NODE_OPTIONS` sets up.
    Node,
    /// tracemalloc, which `PYTHONTRACEMALLOC` starts and a module of ours writes out.
    Python,
    /// Go's own profiles, which the program serves itself.
    Go,
}

/// The signal on which Node.js writes a snapshot.
pub const NODE_SIGNAL: (i32, &str) = (libc::SIGUSR2, "SIGUSR2");
/// What a socket of Python is called, before the process's id; in the abstract name space.
pub const PYTHON_SOCKET: &str = "leaklab-tracemalloc-";
/// What Python imports at its start, from a folder in `PYTHONPATH`.
const PYTHON_MODULE: &str = include_str!("sitecustomize.py");
/// Where Go serves its profiles if the address says nothing else: in use after a collection, and
/// goroutines.
const GO_PROFILES: [(&str, &str); 2] = [
    ("heap", "/debug/pprof/heap?gc=1"),
    ("goroutines", "/debug/pprof/goroutine"),
];

impl Preset {
    /// How they are written.
    pub fn names() -> [&'static str; 4] {
        ["java", "node", "python", "go=URL"]
    }

    /// The series of a preset; `None` if the text is none.
    ///
    /// # Errors
    ///
    /// Words on an address of Go that is none.
    pub fn parse(text: &str) -> Result<Option<Vec<SnapshotPlan>>, String> {
        let one = |preset, name: &str, format, source| {
            Some(vec![SnapshotPlan {
                name: name.to_owned(),
                format,
                source,
                preset: Some(preset),
            }])
        };
        Ok(match text {
            "java" => {
                let words = ["jcmd", "{pid}", "GC.class_histogram"].map(str::to_owned);
                let source = Source::Command(words.to_vec());
                one(Preset::Java, "classes", Format::ClassHistogram, source)
            }
            "node" => one(
                Preset::Node,
                "heap",
                Format::HeapSnapshot,
                Source::NodeSignal,
            ),
            "python" => {
                let source = Source::PythonSocket;
                one(Preset::Python, "lines", Format::Tracemalloc, source)
            }
            _ => match text.strip_prefix("go=") {
                Some(address) if !address.contains("pprof:") => Some(go(address)?),
                _ => None,
            },
        })
    }

    /// The preset of a runtime.
    pub fn of(runtime: Runtime) -> Option<Self> {
        match runtime {
            Runtime::Java => Some(Preset::Java),
            Runtime::Node => Some(Preset::Node),
            Runtime::Python => Some(Preset::Python),
            Runtime::Go => Some(Preset::Go),
            Runtime::Native | Runtime::DotNet => None,
        }
    }

    /// Why it cannot be used on what runs already.
    pub fn launch_need(self) -> Option<&'static str> {
        match self {
            Preset::Java | Preset::Go => None,
            Preset::Node => Some(
                "Node.js writes heap snapshots for us only where it was started with \
                 --heapsnapshot-signal",
            ),
            Preset::Python => {
                Some("tracemalloc knows only what was allocated since it was started with Python")
            }
        }
    }

    /// Whether a process runs it, by the name of its program's file.
    pub fn runs_in(self, program: &str) -> bool {
        match self {
            Preset::Java => program == "java",
            Preset::Node => matches!(program, "node" | "nodejs"),
            Preset::Python => program.starts_with("python") || program.starts_with("pypy"),
            Preset::Go => true,
        }
    }

    /// Its name for people.
    pub fn runtime(self) -> &'static str {
        match self {
            Preset::Java => "Java",
            Preset::Node => "Node.js",
            Preset::Python => "Python",
            Preset::Go => "Go",
        }
    }
}

fn go(address: &str) -> Result<Vec<SnapshotPlan>, String> {
    let hint = "go= names the address of its pprof endpoint: go=http://127.0.0.1:6060";
    let url: Url = address
        .parse()
        .map_err(|why| format!("{why}\n(hint: {hint})"))?;
    let base = url.to_string();
    let plan = |(name, path): (&str, &str)| {
        Ok(SnapshotPlan {
            name: name.to_owned(),
            format: Format::Pprof,
            source: Source::Url(format!("{}{path}", base.trim_end_matches('/')).parse()?),
            preset: Some(Preset::Go),
        })
    };
    match url.path() {
        "/" => GO_PROFILES.into_iter().map(plan).collect(),
        _ => Ok(vec![SnapshotPlan {
            name: "profile".to_owned(),
            format: Format::Pprof,
            source: Source::Url(url),
            preset: Some(Preset::Go),
        }]),
    }
}

/// The preset of a program of one's own, by what runs it; `None` if its heap is `malloc`'s.
///
/// # Errors
///
/// Words on a runtime that needs more than the program's name.
pub fn preset_of(program: &Path) -> Result<Option<Vec<SnapshotPlan>>, String> {
    let Ok(binary) = Binary::behind(program) else {
        return Ok(None);
    };
    match Preset::of(binary.runtime) {
        None => Ok(None),
        Some(Preset::Go) => Err(
            "--where: a Go program keeps its own heap, and its profiles are served by itself\n\
             (hint: --snapshot go=http://127.0.0.1:6060 names the address of net/http/pprof)"
                .to_owned(),
        ),
        Some(Preset::Java) => Preset::parse("java"),
        Some(Preset::Node) => Preset::parse("node"),
        Some(Preset::Python) => Preset::parse("python"),
    }
}

/// Sets what the presets of a cell need when its program is launched. Files that they need are
/// written by [`write_files`] when the cell's folder is there.
pub fn launch(cell: &mut CellSetup) {
    let presets: Vec<Preset> = cell
        .beside
        .snapshots
        .iter()
        .filter_map(|plan| plan.preset)
        .collect();
    let folder = snapshots_folder(&cell.folder);
    let child = &mut cell.child;
    let mut add = |name: &str, own: String, joint: &str, own_is_first: bool| {
        let value = match child.given(name).filter(|given| !given.is_empty()) {
            Some(given) if own_is_first => format!("{own}{joint}{given}"),
            Some(given) => format!("{given}{joint}{own}"),
            None => own,
        };
        child.environment.push((name.to_owned(), value));
    };
    if presets.contains(&Preset::Node) {
        let (_, signal) = NODE_SIGNAL;
        let folder = folder.display();
        let options = format!("--heapsnapshot-signal={signal} --diagnostic-dir=\"{folder}\"");
        add("NODE_OPTIONS", options, " ", false);
    }
    if presets.contains(&Preset::Python) {
        add("PYTHONPATH", folder.display().to_string(), ":", true);
        let environment = &mut cell.child.environment;
        environment.push(("PYTHONTRACEMALLOC".to_owned(), "1".to_owned()));
    }
}

/// The folder of a cell's snapshots, as a path that holds wherever a program runs.
pub fn snapshots_folder(cell: &Path) -> PathBuf {
    let folder = cell.join(SNAPSHOTS_FOLDER);
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Writes the folder of a cell's snapshots, with what its presets need in it.
///
/// # Errors
///
/// The error of the operating system.
pub fn write_files(cell: &Path, plans: &[SnapshotPlan]) -> std::io::Result<()> {
    let folder = snapshots_folder(cell);
    std::fs::create_dir_all(&folder)?;
    if plans.iter().any(|plan| plan.preset == Some(Preset::Python)) {
        std::fs::write(folder.join("sitecustomize.py"), PYTHON_MODULE)?;
    }
    Ok(())
}
