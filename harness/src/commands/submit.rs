//! `leaklab submit`: writes the job of a cluster; the cluster does the scheduling.

use crate::cli::Cli;
use crate::commands::print;
use crate::exit::{Exit, usage};
use anyhow::Context;
use clap::Parser;
use leaklab_judge::amount::{duration_text, plural};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Print the job that runs cells on a cluster, a shard a task; `leaklab merge` makes them one run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab submit slurm --shards 44 --parallel 8 -- --all --duration 1h > soak.sbatch
  leaklab submit kubernetes --shards 6 --image registry.example/leaklab:0.1 -- --profile nightly
  leaklab submit slurm --shards 6 --now -- --all          gives it to sbatch")]
pub struct Arguments {
    /// slurm: an array. kubernetes: an Indexed Job.
    #[arg(value_enum)]
    cluster: Cluster,
    /// Flags and selectors of `leaklab run`.
    #[arg(last = true, required = true)]
    run: Vec<String>,
    /// Parts that the cells are spread over.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    shards: u64,
    /// Parts that run at a time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    parallel: u64,
    /// What the job is called.
    #[arg(long, default_value = "leaklab-soak", value_parser = parse_name)]
    name: String,
    /// Processors of a task; cells that share one disturb each other.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1024))]
    cpus: u64,
    /// Memory of a task.
    #[arg(long, default_value = "2GiB", value_parser = crate::commands::arguments::parse_size)]
    memory: u64,
    /// Longest run of a task in a Slurm cluster, as sbatch takes it.
    #[arg(long, default_value = "12:00:00", value_parser = SlurmTime::parse)]
    time: SlurmTime,
    /// Image with leaklab and the program, for kubernetes.
    #[arg(long, default_value = "leaklab:latest")]
    image: String,
    /// Volume claim that runs are written to, for kubernetes; without one they end with the pod.
    #[arg(long)]
    claim: Option<String>,
    /// Submit it: sbatch, or kubectl create.
    #[arg(long)]
    now: bool,
}

/// Where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Cluster {
    Slurm,
    Kubernetes,
}

/// Prints or submits the job.
///
/// # Errors
///
/// What keeps the cluster's own command from taking it.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments
        .run
        .iter()
        .any(|word| word == "--shard" || word.starts_with("--shard="))
    {
        return Err(usage("`--shard` is set for each task by the job itself"));
    }
    arguments.check()?;
    let job = match arguments.cluster {
        Cluster::Slurm => arguments.slurm()?,
        Cluster::Kubernetes => arguments.kubernetes()?,
    };
    if !arguments.now {
        print(&job)?;
        return Ok(Exit::Good);
    }
    let words: &[&str] = match arguments.cluster {
        Cluster::Slurm => &["sbatch"],
        Cluster::Kubernetes => &["kubectl", "create", "-f", "-"],
    };
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", words[0]))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(job.as_bytes())?;
    }
    match child.wait()?.success() {
        true => Ok(Exit::Good),
        false => Ok(Exit::Harness),
    }
}

/// What a task may need beside its cells' times, of which some is anybody's guess.
const BESIDE: Duration = Duration::from_secs(60);

