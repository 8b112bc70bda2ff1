//! The files of a case that is to be written.

use crate::exit::{Exit, usage};
use crate::reported;
use crate::words::say;
use anyhow::Context;
use std::path::Path;
use std::process::Command;

/// Begin a case: pins of both versions, a scenario file and a program to be filled in.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab field new ujson-bigint --pypi ujson --buggy 5.11.0 --fixed 5.12.0
  leaklab field new cancel --crate tokio-util --buggy 0.6.9 --fixed 0.6.10

Writes to the working directory and asks the registry for hashes. What to do then is said at the end.")]
pub struct Arguments {
    /// What the case is called: letters, digits and `-`.
    #[arg(value_parser = parse_name)]
    name: String,
    #[command(flatten)]
    package: Package,
    /// The last version with the leak.
    #[arg(long, value_name = "VERSION")]
    buggy: String,
    /// The first version without.
    #[arg(long, value_name = "VERSION")]
    fixed: String,
    /// The Python that both versions have builds for.
    #[arg(
        long,
        value_name = "VERSION",
        default_value = "3.11",
        requires = "pypi"
    )]
    python: String,
}

/// The package, by its ecosystem.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Package {
    /// A package of PyPI.
    #[arg(long, value_name = "PACKAGE")]
    pypi: Option<String>,
    /// A package of npm.
    #[arg(long, value_name = "PACKAGE")]
    npm: Option<String>,
    /// A crate of crates.io.
    #[arg(long = "crate", value_name = "CRATE")]
    of_crates: Option<String>,
    /// A Go module.
    #[arg(long, value_name = "MODULE")]
    go: Option<String>,
    /// GROUP:ARTIFACT of Maven Central.
    #[arg(long, value_name = "ARTIFACT")]
    maven: Option<String>,
}

/// Words of `pin` for a version.
type PinWords<'a> = Box<dyn Fn(&str) -> Vec<String> + 'a>;

/// What is written for an ecosystem.
struct Ecosystem<'a> {
    package: &'a str,
    name: &'static str,
    program: &'static str,
    skeleton: &'static str,
    requires: &'static str,
    pin: PinWords<'a>,
    /// The command of a side.
    command: &'static str,
}

impl Arguments {
    fn ecosystem(&self) -> Ecosystem<'_> {
        let words = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let Package {
            pypi,
            npm,
            of_crates,
            go,
            maven,
        } = &self.package;
        if let Some(package) = pypi {
            return Ecosystem {
                package,
                name: "PyPI",
                program: "program.py",
                skeleton: include_str!("skeleton/program.py"),
                requires: "\"bash\", \"python3\"",
                pin: Box::new(move |version| {
                    words(&["pypi", &self.python, &format!("{package}=={version}")])
                }),
                command: "[\"installed/NAME/SIDE/bin/python\", \"installed/NAME/SIDE/program.py\"]",
            };
        }
        if let Some(package) = npm {
            return Ecosystem {
                package,
                name: "npm",
                program: "program.js",
                skeleton: include_str!("skeleton/program.js"),
                requires: "\"bash\", \"node\", \"npm\"",
                pin: Box::new(move |version| words(&["npm", &format!("{package}@{version}")])),
                command: "[\"node\", \"--expose-gc\", \"installed/NAME/SIDE/program.js\"]",
            };
        }
        if let Some(package) = of_crates {
            return Ecosystem {
                package,
                name: "crates.io",
                program: "main.rs",
                skeleton: include_str!("skeleton/main.rs"),
                requires: "\"bash\", \"cargo\"",
                pin: Box::new(move |version| words(&["cargo", &format!("{package}={version}")])),
                command: "[\"installed/NAME/SIDE/program\"]",
            };
        }
        if let Some(package) = go {
            return Ecosystem {
                package,
                name: "Go",
                program: "main.go",
                skeleton: include_str!("skeleton/main.go"),
                requires: "\"bash\", \"go\"",
                pin: Box::new(move |version| {
                    words(&["go", "1.21", &format!("{package}@{version}")])
                }),
                command: "[\"installed/NAME/SIDE/program\"]",
            };
        }
        let package = maven.as_deref().unwrap_or_default();
        Ecosystem {
            package,
            name: "Maven",
            program: "Main.java",
            skeleton: include_str!("skeleton/Main.java"),
            requires: "\"bash\", \"javac\", \"mvn\"",
            pin: Box::new(move |version| words(&["maven", &format!("{package}:{version}")])),
            command: "[\"java\", \"-Xmx512m\", \"-XX:+UseSerialGC\", \"-cp\", \
                      \"installed/NAME/SIDE/classes:installed/NAME/SIDE/lib/*\", \"Main\"]",
        }
    }

    fn scenario_file(&self, ecosystem: &Ecosystem<'_>) -> String {
        let environment = match ecosystem.name {
            "PyPI" => "environment = { PYTHONMALLOC = \"malloc\", MALLOC_ARENA_MAX = \"1\" }\n",
            _ => "",
        };
        let command = |side: &str| {
            ecosystem
                .command
                .replace("NAME", &self.name)
                .replace("SIDE", side)
        };
        include_str!("skeleton/scenario.toml")
            .replace("NAME", &self.name)
            .replace("REQUIRES", ecosystem.requires)
            .replace("ENVIRONMENT\n", environment)
            .replace("PACKAGE", ecosystem.package)
            .replace("ECOSYSTEM", ecosystem.name)
            .replace("BUGGY_COMMAND", &command("buggy"))
            .replace("FIXED_COMMAND", &command("fixed"))
            .replace("BUGGY", &self.buggy)
            .replace("FIXED", &self.fixed)
    }
}

