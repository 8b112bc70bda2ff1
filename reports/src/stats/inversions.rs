//! Counting pairs out of order by merge sort: the tool behind Kendall's tau and Theil–Sen.

/// Runs shorter than this are sorted by insertion.
const RUN: usize = 32;

/// Sorts `values` and returns how many pairs stood in strictly falling order.
///
/// `spare` is working space, resized as needed. Time O(n log n).
pub fn sort_counting(values: &mut [f64], spare: &mut Vec<i64>) -> u64 {
    let n = values.len();
    spare.clear();
    spare.extend(values.iter().map(|&value| key_of(value)));
    spare.resize(2 * n, 0);
    let (mut source, mut target) = spare.split_at_mut(n);
    let mut inversions = 0;
    for run in source.chunks_mut(RUN) {
        inversions += insertion_sort(run);
    }
    let mut width = RUN;
    while width < n {
        for start in (0..n).step_by(2 * width) {
            let middle = (start + width).min(n);
            let end = (start + 2 * width).min(n);
            inversions += merge(
                &source[start..middle],
                &source[middle..end],
                &mut target[start..end],
            );
        }
        std::mem::swap(&mut source, &mut target);
        width *= 2;
    }
    for (value, &key) in values.iter_mut().zip(source.iter()) {
        *value = value_of(key);
    }
    inversions
}

/// A whole number in the order of the values: processors choose between such without a branch.
/// Both zeros are one.
pub(super) fn key_of(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

fn value_of(key: i64) -> f64 {
    f64::from_bits((key ^ ((key >> 63) as u64 >> 1) as i64) as u64)
}

fn insertion_sort(run: &mut [i64]) -> u64 {
    let mut moved = 0;
    for index in 1..run.len() {
        let value = run[index];
        let mut place = index;
        while place > 0 && run[place - 1] > value {
            run[place] = run[place - 1];
            place -= 1;
            moved += 1;
        }
        run[place] = value;
    }
    moved
}

fn merge(left: &[i64], right: &[i64], out: &mut [i64]) -> u64 {
    if let (Some(last), Some(first)) = (left.last(), right.first())
        && last <= first
    {
        out[..left.len()].copy_from_slice(left);
        out[left.len()..].copy_from_slice(right);
        return 0;
    }
    let (mut i, mut j, mut inversions) = (0, 0, 0);
    let mut slots = out.iter_mut();
    // Which comes next is not to be foretold, so that a branch here would cost the most.
    while i < left.len() && j < right.len() {
        let (from_left, from_right) = (left[i], right[j]);
        let is_right = from_right < from_left;
        if let Some(slot) = slots.next() {
            *slot = from_left.min(from_right);
        }
        inversions += (left.len() - i) as u64 * u64::from(is_right);
        j += usize::from(is_right);
        i += usize::from(!is_right);
    }
    for (slot, &rest) in slots.zip(left[i..].iter().chain(&right[j..])) {
        *slot = rest;
    }
    inversions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_out_of_order_is_counted_once() {
        let mut random = fastrand::Rng::with_seed(3);
        for n in [0, 1, 2, 31, 32, 33, 500, 1_000] {
            let values: Vec<f64> = (0..n).map(|_| f64::from(random.u32(0..40))).collect();
            let mut pairs = 0;
            for i in 0..n {
                pairs += (i + 1..n).filter(|&j| values[i] > values[j]).count() as u64;
            }
            let mut sorted = values.clone();
            assert_eq!(
                sort_counting(&mut sorted, &mut Vec::new()),
                pairs,
                "n = {n}"
            );
            assert!(sorted.is_sorted());
        }
    }
}
