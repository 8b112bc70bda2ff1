//! `leaklab compare`: the fix certificate of two cells or runs, or a ranking of several.

use crate::attribution::{answer, stack_comparison_text};
use crate::commands::ab::{print_pair, told_early};
use crate::commands::chart::{parse_size, parse_theme};
use crate::commands::given::{Given, Read};
use crate::commands::sources::TableArguments;
use crate::commands::uncompared::Rest;
use crate::commands::r#where::why_no_stacks;
use crate::commands::{arguments, print};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::words::say;
use leaklab_judge::{Budget, Unit};
use leaklab_reports::attribution::compare_stacks;
use leaklab_reports::cell::VerdictOptions;
use leaklab_reports::chart::{ChartOptions, Picture, Theme};
use leaklab_reports::compare::{
    Comparison, EndedEarly, Format, PairAnswer, Ranking, Side, Terms, base_name, is_pair, matched,
    ranking_text, terms_of_pair, text, unlike_memory,
};
use leaklab_run::{Cell, lacks};
use std::path::{Path, PathBuf};

/// Compare two cells, runs or sample files before and after a change, or rank several.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab compare RUN::alts-timeout::unpatched RUN::alts-timeout::cleared
  leaklab compare OLD-RUN NEW-RUN                 every cell with the one of the same address
  leaklab compare before/samples.csv after/samples.csv
  leaklab compare OLD-RUN NEW-RUN --where         which stacks the change cured
  leaklab compare RUN::alts-timeout               the variants in the order of their growth
  leaklab compare AB-RUN                          both sides of a run of `leaklab ab` again

What is not in both runs counts: a cell that is gone from the second leaves it open, and one that
only the second has is worse if it leaks. A run of `ab` is asked again what it was asked then.

Exit codes: 0 what is required of the second holds, or a ranking · 1 it is refuted · 2 usage, or the
same measurement twice · 3 it cannot be said · 4, 5 a cell of the second side was not measured, or
died; of a run of `ab`, of either side.")]
pub struct Arguments {
    /// Before and after; or one run, or three and more, to rank.
    #[arg(required = true, value_name = "RUN|CELL|CSV")]
    sides: Vec<String>,
    /// Growth that is accepted: 64KiB/h, 16B/op, 0.5%/h [default: the one they ran with].
    #[arg(long, env = "LEAKLAB_BUDGET")]
    budget: Option<String>,
    #[command(flatten)]
    terms: arguments::Terms,
    /// How the result is printed: text, markdown or json (an object per line).
    #[arg(long, default_value = "text")]
    format: OutputFormat,
    /// Folder for the overlaid pictures.
    #[arg(
        long,
        default_value = "leaklab-out/compare",
        env = "LEAKLAB_COMPARE_OUT"
    )]
    out: PathBuf,
    #[command(flatten)]
    picture: PictureArguments,
    /// Draw no picture.
    #[arg(long)]
    no_chart: bool,
    /// Say which stacks the change cured: of two runs with `run --where`.
    #[arg(long = "where")]
    stacks: bool,
    #[command(flatten)]
    tables: TableArguments,
}

/// The pictures of comparisons.
#[derive(Debug, clap::Args)]
pub struct PictureArguments {
    /// Size of the picture in pixels.
    #[arg(long, default_value = "1600x900", value_parser = parse_size)]
    size: (u32, u32),
    /// Light or dark background.
    #[arg(long, default_value = "light", value_parser = parse_theme)]
    theme: Theme,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// Sentences and a table.
    Text,
    /// For tickets.
    Markdown,
    /// An object per line.
    Json,
}

/// Compares or ranks, prints, draws.
///
/// # Errors
///
/// A usage error for what does not exist, has no samples or has no partner; otherwise what
/// kept the pictures from being written.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let given = arguments
        .sides
        .iter()
        .map(|side| Given::open(side))
        .collect::<anyhow::Result<Vec<Given>>>()?;
    let budget = arguments.budget.as_deref().map(str::parse::<Budget>);
    let options = VerdictOptions {
        budget: budget
            .transpose()
            .map_err(|error| usage(error.to_string()))?,
        ..VerdictOptions::default()
    };
    match &given[..] {
        [before, after] if arguments.stacks => {
            let exit = compare(before, after, &options, arguments)?;
            compare_where(before, after, arguments.format)?;
            Ok(exit)
        }
        _ if arguments.stacks => Err(usage("--where compares two sides: name before and after")),
        [before, after] => compare(before, after, &options, arguments),
        [Given::Cells(run, cells)] if is_pair(run) && cells.len() == run.cells.len() => {
            let terms = arguments.terms_of(&given[0])?;
            compare_pair(&PairAnswer::of(run, &terms, &options), arguments)
        }
        _ if arguments.terms.is_given() => Err(usage(
            "--require and --accept hold a second side against a first: name two, not a run alone \
             nor three (a run of `ab` has both)",
        )),
        several => rank(several, &options, arguments),
    }
}

