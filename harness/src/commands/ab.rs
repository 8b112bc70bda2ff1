//! `leaklab ab`: two builds of a program against each other, in random order.

use crate::builds::{Repository, Tree};
use crate::commands::arguments::Terms;
use crate::commands::compare::{OutputFormat, PictureArguments, comparison_text};
use crate::commands::print;
use crate::commands::run::drawn;
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::plan::{
    CellSettings, CommandLine, RunSettings, command_cells, find_program, parse_command,
};
use crate::program_file::{command_digest, sha256_of};
use crate::run::record_run;
use crate::supervisor::cell::CellSetup;
use crate::supervisor::signals;
use crate::words::say;
use anyhow::Context;
use leaklab_reports::cell::VerdictOptions;
use leaklab_reports::compare::{EndedEarly, PAIR_KEY, PAIR_NAMES, PairAnswer, Terms as AskedTerms};
use leaklab_run::Run;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Compare two builds of a program: both run in turn, in random order, and are certified.
///
/// The certificate says what the second removes or brings, with the differences between runs in
/// its intervals; its exit code says whether what is required of the second holds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab ab --repeat 5 --duration 5m --load 'wrk …' -- ./shop-old -- ./shop-new
  leaklab ab --git v1.4.1..HEAD --build 'cargo build --release' -- target/release/shop
  leaklab ab --require fixed --budget 16B/op -- ./shop-old -- ./shop-new
  leaklab ab --require faster --accept peak=10% -- ./shop-old -- ./shop-new

Exit codes: 0 what is required of the second holds · 1 it is refuted · 2 usage, or both are the
same · 3 open: repeat more often, or run longer · 4 a build or the load failed · 5 a side died, or
was never ready")]
pub struct Arguments {
    /// The old program with its arguments, `--`, and the new one; with --git one program.
    ///
    /// With --git a relative path (`./shop`, `target/release/shop`) is that in the work tree of each
    /// commit, in the folder that stands for this one; the program runs there, so that its arguments
    /// are files of that commit. A name without a slash (`python3 server.py`) comes from PATH and an
    /// absolute path (a wrapper) from where it lies: they are the same for both.
    #[arg(last = true)]
    programs: Vec<OsString>,
    /// The old one, instead of behind `--`.
    #[arg(long, value_name = "COMMAND", value_parser = parse_command, requires = "after", conflicts_with_all = ["programs", "git"])]
    before: Option<CommandLine>,
    /// The new one, instead of behind a second `--`.
    #[arg(long, value_name = "COMMAND", value_parser = parse_command, requires = "before")]
    after: Option<CommandLine>,
    /// Compare two commits of this repository: OLD..NEW, each in a work tree of its own.
    #[arg(long, value_name = "OLD..NEW")]
    git: Option<String>,
    /// What builds a commit, run in its work tree.
    #[arg(long, value_name = "COMMAND", value_parser = parse_command, requires = "git")]
    build: Option<CommandLine>,
    #[command(flatten)]
    terms: Terms,
    /// Runs of each side.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    repeat: u64,
    /// Seed of the order, and of everything random in the programs' scenarios.
    #[arg(long, default_value_t = 1, env = "LEAKLAB_SEED")]
    seed: u64,
    /// Compare although both are the same bytes: what the machine does by itself.
    #[arg(long)]
    same_build: bool,
    /// What the program is called [default: its file's name].
    #[arg(long)]
    name: Option<String>,
    /// How the certificate is printed: text, markdown or json.
    #[arg(long, default_value = "text")]
    format: OutputFormat,
    /// Folder for runs.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
    /// Settings [default: leaklab.toml, if there is one].
    #[arg(long, value_name = "FILE", env = "LEAKLAB_CONFIG")]
    config: Option<PathBuf>,
    /// A profile of that file.
    #[arg(long, value_name = "NAME", env = "LEAKLAB_PROFILE")]
    profile: Option<String>,
    /// What the run is of: ticket=123. May be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = crate::nights::parse_label)]
    labels: Vec<(String, String)>,
    #[command(flatten)]
    picture: PictureArguments,
    #[command(flatten)]
    cell: CellSettings,
}