/// Writes the files, and pins both versions.
///
/// # Errors
///
/// A usage error if the case is there already; otherwise what cannot be written, or what the
/// registry said.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let name = &arguments.name;
    let file = format!("{name}{}", crate::config::SCENARIO_SUFFIX);
    if Path::new(&file).exists() || Path::new(name).exists() {
        return Err(usage(format!(
            "`{file}` or the folder `{name}` is there already\n(hint: choose another name)"
        )));
    }
    let ecosystem = arguments.ecosystem();
    bring_tools()?;
    let write = |path: &str, text: &str| {
        std::fs::write(path, text).with_context(|| format!("cannot write `{path}`"))
    };
    std::fs::create_dir(name).with_context(|| format!("cannot create `{name}`"))?;
    write(&format!("{name}/{}", ecosystem.program), ecosystem.skeleton)?;
    write(&file, &arguments.scenario_file(&ecosystem))?;
    for (side, version) in [("buggy", &arguments.buggy), ("fixed", &arguments.fixed)] {
        if let Err(error) = pin(name, side, version, &ecosystem) {
            // Half a case would keep the name taken. What stays are the tools that cases share.
            let _ = std::fs::remove_dir_all(name);
            let _ = std::fs::remove_file(&file);
            return Err(error);
        }
    }
    say!(
        "wrote `{file}` and `{name}/`\n\
         1. make `{name}/{program}` do what the report says, once per call, and fill in what \
         `{file}` leaves open\n\
         2. leaklab field {name}          and write down what was measured\n\
         3. leaklab field check {name}",
        program = ecosystem.program
    );
    Ok(Exit::Good)
}

/// Asks the registry for a version, and writes what it is pinned by.
fn pin(name: &str, side: &str, version: &str, ecosystem: &Ecosystem<'_>) -> anyhow::Result<()> {
    let Ecosystem {
        name: registry,
        package,
        ..
    } = ecosystem;
    say!("asking {registry} for {package} {version}");
    let words = (ecosystem.pin)(version);
    let status = Command::new("./pin")
        .args([name, side])
        .args(&words)
        .status();
    let status = status.context("cannot start `./pin`\n(hint: it needs Python 3)")?;
    anyhow::ensure!(
        status.success(),
        "the {side} side is not pinned, and nothing of `{name}` is kept: ./pin {name} {side} {} \
         ({status})\n(hint: the registry's own words stand above)",
        words.join(" ")
    );
    Ok(())
}

/// What cases share, copied to the working directory where it is not there yet.
fn bring_tools() -> anyhow::Result<()> {
    let from = reported::unpack()?.join("field");
    std::fs::create_dir_all("probe").context("cannot create `probe`")?;
    let probes = std::fs::read_dir(from.join("probe"))
        .into_iter()
        .flatten()
        .flatten();
    let probes = probes.map(|entry| Path::new("probe").join(entry.file_name()));
    for tool in probes.chain(["install".into(), "pin".into()]) {
        if !tool.exists() {
            std::fs::copy(from.join(&tool), &tool)
                .with_context(|| format!("cannot write `{}`", tool.display()))?;
        }
    }
    Ok(())
}

/// Names become folders.
fn parse_name(text: &str) -> Result<String, String> {
    let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match is_name && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err("a name is letters, digits and `-`".to_owned()),
    }
}