impl Arguments {
    /// Whether the job can do what is asked: that the cells are known, that each shard has some, and
    /// that a task has the time for its own.
    fn check(&self) -> anyhow::Result<()> {
        let words = ["leaklab", "run"].into_iter().map(str::to_owned);
        let words = words.chain(self.run.iter().cloned());
        let run = Cli::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            usage(format!(
                "what stands behind `--` is no `leaklab run`: {text}"
            ))
        })?;
        let Some(run) = run.into_run() else {
            return Err(usage("what stands behind `--` is no `leaklab run`"));
        };
        let planned = run.planned()?;
        let cells = planned.cells;
        if self.shards > cells {
            return Err(usage(format!(
                "there are {}, so that {} would have none (hint: --shards {cells})",
                plural(cells, "cell"),
                plural(self.shards - cells, "shard"),
            )));
        }
        let of_task = cells.div_ceil(self.shards);
        if let (Cluster::Slurm, Some(of_cell)) = (self.cluster, planned.least_of_cell) {
            let needed = of_cell.saturating_mul(u32::try_from(of_task).unwrap_or(u32::MAX));
            if self.time.length < needed + BESIDE {
                return Err(usage(format!(
                    "a task runs {} of {} each, and `--time {}` ends it before (hint: a longer \
                     --time, or more --shards)",
                    plural(of_task, "cell"),
                    duration_text(of_cell.as_secs_f64()),
                    self.time.text
                )));
            }
        }
        Ok(())
    }

    /// Words as a shell takes them.
    fn quoted(&self) -> anyhow::Result<String> {
        let words = self.run.iter().map(String::as_str);
        shlex::try_join(words).map_err(|_| usage("an argument holds a byte of value 0"))
    }

    fn slurm(&self) -> anyhow::Result<String> {
        // Slurm tells the batch shell two minutes before the end; what leaklab has then is judged.
        Ok(format!(
            "#!/bin/sh\n\
             #SBATCH --job-name={name}\n\
             #SBATCH --array=1-{shards}%{parallel}\n\
             #SBATCH --cpus-per-task={cpus}\n\
             #SBATCH --mem={memory}M\n\
             #SBATCH --time={time}\n\
             #SBATCH --signal=B:TERM@120\n\
             #SBATCH --output={name}-%A-%a.log\n\
             # A shard a task; all write below one folder. Afterwards:\n\
             #   leaklab merge leaklab-out/{name}-JOB/*/runs/*\n\
             set -eu\n\
             export LEAKLAB_OUT=\"leaklab-out/{name}-$SLURM_ARRAY_JOB_ID/$SLURM_ARRAY_TASK_ID\"\n\
             leaklab run --shard auto {words} &\n\
             soak=$!\n\
             trap 'kill -TERM \"$soak\"' TERM\n\
             # The first wait ends with the signal, the second with the soak.\n\
             code=0; wait \"$soak\" || code=$?\n\
             if kill -0 \"$soak\" 2>/dev/null; then code=0; wait \"$soak\" || code=$?; fi\n\
             exit \"$code\"\n",
            name = self.name,
            shards = self.shards,
            parallel = self.parallel.min(self.shards),
            cpus = self.cpus,
            memory = self.memory >> 20,
            time = self.time.text,
            words = self.quoted()?,
        ))
    }

    fn kubernetes(&self) -> anyhow::Result<String> {
        let mut command = vec!["leaklab".to_owned(), "run".to_owned(), "--shard".to_owned()];
        command.push(format!("auto/{}", self.shards));
        command.extend(self.run.iter().cloned());
        // A flow sequence of JSON strings is YAML.
        let command = serde_json::to_string(&command)?;
        let image = serde_json::to_string(&self.image)?;
        let volumes = match &self.claim {
            Some(claim) => format!(
                "          volumeMounts: [{{name: runs, mountPath: /leaklab-out}}]\n      \
                 volumes:\n        - name: runs\n          persistentVolumeClaim: {{claimName: {}}}\n",
                serde_json::to_string(claim)?
            ),
            None => String::new(),
        };
        Ok(format!(
            "# A shard a pod. A verdict (1, 2, 3, 5) is final; a harness that failed (4) and a node that\n\
             # went away are tried again. Afterwards: leaklab merge …/runs/*\n\
             apiVersion: batch/v1\n\
             kind: Job\n\
             metadata:\n  name: {name}\n\
             spec:\n\
             \x20 completionMode: Indexed\n\
             \x20 completions: {shards}\n\
             \x20 parallelism: {parallel}\n\
             \x20 backoffLimitPerIndex: 1\n\
             \x20 maxFailedIndexes: {shards}\n\
             \x20 podFailurePolicy:\n\
             \x20   rules:\n\
             \x20     - action: FailIndex\n\
             \x20       onExitCodes: {{containerName: soak, operator: In, values: [1, 2, 3, 5]}}\n\
             \x20     - action: Ignore\n\
             \x20       onPodConditions: [{{type: DisruptionTarget, status: \"True\"}}]\n\
             \x20 template:\n\
             \x20   spec:\n\
             \x20     restartPolicy: Never\n\
             \x20     terminationGracePeriodSeconds: 120\n\
             \x20     containers:\n\
             \x20       - name: soak\n\
             \x20         image: {image}\n\
             \x20         command: {command}\n\
             \x20         env: [{{name: LEAKLAB_OUT, value: /leaklab-out}}]\n\
             \x20         resources:\n\
             \x20           requests: {{cpu: \"{cpus}\", memory: {memory}Mi}}\n\
             \x20           limits: {{memory: {memory}Mi}}\n\
             {volumes}",
            name = self.name,
            shards = self.shards,
            parallel = self.parallel.min(self.shards),
            cpus = self.cpus,
            memory = self.memory >> 20,
        ))
    }
}

