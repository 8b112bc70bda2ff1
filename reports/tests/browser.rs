//! The report page in a real browser: it draws, zooms, switches, and asks nobody for anything.

mod pages;

use leaklab_reports::page::{PageOptions, write_run};
use pages::CellSpec;
use pages::browser::Browser;
use serde_json::json;

const DESK: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (360, 740);

/// Writes the page of `cells` and opens it in a window of that size.
fn opened(cells: &[CellSpec], size: (u32, u32)) -> Option<(Browser, tempfile::TempDir)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = pages::write(folder.path(), cells);
    let path = write_run(&run, &PageOptions::default()).expect("a page");
    let mut browser = Browser::start()?;
    browser.resize(size.0, size.1);
    browser.open_file(&path);
    Some((browser, folder))
}

/// Scrolls through the page so that every chart is drawn, and waits until it is.
fn draw_all(browser: &mut Browser) {
    let places = browser.eval("document.querySelectorAll('[data-cells]').length");
    for i in 0..places.as_u64().expect("a number") {
        browser.eval(&format!(
            "document.querySelectorAll('[data-cells]')[{i}].scrollIntoView()"
        ));
        browser.wait_for(&format!(
            "document.querySelectorAll('[data-cells]')[{i}].classList.contains('drawn')"
        ));
    }
    browser.eval("window.scrollTo(0, 0)");
    // uPlot draws in a microtask; two frames later the pixels are there.
    browser.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
}

fn assert_silent(browser: &mut Browser) {
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let outside: Vec<String> = browser
        .requests()
        .into_iter()
        .filter(|url| !url.starts_with("file://") && !url.starts_with("data:"))
        .collect();
    assert!(outside.is_empty(), "{outside:#?}");
}

