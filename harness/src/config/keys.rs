//! A table of a file, taken key by key: every message names the file's line and the key, and
//! what nobody asked for is an error with the nearest key that exists.

use crate::text::nearest;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Why a file cannot be used: one message for people.
pub type Problem = String;

type Item<'t> = Spanned<DeValue<'t>>;

/// The keys of one table that were not taken yet.
pub struct Keys<'t> {
    source: &'t str,
    /// What the table is, for messages; empty for the whole file.
    place: String,
    left: BTreeMap<String, (usize, Item<'t>)>,
    known: Vec<&'static str>,
}

impl<'t> Keys<'t> {
    /// The keys of a whole file.
    ///
    /// # Errors
    ///
    /// The parser's message, with line and excerpt.
    pub fn of_file(source: &'t str) -> Result<Self, Problem> {
        let table = DeTable::parse(source).map_err(|error| error.to_string())?;
        Ok(Self::of_table(source, String::new(), table.into_inner()))
    }

    fn of_table(source: &'t str, place: String, table: DeTable<'t>) -> Self {
        let left = table
            .into_iter()
            .map(|(key, item)| (key.get_ref().to_string(), (key.span().start, item)))
            .collect();
        Keys {
            source,
            place,
            left,
            known: Vec::new(),
        }
    }

    /// Names what the table is, once its own name is known.
    pub fn call(&mut self, place: String) {
        self.place = place;
    }

    /// A message about a key that was taken.
    fn problem(&self, at: usize, key: &str, message: &str) -> Problem {
        let line = 1 + self.source[..at.min(self.source.len())]
            .matches('\n')
            .count();
        let of = match self.place.as_str() {
            "" => String::new(),
            place => format!(" of {place}"),
        };
        format!("line {line}: `{key}`{of}: {message}")
    }

    fn take(&mut self, key: &'static str) -> Option<(usize, Item<'t>)> {
        self.known.push(key);
        self.left.remove(key)
    }

