//! The lives of a program that was restarted while it was recorded.

use crate::amount::plural;
use crate::decide::case::Case;
use crate::decide::finding::{Finding, Side, ruling_of, shape_of, side_of};
use crate::decide::fitted::judge_between;
use crate::decide::judge_known_life;
use crate::decide::mean_life::{MeanLife, ages, mean_life};
use crate::decide::rules::{
    Asked, LIFE_ALONE, LIVES_DISAGREE, LIVES_TOGETHER, ONE_TOOTH, RESTARTS_OR_TEETH, Ruling,
    SHORT_LIVES, SINCE_RESTART, STANDSTILL, first_to_speak, ruled,
};
use crate::decide::segment::judge_segment;
use crate::decide::windows;
use crate::fit::line::{Line, Precision};
use crate::fit::model::Regressors;
use crate::judgement::{Shape, Verdict};
use crate::policy::levels::FLOOR_WIDER;
use crate::policy::restarts::{
    FEWEST_AGES, LIVES_DIFFER, LONG_STRETCH, MOST_CHANGES, MOST_OF_TIME, RISES_SPREAD, SOME_FALLS,
    TAKEN_BACK, TOOTH_OF_RANGE,
};
use crate::policy::verdict::{FEWEST_READINGS, REPORTED_CONFIDENCE};
use crate::reason::Why;
use crate::shape::bursts::without_long_bursts;
use crate::shape::cycle::find_cycle;
use crate::shape::levels::{find_floor, find_rest};
use crate::shape::restarts::{
    DoubtfulFalls, deep_falls, doubtful_deep_falls, find_restarts, rests_low,
};
use crate::track::Track;

/// Judges a series that restarts cut into lives, each for itself; as one stretch where there is
/// none.
pub(crate) fn judge_restarted(case: &Case<'_>) -> Finding {
    let prepared = case.prepared;
    let (track, cuts) = match prepared.quick_restarts.is_empty() {
        true => {
            let track = without_long_bursts(&prepared.fine, prepared.grain);
            let cuts = find_restarts(&track);
            (track, cuts)
        }
        false => {
            let at = |&place: &f64| prepared.fine.x.partition_point(|&x| x < place);
            let cuts = prepared.quick_restarts.iter().map(at).collect();
            (prepared.fine.clone(), cuts)
        }
    };
    let away = |rest: &Track| prepared.fine.len() - rest.len();
    if let Some(rest) = find_rest(&track) {
        case.note_shape("levels", || {
            let away = away(&rest);
            format!("a level that is left and come back to; {away} readings elsewhere left out")
        });
        return judge_segment(case, &rest);
    }
    if let Some(rest) = find_floor(&prepared.fine) {
        case.note_shape("levels", || {
            let away = away(&rest);
            format!("a level below excursions; {away} readings of these left out")
        });
        let finding = judge_segment(case, &rest);
        // What an excursion has not given back yet lies on the level.
        let line = finding.line.map(|line| {
            let (low, high) = line.interval(REPORTED_CONFIDENCE);
            let more = FLOOR_WIDER * (high - low);
            line.reaching(low - more, high + more)
        });
        return Finding { line, ..finding };
    }
    // What falls at equal intervals is a job that comes and goes rather than a restart.
    let is_cycle = || find_cycle(&track, &Regressors::default(), prepared.day()).is_some();
    let is_job = || cuts.len() >= SOME_FALLS && rests_low(&track, &cuts) && is_cycle();
    let falls_elsewhere = || deep_falls(&prepared.fine) > 2 * cuts.len() + 1;
    if cuts.is_empty() || falls_elsewhere() || is_job() {
        let finding = judge_segment(case, &track);
        let doubt = Doubt {
            finding: &finding,
            is_on_record: prepared.known_restarts.is_some(),
            doubtful: doubtful_deep_falls(&prepared.fine, prepared.base),
        };
        return doubt.ruled(case);
    }
    case.note_shape("restarts", || {
        format!(
            "{} to where the series began",
            plural(cuts.len() as u64, "deep fall")
        )
    });
    judge_lives(case, &track, &cuts, false)
}

/// A finding, and whether the falls of the series are in doubt.
pub(crate) struct Doubt<'a> {
    /// Whether restarts are on record: what is not there was none then.
    pub is_on_record: bool,
    pub finding: &'a Finding,
    pub doubtful: Option<DoubtfulFalls>,
}

