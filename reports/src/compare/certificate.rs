//! The fix certificate: two sides against each other.

use super::alike::{lengths, unlike_load, unlike_memory};
use super::beside::leak_beside;
use super::effect::{Effect, effects};
use super::gauge::{GaugeChange, gauge_changes};
use super::ratio::{CONFIDENCE, Equivalence, Estimate, equivalence, ratio};
use super::requirement::{Answer, Decision, Terms, answer, incomplete};
use super::side::Side;
use super::spread::{Moments, welch};
use crate::cell::{Metric, file_name};
use crate::chart::{Overlay, Series};
use leaklab_judge::Verdict;
use leaklab_judge::amount::{amount_text, duration_text};

/// What the growth of a comparison is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Bytes per operation: does not depend on the machine.
    PerOperation,
    /// Bytes per hour, where one side counts no operations.
    PerHour,
}

impl Basis {
    /// The words behind an amount.
    pub fn words(self) -> &'static str {
        match self {
            Basis::PerOperation => "per operation",
            Basis::PerHour => "per hour",
        }
    }
}

/// Whether the second side is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its growth is not larger by more than the budget.
    NotWorse,
    /// Its growth is larger by more than the budget.
    Worse,
    /// The series do not say.
    CannotSay,
}

/// A circumstance in which the sides differ.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// What differs.
    pub what: String,
    /// Before; absent if it was not recorded.
    pub before: Option<String>,
    /// After.
    pub after: Option<String>,
}

/// Two sides compared.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Comparison {
    /// The sentence to quote.
    pub sentence: String,
    /// Whether the second side grows more; what that makes of what is asked is in `answer`.
    #[serde(skip)]
    pub outcome: Outcome,
    /// Whether what was asked of the second side is so.
    pub answer: Answer,
    /// What growth is counted by.
    pub basis: Option<Basis>,
    /// The growth that is accepted, on that basis, in bytes.
    pub budget: Option<f64>,
    /// Why the growth of one side is not subtracted from that of the other; absent if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlike: Option<String>,
    /// Share of the growth that is gone, in percent, with its interval; absent if there was no
    /// growth that could be told from none.
    pub removed_percent: Option<Estimate>,
    /// Growth after less growth before, with its interval.
    pub growth_difference: Option<Estimate>,
    /// Whether what remains is within the budget.
    pub remaining: Option<Equivalence>,
    /// Peak, level, CPU, latency, throughput, descriptors, threads, start-up.
    pub changes: Vec<Effect>,
    /// Gauges of the program, those first that move with its memory.
    pub gauges: Vec<GaugeChange>,
    /// Seeds, parameters, hosts, versions in which the sides differ.
    pub differences: Vec<Difference>,
    /// The first side.
    pub before: Side,
    /// The second side.
    pub after: Side,
}

impl Comparison {
    /// Compares two sides, and asks that the second is not worse.
    pub fn new(before: Side, after: Side) -> Self {
        Self::with(before, after, &Terms::default())
    }

    /// Compares two sides. The budget is the second side's, or else the first's.
    pub fn with(before: Side, after: Side, terms: &Terms) -> Self {
        let per_operation = before
            .per_operation_moments
            .zip(after.per_operation_moments);
        let per_hour = before.per_hour_moments.zip(after.per_hour_moments);
        let unlike = unlike_memory(&before, &after);
        let (basis, growth) = match (per_operation, per_hour) {
            _ if unlike.is_some() => (None, None),
            (Some(growth), _) => (Some(Basis::PerOperation), Some(growth)),
            (None, Some(growth)) => (Some(Basis::PerHour), Some(growth)),
            (None, None) => (None, None),
        };
        let unlike = unlike.or_else(|| unlike_load(&before, &after, basis));
        let rates = [&before, &after].map(|side| side.operations_per_second);
        let rate = rates.into_iter().flatten().reduce(f64::max);
        let budget_of = |side: &Side| match basis {
            Some(Basis::PerOperation) => side.budget_per_operation_at(rate),
            _ => side.budget_per_hour,
        };
        let budget = budget_of(&after).or_else(|| budget_of(&before));
        let growth_difference =
            growth.map(|(b, a)| Moments::difference(&b, &a).interval(CONFIDENCE));
        let removed_percent = growth
            .filter(|(b, _)| b.interval(CONFIDENCE).low > 0.0)
            .and_then(|(b, a)| {
                let one = match basis {
                    Some(Basis::PerOperation) => of_one_operation(&before, &after),
                    _ => 0.0,
                };
                kept_share(&b, &a, one * b.value)
            })
            .map(|kept| Estimate {
                value: 100.0 * (1.0 - kept.value),
                low: 100.0 * (1.0 - kept.high),
                high: 100.0 * (1.0 - kept.low),
            });
        let remaining = growth
            .zip(budget)
            .map(|((_, after), budget)| equivalence(&after.interval(CONFIDENCE), budget));
        let mut comparison = Comparison {
            sentence: String::new(),
            outcome: outcome(growth_difference, budget),
            answer: Answer {
                requirement: terms.requirement,
                decision: Decision::Open,
                reason: String::new(),
                more_repeats: None,
            },
            basis,
            budget,
            unlike,
            removed_percent,
            growth_difference,
            remaining,
            changes: effects(&before, &after, &terms.budgets),
            gauges: gauge_changes(&before.gauges, &after.gauges),
            differences: differences(&before, &after),
            before,
            after,
        };
        comparison.answer = answer(&comparison, terms.requirement);
        comparison.withhold();
        comparison.sentence = comparison.phrase();
        let harmed = comparison.harm();
        if !harmed.is_empty() {
            let growth = std::mem::take(&mut comparison.sentence);
            comparison.sentence = format!("the second is worse: {}; {growth}", harmed.join(", "));
        }
        comparison
    }

