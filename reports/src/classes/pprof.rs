//! Profiles in the form of pprof: which of the program's own functions hold how much.
//!
//! The form is `profile.proto` of github.com/google/pprof. Go's heap profile says what is in use,
//! and its goroutine profile counts goroutines. The key of a sample is the innermost frame of the
//! program's own code, or the innermost of all where none is: `main.keep shop.go:12`.

use super::counts::Counts;
use leaklab_run::packed::count as varint;
use std::collections::BTreeMap;
use std::io::{BufRead, Read};

/// Most bytes of a profile.
const LARGEST_PROFILE: u64 = 64 << 20;
/// Most strings, functions and places of a profile, each.
const MOST_ENTRIES: usize = 1 << 20;

/// The value of a field.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message that are left.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field; `None` at the end, an error where it is no message.
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, String> {
        let damaged = || "it is no profile of pprof, or damaged".to_owned();
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = varint(&mut self.0).ok_or_else(damaged)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut self.0).ok_or_else(damaged)?),
            kind @ (1 | 2 | 5) => {
                let length = match kind {
                    1 => 8,
                    5 => 4,
                    _ => varint(&mut self.0).ok_or_else(damaged)?,
                };
                let length = usize::try_from(length).map_err(|_| damaged())?;
                let (front, rest) = self.0.split_at_checked(length).ok_or_else(damaged)?;
                self.0 = rest;
                Value::Bytes(front)
            }
            _ => return Err(damaged()),
        };
        Ok(Some((tag >> 3, value)))
    }
}

/// Calls `take` with each number of a repeated field, packed or not.
fn numbers(value: &Value<'_>, mut take: impl FnMut(u64)) {
    match value {
        Value::Number(number) => take(*number),
        Value::Bytes(bytes) => {
            let mut rest = *bytes;
            while let Some(number) = varint(&mut rest) {
                take(number);
            }
        }
    }
}

/// The tables of a profile.
#[derive(Default)]
struct Profile<'a> {
    strings: Vec<&'a [u8]>,
    /// Name and unit of each value of a sample, as places among the strings.
    types: Vec<(u64, u64)>,
    /// By its id, functions and lines, the innermost first.
    places: BTreeMap<u64, Vec<(u64, u64)>>,
    /// By its id, name and file as places among the strings.
    functions: BTreeMap<u64, (u64, u64)>,
}

/// What a profile holds per function.
pub fn counts(file: &mut dyn BufRead) -> Result<Counts, String> {
    let mut bytes = Vec::new();
    file.take(LARGEST_PROFILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_PROFILE {
        return Err(format!("it is larger than {} MiB", LARGEST_PROFILE >> 20));
    }
    let profile = Profile::read(&bytes)?;
    let (count_at, bytes_at) = profile.value_places();
    let mut counts = Counts::default();
    let mut fields = Fields(&bytes);
    while let Some((field, value)) = fields.next()? {
        let (2, Value::Bytes(sample)) = (field, value) else {
            continue;
        };
        let (mut places, mut values) = (Vec::new(), Vec::new());
        let mut of = Fields(sample);
        while let Some((field, value)) = of.next()? {
            match field {
                1 => numbers(&value, |id| places.push(id)),
                2 => numbers(&value, |number| values.push(number)),
                _ => {}
            }
        }
        // Negative numbers are differences between profiles, which this is not.
        let amount = |at: Option<usize>| {
            let number = at.and_then(|at| values.get(at)).copied().unwrap_or(0);
            number.min(i64::MAX as u64) * u64::from(number <= i64::MAX as u64)
        };
        let (count, size) = (amount(count_at), amount(bytes_at));
        if count > 0 || size > 0 {
            counts.add(&profile.key(&places), count, size);
        }
    }
    Ok(counts)
}

impl<'a> Profile<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut profile = Profile::default();
        let mut fields = Fields(bytes);
        while let Some((field, value)) = fields.next()? {
            let Value::Bytes(inside) = value else {
                continue;
            };
            match field {
                1 => {
                    let [name, unit, _] = three(inside, [1, 2, 0])?;
                    profile.types.push((name, unit));
                }
                4 => profile.add_place(inside)?,
                5 => {
                    let [id, name, file] = three(inside, [1, 2, 4])?;
                    profile.functions.insert(id, (name, file));
                }
                6 => profile.strings.push(inside),
                _ => {}
            }
            let most = profile.strings.len().max(profile.functions.len());
            if most.max(profile.places.len()).max(profile.types.len()) > MOST_ENTRIES {
                return Err(format!(
                    "it has more than {MOST_ENTRIES} functions or places"
                ));
            }
        }
        Ok(profile)
    }

    fn add_place(&mut self, inside: &[u8]) -> Result<(), String> {
        /// Most functions that are inlined at one place.
        const MOST_INLINED: usize = 256;
        let (mut id, mut lines) = (0, Vec::new());
        let mut fields = Fields(inside);
        while let Some((field, value)) = fields.next()? {
            match (field, value) {
                (1, Value::Number(number)) => id = number,
                (4, Value::Bytes(line)) if lines.len() < MOST_INLINED => {
                    let [function, line, _] = three(line, [1, 2, 0])?;
                    lines.push((function, line));
                }
                _ => {}
            }
        }
        self.places.insert(id, lines);
        Ok(())
    }

    fn string(&self, at: u64) -> String {
        let bytes = usize::try_from(at).ok().and_then(|at| self.strings.get(at));
        String::from_utf8_lossy(bytes.copied().unwrap_or_default()).into_owned()
    }

    /// Which values of a sample count objects, and their bytes.
    fn value_places(&self) -> (Option<usize>, Option<usize>) {
        let types: Vec<(String, String)> = (self.types.iter().take(64))
            .map(|(name, unit)| (self.string(*name), self.string(*unit)))
            .collect();
        let named = |wanted: &str| types.iter().position(|(name, _)| name == wanted);
        let last_of = |wanted: &str| types.iter().rposition(|(_, unit)| unit == wanted);
        let count = named("inuse_objects").or_else(|| last_of("count"));
        let bytes = named("inuse_space").or_else(|| last_of("bytes"));
        (count, bytes)
    }

    fn key(&self, places: &[u64]) -> String {
        let frames = || {
            let lines = places.iter().filter_map(|id| self.places.get(id)).flatten();
            lines.map(|(function, line)| {
                let (name, file) = self.functions.get(function).copied().unwrap_or_default();
                (self.string(name), file, *line)
            })
        };
        let own = frames().find(|(name, ..)| is_own(name));
        let Some((name, file, line)) = own.or_else(|| frames().next()) else {
            return "(unknown)".to_owned();
        };
        let file = self.string(file);
        match file.rsplit('/').next().filter(|file| !file.is_empty()) {
            Some(file) => format!("{name} {file}:{line}"),
            None => name,
        }
    }
}

