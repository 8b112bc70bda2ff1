//! What kind of program a file is, as far as preloading goes: asked before it is started,
//! because the dynamic linker says nothing when it leaves a preloaded object out.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Scripts that are run by scripts: Linux follows four.
const MOST_INTERPRETERS: usize = 4;
/// Longest first line of a script that Linux reads.
const LONGEST_SCRIPT_LINE: u64 = 256;
/// Longest path of a dynamic linker.
const LONGEST_LINKER: u64 = 4096;
/// How much of a program is searched for the words of an allocator.
const MOST_SEARCHED_BYTES: u64 = 512 << 20;
const PT_INTERP: u32 = 3;
const SET_USER_ID: u32 = 0o4000;
const SET_GROUP_ID: u32 = 0o2000;

/// Words that only the code of an allocator holds, and its name.
const ALLOCATORS: [(&[u8], &str); 3] = [
    (b"<jemalloc>: ", "jemalloc"),
    (b"mimalloc: ", "mimalloc"),
    (b"TCMALLOC_", "tcmalloc"),
];
/// What the Go linker writes before the version.
const GO_MARK: &[u8] = b"\xff Go buildinf:";

/// What runs the program's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    Native,
    Go,
    Java,
    Node,
    DotNet,
    Python,
}

impl Runtime {
    fn of(file: &Path) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match &*name {
            "java" => Runtime::Java,
            "node" | "nodejs" | "bun" | "deno" => Runtime::Node,
            "dotnet" => Runtime::DotNet,
            python if python.starts_with("python") || python.starts_with("pypy") => Runtime::Python,
            _ => Runtime::Native,
        }
    }

    /// The runtime that a script of a shell stands for: `python3` of pyenv looks up which Python is
    /// meant, and becomes that one. The name must be a runtime's own, with a version or without.
    fn of_shim(script: &Path) -> Self {
        let name = script.file_name().unwrap_or_default().to_string_lossy();
        let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        match plain {
            "java" | "node" | "nodejs" | "python" | "pypy" => Runtime::of(plain.as_ref()),
            _ => Runtime::Native,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Native => "the program",
            Runtime::Go => "Go",
            Runtime::Java => "Java",
            Runtime::Node => "JavaScript",
            Runtime::DotNet => ".NET",
            Runtime::Python => "Python",
        }
    }

    /// Whether what its programs allocate does not come from `malloc`.
    pub fn heap_is_its_own(self) -> bool {
        matches!(
            self,
            Runtime::Go | Runtime::Java | Runtime::Node | Runtime::DotNet
        )
    }
}

/// The program that the kernel starts for a file.
#[derive(Debug)]
pub struct Binary {
    file: PathBuf,
    /// What runs the code.
    pub runtime: Runtime,
    linker: Linker,
    changes_user: bool,
    allocator: Option<&'static str>,
}

#[derive(Debug, PartialEq, Eq)]
enum Linker {
    /// The dynamic linker of a program of this machine.
    Path(String),
    /// None: the program is static.
    None,
    /// A program of another kind than this leaklab's own.
    Foreign,
}

impl Binary {
    /// The program behind a file: itself, or the interpreter of a script.
    ///
    /// # Errors
    ///
    /// That it cannot be read, or is neither a program nor a script.
    pub fn behind(file: &Path) -> Result<Self, String> {
        let named = (!file.as_os_str().as_encoded_bytes().contains(&b'/')).then_some(file);
        let given = file;
        let mut file = named.and_then(on_path).unwrap_or_else(|| file.to_owned());
        for scripts in 0..=MOST_INTERPRETERS {
            match interpreter(&file)? {
                Some(interpreter) => file = interpreter,
                None => {
                    let mut binary = Binary::read(file)?;
                    if scripts > 0 && binary.runtime == Runtime::Native {
                        binary.runtime = Runtime::of_shim(given);
                    }
                    return Ok(binary);
                }
            }
        }
        Err(format!(
            "`{}` is a script of a script of a script",
            file.display()
        ))
    }

    fn read(file: PathBuf) -> Result<Self, String> {
        // Links are followed for the name: `python3` may be `python3.11`.
        let file = file.canonicalize().unwrap_or(file);
        let unreadable =
            |error: std::io::Error| format!("`{}` cannot be read: {error}", file.display());
        let program = File::open(&file).map_err(unreadable)?;
        let metadata = program.metadata().map_err(unreadable)?;
        let linker = linker(&program)
            .map_err(unreadable)?
            .ok_or_else(|| format!("`{}` is not a program for Linux", file.display()))?;
        let (allocator, is_go) = search(program).map_err(unreadable)?;
        let runtime = if is_go {
            Runtime::Go
        } else {
            Runtime::of(&file)
        };
        let (user, group) = crate::system::effective_ids();
        let changes_user = (metadata.mode() & SET_USER_ID != 0 && metadata.uid() != user)
            || (metadata.mode() & SET_GROUP_ID != 0 && metadata.gid() != group);
        Ok(Binary {
            runtime,
            linker,
            changes_user,
            allocator,
            file,
        })
    }