    /// What did not come to its end shows no more than the growth up to then: nothing of it is within
    /// a budget, and nothing removed.
    fn withhold(&mut self) {
        let is_open = incomplete(&self.before, &self.after).is_some();
        if is_open && self.after.verdict != Verdict::Leak {
            self.outcome = Outcome::CannotSay;
            self.remaining = None;
            self.removed_percent = None;
        }
    }

    /// What has surely become worse beyond what is accepted, beside growth.
    fn harm(&self) -> Vec<String> {
        let changes = self.changes.iter();
        let harmed = changes.filter(|effect| effect.decision == Decision::Refuted);
        let beside = leak_beside(&self.before, &self.after);
        let leaks = beside.filter(|(decision, _)| *decision == Decision::Refuted);
        let leaks = leaks.map(|(_, words)| words);
        leaks.into_iter().chain(harmed.map(Effect::words)).collect()
    }

    /// The growth of both sides with their errors, on the basis of the comparison.
    pub(super) fn moments(&self) -> Option<[Moments; 2]> {
        let [before, after] = [&self.before, &self.after].map(|side| match self.basis? {
            Basis::PerOperation => side.per_operation_moments,
            Basis::PerHour => side.per_hour_moments,
        });
        Some([before?, after?])
    }

    /// Runs of the side that has fewer.
    pub(super) fn runs(&self) -> u64 {
        self.before.runs.min(self.after.runs)
    }