impl Doubt<'_> {
    /// The finding as the doubt has it.
    pub fn ruled(&self, case: &Case<'_>) -> Finding {
        let finding = self.finding.clone();
        let ruling = first_to_speak(case, self, &[(RESTARTS_OR_TEETH, restarts_or_teeth)]);
        self.widened(match ruling {
            Some(ruling) => finding.with(ruling),
            None => finding,
        })
    }

    /// `finding` with an interval that holds the growth between falls that may be restarts.
    fn widened(&self, finding: Finding) -> Finding {
        let Some(doubtful) = self.doubtful.filter(|_| !self.is_on_record) else {
            return finding;
        };
        let most = RISES_SPREAD * doubtful.rate;
        let line = finding.line.map(|line| line.reaching(f64::MAX, most));
        Finding { line, ..finding }
    }
}

fn restarts_or_teeth(doubt: &Doubt<'_>) -> Option<Ruling> {
    let DoubtfulFalls { falls, rate } = doubt.doubtful?;
    let finding = doubt.finding;
    // Floors that rise are a leak of teeth; what rises between restarts is one of each life.
    let leaks_either_way = finding.shape == Shape::SawtoothRising
        && rate > finding.budget
        && finding.verdict == Verdict::Leak;
    (finding.verdict != Verdict::Inconclusive && !doubt.is_on_record && !leaks_either_way)
        .then(|| Ruling::open(Why::RestartsOrTeeth { falls }))
}

/// Judges the lives of a program that is known to have been restarted.
pub(crate) fn judge_known_lives(case: &Case<'_>, places: &[f64]) -> Finding {
    let prepared = case.prepared;
    let track = &prepared.fine;
    let mut cuts: Vec<usize> = places
        .iter()
        .map(|&place| track.x.partition_point(|&x| x < place))
        .filter(|&cut| cut > 0 && cut < track.len())
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    case.note_shape("restarts", || format!("{} on record", cuts.len()));
    judge_lives(case, track, &cuts, true)
}

/// Judges what lies between `cuts`, each for itself, and all together. Where these are on
/// record, a life is no tooth, and as many as there are speak together.
fn judge_lives(case: &Case<'_>, track: &Track, cuts: &[usize], are_known: bool) -> Finding {
    let mut edges = vec![0];
    edges.extend(cuts);
    edges.push(track.len());
    let deepest = deepest_fall(track, &edges);
    let lives: Vec<Finding> = edges
        .windows(2)
        .filter(|edge| edge[1] - edge[0] >= FEWEST_READINGS)
        .map(|edge| {
            let part = track.slice(edge[0]..edge[1]);
            match are_known {
                true => judge_known_life(case, &part),
                false => judge_life(case, &part, deepest),
            }
        })
        .collect();
    let all = judge_together(case, track, lives.clone(), are_known);
    let Some(finding) = all else {
        let finding = judge_segment(case, &case.prepared.fine);
        // No life has the readings that something can be said of.
        return match are_known {
            true => finding.with(Ruling::open(Why::ShortLives {
                restarts: cuts.len(),
            })),
            false => finding,
        };
    };
    let is_sequence = are_known && !case.options.replicas;
    if !is_sequence || finding.verdict != Verdict::Inconclusive {
        return finding;
    }
    let since = since_restart(case, track, cuts, &lives);
    let rule: Asked<Option<Finding>> = (SINCE_RESTART, |since| {
        let since = since.as_ref()?;
        Some(Ruling::new(since.verdict, since.why.clone()))
    });
    let ruling = first_to_speak(case, &since, &[rule]);
    since.filter(|_| ruling.is_some()).unwrap_or(finding)
}