    /// Why a preloaded object would not be used; `None` if it would.
    pub fn refusal(&self) -> Option<String> {
        let file = self.file.display();
        if leaklab_preload::JEMALLOC.bytes.is_empty() {
            return Some("this leaklab was built without glibc, and preloads nothing".to_owned());
        }
        match &self.linker {
            Linker::None => {
                return Some(format!(
                    "`{file}` is linked statically, and nothing can be preloaded"
                ));
            }
            Linker::Foreign => {
                return Some(format!("`{file}` is a program for another kind of machine"));
            }
            Linker::Path(linker) if linker.contains("musl") => {
                return Some(format!(
                    "`{file}` uses the C library musl, and the object needs glibc"
                ));
            }
            Linker::Path(_) => {}
        }
        if self.changes_user {
            return Some(format!(
                "`{file}` runs as another user (set-user-id), and the linker preloads nothing then"
            ));
        }
        self.allocator.map(|allocator| {
            format!("`{file}` brings an allocator of its own, {allocator}, and does not use malloc")
        })
    }

    /// How the heap is measured nevertheless.
    pub fn way_out(&self) -> &'static str {
        match (self.runtime, &self.linker) {
            (Runtime::Go, _) => {
                "give the address of its metrics as --heap http://…, or leave --heap out: RSS is judged"
            }
            (_, Linker::Path(_)) if self.changes_user => {
                "run it as the user it changes to, or leave --heap out: RSS is judged"
            }
            _ => {
                "link it dynamically against glibc, let it write the heap to LEAKLAB_PIPE \
                 (PROTOCOL.md), or leave --heap out: RSS is judged"
            }
        }
    }
}

/// The interpreter of a script; `None` if the file is not one.
fn interpreter(file: &Path) -> Result<Option<PathBuf>, String> {
    let unreadable = |error| format!("`{}` cannot be read: {error}", file.display());
    let opened = File::open(file).map_err(unreadable)?;
    let mut line = Vec::new();
    BufReader::new(opened.take(LONGEST_SCRIPT_LINE))
        .read_until(b'\n', &mut line)
        .map_err(unreadable)?;
    let Some(line) = line.strip_prefix(b"#!") else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let Some(named) = words.next() else {
        return Ok(Some(PathBuf::from("/bin/sh")));
    };
    if !named.ends_with("/env") {
        return Ok(Some(PathBuf::from(named)));
    }
    // `env [-S] [NAME=VALUE…] PROGRAM`: the file that env will find.
    let program = words.find(|word| !word.starts_with('-') && !word.contains('='));
    Ok(Some(
        program
            .and_then(|name| on_path(name.as_ref()))
            .unwrap_or_else(|| PathBuf::from(named)),
    ))
}

fn on_path(name: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The dynamic linker that a program names; `Ok(None)` if the file is no ELF program.
fn linker(program: &File) -> std::io::Result<Option<Linker>> {
    let mut header = [0_u8; 64];
    if program.read_at(&mut header, 0)? < header.len() || &header[..4] != b"\x7fELF" {
        return Ok(None);
    }
    // 64 bits, this byte order, this machine; what differs is not for this leaklab's object.
    let little = if cfg!(target_endian = "little") { 1 } else { 2 };
    let mut own = [0_u8; 64];
    File::open("/proc/self/exe")?.read_exact(&mut own)?;
    if header[4] != 2 || header[5] != little || header[18..20] != own[18..20] {
        return Ok(Some(Linker::Foreign));
    }
    let half = |bytes: &[u8], at: usize| u64::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]));
    let long = |bytes: &[u8], at: usize| {
        let mut value = [0; 8];
        value.copy_from_slice(&bytes[at..at + 8]);
        u64::from_ne_bytes(value)
    };
    let (start, size, count) = (long(&header, 32), half(&header, 54), half(&header, 56));
    for number in 0..count {
        let mut entry = [0_u8; 56];
        let at = start.saturating_add(number * size);
        if program.read_at(&mut entry, at)? < entry.len() {
            break;
        }
        let kind = u32::from_ne_bytes([entry[0], entry[1], entry[2], entry[3]]);
        if kind == PT_INTERP {
            let mut name = vec![0; long(&entry, 32).min(LONGEST_LINKER) as usize];
            let read = program.read_at(&mut name, long(&entry, 8))?;
            name.truncate(read);
            name.retain(|byte| *byte != 0);
            return Ok(Some(Linker::Path(
                String::from_utf8_lossy(&name).into_owned(),
            )));
        }
    }
    Ok(Some(Linker::None))
}

