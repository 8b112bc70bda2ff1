//! `leaklab.ack.toml`: what somebody has accepted, until when, and why.
//!
//! ```toml
//! [[accept]]
//! cell = "shop"                       # or a variant of it, shop::web
//! figure = "growth-per-operation"     # or growth-per-hour, peak, settled, throughput, p50, …
//! up-to = "64B"
//! reason = "ticket 123: the session table, fixed in 2.4"
//! owner = "storage team"
//! expires = "2026-12-31"
//!
//! [[quarantine]]                      # runs, is reported, does not gate
//! cell = "billing"
//! reason = "the load generator is being replaced"
//! owner = "test team"
//! expires = "2026-12-01"
//! ```

use crate::config::keys::{Keys, Problem};
use crate::exit::usage;
use crate::words::say;
use leaklab_reports::compare::{Accepted, Figure, parse_accepted};
use leaklab_reports::history::{AcceptedUpTo, Acknowledgement};
use std::path::Path;

/// Name of the file that is read when none is named.
pub const FILE_NAME: &str = "leaklab.ack.toml";

/// The acknowledgements of a file that hold today; one that has expired is told. Without a name
/// the file is [`FILE_NAME`], which need not be there.
///
/// # Errors
///
/// A usage error if it cannot be read, with line and key.
pub fn acknowledgements(path: Option<&Path>) -> anyhow::Result<Vec<Acknowledgement>> {
    let named = path.unwrap_or(FILE_NAME.as_ref());
    let found = match path {
        Some(named) => std::fs::read_to_string(named),
        None => crate::config::text_of(named),
    };
    let text = match found {
        Ok(text) => text,
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(usage(format!("cannot read `{}`: {error}", named.display()))),
    };
    let all = read(&text).map_err(|error| usage(format!("`{}`: {error}", named.display())))?;
    let now = crate::time::now_utc();
    let today = now.get(..10).unwrap_or_default();
    let (held, expired): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.holds_on(today));
    for one in expired {
        say!(
            "note: `{}` of {} has expired: {}",
            one.cell,
            named.display(),
            one.words()
        );
    }
    Ok(held)
}

fn read(text: &str) -> Result<Vec<Acknowledgement>, Problem> {
    let mut keys = Keys::of_file(text)?;
    let mut all = Vec::new();
    for mut entry in keys.tables("accept")? {
        let named = entry.parsed("figure", parse_figure)?;
        let figure = named.ok_or_else(|| entry.lacks("has no `figure`"))?;
        let bound = entry.parsed("up-to", |text| parse_bound(figure, text))?;
        let bound = bound.ok_or_else(|| entry.lacks("has no `up-to`"))?;
        all.push(take(entry, AcceptedUpTo::Figure(figure, bound))?);
    }
    for entry in keys.tables("quarantine")? {
        all.push(take(entry, AcceptedUpTo::Quarantine)?);
    }
    keys.finish()?;
    Ok(all)
}

fn take(mut entry: Keys<'_>, what: AcceptedUpTo) -> Result<Acknowledgement, Problem> {
    let mut text = |key: &'static str| {
        let found = entry.text(key)?.filter(|text| !text.trim().is_empty());
        found.ok_or_else(|| entry.lacks(&format!("has no `{key}`")))
    };
    let (cell, reason, owner) = (text("cell")?, text("reason")?, text("owner")?);
    let expires = text("expires")?;
    let is_day =
        expires.len() == 10 && humantime::parse_rfc3339(&format!("{expires}T00:00:00Z")).is_ok();
    if !is_day {
        return Err(entry.lacks(&format!(
            "`expires` is a day like 2026-12-31, not `{expires}`"
        )));
    }
    entry.finish()?;
    Ok(Acknowledgement {
        cell,
        what,
        reason,
        owner,
        expires,
    })
}

