//! Puts the page together: templates, data, scripts, and the policy that fences them.

use super::cell::{self, Link, Pair, shell_line};
use super::gather::Gathered;
use super::list::ListContext;
use super::nights::NightsContext;
use super::run::{self as view, Row};
use super::stacks::StacksView;
use super::{PageError, PageOptions, costs};
use crate::compare::PairAnswer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leaklab_judge::amount::count_text;
use leaklab_run::Run;
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

const TEMPLATES: [(&str, &str); 14] = [
    ("base.html", include_str!("templates/base.html")),
    ("report.html", include_str!("templates/report.html")),
    ("verdicts.html", include_str!("templates/verdicts.html")),
    ("rows.html", include_str!("templates/rows.html")),
    ("remedies.html", include_str!("templates/remedies.html")),
    ("facts.html", include_str!("templates/facts.html")),
    ("scenario.html", include_str!("templates/scenario.html")),
    ("reading.html", include_str!("templates/reading.html")),
    ("list.html", include_str!("templates/list.html")),
    ("nights.html", include_str!("templates/nights.html")),
    ("series.html", include_str!("templates/series.html")),
    ("drawing.html", include_str!("templates/drawing.html")),
    ("stacks.html", include_str!("templates/stacks.html")),
    ("where.html", include_str!("templates/where.html")),
];

const STYLE: &str = concat!(
    include_str!("../../vendor/uplot/uPlot.min.css"),
    "\n",
    include_str!("templates/style.css"),
);

/// The chart library and the page's own script; one scope, nothing global.
const SCRIPT: &str = concat!(
    include_str!("../../vendor/uplot/uPlot.iife.min.js"),
    "\n(() => {\n\"use strict\";\n",
    include_str!("script/base.js"),
    include_str!("script/theme.js"),
    include_str!("script/axis.js"),
    include_str!("script/drawing.js"),
    include_str!("script/chart.js"),
    include_str!("script/cells.js"),
    include_str!("script/table.js"),
    include_str!("script/live.js"),
    include_str!("script/main.js"),
    "})();\n",
);

/// The script of the list of runs.
const LIST_SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("script/base.js"),
    include_str!("script/theme.js"),
    include_str!("script/list.js"),
    "})();\n",
);

/// The script of the page over nights.
const NIGHTS_SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("script/base.js"),
    include_str!("script/theme.js"),
    include_str!("script/nights.js"),
    "})();\n",
);

/// Rows that stand in the table without JavaScript; with it, more are paged through.
const STATIC_ROWS: usize = 200;

/// Cells named in a row of data, as the table's script expects them.
type DataRow<'a> = (
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    [Option<f64>; 5],
);

/// What the scripts of the page read.
#[derive(Serialize)]
struct Data<'a> {
    /// Changes when the page has to be made anew.
    structure: String,
    cells: &'a [super::series::CellSeries],
    /// All rows of the table, if the page does not hold them.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<DataRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live_url: Option<&'a str>,
}

/// What `report.html` shows.
#[derive(Serialize)]
struct PageContext<'a> {
    data: String,
    live: bool,
    home_url: Option<&'a str>,
    run_id: &'a str,
    started: &'a str,
    noun: &'static str,
    nouns: &'static str,
    charted: usize,
    uncharted: usize,
    all_cells: String,
    rows_left_out: usize,
    #[serde(flatten)]
    changing: Changing,
    command: String,
    configuration: Vec<Pair>,
    host: Vec<Pair>,
    files: Vec<Link>,
}