/// Compares both sides of a run of `ab` again, as that did.
fn compare_pair(pair: &PairAnswer, arguments: &Arguments) -> anyhow::Result<Exit> {
    print_pair(pair, arguments.format)?;
    if let (Ok(comparison), false) = (&pair.comparison, arguments.no_chart) {
        (arguments.picture).draw(comparison, &arguments.out, arguments.format)?;
    }
    told_early(pair.early.as_ref());
    Ok(pair.standing().into())
}

/// How the cells of the second side ended if one of them died or was not measured; of both sides
/// of a run of `ab`, as that did.
fn ended_early(before: &Given, after: &Given) -> Option<Exit> {
    let Given::Cells(run, cells) = after else {
        return None;
    };
    let is_one = is_pair(run) && before.source() == run.record.id;
    let early = match is_one {
        true => EndedEarly::of_pair(run),
        false => EndedEarly::of_second(cells),
    };
    told_early(early.as_ref())
}

/// Refuses sides of which one counts what the other does not: bytes and percent, a heap and what
/// is resident.
fn refuse_other_memory(before: &Side, after: &Side) -> anyhow::Result<()> {
    if let Some(unlike) = unlike_memory(before, after) {
        let names = format!("{} and {}", before.name, after.name);
        return Err(usage(format!("{names} cannot be compared: {unlike}")));
    }
    if before.unit == after.unit {
        return Ok(());
    }
    let counts = |side: &Side| {
        let what = match side.unit.judged() {
            Unit::Bytes => "bytes",
            Unit::Percent => "percent",
            Unit::Count => "things",
        };
        format!("`{}` of {} counts {what}", side.metric, side.name)
    };
    Err(usage(format!(
        "{}, and {}: they cannot be compared; name columns of one unit with --value, or say --unit",
        counts(before),
        counts(after)
    )))
}

fn compare(
    first: &Given,
    second: &Given,
    options: &VerdictOptions,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    if let Some(name) = first.common(second) {
        return Err(usage(format!(
            "`{name}` is the same measurement on both sides, and is never worse than itself\n(hint: \
             name the run before the change and the one after it; `leaklab ab --same-build` shows \
             what the machine does by itself)"
        )));
    }
    let before = first.sides(&arguments.tables, options)?;
    let after = second.sides(&arguments.tables, options)?;
    let names = [first.names(), second.names()];
    let matched = matched(&names[0], &names[1]);
    if matched.pairs.is_empty() {
        return Err(usage(format!(
            "no cell is in both: the first has {}; the second has {}",
            matched.only_before.join(", "),
            matched.only_after.join(", ")
        )));
    }
    let rest = Rest::of([first, second], [&before, &after], &matched, options);
    let rest_text = rest.text(arguments.format)?;
    if arguments.format != OutputFormat::Json {
        print(&rest_text)?;
    }
    let terms = arguments.terms_of(first)?;
    let mut decision = rest.decision();
    let measured = matched.pairs.into_iter().filter_map(|(one, other)| {
        let side = |read: &Read, name: &str| {
            let mut sides = read.sides.iter();
            sides.find(|side| base_name(&side.name) == name).cloned()
        };
        match names.each_ref().map(Vec::len) {
            // One of each belong together whatever they are called.
            [1, 1] => (before.sides.first().cloned()).zip(after.sides.first().cloned()),
            _ => side(&before, &names[0][one]).zip(side(&after, &names[1][other])),
        }
    });
    for (count, (before, after)) in measured.enumerate() {
        refuse_other_memory(&before, &after)?;
        let comparison = Comparison::with(before, after, &terms);
        decision = decision.or_graver(comparison.answer.decision);
        if count > 0 && arguments.format != OutputFormat::Json {
            print("\n")?;
        }
        print(&comparison_text(&comparison, arguments.format)?)?;
        if !arguments.no_chart {
            let (out, format) = (&arguments.out, arguments.format);
            arguments.picture.draw(&comparison, out, format)?;
        }
    }
    if arguments.format == OutputFormat::Json {
        print(&rest_text)?;
    }
    Ok(ended_early(first, second).unwrap_or_else(|| decision.into()))
}