/// Runs both and prints the certificate.
///
/// # Errors
///
/// A usage error for sides that are missing or the same; what failed of builds and runs.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = Config::read(arguments.config.as_deref())?;
    let profile = config.profile_or_default(arguments.profile.as_deref())?;
    let sides = arguments.sides()?;
    let digests = sides.each_ref().map(TwoSided::digest);
    let [before, after] = digests;
    let (before, after) = (before?, after?);
    if before == after && !arguments.same_build {
        let hint = match sides[1].outside() {
            Some(program) => format!(
                "`{program}` lies outside the work trees, so that both commits run the same file; \
                 name what is built by a path in the tree"
            ),
            None => "did the second build take place, and into a folder of its own?".to_owned(),
        };
        return Err(usage(format!(
            "both sides are the same program, byte by byte, with the same arguments\n(hint: {hint} \
             --same-build compares them all the same, to see what the machine does by itself)"
        )));
    }
    if let Some(program) = sides[1].outside() {
        say!(
            "note: `{program}` lies outside the work trees and is the same for both commits; only \
             what it takes from the work tree differs"
        );
    }
    let settings = RunSettings {
        flags: arguments.cell.clone(),
        profile: profile.cell,
        default_budget: config.default_budget,
        default_memory_limit: crate::host::default_memory_limit_bytes(1),
        repeat: arguments.repeat,
        jobs: 1,
        seed: arguments.seed,
        name: arguments.name.clone(),
        labels: arguments.labels.iter().cloned().collect(),
        ..RunSettings::default()
    };
    let terms = arguments.terms.with(&config.harm);
    let sides = Sides {
        sides: &sides,
        settings,
        terms: &terms,
    };
    signals::listen().context("cannot listen for signals")?;
    let run = sides.run(&arguments.out)?;
    let pair = PairAnswer::of(&run, &terms, &VerdictOptions::default());
    print_pair(&pair, arguments.format)?;
    if let Ok(comparison) = &pair.comparison {
        let charts = run.folder.join("charts");
        let drawing = (arguments.picture).draw(comparison, &charts, arguments.format);
        if let Err(error) = drawing {
            say!("no chart: {error}");
        }
    }
    told_early(pair.early.as_ref());
    let exit = Exit::from(pair.standing());
    let (paths, drawing) = drawn(&run, &run.folder);
    for (what, path) in paths.iter().filter(|(what, _)| *what != "chart") {
        say!("{what:8}{}", path.display());
    }
    Ok(signals::asked_by().map_or(exit.or_graver(drawing), Exit::Signal))
}

/// Tells what keeps a run from being compared, if anything does: a harness that failed, a side that
/// died; and the exit code that this is.
pub(super) fn told_early(early: Option<&EndedEarly>) -> Option<Exit> {
    let early = early?;
    say!("{}", early.words);
    Some(early.standing.into())
}

/// Prints the certificate of a run of both sides, or says why there is none, and what was left out.
pub(super) fn print_pair(pair: &PairAnswer, format: OutputFormat) -> anyhow::Result<()> {
    for error in &pair.left_out {
        say!("left out: {error}");
    }
    match &pair.comparison {
        Ok(comparison) => print(&comparison_text(comparison, format)?)?,
        Err(why) => say!("error: {why}"),
    }
    Ok(())
}

/// One side: what is run, and where.
pub struct TwoSided {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The work tree of a commit that was built.
    pub tree: Option<Tree>,
    /// The commit.
    pub commit: Option<String>,
}

impl TwoSided {
    fn folder(&self) -> Option<PathBuf> {
        self.tree.as_ref().map(Tree::working_folder)
    }

    fn digest(&self) -> anyhow::Result<String> {
        let folder = self.folder();
        let program = self.program()?;
        Ok(command_digest(
            &program,
            &self.command[1..],
            folder.as_deref(),
        ))
    }

    /// The program of a commit that does not come from its work tree: an interpreter, a wrapper.
    fn outside(&self) -> Option<String> {
        let top = self.tree.as_ref()?.folder().canonicalize().ok()?;
        let program = self.program().ok()?.canonicalize().ok()?;
        (!program.starts_with(top)).then(|| program.display().to_string())
    }

    fn program(&self) -> anyhow::Result<PathBuf> {
        let Some(program) = self.command.first() else {
            return Err(usage("there is no program on one side of the comparison"));
        };
        find_program(program, self.folder().as_deref()).map_err(usage)
    }

    /// What the record of a run holds of it.
    fn facts(&self) -> serde_json::Value {
        serde_json::json!({
            "commit": self.commit,
            "program_sha256": self.program().ok().and_then(|program| sha256_of(&program)),
        })
    }
}

