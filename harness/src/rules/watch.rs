//! Whether a rule's condition has held for long enough.

use super::Rule;

/// A rule, and how its condition stood so far.
pub struct RuleWatch {
    /// The rule.
    pub rule: Rule,
    /// Since when it has held, at every row.
    since_ms: Option<f64>,
    /// Whether it has fired since it held last.
    has_fired: bool,
    fired: u64,
    /// Whether a row ever had all its figures.
    was_known: bool,
}

impl RuleWatch {
    /// Of a rule, before the first row.
    pub fn new(rule: Rule) -> Self {
        RuleWatch {
            rule,
            since_ms: None,
            has_fired: false,
            fired: 0,
            was_known: false,
        }
    }

    /// Takes a row; true if the rule fires at it. A row that lacks a figure says nothing.
    pub fn fires(&mut self, at_ms: f64, of: &dyn Fn(&str) -> Option<f64>) -> bool {
        let Some(value) = self.rule.condition.value(of) else {
            return false;
        };
        self.was_known = true;
        if value == 0.0 {
            self.since_ms = None;
            self.has_fired = false;
            return false;
        }
        let since_ms = *self.since_ms.get_or_insert(at_ms);
        let held_ms = self.rule.text.hold.as_secs_f64() * 1e3;
        let fires =
            !self.has_fired && self.fired < self.rule.text.at_most && at_ms - since_ms >= held_ms;
        self.has_fired |= fires;
        self.fired += u64::from(fires);
        fires
    }

    /// Whether no row had all its figures: a rule that could not fire.
    pub fn was_blind(&self) -> bool {
        !self.was_known
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Action, RuleText};
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_fires_when_it_has_held_and_again_after_it_has_not() {
        let text = RuleText {
            number: 1,
            when: "heap_used > 10".to_owned(),
            hold: Duration::from_secs(2),
            actions: vec![Action::Where],
            at_most: 2,
        };
        let mut watch = RuleWatch::new(text.of_cell(&[], &[], true).expect("a rule"));
        assert!(watch.was_blind());
        let rows = [
            (0.0, Some(11.0)),
            (1e3, None),
            (2e3, Some(12.0)),
            (3e3, Some(12.0)),
            (4e3, Some(9.0)),
            (5e3, Some(11.0)),
            (6e3, Some(9.0)),
            (7e3, Some(11.0)),
            (9e3, Some(11.0)),
            (10e3, Some(1.0)),
            (11e3, Some(11.0)),
            (14e3, Some(11.0)),
        ];
        let fired: Vec<f64> = rows
            .into_iter()
            .filter(|(at, used)| watch.fires(*at, &|_| *used))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(fired, [2e3, 9e3]);
        assert!(!watch.was_blind());
    }
}
