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
    finished(lab, &mut lab.command(arguments))
}

/// Calls leaklab with a cache of the lab's own.
fn finished(lab: &Lab, command: &mut std::process::Command) -> support::Called {
    let child = command
        .env("XDG_CACHE_HOME", lab.path().join("cache"))
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

/// A lab whose case installs by the real `install`, and a `cargo` before all others that says
/// `words` and fails.
fn lab_with_client(name: &str, words: &str) -> Lab {
    use std::os::unix::fs::PermissionsExt;
    let install = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/field/install");
    let text = case(name, 4096, "true").replace(
        "build = [\"sh\", \"-c\", \"true\"]",
        &format!("build = [{install:?}, {name:?}]"),
    );
    assert!(text.contains(install));
    let lab = lab(name, &text);
    let folder = lab.path().join(name);
    std::fs::create_dir(&folder).expect("a folder for pins");
    for (file, text) in [
        ("buggy.Cargo.toml", "[package]\n"),
        ("buggy.Cargo.lock", "version = 4\n"),
        ("main.rs", "fn main() {}\n"),
    ] {
        std::fs::write(folder.join(file), text).expect("a pin");
    }
    let clients = lab.path().join("clients");
    std::fs::create_dir(&clients).expect("a folder for the client");
    let client = clients.join("cargo");
    std::fs::write(
        &client,
        format!("#!/bin/sh\necho {words:?} >&2\nexit 101\n"),
    )
    .expect("a client");
    std::fs::set_permissions(&client, std::fs::Permissions::from_mode(0o755)).expect("executable");
    lab
}

fn call_with_client(lab: &Lab, arguments: &[&str]) -> support::Called {
    let mut path = lab.path().join("clients").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    finished(lab, lab.command(arguments).env("PATH", path))
}

#[test]
fn what_a_registry_says_is_told_apart() {
    for (words, code, told) in [
        // What each client prints, shortened.
        (
            "error: checksum for `triggered v0.1.1` changed between lock files",
            4,
            "a checksum of the buggy side differs from the pinned one: refused",
        ),
        (
            "[6] Couldn't resolve host name (Could not resolve host: index.crates.io)",
            2,
            "the registry was not reached",
        ),
        (
            "[7] Could not connect to server",
            2,
            "the registry was not reached",
        ),
        (
            "error: no matching package named `triggered` found",
            2,
            "the pinned version is not offered any more, or not for this machine",
        ),
        (
            "error[E0425]: cannot find value `x`",
            4,
            "cannot find value",
        ),
    ] {
        let lab = lab_with_client("told", words);
        let called = call_with_client(&lab, &["field", "told"]).expect_code(code);
        let called = called.expect_stderr(&[told]);
        assert!(called.run.is_none(), "a folder was left after: {words}");
        assert!(
            !lab.path().join("installed/told/buggy.installed").exists(),
            "counted as installed after: {words}"
        );
    }
}

#[test]
fn offline_asks_no_registry() {
    let lab = lab_with_client("quiet", "the registry was asked");
    let called = call_with_client(&lab, &["field", "quiet", "--offline"]).expect_code(2);
    let called = called.expect_stderr(&["not installed, and LEAKLAB_OFFLINE forbids"]);
    assert!(!called.stderr.contains("the registry was asked"));
}

/// Puts a stand-in for a tool that cases share into the folder, where `new` leaves it.
fn put_tool(lab: &Lab, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = lab.path().join(name);
    std::fs::write(&path, text).expect("a tool");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

const NEW: [&str; 9] = [
    "field",
    "new",
    "cancel",
    "--crate",
    "tokio-util",
    "--buggy",
    "0.6.9",
    "--fixed",
    "0.6.10",
];

#[test]
fn a_new_case_is_complete_but_for_what_only_its_author_knows() {
    let lab = Lab::new();
    put_tool(
        &lab,
        "pin",
        "#!/bin/sh\necho \"$4\" >\"$1/$2.Cargo.toml\"; echo 'version = 4' >\"$1/$2.Cargo.lock\"\n",
    );
    put_tool(
        &lab,
        "install",
        "#!/bin/sh\necho 'not today' >&2; exit 69\n",
    );
    call(&lab, &NEW).expect_code(0);
    let pinned = std::fs::read_to_string(lab.path().join("cancel/fixed.Cargo.toml"));
    assert_eq!(
        pinned.expect("the pin of a side").trim(),
        "tokio-util=0.6.10"
    );
    assert!(lab.path().join("probe/probe.rs").is_file());
    // It is a case like any other: listed, and reviewed before it is run.
    let listed = call(&lab, &["field"]).expect_code(0).stdout;
    assert!(listed.contains("field/cancel"), "{listed}");
    call(&lab, &["field", "check", "cancel"])
        .expect_code(2)
        .expect_stderr(&[
            "`summary` is not filled in",
            "`found-by` is not filled in",
            "`buggy` leaks, and no bytes are declared",
            "does not say in its first line what keeps what",
            "not today",
        ]);
    // What is there is not written over.
    call(&lab, &NEW)
        .expect_code(2)
        .expect_stderr(&["is there already"]);
}

#[test]
fn a_version_that_no_registry_has_leaves_no_half_a_case() {
    let lab = Lab::new();
    put_tool(
        &lab,
        "pin",
        "#!/bin/sh\necho 'no such version' >&2; exit 1\n",
    );
    call(&lab, &NEW)
        .expect_code(4)
        .expect_stderr(&["no such version", "the buggy side is not pinned"]);
    assert!(!lab.path().join("cancel").exists());
    assert!(!lab.path().join("cancel.scenario.toml").exists());
}

#[test]
fn a_leak_without_declared_bytes_says_what_to_do() {
    let text = case("open", 4096, "true").replace("= \"4096\"", "= \"0\"");
    let lab = lab("open", &text);
    let called = call(&lab, &["field", "open", "--format", "json"]).expect_code(1);
    let first = called.stdout.lines().next().expect("a line per variant");
    let buggy: serde_json::Value = serde_json::from_str(first).expect("JSON");
    let faults = buggy["faults"].as_array().expect("a list");
    assert!(
        faults.contains(&"declares no bytes per operation: write down what was measured".into()),
        "{faults:?}"
    );
}