/// A name that Slurm, Kubernetes and file systems take.
fn parse_name(text: &str) -> Result<String, String> {
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = !text.is_empty() && text.len() <= 50 && text.chars().all(is_fit);
    let is_name = is_name && !text.starts_with('-') && !text.ends_with('-');
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| "a name has up to 50 of a-z, 0-9 and - between them".to_owned())
}

/// A time limit as sbatch takes it: minutes, minutes:seconds, hours:minutes:seconds, days-hours,
/// days-hours:minutes, days-hours:minutes:seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SlurmTime {
    text: String,
    length: Duration,
}

impl SlurmTime {
    fn parse(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{text}` is no time limit of Slurm: write 90 (minutes), 12:00:00 or 2-12:00:00"
            )
        };
        let number = |part: &str| match part.len() <= 9 && !part.starts_with('+') {
            true => part.parse::<u64>().map_err(|_| refused()),
            false => Err(refused()),
        };
        let (days, rest) = match text.split_once('-') {
            Some((days, rest)) => (Some(number(days)?), rest),
            None => (None, text),
        };
        let parts = rest
            .split(':')
            .map(number)
            .collect::<Result<Vec<u64>, String>>()?;
        let (hours, minutes, seconds) = match (days, &parts[..]) {
            (None, &[minutes]) => (0, minutes, 0),
            (None, &[minutes, seconds]) => (0, minutes, seconds),
            (Some(_), &[hours]) => (hours, 0, 0),
            (Some(_), &[hours, minutes]) => (hours, minutes, 0),
            (_, &[hours, minutes, seconds]) => (hours, minutes, seconds),
            _ => return Err(refused()),
        };
        let hours = 24 * days.unwrap_or(0) + hours;
        let length = Duration::from_secs(3600 * hours + 60 * minutes + seconds);
        match length.is_zero() {
            true => Err(refused()),
            false => Ok(SlurmTime {
                text: text.to_owned(),
                length,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_are_read_as_the_manual_of_sbatch_has_them() {
        for (text, seconds) in [
            ("90", Some(5400)),
            ("1:30", Some(90)),
            ("12:00:00", Some(43_200)),
            ("2-12", Some(216_000)),
            ("1-00:30", Some(88_200)),
            ("1-01:00:01", Some(90_001)),
            ("12h", None),
            ("0", None),
            ("soon", None),
            ("1:2:3:4", None),
            ("-5", None),
            ("1:00\n#SBATCH --wrap=x", None),
        ] {
            let length = SlurmTime::parse(text)
                .ok()
                .map(|time| time.length.as_secs());
            assert_eq!(length, seconds, "{text}");
        }
    }
}
