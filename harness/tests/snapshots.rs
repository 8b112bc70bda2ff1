//! `--snapshot` and `[[rule]]`: which classes of real programs grow, what cannot be taken, and what
//! a rule takes.

mod support;

use leaklab_reports::classes::{ClassTable, Format, read_classes, retainers_of};
use leaklab_run::{EventKind, Taking, read_takings};
use std::process::{Command, Stdio};
use support::{Called, Lab};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/snapshots");

/// Whether a tool can be run here; tests that need one that cannot are skipped, and say so.
fn has(tool: &str, flag: &str) -> bool {
    let mut command = Command::new(tool);
    command
        .arg(flag)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let works = command.status().is_ok_and(|status| status.success());
    if !works {
        eprintln!("skipped: there is no {tool} here");
    }
    works
}

fn build(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    let status = command.args(arguments).env("GO111MODULE", "off").status();
    assert!(
        status.expect("a compiler").success(),
        "{program} {arguments:?}"
    );
}

fn tables(called: &Called) -> Vec<ClassTable> {
    read_classes(called.cell()).expect("readable")
}

/// Runs a shop that keeps its sessions, and asserts that what is planted is named first.
fn planted(lab: &Lab, flags: &[&str], command: &[&str], planted: &str) -> Called {
    let mut arguments = vec![
        "run",
        "--ready",
        "line:ready",
        "--duration",
        "6s",
        "--name",
        "shop",
    ];
    arguments.extend(["--budget", "1GiB/h", "--interval", "100ms"]);
    arguments.extend(flags);
    arguments.push("--");
    arguments.extend(command);
    let called = lab.call(&arguments);
    let table = tables(&called).into_iter().next();
    let table = table.unwrap_or_else(|| panic!("no table: {}{}", called.stdout, called.stderr));
    assert!(table.takings >= 2, "{table:?}");
    let first = table.rows.first().expect("a row");
    assert!(
        first.key.contains(planted),
        "{planted} is not first:\n{}",
        called.stdout
    );
    assert!(first.last.count > first.first.count, "{first:?}");
    // A table of the run stands on the terminal, in the page and behind `where`.
    let page = called
        .run
        .as_ref()
        .expect("a run")
        .folder
        .join("report.html");
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("What grows: "), "no table in the page");
    let asked = lab.call(&["where"]).expect_code(0);
    assert!(asked.stdout.contains(planted), "{}", asked.stdout);
    called
}

#[test]
fn a_class_of_java_that_leaks_is_named_first() {
    if !has("javac", "-version") || !has("jcmd", "-h") {
        return;
    }
    let lab = Lab::new();
    let folder = lab.path().display().to_string();
    build("javac", &["-d", &folder, &format!("{FIXTURES}/Shop.java")]);
    planted(
        &lab,
        &["--snapshot", "java"],
        &["java", "-Xmx128m", "-cp", ".", "Shop"],
        "Shop$Session",
    );
}

#[test]
fn a_constructor_of_node_that_leaks_is_named_first_with_what_keeps_it() {
    if !has("node", "--version") {
        return;
    }
    let program = format!("{FIXTURES}/shop.js");
    // `--where` picks by the runtime.
    let called = planted(&Lab::new(), &["--where"], &["node", &program], "Session");
    let parts = ["--where counts the objects of Node.js"];
    let called = called.expect_stderr(&parts);
    let table = &tables(&called)[0];
    if table.top().is_some() {
        let path = table.rows[0].path.join(" < ");
        assert!(path.contains("sessions of "), "{path}");
    }
}

