//! Small charts made of characters, for terminals: one line of blocks, or a braille field.
//!
//! Both are plain text without colour or escape codes, so that they can stand in a table,
//! a log or an error message. Values are placed between the limits of a [`Frame`]; every
//! bucket of values shows its extremes, so that a spike is never thinned away. NaN is a gap.

/// The values at the lower and the upper edge of a sketch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Value at the lower edge.
    pub low: f64,
    /// Value at the upper edge.
    pub high: f64,
}

impl Frame {
    /// From the smallest to the largest finite value; `None` if there is none.
    ///
    /// Small movements fill such a frame: say its limits beside it.
    pub fn around(values: &[f64]) -> Option<Self> {
        let mut finite = values.iter().copied().filter(|value| value.is_finite());
        let first = finite.next()?;
        Some(finite.fold(
            Frame {
                low: first,
                high: first,
            },
            |frame, value| Frame {
                low: frame.low.min(value),
                high: frame.high.max(value),
            },
        ))
    }

    /// From zero, or from below it where values are negative, to the largest value.
    pub fn from_zero(values: &[f64]) -> Option<Self> {
        Self::around(values).map(|frame| Frame {
            low: frame.low.min(0.0),
            high: frame.high.max(0.0),
        })
    }

    /// The step from 0 to `steps - 1` that `value` falls on. A frame without height has its
    /// values on the lowest step.
    fn step(&self, value: f64, steps: usize) -> usize {
        let height = self.high - self.low;
        if height <= 0.0 || !height.is_finite() {
            return 0;
        }
        let share = ((value - self.low) / height).clamp(0.0, 1.0);
        (share * (steps - 1) as f64).round() as usize
    }
}

/// One line of blocks, `width` characters at most; fewer values make a shorter line.
///
/// Values count as evenly spaced. A character shows the largest value of its bucket, and a
/// space where it has none.
pub fn sparkline(values: &[f64], width: usize, frame: Frame) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = width.min(values.len());
    (0..width)
        .map(|i| {
            let bucket = &values[i * values.len() / width..(i + 1) * values.len() / width];
            match Frame::around(bucket) {
                Some(extremes) => BLOCKS[frame.step(extremes.high, BLOCKS.len())],
                None => ' ',
            }
        })
        .collect()
}

/// A field of braille dots, `height` lines of `width` characters: 2 × 4 dots each.
///
/// `times` (any unit, ascending) and `values` have one entry per sample; the first time is
/// at the left edge and the last at the right one. A column of dots shows the whole range of
/// its values, joined with the column before it. Trailing blanks are kept, so that lines can
/// be framed.
pub fn braille(
    times: &[f64],
    values: &[f64],
    width: usize,
    height: usize,
    frame: Frame,
) -> Vec<String> {
    let (columns, rows) = (2 * width, 4 * height);
    let mut dots = Dots::new(width, height);
    if columns == 0 || rows == 0 {
        return dots.lines();
    }
    let ranges = column_ranges(times, values, columns);
    let mut before: Option<(usize, usize)> = None;
    for (column, range) in ranges.iter().enumerate() {
        let Some(range) = range else { continue };
        let (low, high) = (frame.step(range.low, rows), frame.step(range.high, rows));
        let (mut from, mut to) = (low, high);
        // The line to the column beside it, so that a steep rise has no holes.
        if let Some((low_before, high_before)) = before {
            from = from.min(high_before.saturating_add(1));
            to = to.max(low_before.saturating_sub(1));
        }
        for row in from..=to {
            dots.set(column, rows - 1 - row);
        }
        before = Some((low, high));
    }
    dots.lines()
}

/// The smallest and the largest value in each column of dots, straight lines between samples
/// included; a NaN between two samples leaves their line out.
fn column_ranges(times: &[f64], values: &[f64], columns: usize) -> Vec<Option<Frame>> {
    let mut ranges: Vec<Option<Frame>> = vec![None; columns];
    let Some(span) = Frame::around(times) else {
        return ranges;
    };
    let mut widen = |column: usize, value: f64| {
        let range: &mut Option<Frame> = &mut ranges[column];
        let (low, high) = range.map_or((value, value), |r| (r.low.min(value), r.high.max(value)));
        *range = Some(Frame { low, high });
    };
    let mut before: Option<(usize, f64)> = None;
    for (time, value) in times.iter().zip(values) {
        if !time.is_finite() || !value.is_finite() {
            before = None;
            continue;
        }
        let column = span.step(*time, columns);
        if let Some((from, start)) = before {
            for between in from + 1..column {
                let share = (between - from) as f64 / (column - from) as f64;
                widen(between, start + (value - start) * share);
            }
        }
        widen(column, *value);
        before = Some((column, *value));
    }
    ranges
}

