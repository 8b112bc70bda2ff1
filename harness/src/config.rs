//! `leaklab.toml`: profiles, budgets and settings per scenario.
//!
//! ```toml
//! [budget]
//! default = "0.5%/h"          # for everything that has none of its own
//!
//! [[scenario]]                # as flags, for one scenario
//! name = "alts-timeout"
//! budget = "64B/op"
//! set = { payload = "64KiB" }
//!
//! [profile.nightly]           # as flags, with --profile nightly
//! duration = "8h"
//! interval = "1s"
//! ```
//!
//! A flag wins over its variable, that over the scenario's entry, that over the profile.

use crate::exit::usage;
use crate::text::nearest;
use crate::time::parse_duration;
use leaklab_judge::Budget;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Name of the file that is read when none is named.
pub const FILE_NAME: &str = "leaklab.toml";

/// The file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Budgets.
    pub budget: Budgets,
    /// Settings of scenarios.
    pub scenario: Vec<ScenarioEntry>,
    /// Settings by the name of a profile.
    pub profile: BTreeMap<String, Profile>,
}

/// `[budget]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// For everything that has none of its own; scenarios have one.
    pub default: Option<String>,
}

/// `[[scenario]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScenarioEntry {
    /// The scenario.
    pub name: String,
    /// Its parameters.
    pub set: BTreeMap<String, toml::Value>,
    /// Its budget.
    pub budget: Option<String>,
    /// Length of its load.
    #[serde(deserialize_with = "duration")]
    pub duration: Option<Duration>,
    /// Length of its warm-up.
    #[serde(deserialize_with = "duration")]
    pub warmup: Option<Duration>,
    /// Length of its drain.
    #[serde(deserialize_with = "duration")]
    pub drain: Option<Duration>,
    /// Time between its samples.
    #[serde(deserialize_with = "duration")]
    pub interval: Option<Duration>,
    /// Its operations per second.
    pub rate: Option<f64>,
    /// Operations after which its load ends.
    pub operations: Option<u64>,
}

/// `[profile.NAME]`: flags of `run` by their names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Profile {
    /// `--duration`.
    #[serde(deserialize_with = "duration")]
    pub duration: Option<Duration>,
    /// `--warmup`.
    #[serde(deserialize_with = "duration")]
    pub warmup: Option<Duration>,
    /// `--drain`.
    #[serde(deserialize_with = "duration")]
    pub drain: Option<Duration>,
    /// `--interval`.
    #[serde(deserialize_with = "duration")]
    pub interval: Option<Duration>,
    /// `--grace`.
    #[serde(deserialize_with = "duration")]
    pub grace: Option<Duration>,
    /// `--rate`.
    pub rate: Option<f64>,
    /// `--operations`.
    pub operations: Option<u64>,
    /// `--repeat`.
    pub repeat: Option<u64>,
    /// `--jobs`.
    pub jobs: Option<u64>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--memory-limit`.
    #[serde(deserialize_with = "size")]
    pub memory_limit: Option<u64>,
    /// `--budget`.
    pub budget: Option<String>,
}

impl Config {
    /// Reads `path`, or [`FILE_NAME`] in the working directory if there is one.
    ///
    /// # Errors
    ///
    /// A usage error if the file is missing, is not TOML, has a key that is not known (the
    /// nearest is named) or a budget that cannot be read.
    pub fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let named = path.unwrap_or(FILE_NAME.as_ref());
        let text = match std::fs::read_to_string(named) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Config::default());
            }
            Err(error) => {
                return Err(usage(format!("cannot read `{}`: {error}", named.display())));
            }
        };
        Self::parse(&text).map_err(|error| usage(format!("`{}`: {error}", named.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Config = toml::from_str(text).map_err(|error| {
            let message = error.to_string();
            format!("{}{}", message.trim_end(), hint(error.message()))
        })?;
        let budgets = config
            .scenario
            .iter()
            .filter_map(|entry| entry.budget.as_ref());
        let budgets = budgets
            .chain(config.profile.values().filter_map(|p| p.budget.as_ref()))
            .chain(&config.budget.default);
        for budget in budgets {
            budget
                .parse::<Budget>()
                .map_err(|error| error.to_string())?;
        }
        Ok(config)
    }

    /// The profile of that name.
    ///
    /// # Errors
    ///
    /// A usage error that names the profiles there are.
    pub fn profile(&self, name: &str) -> anyhow::Result<Profile> {
        self.profile.get(name).cloned().ok_or_else(|| {
            let names: Vec<_> = self.profile.keys().map(|k| format!("`{k}`")).collect();
            let known = match names.is_empty() {
                true => format!("`{FILE_NAME}` has none"),
                false => format!("there are {}", names.join(", ")),
            };
            usage(format!("there is no profile `{name}`: {known}"))
        })
    }
}

impl ScenarioEntry {
    /// Its parameters as `key=value`.
    pub fn settings(&self) -> impl Iterator<Item = String> + '_ {
        self.set.iter().map(|(name, value)| match value {
            toml::Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
    }
}

/// The nearest known key, taken out of the words of an error about an unknown one.
fn hint(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let near = match quoted.next() {
        Some(unknown) if message.starts_with("unknown field") => nearest(unknown, quoted),
        _ => None,
    };
    near.map_or(String::new(), |near| {
        format!("\n(hint: did you mean `{near}`?)")
    })
}

fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(input)?;
    parse_duration(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

fn size<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(input)?;
    leaklab_judge::amount::parse_size(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_everything_is_read() {
        let config = Config::parse(
            r#"
            [budget]
            default = "0.5%/h"
            [[scenario]]
            name = "alts-timeout"
            budget = "64B/op"
            set = { payload = "64KiB", spread = 3 }
            [profile.nightly]
            duration = "8h"
            memory-limit = "2GiB"
            "#,
        )
        .expect("a valid file");
        let settings: Vec<_> = config.scenario[0].settings().collect();
        assert_eq!(settings, ["payload=64KiB", "spread=3"]);
        let nightly = config.profile("nightly").expect("it is there");
        assert_eq!(nightly.duration, Some(Duration::from_secs(8 * 3600)));
        assert_eq!(nightly.memory_limit, Some(2 << 30));
    }

    #[test]
    fn mistakes_are_answered_with_what_is_known() {
        let message = |text: &str| Config::parse(text).expect_err("a mistake");
        assert!(message("[profile.x]\nduratoin = \"1h\"").contains("did you mean `duration`?"));
        assert!(message("[bugdet]").contains("did you mean `budget`?"));
        assert!(message("[profile.x]\nduration = \"soon\"").contains("write 500ms, 20s"));
        assert!(message("[budget]\ndefault = \"lots\"").contains("does not say per what"));
        let error = Config::default().profile("nightly").expect_err("none");
        assert!(error.to_string().contains("`leaklab.toml` has none"));
    }
}