#[test]
fn who_keeps_most_of_what_grew_is_named_and_no_weak_map() {
    if !has("node", "--version") {
        return;
    }
    let lab = Lab::new();
    let files = ["first", "second"].map(|name| lab.path().join(format!("{name}.heapsnapshot")));
    let program = format!("{FIXTURES}/holders.js");
    let [first, second] = files.each_ref().map(|file| file.display().to_string());
    build("node", &[&program, &first, &second]);
    let [first, second] = files.map(|file| std::fs::read(file).expect("a snapshot"));
    let before = Format::HeapSnapshot.read(first.as_slice()).expect("counts");
    let wanted = ["Entry", "Note"].map(str::to_owned);
    let found = retainers_of(&second, &wanted, before.largest_id).expect("ways");
    let path = |key: &str| -> String {
        let one = found.iter().find(|one| one.key == key);
        one.map(|one| one.path.join(" < ")).unwrap_or_default()
    };
    // The last five are nearer by what was used recently.
    let kept = path("Entry");
    assert!(kept.contains("entries of Audit < audit of "), "{kept}");
    assert!(!kept.contains("Recent"), "{kept}");
    // What is in a weak map lives as long as its key.
    let kept = path("Note");
    assert!(kept.starts_with("value in a WeakMap of Owner < "), "{kept}");
    assert!(kept.contains("owners of Register"), "{kept}");
}

#[test]
fn a_line_of_python_that_leaks_is_named_first() {
    if !has("python3", "--version") {
        return;
    }
    let program = format!("{FIXTURES}/shop.py");
    planted(
        &Lab::new(),
        &["--snapshot", "python"],
        &["python3", &program],
        "shop.py:14",
    );
}