    /// A text; numbers and truth values are taken as they are written.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, Problem> {
        let Some((at, item)) = self.take(key) else {
            return Ok(None);
        };
        let text = scalar(item.get_ref());
        let refused = || self.problem(at, key, "takes one value, not a list or a table");
        text.ok_or_else(refused).map(Some)
    }

    /// A value in the grammar of the flag of the same name.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        let at = self.left.get(key).map_or(0, |(at, _)| *at);
        let text = self.text(key)?;
        text.map(|text| parse(&text).map_err(|message| self.problem(at, key, &message)))
            .transpose()
    }

    /// One text or a list of them.
    pub fn list(&mut self, key: &'static str) -> Result<Option<Vec<String>>, Problem> {
        let Some((at, item)) = self.take(key) else {
            return Ok(None);
        };
        let texts = match item.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| scalar(item.get_ref())).collect(),
            one => scalar(one).map(|text| vec![text]),
        };
        let refused = || self.problem(at, key, "takes a text or a list of texts");
        texts.ok_or_else(refused).map(Some)
    }

    /// One command: a list of its words, or a text that is split as a shell splits it.
    pub fn command(&mut self, key: &'static str) -> Result<Option<Vec<String>>, Problem> {
        Ok(self.commands(key)?.and_then(|mut all| match all.len() {
            0 => None,
            _ => Some(all.remove(0)),
        }))
    }

    /// Commands: a text, the words of one, or a list of lists of words.
    pub fn commands(&mut self, key: &'static str) -> Result<Option<Vec<Vec<String>>>, Problem> {
        let Some((at, item)) = self.take(key) else {
            return Ok(None);
        };
        let words = |value: &DeValue<'_>| -> Option<Vec<String>> {
            match value {
                DeValue::Array(words) => words.iter().map(|w| scalar(w.get_ref())).collect(),
                one => crate::text::shell_words(&scalar(one)?),
            }
        };
        let commands: Option<Vec<Vec<String>>> = match item.get_ref() {
            DeValue::Array(items) if items.iter().any(|i| i.get_ref().is_array()) => {
                items.iter().map(|item| words(item.get_ref())).collect()
            }
            one => words(one).map(|words| vec![words]),
        };
        match commands {
            Some(commands) if commands.iter().all(|words| !words.is_empty()) => Ok(Some(commands)),
            _ => Err(self.problem(
                at,
                key,
                "takes a command: [\"program\", \"argument\"], or \"program argument\" with \
                 quotes closed",
            )),
        }
    }

    /// A table of texts: names and values, in the order of names.
    pub fn texts(&mut self, key: &'static str) -> Result<BTreeMap<String, String>, Problem> {
        let Some((at, item)) = self.take(key) else {
            return Ok(BTreeMap::new());
        };
        let pairs = match item.get_ref() {
            DeValue::Table(table) => table
                .iter()
                .map(|(name, value)| Some((name.get_ref().to_string(), scalar(value.get_ref())?)))
                .collect(),
            _ => None,
        };
        pairs.ok_or_else(|| self.problem(at, key, "takes a table of names and values"))
    }

    /// A table.
    pub fn table(&mut self, key: &'static str) -> Result<Option<Keys<'t>>, Problem> {
        let Some((at, item)) = self.take(key) else {
            return Ok(None);
        };
        match item.into_inner() {
            DeValue::Table(table) => Ok(Some(Self::of_table(
                self.source,
                format!("`[{key}]`"),
                table,
            ))),
            _ => Err(self.problem(at, key, "takes a table")),
        }
    }

    /// Tables under names of the user's.
    pub fn named_tables(&mut self, key: &'static str) -> Result<Vec<(String, Keys<'t>)>, Problem> {
        let Some(mut outer) = self.table(key)? else {
            return Ok(Vec::new());
        };
        let mut tables = Vec::new();
        for (name, (at, item)) in std::mem::take(&mut outer.left) {
            let place = format!("`[{key}.{name}]`");
            match item.into_inner() {
                DeValue::Table(table) => {
                    tables.push((name, Self::of_table(self.source, place, table)));
                }
                _ => return Err(outer.problem(at, &name, "takes a table")),
            }
        }
        Ok(tables)
    }

    /// The tables of a list `[[key]]`.
    pub fn tables(&mut self, key: &'static str) -> Result<Vec<Keys<'t>>, Problem> {
        let Some((at, item)) = self.take(key) else {
            return Ok(Vec::new());
        };
        let refused = format!("is written `[[{key}]]`, once for each");
        let DeValue::Array(items) = item.into_inner() else {
            return Err(self.problem(at, key, &refused));
        };
        let mut tables = Vec::new();
        for item in items {
            match item.into_inner() {
                DeValue::Table(table) => {
                    tables.push(Self::of_table(self.source, format!("`[[{key}]]`"), table));
                }
                _ => return Err(self.problem(at, key, &refused)),
            }
        }
        Ok(tables)
    }

    /// Whether the table has that key.
    pub fn has(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    /// A message about the table as a whole.
    pub fn lacks(&self, message: &str) -> Problem {
        match self.place.as_str() {
            "" => message.to_owned(),
            place => format!("{place}: {message}"),
        }
    }

    /// Refuses the first key that nobody took, of a table of which everything was asked for.
    ///
    /// # Errors
    ///
    /// As [`Keys::refuse_unknown`].
    pub fn finish(self) -> Result<(), Problem> {
        self.refuse_unknown()
    }

    /// Refuses the first key that nobody took.
    ///
    /// # Errors
    ///
    /// Names it, its line and the nearest key that exists.
    pub fn refuse_unknown(&self) -> Result<(), Problem> {
        let Some((key, (at, _))) = self.left.iter().next() else {
            return Ok(());
        };
        let hint = match nearest(key, self.known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", self.known.join(", ")),
        };
        Err(self.problem(*at, key, &format!("is not a key here\n(hint: {hint})")))
    }
}

/// A value that is no list and no table, as it would be written behind a flag.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().replace('_', "")),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().replace('_', "")),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}
