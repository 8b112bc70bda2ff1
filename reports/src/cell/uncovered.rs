//! Whether what a verdict is of was read to the end of the load, and was not mostly left out: of
//! what nobody has seen, nobody knows that it is flat.

use leaklab_judge::amount::duration_text;
use leaklab_judge::{CellJudgement, Judgement, Verdict, Window};
use leaklab_run::{Phase, SampleTable};

/// Part of the load that may lie behind the last reading: a collection or a slow page may take
/// the last ones of a load, and a leak of a tenth of it would still have shown before.
pub const UNREAD_PART: f64 = 0.1;
/// Times the longest pause between readings before: what is read seldom is not silent yet.
const LONGEST_PAUSES: f64 = 2.0;
/// Part of the load that marks may leave out.
const MARKED_PART: f64 = 0.5;

/// Why a column has not shown that the whole load is healthy; `None` if it may have.
pub(super) fn uncovered(table: &SampleTable, column: &str, excluded: &[Window]) -> Option<String> {
    let (start_ms, end_ms) = table.phase_span_ms(Phase::Load)?;
    let load_s = (end_ms - start_ms) / 1e3;
    let marked_s = marked_s(excluded, start_ms / 1e3, end_ms / 1e3);
    if marked_s > MARKED_PART * load_s {
        return Some(format!(
            "marks leave out {} of the {} of the load",
            duration_text(marked_s),
            duration_text(load_s)
        ));
    }
    let values = table.column(column)?;
    let mut read_s = (0..table.len())
        .filter(|row| table.phase[*row] == Phase::Load && !values[*row].is_nan())
        .map(|row| table.elapsed_ms[row] / 1e3);
    let mut last_s = read_s.next()?;
    let mut longest_s = 0.0_f64;
    for at_s in read_s {
        longest_s = longest_s.max(at_s - last_s);
        last_s = at_s;
    }
    let unread_s = end_ms / 1e3 - last_s;
    let is_silent = unread_s > UNREAD_PART * load_s && unread_s > LONGEST_PAUSES * longest_s;
    is_silent.then(|| {
        format!(
            "`{column}` was read until {} of the load, and not in the other {}",
            duration_text(last_s - start_ms / 1e3),
            duration_text(unread_s)
        )
    })
}

/// Seconds of a span that lie in one window or more.
fn marked_s(windows: &[Window], start_s: f64, end_s: f64) -> f64 {
    let mut windows: Vec<Window> = windows.to_vec();
    windows.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let (mut sum_s, mut until_s) = (0.0, start_s);
    for window in windows {
        let from_s = window.start_s.max(until_s);
        let to_s = window.end_s.min(end_s);
        sum_s += (to_s - from_s).max(0.0);
        until_s = until_s.max(to_s);
    }
    sum_s
}

/// Takes back that a metric is healthy.
pub(super) fn withhold(judgement: &mut Judgement, why: &str) {
    withhold_because(judgement, words(why));
}

/// Takes back that one metric is healthy, for that reason.
pub(crate) fn withhold_because(judgement: &mut Judgement, reason: String) {
    if judgement.verdict == Verdict::NoLeak {
        judgement.leave_open(reason);
    }
}

/// Takes back that a cell is healthy.
pub(super) fn withhold_cell(judgement: &mut CellJudgement, why: &str) {
    if judgement.verdict == Verdict::NoLeak {
        judgement.leave_open(words(why));
    }
}

fn words(why: &str) -> String {
    format!("{why}: what it did then is not known")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load of 100 s with a row a second, read where `is_read` says.
    fn table(is_read: impl Fn(u32) -> bool) -> SampleTable {
        SampleTable {
            phase: vec![Phase::Load; 101],
            names: vec!["used_bytes".to_owned()],
            values: vec![
                (0..=100)
                    .map(|row| if is_read(row) { 5e6 } else { f64::NAN })
                    .collect(),
            ],
            elapsed_ms: (0..=100).map(|row| f64::from(row) * 1e3).collect(),
            ..SampleTable::default()
        }
    }

    fn found(is_read: impl Fn(u32) -> bool, excluded: &[Window]) -> Option<String> {
        uncovered(&table(is_read), "used_bytes", excluded)
    }

    #[test]
    fn what_falls_silent_before_the_end_has_not_shown_the_end() {
        let words = found(|row| row <= 70, &[]).expect("a silent end");
        assert!(
            words.contains("until 1 min 10 s of the load, and not in the other 30 s"),
            "{words}"
        );
        assert_eq!(found(|row| row <= 92, &[]), None);
        assert_eq!(found(|_| true, &[]), None);
    }

    #[test]
    fn what_is_read_seldom_is_not_silent() {
        assert_eq!(found(|row| row % 30 == 0, &[]), None);
        assert_eq!(found(|row| row % 10 == 0 && row < 85, &[]), None);
        assert!(found(|row| row % 9 == 0 && row < 65, &[]).is_some());
    }

    #[test]
    fn marks_must_leave_half_of_the_load() {
        let marked = |start_s, end_s| Window { start_s, end_s };
        assert_eq!(found(|_| true, &[marked(10.0, 50.0)]), None);
        // Windows that overlap count once.
        assert_eq!(
            found(|_| true, &[marked(10.0, 50.0), marked(20.0, 55.0)]),
            None
        );
        let words = found(|_| true, &[marked(10.0, 50.0), marked(60.0, 900.0)]);
        assert!(
            words
                .expect("too many")
                .contains("marks leave out 1 min 20 s")
        );
    }
}
