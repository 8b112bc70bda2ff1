//! The pages of `leaklab serve` in a real browser, through the deaths of either side.

#[path = "../../reports/tests/pages/browser.rs"]
mod browser;
mod support;

use browser::Browser;
use std::process::Child;
use support::Lab;
use support::serving::Serving;

fn end(mut child: Child) {
    child.kill().expect("it can be killed");
    child.wait().expect("its end");
}

#[test]
fn a_page_stays_live_through_a_restart_of_the_server_and_sees_the_run_die() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let lab = Lab::new();
    std::fs::create_dir_all(lab.path().join("leaklab-out/runs")).expect("a folder");
    let server = Serving::start(&lab, 0, "leaklab-out");
    let port = server.port;
    browser.resize(1280, 900);
    // The list is open before there is a run, and shows it without being loaded again.
    browser.open(&format!("http://127.0.0.1:{port}/"));
    assert_eq!(
        browser.eval("document.querySelectorAll('#runs a').length"),
        0
    );
    let harness = lab.start(&[
        "run",
        "--duration",
        "300s",
        "--interval",
        "100ms",
        "--",
        "sh",
        "-c",
        "sleep 300",
    ]);
    lab.wait_for_file("command--sh/samples.csv", 400);
    browser.wait_for("document.querySelectorAll('#runs a').length === 1");
    browser.screenshot("list", false);
    let address = browser.eval("document.querySelector('#runs a').href");
    browser.open(address.as_str().expect("an address"));
    browser.eval("document.querySelector('[data-cells]').scrollIntoView()");
    browser.wait_for("document.querySelector('.charts.drawn canvas') !== null");
    browser.eval("window.unloaded = false");

    let live = "document.querySelector('#live').textContent";
    let rows = "Number([...document.querySelectorAll('#facts-0 dt')]
        .find((e) => e.textContent === 'Samples').nextElementSibling.textContent.replace(',', ''))";
    browser.wait_for(&format!("{live}.startsWith('Live: updated')"));
    let before = browser.eval(rows).as_f64().expect("a number");
    browser.wait_for(&format!("{rows} > {before} + 5"));
    browser.screenshot("live", false);

    drop(server);
    browser.wait_for(&format!("{live}.startsWith('No answer')"));
    let before = browser.eval(rows).as_f64().expect("a number");
    let _server = Serving::start(&lab, port, "leaklab-out");
    browser.wait_for(&format!("{live}.startsWith('Live: updated')"));
    browser.wait_for(&format!("{rows} > {before}"));
    assert_eq!(
        browser.eval("window.unloaded"),
        false,
        "all that without loading the page again"
    );

    end(harness);
    browser.wait_for(&format!("{live}.startsWith('The run goes on no more')"));
    browser.wait_for("document.querySelector('#facts-0').textContent.includes('harness died')");
    let outside: Vec<String> = browser
        .requests()
        .into_iter()
        .filter(|url| {
            !url.starts_with(&format!("http://127.0.0.1:{port}/")) && !url.starts_with("data:")
        })
        .collect();
    assert!(outside.is_empty(), "{outside:#?}");
    // Requests that nobody answered while the server was down are all that went wrong.
    let complaints = browser.complaints();
    assert!(
        complaints
            .iter()
            .all(|text| text.contains("ERR_CONNECTION_REFUSED")),
        "{complaints:#?}"
    );
}