/// Reads the value that a figure is accepted up to, with or without what it is per: `64B`, `64B/op`.
fn parse_bound(figure: Figure, text: &str) -> Result<f64, String> {
    let (per, example) = match figure {
        Figure::GrowthPerOperation => ("/op", "64B/op"),
        Figure::GrowthPerHour => ("/h", "2MiB/h"),
        Figure::Throughput => ("/s", "450/s"),
        Figure::LatencyP50 | Figure::LatencyP99 | Figure::CpuPerOperation => ("", "2ms"),
        Figure::StartUp => ("", "500ms"),
        Figure::SettledLevel | Figure::Peak => ("", "64MiB"),
        Figure::Descriptors | Figure::Threads => ("", "20"),
    };
    let amount = text.trim();
    let amount = amount.strip_suffix(per).unwrap_or(amount).trim_end();
    let is_count = matches!(
        figure,
        Figure::Throughput | Figure::Descriptors | Figure::Threads
    );
    // A size reads as a number, too; nobody means 67 million descriptors by 64MiB.
    let is_of_unit = !(is_count && amount.ends_with(['B', 'b']));
    match parse_accepted(figure, amount) {
        Ok(Accepted::Amount(amount)) if is_of_unit => Ok(amount),
        _ => Err(format!(
            "`{text}` is no value of {}, up to which it is accepted: write {example}",
            figure.name()
        )),
    }
}

/// The figures that can be accepted, with their names.
fn known_figures() -> impl Iterator<Item = (Figure, &'static str)> {
    let growth = [
        (Figure::GrowthPerOperation, "growth-per-operation"),
        (Figure::GrowthPerHour, "growth-per-hour"),
    ];
    growth.into_iter().chain(Figure::BUDGETED)
}

fn parse_figure(text: &str) -> Result<Figure, String> {
    let found = known_figures().find(|(_, name)| *name == text);
    found.map(|(figure, _)| figure).ok_or_else(|| {
        let names: Vec<&str> = known_figures().map(|(_, name)| name).collect();
        format!("is none of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "cell = \"shop\"\nreason = \"r\"\nowner = \"o\"\n";

    #[test]
    fn entries_are_read_with_bounds_in_the_unit_of_their_figure() {
        let text = format!(
            "[[accept]]\nfigure = \"growth-per-operation\"\nup-to = \"1KiB\"\n{WHOLE}\
             expires = \"2026-12-31\"\n[[quarantine]]\n{WHOLE}expires = 2026-12-01\n"
        );
        let refused = read(&text);
        // A day may be written as TOML writes days, or as text.
        let text = text.replace("2026-12-01\n", "\"2026-12-01\"\n");
        let all = read(&text).expect("a valid file");
        assert!(refused.is_err() || refused.as_ref() == Ok(&all));
        let growth = AcceptedUpTo::Figure(Figure::GrowthPerOperation, 1024.0);
        assert_eq!(
            (all[0].what, all[1].what),
            (growth, AcceptedUpTo::Quarantine)
        );
    }

    #[test]
    fn every_value_that_a_message_proposes_is_taken() {
        for (figure, name) in known_figures() {
            let message = parse_bound(figure, "5%").expect_err("a share is no value");
            let proposed = message.rsplit(' ').next().unwrap_or_default();
            assert!(parse_bound(figure, proposed).is_ok(), "{name}: {message}");
        }
        assert_eq!(parse_bound(Figure::GrowthPerHour, "1KiB/h"), Ok(1024.0));
        assert_eq!(parse_bound(Figure::GrowthPerHour, "1KiB"), Ok(1024.0));
    }

    #[test]
    fn mistakes_are_answered_with_the_way_out() {
        for (text, part) in [
            ("[[accept]]\ncell = \"x\"", "has no `figure`"),
            ("[[quarantine]]\ncell = \"x\"", "has no `reason`"),
            ("[[acept]]", "did you mean `accept`?"),
            (
                "[[accept]]\nfigure = \"growth-per-operation\"\nup-to = \"5%\"",
                "write 64B/op",
            ),
            (
                "[[accept]]\nfigure = \"throughput\"\nup-to = \"lots\"",
                "write 450/s",
            ),
            (
                "[[accept]]\ncell = \"x\"\nfigure = \"descriptors\"\nup-to = \"64MiB\"",
                "write 20",
            ),
            (
                "[[accept]]\ncell = \"x\"\nfigure = \"throughput\"\nup-to = \"64B\"",
                "write 450/s",
            ),
            (
                "[[quarantine]]\ncell = \"x\"\nreason = \"r\"\nowner = \"o\"\nexpires = \"soon\"",
                "a day like 2026-12-31",
            ),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