#[test]
fn a_function_of_go_that_leaks_is_named_first() {
    if !has("go", "version") {
        return;
    }
    let lab = Lab::new();
    let program = lab.path().join("shop").display().to_string();
    build(
        "go",
        &["build", "-o", &program, &format!("{FIXTURES}/shop.go")],
    );
    // Its profiles are served by itself: --where alone cannot know where.
    lab.call(&["run", "--where", "--", "./shop", "127.0.0.1:0"])
        .expect_code(2)
        .expect_stderr(&["--snapshot go=http://127.0.0.1:6060"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("an address").to_string();
    drop(port);
    let flag = format!("go=http://{address}");
    let called = planted(
        &lab,
        &["--snapshot", &flag],
        &["./shop", &address],
        "main.keepSession",
    );
    assert_eq!(tables(&called).len(), 2, "heap and goroutines");
}

#[test]
fn what_cannot_be_taken_is_told_and_the_rest_goes_on() {
    let lab = Lab::new();
    let rule = "[[rule]]\nwhen = \"threads > 0\"\n\
                do = [\"exec sh -c 'echo nobody to page >&2; exit 3'\", \
                \"exec sh -c 'echo $$ > pager; exec sleep 1001'\"]\n";
    std::fs::write(lab.path().join("leaklab.toml"), rule).expect("a file");
    let called = lab.call(&[
        "run",
        "--duration",
        "6s",
        "--interval",
        "100ms",
        "--allow-idle",
        "--budget",
        "1GiB/h",
        "--snapshot-timeout",
        "500ms",
        "--snapshot-limit",
        "1MiB",
        "--snapshot",
        "fails=csv:sh -c 'echo no heap today >&2; exit 3'",
        "--snapshot",
        "hangs=csv:sleep 1000",
        "--snapshot",
        "large=csv:head -c 10G /dev/zero",
        "--snapshot",
        "file=csv:sh -c 'head -c 10G /dev/zero > {out}'",
        "--snapshot",
        "odd=class-histogram:echo nothing of the kind",
        "--snapshot",
        "good=csv:echo kept,{k},{k}0000",
        "--",
        "sleep",
        "1000",
    ]);
    let takings = read_takings(&called.cell().folder).expect("readable");
    let of = |name: &str| -> &Taking {
        let taking = takings.iter().find(|taking| taking.name == name);
        taking.unwrap_or_else(|| panic!("no {name}: {takings:?}"))
    };
    for (name, part) in [
        ("fails", "last words `no heap today`"),
        ("hangs", "took longer than"),
        ("large", "larger than 1.00 MiB"),
        ("file", "larger than 1.00 MiB"),
    ] {
        let error = of(name).error.as_deref().unwrap_or_default();
        assert!(error.contains(part), "{name}: {error}");
        assert_eq!(of(name).file, None);
    }
    assert_eq!((&of("good").error, &of("odd").error), (&None, &None));
    assert!(
        called.cell().status.samples > 20,
        "{:?}",
        called.cell().status
    );
    let tables = tables(&called);
    let odd = tables
        .iter()
        .find(|table| table.name == "odd")
        .expect("a table");
    assert!(
        odd.problems[0].contains("nothing of a class-histogram"),
        "{:?}",
        odd.problems
    );
    // What a rule's command came to is told at the end and on the page.
    let folder = &called.run.as_ref().expect("a run").folder;
    let page = std::fs::read_to_string(folder.join("report.html")).expect("a page");
    for text in [&called.stdout, &page] {
        assert!(text.contains("nobody to page"), "{text}");
        assert!(text.contains("was killed (the run was over)"), "{text}");
    }
    // None outlives the run.
    let pager = std::fs::read_to_string(lab.path().join("pager")).expect("its id");
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", pager.trim()));
    assert!(!command.unwrap_or_default().contains("1001"), "{pager}");
    // Nothing is left of what was cut off.
    let left = std::fs::read_dir(called.cell().folder.join("snapshots")).expect("a folder");
    for entry in left.flatten() {
        assert!(
            entry.metadata().expect("a file").len() <= 1 << 20,
            "{entry:?}"
        );
    }
}

#[test]
fn a_rule_takes_its_evidence_once_and_compares_it_with_the_beginning() {
    if !has("node", "--version") {
        return;
    }
    let lab = Lab::new();
    let rule = "[[rule]]\nwhen = \"@heap_used / @heap_limit > 0.5\"\nfor = \"300ms\"\n\
                do = [\"snapshot:heap\", \"exec touch fired\"]\n";
    std::fs::write(lab.path().join("leaklab.toml"), rule).expect("a file");
    let program = format!("{FIXTURES}/recursion.js");
    let called = lab.call(&[
        "run",
        "--ready",
        "pipe",
        "--duration",
        "10s",
        "--interval",
        "100ms",
        "--budget",
        "1GiB/h",
        "--snapshot",
        "node",
        "--",
        "node",
        "--max-old-space-size=16",
        "--max-semi-space-size=1",
        &program,
    ]);
    let takings = read_takings(&called.cell().folder).expect("readable");
    let by_rule = takings
        .iter()
        .filter(|taking| taking.rule == Some(1))
        .count();
    assert_eq!(by_rule, 1, "{takings:?}\n{}", called.stderr);
    let events = called.cell().events().expect("readable");
    let named = |event: &leaklab_run::Event| match &event.kind {
        EventKind::Mark { name, .. } => name.starts_with("rule 1: @heap_used"),
        _ => false,
    };
    assert_eq!(events.iter().filter(|event| named(event)).count(), 1);
    assert!(lab.path().join("fired").exists(), "the command was run");
    let compared = &tables(&called)[0].compared;
    assert_eq!(compared.len(), 1);
    let turn = compared[0].rows.iter().find(|row| row.key == "Turn");
    let turn = turn.unwrap_or_else(|| panic!("no Turn: {compared:?}"));
    assert!(turn.after.count > turn.before.count + 1000, "{turn:?}");
    assert!(called.stdout.contains("Turn: "), "{}", called.stdout);
}

#[test]
fn what_a_rule_or_a_snapshot_needs_is_asked_for_at_the_start() {
    let lab = Lab::new();
    let refused = |rule: &str, flags: &[&str], parts: &[&str]| {
        std::fs::write(lab.path().join("leaklab.toml"), rule).expect("a file");
        let mut arguments = vec!["run"];
        arguments.extend(flags);
        lab.call(&arguments).expect_code(2).expect_stderr(parts);
        assert!(lab.newest_run().is_none(), "no folder is left");
    };
    let program = ["--", "sleep", "1"];
    let of = |when: &str, what: &str| format!("[[rule]]\nwhen = \"{when}\"\ndo = [\"{what}\"]\n");
    refused(
        &of("heap_usd > 1", "exec true"),
        &program,
        &["no figure `heap_usd`", "did you mean `heap_used`?"],
    );
    refused(
        &of("threads > 1", "snapshot:classes"),
        &program,
        &["there are no snapshots `classes`"],
    );
    refused(&of("threads > 1", "where"), &program, &["nothing to take"]);
    refused(
        &of("threads > 1", "exec ./page {pod}"),
        &program,
        &["`{pod}` stands for nothing: there are {pid}"],
    );
    refused(
        "[[rule]]\nwhn = \"threads > 1\"\ndo = [\"where\"]\n",
        &program,
        &["`whn` of `[[rule]]` 1", "did you mean `when`?"],
    );
    for (series, part) in [
        (&["ruby"][..], "NAME=FORMAT:COMMAND"),
        (&["x=csv:echo a,1,2", "x=csv:echo b,1,2"], "called `x`"),
        (&["x=csv:dump {pod}"], "there are {pid}, {k}, {out}"),
    ] {
        let flags = series.iter().flat_map(|one| ["--snapshot", one]);
        let flags: Vec<&str> = flags.chain(program).collect();
        refused("", &flags, &[part]);
    }
    let pid = std::process::id().to_string();
    for (preset, part) in [("node", "--heapsnapshot-signal"), ("python", "tracemalloc")] {
        refused(
            "",
            &["--pid", &pid, "--snapshot", preset],
            &["does not go with --pid", part],
        );
    }
    refused(
        "",
        &["--pid", &pid, "--where"],
        &["`--where` does not go with --pid"],
    );
    let glibc = ["--where", "--heap", "mallinfo", "--", "sleep", "1"];
    refused("", &glibc, &["keeps glibc's malloc", "leave --heap out"]);
    let unsampled = [
        "--where",
        "--env",
        "MALLOC_CONF=prof:false",
        "--",
        "sleep",
        "1",
    ];
    refused("", &unsampled, &["MALLOC_CONF says prof:false"]);
    let doctor = lab.call(&["doctor"]);
    for line in [
        "classes of Java",
        "objects of Node.js",
        "lines of Python",
        "profiles of Go",
    ] {
        assert!(doctor.stdout.contains(line), "{}", doctor.stdout);
    }
}

#[test]
fn a_run_whose_stacks_could_not_be_sampled_says_why() {
    let lab = Lab::new();
    let arguments = [
        "--where",
        "--heap",
        "pipe",
        "--duration",
        "2s",
        "--allow-idle",
    ];
    let arguments: Vec<&str> = std::iter::once("run").chain(arguments).collect();
    let called = lab.call(&[&arguments[..], &["--", "sleep", "1000"]].concat());
    let part = "no stack was sampled: nothing was preloaded";
    assert!(called.stdout.contains(part), "{}", called.stdout);
    // It had --where: another one is no way out.
    let asked = lab.call(&["where"]).expect_code(2);
    assert!(asked.stderr.contains(part), "{}", asked.stderr);
    assert!(
        !asked.stderr.contains("run --where takes them"),
        "{}",
        asked.stderr
    );
}

#[test]
fn runs_with_classes_are_not_told_to_run_with_where() {
    let lab = Lab::new();
    let counted = || {
        let called = lab.call(&[
            "run",
            "--duration",
            "2s",
            "--allow-idle",
            "--snapshot",
            "x=csv:echo kept,{k},{k}0000",
            "--",
            "sleep",
            "1000",
        ]);
        let run = called.run.expect("a run");
        run.folder.display().to_string()
    };
    let (before, after) = (counted(), counted());
    let folded = ["where", &after, "--folded", "growth.folded"];
    let compared = ["compare", &before, &after, "--where", "--no-chart"];
    for arguments in [&folded[..], &compared] {
        let asked = lab.call(arguments).expect_code(2);
        assert!(asked.stderr.contains("has classes"), "{}", asked.stderr);
        assert!(
            !asked.stderr.contains("run --where takes them"),
            "{}",
            asked.stderr
        );
    }
}
