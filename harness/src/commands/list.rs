//! `leaklab list`: the catalogue.

use crate::exit::Exit;
use crate::plan::{find_scenario, select};
use crate::text::bytes_text;
use comfy_table::Table;
use leaklab_scenarios::{Description, Parameters, Remedy, Scenario, catalogue};
use std::fmt::Write;

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
}

/// Prints the catalogue or one scenario.
///
/// # Errors
///
/// A usage error for a scenario that does not exist.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let chosen = arguments.scenario.as_deref().map(find_scenario);
    let chosen = chosen.transpose()?;
    let descriptions: Vec<&Description> = match chosen {
        Some(scenario) => vec![scenario.description()],
        None => catalogue::all().iter().map(|s| s.description()).collect(),
    };
    let text = match (chosen, arguments.json) {
        (_, true) => json(&descriptions)?,
        (Some(scenario), false) => explained(scenario),
        (None, false) => overview(&descriptions),
    };
    crate::commands::print(&text)?;
    Ok(Exit::Good)
}

fn json(descriptions: &[&Description]) -> anyhow::Result<String> {
    let mut text = String::new();
    for description in descriptions {
        for (_, variant) in select(&[description.name.to_owned()])? {
            let defaults = Parameters::defaults(description.parameters);
            let object = serde_json::json!({
                "scenario": description.name,
                "variant": variant.name,
                "role": variant.role,
                "expected": variant.expected,
                "document": description.document.title,
                "reference": description.document.reference,
                "mechanism": description.mechanism,
                "summary": variant.summary,
                "retained_formula": variant.retained_formula,
                "retained_bytes_per_operation":
                    (variant.retained_bytes_per_operation)(&defaults),
                "budget_bytes_per_operation": description.budget_bytes_per_operation,
            });
            writeln!(text, "{object}")?;
        }
    }
    Ok(text)
}

fn overview(descriptions: &[&Description]) -> String {
    let mut text = String::new();
    for description in descriptions {
        let _ = writeln!(
            text,
            "{}  {}\n  from {} ({})",
            description.name,
            description.mechanism,
            description.document.title,
            description.document.reference
        );
        let _ = writeln!(text, "{}\n", indented(&variants_table(description)));
    }
    text.push_str("`leaklab list SCENARIO` explains one, `leaklab run SCENARIO` runs it.\n");
    text
}

fn variants_table(description: &Description) -> Table {
    let mut table = crate::commands::plain_table(&["variant", "role", "expected", "what it does"]);
    for variant in description.variants {
        table.add_row([
            variant.name,
            variant.role.name(),
            variant.expected.name(),
            variant.summary,
        ]);
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

fn explained(scenario: &dyn Scenario) -> String {
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
    let _ = writeln!(text, "{}\n", variants_table(description));
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
