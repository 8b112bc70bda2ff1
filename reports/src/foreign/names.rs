//! What the series of one file are called.

use super::collector::KEY_SEPARATOR;

/// Names series by the keys that it takes: `pod=a`, `namespace=shop, pod=a`.
pub(super) fn named_by_what_varies(keys: Vec<&mut String>, key_names: &[String]) {
    if key_names.is_empty() {
        return;
    }
    let parts: Vec<Vec<String>> = keys
        .iter()
        .map(|key| key.split(KEY_SEPARATOR).map(str::to_owned).collect())
        .collect();
    let varies = keys_that_name(&parts, key_names);
    for (key, parts) in keys.into_iter().zip(parts) {
        let said = key_names.iter().zip(parts).zip(&varies);
        let words: Vec<String> = said
            .filter(|(_, varies)| **varies)
            .map(|((key, value), _)| match key.is_empty() {
                true => value,
                false => format!("{key}={value}"),
            })
            .collect();
        *key = words.join(", ");
    }
}

/// The keys that it takes to name every series: each that can be done without goes, numbers of
/// containers before names.
fn keys_that_name(parts: &[Vec<String>], key_names: &[String]) -> Vec<bool> {
    let mut kept = vec![true; key_names.len()];
    let is_unique = |kept: &[bool]| {
        let mut names: Vec<Vec<&String>> = parts
            .iter()
            .map(|parts| {
                parts
                    .iter()
                    .zip(kept)
                    .filter(|(_, k)| **k)
                    .map(|(p, _)| p)
                    .collect()
            })
            .collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    };
    let mut order: Vec<usize> = (0..key_names.len()).collect();
    order.sort_by_key(|&key| {
        let name = key_names[key].to_ascii_lowercase();
        (
            name.ends_with("name") || name == "pod",
            std::cmp::Reverse(key),
        )
    });
    for key in order {
        kept[key] = false;
        kept[key] = !is_unique(&kept);
    }
    kept
}
