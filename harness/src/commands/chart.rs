//! `leaklab chart`: draws the pictures of a run again, or others than it left.

use crate::commands::sources::{TableArguments, cells_of};
use crate::commands::{print, recording};
use crate::exit::{Exit, usage};
use crate::text::nearest;
use leaklab_reports::cell::Metric;
use leaklab_reports::chart::{
    ChartError, ChartOptions, Kind, SIDE_LIMITS, Scale, Theme, draw_cells,
};
use leaklab_run::{Cell, Run, columns};
use std::collections::HashSet;
use std::path::PathBuf;

/// Draw a run as PNG and SVG.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab chart RUN                                  all variants of each scenario over time
  leaklab chart RUN --metric rss,descriptors         other metrics; gauge:NAME for a gauge
  leaklab chart RUN::alts-timeout --kind all         every kind of picture, of one scenario
  leaklab chart 'RUN::alts-timeout::{cleared,timeout2}' --scale log
  leaklab chart RUN --size 1200x675 --theme dark
  leaklab chart memory.csv                           a recording, with the line fitted to it

RUN is a run folder, with `::SCENARIO`, `::SCENARIO::VARIANT` or a glob behind it to pick
cells.")]
pub struct Arguments {
    /// Runs, or some of their cells; several addresses of one run share their pictures. Or
    /// recordings of any tool.
    #[arg(required = true, value_name = "RUN|FILE")]
    runs: Vec<String>,
    /// What is drawn over time [default: allocated, else used, else rss].
    #[arg(long, value_delimiter = ',')]
    metric: Vec<String>,
    /// Kinds of picture: overlay, multiples, breakdown, per-operation, gauges, performance,
    /// remedies, or all.
    #[arg(long, value_delimiter = ',', default_value = "overlay", value_parser = parse_kinds)]
    kind: Vec<Kinds>,
    /// Size in pixels.
    #[arg(long, default_value = "1600x900", value_parser = parse_size)]
    size: (u32, u32),
    /// Light or dark background.
    #[arg(long, default_value = "light", value_parser = parse_theme)]
    theme: Theme,
    /// How lines of very different size share a picture: auto (where they differ by 30 times or
    /// more, the small ones again at their own scale), linear, log or free.
    #[arg(long, default_value = "auto", value_parser = parse_scale)]
    scale: Scale,
    /// Lines in one picture, at most.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=64))]
    lines: u16,
    /// Folder for the pictures [default: charts in the run, or leaklab-out/charts].
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    tables: TableArguments,
}

/// One kind or all of them.
type Kinds = Vec<Kind>;

/// Draws and prints the paths.
///
/// # Errors
///
/// A usage error for a run, cell, metric or size that does not exist; otherwise what kept the
/// pictures from being written.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let options = ChartOptions {
        width: arguments.size.0,
        height: arguments.size.1,
        theme: arguments.theme,
        kinds: arguments.kind.iter().flatten().copied().collect(),
        metrics: arguments
            .metric
            .iter()
            .map(|name| metric(name))
            .collect::<anyhow::Result<_>>()?,
        scale: arguments.scale,
        most_series: usize::from(arguments.lines),
        ..ChartOptions::default()
    };
    let is_recording = |name: &&String| *name == "-" || recording::is_recording(name);
    for name in arguments.runs.iter().filter(is_recording) {
        let folder = arguments.out.clone();
        let folder = folder.unwrap_or_else(|| PathBuf::from("leaklab-out/charts"));
        show(&recording::draw(
            name,
            &arguments.tables,
            &folder,
            &options,
        )?)?;
    }
    let runs = arguments.runs.iter().filter(|name| !is_recording(name));
    for (run, cells) in runs_of(runs)? {
        let folder = match &arguments.out {
            Some(folder) => folder.clone(),
            None => run.folder.join("charts"),
        };
        let paths = draw_cells(&run, &cells, &folder, &options).map_err(|error| match error {
            ChartError::NothingToDraw { .. } | ChartError::Size { .. } => usage(error.to_string()),
            other => other.into(),
        })?;
        show(&paths)?;
    }
    Ok(Exit::Good)
}