/// What the lives since one restart say, where those before it said something else: what runs
/// now is what is asked for.
fn since_restart(
    case: &Case<'_>,
    track: &Track,
    cuts: &[usize],
    lives: &[Finding],
) -> Option<Finding> {
    let end = track.x[track.len() - 1];
    let length = |lives: &[Finding]| lives.iter().map(Finding::length).sum::<f64>();
    let latest = cuts.len().saturating_sub(MOST_CHANGES);
    cuts[latest..].iter().find_map(|&cut| {
        let change = track.x[cut];
        let (before, since): (Vec<Finding>, Vec<Finding>) = lives
            .iter()
            .cloned()
            .partition(|life| life.stretch.1 < change);
        let share = length(&since) / length(lives);
        let oldest = since.iter().map(Finding::length).fold(0.0, f64::max);
        let since = judge_together(case, &track.slice(cut..track.len()), since, true)?;
        let earlier = before.clone();
        let before = judge_together(case, &track.slice(0..cut), before, true)?;
        let is_change = match since.verdict {
            Verdict::Leak => {
                let rate = since.line.as_ref()?.slope;
                let is_less = |before: &Finding| {
                    let most = |line: &Line| line.interval(REPORTED_CONFIDENCE).1;
                    let is_slower = is_straight(before)
                        && before.line.as_ref().is_some_and(|l| most(l) < 0.5 * rate);
                    before.verdict == Verdict::NoLeak || is_slower
                };
                // What warms up again is no change: those before it did so at the same age.
                let as_old = |life: &Finding| {
                    let end = life.stretch.0 + oldest;
                    let at = |place: f64| track.x.partition_point(|&x| x < place);
                    let part = track.slice(at(life.stretch.0)..at(end.min(life.stretch.1)) + 1);
                    (part.len() >= FEWEST_READINGS).then(|| judge_known_life(case, &part))
                };
                is_less(&before) && {
                    let young = earlier.iter().filter_map(as_old).collect();
                    judge_together(case, &track.slice(0..cut), young, true)
                        .is_some_and(|young| is_less(&young))
                }
            }
            Verdict::NoLeak => before.verdict == Verdict::Leak && share > LONG_STRETCH,
            Verdict::Inconclusive => false,
        };
        is_change.then(|| Finding {
            why: Why::SinceRestart {
                why: Box::new(since.why.clone()),
                ran_s: (end - change) * case.prepared.seconds_per_unit,
            },
            ..since
        })
    })
}

/// What `lives` say together; `None` where there is none.
fn judge_together(
    case: &Case<'_>,
    track: &Track,
    mut lives: Vec<Finding>,
    are_known: bool,
) -> Option<Finding> {
    lives.sort_by(|a, b| b.length().total_cmp(&a.length()));
    let total: f64 = lives.iter().map(Finding::length).sum();
    // A short stretch does not speak for the run.
    let speaker = lives
        .iter()
        .position(|life| {
            life.length() > LONG_STRETCH * total && life.verdict != Verdict::Inconclusive
        })
        .unwrap_or(0);
    let speaking = lives.get(speaker)?.clone();
    let pooled = pooled(&lives);
    let evidence = Lives {
        case,
        track,
        lives: &lives,
        speaking: &speaking,
        total,
        pooled: pooled.as_ref().map(|(line, _)| line.clone()),
        are_known,
    };
    let alone = ruled(case, speaking.clone(), &evidence, &rules());
    if !are_known {
        return Some(alone);
    }
    let Some(mean) = judge_mean_life(case, track, &lives) else {
        return Some(alone);
    };
    let together = Together {
        case,
        alone: &alone,
        mean: &mean,
        pooled,
        lives: &lives,
    };
    let rule: Asked<Together<'_>> = (LIVES_TOGETHER, |together| together.ruling());
    Some(match first_to_speak(case, &together, &[rule]) {
        Some(ruling) if ruling.verdict == mean.verdict => mean,
        Some(ruling) => alone.with(ruling),
        None => alone,
    })
}

/// What the mean of `lives` says.
fn judge_mean_life(case: &Case<'_>, track: &Track, lives: &[Finding]) -> Option<Finding> {
    let parts: Vec<Track> = lives
        .iter()
        .map(|life| {
            let at = |place: f64| track.x.partition_point(|&x| x < place);
            let end = track.x.partition_point(|&x| x <= life.stretch.1);
            track.slice(at(life.stretch.0)..end)
        })
        .collect();
    let mean = mean_life(&parts)?;
    let (MeanLife::Course(track) | MeanLife::Floors(track)) = &mean;
    let is_short = track.len() < FEWEST_READINGS || track.span() <= 0.0;
    let finding = match &mean {
        // At a few ages straight growth and a bend look alike.
        MeanLife::Floors(track) if is_short || ages(track) < FEWEST_AGES => {
            let teeth = track.len();
            return Some(lives[0].clone().with(Ruling::open(Why::FewTeeth { teeth })));
        }
        MeanLife::Course(_) if is_short => return None,
        MeanLife::Course(track) => judge_known_life(case, track),
        // Teeth of many lives come at a few ages, which looks like steps.
        MeanLife::Floors(track) => judge_between(case, track, &[]),
    };
    case.note_shape("lives", || {
        let lives = parts.len();
        format!("the mean of {lives} lives at equal ages")
    });
    let slows = finding.verdict == Verdict::Leak && windows::slows(track);
    Some(match slows {
        true => finding.with(Ruling::open(Why::Decelerating).shaped(Shape::Decelerating)),
        false => finding,
    })
}

