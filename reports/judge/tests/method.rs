//! METHOD.md says what the judge does: its list of rules is the judge's own.

use leaklab_judge::RULES;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- rules: cargo test -p leaklab-judge --test method -->\n";
const END: &str = "<!-- end of rules -->";

/// The list as METHOD.md has it.
fn list() -> String {
    let mut text = String::from("| rule | asks | says |\n|---|---|---|\n");
    for rule in RULES {
        let _ = writeln!(text, "| `{}` | {} | {} |", rule.name, rule.asks, rule.says);
    }
    text
}

/// With `LEAKLAB_WRITE` set the list is written instead.
#[test]
fn the_list_of_rules_is_that_of_the_judge() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../METHOD.md");
    let text = std::fs::read_to_string(&path).expect("METHOD.md is beside the workspace");
    let begin = text.find(BEGIN).expect("a begin of the list") + BEGIN.len();
    let end = text.find(END).expect("an end of the list");
    if std::env::var_os("LEAKLAB_WRITE").is_some() {
        let text = [&text[..begin], &list(), &text[end..]].concat();
        std::fs::write(&path, text).expect("METHOD.md can be written");
        return;
    }
    assert_eq!(
        &text[begin..end],
        list(),
        "run `LEAKLAB_WRITE=1 cargo test -p leaklab-judge --test method`"
    );
}

#[test]
fn every_rule_has_a_name_of_its_own_and_asks_a_question() {
    let names: HashSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
    assert!(RULES.iter().all(|rule| rule.asks.ends_with('?')));
}
