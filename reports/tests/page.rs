//! The report page as text: what it holds, what it escapes, how large it is.

mod pages;

use leaklab_reports::page::{PageOptions, render_live, render_run, write_run};
use leaklab_run::{Outcome, Run, RunRecord, State};
use pages::{CellSpec, MIB, verdict_of};
use serde_json::{Value, json};

fn page(cells: &[CellSpec]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = pages::write(folder.path(), cells);
    render_run(&run, &PageOptions::default()).expect("a page")
}

/// The page of cells whose verdicts do not matter: judging takes most of the time.
fn page_unjudged(cells: &[CellSpec]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = pages::write(folder.path(), cells);
    let options = PageOptions {
        judge_missing: false,
        ..PageOptions::default()
    };
    render_run(&run, &options).expect("a page")
}

/// The JSON that the page's scripts read.
fn data_of(page: &str) -> Value {
    let begin = "<script type=\"application/json\" id=\"data\">";
    let from = page.find(begin).expect("the data") + begin.len();
    let text = &page[from..];
    serde_json::from_str(&text[..text.find("</script>").expect("its end")]).expect("JSON")
}

#[test]
fn verdicts_come_first_and_in_words() {
    let page = page(&pages::typical());
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no `{text}`"));
    assert!(place("1 of 4 variants leaks and should not") < place("id=\"comparison\""));
    assert!(place("leaks, expected no leak") < place("id=\"charts\""));
    place("alts-timeout::unpatched</a> <em>leaks, as expected");
    place("unpatched retains 128 KiB per operation, timeout2 nothing.");
    place("leaklab run alts-timeout --duration 20s --set &quot;note=it&#x27;s a test&quot;");
    place("href=\".&#x2f;alts-timeout--unpatched&#x2f;samples.csv\"");
}

#[test]
fn what_a_program_says_stays_text() {
    const HOSTILE: &str =
        "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u{2028}\"'";
    let mut cell = CellSpec::new("command", HOSTILE, HOSTILE, None)
        .sampled(30, |i| i as f64)
        .gauge(HOSTILE, |i| i as f64)
        .event(json!({"elapsed_ms": 5000.0, "type": "mark", "name": HOSTILE}))
        .event(json!({"elapsed_ms": 6000.0, "type": "warning", "message": HOSTILE}));
    cell.plan.folder = "cell".to_owned();
    cell.plan.reference = "javascript:alert(3)".to_owned();
    cell.plan.document = HOSTILE.to_owned();
    cell.status.message = HOSTILE.to_owned();
    cell.verdict = Some(verdict_of("leak", 1.0, [0.0, 9.0, 0.0, 9.0], HOSTILE));
    let page = page(&[cell]);
    assert!(
        !page.contains("<script>alert") && !page.contains("<img"),
        "an element was born"
    );
    assert!(!page.contains("javascript:"), "a link that runs");
    let end = page.find("id=\"data\"").expect("the data");
    let data = &page[end..][..page[end..].find("</script>").expect("its end")];
    assert!(!data.contains('\u{2028}'));
    assert_eq!(data_of(&page)["cells"][0]["label"], HOSTILE);
}

#[test]
fn no_character_that_steers_a_terminal_stays_in_the_page() {
    const STEERS: &str = "a\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}z";
    let mut cell = CellSpec::new("command", STEERS, STEERS, None)
        .sampled(30, |i| i as f64)
        .gauge(STEERS, |i| i as f64)
        .event(json!({"elapsed_ms": 5000.0, "type": "mark", "name": STEERS}))
        .event(json!({"elapsed_ms": 6000.0, "type": "warning", "message": STEERS}));
    cell.plan.folder = "cell".to_owned();
    cell.status.message = STEERS.to_owned();
    cell.verdict = Some(verdict_of("leak", 1.0, [0.0, 9.0, 0.0, 9.0], STEERS));
    let page = page(&[cell]);
    assert!(page.contains("[2J"), "the words themselves stay");
    let steers = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{202a}'..='\u{202e}')
    };
    assert_eq!(page.chars().find(steers), None);
}

#[test]
fn the_policy_names_digests_and_no_source_outside() {
    let page = page(&pages::typical());
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .expect("a policy");
    let policy = &policy[..policy.find("\">").expect("its end")].replace("&#x27;", "'");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    for word in ["unsafe-inline", "unsafe-eval", "http", "*", "'self'"] {
        assert!(!policy.contains(word), "{word} in {policy}");
    }
}

#[test]
fn a_run_that_died_half_way_is_shown_with_what_there_is() {
    let page = page(&pages::crashed());
    for text in [
        "1 of 2 variants has not ended",
        "it still runs, or its harness died without a word",
        "samples.csv ends in the middle of a row",
        "1 variant has not started",
        " so far</em>",
    ] {
        assert!(page.contains(text), "no `{text}`");
    }
    assert_eq!(
        data_of(&page)["cells"][0]["times"]
            .as_array()
            .expect("times")
            .len(),
        60
    );
}

#[test]
fn columns_that_are_missing_leave_the_rest() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    pages::write(folder.path(), &[CellSpec::new("command", "x", "", None)]);
    std::fs::write(
        folder.path().join("command--x/samples.csv"),
        "elapsed_ms,rss_bytes,later_column\n0,1048576,9\n1000,2097152,9\n",
    )
    .expect("a file");
    let run = Run::open(folder.path()).expect("a run");
    let page = render_run(&run, &PageOptions::default()).expect("a page");
    assert!(page.contains("resident memory stands in for it"));
    assert!(page.contains("2.00 MiB"));
    let lines = &data_of(&page)["cells"][0]["lines"];
    assert_eq!(lines.as_array().expect("lines").len(), 1, "{lines}");
}

