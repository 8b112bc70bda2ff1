//! Counting pairs out of order by merge sort: the tool behind Kendall's tau and Theil–Sen.

/// Runs shorter than this are sorted by insertion.
const RUN: usize = 32;

/// Sorts `values` and returns how many pairs stood in strictly falling order.
///
/// `spare` is working space, resized as needed. Time O(n log n).
pub fn sort_counting(values: &mut [f64], spare: &mut Vec<f64>) -> u64 {
    let n = values.len();
    let mut inversions = 0;
    for run in values.chunks_mut(RUN) {
        inversions += insertion_sort(run);
    }
    spare.clear();
    spare.resize(n, 0.0);
    let (mut source, mut target): (&mut [f64], &mut [f64]) = (values, spare);
    let mut width = RUN;
    let mut swapped = false;
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
        swapped = !swapped;
        width *= 2;
    }
    if swapped {
        // The sorted values lie in the spare room; bring them home.
        target.copy_from_slice(source);
    }
    inversions
}

fn insertion_sort(run: &mut [f64]) -> u64 {
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

fn merge(left: &[f64], right: &[f64], out: &mut [f64]) -> u64 {
    if let (Some(last), Some(first)) = (left.last(), right.first())
        && last <= first
    {
        out[..left.len()].copy_from_slice(left);
        out[left.len()..].copy_from_slice(right);
        return 0;
    }
    let (mut i, mut j, mut inversions) = (0, 0, 0);
    for slot in out.iter_mut() {
        if j == right.len() || (i < left.len() && left[i] <= right[j]) {
            *slot = left[i];
            i += 1;
        } else {
            *slot = right[j];
            j += 1;
            inversions += (left.len() - i) as u64;
        }
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