/// What lives say each for itself, and what their mean says.
struct Together<'a> {
    case: &'a Case<'a>,
    alone: &'a Finding,
    mean: &'a Finding,
    /// The slope that all have in common, and how much more they differ in it than each is
    /// uncertain by.
    pooled: Option<(Line, f64)>,
    lives: &'a [Finding],
}

impl Together<'_> {
    fn ruling(&self) -> Option<Ruling> {
        let restarts = self.lives.len() - 1;
        let disagree = || Some(Ruling::open(Why::RestartsDisagree { restarts }));
        let says = |finding: &Finding| Some(Ruling::new(finding.verdict, finding.why.clone()));
        match (self.alone.verdict, self.mean.verdict) {
            (Verdict::Leak, Verdict::Inconclusive) => says(self.mean),
            (Verdict::Leak, Verdict::NoLeak) | (Verdict::NoLeak, Verdict::Leak) => disagree(),
            (Verdict::Inconclusive, _)
                if matches!(self.alone.why, Why::RestartsDisagree { .. }) =>
            {
                None
            }
            // Some leak and some do not: their mean is that of no life.
            (Verdict::Inconclusive, verdict) if self.many_oppose(verdict) => disagree(),
            (Verdict::Inconclusive, Verdict::NoLeak) if self.may_differ() => None,
            (Verdict::Inconclusive, _) => says(self.mean),
            _ => None,
        }
    }

    /// Whether the last life, or lives of a part of the time that speaks for the run, say the
    /// opposite of `verdict`.
    fn many_oppose(&self, verdict: Verdict) -> bool {
        let opposes =
            |life: &&Finding| life.verdict != Verdict::Inconclusive && life.verdict != verdict;
        let total: f64 = self.lives.iter().map(Finding::length).sum();
        let time: f64 = self.lives.iter().filter(opposes).map(Finding::length).sum();
        let last = self
            .lives
            .iter()
            .max_by(|a, b| a.stretch.0.total_cmp(&b.stretch.0));
        let is_enough = time > LONG_STRETCH * total || last.as_ref().is_some_and(opposes);
        verdict != Verdict::Inconclusive && is_enough
    }

    /// Whether some lives may grow beyond the budget though their mean does not.
    fn may_differ(&self) -> bool {
        self.pooled.as_ref().is_some_and(|(line, differ)| {
            match side_of(line, self.mean.budget, self.case.confidence) {
                Side::Above => true,
                Side::Across => *differ > LIVES_DIFFER,
                Side::Below => false,
            }
        })
    }
}

/// What the lives say, each for itself, the longest first.
struct Lives<'a> {
    case: &'a Case<'a>,
    track: &'a Track,
    lives: &'a [Finding],
    /// The longest that decides and is long; the longest of all where none does.
    speaking: &'a Finding,
    total: f64,
    pooled: Option<Line>,
    /// Whether the restarts between them are on record.
    are_known: bool,
}

/// The rules that are asked of several lives.
fn rules<'a>() -> [Asked<Lives<'a>>; 5] {
    [
        (STANDSTILL, standstill),
        (LIVES_DISAGREE, lives_disagree),
        (LIFE_ALONE, life_alone),
        (SHORT_LIVES, short_lives),
        (LIVES_TOGETHER, lives_together),
    ]
}

