//! What one snapshot counts: objects and bytes by key.

use std::collections::BTreeMap;

/// Most keys that are kept of a snapshot; a large program has some ten thousand classes.
pub const MOST_KEYS: usize = 100_000;
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
    /// Objects whose keys found no place among `MOST_KEYS`.
    pub left_out: u64,
    /// The largest id of an object of V8's heap, in a heap snapshot: they only rise, so that what
    /// has a larger one later is new. 0 in other snapshots.
    pub largest_id: u64,
}

impl Counts {
    /// Adds to a key. Sums stop at the largest number there is: what comes from a file may be any.
    pub fn add(&mut self, key: &str, count: u64, bytes: u64) {
        let key = shortened(key);
        let is_full = self.amounts.len() >= MOST_KEYS;
        if is_full && !self.amounts.contains_key(key) {
            self.left_out = self.left_out.saturating_add(count);
            return;
        }
        if !self.amounts.contains_key(key) {
            self.amounts.insert(key.to_owned(), Amount::default());
        }
        let Some(amount) = self.amounts.get_mut(key) else {
            return;
        };
        amount.count = amount.count.saturating_add(count);
        amount.bytes = amount.bytes.saturating_add(bytes);
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
