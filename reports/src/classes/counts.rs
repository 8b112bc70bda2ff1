//! What one snapshot counts: objects and bytes by key.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Most keys that are kept of a snapshot, the largest; a large program has some ten thousand
/// classes.
pub(super) const MOST_KEYS: usize = 100_000;
/// Keys at which the smallest are left out while a snapshot is read: not at each one more.
const CROWDED: usize = 2 * MOST_KEYS;
/// Most bytes of a key; what is longer is cut.
const LONGEST_KEY: usize = 400;

/// Objects and bytes of one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Amount {
    /// Objects, stacks or whatever the snapshot counts.
    pub count: u64,
    /// Their bytes; 0 where the snapshot says none.
    pub bytes: u64,
}

/// Objects and bytes by class, constructor, site or stack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    amounts: BTreeMap<String, Amount>,
    /// Keys that found no place among `MOST_KEYS`, the smallest ones; one that came again after it
    /// was left out counts twice.
    pub left_out_keys: u64,
    /// The largest id of an object of V8's heap, in a heap snapshot: they only rise, so that what
    /// has a larger one later is new. 0 in other snapshots.
    pub largest_id: u64,
}

impl Counts {
    /// Adds to a key. Sums stop at the largest number there is: what comes from a file may be any.
    pub fn add(&mut self, key: &str, count: u64, bytes: u64) {
        let key = shortened(key);
        if !self.amounts.contains_key(key) {
            if self.amounts.len() >= CROWDED {
                self.keep_largest();
            }
            self.amounts.insert(key.to_owned(), Amount::default());
        }
        let Some(amount) = self.amounts.get_mut(key) else {
            return;
        };
        amount.count = amount.count.saturating_add(count);
        amount.bytes = amount.bytes.saturating_add(bytes);
    }

    /// Leaves the smallest keys out where there are more than are kept, which the reader of a
    /// snapshot does at its end.
    pub(super) fn keep_largest(&mut self) {
        let Some(over) = self.amounts.len().checked_sub(MOST_KEYS + 1) else {
            return;
        };
        let size = |amount: &Amount| (amount.bytes, amount.count);
        let mut sizes: Vec<(u64, u64)> = self.amounts.values().map(size).collect();
        let (_, limit, _) = sizes.select_nth_unstable(over);
        let limit = *limit;
        // Of those that are as large as the limit, as many as must be.
        let smaller = sizes.iter().filter(|one| **one < limit).count();
        let mut equal = over + 1 - smaller;
        self.amounts
            .retain(|_, amount| match size(amount).cmp(&limit) {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal => {
                    let is_kept = equal == 0;
                    equal = equal.saturating_sub(1);
                    is_kept
                }
            });
        self.left_out_keys += over as u64 + 1;
    }

    /// What is known of a key; nothing counts as zero.
    pub fn of(&self, key: &str) -> Amount {
        self.amounts.get(key).copied().unwrap_or_default()
    }

    /// Keys and amounts, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Amount)> {
        self.amounts
            .iter()
            .map(|(key, amount)| (key.as_str(), *amount))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.amounts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.amounts.is_empty()
    }
}

fn shortened(key: &str) -> &str {
    let mut end = key.len().min(LONGEST_KEY);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    &key[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_keys_are_kept_and_the_others_counted() {
        let mut counts = Counts::default();
        let keys = CROWDED + 5_000;
        for key in 0..keys {
            // The largest come last; every other one has the size of its neighbour.
            counts.add(&format!("{key:07}"), 1, key as u64 / 2);
        }
        counts.keep_largest();
        assert_eq!(counts.len(), MOST_KEYS);
        assert_eq!(counts.left_out_keys, (keys - MOST_KEYS) as u64);
        let largest = counts.of(&format!("{:07}", keys - 1));
        assert_eq!(largest.bytes, (keys as u64 - 1) / 2);
        let smallest = counts.iter().map(|(_, amount)| amount.bytes).min();
        assert_eq!(smallest, Some((keys - MOST_KEYS) as u64 / 2));
    }
}