/// The allocator that is linked into a program, and whether Go made it.
fn search(program: File) -> std::io::Result<(Option<&'static str>, bool)> {
    const CHUNK: usize = 1 << 20;
    let longest = ALLOCATORS
        .iter()
        .map(|(mark, _)| mark.len())
        .max()
        .unwrap_or(0)
        .max(GO_MARK.len());
    let mut reader = program.take(MOST_SEARCHED_BYTES);
    let mut window = Vec::with_capacity(CHUNK + longest);
    let (mut allocator, mut is_go) = (None, false);
    loop {
        // What may be the beginning of a mark stays at the front.
        let kept = window.len().min(longest - 1);
        window.drain(..window.len() - kept);
        if reader
            .by_ref()
            .take(CHUNK as u64)
            .read_to_end(&mut window)?
            == 0
        {
            return Ok((allocator, is_go));
        }
        let holds = |mark: &[u8]| holds(&window, mark);
        is_go = is_go || holds(GO_MARK);
        allocator = allocator.or_else(|| {
            let found = ALLOCATORS.iter().find(|(mark, _)| holds(mark));
            found.map(|(_, name)| *name)
        });
    }
}

fn holds(text: &[u8], mark: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == mark[0]) {
        if text[from + at..].starts_with(mark) {
            return true;
        }
        from += at + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let file = folder.join(name);
        std::fs::write(&file, bytes).expect("a file");
        file
    }

    #[test]
    fn a_script_is_its_interpreter() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = written(folder.path(), "script", b"#!/bin/sh -e\ntrue\n");
        let by_env = written(folder.path(), "by-env", b"#!/usr/bin/env -S sh -e\ntrue\n");
        let shell = Path::new("/bin/sh").canonicalize().expect("a shell");
        for file in [&script, &by_env] {
            let binary = Binary::behind(file).expect("a program");
            assert_eq!(binary.file, shell.canonicalize().expect("a file"));
            assert_eq!(binary.refusal(), None);
        }
        // A shim of pyenv becomes the program of its name; other scripts are their shell.
        for (name, runtime) in [
            ("python3.11", Runtime::Python),
            ("node", Runtime::Node),
            ("python_soak.sh", Runtime::Native),
        ] {
            let shim = written(folder.path(), name, b"#!/bin/sh\nexec real \"$@\"\n");
            let binary = Binary::behind(&shim).expect("a program");
            assert_eq!(binary.runtime, runtime, "{name}");
        }
        let endless = written(folder.path(), "endless", b"");
        std::fs::write(&endless, format!("#!{}\n", endless.display())).expect("a file");
        assert!(Binary::behind(&endless).is_err());
    }

    /// A program header table with or without a dynamic linker, as `elf(5)` lays it out.
    fn program(linker: Option<&str>) -> Vec<u8> {
        let mut bytes = std::fs::read("/proc/self/exe").expect("this program");
        bytes.truncate(64);
        bytes[32..40].copy_from_slice(&64_u64.to_ne_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_ne_bytes());
        bytes[56..58].copy_from_slice(&1_u16.to_ne_bytes());
        let mut entry = [0_u8; 56];
        if let Some(linker) = linker {
            entry[..4].copy_from_slice(&PT_INTERP.to_ne_bytes());
            entry[8..16].copy_from_slice(&120_u64.to_ne_bytes());
            entry[32..40].copy_from_slice(&(linker.len() as u64).to_ne_bytes());
        }
        bytes.extend_from_slice(&entry);
        bytes.extend_from_slice(linker.unwrap_or_default().as_bytes());
        bytes
    }

    #[test]
    fn what_cannot_be_preloaded_is_refused_with_its_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let linker = Some("/lib64/ld-linux-x86-64.so.2\0");
        let mut jemalloc = program(linker);
        jemalloc.extend_from_slice(&[b'x'; (1 << 20) - 150]);
        jemalloc.extend_from_slice(b"\0<jemalloc>: Error\0");
        let mut foreign = program(linker);
        foreign[4] = 1;
        for (name, bytes, words) in [
            ("static", program(None), "statically"),
            ("musl", program(Some("/lib/ld-musl-x86_64.so.1\0")), "musl"),
            ("own", jemalloc, "jemalloc"),
            ("foreign", foreign, "another kind of machine"),
        ] {
            let file = written(folder.path(), name, &bytes);
            let reason = Binary::behind(&file).expect("a program").refusal();
            assert!(reason.expect(name).contains(words), "{name}");
        }
        let plain = written(folder.path(), "plain", &program(linker));
        assert_eq!(Binary::behind(&plain).expect("a program").refusal(), None);
        let text = written(folder.path(), "text", b"no program");
        assert!(Binary::behind(&text).is_err());
    }

    #[test]
    fn a_program_that_changes_its_user_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = written(
            folder.path(),
            "su",
            &program(Some("/lib64/ld-linux-x86-64.so.2\0")),
        );
        let mode = std::fs::Permissions::from_mode(0o4755);
        std::fs::set_permissions(&file, mode).expect("its mode");
        let mut binary = Binary::behind(&file).expect("a program");
        // The file is this user's own, whom starting it does not change.
        assert!(!binary.changes_user);
        binary.changes_user = true;
        assert!(binary.refusal().expect("a reason").contains("set-user-id"));
    }
}