/// What changes while the run goes on, besides the facts of each cell.
#[derive(Serialize)]
struct Changing {
    headline: String,
    pair: Option<view::PairView>,
    standings: Vec<view::StandingView>,
    scenarios: Vec<view::ScenarioView>,
    rows: Vec<Row>,
    has_formula: bool,
    remedy_heads: [&'static str; 9],
    remedies: Vec<costs::CostRow>,
}

impl Changing {
    fn of(run: &Run, gathered: &Gathered<'_>) -> Self {
        let pair = PairAnswer::of_ended(run);
        Changing {
            headline: view::headline(run, gathered, pair.as_ref()),
            standings: view::standings(run, gathered, pair.as_ref()),
            pair: pair.as_ref().map(view::PairView::of),
            scenarios: view::scenarios(gathered),
            rows: view::rows(gathered, STATIC_ROWS),
            has_formula: view::has_formula(gathered),
            remedy_heads: costs::HEADS,
            remedies: view::costs(gathered),
        }
    }
}

/// What `facts.html` shows.
#[derive(Serialize)]
struct FactsContext {
    facts: cell::Facts,
}

/// The whole page.
pub(super) fn page(
    run: &Run,
    gathered: &Gathered<'_>,
    options: &PageOptions,
) -> Result<String, PageError> {
    let many_rows = many_rows(gathered);
    let data = Data {
        structure: structure(gathered),
        cells: &gathered.series,
        rows: many_rows.as_deref().map(data_rows),
        live_url: options.live_url.as_deref(),
    };
    let (noun, nouns) = view::noun(run);
    let live = options.live_url.is_some();
    let context = PageContext {
        data: script_json(&data)?,
        live,
        home_url: options.home_url.as_deref(),
        run_id: &run.record.id,
        started: &run.record.started_utc,
        noun,
        nouns,
        charted: gathered.series.len(),
        uncharted: gathered.entries.len() - gathered.series.len(),
        all_cells: count_text(gathered.entries.len() as u64),
        rows_left_out: gathered.entries.len().saturating_sub(STATIC_ROWS),
        changing: Changing::of(run, gathered),
        command: shell_line(&run.record.command),
        configuration: view::configuration(run),
        host: view::host(run),
        files: view::run_files(run),
    };
    whole_page("report.html", SCRIPT, live, context)
}

/// The parts of the page that change while the run goes on.
pub(super) fn live(run: &Run, gathered: &Gathered<'_>, running: bool) -> Result<String, PageError> {
    let environment = environment()?;
    let render = |name: &str, context: Value| environment.get_template(name)?.render(context);
    let changing = Value::from(Serde(Changing::of(run, gathered)));
    let mut parts = serde_json::Map::new();
    for (element, template) in [
        ("verdict-list", "verdicts.html"),
        ("rows", "rows.html"),
        ("remedy-table", "remedies.html"),
    ] {
        parts.insert(
            element.to_owned(),
            render(template, changing.clone())?.into(),
        );
    }
    for entry in &gathered.entries {
        if let Some(index) = entry.chart {
            let text = render(
                "facts.html",
                Value::from(Serde(FactsContext {
                    facts: cell::facts(entry),
                })),
            )?;
            parts.insert(format!("facts-{index}"), text.into());
        }
    }
    let many_rows = many_rows(gathered);
    let data = Data {
        structure: structure(gathered),
        cells: &gathered.series,
        rows: many_rows.as_deref().map(data_rows),
        live_url: None,
    };
    #[derive(Serialize)]
    struct Live<'a> {
        structure: &'a str,
        running: bool,
        parts: serde_json::Map<String, serde_json::Value>,
        data: &'a Data<'a>,
    }
    Ok(serde_json::to_string(&Live {
        structure: &data.structure,
        running,
        parts,
        data: &data,
    })?)
}

/// The page of the list of runs, which asks its own server again.
pub(super) fn render_list_page(context: ListContext<'_>) -> Result<String, PageError> {
    whole_page("list.html", LIST_SCRIPT, true, context)
}

/// The page over nights.
pub(super) fn render_nights_page(context: NightsContext) -> Result<String, PageError> {
    whole_page("nights.html", NIGHTS_SCRIPT, false, context)
}

/// The page of one answer to the question where; it has no script.
pub(super) fn render_where_page(title: &str, stacks: &StacksView) -> Result<String, PageError> {
    #[derive(Serialize)]
    struct Context<'a> {
        title: &'a str,
        stacks: &'a StacksView,
    }
    whole_page("where.html", "", false, Context { title, stacks })
}

