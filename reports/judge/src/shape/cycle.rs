//! A cycle in a series: its length, and how much of its form can be told.

use crate::fit::model::{Cycle, Regressors, columns, fit, waves};
use crate::policy::cycle::{
    CYCLE_POINTS, CYCLE_SHARE, FEW_CYCLES, FEW_CYCLES_SHARE, FEW_DAYS_SHARE, FEWEST_CYCLES,
    FEWEST_DAYS, GRID, HALVED, HARMONIC_GAIN, HOPELESS, MANY_CYCLES, MANY_CYCLES_SHARE,
    MOST_HARMONICS, PEAKS, POINTS_PER_CYCLE, POINTS_PER_HARMONIC, WARM_UP,
};
use crate::stats::autoregression::lag_one_correlation;
use crate::stats::regression::{Fit, dot};
use crate::stats::turns::sin_cos_of_turns;
use crate::track::{Track, coarse};

/// The cycle that dominates `track`, or what follows its warm-up, if there is one. `day` is
/// the length of a day on the axis: a daily load needs no finding and is known with fewer
/// cycles.
pub(crate) fn find_cycle(
    track: &Track,
    regressors: &Regressors,
    day: Option<f64>,
) -> Option<Cycle> {
    if track.len() < 24 {
        return None;
    }
    let track = coarse(track, CYCLE_POINTS, &regressors.steps);
    let settled = || {
        let begin = track.x[0] + WARM_UP * track.span();
        track.slice(track.x.partition_point(|&x| x < begin)..track.len())
    };
    find_in(&track, regressors, day).or_else(|| find_in(&settled(), regressors, day))
}

fn find_in(track: &Track, regressors: &Regressors, day: Option<f64>) -> Option<Cycle> {
    if track.len() < 24 {
        return None;
    }
    let search = Search::new(track, regressors)?;
    let (period, known) = match day.filter(|&day| search.is_daily(day)) {
        Some(day) => (day, true),
        None => (search.period()?, false),
    };
    Some(Cycle {
        period,
        harmonics: search.harmonics(period),
        known,
    })
}

/// What the search for a cycle works on.
struct Search<'a> {
    track: &'a Track,
    /// Columns of the model without a cycle.
    base: Vec<Vec<f64>>,
    /// That model fitted, and what it leaves.
    line: Fit,
    rss: f64,
}

impl<'a> Search<'a> {
    fn new(track: &'a Track, regressors: &Regressors) -> Option<Self> {
        let base = columns(&track.x, regressors);
        let line = fit(&base, &track.y)?;
        let rss = line.rss();
        let alike = lag_one_correlation(&line.residuals, &vec![1.0; track.len()]);
        // Readings that do not resemble their neighbours make no cycle that could be resolved.
        (rss > 0.0 && alike > 0.2).then_some(Self {
            track,
            base,
            line,
            rss,
        })
    }

    /// Share of the variance about the line that a cycle of this length explains.
    fn share(&self, period: f64, harmonics: usize) -> f64 {
        let waves = waves(&self.track.x, period, harmonics);
        let borrowed: Vec<&[f64]> = waves.iter().map(Vec::as_slice).collect();
        let left = match self.track.len() < self.base.len() + borrowed.len() {
            true => None,
            false => self.line.rss_with_few(&borrowed),
        };
        left.map_or(0.0, |rss| 1.0 - rss / self.rss)
    }

    fn is_daily(&self, day: f64) -> bool {
        let days = self.track.span() / day;
        if days < FEWEST_DAYS {
            return false;
        }
        let explained = self.share(day, 2);
        let wanted = if days < FEW_CYCLES {
            FEW_DAYS_SHARE
        } else {
            wanted_share(days)
        };
        explained > wanted && (days >= 4.0 || !self.bends_suffice(explained))
    }

