//! Scenarios of one's own: `[[scenario]]` with variants.

use super::folder_of;
use super::keys::{Keys, Problem};
use crate::plan::{CellSettings, Formula, parse_expected};
use crate::time::parse_duration;
use leaklab_judge::amount::parse_size;
use leaklab_scenarios::{Expected, Role};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names beside the parameters that formulas and commands may use.
pub const RUN_NAMES: [&str; 3] = ["rate", "duration", "operations"];

/// A scenario that a file defines.
#[derive(Debug, Clone, Default)]
pub struct OwnScenario {
    /// Its name; may hold one `/`.
    pub name: String,
    /// Title of the report that it reproduces; may be empty.
    pub title: String,
    /// Where that can be looked up; may be empty.
    pub source: String,
    /// One line on the mechanism.
    pub summary: String,
    /// Paragraphs: what keeps what alive, what releases it, what the fix changes.
    pub explanation: String,
    /// What one operation is.
    pub operation: String,
    /// The file.
    pub file: PathBuf,
    /// Its folder, in which builds and programs run.
    pub folder: PathBuf,
    /// Commands that must succeed before the first run.
    pub build: Vec<Vec<String>>,
    /// A command that says which version of the runtime this is.
    pub version: Vec<String>,
    /// Programs that must be there, or commands that must succeed.
    pub requires: Vec<String>,
    /// Its parameters with their defaults.
    pub parameters: BTreeMap<String, Value>,
    /// Settings of all its variants.
    pub settings: CellSettings,
    /// What is known of the leak that it reproduces, if it was published.
    pub published: Option<Published>,
    /// Its variants, in the order of the file.
    pub variants: Vec<OwnVariant>,
}

/// What is known of a published leak: `[scenario.published]`. Told, never run.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// The package.
    pub package: String,
    /// Its ecosystem, by the name that advisories use: PyPI, npm, crates.io, Go, Maven.
    pub ecosystem: String,
    /// A version with the leak.
    pub buggy: String,
    /// The first version without.
    pub fixed: String,
    /// The advisory; may be empty.
    pub advisory: String,
    /// Who is affected.
    pub affected: String,
    /// The lint or tool that would have found it.
    pub found_by: String,
}

/// One form of a scenario that a file defines.
#[derive(Debug, Clone)]
pub struct OwnVariant {
    /// Its name.
    pub name: String,
    /// One line on what it does.
    pub summary: String,
    /// What it stands for.
    pub role: Role,
    /// What it must get, as the file says it; `None` leaves it to the formula and the role.
    pub expected: Option<Expected>,
    /// Bytes that one operation must retain.
    pub bytes_per_operation: Option<Formula>,
    /// Blocks that one operation must retain.
    pub blocks_per_operation: Option<Formula>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Settings beside the scenario's.
    pub settings: CellSettings,
}

/// The value of a parameter; its kind is that of the default.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A size in bytes, and how it was written.
    Bytes(u64, String),
    /// A time in seconds, and how it was written.
    Seconds(f64, String),
    /// Anything else.
    Word(String),
}

impl Value {
    /// A default's value: what it looks like is what it is.
    pub fn guess(text: &str) -> Self {
        if let Ok(number) = text.parse::<f64>()
            && number.is_finite()
        {
            return Value::Number(number);
        }
        // `5m` is a time.
        if let Ok(duration) = parse_duration(text) {
            return Value::Seconds(duration.as_secs_f64(), text.to_owned());
        }
        match parse_size(text) {
            Ok(bytes) => Value::Bytes(bytes, text.to_owned()),
            Err(_) => Value::Word(text.to_owned()),
        }
    }

    /// A value of the same kind as this one.
    ///
    /// # Errors
    ///
    /// What this kind takes.
    pub fn of_same_kind(&self, text: &str) -> Result<Self, String> {
        match self {
            Value::Number(_) => text
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Value::Number)
                .ok_or_else(|| format!("takes a number, not `{text}`")),
            Value::Bytes(..) => parse_size(text)
                .map(|bytes| Value::Bytes(bytes, text.to_owned()))
                .map_err(|_| format!("takes a size like 64KiB, not `{text}`")),
            Value::Seconds(..) => {
                parse_duration(text).map(|time| Value::Seconds(time.as_secs_f64(), text.to_owned()))
            }
            Value::Word(_) => Ok(Value::Word(text.to_owned())),
        }
    }

    /// What stands in a formula for it.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) | Value::Seconds(number, _) => Some(*number),
            Value::Bytes(bytes, _) => Some(*bytes as f64),
            Value::Word(_) => None,
        }
    }

    /// What stands in a command for it: sizes in bytes, everything else as it was written.
    pub fn text(&self) -> String {
        match self {
            Value::Number(number) => number.to_string(),
            Value::Bytes(bytes, _) => bytes.to_string(),
            Value::Seconds(_, text) | Value::Word(text) => text.clone(),
        }
    }

    /// As people wrote it.
    pub fn written(&self) -> String {
        match self {
            Value::Bytes(_, text) => text.clone(),
            other => other.text(),
        }
    }
}

