//! A scenario's own parameters: declared with range and default, validated before a run.

use leaklab_judge::amount::{parse_duration, parse_size};
use leaklab_judge::nearest;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// One parameter that `--set name=value` may change.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Name in kebab-case.
    pub name: &'static str,
    /// One line: what it changes.
    pub help: &'static str,
    /// What values it takes.
    pub kind: ParameterKind,
}

/// Type, range and default of a parameter.
#[derive(Debug, Clone, Copy)]
pub enum ParameterKind {
    /// A size; input takes `64KiB`, `1MB` or plain bytes.
    Bytes {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
        /// Value when it is not set.
        default: u64,
    },
    /// A number of things.
    Count {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
        /// Value when it is not set.
        default: u64,
    },
    /// A time; input takes `500ms`, `2s`, `5m`, `1h`.
    Milliseconds {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
        /// Value when it is not set.
        default: u64,
    },
    /// One word of several.
    Choice {
        /// The words; the first is the default.
        options: &'static [&'static str],
    },
}

/// A value that passed validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Bytes, a count or milliseconds, as the parameter's kind says.
    Number(u64),
    /// One of the words of a choice.
    Word(&'static str),
}

/// Why a `name=value` was refused. Messages name what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// No `=` in it.
    #[error("`{0}` is not of the form key=value")]
    NotKeyValue(String),
    /// The scenario has no such parameter.
    #[error("`{scenario}` has no parameter `{name}`{}; it has {known}", .nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default())]
    Unknown {
        /// The scenario asked.
        scenario: &'static str,
        /// The name given.
        name: String,
        /// The nearest name that exists, if one is near.
        nearest: Option<&'static str>,
        /// All names, for the message.
        known: String,
    },
    /// Not a value of the parameter's type.
    #[error("`{name}` takes {expected}, not `{given}`")]
    Invalid {
        /// The parameter.
        name: &'static str,
        /// What it takes.
        expected: String,
        /// What was given.
        given: String,
    },
}

impl ParameterKind {
    /// The value when it is not set.
    pub fn default_value(&self) -> Value {
        match *self {
            ParameterKind::Bytes { default, .. }
            | ParameterKind::Count { default, .. }
            | ParameterKind::Milliseconds { default, .. } => Value::Number(default),
            ParameterKind::Choice { options } => Value::Word(options[0]),
        }
    }

    /// The default, as it would be written after `--set name=`.
    pub fn default_text(&self) -> String {
        self.text(self.default_value())
    }

    /// What values it takes, as a fragment for help and messages.
    pub fn range_text(&self) -> String {
        match *self {
            ParameterKind::Bytes { min, max, .. }
            | ParameterKind::Count { min, max, .. }
            | ParameterKind::Milliseconds { min, max, .. } => format!(
                "{} from {} to {}",
                self.noun(),
                self.text(Value::Number(min)),
                self.text(Value::Number(max))
            ),
            ParameterKind::Choice { options } => format!("one of {}", options.join(", ")),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            ParameterKind::Bytes { .. } => "a size",
            ParameterKind::Count { .. } => "a count",
            ParameterKind::Milliseconds { .. } => "a time",
            ParameterKind::Choice { .. } => "a word",
        }
    }

    /// A value of this kind in the form that is accepted as input.
    pub fn text(&self, value: Value) -> String {
        match (self, value) {
            (ParameterKind::Bytes { .. }, Value::Number(bytes)) => size_text(bytes),
            (ParameterKind::Milliseconds { .. }, Value::Number(ms)) => match ms {
                ms if ms % 1000 != 0 || ms == 0 => format!("{ms}ms"),
                ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
                ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
                ms => format!("{}s", ms / 1000),
            },
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Word(word)) => word.to_owned(),
        }
    }

    fn parse(&self, given: &str) -> Option<Value> {
        let within = |min: u64, max: u64, number: Option<u64>| {
            number
                .filter(|n| (min..=max).contains(n))
                .map(Value::Number)
        };
        match *self {
            ParameterKind::Bytes { min, max, .. } => within(min, max, parse_size(given).ok()),
            ParameterKind::Count { min, max, .. } => within(min, max, given.parse().ok()),
            ParameterKind::Milliseconds { min, max, .. } => {
                within(min, max, parse_milliseconds(given))
            }
            ParameterKind::Choice { options } => options
                .iter()
                .find(|option| **option == given)
                .map(|option| Value::Word(option)),
        }
    }
}

/// All parameters of a scenario, each with a valid value.
#[derive(Debug, Clone)]
pub struct Parameters {
    values: BTreeMap<&'static str, (ParameterKind, Value)>,
    rate: Option<f64>,
    load: Option<Duration>,
}

impl Parameters {
    /// The declared defaults.
    pub fn defaults(declared: &'static [Parameter]) -> Self {
        let values = declared
            .iter()
            .map(|p| (p.name, (p.kind, p.kind.default_value())))
            .collect();
        Parameters {
            values,
            rate: None,
            load: None,
        }
    }

