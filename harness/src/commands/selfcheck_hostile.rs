//! `leaklab selfcheck --hostile`: what programs and machines do to a harness at night, done to
//! it here, in under two minutes.
//!
//! Each fault is a run of this very binary in a folder of its own, with a program that
//! misbehaves; then the folder and what is left of the processes are looked at. Nothing but
//! loopback, the folder and processes of its own are touched.

use crate::commands::{plain_table, print};
use crate::exit::Exit;
use crate::procfs::start_ticks;
use crate::words::clean;
use anyhow::Context;
use leaklab_run::{CellStatus, Outcome, Run};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long one fault may take before it counts as one that never ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A fault: its name, what must hold, and how it is done.
struct Fault {
    name: &'static str,
    must: &'static str,
    run: fn(&Place) -> anyhow::Result<()>,
}

const FAULTS: [Fault; 10] = [
    Fault {
        name: "flood",
        must: "gigabytes on standard output fill neither disk nor memory",
        run: flood,
    },
    Fault {
        name: "endless line",
        must: "a line without end on the pipe is one bad line, and those after it count",
        run: endless_line,
    },
    Fault {
        name: "escapes",
        must: "nothing that a program says steers the terminal",
        run: escapes,
    },
    Fault {
        name: "clock of the future",
        must: "a wrong clock neither hides a leak nor keeps the run from ending",
        run: wrong_clock,
    },
    Fault {
        name: "double fork",
        must: "a daemon is measured and ended with its program",
        run: daemon,
    },
    Fault {
        name: "left behind",
        must: "a program that ends at once and leaves others is told as that",
        run: left_behind,
    },
    Fault {
        name: "harness killed",
        must: "rows stay readable, and no process of the run is left",
        run: harness_killed,
    },
    Fault {
        name: "child killed",
        must: "the death is told, with its signal",
        run: child_killed,
    },
    Fault {
        name: "harness stopped",
        must: "the gap is an event, and its ticks are counted",
        run: harness_stopped,
    },
    Fault {
        name: "full disk",
        must: "rows lost are counted, and no file is torn",
        run: full_disk,
    },
];

/// Does all of it; exit code 4 if something does not hold.
///
/// # Errors
///
/// What keeps the faults from being tried.
pub fn execute(out: &Path) -> anyhow::Result<Exit> {
    let root = out
        .join("selfcheck")
        .join(format!("hostile-{}", std::process::id()));
    std::fs::create_dir_all(&root)
        .with_context(|| format!("cannot create `{}`", root.display()))?;
    let mut table = plain_table(&["fault", "result", "what must hold"]);
    let mut exit = Exit::Good;
    for fault in &FAULTS {
        let place = Place {
            folder: root.join(fault.name.replace(' ', "-")),
            binary: std::env::current_exe()?,
        };
        std::fs::create_dir_all(&place.folder)?;
        let result = (fault.run)(&place);
        let words = match &result {
            Ok(()) => "held".to_owned(),
            Err(error) if error.is::<LeftOut>() => format!("left out: {error}"),
            Err(error) => {
                exit = Exit::Harness;
                format!("BROKEN: {error:#}")
            }
        };
        table.add_row([fault.name, &clean(&words), fault.must]);
    }
    print(&format!("{table}\n"))?;
    match exit {
        Exit::Good => {
            std::fs::remove_dir_all(&root)?;
            print("every fault was told or held out\n")?;
        }
        _ => print(&format!("kept in {}\n", root.display()))?,
    }
    Ok(exit)
}

/// What cannot be tried on this machine, and why.
#[derive(Debug)]
struct LeftOut(String);

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LeftOut {}

/// Where a fault is tried.
struct Place {
    folder: PathBuf,
    binary: PathBuf,
}

/// What a run left.
struct Seen {
    output: Output,
    status: CellStatus,
    cell: PathBuf,
}

impl Place {
    fn command(&self, flags: &[&str], script: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(&self.folder)
            .args(["run", "--interval", "50ms", "--grace", "1s", "--out", "out"])
            .args(flags)
            .args(["--", "/bin/sh", "-c", script])
            .env_remove("LEAKLAB_OUT")
            .stdin(Stdio::null());
        command
    }

    /// Runs a shell script under the harness, to its end.
    fn run(&self, flags: &[&str], script: &str) -> anyhow::Result<Seen> {
        let (out, err) = (self.folder.join("stdout"), self.folder.join("stderr"));
        let mut child = self
            .command(flags, script)
            .stdout(std::fs::File::create(&out)?)
            .stderr(std::fs::File::create(&err)?)
            .spawn()?;
        let status = ended(&mut child)?;
        let output = Output {
            status,
            stdout: std::fs::read(out)?,
            stderr: std::fs::read(err)?,
        };
        self.seen(output)
    }

