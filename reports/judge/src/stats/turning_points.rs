//! The large ups and downs of a series, small ones ignored.

/// A place where the series turns by at least the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// Position in the series.
    pub index: usize,
    /// Whether it is a peak; otherwise a trough.
    pub peak: bool,
}

/// Peaks and troughs in alternation: from each to the next the values move by at least
/// `threshold`, and so they do before the first. Time O(n).
pub fn turning_points(values: &[f64], threshold: f64) -> Vec<Turn> {
    let mut turns = Vec::new();
    if values.is_empty() {
        return turns;
    }
    let (mut high, mut low) = (0, 0);
    let mut rising: Option<bool> = None;
    for index in 1..values.len() {
        let value = values[index];
        if value > values[high] {
            high = index;
        }
        if value <= values[low] {
            low = index;
        }
        match rising {
            None => {
                if value - values[low] >= threshold {
                    (rising, high) = (Some(true), index);
                } else if values[high] - value >= threshold {
                    (rising, low) = (Some(false), index);
                }
            }
            Some(true) if values[high] - value >= threshold => {
                turns.push(Turn {
                    index: high,
                    peak: true,
                });
                (rising, low) = (Some(false), index);
            }
            Some(false) if value - values[low] >= threshold => {
                turns.push(Turn {
                    index: low,
                    peak: false,
                });
                (rising, high) = (Some(true), index);
            }
            Some(_) => {}
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_a_sawtooth_are_its_peaks_and_floors() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i % 10)).collect();
        let turns = turning_points(&values, 5.0);
        let found: Vec<(usize, bool)> = turns.iter().map(|t| (t.index, t.peak)).collect();
        assert_eq!(
            found,
            [
                (9, true),
                (10, false),
                (19, true),
                (20, false),
                (29, true),
                (30, false)
            ]
        );
    }

    #[test]
    fn turns_equal_scipy_find_peaks_by_prominence() {
        // scipy 1.17.1: signal.find_peaks(y, prominence=2)[0] == [2, 6]
        let y = [0.0, 1.0, 4.0, 3.5, 3.9, 1.0, 5.0, 2.0, 2.5, 1.0];
        let peaks: Vec<usize> = turning_points(&y, 2.0)
            .iter()
            .filter(|t| t.peak)
            .map(|t| t.index)
            .collect();
        assert_eq!(peaks, [2, 6]);
    }
}