impl Lives<'_> {
    fn restarts(&self) -> usize {
        self.lives.len().saturating_sub(1)
    }

    fn is_long(&self, life: &Finding) -> bool {
        life.length() > LONG_STRETCH * self.total
    }

    /// Whether a long life decides.
    fn is_decided(&self) -> bool {
        self.is_long(self.speaking) && self.speaking.verdict != Verdict::Inconclusive
    }

    /// Whether lives of most of the time say what the speaking one says, and none the opposite.
    fn most_agree(&self) -> bool {
        let time_of = |verdict: Verdict| -> f64 {
            let of_that = self.lives.iter().filter(|life| life.verdict == verdict);
            of_that.map(Finding::length).sum()
        };
        let open = time_of(Verdict::Inconclusive);
        let agreed = time_of(self.speaking.verdict);
        agreed > MOST_OF_TIME * self.total && agreed + open > 0.999 * self.total
    }

    fn contradict(&self) -> bool {
        let long = || self.lives.iter().filter(|life| self.is_long(life));
        let other = |life: &Finding| {
            life.verdict != Verdict::Inconclusive && life.verdict != self.speaking.verdict
        };
        long().any(other) || long().any(|life| excludes(life, self.speaking))
    }

    /// Whether the last life, or another long one, rises beyond the budget, though one speaks for
    /// a program that does not leak.
    fn others_rise(&self) -> bool {
        let last = |life: &Finding| {
            let later = self
                .lives
                .iter()
                .filter(|other| other.stretch.0 > life.stretch.0);
            later.count() == 0
        };
        let rises = |life: &Finding| {
            let line = life.line.as_ref();
            let side = line.map(|line| side_of(line, life.budget, self.case.confidence));
            life.verdict == Verdict::Leak || side == Some(Side::Above)
        };
        let mut matter = self
            .lives
            .iter()
            .filter(|life| self.is_long(life) || last(life));
        self.speaking.verdict == Verdict::NoLeak && matter.any(rises)
    }

    /// What the rules but that of the standstill make of the lives.
    fn is_open(&self) -> bool {
        [lives_disagree, life_alone, short_lives, lives_together]
            .iter()
            .find_map(|ask| ask(self))
            .map_or(self.speaking.verdict, |ruling| ruling.verdict)
            == Verdict::Inconclusive
    }
}

fn lives_disagree(lives: &Lives<'_>) -> Option<Ruling> {
    let restarts = lives.restarts();
    (lives.is_decided() && (lives.contradict() || lives.others_rise()))
        .then(|| Ruling::open(Why::RestartsDisagree { restarts }))
}

fn life_alone(lives: &Lives<'_>) -> Option<Ruling> {
    let restarts = lives.restarts();
    let alone = lives.is_decided()
        && lives.speaking.verdict == Verdict::Leak
        && restarts >= SOME_FALLS
        && !lives.most_agree();
    alone.then(|| Ruling::open(Why::ShortLives { restarts }))
}

fn short_lives(lives: &Lives<'_>) -> Option<Ruling> {
    let restarts = lives.restarts();
    // What most of the time was too short to be judged, few long lives do not speak for.
    let judged_part = lives.total / lives.track.span();
    if lives.are_known && judged_part < MOST_OF_TIME && lives.speaking.verdict == Verdict::NoLeak {
        return Some(Ruling::open(Why::ShortLives { restarts }));
    }
    let short = !lives.is_decided()
        && lives.speaking.verdict != Verdict::Inconclusive
        && !lives.most_agree();
    short.then(|| Ruling::open(Why::ShortLives { restarts }))
}

/// The longest life, decided by what all say together where it is too uncertain alone.
fn lives_together(lives: &Lives<'_>) -> Option<Ruling> {
    // What is on record is told by the mean of all.
    if lives.are_known || lives.is_decided() || lives.speaking.why != Why::TooWide {
        return None;
    }
    let line = lives.pooled.clone()?;
    let side = side_of(&line, lives.speaking.budget, lives.case.confidence);
    match side {
        // What is left of many warm-ups, or of the bends of many teeth, adds up as a leak does.
        Side::Above if lives.lives.len() > SOME_FALLS => None,
        Side::Below => Some(ruling_of(side).with_line(line)),
        _ => {
            let shape = shape_of(&line);
            Some(ruling_of(side).with_line(line).shaped(shape))
        }
    }
}

fn standstill(lives: &Lives<'_>) -> Option<Ruling> {
    // A restart takes back what has grown: over it nothing stands still.
    if lives.are_known || !lives.is_open() {
        return None;
    }
    let grain = lives.case.prepared.grain;
    let line = windows::standstill(lives.track, lives.speaking.budget, grain)?;
    Some(Ruling::new(Verdict::NoLeak, Why::Standstill).with_line(line))
}