/// A page with its style and its script, and with the policy that allows it these alone.
fn whole_page(
    template: &str,
    script: &'static str,
    asks_its_server: bool,
    context: impl Serialize,
) -> Result<String, PageError> {
    #[derive(Serialize)]
    struct Page<C> {
        policy: String,
        style: &'static str,
        script: &'static str,
        #[serde(flatten)]
        context: C,
    }
    let context = Value::from(Serde(Page {
        policy: policy(script, asks_its_server),
        style: STYLE,
        script,
        context,
    }));
    Ok(environment()?.get_template(template)?.render(context)?)
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    // The names end in .html, for which minijinja escapes every value.
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

/// What a page may do: run its script, if it has one, in its style.
fn policy(script: &str, asks_its_server: bool) -> String {
    let script = match script {
        "" => String::new(),
        script => format!("script-src {}; ", policy_source(script)),
    };
    let connect = match asks_its_server {
        true => "; connect-src 'self'",
        false => "",
    };
    format!(
        "default-src 'none'; {script}style-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'{connect}",
        policy_source(STYLE)
    )
}

/// How a content security policy names an inline script or style: by its digest.
fn policy_source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// JSON that can stand inside a script element: nothing in it ends the element, opens a
/// comment, or is a line break to an old JavaScript.
fn script_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // They only occur inside strings of JSON.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => text.push(c),
        }
    }
    Ok(text)
}

/// Names of the cells and lines that have charts, as one short text.
fn structure(gathered: &Gathered<'_>) -> String {
    let mut names = String::new();
    for cell in &gathered.series {
        names.push_str(&cell.id);
        for line in &cell.lines {
            names.push('\n');
            names.push_str(&line.key);
        }
        names.push('\0');
    }
    let digest = Sha256::digest(names);
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn many_rows(gathered: &Gathered<'_>) -> Option<Vec<Row>> {
    let all = gathered.entries.len();
    (all > STATIC_ROWS).then(|| view::rows(gathered, all))
}

fn data_rows(rows: &[Row]) -> Vec<DataRow<'_>> {
    rows.iter()
        .map(|row| {
            let mut figures = [None; 5];
            for (place, figure) in figures.iter_mut().zip(&row.figures) {
                // Half a byte is below what the table shows.
                *place = figure.value.map(|v| (v * 10.0).round() / 10.0);
            }
            (
                row.id.as_str(),
                row.sign,
                row.class,
                row.verdict.as_str(),
                row.role.as_str(),
                figures,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_a_script_cannot_end_it() {
        let hostile = "</script><!--<script>\u{2028}\u{2029}&";
        let text = script_json(&hostile).expect("JSON");
        assert!(
            !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']),
            "{text}"
        );
        let back: String = serde_json::from_str(&text).expect("JSON");
        assert_eq!(back, hostile);
    }

    #[test]
    fn the_scripts_and_styles_do_not_end_their_elements() {
        for script in [SCRIPT, LIST_SCRIPT, NIGHTS_SCRIPT] {
            assert!(!script.to_lowercase().contains("</script") && !script.contains("<!--"));
        }
        assert!(!STYLE.to_lowercase().contains("</style"));
        assert!(
            !SCRIPT.contains('\r') && !STYLE.contains('\r'),
            "a digest is over what the browser reads"
        );
    }

    #[test]
    fn the_chart_library_is_the_published_one() {
        // sha256sum of dist/uPlot.iife.min.js and dist/uPlot.min.css of npm's uplot 1.6.32.
        let hex = |text: &str| -> String {
            Sha256::digest(text)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        };
        assert_eq!(
            hex(include_str!("../../vendor/uplot/uPlot.iife.min.js")),
            "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
        );
        assert_eq!(
            hex(include_str!("../../vendor/uplot/uPlot.min.css")),
            "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"
        );
    }
}
