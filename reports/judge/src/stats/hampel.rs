//! Hampel's filter: single wild values are put back to the median of their neighbours.

use super::quantile::{MAD_TO_SIGMA, median};

/// Marks values further than `sigmas` robust standard deviations from the median of the
/// `2 * reach + 1` values around them (fewer at the ends).
///
/// The spread around each value is the larger of that of its own neighbours and `floor`, so
/// that a quiet stretch does not make every flicker wild. Time O(n · reach), most of it the
/// copying of a few neighbours in a sorted window.
///
/// # Source
///
/// R. K. Pearson, "Outliers in process modeling and identification", IEEE Transactions on
/// Control Systems Technology 10 (2002), 55–63.
pub fn wild_values(values: &[f64], reach: usize, sigmas: f64, floor: f64) -> Vec<bool> {
    const STRETCH: usize = 16;
    let mut wild = vec![false; values.len()];
    let mut window = Window::default();
    let mut deviations = Vec::with_capacity(2 * reach + 1);
    let mut window_at = None;
    for start in (0..values.len()).step_by(STRETCH) {
        let end = (start + STRETCH).min(values.len());
        let around = &values[start.saturating_sub(reach)..(end + reach).min(values.len())];
        // Where all of them lie within the floor, each lies within it of any median.
        if range_of(around) <= sigmas * floor {
            continue;
        }
        if window_at != Some(start) {
            window.sorted.clear();
            for &value in
                &values[start.saturating_sub(reach + 1)..(start + reach).min(values.len())]
            {
                window.insert(value);
            }
        }
        window_at = Some(end);
        for index in start..end {
            if let Some(&entering) = values.get(index + reach) {
                window.insert(entering);
            }
            if index > reach {
                window.remove(values[index - reach - 1]);
            }
            let center = window.median();
            // Most values pass the floor alone; only the others need the local spread.
            let distance = (values[index] - center).abs();
            if distance <= sigmas * floor {
                continue;
            }
            deviations.clear();
            deviations.extend(window.sorted.iter().map(|value| (value - center).abs()));
            let sigma = (median_of_few(&mut deviations) * MAD_TO_SIGMA).max(floor);
            wild[index] = distance > sigmas * sigma;
        }
    }
    wild
}

fn range_of(values: &[f64]) -> f64 {
    let ends = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = values.iter().fold(ends, |(low, high), &value| {
        (low.min(value), high.max(value))
    });
    high - low
}

/// Neighbouring values in ascending order.
#[derive(Default)]
struct Window {
    sorted: Vec<f64>,
}

impl Window {
    fn place(&self, value: f64) -> usize {
        self.sorted
            .partition_point(|other| other.total_cmp(&value).is_lt())
    }

    fn insert(&mut self, value: f64) {
        self.sorted.insert(self.place(value), value);
    }

    /// Takes out a value that was put in.
    fn remove(&mut self, value: f64) {
        self.sorted.remove(self.place(value));
    }

    fn median(&self) -> f64 {
        let middle = self.sorted.len() / 2;
        match self.sorted.len() % 2 {
            1 => self.sorted[middle],
            _ => {
                let (low, high) = (self.sorted[middle - 1], self.sorted[middle]);
                low + (high - low) * 0.5
            }
        }
    }
}

fn median_of_few(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        *values.select_nth_unstable_by(middle, f64::total_cmp).1
    } else {
        median(values).unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wild_values_equal_those_of_the_definition_in_numpy() {
        // numpy 2.4.6, window of 5: m = median(w), s = 1.4826*median(|w-m|), |v-m| > 3 s,
        // for the values below: only index 4 (70) is wild.
        let values = [10.0, 11.0, 10.0, 12.0, 70.0, 11.0, 10.0, 13.0, 12.0, 11.0];
        let wild = wild_values(&values, 2, 3.0, 0.0);
        let marked: Vec<usize> = (0..values.len()).filter(|&i| wild[i]).collect();
        assert_eq!(marked, [4]);
    }

    #[test]
    fn a_level_shift_is_not_wild() {
        let values: Vec<f64> = (0..40)
            .map(|i| {
                if i < 20 {
                    f64::from(i % 3)
                } else {
                    100.0 + f64::from(i % 3)
                }
            })
            .collect();
        assert!(wild_values(&values, 3, 5.0, 1.0).iter().all(|&wild| !wild));
    }
}