    /// The length of the cycle, found at the highest peaks of the periodogram.
    fn period(&self) -> Option<f64> {
        let span = self.track.span();
        let peaks = self.peaks();
        let hopeful =
            |cycles: f64| self.share(span / cycles, 2) > HOPELESS * wanted_share(cycles + GRID);
        if !peaks
            .iter()
            .any(|&peak| hopeful(peak) || hopeful(0.5 * peak))
        {
            return None;
        }
        let (cycles, explained) = peaks
            .into_iter()
            .map(|cycles| self.refined(cycles))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        // A cycle of short bursts shows its double frequency as well as its own.
        let half = self.refined(0.5 * cycles);
        let (cycles, explained) = if 1.0 - half.1 < HALVED * (1.0 - explained) {
            half
        } else {
            (cycles, explained)
        };
        let is_cycle = cycles >= FEWEST_CYCLES - 1e-9
            && explained > wanted_share(cycles)
            && (cycles >= 4.0 || !self.bends_suffice(explained));
        is_cycle.then(|| span / cycles)
    }

    /// The highest peaks of the periodogram, in cycles over the series.
    fn peaks(&self) -> Vec<f64> {
        let most = self.track.len() as f64 / POINTS_PER_CYCLE;
        let count = ((most - FEWEST_CYCLES) / GRID).floor().max(0.0) as usize + 1;
        let grid: Vec<(f64, f64)> = self
            .periodogram(count)
            .into_iter()
            .enumerate()
            .map(|(i, power)| (FEWEST_CYCLES + GRID * i as f64, power))
            .collect();
        let mut peaks: Vec<(f64, f64)> = (0..count)
            .filter(|&i| {
                (i == 0 || grid[i].1 > grid[i - 1].1)
                    && (i + 1 == count || grid[i].1 >= grid[i + 1].1)
            })
            .map(|i| grid[i])
            .collect();
        peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
        peaks.truncate(PEAKS);
        peaks.into_iter().map(|(cycles, _)| cycles).collect()
    }

    /// Power at `count` numbers of cycles, from [`FEWEST_CYCLES`] on, [`GRID`] apart.
    ///
    /// From one number to the next a wave turns by the same angle at each point, so that
    /// cos((k+1)θ + φ) = 2 cos θ cos(kθ + φ) − cos((k−1)θ + φ) replaces all but the first ones.
    fn periodogram(&self, count: usize) -> Vec<f64> {
        const LANES: usize = 4;
        let per_cycle = self.track.span().recip();
        let mut sums = vec![([0.0; LANES], [0.0; LANES]); count];
        let fours = self
            .track
            .x
            .chunks(LANES)
            .zip(self.line.residuals.chunks(LANES));
        for (times, residuals) in fours {
            let (mut twice, mut now, mut before) =
                ([0.0; LANES], [[0.0; LANES]; 2], [[0.0; LANES]; 2]);
            for (lane, (x, residual)) in times.iter().zip(residuals).enumerate() {
                let wave = |cycles: f64| sin_cos_of_turns(per_cycle * cycles * x);
                twice[lane] = 2.0 * wave(GRID).1;
                let ((sine, cosine), (sine_before, cosine_before)) =
                    (wave(FEWEST_CYCLES), wave(FEWEST_CYCLES - GRID));
                now[0][lane] = residual * cosine;
                now[1][lane] = residual * sine;
                before[0][lane] = residual * cosine_before;
                before[1][lane] = residual * sine_before;
            }
            for (even, odd) in &mut sums {
                for lane in 0..LANES {
                    even[lane] += now[0][lane];
                    odd[lane] += now[1][lane];
                    for part in 0..2 {
                        let next = twice[lane] * now[part][lane] - before[part][lane];
                        before[part][lane] = now[part][lane];
                        now[part][lane] = next;
                    }
                }
            }
        }
        let power = |lanes: &[f64; LANES]| lanes.iter().sum::<f64>().powi(2);
        sums.iter()
            .map(|(even, odd)| power(even) + power(odd))
            .collect()
    }