/// Whether a function is not of Go's own library: its package is `main`, or its path begins with
/// a domain.
fn is_own(name: &str) -> bool {
    let domain = name.split_once('/').map(|(first, _)| first);
    name.starts_with("main.") || domain.is_some_and(|first| first.contains('.'))
}

/// Numbers of three fields of a message; 0 for one that is not there.
fn three(inside: &[u8], wanted: [u64; 3]) -> Result<[u64; 3], String> {
    let mut found = [0; 3];
    let mut fields = Fields(inside);
    while let Some((field, value)) = fields.next()? {
        if let (Some(at), Value::Number(number)) =
            (wanted.iter().position(|one| *one == field), value)
        {
            found[at] = number;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::Format;

    /// A message's field with bytes in it.
    fn field(number: u8, inside: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(inside.len()).expect("short")];
        bytes.extend_from_slice(inside);
        bytes
    }

    #[test]
    fn a_heap_profile_is_counted_by_own_functions() {
        let mut profile = Vec::new();
        // alloc_space (1) in bytes (2); inuse_objects (3) in count (4); inuse_space (5) in bytes.
        for pair in [[8, 1, 16, 2], [8, 3, 16, 4], [8, 5, 16, 2]] {
            profile.extend(field(1, &pair));
        }
        let names: [&str; 9] = [
            "",
            "alloc_space",
            "bytes",
            "inuse_objects",
            "count",
            "inuse_space",
            "bytes.growSlice",
            "main.keep",
            "/src/shop.go",
        ];
        for name in names {
            profile.extend(field(6, name.as_bytes()));
        }
        // Place 1: growSlice inlined into keep, line 12; the sample has 900 bytes, 3 objects.
        let line = |function: u8, line: u8| field(4, &[8, function, 16, line]);
        profile.extend(field(4, &[&[8, 1][..], &line(1, 5), &line(2, 12)].concat()));
        profile.extend(field(5, &[8, 1, 16, 6]));
        profile.extend(field(5, &[8, 2, 16, 7, 32, 8]));
        profile.extend(field(
            2,
            &[&field(1, &[1])[..], &field(2, &[0x84, 7, 3, 0x84, 7])].concat(),
        ));
        let counts = Format::Pprof.read(&profile[..]).expect("a profile");
        let all: Vec<_> = counts.iter().collect();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].0, "main.keep shop.go:12");
        assert_eq!((all[0].1.count, all[0].1.bytes), (3, 900));
        for end in 1..profile.len() {
            // A torn one is refused or read, whatever it is.
            let _ = Format::Pprof.read(&profile[..end]);
        }
    }
}
