//! Every setting, and where its value comes from: `run --show-settings`.

use super::{CellSettings, RunSettings, Selected};
use crate::time::duration_text;
use std::fmt::Write;

/// A table for each scenario whose settings differ; for a program of one's own one.
pub fn shown_settings(
    settings: &RunSettings,
    selected: &[Selected<'_>],
    profile: Option<&str>,
) -> String {
    let mut text = String::new();
    let mut names: Vec<&str> = Vec::new();
    for one in selected {
        if !names.contains(&one.scenario()) {
            names.push(one.scenario());
        }
    }
    if names.is_empty() {
        return table(settings, None, &CellSettings::default(), profile);
    }
    for name in names {
        let own = selected.iter().find_map(|one| match one {
            Selected::Own(scenario, _) if scenario.name == name => Some(&scenario.settings),
            _ => None,
        });
        let own = own.cloned().unwrap_or_default();
        let _ = writeln!(text, "{name}");
        text.push_str(&table(settings, Some(name), &own, profile));
        text.push('\n');
    }
    text
}

fn table(
    settings: &RunSettings,
    scenario: Option<&str>,
    own: &CellSettings,
    profile: Option<&str>,
) -> String {
    let tuned = (settings.tuned.iter())
        .filter(|(name, _)| Some(name.as_str()) == scenario)
        .fold(own.clone(), |next, (_, entry)| entry.or(next));
    let layers = [
        (texts(&settings.flags), "flag or variable"),
        (texts(&tuned), "its entry in the file"),
        (texts(&settings.profile), "profile"),
    ];
    let mut shown = crate::commands::plain_table(&["setting", "value", "from"]);
    for (index, (name, _)) in layers[0].0.iter().enumerate() {
        let found = layers.iter().find_map(|(texts, from)| {
            let value = texts[index].1.clone()?;
            Some((value, *from))
        });
        let (value, from) = match found {
            Some((value, "flag or variable")) => (value, origin(name)),
            Some((value, "profile")) => {
                let profile = profile.unwrap_or_default();
                (value, format!("profile `{profile}`"))
            }
            Some((value, from)) => (value, from.to_owned()),
            None => match *name {
                "budget" if settings.default_budget.is_some() => {
                    let budget = settings.default_budget.unwrap_or_default();
                    (budget.to_string(), "[budget] in the file".to_owned())
                }
                _ => (default_of(name).to_owned(), "default".to_owned()),
            },
        };
        shown.add_row([(*name).to_owned(), value, from]);
    }
    for (name, value) in [
        ("repeat", settings.repeat),
        ("jobs", settings.jobs),
        ("seed", settings.seed),
    ] {
        let from = match origin(name).as_str() {
            "flag" => "flag".to_owned(),
            variable if variable.starts_with("LEAKLAB") => variable.to_owned(),
            _ if value == 1 => "default".to_owned(),
            _ => format!("profile `{}`", profile.unwrap_or_default()),
        };
        shown.add_row([name.to_owned(), value.to_string(), from]);
    }
    let lines: Vec<String> = shown
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    format!("{}\n", lines.join("\n"))
}

/// Whether a value came behind its flag or by its variable.
fn origin(name: &str) -> String {
    let flag = format!("--{name}");
    let given = std::env::args().take_while(|argument| argument != "--");
    let is_flag = given.skip(1).any(|argument| {
        argument == flag
            || argument
                .strip_prefix(&flag)
                .is_some_and(|rest| rest.starts_with('='))
    });
    let variable = format!("LEAKLAB_{}", name.to_uppercase().replace('-', "_"));
    match is_flag {
        true => "flag".to_owned(),
        false if std::env::var_os(&variable).is_some() => variable,
        false => "another flag".to_owned(),
    }
}

fn default_of(name: &str) -> &'static str {
    match name {
        "duration" => "the scenario's own; 60 s for a program",
        "drain" => "2 s; none for a program",
        "interval" => "1 s, less for a load under 100 s",
        "grace" => "5 s",
        "ready-timeout" => "30 s; a program need not say",
        "rate" | "min-duration" => "the scenario's own",
        "budget" => "the scenario's own; 0.5 % per hour, at least 64 KiB, for a program",
        "expect" => "the variant's own; no-leak for a program",
        "memory-limit" => "80 % of what is free, for all jobs",
        _ => "none",
    }
}

/// Every setting by the name of its flag, with its value as it would be written.
fn texts(of: &CellSettings) -> Vec<(&'static str, Option<String>)> {
    let time = |time: Option<std::time::Duration>| time.map(duration_text);
    let list = |list: &[String]| (!list.is_empty()).then(|| list.join(" "));
    let lines = |lines: &[super::CommandLine]| {
        let words = lines.iter().map(|line| line.0.join(" "));
        (!lines.is_empty()).then(|| words.collect::<Vec<_>>().join("; "))
    };
    vec![
        ("duration", time(of.duration)),
        ("min-duration", time(of.min_duration)),
        ("warmup", time(of.warmup)),
        ("drain", time(of.drain)),
        ("interval", time(of.interval)),
        ("grace", time(of.grace)),
        ("ready-timeout", time(of.ready_timeout)),
        ("rate", of.rate.map(|rate| format!("{rate}/s"))),
        ("operations", of.operations.map(|count| count.to_string())),
        ("set", list(&of.parameters)),
        ("budget", of.budget.map(|budget| budget.to_string())),
        (
            "expect",
            of.expected.map(|expected| expected.name().to_owned()),
        ),
        (
            "memory-limit",
            of.memory_limit
                .map(|bytes| crate::text::bytes_text(bytes as f64)),
        ),
        (
            "descriptor-limit",
            of.descriptor_limit.map(|count| count.to_string()),
        ),
        ("ready", of.ready.as_ref().map(ToString::to_string)),
        ("load", lines(&of.loads)),
        ("setup", lines(&of.setup)),
        ("teardown", lines(&of.teardown)),
        (
            "on-alarm",
            of.on_alarm.as_ref().map(|line| line.0.join(" ")),
        ),
        ("allow-idle", of.allow_idle.then(|| "true".to_owned())),
        ("settle", of.settle.as_ref().map(ToString::to_string)),
        ("env", list(&of.environment)),
        ("env-clear", of.env_clear.then(|| "true".to_owned())),
        (
            "cwd",
            of.cwd.as_ref().map(|folder| folder.display().to_string()),
        ),
        ("user", of.user.clone()),
        ("heap", of.heap.as_ref().map(ToString::to_string)),
        ("gauge", list(&of.gauges)),
    ]
}