    fn seen(&self, output: Output) -> anyhow::Result<Seen> {
        let run = self.recorded()?;
        let cell = run
            .cells
            .into_iter()
            .next()
            .context("the run has no cell")?;
        Ok(Seen {
            output,
            status: cell.status,
            cell: cell.folder,
        })
    }

    fn recorded(&self) -> anyhow::Result<Run> {
        let runs = std::fs::read_dir(self.folder.join("out/runs"))?;
        let folder = runs.flatten().map(|entry| entry.path()).next();
        Ok(Run::open(&folder.context("there is no run")?)?)
    }

    /// Waits until the run has written rows.
    fn await_rows(&self, rows: usize) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let cells = self.recorded().map(|run| run.cells).unwrap_or_default();
            let read = cells.first().and_then(|cell| cell.samples(|_| false).ok());
            if read.is_some_and(|table| table.len() >= rows) {
                return Ok(());
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        anyhow::bail!("no rows within {} s", PATIENCE.as_secs())
    }

    /// Process ids that the program wrote to a file, once there are so many.
    fn pids(&self, name: &str, count: usize) -> anyhow::Result<Vec<u32>> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let text = std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            let pids: Vec<u32> = text.split_whitespace().flat_map(str::parse).collect();
            if pids.len() >= count && text.ends_with('\n') {
                return Ok(pids);
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        anyhow::bail!("`{name}` was not written")
    }
}

/// Waits for the end of a harness; one that goes on is ended.
fn ended(child: &mut Child) -> anyhow::Result<std::process::ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    child.kill()?;
    child.wait()?;
    anyhow::bail!("the run did not end within {} s", PATIENCE.as_secs())
}

