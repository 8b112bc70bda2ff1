//! The grain that values come in.

/// The grain that values come in, where they repeat so often that there is one; else 0.
///
/// Only values that were read several times count: those that a cache passed while it filled
/// are no grain. A series that stands on one value shows none; the power of two that the
/// value is a multiple of stands in for it (pages, arenas), so that standing still proves no
/// more than it can.
pub(crate) fn find_grain(values: impl ExactSizeIterator<Item = f64>, base: f64) -> f64 {
    const SEVERAL: usize = 3;
    let stride = values.len().div_ceil(20_000).max(1);
    let mut sorted: Vec<f64> = values.step_by(stride).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let groups = || sorted.chunk_by(|a, b| a == b);
    if groups().count() * 10 > sorted.len() * 7 {
        return 0.0;
    }
    let repeated: Vec<f64> = groups()
        .filter(|group| group.len() >= SEVERAL || group.len() == sorted.len())
        .map(|group| group[0])
        .collect();
    if let [only] = repeated[..] {
        let value = base + only;
        let is_whole = value >= 1.0 && value.fract() == 0.0 && value < 9e15;
        return match is_whole {
            true => (1_u64 << (value as u64).trailing_zeros().min(21)) as f64,
            false => 0.0,
        };
    }
    let differences = || repeated.windows(2).map(|pair| pair[1] - pair[0]);
    if differences().all(|d| d.fract() == 0.0 && d < 9e15) {
        // Values that are rarely next to each other have no small difference, and a grain.
        return differences().fold(0, |divisor, d| common_divisor(divisor, d as u64)) as f64;
    }
    let smallest = differences().fold(f64::INFINITY, f64::min);
    if smallest.is_finite() { smallest } else { 0.0 }
}

/// The greatest common divisor (Euclid); that of 0 and a number is the number.
fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
