//! `{name}` in the commands of a scenario's file.

use crate::config::Value;
use crate::text::nearest;
use std::collections::BTreeMap;
use std::time::Duration;

/// What stands for `{name}` in commands and variables of a scenario's file.
pub struct Placeholders<'a> {
    /// Parameters of the scenario.
    pub parameters: &'a BTreeMap<String, Value>,
    /// Operations per second, if there is a pace.
    pub rate: Option<f64>,
    /// Operations that end the load, if a count does.
    pub operations: Option<u64>,
    /// Length of the load.
    pub load: Duration,
    /// Seed of everything random.
    pub seed: u64,
}

impl Placeholders<'_> {
    fn value(&self, name: &str) -> Option<String> {
        if let Some(value) = self.parameters.get(name) {
            return Some(value.text());
        }
        match name {
            "rate" => self.rate.map(|rate| rate.to_string()),
            "operations" => self.operations.map(|operations| operations.to_string()),
            "duration" => Some(self.load.as_secs_f64().to_string()),
            "seed" => Some(self.seed.to_string()),
            _ => None,
        }
    }

    /// The text with every `{name}` that is known filled in. Other braces stay (awk, JSON), but
    /// not a name that is nearly one.
    ///
    /// # Errors
    ///
    /// Words on a name that has no value, or is nearly one that has.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            filled.push_str(&rest[..start]);
            let inside = &rest[start + 1..];
            let end = inside
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
                .filter(|end| inside[*end..].starts_with('}') && *end > 0);
            let Some(name) = end.map(|end| &inside[..end]) else {
                filled.push('{');
                rest = inside;
                continue;
            };
            match self.value(name) {
                Some(value) => filled.push_str(&value),
                None if ["rate", "operations"].contains(&name) => {
                    return Err(format!(
                        "`{{{name}}}` has no value: give --{name}, or set it"
                    ));
                }
                None => {
                    let known = self.parameters.keys().map(String::as_str);
                    if let Some(near) = nearest(name, known).filter(|_| name.len() > 2) {
                        return Err(format!(
                            "there is no parameter `{name}` (did you mean `{near}`?)"
                        ));
                    }
                    filled.push_str(&format!("{{{name}}}"));
                }
            }
            rest = &inside[name.len() + 1..];
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Refuses words with a `{name}` that is nearly one of `known`, and none of them. Other braces
/// stay: they are awk's, the shell's or JSON's.
///
/// # Errors
///
/// Names it, and those that there are.
pub fn refuse_misspelt(words: &[String], known: &[&str]) -> Result<(), String> {
    let misspelt = words.iter().find_map(|word| {
        // `${name}` is the shell's.
        let parts = word.split('{').collect::<Vec<_>>();
        let after = parts.windows(2).filter(|pair| !pair[0].ends_with('$'));
        let mut names = after.filter_map(|pair| Some(pair[1].split_once('}')?.0));
        names.find(|name| {
            let is_word = name.len() > 1 && name.chars().all(|c| c.is_ascii_alphanumeric());
            let is_near = || nearest(name, known.iter().copied()).is_some();
            is_word && !known.contains(name) && is_near()
        })
    });
    let Some(name) = misspelt else {
        return Ok(());
    };
    let there_are: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
    Err(format!(
        "`{{{name}}}` stands for nothing: there are {}",
        there_are.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_placeholders_are_refused_and_other_braces_are_not() {
        let refused = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            refuse_misspelt(&words, &["pid", "k", "out"])
        };
        for line in ["jcmd {pod} GC", "dump --to={oout}", "x {pid}{pdi}"] {
            let error = refused(line).expect_err(line);
            assert!(error.contains("there are {pid}, {k}, {out}"), "{error}");
        }
        for line in [
            "jcmd {pid} GC {k} {out}",
            "awk {print $1}",
            "awk {print}",
            "echo ${pod} {a,b} {} {x}",
        ] {
            assert_eq!(refused(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let parameters = BTreeMap::from([
            ("sessions".to_owned(), Value::Number(100.0)),
            ("payload".to_owned(), Value::Bytes(1024, "1KiB".to_owned())),
        ]);
        let words = Placeholders {
            parameters: &parameters,
            rate: None,
            operations: Some(7),
            load: Duration::from_secs(2),
            seed: 3,
        };
        for (text, expected) in [
            ("--n={sessions}", "--n=100"),
            ("{payload}/{operations}/{duration}/{seed}", "1024/7/2/3"),
            ("{print $1} {} {\"a\": 1}", "{print $1} {} {\"a\": 1}"),
            ("{{sessions}", "{100"),
            ("{x}", "{x}"),
        ] {
            assert_eq!(words.fill(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, part) in [
            ("{sesions}", "did you mean `sessions`?"),
            ("{rate}", "--rate"),
        ] {
            let error = words.fill(text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }
}