/// A line as wide as a sketch that brackets a part of its time, as `  ├────┤`.
///
/// `from` and `to` are shares of the time shown, from 0 to 1; the judge marks the part that
/// it fitted with it.
pub fn bracket(width: usize, from: f64, to: f64) -> String {
    if width == 0 || !from.is_finite() || !to.is_finite() {
        return String::new();
    }
    let place = |share: f64| (share.clamp(0.0, 1.0) * (width - 1) as f64).round() as usize;
    let (first, last) = (place(from.min(to)), place(from.max(to)));
    (0..width)
        .map(|i| match i {
            _ if i < first || i > last => ' ',
            _ if first == last => '│',
            _ if i == first => '├',
            _ if i == last => '┤',
            _ => '─',
        })
        .collect()
}

/// A field of dots, four rows and two columns of them to a character.
struct Dots {
    width: usize,
    cells: Vec<u8>,
}

impl Dots {
    fn new(width: usize, height: usize) -> Self {
        Dots {
            width,
            cells: vec![0; width * height],
        }
    }

    /// Sets a dot; `row` counts from the top.
    fn set(&mut self, column: usize, row: usize) {
        // Unicode 15, chapter 21.1: dots 1 to 3 and 7 are the left column, from the top.
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        self.cells[row / 4 * self.width + column / 2] |= BITS[column % 2][row % 4];
    }

    fn lines(&self) -> Vec<String> {
        const EMPTY: u32 = 0x2800;
        self.cells
            .chunks(self.width.max(1))
            .map(|line| {
                line.iter()
                    .filter_map(|bits| char::from_u32(EMPTY + u32::from(*bits)))
                    .collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Frame = Frame {
        low: 0.0,
        high: 1.0,
    };

    #[test]
    fn a_line_of_blocks_climbs_with_its_values_and_leaves_gaps() {
        let values = [0.0, 0.5, f64::NAN, 1.0];
        assert_eq!(sparkline(&values, 4, UNIT), "▁▅ █");
        assert_eq!(sparkline(&[], 4, UNIT), "");
        assert_eq!(sparkline(&values, 0, UNIT), "");
    }

    #[test]
    fn a_spike_survives_any_thinning() {
        let mut values = vec![0.0; 10_000];
        values[7_777] = 1.0;
        let line = sparkline(&values, 10, UNIT);
        assert_eq!(line, "▁▁▁▁▁▁▁█▁▁");
        let times: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        let field = braille(&times, &values, 10, 1, UNIT);
        assert_ne!(field[0].chars().nth(7), Some('⣀'), "{field:?}");
    }

    #[test]
    fn a_straight_rise_is_a_diagonal_of_dots() {
        let line: Vec<f64> = (0..8).map(|i| f64::from(i) / 7.0).collect();
        assert_eq!(braille(&line, &line, 4, 2, UNIT), ["⠀⠀⡠⠊", "⡠⠊⠀⠀"]);
    }

    #[test]
    fn a_jump_has_no_hole() {
        let field = braille(&[0.0, 1.0], &[0.0, 1.0], 1, 2, UNIT);
        let dots: u32 = field
            .concat()
            .chars()
            .map(|c| (u32::from(c) - 0x2800).count_ones())
            .sum();
        assert_eq!(
            dots, 8,
            "one below, seven to join it and to reach the top: {field:?}"
        );
    }

    #[test]
    fn time_places_the_dots_not_the_row_number() {
        // Half of the rise is over after a hundredth of the time.
        let field = braille(&[0.0, 1.0, 100.0], &[0.0, 0.5, 1.0], 5, 1, UNIT);
        assert_eq!(field, ["⡖⠒⠒⠉⠉"]);
    }

    #[test]
    fn a_reading_that_failed_leaves_a_gap() {
        let field = braille(
            &[0.0, 1.0, 2.0, 3.0],
            &[0.0, f64::NAN, 0.0, 0.0],
            4,
            1,
            UNIT,
        );
        assert_eq!(field, ["⡀⠀⢀⣀"]);
    }

    #[test]
    fn degenerate_input_draws_nothing_and_does_not_fail() {
        let blank = vec!["⠀⠀".to_owned()];
        assert_eq!(braille(&[], &[], 2, 1, UNIT), blank);
        assert_eq!(braille(&[0.0], &[f64::NAN], 2, 1, UNIT), blank);
        assert!(braille(&[0.0], &[1.0], 0, 0, UNIT).is_empty());
        assert_eq!(Frame::around(&[f64::NAN]), None);
        let flat = Frame::around(&[7.0, 7.0]).expect("values");
        assert_eq!(sparkline(&[7.0, 7.0], 2, flat), "▁▁");
    }

    #[test]
    fn frames_reach_zero_from_either_side() {
        let limits = |values: &[f64]| Frame::from_zero(values).map(|f| (f.low, f.high));
        assert_eq!(limits(&[5.0, 9.0]), Some((0.0, 9.0)));
        assert_eq!(limits(&[-5.0, -3.0]), Some((-5.0, 0.0)));
    }

    #[test]
    fn a_bracket_marks_its_part() {
        assert_eq!(bracket(8, 0.25, 1.0), "  ├────┤");
        assert_eq!(bracket(5, 0.5, 0.5), "  │  ");
        assert_eq!(bracket(3, f64::NAN, 1.0), "");
    }
}