/// Prints paths, a line each.
fn show(paths: &[PathBuf]) -> anyhow::Result<()> {
    let lines: Vec<String> = paths
        .iter()
        .map(|path| format!("{}\n", path.display()))
        .collect();
    print(&lines.concat())?;
    Ok(())
}

/// The cells that are named of each run, in the order of its record.
fn runs_of<'a>(
    addresses: impl Iterator<Item = &'a String>,
) -> anyhow::Result<Vec<(Run, Vec<Cell>)>> {
    let mut runs: Vec<(Run, Vec<Cell>)> = Vec::new();
    for address in addresses {
        let (run, cells) = cells_of(address)?;
        match runs
            .iter_mut()
            .find(|(known, _)| known.folder == run.folder)
        {
            Some((_, named)) => named.extend(cells),
            None => runs.push((run, cells)),
        }
    }
    for (run, named) in &mut runs {
        let folders: HashSet<PathBuf> = named.drain(..).map(|cell| cell.folder).collect();
        let is_named = |cell: &&Cell| folders.contains(&cell.folder);
        *named = run.cells.iter().filter(is_named).cloned().collect();
    }
    Ok(runs)
}

/// A metric by its short name, its column or its gauge; a name that is nearly one is refused.
fn metric(name: &str) -> anyhow::Result<Metric> {
    let known = Metric::known_names();
    let is_known = known.contains(&name) || columns::FIXED.contains(&name);
    if is_known || name.starts_with(columns::GAUGE_PREFIX) {
        return Ok(Metric::named(name));
    }
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a gauge is written `gauge:NAME`".to_owned(),
    };
    Err(usage(format!(
        "there is no metric `{name}`: {hint} Known are {}",
        known.join(", ")
    )))
}

fn parse_kinds(text: &str) -> Result<Kinds, String> {
    if text == "all" {
        return Ok(Kind::ALL.to_vec());
    }
    Kind::from_name(text).map(|kind| vec![kind]).ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name);
        let near =
            nearest(text, names).map_or(String::new(), |near| format!("did you mean `{near}`? "));
        format!("{near}known kinds are {}, all", names.join(", "))
    })
}

/// `1600x900`.
pub fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let (low, high) = SIDE_LIMITS;
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .filter(|(width, height)| {
            let fits = |side: &u32| (low..=high).contains(side);
            fits(width) && fits(height)
        })
        .ok_or_else(|| format!("a size is like 1600x900, each side from {low} to {high} pixels"))
}

/// `auto`, `linear`, `log` or `free`.
fn parse_scale(text: &str) -> Result<Scale, String> {
    Scale::from_name(text).ok_or_else(|| "scales are auto, linear, log and free".to_owned())
}

/// `light` or `dark`.
pub fn parse_theme(text: &str) -> Result<Theme, String> {
    match text {
        "light" => Ok(Theme::Light),
        "dark" => Ok(Theme::Dark),
        _ => Err("themes are light and dark".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse_size("1600x900"), Ok((1600, 900)));
        assert_eq!(parse_size("800×450"), Ok((800, 450)));
        for bad in ["1600", "x", "0x900", "1600x99999", "-1x5", "1600x900x2"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_misspelt_metric_names_the_nearest() {
        let error = metric("alocated").expect_err("not a metric").to_string();
        assert!(error.contains("did you mean `allocated`?"), "{error}");
        assert_eq!(metric("gauge:depth").expect("a gauge").label, "depth");
        assert_eq!(metric("rss_bytes").expect("a column").column, "rss_bytes");
    }

    #[test]
    fn kinds_are_known_or_refused_with_the_nearest() {
        assert_eq!(parse_kinds("all").expect("all").len(), Kind::ALL.len());
        let error = parse_kinds("breakdwn").expect_err("not a kind");
        assert!(error.contains("did you mean `breakdown`?"), "{error}");
    }
}
