//! Cuts a line into dashes.

use super::scene::Point;

/// The pieces of `points` that are drawn with this pattern of line and gap lengths; the whole
/// line for an empty pattern.
///
/// Lengths follow the line while it is calm. Where it swings up and down all the time, only
/// the way to the right counts: dashes along a dense zigzag would be noise.
pub(super) fn dashed(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    if pattern.is_empty() || points.len() < 2 {
        return vec![points.to_vec()];
    }
    let weight = if is_zigzag(points) { 0.02 } else { 1.0 };
    let length = |a: Point, b: Point| (b.0 - a.0).hypot((b.1 - a.1) * weight);
    let mut pieces = Vec::new();
    let mut piece = vec![points[0]];
    let mut index = 0;
    let mut left = pattern[0];
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut rest = length(from, to);
        while rest > left {
            let share = left / rest;
            from = (
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            );
            rest -= left;
            if index % 2 == 0 {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            index = (index + 1) % pattern.len();
            left = pattern[index];
        }
        left -= rest;
        if index % 2 == 0 {
            piece.push(to);
        }
    }
    if index % 2 == 0 && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// Whether a line swings up and down all the time, from one pixel column to the next.
pub(super) fn is_zigzag(points: &[Point]) -> bool {
    let (across, along) = points.windows(2).fold((0.0, 0.0), |(x, y), pair| {
        (
            x + (pair[1].0 - pair[0].0).abs(),
            y + (pair[1].1 - pair[0].1).abs(),
        )
    });
    let dense = across < 2.5 * points.len() as f64;
    points.len() > 16 && dense && along > 4.0 * across
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_have_the_lengths_of_their_pattern() {
        let pieces = dashed(&[(0.0, 0.0), (7.0, 0.0), (20.0, 0.0)], &[4.0, 2.0]);
        let spans: Vec<_> = pieces
            .iter()
            .map(|piece| (piece[0].0, piece[piece.len() - 1].0))
            .collect();
        assert_eq!(spans, [(0.0, 4.0), (6.0, 10.0), (12.0, 16.0), (18.0, 20.0)]);
    }

    #[test]
    fn a_vertical_line_has_dashes_too() {
        assert_eq!(dashed(&[(3.0, 0.0), (3.0, 100.0)], &[5.0, 5.0]).len(), 10);
    }

    #[test]
    fn no_pattern_is_the_whole_line() {
        let points = [(0.0, 1.0), (5.0, 2.0)];
        assert_eq!(dashed(&points, &[]), [points.to_vec()]);
    }
}