/// Whether all of these are gone soon; what is not is ended here.
fn all_gone(pids: &[u32]) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        if pids.iter().all(|pid| start_ticks(*pid).is_none()) {
            return Ok(());
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    for pid in pids {
        crate::system::signal_process(*pid, libc::SIGKILL);
    }
    anyhow::bail!("processes are left behind")
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> anyhow::Result<()> {
    if !holds {
        anyhow::bail!(otherwise());
    }
    Ok(())
}

fn flood(place: &Place) -> anyhow::Result<()> {
    let seen = place.run(&["--duration", "3s"], "exec head -c 4000000000 /dev/zero")?;
    let log = std::fs::metadata(seen.cell.join("stdout.log"))?.len();
    expect(log < 70 << 20, || format!("the log has {log} bytes"))
}

fn endless_line(place: &Place) -> anyhow::Result<()> {
    let script = "exec 9>/proc/self/fd/$LEAKLAB_PIPE; head -c 100000000 /dev/zero >&9; \
                  echo >&9; echo '{\"ops\":5}' >&9; sleep 1";
    let seen = place.run(&["--duration", "8s"], script)?;
    expect(
        seen.status.malformed_lines == 1 && seen.status.ops_total == Some(5),
        || {
            format!(
                "{} bad lines, {:?} operations",
                seen.status.malformed_lines, seen.status.ops_total
            )
        },
    )
}

fn escapes(place: &Place) -> anyhow::Result<()> {
    let script =
        "sleep 0.3; printf '\\033]0;title\\007\\033]52;c;eA==\\007\\033[2J\\n' >&2; exit 9";
    let seen = place.run(&["--duration", "5s"], script)?;
    let said = [seen.output.stdout, seen.output.stderr].concat();
    let steers = |byte: &u8| (*byte < 32 && !matches!(*byte, b'\n' | b'\t')) || *byte == 127;
    expect(!said.iter().any(steers), || {
        "control characters were printed".to_owned()
    })?;
    expect(seen.status.outcome == Some(Outcome::Died), || {
        format!("outcome {:?}", seen.status.outcome)
    })
}

fn wrong_clock(place: &Place) -> anyhow::Result<()> {
    let script = "exec 9>/proc/self/fd/$LEAKLAB_PIPE; n=0; while :; do n=$((n+1)); \
        echo \"{\\\"ops\\\":$n,\\\"monotonic_us\\\":4611686018427387904,\\\"heap\\\":\
        {\\\"allocated_bytes\\\":$((n*1000000))}}\" >&9; sleep 0.05; done";
    let seen = place.run(&["--duration", "4s", "--budget", "64KiB/h"], script)?;
    expect(seen.output.status.code() != Some(0), || {
        "a leak passed".to_owned()
    })?;
    let measured = seen.status.measurement.unwrap_or_default();
    expect(measured.clock_rejects > 0, || {
        "no time was refused".to_owned()
    })?;
    expect(seen.status.elapsed_ms < 30_000.0, || {
        format!("it says that it ran for {} ms", seen.status.elapsed_ms)
    })
}

fn daemon(place: &Place) -> anyhow::Result<()> {
    let script = "(setsid sh -c 'sleep 300 & echo $! > pids; exit 0' &) ; sleep 300";
    let mut child = place
        .command(&["--duration", "4s"], script)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pids = place.pids("pids", 1)?;
    ended(&mut child)?;
    all_gone(&pids)?;
    let cell = place.recorded()?.cells.remove(0);
    let table = cell.samples(|name| name == leaklab_run::columns::PROCESSES)?;
    let most = table.values.iter().flatten().copied().fold(0.0, f64::max);
    expect(most >= 3.0, || {
        format!("only {most} processes were counted")
    })
}

fn left_behind(place: &Place) -> anyhow::Result<()> {
    let script = "setsid sleep 300 & echo $! > pids; sleep 0.3; exit 0";
    let seen = place.run(&["--duration", "20s"], script)?;
    all_gone(&place.pids("pids", 1)?)?;
    expect(seen.status.message.contains("left 1 process"), || {
        format!("it says `{}`", seen.status.message)
    })
}

fn harness_killed(place: &Place) -> anyhow::Result<()> {
    let script = "sleep 300 & echo $! $$ > pids; setsid sleep 301 & sleep 302";
    let mut child = place
        .command(&["--duration", "60s"], script)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pids = place.pids("pids", 2)?;
    place.await_rows(10)?;
    child.kill()?;
    child.wait()?;
    all_gone(&pids)?;
    let cell = place.recorded()?.cells.remove(0);
    let rows = cell.samples(|_| true)?.len();
    expect(rows >= 10, || format!("{rows} rows are left"))
}

fn child_killed(place: &Place) -> anyhow::Result<()> {
    let seen = place.run(&["--duration", "20s"], "sleep 0.5; kill -9 $$")?;
    expect(
        seen.status.outcome == Some(Outcome::Died) && seen.status.signal == Some(9),
        || {
            format!(
                "outcome {:?}, signal {:?}",
                seen.status.outcome, seen.status.signal
            )
        },
    )
}

fn harness_stopped(place: &Place) -> anyhow::Result<()> {
    let mut child = place
        .command(&["--duration", "6s"], "sleep 300")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    place.await_rows(5)?;
    crate::system::signal_process(child.id(), libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(2));
    crate::system::signal_process(child.id(), libc::SIGCONT);
    ended(&mut child)?;
    let cell = place.recorded()?.cells.remove(0);
    let measured = cell.status.measurement.unwrap_or_default();
    expect(measured.gaps >= 1 && measured.ticks_missed >= 30, || {
        format!(
            "{} gaps, {} ticks missed",
            measured.gaps, measured.ticks_missed
        )
    })
}

fn full_disk(place: &Place) -> anyhow::Result<()> {
    let disk = place.folder.join("out");
    std::fs::create_dir_all(&disk)?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "leaklab-selfcheck"])
        .arg(&disk)
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        return Err(LeftOut("no small file system can be mounted here".to_owned()).into());
    }
    let result = on_full_disk(place, &disk);
    // Lazily: a file of it may be open somewhere.
    let _ = Command::new("umount").arg("-l").arg(&disk).status();
    result
}

fn on_full_disk(place: &Place, disk: &Path) -> anyhow::Result<()> {
    let mut child = place
        .command(&["--duration", "6s"], "sleep 300")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    place.await_rows(5)?;
    let filler = disk.join("filler");
    // Fails when the disk is full, which is what is wanted.
    let _ = std::fs::write(&filler, vec![0; 2 << 20]);
    std::thread::sleep(Duration::from_secs(2));
    std::fs::remove_file(&filler)?;
    ended(&mut child)?;
    let cell = place.recorded()?.cells.remove(0);
    expect(cell.status.outcome == Some(Outcome::Completed), || {
        format!("outcome {:?}", cell.status.outcome)
    })?;
    let table = cell.samples(|_| true)?;
    expect(!table.torn && table.damaged_rows == 0, || {
        "a row is torn".to_owned()
    })?;
    let lost = cell.status.measurement.unwrap_or_default().rows_lost;
    let last_ms = table.elapsed_ms.last().copied().unwrap_or_default();
    expect(last_ms > 4000.0, || format!("no row after {last_ms} ms"))?;
    expect(lost > 0 || table.len() > 100, || {
        "rows are missing and not counted".to_owned()
    })
}