impl Arguments {
    /// What is asked: what the flags say, else what a run of `ab` was asked, else the file.
    fn terms_of(&self, given: &Given) -> anyhow::Result<Terms> {
        let asked = match given {
            Given::Cells(run, _) => terms_of_pair(run),
            Given::File(_) => None,
        };
        Ok(match asked {
            Some(asked) => self.terms.over(asked),
            None => self.terms.with(&Config::read(None)?.harm),
        })
    }
}

/// Says of each pair of cells which stacks the change cured.
fn compare_where(before: &Given, after: &Given, format: OutputFormat) -> anyhow::Result<()> {
    let sides = [before.cells()?, after.cells()?];
    let ids = sides.map(|cells: &[Cell]| cells.iter().map(|cell| cell.plan.id.clone()).collect());
    let [first, second]: &[Vec<String>; 2] = &ids;
    for (one, other) in matched(first, second).pairs {
        let pair = [&sides[0][one], &sides[1][other]];
        let [before, after] = [answer(pair[0])?, answer(pair[1])?];
        let (Some(before), Some(after)) = (&before, &after) else {
            let lacks = if before.is_none() { pair[0] } else { pair[1] };
            return Err(usage(format!(
                "the stacks of `{}` and `{}` were not both sampled\n(hint: {})",
                first[one],
                second[other],
                why_no_stacks(lacks)?
            )));
        };
        let comparison = compare_stacks(before, after);
        print(&match format {
            OutputFormat::Json => {
                let cells = [&first[one], &second[other]];
                format!(
                    "{}\n",
                    serde_json::json!({"cells": cells, "where": comparison})
                )
            }
            OutputFormat::Text | OutputFormat::Markdown => {
                let text = stack_comparison_text(&comparison);
                let cells = format!("{} → {}", first[one], second[other]);
                match format {
                    OutputFormat::Markdown => format!("\n{cells}\n\n```text\n{text}```\n"),
                    _ => format!("\n{cells}\n{text}"),
                }
            }
        })?;
    }
    Ok(())
}

/// A comparison in the form that was asked for.
///
/// # Errors
///
/// If it cannot be written as JSON.
pub fn comparison_text(
    comparison: &Comparison,
    format: OutputFormat,
) -> serde_json::Result<String> {
    Ok(match format {
        OutputFormat::Text => text(comparison, Format::Text),
        OutputFormat::Markdown => text(comparison, Format::Markdown),
        OutputFormat::Json => format!("{}\n", serde_json::to_string(comparison)?),
    })
}

fn rank(given: &[Given], options: &VerdictOptions, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut sides = Vec::new();
    for one in given {
        for mut side in one.sides(&arguments.tables, options)?.sides {
            if given.len() > 1 {
                side.name = format!("{} of {}", side.name, one.source());
            }
            sides.push(side);
        }
    }
    if sides.len() < 2 {
        return Err(usage(
            "there is nothing to compare: name two cells, two runs, or a run with several cells",
        ));
    }
    let ranking = Ranking::new(sides);
    print(&match arguments.format {
        OutputFormat::Text => ranking_text(&ranking, Format::Text),
        OutputFormat::Markdown => ranking_text(&ranking, Format::Markdown),
        OutputFormat::Json => format!("{}\n", serde_json::to_string(&ranking)?),
    })?;
    let mut exit = Exit::Good;
    for one in given {
        if let Some(lacks) = lacks(&one.missing_shards()) {
            say!("`{}`: {lacks}", one.source());
            exit = Exit::Inconclusive;
        }
    }
    Ok(exit)
}

impl PictureArguments {
    /// Draws both sides over each other and tells the paths: behind text, or beside JSON.
    ///
    /// # Errors
    ///
    /// What kept the pictures from being written.
    pub fn draw(
        &self,
        comparison: &Comparison,
        folder: &Path,
        format: OutputFormat,
    ) -> anyhow::Result<()> {
        let options = ChartOptions {
            width: self.size.0,
            height: self.size.1,
            theme: self.theme,
            ..ChartOptions::default()
        };
        let picture = Picture::overlay(&comparison.overlay(), &options)?;
        let paths = picture.write_new(folder, &comparison.file_stem())?;
        let lines: Vec<String> = paths
            .iter()
            .map(|path| format!("chart   {}\n", path.display()))
            .collect();
        if format == OutputFormat::Json {
            say!("{}", lines.concat().trim_end());
            return Ok(());
        }
        print(&lines.concat()).map_err(Into::into)
    }
}