impl Arguments {
    fn sides(&self) -> anyhow::Result<[TwoSided; 2]> {
        let plain = |command: Vec<OsString>| TwoSided {
            command,
            tree: None,
            commit: None,
        };
        if let (Some(before), Some(after)) = (&self.before, &self.after) {
            let words = |line: &CommandLine| line.0.iter().map(OsString::from).collect();
            return Ok([plain(words(before)), plain(words(after))]);
        }
        let split = self.programs.iter().position(|word| word == "--");
        if let Some(range) = &self.git {
            if split.is_some() || self.programs.is_empty() {
                return Err(usage(
                    "with --git there is one program behind `--`: the same in both",
                ));
            }
            let repository = Repository::here()?;
            let [old, new] = repository.ends(range)?;
            let folder = self.out.join("builds");
            let side = |commit: String| {
                built(
                    &repository,
                    &folder,
                    commit,
                    self.build.as_ref(),
                    &self.programs,
                )
            };
            return Ok([side(old)?, side(new)?]);
        }
        let Some(split) = split else {
            return Err(usage(
                "name both programs: leaklab ab -- ./old -- ./new (hint: or two commits of one: \
                 leaklab ab --git OLD..NEW --build COMMAND -- PROGRAM)",
            ));
        };
        let (old, new) = self.programs.split_at(split);
        Ok([plain(old.to_vec()), plain(new[1..].to_vec())])
    }
}

/// A commit, built in a work tree of its own.
///
/// # Errors
///
/// What git says, or the build.
pub fn built(
    repository: &Repository,
    folder: &Path,
    commit: String,
    build: Option<&CommandLine>,
    command: &[OsString],
) -> anyhow::Result<TwoSided> {
    let tree = repository.tree(folder, &commit)?;
    if let Some(build) = build {
        tree.build(build, &repository.line(&commit))?;
    }
    Ok(TwoSided {
        command: command.to_vec(),
        tree: Some(tree),
        commit: Some(commit),
    })
}

/// Two sides that are run in turn.
pub struct Sides<'a> {
    /// The old one and the new one.
    pub sides: &'a [TwoSided; 2],
    /// How each is run.
    pub settings: RunSettings,
    /// What is asked of the second.
    pub terms: &'a AskedTerms,
}

impl Sides<'_> {
    /// Runs both, in blocks of one run of each, whose order is random.
    ///
    /// # Errors
    ///
    /// What keeps the run from being started or recorded.
    pub fn run(&self, out: &Path) -> anyhow::Result<Run> {
        let orders = orders(self.settings.seed, self.settings.repeat);
        let named = |order: &[usize; 2]| order.map(|side| PAIR_NAMES[side]);
        let order: Vec<[&str; 2]> = orders.iter().map(named).collect();
        let facts = serde_json::json!({
            "order": order,
            "terms": self.terms,
            PAIR_NAMES[0]: self.sides[0].facts(),
            PAIR_NAMES[1]: self.sides[1].facts(),
        });
        let mut settings = self.settings.clone();
        settings.facts = BTreeMap::from([(PAIR_KEY.to_owned(), facts)]);
        let plan = |folder: &Path| self.cells(&orders, folder);
        let recorded = record_run(&out.join("runs"), &settings, &plan, false)?;
        Ok(recorded.open()?)
    }

    fn cells(&self, orders: &[[usize; 2]], folder: &Path) -> anyhow::Result<Vec<CellSetup>> {
        let name = match &self.settings.name {
            Some(name) => name.replace("::", "-"),
            None => self.sides[1].program()?.file_name().map_or_else(
                || "program".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
        };
        let of_side = |side: usize| {
            let mut settings = self.settings.clone();
            settings.name = Some(format!("{name}::{}", PAIR_NAMES[side]));
            if let (Some(tree), given) = (self.sides[side].folder(), &mut settings.flags.cwd) {
                *given = Some(
                    given
                        .as_ref()
                        .map_or_else(|| tree.clone(), |own| tree.join(own)),
                );
            }
            command_cells(&settings, &self.sides[side].command, folder)
        };
        let mut cells = [of_side(0)?, of_side(1)?].map(Vec::into_iter);
        let ordered = orders.iter().flatten();
        Ok(ordered.filter_map(|&side| cells[side].next()).collect())
    }
}

/// The order of the sides in each block: random, the same for one seed.
fn orders(seed: u64, blocks: u64) -> Vec<[usize; 2]> {
    let mut state = seed;
    let mut flip = move || {
        // SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014).
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) & 1 == 1
    };
    (0..blocks)
        .map(|_| if flip() { [1, 0] } else { [0, 1] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_blocks_is_random_and_the_same_for_one_seed() {
        let some = orders(7, 1000);
        assert_eq!(some, orders(7, 1000));
        assert_ne!(some, orders(8, 1000));
        let flipped = some.iter().filter(|order| order[0] == 1).count();
        assert!((430..=570).contains(&flipped), "{flipped}");
    }
}