    /// The growth of a side on the basis of the comparison.
    pub fn growth<'a>(&self, side: &'a Side) -> Option<&'a Estimate> {
        match self.basis? {
            Basis::PerOperation => side.per_operation.as_ref(),
            Basis::PerHour => side.per_hour.as_ref(),
        }
    }

    /// The picture of both: the title is the sentence.
    pub fn overlay(&self) -> Overlay {
        let series = |side: &Side, when: &str| Series {
            name: match short_name(side) {
                name if name == when => name.to_owned(),
                name => format!("{when}: {name}"),
            },
            variant: when.to_owned(),
            // The first is drawn as what is wrong, the second as its remedy.
            role: side.role.clone(),
            times_s: side.times_s.clone(),
            values: side.values.clone(),
            load_end: side
                .values
                .iter()
                .rev()
                .find(|v| !v.is_nan())
                .copied()
                .unwrap_or(0.0),
            trouble: side.trouble.clone(),
            band: side.band.clone(),
            growth: None,
        };
        Overlay {
            title: self.sentence.clone(),
            subtitle: format!(
                "{} before and after: {} and {}",
                Metric::named(&self.before.metric).label,
                self.before.name,
                self.after.name
            ),
            metric: Metric::named(&self.before.metric),
            series: vec![series(&self.before, "before"), series(&self.after, "after")],
            phases: self.before.phases.common(self.after.phases),
            marks: Vec::new(),
            note: self.difference_note(),
        }
    }

    /// A name for files: the addresses of both sides, as far as a file's name can hold them.
    pub fn file_stem(&self) -> String {
        let (before, after) = (&self.before.name, &self.after.name);
        file_name(&format!("{before}-to-{after}").replace("::", "-"))
    }

    fn difference_note(&self) -> String {
        if self.differences.is_empty() {
            return String::new();
        }
        let names: Vec<&str> = self.differences.iter().map(|d| d.what.as_str()).collect();
        format!("The sides also differ in {}.", names.join(", "))
    }

    /// The sentence to quote.
    fn phrase(&self) -> String {
        let Some(trouble) = incomplete(&self.before, &self.after) else {
            return self.growth_phrase();
        };
        // Growth up to an end is growth; that there was none up to then says nothing.
        match self.after.verdict == Verdict::Leak && self.after.is_measured {
            true => format!("{trouble}; up to then {}", self.growth_phrase()),
            false => trouble,
        }
    }

    fn growth_phrase(&self) -> String {
        if let (Some(unlike), None) = (&self.unlike, self.basis) {
            return format!("cannot be compared: {unlike}");
        }
        let growth = self.growth(&self.before).zip(self.growth(&self.after));
        let (Some((before, after)), Some(basis)) = (growth, self.basis) else {
            return format!(
                "cannot be compared: {}",
                if self.growth(&self.before).is_none() {
                    &self.before.reason
                } else {
                    &self.after.reason
                }
            );
        };
        let bytes = |value| self.amount(value);
        let rate = |value: f64| format!("{} {}", bytes(value), basis.words());
        let remains = self.remains(after, basis);
        if self.before.verdict == Verdict::NoLeak {
            let both = format!(
                "{} before, {} after",
                bytes(before.value),
                rate(after.value)
            );
            return match self.outcome {
                Outcome::Worse => {
                    format!("the change brings growth beyond the budget: {both}")
                }
                Outcome::NotWorse if self.after.verdict == Verdict::NoLeak => {
                    format!("neither grows beyond its budget: {both}")
                }
                _ => format!("there was no growth beyond the budget before: {both}"),
            };
        }
        match &self.removed_percent {
            Some(removed) if removed.low > 0.0 && self.is_whole(after) => format!(
                "the fix removes all of the growth of {}: {remains}",
                rate(before.value)
            ),
            Some(removed) if removed.low > 0.0 => format!(
                "the fix removes {} % of the growth; {remains}",
                with_error(removed)
            ),
            Some(removed) if removed.high < 0.0 => format!(
                "the change adds {} % to the growth: from {} to {}",
                with_error(&removed.scaled(-1.0)),
                bytes(before.value),
                rate(after.value)
            ),
            Some(removed) => format!(
                "no change of the growth can be told: {} before, {} after ({} % removed)",
                bytes(before.value),
                rate(after.value),
                with_error(removed)
            ),
            None if self.outcome == Outcome::Worse => format!(
                "the change brings growth of {}; before there was none that could be told",
                rate(after.value)
            ),
            None => format!("there was no growth before that could be told; {remains}"),
        }
    }

    /// An amount of the metric that is compared.
    pub(super) fn amount(&self, value: f64) -> String {
        amount_text(value, self.after.unit.judged())
    }

    /// Whether what remains may be nothing and is within the budget for sure.
    fn is_whole(&self, after: &Estimate) -> bool {
        self.after.verdict == Verdict::NoLeak
            && after.low <= 0.0
            && self.remaining.as_ref().is_some_and(|test| test.within)
    }

    /// What of the growth is left.
    fn remains(&self, after: &Estimate, basis: Basis) -> String {
        let bytes = |value| self.amount(value);
        let amount = format!("{} {}", bytes(after.value), basis.words());
        if self.after.verdict == Verdict::Inconclusive {
            // Steps, slowing growth: an interval that is narrow need not be the whole truth.
            return format!("{amount} remains, which is inconclusive yet");
        }
        match &self.remaining {
            Some(test) if test.within && after.low <= 0.0 => format!(
                "at most {} {} remains, within the budget of {}",
                bytes(after.high.max(0.0)),
                basis.words(),
                bytes(test.budget)
            ),
            Some(test) if test.within => format!(
                "{amount} remains, within the budget of {}",
                bytes(test.budget)
            ),
            Some(test) if test.beyond => format!("{amount} remains"),
            _ if after.low <= 0.0 => format!(
                "between {} and {} {} remains",
                bytes(after.low.max(0.0)),
                bytes(after.high),
                basis.words()
            ),
            _ => format!("{amount} remains"),
        }
    }
}

/// The name in a legend: the variant, or the address where there is none.
fn short_name(side: &Side) -> &str {
    if side.variant.is_empty() {
        &side.name
    } else {
        &side.variant
    }
}

