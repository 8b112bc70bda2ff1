//! `leaklab submit`: writes the job of a cluster; the cluster does the scheduling.

use crate::commands::print;
use crate::exit::{Exit, usage};
use anyhow::Context;
use std::io::Write;
use std::process::{Command, Stdio};

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
    #[arg(long, default_value = "12:00:00")]
    time: String,
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

impl Arguments {
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
            parallel = self.parallel,
            cpus = self.cpus,
            memory = self.memory >> 20,
            time = single_line(&self.time)?,
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
            parallel = self.parallel,
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

fn single_line(text: &str) -> anyhow::Result<&str> {
    match text.contains(char::is_control) {
        false => Ok(text),
        true => Err(usage("`--time` is one line, like 12:00:00")),
    }
}