    /// The best number of cycles near `cycles` and the share that it explains, by a golden
    /// section, and a parabola through its last places: a peak is as round as one.
    fn refined(&self, cycles: f64) -> (f64, f64) {
        const GOLDEN: f64 = 0.618_033_988_75;
        let span = self.track.span();
        let share = |cycles: f64| self.share(span / cycles, 2);
        let (mut low, mut high) = ((cycles - GRID).max(1.0), cycles + GRID);
        let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        let (mut at_a, mut at_b) = (share(a), share(b));
        let mut outer = (a, at_a);
        for _ in 0..6 {
            if at_a > at_b {
                outer = (b, at_b);
                (high, b, at_b) = (b, a, at_a);
                a = high - GOLDEN * (high - low);
                at_a = share(a);
            } else {
                outer = (a, at_a);
                (low, a, at_a) = (a, b, at_b);
                b = low + GOLDEN * (high - low);
                at_b = share(b);
            }
        }
        let (best, other) = match at_a > at_b {
            true => ((a, at_a), (b, at_b)),
            false => ((b, at_b), (a, at_a)),
        };
        let top = top_of_parabola(best, other, outer).clamp(low, high);
        let at_top = share(top);
        if at_top > best.1 { (top, at_top) } else { best }
    }

    /// How many harmonics the form of the cycle shows.
    fn harmonics(&self, period: f64) -> usize {
        let points = self.track.len() as f64;
        let per_cycle = points * period / self.track.span();
        let most = ((per_cycle / POINTS_PER_HARMONIC) as usize).clamp(2, MOST_HARMONICS);
        let most = most.min((self.track.len().saturating_sub(self.base.len())) / 2);
        if most < 3 {
            return 2;
        }
        let waves = waves(&self.track.x, period, most);
        let borrowed: Vec<&[f64]> = waves.iter().map(Vec::as_slice).collect();
        let Some(all) = self.line.rss_with_each(&borrowed) else {
            return 2;
        };
        let mut best = 2;
        let left_by = |harmonics: usize| all[2 * harmonics - 1] / self.rss;
        let mut left = left_by(2);
        for harmonics in 3..=most {
            let now = left_by(harmonics);
            let added = 2.0 * (harmonics - best) as f64;
            let freedom = points - (self.base.len() + 2 * harmonics) as f64;
            if (left - now) / added > HARMONIC_GAIN * now / freedom.max(1.0) {
                (best, left) = (harmonics, now);
            }
        }
        best
    }

    /// Whether two bends explain about as much as the cycle does.
    fn bends_suffice(&self, explained: f64) -> bool {
        1.0 - self.bent_line_share() < 1.3 * (1.0 - explained)
    }

    /// Share of the variance about a line that two bends explain: a rise between two levels,
    /// or down and up again, must not be taken for a cycle of which little was seen.
    fn bent_line_share(&self) -> f64 {
        const PLACES: u32 = 28;
        let base = &self.base[..];
        let bend = |place: u32| -> Vec<f64> {
            let share = f64::from(place) / f64::from(PLACES);
            base[1].iter().map(|u| (u - share).max(0.0)).collect()
        };
        let bends: Vec<Vec<f64>> = (1..PLACES).map(bend).collect();
        // Without what the line has of each.
        let beyond: Vec<Vec<f64>> = bends.iter().map(|bend| self.line.beyond(bend)).collect();
        let mut least = self.rss;
        for (index, first) in bends.iter().enumerate() {
            let Some(bent) = self.line.with(first) else {
                continue;
            };
            // What is left of a second bend beside the first.
            let squares = 1.0 / dot(&bent.weights, &bent.weights);
            let rss = dot(&bent.residuals, &bent.residuals);
            for second in &beyond[index + 1..] {
                let share = dot(second, &bent.weights);
                let left = dot(second, second) - share * share * squares;
                if left > 1e-9 * dot(second, second) {
                    let gain = dot(second, &bent.residuals).powi(2) / left;
                    least = least.min((rss - gain).max(0.0));
                }
            }
        }
        1.0 - least / self.rss
    }
}

/// Where the parabola through three points has its top; the first of them where there is none.
fn top_of_parabola(best: (f64, f64), second: (f64, f64), third: (f64, f64)) -> f64 {
    let (left, right) = (best.0 - second.0, best.0 - third.0);
    let (down, up) = (best.1 - second.1, best.1 - third.1);
    let bottom = left * up - right * down;
    let top = best.0 - 0.5 * (left * left * up - right * right * down) / bottom;
    if top.is_finite() { top } else { best.0 }
}

fn wanted_share(cycles: f64) -> f64 {
    match cycles {
        few if few < FEW_CYCLES => FEW_CYCLES_SHARE,
        some if some < MANY_CYCLES => CYCLE_SHARE,
        _ => MANY_CYCLES_SHARE,
    }
}