/// One life, and the fall that may have taken back before what it rises.
struct Life<'a> {
    finding: &'a Finding,
    part: &'a Track,
    deepest_fall: f64,
}

fn judge_life(case: &Case<'_>, part: &Track, deepest_fall: f64) -> Finding {
    let finding = judge_segment(case, part);
    let life = Life {
        finding: &finding.clone(),
        part,
        deepest_fall,
    };
    ruled(case, finding, &life, &[(ONE_TOOTH, one_tooth)])
}

/// A rise that a fall of the same size has taken back before may be a tooth of a sawtooth
/// rather than a leak.
fn one_tooth(life: &Life<'_>) -> Option<Ruling> {
    let line = life.finding.line.as_ref()?;
    let rise = line.slope * (life.finding.fitted.1 - life.finding.fitted.0);
    // After a restart most of the rise is the warm-up; in a tooth it is the line.
    let (low, high) = life
        .part
        .y
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), &y| {
            (low.min(y), high.max(y))
        });
    // Smaller teeth or the noise are part of the range: √12 standard deviations of even teeth.
    let range = (high - low - 12.0_f64.sqrt() * line.sigma).max(0.0);
    let is_tooth = life.finding.verdict == Verdict::Leak
        && rise > TOOTH_OF_RANGE * range
        && rise < TAKEN_BACK * life.deepest_fall;
    is_tooth.then(|| Ruling::open(Why::FewTeeth { teeth: 1 }).shaped(Shape::Sawtooth))
}

/// The deepest fall at the cuts between stretches.
fn deepest_fall(track: &Track, edges: &[usize]) -> f64 {
    edges[1..edges.len() - 1]
        .iter()
        .map(|&cut| {
            let before = track.y[cut.saturating_sub(3)..cut]
                .iter()
                .copied()
                .fold(f64::MIN, f64::max);
            let after = track.y[cut..(cut + 3).min(track.len())]
                .iter()
                .copied()
                .fold(f64::MAX, f64::min);
            before - after
        })
        .fold(0.0, f64::max)
}

/// Whether one life rules out the leak that another shows.
fn excludes(life: &Finding, leak: &Finding) -> bool {
    let (Some(line), Some(leaking)) = (&life.line, &leak.line) else {
        return false;
    };
    let most = line.slope + line.half_width(REPORTED_CONFIDENCE);
    leak.verdict == Verdict::Leak && most < leak.budget.max(0.5 * leaking.slope)
}

/// Whether the line of a finding is the whole of what was found.
fn is_straight(finding: &Finding) -> bool {
    matches!(
        finding.why,
        Why::TooWide | Why::AboveBudget | Why::BelowBudget
    )
}

/// The line of the first of `findings` with the slope that all straight ones have in common:
/// their mean, weighted by their precision, and not more precise than their scatter allows.
///
/// # Source
///
/// R. T. Birge, "The calculation of errors by the method of least squares", Physical Review 40
/// (1932), 207–227: the ratio of external to internal consistency.
fn pooled(findings: &[Finding]) -> Option<(Line, f64)> {
    let lines: Vec<&Line> = findings
        .iter()
        .filter(|finding| is_straight(finding))
        .filter_map(|f| f.line.as_ref())
        .filter(|line| line.standard_error() > 0.0)
        .collect();
    if lines.len() < 2 {
        return None;
    }
    let weight = |line: &Line| line.standard_error().powi(-2);
    let weights: f64 = lines.iter().map(|line| weight(line)).sum();
    let slope = lines
        .iter()
        .map(|line| weight(line) * line.slope)
        .sum::<f64>()
        / weights;
    let scatter: f64 = lines
        .iter()
        .map(|line| weight(line) * (line.slope - slope).powi(2))
        .sum();
    let between = lines.len() as f64 - 1.0;
    let birge = (scatter / between).max(1.0).sqrt();
    let degrees: f64 = lines
        .iter()
        .map(|line| {
            let few = |least: f64, p: &Precision| least.min(p.degrees);
            line.precision.iter().fold(f64::INFINITY, few)
        })
        .sum();
    let mut line = findings[0].line.clone()?;
    line.slope = slope;
    line.grain_error = 0.0;
    line.precision = vec![Precision {
        standard_error: birge / weights.sqrt(),
        degrees: if birge > 1.0 {
            between.min(degrees)
        } else {
            degrees
        },
    }];
    Some((line, birge))
}