#[test]
fn a_run_without_cells_or_rows_is_a_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = serde_json::to_vec(&RunRecord::default()).expect("JSON");
    std::fs::write(folder.path().join("run.json"), record).expect("a file");
    let run = Run::open(folder.path()).expect("a run");
    let text = render_run(&run, &PageOptions::default()).expect("a page");
    assert!(text.contains("This run has no cells."));
    let mut broken = CellSpec::new("command", "x", "", None);
    broken.status.outcome = Some(Outcome::SpawnFailed);
    broken.status.message = "`nosuch` could not be started".to_owned();
    let text = page(&[broken]);
    assert!(text.contains("could not be started") && text.contains("There is no sample"));
}

#[test]
fn a_day_of_seconds_with_ten_series_is_under_two_mebibytes_and_keeps_its_extremes() {
    let mut cell = CellSpec::new("command", "service", "", None)
        .sampled(86_400, |i| {
            50.0 * MIB + (i as f64 * 0.37).sin() * 3.0 * MIB + i as f64 * 97.0
        })
        .gauge("depth", |i| (i % 977) as f64);
    // One second of a spike and one of a dip, at places that no grid prefers.
    cell.rows[51_337].0.rss_bytes = Some(987_654_321);
    cell.rows[71_111].0.rss_bytes = Some(1);
    let page = page_unjudged(&[cell]);
    let lines = data_of(&page)["cells"][0]["lines"]
        .as_array()
        .expect("lines")
        .clone();
    assert!(lines.len() >= 10, "{} series", lines.len());
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    println!("a day, {} series: {} bytes", lines.len(), page.len());
    let rss = lines
        .iter()
        .find(|line| line["key"] == "rss_bytes")
        .expect("the line");
    let values: Vec<f64> = rss["values"]
        .as_array()
        .expect("values")
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    assert!(values.contains(&987_654_321.0) && values.contains(&1.0));
}

#[test]
fn twenty_four_cells_of_an_hour_stay_under_two_mebibytes() {
    let cells: Vec<CellSpec> = (0..24)
        .map(|i| {
            CellSpec::new("many", &format!("v{i}"), "buggy", Some("leak"))
                .sampled(3_600, |t| t as f64 * 777.0)
        })
        .collect();
    let page = page_unjudged(&cells);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}

#[test]
fn of_ten_thousand_cells_the_gravest_are_charted_and_all_are_listed() {
    let cells: Vec<CellSpec> = (0..10_000)
        .map(|i| {
            let mut cell = CellSpec::new("fleet", &format!("host-{i}"), "", None);
            cell.status.ops_total = Some(i);
            cell.bare = i % 100 != 43;
            if !cell.bare {
                cell = cell.sampled(10, |t| 1e6 + t as f64 * i as f64)
            };
            let leaks = i == 6_543;
            let (verdict, growth) = if leaks {
                ("leak", 900.0)
            } else {
                ("no-leak", 0.0)
            };
            cell.verdict = Some(verdict_of(verdict, growth, [0.0; 4], "measured"));
            cell
        })
        .collect();
    let page = page(&cells);
    assert!(page.contains("1 of 10,000 programs leaks and should not"));
    assert!(page.contains("gravest 24 of 10,000 programs"));
    let data = data_of(&page);
    assert_eq!(data["rows"].as_array().expect("rows").len(), 10_000);
    assert_eq!(data["rows"][0][0], "fleet::host-6543");
    assert_eq!(data["cells"][0]["label"], "host-6543");
    assert_eq!(data["cells"].as_array().expect("cells").len(), 24);
    assert_eq!(page.matches("<tr class=").count(), 200);
    assert!(page.len() < 4 << 20, "{} bytes", page.len());
}

#[test]
fn cells_that_count_what_they_shed_get_the_table_of_remedies() {
    assert!(!page(&pages::typical()).contains("What each remedy bounds"));
    let page = page(&pages::remedies());
    assert!(page.contains("What each remedy bounds"));
    // 100 rows of 1 s, the load from row 10 to row 79: 7,900 delivered and 23,700 dropped.
    assert!(page.contains("<td class=\"number\">7,900</td>"));
    assert!(page.contains("<td class=\"number\">23,700</td>"));
}

#[test]
fn the_file_appears_whole_and_the_live_part_has_the_same_cells() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = pages::write(folder.path(), &pages::crashed());
    let path = write_run(&run, &PageOptions::default()).expect("a file");
    assert_eq!(path, folder.path().join("report.html"));
    let page = std::fs::read_to_string(&path).expect("the file");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder")
        .filter(|file| {
            file.as_ref()
                .is_ok_and(|f| f.file_name().to_string_lossy().ends_with(".tmp"))
        })
        .collect();
    assert!(left.is_empty());
    let live = render_live(&run, &PageOptions::default(), true).expect("JSON");
    let live: Value = serde_json::from_str(&live).expect("JSON");
    assert_eq!(live["structure"], data_of(&page)["structure"]);
    assert_eq!(live["running"], true);
    assert!(
        live["parts"]["facts-0"]
            .as_str()
            .expect("a part")
            .contains("not ended")
    );
    assert_eq!(run.cells[0].status.state, State::Running);
}