/// Texts whose contrast with what lies behind them is below 4.5 to 1 (WCAG 2.1, 1.4.3),
/// by the formulas of its definitions of contrast ratio and relative luminance.
const FAINT_TEXTS: &str = r"(() => {
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.getClientRects().length) continue;
    if (e.matches('script, style, button:disabled') || e.closest('.skip')) continue;
    seen += 1;
    const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${walk.currentNode.textContent.slice(0, 40)}`);
  }
  return seen > 50 ? found : ['only ' + seen + ' texts were seen'];
})()";

/// Colours of lines that stand out from the page by less than 3 to 1 (WCAG 2.1, 1.4.11).
const FAINT_LINES: &str = r"(() => {
  const style = getComputedStyle(document.documentElement);
  const parse = (name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
  };
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const paper = luminance(parse('--paper'));
  return [...Array(10).keys()].filter((i) => {
    const line = luminance(parse(`--line${i}`));
    return (Math.max(line, paper) + 0.05) / (Math.min(line, paper) + 0.05) < 3;
  });
})()";

/// Whether a canvas has pixels in the colour of the first line, or of the first variant.
const DRAWN: &str = r"((canvas) => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const parts = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const wanted = ['--line0', '--variant0'].map(colour).map(parts);
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const counts = wanted.map(() => 0);
  for (let i = 0; i < data.length; i += 4) {
    wanted.forEach((want, n) => {
      if (data[i + 3] > 200 && want.every((c, j) => Math.abs(data[i + j] - c) < 12)) counts[n] += 1;
    });
  }
  return Math.max(...counts);
})";

#[test]
fn charts_are_drawn_without_an_error_and_no_request_leaves_the_page() {
    let Some((mut browser, _folder)) = opened(&pages::typical(), DESK) else {
        return;
    };
    draw_all(&mut browser);
    let canvases = browser.eval("document.querySelectorAll('.u-wrap canvas').length");
    // An overlay of three, and five panels of each of three; four of the one without gauges,
    // whose threads and descriptors make a panel too.
    assert_eq!(canvases, json!(1 + 4 * 5));
    let drawn = browser.eval(&format!(
        "[...document.querySelectorAll('.u-wrap canvas')].map({DRAWN}).filter((n) => n < 50)"
    ));
    assert_eq!(drawn, json!([]), "canvases without a line");
    browser.screenshot("desk-light", true);
    assert_silent(&mut browser);
}

#[test]
fn a_drag_zooms_every_panel_of_the_cell_and_a_double_click_shows_all() {
    let Some((mut browser, _folder)) = opened(&pages::typical(), DESK) else {
        return;
    };
    draw_all(&mut browser);
    let over = "#cell-0 .charts .chart .u-over";
    let ticks = "[...document.querySelectorAll('#cell-0 .readout')].map((e) => e.textContent)";
    let [left, top, width, height] = browser.box_of(over);
    let middle = top + height / 2.0;
    let probe = |browser: &mut Browser| {
        browser.mouse("mouseMoved", left + width * 0.9, middle, 0);
        browser.wait_for("document.querySelector('#cell-0 .readout').textContent !== ''");
        browser.eval(ticks)
    };
    let before = probe(&mut browser);
    assert_eq!(before[0], json!("at 4:29 min"), "0.9 of 299 s");
    assert!(
        before
            .as_array()
            .expect("readouts")
            .iter()
            .all(|text| text == &before[0]),
        "one cursor over all panels: {before}"
    );
    browser.mouse("mouseMoved", left + width * 0.25, middle, 0);
    browser.mouse("mousePressed", left + width * 0.25, middle, 1);
    for share in [0.3, 0.4, 0.5] {
        browser.mouse("mouseMoved", left + width * share, middle, 1);
    }
    browser.mouse("mouseReleased", left + width * 0.5, middle, 1);
    let zoomed = probe(&mut browser);
    // A quarter to a half of 299 s is shown: 0.9 of it lies at 142 s.
    assert_eq!(zoomed[0], json!("at 2:22 min"));
    assert!(
        zoomed
            .as_array()
            .expect("readouts")
            .iter()
            .all(|text| text == &zoomed[0])
    );
    browser.screenshot("zoomed", false);
    for clicks in [1, 2] {
        browser.mouse("mousePressed", left + width * 0.5, middle, clicks);
        browser.mouse("mouseReleased", left + width * 0.5, middle, clicks);
    }
    assert_eq!(probe(&mut browser), before);
    assert_silent(&mut browser);
}

#[test]
fn lines_are_switched_by_mouse_and_by_keyboard_and_values_have_units() {
    let Some((mut browser, _folder)) = opened(&pages::typical(), DESK) else {
        return;
    };
    draw_all(&mut browser);
    let first = "#cell-0 .legend button";
    let checked = "document.querySelector('#cell-0 .legend button').getAttribute('aria-checked')";
    let pixels = format!("({DRAWN})(document.querySelector('#cell-0 canvas'))");
    let many = browser.eval(&pixels).as_u64().expect("pixels");
    assert!(many > 200, "{many}");
    browser.click(first);
    assert_eq!(browser.eval(checked), json!("false"));
    browser.wait_for(&format!("{pixels} < 20"));
    browser.eval("document.querySelector('#cell-0 .legend button').focus()");
    browser.key(" ");
    assert_eq!(browser.eval(checked), json!("true"));
    browser.wait_for(&format!("{pixels} === {many}"));
    browser.eval("document.querySelector('#cell-0 .plot').focus()");
    browser.key("ArrowRight");
    let value = "document.querySelector('#cell-0 .legend .value').textContent";
    assert_eq!(browser.eval(value), json!("6.00 MiB"), "the first sample");
    browser.key("l");
    let pressed =
        "document.querySelector('#cell-0 figcaption button').getAttribute('aria-pressed')";
    assert_eq!(browser.eval(pressed), json!("true"));
    browser.screenshot("log", false);
    let reachable = browser.eval(
        "[...document.querySelectorAll('button, select, input, a[href], .plot')]
           .filter((e) => e.getClientRects().length && e.tabIndex < 0).length",
    );
    assert_eq!(
        reachable,
        json!(0),
        "everything that acts can be reached with Tab"
    );
    assert_silent(&mut browser);
}

#[test]
fn the_overlay_changes_its_metric_and_its_axis() {
    let Some((mut browser, _folder)) = opened(&pages::typical(), DESK) else {
        return;
    };
    draw_all(&mut browser);
    let names = "[...document.querySelectorAll('[data-kind=overlay] .legend .name')].map((e) => e.textContent)";
    assert_eq!(
        browser.eval(names),
        json!(["unpatched", "cleared", "timeout2"])
    );
    browser.eval(
        "(() => { const s = document.querySelector('[data-kind=overlay] select');
          s.value = 'rss_bytes'; s.dispatchEvent(new Event('change')); })()",
    );
    let title = "document.querySelector('[data-kind=overlay] strong').textContent";
    assert_eq!(
        browser.eval(title),
        json!("resident set (RSS), against time")
    );
    browser.click("[data-kind=overlay] .tools [aria-pressed]");
    assert_eq!(
        browser.eval(title),
        json!("resident set (RSS), against operations")
    );
    browser.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    browser.screenshot("overlay-operations", false);
    assert_silent(&mut browser);
}

#[test]
fn text_and_lines_have_contrast_in_both_themes() {
    let Some((mut browser, _folder)) = opened(&pages::typical(), DESK) else {
        return;
    };
    draw_all(&mut browser);
    for theme in ["light", "dark"] {
        browser.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": theme}]}),
        );
        browser.eval(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
        );
        assert_eq!(browser.eval(FAINT_TEXTS), json!([]), "{theme}");
        assert_eq!(browser.eval(FAINT_LINES), json!([]), "{theme}");
        browser.screenshot(&format!("theme-{theme}"), true);
    }
    // The button overrides the system: auto, light, dark.
    let paper = "getComputedStyle(document.documentElement).backgroundColor";
    let dark = browser.eval(paper);
    browser.click("#theme");
    assert_ne!(browser.eval(paper), dark);
    browser.click("#theme");
    assert_eq!(browser.eval(paper), dark);
    assert_silent(&mut browser);
}

#[test]
fn a_phone_needs_no_sideways_scrolling() {
    let Some((mut browser, _folder)) = opened(&pages::typical(), PHONE) else {
        return;
    };
    draw_all(&mut browser);
    let width = browser.eval("document.documentElement.scrollWidth");
    browser.screenshot("phone", true);
    assert_eq!(width, json!(360));
    assert_silent(&mut browser);
}

#[test]
fn print_and_no_script_have_the_static_pictures() {
    let Some((mut browser, _folder)) = opened(&pages::typical(), DESK) else {
        return;
    };
    draw_all(&mut browser);
    let seen = |selector: &str| {
        format!(
            "[...document.querySelectorAll('{selector}')].filter((e) => e.getClientRects().length).length"
        )
    };
    assert_eq!(browser.eval(&seen(".picture")), json!(0));
    browser.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    assert_eq!(browser.eval(&seen(".picture")), json!(4));
    assert_eq!(browser.eval(&seen(".charts canvas")), json!(0));
    browser.screenshot("print", true);
    browser.call("Emulation.setEmulatedMedia", json!({"media": ""}));
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        json!({"value": true}),
    );
    browser.call("Page.reload", json!({}));
    browser.wait_for("document.readyState === 'complete' && !document.documentElement.classList.contains('script')");
    assert_eq!(browser.eval(&seen(".picture")), json!(4));
    assert_eq!(
        browser.eval(&seen("#theme, #table-tools")),
        json!(0),
        "nothing that cannot act"
    );
    browser.screenshot("no-script", true);
    assert_silent(&mut browser);
}

#[test]
fn ten_thousand_cells_are_paged_sorted_and_filtered() {
    let cells: Vec<CellSpec> = (0..10_000)
        .map(|i| {
            let mut cell = CellSpec::new("fleet", &format!("host-{i}"), "", None);
            cell.status.ops_total = Some(i);
            cell
        })
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut run = pages::write(folder.path(), &[]);
    run.cells = cells
        .into_iter()
        .map(|cell| leaklab_run::Cell {
            folder: folder.path().join(&cell.plan.folder),
            plan: cell.plan,
            status: cell.status,
        })
        .collect();
    let path = write_run(&run, &PageOptions::default()).expect("a page");
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.resize(DESK.0, DESK.1);
    browser.open_file(&path);
    let pager = "document.querySelector('#pager [role=status]').textContent";
    let first = "document.querySelector('#rows th').textContent";
    assert_eq!(browser.eval(pager), json!("1 to 100 of 10,000"));
    browser.click("#pager button:nth-of-type(2)");
    assert_eq!(browser.eval(pager), json!("101 to 200 of 10,000"));
    browser.click("#cells thead th:nth-child(4) button");
    browser.click("#cells thead th:nth-child(4) button");
    browser.click("#pager button:nth-of-type(1)");
    assert_eq!(
        browser.eval(first),
        json!("fleet::host-9999"),
        "most operations first"
    );
    browser.eval("document.querySelector('#filter').focus()");
    for key in ["7", "7", "7", "7"] {
        browser.key(key);
    }
    assert_eq!(browser.eval(pager), json!("1 to 1 of 1"));
    assert_eq!(browser.eval(first), json!("fleet::host-7777"));
    browser.screenshot("fleet", false);
    assert_silent(&mut browser);
}

#[test]
fn what_a_program_says_runs_nowhere() {
    const HOSTILE: &str =
        "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 2'>";
    let mut cell = CellSpec::new("command", HOSTILE, HOSTILE, None)
        .sampled(30, |i| i as f64)
        .gauge(HOSTILE, |i| i as f64)
        .event(json!({"elapsed_ms": 5000.0, "type": "mark", "name": HOSTILE}));
    cell.plan.folder = "cell".to_owned();
    cell.status.message = HOSTILE.to_owned();
    cell.verdict = Some(json!({"verdict": HOSTILE, "reason": HOSTILE, "shape": HOSTILE}));
    let mut other = CellSpec::new("command", "b", "", None).sampled(30, |i| i as f64);
    other.plan.folder = "other".to_owned();
    let Some((mut browser, _folder)) = opened(&[cell, other], DESK) else {
        return;
    };
    draw_all(&mut browser);
    assert_eq!(browser.eval("window.owned === undefined"), json!(true));
    assert_eq!(
        browser.eval("document.querySelectorAll('img').length"),
        json!(0)
    );
    // Were something to slip through, the policy stops it. This is the one complaint wanted.
    browser.eval(
        "(() => { const s = document.createElement('div'); s.innerHTML = '<img src=x onerror=\"window.owned = 3\">';
          document.body.append(s); const t = document.createElement('script'); t.textContent = 'window.owned = 4';
          document.body.append(t); })()",
    );
    browser.eval("new Promise((done) => setTimeout(done, 100))");
    assert_eq!(browser.eval("window.owned === undefined"), json!(true));
    let complaints = browser.complaints();
    assert!(
        complaints
            .iter()
            .all(|text| text.contains("Content Security Policy")),
        "{complaints:#?}"
    );
    assert!(complaints.len() >= 2, "{complaints:#?}");
}