/// `99.4 ± 0.3`, with as many decimals as the error has; `99.4 (80.1 to 99.9)` if lopsided.
pub(super) fn with_error(estimate: &Estimate) -> String {
    let half = estimate.half_width();
    let middle = (estimate.high + estimate.low) / 2.0;
    let decimals = decimals_for(half);
    if (middle - estimate.value).abs() > 0.1 * half && half > 0.05 {
        return format!(
            "{:.decimals$} ({:.decimals$} to {:.decimals$})",
            estimate.value, estimate.low, estimate.high
        );
    }
    // An error that rounds to nothing is given as the last digit that is shown.
    let shown = half.max(10f64.powi(-(decimals as i32)));
    format!("{:.decimals$} ± {shown:.decimals$}", estimate.value)
}

/// Decimals that show the first digit of an error, from none to three.
fn decimals_for(error: f64) -> usize {
    if error <= 0.0 {
        return 3;
    }
    (-error.log10().floor()).clamp(0.0, 3.0) as usize
}

fn outcome(difference: Option<Estimate>, budget: Option<f64>) -> Outcome {
    match difference.zip(budget) {
        Some((difference, budget)) if difference.low > budget => Outcome::Worse,
        Some((difference, budget)) if difference.high <= budget => Outcome::NotWorse,
        _ => Outcome::CannotSay,
    }
}

/// Relative standard error of a share that comes from one operation that is under way at either end
/// of the loads of a side: of 140 operations none is known to better than some 0.3 %, however
/// exact the readings are and however well the runs agree.
fn of_one_operation(before: &Side, after: &Side) -> f64 {
    let counts = [before, after].map(|side| side.operations.filter(|count| *count > 0.0));
    let fewest = counts.into_iter().flatten().reduce(f64::min);
    let runs = before.runs.min(after.runs) as f64;
    fewest.map_or(0.0, |count| 1.0 / (count * (6.0 * runs).sqrt()))
}

/// The part of the growth before that is left, with its interval; `counted` is the least error of
/// the growth after.
fn kept_share(before: &Moments, after: &Moments, counted: f64) -> Option<Estimate> {
    let after = &Moments {
        standard_error: after.standard_error.hypot(counted),
        ..*after
    };
    let share = after.value / before.value;
    // Both errors with one quantile, of the degrees of freedom that their ratio has.
    let quantile = super::spread::quantile(CONFIDENCE, welch(&[(before, share), (after, 1.0)]));
    let widened = |one: &Moments| Estimate {
        value: one.value,
        low: one.value - quantile * one.standard_error,
        high: one.value + quantile * one.standard_error,
    };
    ratio(&widened(after), &widened(before))
}

fn differences(before: &Side, after: &Side) -> Vec<Difference> {
    let mut names: Vec<&String> = before.circumstances.keys().collect();
    for name in after.circumstances.keys() {
        if !before.circumstances.contains_key(name) {
            names.push(name);
        }
    }
    let of = |side: &Side, name: &str| side.circumstances.get(name).cloned();
    let mut found: Vec<Difference> = names
        .into_iter()
        .map(|name| Difference {
            what: name.clone(),
            before: of(before, name),
            after: of(after, name),
        })
        .filter(|difference| difference.before != difference.after)
        .collect();
    if before.metric != after.metric {
        found.push(Difference {
            what: "metric".to_owned(),
            before: Some(before.metric.clone()),
            after: Some(after.metric.clone()),
        });
    }
    for (name, trouble) in [("end", [&before.trouble, &after.trouble])] {
        if trouble[0] != trouble[1] {
            let [b, a] = trouble.map(|t| Some(t.clone().unwrap_or_else(|| "completed".to_owned())));
            found.push(Difference {
                what: name.to_owned(),
                before: b,
                after: a,
            });
        }
    }
    if let Some(lengths) = lengths(before, after) {
        found.push(Difference {
            what: "length".to_owned(),
            before: Some(duration_text(lengths[0])),
            after: Some(duration_text(lengths[1])),
        });
    }
    found
}

impl Side {
    /// `leak`, `no-leak` or `inconclusive`, and where the growth sits. What did not come to its end
    /// has leaked up to then, or has no verdict.
    pub fn verdict_words(&self) -> String {
        let verdict = match (self.verdict, self.kind) {
            (Verdict::Leak, Some(kind)) => format!("leak ({kind})"),
            (verdict, _) => verdict.to_string(),
        };
        match &self.trouble {
            None => verdict,
            Some(trouble) if self.verdict == Verdict::Leak && self.is_measured => {
                format!("{verdict}, {trouble}")
            }
            Some(trouble) => format!("no verdict, {trouble}"),
        }
    }
}
