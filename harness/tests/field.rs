//! `leaklab field` through the real binary: cases of a folder, in place of installed packages.

mod support;

use std::fmt::Write;
use support::Lab;

/// A program that says of its heap that each operation keeps `$1` bytes.
const PROGRAM: &str = r#"i=0
while :; do
  i=$((i + 1))
  echo "leaklab: {\"ops\": $i, \"heap\": {\"used_bytes\": $((50000000 + i * $1))}}"
  sleep 0.02
done
"#;

/// A case whose buggy variant keeps `kept` bytes and whose build is `build`.
fn case(name: &str, kept: u32, build: &str) -> String {
    let mut text = format!(
        "[[scenario]]\nname = \"field/{name}\"\nsource = \"https://example.invalid/1\"\n\
         summary = \"what keeps what\"\noperation = \"one turn\"\n\
         build = [\"sh\", \"-c\", {build:?}]\n\
         duration = \"4s\"\ninterval = \"50ms\"\ndrain = \"0s\"\nbudget = \"100B/op\"\n\
         [scenario.published]\npackage = \"thing\"\necosystem = \"npm\"\nbuggy = \"1.0\"\n\
         fixed = \"1.1\"\naffected = \"whoever has it\"\nfound-by = \"a heap snapshot\"\n"
    );
    for (side, expected, declared, kept) in
        [("buggy", "leak", 4096, kept), ("fixed", "no-leak", 0, 0)]
    {
        let _ = write!(
            text,
            "[[scenario.variant]]\nname = \"{side}\"\nrole = \"{side}\"\n\
             expected = \"{expected}\"\nbytes-per-operation = \"{declared}\"\n\
             command = [\"sh\", \"program.sh\", \"{kept}\"]\n"
        );
    }
    text
}

/// A folder with a case, and a home of its own for what is unpacked.
fn lab(name: &str, text: &str) -> Lab {
    let lab = Lab::new();
    std::fs::write(lab.path().join("program.sh"), PROGRAM).expect("a program");
    std::fs::write(lab.path().join(format!("{name}.scenario.toml")), text).expect("a case");
    lab
}

fn call(lab: &Lab, arguments: &[&str]) -> support::Called {
    let mut command = lab.command(arguments);
    command.env("XDG_CACHE_HOME", lab.path().join("cache"));
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    lab.finish(child.expect("the binary can be started"))
}

#[test]
fn every_reported_leak_is_listed_with_package_and_versions() {
    let lab = Lab::new();
    let table = call(&lab, &["field"]).expect_code(0).stdout;
    for part in [
        "field/ujson-bigint",
        "5.11.0",
        "original/go-defer",
        "1.00 KiB",
    ] {
        assert!(table.contains(part), "no `{part}` in:\n{table}");
    }
    let lines = call(&lab, &["field", "--format", "json"])
        .expect_code(0)
        .stdout;
    assert!(lines.lines().count() > 30, "{lines}");
    assert!(lines.contains("\"advisory\":\"CVE-2026-32874\""));
    // They are no part of the catalogue.
    let catalogue = call(&lab, &["list"]).expect_code(0).stdout;
    assert!(!catalogue.contains("field/ujson-bigint"));
    let explained = call(&lab, &["list", "field/ujson-bigint"]).expect_code(0);
    assert!(explained.stdout.contains("digits"));
}

#[test]
fn a_case_is_held_against_what_it_declares() {
    let lab = lab("right", &case("right", 4096, "true"));
    let called = call(&lab, &["field", "right"]).expect_code(0);
    assert_eq!(
        called.stdout.matches("as declared").count(),
        2,
        "{}",
        called.stdout
    );
    assert!(called.stdout.contains("whoever has it"));
}

#[test]
fn a_leak_of_another_size_is_not_as_declared() {
    let lab = lab("wrong", &case("wrong", 5000, "true"));
    let called = call(&lab, &["field", "wrong", "--format", "json"]).expect_code(1);
    let first = called.stdout.lines().next().expect("a line per variant");
    let buggy: serde_json::Value = serde_json::from_str(first).expect("JSON");
    assert_eq!(buggy["verdict"], "leak");
    assert_eq!(buggy["faults"][0], "+22.1 % of what is declared");
}

#[test]
fn what_cannot_be_had_is_left_out_with_its_reason_and_what_differs_is_refused() {
    let missing = "echo 'Python 3.9 is needed' >&2; exit 69";
    let lab = lab("missing", &case("missing", 0, missing));
    let called = call(&lab, &["field", "missing"]).expect_code(2);
    let called = called.expect_stderr(&["field/missing", "Python 3.9 is needed"]);
    assert!(called.run.is_none(), "a folder was left");

    let differs = "echo 'a checksum differs: refused' >&2; exit 65";
    let lab = self::lab("differs", &case("differs", 0, differs));
    let called = call(&lab, &["field", "differs"]).expect_code(4);
    let called = called.expect_stderr(&["a checksum differs: refused"]);
    assert!(called.run.is_none(), "a folder was left");
}

#[test]
fn a_build_is_told_that_nothing_may_be_installed() {
    let build = "test -z \"$LEAKLAB_OFFLINE\" || { echo not installed; exit 69; }";
    let lab = lab("offline", &case("offline", 4096, build));
    call(&lab, &["field", "offline", "--offline"])
        .expect_code(2)
        .expect_stderr(&["not installed"]);
}

#[test]
fn a_review_finds_a_case_without_program_and_a_guess_for_its_bytes() {
    let text = case("guess", 4096, "true").replace("= \"4096\"", "= \"0\"");
    let lab = lab("guess", &text);
    let called = call(&lab, &["field", "check", "guess"]).expect_code(1);
    called.expect_stderr(&["has no program", "no bytes are declared"]);
}

#[test]
fn an_unknown_case_is_answered_with_the_nearest() {
    let lab = Lab::new();
    call(&lab, &["field", "ujson-bigin"])
        .expect_code(2)
        .expect_stderr(&["did you mean `ujson-bigint`?"]);
}
