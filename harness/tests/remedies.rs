//! The remedies of `channel-io`, compared in words and measured.

mod support;

use leaklab_scenarios::catalogue;
use support::Lab;

#[test]
fn list_says_of_every_remedy_what_it_bounds_and_costs() {
    let called = Lab::new().call(&["list", "channel-io"]).expect_code(0);
    let text: String = called.stdout.split_whitespace().collect();
    for head in ["bounds", "leaves", "memory", "loss", "throughput"] {
        assert!(text.contains(head), "no column `{head}`");
    }
    let remedies = catalogue::find("channel-io").expect("in the catalogue");
    assert!(!remedies.remedies().is_empty());
    for remedy in remedies.remedies() {
        // Cells are wrapped: the first word of each stands whole.
        for words in [remedy.variant, remedy.bounds, remedy.memory, remedy.loss] {
            let first = words.split_whitespace().next().unwrap_or_default();
            assert!(text.contains(first), "{}: {words}", remedy.variant);
        }
    }
    let other = Lab::new().call(&["list", "defer-in-loop"]).expect_code(0);
    assert!(!other.stdout.contains("throughput"), "{}", other.stdout);
}

/// The numbers of a row, by the heads of the table.
fn figure(table: &str, variant: &str, head: &str) -> String {
    let mut lines = table
        .lines()
        .skip_while(|line| !line.contains("what it costs"));
    let heads = lines.next().expect("a table of remedies");
    let at = heads
        .find(head)
        .unwrap_or_else(|| panic!("no `{head}` in {heads}"));
    let row = lines.find(|line| line.contains(variant));
    let row = row.unwrap_or_else(|| panic!("no row `{variant}` in {table}"));
    let cell = row[at..].split("  ").next().unwrap_or_default();
    cell.trim().to_owned()
}

#[test]
fn a_run_shows_what_each_remedy_delivered_lost_and_held() {
    let called = Lab::new().call(&[
        "run",
        "channel-io::{unbuffered,layered}",
        "--duration",
        "4s",
        "--drain",
        "0s",
        "--jobs",
        "2",
    ]);
    let number = |variant: &str, head: &str| -> f64 {
        let shown = figure(&called.stdout, variant, head);
        let digits: String = shown
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        digits
            .parse()
            .unwrap_or_else(|_| panic!("{variant}, {head}: `{shown}`"))
    };
    // 25 services a second for 4 s, whatever the remedy.
    for variant in ["unbuffered", "layered"] {
        let delivered = number(variant, "delivered");
        assert!(
            (60.0..=110.0).contains(&delivered),
            "{variant}: {delivered}"
        );
    }
    assert_eq!(number("unbuffered", "dropped"), 0.0);
    assert!(number("layered", "dropped") > 50.0);
    let (leaking, held) = (
        number("unbuffered", "descriptors, peak"),
        number("layered", "descriptors, peak"),
    );
    assert!(leaking > 4.0 * held, "{leaking} and {held} descriptors");
}
