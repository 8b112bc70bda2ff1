//! Which services one question names, and how it names them.

use super::Identity;
use std::collections::{BTreeMap, BTreeSet};

/// Points of one answer that are asked for: some 10 MB as JSON.
pub(super) const POINTS_PER_ANSWER: u64 = 400_000;

/// Services of one question, so that its text stays short.
pub(super) const MOST_PER_QUESTION: usize = 200;

/// FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo; RFC 9923), 64 bits: the same on every machine.
pub(super) fn hash(identity: &Identity) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (name, value) in identity {
        take(name.as_bytes());
        take(value.as_bytes());
    }
    hash
}

/// Services of one question each: all labels but one are the same, so that a question names
/// nobody else, and the answer stays small.
pub(super) fn questions(services: &BTreeMap<Identity, u64>, points: u64) -> Vec<Vec<Identity>> {
    let mut values: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (name, value) in services.keys().flatten() {
        values.entry(name).or_default().insert(value);
    }
    let varying = values.iter().max_by_key(|(_, values)| values.len());
    let varying = varying.map(|(name, _)| (*name).clone());
    let mut groups: BTreeMap<Identity, Vec<(&Identity, u64)>> = BTreeMap::new();
    for (identity, count) in services {
        let mut rest = identity.clone();
        if let Some(varying) = &varying {
            rest.remove(varying);
        }
        groups.entry(rest).or_default().push((identity, *count));
    }
    let mut questions = Vec::new();
    for group in groups.into_values() {
        let mut question: Vec<Identity> = Vec::new();
        let mut asked = 0;
        for (identity, count) in group {
            let more = count * points;
            let is_full = asked + more > POINTS_PER_ANSWER || question.len() == MOST_PER_QUESTION;
            if is_full && !question.is_empty() {
                questions.push(std::mem::take(&mut question));
                asked = 0;
            }
            question.push(identity.clone());
            asked += more;
        }
        questions.push(question);
    }
    questions
}

/// The selector with matchers for these services.
pub(super) fn with_matchers(selector: &str, services: &[Identity]) -> String {
    let mut values: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (name, value) in services.iter().flatten() {
        values.entry(name).or_default().insert(value);
    }
    let mut matchers = Vec::new();
    for (name, values) in values {
        let mut pattern = String::new();
        for value in &values {
            if !pattern.is_empty() {
                pattern.push('|');
            }
            for c in value.chars() {
                if "\\.+*?()|[]{}^$".contains(c) {
                    pattern.push('\\');
                }
                pattern.push(c);
            }
        }
        let (operator, text) = match values.iter().next() {
            Some(value) if values.len() == 1 => ("=", (*value).clone()),
            _ => ("=~", pattern),
        };
        let text = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        matchers.push(format!("{name}{operator}\"{text}\""));
    }
    let all = matchers.join(",");
    match selector.trim_end().strip_suffix('}') {
        Some(open) if open.trim_end().ends_with(['{', ',']) => format!("{open}{all}}}"),
        Some(open) => format!("{open},{all}}}"),
        None => format!("{}{{{all}}}", selector.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(namespace: &str, container: &str) -> Identity {
        [("namespace", namespace), ("container", container)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn questions_name_exactly_their_services() {
        let services: BTreeMap<Identity, u64> = ["a", "b"]
            .into_iter()
            .flat_map(|n| ["x", "y", "z.1"].map(|c| (identity(n, c), 2)))
            .collect();
        let questions = questions(&services, 2_016);
        assert_eq!(questions.len(), 2);
        assert_eq!(
            with_matchers("m{job=\"k\"}", &questions[0]),
            "m{job=\"k\",container=~\"x|y|z\\\\.1\",namespace=\"a\"}"
        );
        assert_eq!(
            with_matchers("m", &questions[1][..1]),
            "m{container=\"x\",namespace=\"b\"}"
        );
        let named: usize = questions.iter().map(Vec::len).sum();
        assert_eq!(named, services.len());
    }

    #[test]
    fn shards_share_a_fleet_out() {
        let all: Vec<Identity> = (0..1_000).map(|i| identity("n", &i.to_string())).collect();
        let parts = [0, 1, 2].map(|part| all.iter().filter(|i| hash(i) % 3 == part).count());
        assert_eq!(parts.iter().sum::<usize>(), 1_000);
        assert!(
            parts.iter().all(|part| (250..420).contains(part)),
            "{parts:?}"
        );
        // RFC 9923: FNV-1a 64 of nothing is its basis; a name and a value end in a zero byte each.
        assert_eq!(hash(&Identity::new()), 0xcbf2_9ce4_8422_2325);
    }
}
