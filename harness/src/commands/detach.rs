//! `leaklab run --detach`: the run in a process of its own session, which no terminal ends.

use crate::commands::print;
use crate::exit::Exit;
use crate::words::say;
use anyhow::Context;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Names the file that the detached run writes its folder to.
const ANNOUNCE: &str = "LEAKLAB_ANNOUNCE";
/// Time between two looks for it.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Whether this process is the detached one.
pub fn is_detached() -> bool {
    std::env::var_os(ANNOUNCE).is_some()
}

/// Tells who started this process, if it is a detached one, where the run is.
pub fn announce(folder: &Path) {
    if let Some(path) = std::env::var_os(ANNOUNCE) {
        // Who cannot be told waits for the end; the run goes on.
        let text = folder.as_os_str().as_encoded_bytes();
        let _ = leaklab_run::write_atomically(Path::new(&path), text);
    }
}

/// Starts this very command in the background, and waits until its run has begun.
///
/// # Errors
///
/// That the process cannot be started.
pub fn start(out: &Path) -> anyhow::Result<Exit> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    let out = out
        .canonicalize()
        .with_context(|| format!("cannot find `{}`", out.display()))?;
    let own = std::process::id();
    let log = out.join(format!("detached-{own}.log"));
    let announced = out.join(format!("detached-{own}.folder"));
    let words =
        std::fs::File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let program = match arguments.is_empty() {
        true => OsString::from("leaklab"),
        false => arguments.remove(0),
    };
    let program = std::env::current_exe().map_or(program, PathBuf::into_os_string);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env(ANNOUNCE, &announced)
        .stdin(Stdio::null())
        .stdout(words.try_clone()?)
        .stderr(words);
    crate::system::own_session(&mut command);
    let mut child = command.spawn().context("cannot start the run")?;
    let folder = await_folder(&mut child, &announced);
    let _ = std::fs::remove_file(&announced);
    match folder? {
        Ok(folder) => {
            let kept = folder.join("run.log");
            let kept = match std::fs::rename(&log, &kept) {
                Ok(()) => kept,
                Err(_) => log,
            };
            let shown = folder.display();
            print(&format!(
                "run     {shown}\nlog     {}\nwatch   leaklab watch {shown}\nend     leaklab stop {shown}\n",
                kept.display()
            ))?;
            Ok(Exit::Good)
        }
        Err(code) => {
            say!(
                "{}",
                std::fs::read_to_string(&log).unwrap_or_default().trim_end()
            );
            let _ = std::fs::remove_file(&log);
            Ok(Exit::of_code(code))
        }
    }
}

/// The folder of the run, or the exit code of a run that ended before it had one.
fn await_folder(child: &mut Child, announced: &Path) -> anyhow::Result<Result<PathBuf, i32>> {
    loop {
        if let Ok(name) = std::fs::read_to_string(announced) {
            return Ok(Ok(PathBuf::from(name)));
        }
        if let Some(status) = child.try_wait().context("cannot wait for the run")? {
            return Ok(Err(status.code().unwrap_or(4)));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}