    /// The same under a load of that pace and length, for formulas that depend on them.
    #[must_use]
    pub fn under(mut self, rate: Option<f64>, load: Option<Duration>) -> Self {
        (self.rate, self.load) = (rate, load);
        self
    }

    /// Operations per second; `None` where that is not known, or as fast as it goes.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Length of the load; `None` where that is not known, or a count ends it.
    pub fn load(&self) -> Option<Duration> {
        self.load
    }

    /// The defaults, changed by `key=value` settings; the last of a key wins.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for the first setting that is refused; `scenario` names the
    /// scenario in its message.
    pub fn parse<S: AsRef<str>>(
        scenario: &'static str,
        declared: &'static [Parameter],
        settings: &[S],
    ) -> Result<Self, ParameterError> {
        let mut parameters = Parameters::defaults(declared);
        for setting in settings {
            let setting = setting.as_ref();
            let (name, given) = setting
                .split_once('=')
                .ok_or_else(|| ParameterError::NotKeyValue(setting.to_owned()))?;
            let name = name.trim();
            let Some(parameter) = declared.iter().find(|p| p.name == name) else {
                return Err(unknown(scenario, declared, name));
            };
            let value =
                parameter
                    .kind
                    .parse(given.trim())
                    .ok_or_else(|| ParameterError::Invalid {
                        name: parameter.name,
                        expected: parameter.kind.range_text(),
                        given: given.trim().to_owned(),
                    })?;
            parameters
                .values
                .insert(parameter.name, (parameter.kind, value));
        }
        Ok(parameters)
    }

    /// A size in bytes.
    pub fn bytes(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    /// A count.
    pub fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    /// A time.
    pub fn duration(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name))
    }

    /// The word of a choice.
    ///
    /// # Panics
    ///
    /// If the scenario did not declare a choice of that name: a mistake in the scenario.
    pub fn choice(&self, name: &str) -> &'static str {
        match self.values.get(name) {
            Some((_, Value::Word(word))) => word,
            _ => panic!("the scenario declares no choice `{name}`"),
        }
    }

    /// Every parameter with its value in input form, in order of names.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.values
            .iter()
            .map(|(name, (kind, value))| (*name, kind.text(*value)))
    }

    fn number(&self, name: &str) -> u64 {
        match self.values.get(name) {
            Some((_, Value::Number(number))) => *number,
            _ => panic!("the scenario declares no number `{name}`"),
        }
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.texts().map(|(n, v)| format!("{n}={v}")).collect();
        f.write_str(&texts.join(" "))
    }
}

fn unknown(scenario: &'static str, declared: &'static [Parameter], name: &str) -> ParameterError {
    let nearest = nearest(name, declared.iter().map(|p| p.name));
    let names: Vec<_> = declared.iter().map(|p| format!("`{}`", p.name)).collect();
    ParameterError::Unknown {
        scenario,
        name: name.to_owned(),
        nearest,
        known: if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        },
    }
}

/// A size in the largest binary unit that shows it exactly.
pub fn size_text(bytes: u64) -> String {
    let exact = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        .into_iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match exact {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}"),
    }
}

fn parse_milliseconds(text: &str) -> Option<u64> {
    let milliseconds = parse_duration(text).ok()?.as_millis();
    u64::try_from(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &[Parameter] = &[
        Parameter {
            name: "payload",
            help: "",
            kind: ParameterKind::Bytes {
                min: 0,
                max: 1 << 30,
                default: 1 << 20,
            },
        },
        Parameter {
            name: "winner",
            help: "",
            kind: ParameterKind::Choice {
                options: &["timer", "ready"],
            },
        },
        Parameter {
            name: "timeout",
            help: "",
            kind: ParameterKind::Milliseconds {
                min: 1,
                max: 3_600_000,
                default: 60_000,
            },
        },
    ];

    fn parse(settings: &[&str]) -> Result<Parameters, ParameterError> {
        Parameters::parse("demo", DECLARED, settings)
    }

    #[test]
    fn a_setting_replaces_its_default_and_leaves_the_others() {
        let parameters = parse(&["payload=64KiB", "winner=ready"]).expect("valid settings");
        assert_eq!(
            parameters.to_string(),
            "payload=64KiB timeout=1m winner=ready"
        );
    }

    #[test]
    fn errors_name_what_would_be_accepted() {
        let message = |settings: &[&str]| parse(settings).expect_err("refused").to_string();
        assert_eq!(
            message(&["paylod=1"]),
            "`demo` has no parameter `paylod` (did you mean `payload`?); \
             it has `payload`, `winner`, `timeout`"
        );
        assert_eq!(
            message(&["winner=clock"]),
            "`winner` takes one of timer, ready, not `clock`"
        );
        assert_eq!(
            message(&["payload=2GiB"]),
            "`payload` takes a size from 0 to 1GiB, not `2GiB`"
        );
        assert_eq!(message(&["x"]), "`x` is not of the form key=value");
    }
}
