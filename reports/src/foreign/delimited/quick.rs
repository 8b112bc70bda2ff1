//! The rows of plain numbers that most tables are made of, straight out of the buffer.

use super::{Duty, KEY_SEPARATOR, Rows};

/// Digits of a number that is exact in a double, whatever its point.
const EXACT_DIGITS: usize = 15;

/// Powers of ten that are exact in a double.
const POWERS: [f64; EXACT_DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// A number of digits with at most one point, from a place on; the place behind it. `None` for
/// everything else.
fn digits(bytes: &[u8], from: usize) -> Option<(f64, usize)> {
    let mut mantissa: u64 = 0;
    let mut point = None;
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => mantissa = mantissa.wrapping_mul(10) + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => break,
        }
        at += 1;
        if at - from > EXACT_DIGITS {
            return None;
        }
    }
    let whole = mantissa as f64;
    match point {
        // A point needs digits around it; alone it is no number.
        Some(point) if at - from > 1 => Some((whole / POWERS[at - point - 1], at)),
        None if at > from => Some((whole, at)),
        _ => None,
    }
}

/// What is known of a table whose rows can be taken quickly.
struct Shape {
    /// Columns up to the last.
    columns: usize,
    separator: u8,
    series: usize,
    /// What tells the life of the last row, part by part; another one takes the other way.
    life: Vec<Vec<u8>>,
}

impl Rows {
    /// Takes the whole rows of plain numbers at the beginning of a buffer; their bytes and their
    /// lines. What is anything else is left to the way that knows everything.
    pub fn quick(&mut self, buffer: &[u8], separator: u8) -> (usize, u64) {
        let (mut taken, mut lines) = (0, 0);
        let Some(shape) = self.shape(separator) else {
            return (0, 0);
        };
        let factors: Vec<f64> = self.collector.factors().collect();
        let mut values = vec![f64::NAN; factors.len()];
        let mut last_time = 0..0;
        while let Some((time, end)) = self.numbers(&shape, buffer, taken, &mut values) {
            for (value, factor) in values.iter_mut().zip(&factors) {
                *value *= factor;
            }
            let seconds = match self.clock.seconds_of_number(time.0) {
                Some(seconds) if self.is_newest_first => -seconds,
                Some(seconds) => seconds,
                None => break,
            };
            if !self.collector.quick_row(shape.series, seconds, &values) {
                break;
            }
            last_time = time.1;
            taken = end;
            lines += 1;
        }
        if lines > 0 {
            self.rows += lines;
            self.rows_of_series[shape.series] += lines;
            let field = buffer.get(last_time).unwrap_or_default();
            self.collector.last_time(shape.series, field);
        }
        (taken, lines)
    }

    /// `None` where rows say more than times and values, or nothing was read yet.
    fn shape(&self, separator: u8) -> Option<Shape> {
        let chosen = &self.chosen;
        let is_plain = chosen.keys.len() == chosen.lives
            && chosen.date.is_none()
            && chosen.only.is_empty()
            && chosen.time.is_some()
            && chosen.operations.is_none()
            && chosen.phase.is_none()
            && chosen.restarts.is_none()
            && !self.restart_pending
            && !self.collector.comma_is_point
            && self.rows > 0
            && self.clock.is_of_numbers();
        let (key, series) = is_plain.then(|| self.collector.last_key()).flatten()?;
        let parts = key.split(|byte| *byte == KEY_SEPARATOR as u8);
        Some(Shape {
            columns: self.names.len(),
            separator,
            series,
            life: parts.map(<[u8]>::to_vec).collect(),
        })
    }

    /// The time with its place, the values, and the end of one row.
    fn numbers(
        &mut self,
        shape: &Shape,
        buffer: &[u8],
        from: usize,
        values: &mut [f64],
    ) -> Option<((f64, std::ops::Range<usize>), usize)> {
        let mut at = from;
        let mut time = None;
        for column in 0..shape.columns {
            let duty = *self.duties.get(column)?;
            if duty == Duty::Nothing {
                let rest = buffer.get(at..)?;
                let length = rest
                    .iter()
                    .position(|b| *b == shape.separator || matches!(b, b'\n' | b'"' | b'\r'))?;
                let place = *self.key_places.get(column)?;
                if place < usize::MAX && shape.life.get(place)?[..] != *rest[..length].trim_ascii()
                {
                    return None;
                }
                let companion = *self.companion_places.get(column)?;
                if let Some((_, companion)) = self.chosen.companions.get_mut(companion)
                    && !companion.is_quiet(shape.series, &rest[..length])
                {
                    return None;
                }
                at += length;
            } else {
                let (number, end) = digits(buffer, at)?;
                match duty {
                    Duty::Time => time = Some((number, at..end)),
                    Duty::Value(place) => *values.get_mut(place)? = number,
                    _ => return None,
                }
                at = end;
            }
            let is_last = column + 1 == shape.columns;
            let next = *buffer.get(at)?;
            match is_last {
                false if next == shape.separator => at += 1,
                true if next == b'\n' => at += 1,
                true if next == b'\r' && buffer.get(at + 1) == Some(&b'\n') => at += 2,
                _ => return None,
            }
        }
        Some((time?, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_the_standard_library_reads_them() {
        for text in ["0", "7", "120000000", "1763700000.25", "0.001", "5.", ".5"] {
            let (found, end) = digits(text.as_bytes(), 0).expect(text);
            assert_eq!(found, text.parse::<f64>().expect(text), "{text}");
            assert_eq!(end, text.len());
        }
        for text in ["", ".", "-1", "1234567890123456", "x"] {
            assert!(digits(text.as_bytes(), 0).is_none(), "{text}");
        }
        assert_eq!(digits(b"12,5", 0), Some((12.0, 2)));
    }
}