impl OwnScenario {
    /// Takes a `[[scenario]]` with variants.
    ///
    /// # Errors
    ///
    /// The first thing that is missing or cannot be read, with its line.
    pub fn take(name: String, mut entry: Keys<'_>, file: &Path) -> Result<Self, Problem> {
        check_name(&name, 1).map_err(|message| entry.lacks(&message))?;
        let parameters: BTreeMap<String, Value> = entry
            .texts("parameters")?
            .into_iter()
            .map(|(name, text)| {
                let value = Value::guess(&text);
                (name, value)
            })
            .collect();
        for parameter in parameters.keys() {
            if RUN_NAMES.contains(&parameter.as_str()) {
                return Err(entry.lacks(&format!(
                    "`{parameter}` is not a name for a parameter: it is the run's own"
                )));
            }
        }
        let variants = entry.tables("variant")?;
        let settings = CellSettings::take(&mut entry)?;
        let mut text = |key| entry.text(key).map(Option::unwrap_or_default);
        let mut scenario = OwnScenario {
            title: text("title")?,
            source: text("source")?,
            summary: text("summary")?,
            explanation: text("explanation")?,
            operation: text("operation")?,
            file: file.to_owned(),
            folder: folder_of(file).to_owned(),
            build: entry.commands("build")?.unwrap_or_default(),
            version: entry.command("version")?.unwrap_or_default(),
            requires: entry.list("requires")?.unwrap_or_default(),
            parameters,
            settings,
            published: entry.table("published")?.map(Published::take).transpose()?,
            variants: Vec::new(),
            name,
        };
        let blocks = entry.text("blocks-per-operation")?;
        let shared = blocks.map(|text| scenario.formula("blocks-per-operation", &text));
        let shared = shared
            .transpose()
            .map_err(|message| entry.lacks(&message))?;
        entry.finish()?;
        for variant in variants {
            let mut variant = OwnVariant::take(variant, &scenario)?;
            variant.blocks_per_operation = variant.blocks_per_operation.or(shared.clone());
            if scenario.variants.iter().any(|v| v.name == variant.name) {
                return Err(format!(
                    "scenario `{}` has two variants `{}`",
                    scenario.name, variant.name
                ));
            }
            scenario.variants.push(variant);
        }
        Ok(scenario)
    }

    /// Names that a formula may use.
    fn names(&self) -> Vec<&str> {
        let own = self.parameters.iter();
        let numbers = own.filter(|(_, value)| value.number().is_some());
        let names = numbers.map(|(name, _)| name.as_str());
        names.chain(RUN_NAMES).collect()
    }

    fn formula(&self, key: &str, text: &str) -> Result<Formula, String> {
        Formula::parse(text, &self.names()).map_err(|message| format!("`{key}`: {message}"))
    }

    /// The defaults, changed by `key=value` settings; the last of a key wins.
    ///
    /// # Errors
    ///
    /// The first setting that is refused, with the nearest name.
    pub fn parameters_with(&self, settings: &[String]) -> Result<BTreeMap<String, Value>, String> {
        let mut values = self.parameters.clone();
        for setting in settings {
            let (name, given) = setting
                .split_once('=')
                .ok_or_else(|| format!("`{setting}` is not of the form key=value"))?;
            let (name, given) = (name.trim(), given.trim());
            let Some(default) = self.parameters.get(name) else {
                let known = || self.parameters.keys().map(String::as_str);
                let hint = match crate::text::nearest(name, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if self.parameters.is_empty() => "it has none".to_owned(),
                    None => format!("it has {}", known().collect::<Vec<_>>().join(", ")),
                };
                return Err(format!(
                    "`{}` has no parameter `{name}`\n(hint: {hint})",
                    self.name
                ));
            };
            let value = default.of_same_kind(given);
            let value = value.map_err(|message| format!("`{name}` {message}"))?;
            values.insert(name.to_owned(), value);
        }
        Ok(values)
    }
}

impl Published {
    fn take(mut keys: Keys<'_>) -> Result<Self, Problem> {
        keys.call("`[scenario.published]`".to_owned());
        let mut needed = |key: &'static str| {
            let text = keys.text(key)?;
            text.ok_or_else(|| keys.lacks(&format!("has no `{key}`")))
        };
        let published = Published {
            package: needed("package")?,
            ecosystem: needed("ecosystem")?,
            buggy: needed("buggy")?,
            fixed: needed("fixed")?,
            affected: needed("affected")?,
            found_by: needed("found-by")?,
            advisory: keys.text("advisory")?.unwrap_or_default(),
        };
        keys.finish()?;
        Ok(published)
    }
}

