//! `leaklab list`: the catalogue.

use crate::config::{Config, OwnScenario};
use crate::exit::Exit;
use crate::plan::{
    AnyScenario, RunSettings, Selected, all_scenarios, find_scenario, planned_cells,
};
use crate::text::bytes_text;
use comfy_table::Table;
use leaklab_judge::Budget;
use leaklab_scenarios::{Parameters, Remedy, Scenario};
use std::fmt::Write;
use std::path::PathBuf;

/// Show the catalogue, or explain one scenario.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab list                  scenarios and variants, a line each
  leaklab list alts-timeout     one of them: what keeps what alive, formulas, the fix")]
pub struct Arguments {
    /// The scenario to explain.
    scenario: Option<String>,
    /// Print JSON Lines: one object per variant.
    #[arg(long)]
    json: bool,
    /// File with scenarios of your own [default: leaklab.toml, if there is one].
    #[arg(long, value_name = "FILE", env = "LEAKLAB_CONFIG")]
    config: Option<PathBuf>,
}

/// Prints the catalogue or one scenario.
///
/// # Errors
///
/// A usage error for a scenario that does not exist.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = Config::read(arguments.config.as_deref())?;
    let config = config.with_reported_for(arguments.scenario.as_slice())?;
    let shown = match arguments.scenario.as_deref() {
        Some(name) => vec![find_scenario(name, &config.scenarios)?],
        None => all_scenarios(&config.scenarios),
    };
    let text = match (arguments.scenario.is_some(), arguments.json) {
        (_, true) => json(&shown)?,
        (true, false) => shown.into_iter().map(explained).collect(),
        (false, false) => overview(&shown),
    };
    crate::commands::print(&text)?;
    Ok(Exit::Good)
}

fn json(scenarios: &[AnyScenario<'_>]) -> anyhow::Result<String> {
    let mut text = String::new();
    // The plan of a cell knows all that can be said of a variant, wherever it comes from.
    let settings = RunSettings {
        repeat: 1,
        ..RunSettings::default()
    };
    for scenario in scenarios {
        let cells = planned_cells(&settings, &scenario.variants())?;
        for plan in cells {
            let object = serde_json::json!({
                "scenario": plan.scenario,
                "variant": plan.variant,
                "role": plan.role,
                "expected": plan.expected,
                "document": plan.document,
                "reference": plan.reference,
                "mechanism": plan.mechanism,
                "summary": plan.summary,
                "retained_formula": plan.retained_formula,
                "retained_bytes_per_operation": plan.retained_bytes_per_operation,
                "budget": plan.budget,
                "budget_bytes_per_operation": per_operation(plan.budget.as_deref()),
                "command": plan.command,
            });
            writeln!(text, "{object}")?;
        }
    }
    Ok(text)
}

fn per_operation(budget: Option<&str>) -> Option<f64> {
    match budget?.parse() {
        Ok(Budget::BytesPerOperation(bytes)) => Some(bytes),
        _ => None,
    }
}

fn overview(scenarios: &[AnyScenario<'_>]) -> String {
    let mut text = String::new();
    for scenario in scenarios {
        let (mechanism, from) = match scenario {
            AnyScenario::BuiltIn(scenario) => {
                let description = scenario.description();
                let document = description.document;
                (
                    description.mechanism,
                    format!("from {} ({})", document.title, document.reference),
                )
            }
            AnyScenario::Own(scenario) => (scenario.summary.as_str(), origin(scenario)),
        };
        let _ = writeln!(text, "{}  {mechanism}\n  {from}", scenario.name());
        let _ = writeln!(text, "{}\n", indented(&variants_table(*scenario)));
    }
    text.push_str("`leaklab list SCENARIO` explains one, `leaklab run SCENARIO` runs it.\n");
    text
}

/// Where a scenario of a file comes from.
fn origin(scenario: &OwnScenario) -> String {
    let parts = [&scenario.title, &scenario.source];
    let parts: Vec<&str> = (parts.iter().map(|part| part.as_str()))
        .filter(|part| !part.is_empty())
        .collect();
    let file = scenario.file.display();
    match parts.as_slice() {
        [] => format!("in {file}"),
        [one] => format!("from {one}, in {file}"),
        parts => format!("from {} ({}), in {file}", parts[0], parts[1]),
    }
}

fn variants_table(scenario: AnyScenario<'_>) -> Table {
    let mut table = crate::commands::plain_table(&["variant", "role", "expected", "what it does"]);
    for selected in scenario.variants() {
        let row = match selected {
            Selected::BuiltIn(_, variant) => [
                variant.name,
                variant.role.name(),
                variant.expected.name(),
                variant.summary,
            ],
            Selected::Own(_, variant) => [
                variant.name.as_str(),
                variant.role.name(),
                variant.expected.map_or("", |expected| expected.name()),
                variant.summary.as_str(),
            ],
        };
        table.add_row(row);
    }
    table
}

/// Columns of text where no terminal says how wide it is.
const WIDTH_WITHOUT_TERMINAL: u16 = 140;

/// What each remedy of the scenario's document bounds, and what it costs.
fn remedies_table(remedies: &[Remedy]) -> Table {
    let mut table = crate::commands::plain_table(&[
        "remedy",
        "bounds",
        "leaves",
        "memory",
        "loss",
        "throughput",
    ]);
    // Long texts: wrapped to the terminal, and where there is none to a readable width.
    if table.width().is_none() {
        table.set_width(WIDTH_WITHOUT_TERMINAL);
    }
    for remedy in remedies {
        let leaves = match remedy.leaves {
            "" => "nothing",
            leaves => leaves,
        };
        table.add_row([
            remedy.variant,
            remedy.bounds,
            leaves,
            remedy.memory,
            remedy.loss,
            remedy.throughput,
        ]);
    }
    table
}

fn explained(scenario: AnyScenario<'_>) -> String {
    match scenario {
        AnyScenario::BuiltIn(scenario) => explained_built_in(scenario),
        AnyScenario::Own(scenario) => explained_own(scenario),
    }
}

/// A scenario of a file: what its file says, and how to run it.
fn explained_own(scenario: &OwnScenario) -> String {
    let mut text = format!(
        "{}: {}\n{}\n",
        scenario.name,
        scenario.summary,
        origin(scenario)
    );
    for paragraph in [&scenario.explanation, &scenario.operation] {
        if !paragraph.trim().is_empty() {
            let lead = match std::ptr::eq(paragraph, &scenario.operation) {
                true => "one operation: ",
                false => "",
            };
            let _ = writeln!(text, "\n{lead}{}", paragraph.trim());
        }
    }
    let _ = writeln!(text, "\n{}\n", variants_table(AnyScenario::Own(scenario)));
    let mut commands =
        crate::commands::plain_table(&["variant", "retained per operation", "command"]);
    for variant in &scenario.variants {
        let formula = variant.bytes_per_operation.as_ref();
        commands.add_row([
            variant.name.clone(),
            formula.map_or("not said".to_owned(), ToString::to_string),
            variant.command.join(" "),
        ]);
    }
    let _ = writeln!(text, "{commands}");
    if !scenario.parameters.is_empty() {
        let mut parameters = crate::commands::plain_table(&["--set", "default"]);
        for (name, value) in &scenario.parameters {
            parameters.add_row([name.clone(), value.written()]);
        }
        let _ = writeln!(text, "\n{parameters}");
    }
    if !scenario.requires.is_empty() {
        let _ = writeln!(text, "\nneeds: {}", scenario.requires.join(", "));
    }
    text
}

fn explained_built_in(scenario: &'static dyn Scenario) -> String {
    let description = scenario.description();
    let defaults = Parameters::defaults(description.parameters);
    let mut text = format!(
        "{}: {}\nfrom {} ({})\n\n{}\n\none operation: {}\n\n",
        description.name,
        description.mechanism,
        description.document.title,
        description.document.reference,
        description.explanation,
        description.operation,
    );
    let _ = writeln!(text, "{}\n", variants_table(AnyScenario::BuiltIn(scenario)));
    let mut retained =
        crate::commands::plain_table(&["variant", "retained per operation", "at the defaults"]);
    for variant in description.variants {
        let bytes = (variant.retained_bytes_per_operation)(&defaults);
        retained.add_row([
            variant.name.to_owned(),
            variant.retained_formula.to_owned(),
            bytes_text(bytes),
        ]);
    }
    let _ = writeln!(
        text,
        "{retained}\nup to {} per operation counts as not leaking\n",
        bytes_text(description.budget_bytes_per_operation)
    );
    if !scenario.remedies().is_empty() {
        let _ = writeln!(
            text,
            "{}\n\n`leaklab run {}` measures them.\n",
            remedies_table(scenario.remedies()),
            description.name
        );
    }
    if !description.parameters.is_empty() {
        let mut parameters =
            crate::commands::plain_table(&["--set", "default", "takes", "what it changes"]);
        for parameter in description.parameters {
            parameters.add_row([
                parameter.name.to_owned(),
                parameter.kind.default_text(),
                parameter.kind.range_text(),
                parameter.help.to_owned(),
            ]);
        }
        let _ = writeln!(text, "{parameters}");
    }
    if !description.gauges.is_empty() {
        let _ = writeln!(text, "\ngauges: {}", description.gauges.join(", "));
    }
    text
}

fn indented(table: &Table) -> String {
    let lines: Vec<_> = table
        .lines()
        .map(|line| format!("  {}", line.trim_end()))
        .collect();
    lines.join("\n")
}