impl OwnVariant {
    fn take(mut keys: Keys<'_>, scenario: &OwnScenario) -> Result<Self, Problem> {
        let name = keys
            .text("name")?
            .ok_or_else(|| keys.lacks(&format!("of `{}` has no `name`", scenario.name)))?;
        keys.call(format!("`{}::{name}`", scenario.name));
        check_name(&name, 0).map_err(|message| keys.lacks(&message))?;
        let role = keys
            .parsed("role", parse_role)?
            .ok_or_else(|| keys.lacks("has no `role`: buggy, partial, fixed or control"))?;
        let formula = |key: &'static str, keys: &mut Keys<'_>| {
            let text = keys.text(key)?;
            let formula = text.map(|text| scenario.formula(key, &text)).transpose();
            formula.map_err(|message| keys.lacks(&message))
        };
        let variant = OwnVariant {
            summary: keys.text("summary")?.unwrap_or_default(),
            role,
            expected: keys.parsed("expected", parse_expected)?,
            bytes_per_operation: formula("bytes-per-operation", &mut keys)?,
            blocks_per_operation: formula("blocks-per-operation", &mut keys)?,
            command: keys
                .command("command")?
                .ok_or_else(|| keys.lacks("has no `command`: [\"program\", \"argument\"]"))?,
            settings: CellSettings::take(&mut keys)?,
            name,
        };
        keys.finish()?;
        Ok(variant)
    }
}

fn parse_role(text: &str) -> Result<Role, String> {
    [Role::Buggy, Role::Partial, Role::Fixed, Role::Control]
        .into_iter()
        .find(|role| role.name() == text)
        .ok_or_else(|| format!("`{text}` is none of buggy, partial, fixed and control"))
}

/// Names become parts of addresses and of folders.
fn check_name(name: &str, slashes: usize) -> Result<(), String> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_word = |part: &str| {
        let mut characters = part.chars();
        let begins = characters.next().is_some_and(|c| c.is_ascii_alphanumeric());
        begins && characters.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    match parts.len() <= slashes + 1 && parts.iter().all(|part| is_word(part)) {
        true => Ok(()),
        false if slashes == 0 => Err("names are letters, digits, `-` and `_`".to_owned()),
        false => Err("names are letters, digits, `-` and `_`, with one `/` at most".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<OwnScenario, String> {
        let mut config = super::super::Config::default();
        config.add(text, Path::new("folder/x.scenario.toml"))?;
        Ok(config.scenarios.remove(0))
    }

    const HEAD: &str = "[[scenario]]\nname = \"mine/table\"\n";

    #[test]
    fn parameters_keep_the_kind_of_their_default() {
        let text = format!(
            "{HEAD}[scenario.parameters]\nsessions = 100\npayload = \"64KiB\"\nttl = \"2s\"\n\
             mode = \"fast\"\n[[scenario.variant]]\nname = \"kept\"\nrole = \"buggy\"\n\
             bytes-per-operation = \"payload + sessions\"\ncommand = \"./x '{{payload}} a'\"\n"
        );
        let scenario = take(&text).expect("a valid scenario");
        assert_eq!(scenario.folder, Path::new("folder"));
        assert_eq!(scenario.variants[0].command, ["./x", "{payload} a"]);
        let values = scenario
            .parameters_with(&["payload=1MiB".to_owned(), "ttl=1m".to_owned()])
            .expect("values of their kinds");
        assert_eq!(values["payload"].text(), "1048576");
        assert_eq!(values["ttl"].number(), Some(60.0));
        for (setting, part) in [
            ("sessions=many", "`sessions` takes a number"),
            ("payload=big", "`payload` takes a size"),
            ("sesions=1", "did you mean `sessions`?"),
            ("x", "key=value"),
        ] {
            let error = scenario.parameters_with(&[setting.to_owned()]);
            let error = error.expect_err(setting);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_a_scenario_lacks_is_said() {
        let variant = "[[scenario.variant]]\nname = \"kept\"\n";
        for (text, part) in [
            (
                format!("{HEAD}{variant}"),
                "`mine/table::kept`: has no `role`",
            ),
            (
                format!("{HEAD}{variant}role = \"buggy\"\n"),
                "has no `command`",
            ),
            (
                format!("{HEAD}{variant}role = \"bugy\"\n"),
                "line 5: `role` of `mine/table::kept`",
            ),
            (
                format!("{HEAD}{variant}role = \"fixed\"\ncommand = []\n"),
                "takes a command",
            ),
            (
                format!(
                    "{HEAD}{variant}role = \"fixed\"\ncommand = \"x\"\n\
                     bytes-per-operation = \"8 * n\"\n"
                ),
                "there is no parameter `n`",
            ),
            (
                "[[scenario]]\nname = \"shape\"\n[[scenario.variant]]\n".to_owned(),
                "is a scenario of the catalogue",
            ),
            (
                format!("[[scenario]]\nname = \"a/b/c\"\n{variant}"),
                "with one `/` at most",
            ),
            (
                format!("{HEAD}sumary = \"x\"\n{variant}"),
                "did you mean `summary`?",
            ),
        ] {
            let error = take(&text).expect_err(&text);
            assert!(error.contains(part), "{text}\n{error}");
        }
    }
}
