//! Every threshold of the judge: its name, its reason, its source.

/// The step in which resident memory moves until a series shows smaller ones: glibc grows its
/// heap by 128 KiB at a time (`M_TOP_PAD`, mallopt(3)) and hands out new mappings from 128 KiB
/// on (`M_MMAP_THRESHOLD`).
pub const RSS_GRAIN_BYTES: f64 = 131_072.0;

/// The least default budget of a share, in percent per hour: the last digit that tools print
/// of one (`%.2f` in `pidstat` and `sar`).
pub const LEAST_BUDGET_PERCENT_PER_HOUR: f64 = 0.01;

/// A budget that is a share of the level.
pub(crate) mod share {
    /// Growth over the record, in shares of the level that it began at, from which on a share of
    /// that level per hour does not clear it: what has grown by half does not rest.
    pub(crate) const MULTIPLIED: f64 = 0.5;

    /// Hours of the least budget that such growth must come to: a heap of a few kilobytes doubles
    /// by nothing.
    pub(crate) const HOURS_OF_LEAST: f64 = 24.0;

    /// Share of a record by which a warm-up should be over: what rises after it counts as growth,
    /// and does not raise the level that a budget is a share of.
    pub(crate) const WARMED_UP: f64 = 0.2;

    /// Share of the record that tells the level at a time.
    pub(crate) const READ: f64 = 0.03;
}

/// Confidence of a verdict, and how much is looked at.
pub(crate) mod verdict {
    /// Degrees of freedom that stand for certainty: the interval is that of the windows themselves.
    pub(crate) const MANY: f64 = 1e9;

    /// Standard errors in half of a 95 % interval of the normal distribution.
    pub(crate) const NORMAL_95: f64 = 1.959_963_985;

    /// Confidence of the interval that decides. The reported one is narrower.
    pub(crate) const DECIDING_CONFIDENCE: f64 = 0.99;

    /// Confidence of the reported interval, unless asked otherwise.
    pub(crate) const REPORTED_CONFIDENCE: f64 = 0.95;

    /// Points that the trend is fitted to, at most.
    pub(crate) const TREND_POINTS: usize = 400;

    /// Fewest readings for a verdict.
    pub(crate) const FEWEST_READINGS: usize = 10;
}

/// When growth ends a run early.
pub(crate) mod stopping {
    /// Fewest readings of growth that ends a run: as many as a run has that says a leak at 99 %
    /// beside an oracle. Logs of collectors tell one reading of each collection, so that fewer lie
    /// within one tooth.
    pub(crate) const FEWEST_GROWING: usize = 60;

    /// Share of what the program rose by ahead of its growth that this must come to: what is left of
    /// an exponential fill is less than half of it from 0.7 of its time constants on.
    pub(crate) const BESIDE_FILL: f64 = 0.5;

    /// Share of the distances between readings that may differ from the usual one by more than this
    /// share of it: a sampler is late now and then.
    pub(crate) const UNEVEN: f64 = 0.5;
    pub(crate) const UNLIKE_USUAL: f64 = 0.3;
}

/// What a heap that does not grow does not answer for.
pub(crate) mod outside {
    /// Up to here, what is resident beyond the heap may be the program's image and its
    /// libraries: text and data of a few tens of mebibytes.
    pub(crate) const IMAGE_BYTES: f64 = 33_554_432.0;

    /// Steps of [`RSS_GRAIN_BYTES`](super::RSS_GRAIN_BYTES) by which memory beyond the heap must
    /// have risen to leak: stacks and pages that are touched for the first time are some.
    pub(crate) const OUTSIDE_STEPS: f64 = 8.0;
}

/// How the length of a run is found by trying.
pub(crate) mod trial {
    /// Runs drawn for each length, and how many of them may miss the verdict that is their due:
    /// fewer than one in ten, because their share is itself a draw.
    pub(crate) const RUNS: u64 = 40;
    pub(crate) const UNDECIDED: usize = 2;

    /// The same beside a cycle: what part of one a run ends with is a draw as well.
    pub(crate) const FEW_UNDECIDED: usize = 1;

    /// Runs that are drawn one after the other before the others are on all processors.
    pub(crate) const FIRST_RUNS: u64 = 6;

    /// Each length that is tried is this many times the one before.
    pub(crate) const STEP: f64 = 1.25;

    /// Fewest points of a run, and the longest run in lengths of the measured one: beyond, its
    /// noise says nothing.
    pub(crate) const FEWEST_POINTS: f64 = 20.0;
    pub(crate) const LONGEST: f64 = 300.0;

    /// Points that a drawn run is judged by, at most.
    pub(crate) const MOST_POINTS: usize = 1_000;

    /// A memory of the noise from which on it wanders, and blocks of it would not.
    pub(crate) const WANDERS: f64 = 0.7;

    /// Kurtosis of changes from which on a series jumps; that of a normal distribution is 3.
    pub(crate) const JUMPING: f64 = 8.0;

    /// How far apart two levels lie that a load is switched between, in standard deviations of
    /// either, and how often it must have been at one.
    pub(crate) const LEVELS_APART: f64 = 4.0;
    pub(crate) const FEWEST_SWITCHES: usize = 4;

    /// Blocks that other noise is cut into: long enough for several teeth in each.
    pub(crate) const BLOCKS: usize = 5;
}

/// What is put aside before shapes are looked for.
pub(crate) mod prepare {
    /// Longer series are grouped into stretches of time before shapes are looked for.
    pub(crate) const FINE_POINTS: usize = 4_000;
}

/// What a sawtooth is, and when its floors speak.
pub(crate) mod sawtooth {
    /// Share of a rise that counts as its beginning.
    pub(crate) const EARLY: f64 = 0.12;

    /// Share of the range by which a tooth must rise and fall.
    pub(crate) const TOOTH: f64 = 0.4;

    /// How many times as large as another a tooth may be and still be like it.
    pub(crate) const UNLIKE: f64 = 2.0;

    /// Fewest floors of teeth that are alike, and of others.
    pub(crate) const FEWEST_ALIKE: usize = 3;
    pub(crate) const FEWEST_UNLIKE: usize = 8;

    /// Below this number of floors nothing is said of the memory of their noise.
    pub(crate) const FEW_FLOORS: usize = 10;

    /// Of a few floors that rise, how fast the last must do so beside the usual one, and the later
    /// half of them beside the earlier: a curve whose time constant is two runs keeps 0.78.
    pub(crate) const LAST_OF_FEW: f64 = 0.4;
    pub(crate) const AS_FAST_OF_FEW: f64 = 0.75;

    /// How much the floor of a sawtooth varies before anything is known, in heights.
    pub(crate) const FLOOR_SHARE: f64 = 0.008;

    /// Readings by which distances between floors that are in step with them differ at most: one,
    /// and what a tooth of a whole number of readings and a half is rounded by.
    pub(crate) const IN_STEP: f64 = 1.6;

    /// Teeth of less than this share of the rise over the series are dips in it.
    pub(crate) const SMALL_TEETH: f64 = 0.2;
}

/// Lives between restarts.
pub(crate) mod restarts {
    /// Falls from which on their intervals show whether they come in a cycle.
    pub(crate) const SOME_FALLS: usize = 3;

    /// Share of the run from which on a stretch between restarts speaks for it.
    pub(crate) const LONG_STRETCH: f64 = 0.2;

    /// Share of the run from which on short lives that agree speak for it.
    pub(crate) const MOST_OF_TIME: f64 = 0.5;

    /// Share of the time of all lives that the longest of them make which the mean of lives is
    /// followed to the end of: beyond, too few are left to speak for all.
    pub(crate) const LONGEST_LIVES: f64 = 0.25;

    /// Fewest groups of equal age, and rounds in which the common course of lives and their levels
    /// are fitted in turn.
    pub(crate) const FEWEST_ALIGNED: usize = 10;
    pub(crate) const ALIGNING_ROUNDS: usize = 30;

    /// Fewest tenths of the mean of lives in which floors of teeth must lie to show how they rise.
    pub(crate) const FEWEST_AGES: usize = 5;

    /// From this ratio of the scatter between lives to what each is uncertain by on, they differ.
    pub(crate) const LIVES_DIFFER: f64 = 1.5;

    /// Restarts, the last ones, since which what runs may have changed: each is one more chance to
    /// err, so that eight of them err as seldom as one interval of 96 %.
    pub(crate) const MOST_CHANGES: usize = 8;

    /// From this number of falls on, teeth are teeth.
    pub(crate) const FEW_FALLS: usize = 8;

    /// A fall leads back to where the series began if it ends within this share of its depth
    /// from there.
    pub(crate) const AT_START: f64 = 0.1;

    /// A fall that leaves less than this share of what was there before may be the end of the
    /// program: collections seldom free four fifths of everything.
    pub(crate) const EMPTIED: f64 = 0.2;

    /// Falls come by the clock if no time between two differs from the usual by more than this
    /// share: collections of a steady load differ by more.
    pub(crate) const OFF_THE_CLOCK: f64 = 0.01;

    /// By how much the growth between falls may exceed the usual one: the lives of a program
    /// that is killed at its limit differ in length by a sixth.
    pub(crate) const RISES_SPREAD: f64 = 1.2;

    /// A distance between readings of so many times the usual one is a gap.
    pub(crate) const PAUSE: f64 = 1.8;

    /// A fall is deep if it takes this share of the range.
    pub(crate) const DEEP: f64 = 0.35;

    /// Of many falls, the share that may be leaps up as sharp as they are: noise that is loud at
    /// times goes up as it goes down.
    pub(crate) const LEAPS: f64 = 0.5;

    /// Readings on either side of a fall whose medians must differ by this share of it: a program
    /// that is restarted warms up to half of its level at most, noise comes back.
    pub(crate) const AROUND_FALL: usize = 5;
    pub(crate) const KEPT_OF_FALL: f64 = 0.4;

    /// A fall is beyond the noise if it is so many standard deviations of usual changes.
    pub(crate) const BEYOND_NOISE: f64 = 8.0;

    /// Fewest readings of a rise whose beginning is looked at.
    pub(crate) const FEWEST_OF_RISE: usize = 12;

    /// A rise that makes more than this share of itself in its second half goes on.
    pub(crate) const STILL_RISING: f64 = 0.3;

    /// A rise that makes so much more of itself in its first twentieth than a straight one
    /// begins with a program's start.
    pub(crate) const START_UP: f64 = 0.045;

    /// A rise of more than this share of the range of a life is a tooth rather than what
    /// follows a warm-up, if it is less than so many times what a fall took back before.
    pub(crate) const TOOTH_OF_RANGE: f64 = 0.5;
    pub(crate) const TAKEN_BACK: f64 = 2.0;

    /// More deep falls than this are not restarts.
    pub(crate) const MOST_RESTARTS: usize = 24;

    /// How far above its beginning, in shares of the range, a restarted program begins at most.
    pub(crate) const TO_BASE: f64 = 0.4;

    /// The lowest share of the range, in which a steady rise spends as much of its time.
    pub(crate) const LOW: f64 = 0.15;
}

/// Steps of the level: once, or again and again.
pub(crate) mod steps {
    /// Steps beyond this number are a texture or a staircase, not events, and how many of them
    /// are looked at.
    pub(crate) const MOST_STEPS: usize = 24;

    pub(crate) const MOST_STAIRS: usize = 200;

    /// Share of the series at its beginning whose steps may be those of a warm-up.
    pub(crate) const WARM_UP: f64 = 0.2;

    /// The share of a step that must be left after a while.
    pub(crate) const LASTING: f64 = 0.3;

    /// Fewest and most moves of a level that otherwise rests.
    pub(crate) const FEWEST_MOVES: usize = 3;

    pub(crate) const MOST_MOVES: usize = 20;

    /// Shares of the series from which on its moves are looked at.
    pub(crate) const MOVES_FROM: [f64; 3] = [WARM_UP, 0.35, 0.5];
}

/// The search for steps.
pub(crate) mod mosum {
    /// How many robust standard deviations of its kind a change of level must reach.
    pub(crate) const OUTLYING: f64 = 7.0;
}

/// What a cycle is.
pub(crate) mod cycle {
    /// Points that a cycle is looked for in.
    pub(crate) const CYCLE_POINTS: usize = 400;

    /// Fewest points to a cycle that is looked for.
    pub(crate) const POINTS_PER_CYCLE: f64 = 6.0;

    /// Share of the variance about a line that a cycle must explain to be taken for one: a wander
    /// goes up and down a few times by itself, but hardly ever [`MANY_CYCLES`] times alike.
    pub(crate) const CYCLE_SHARE: f64 = 0.7;

    pub(crate) const MANY_CYCLES: f64 = 8.0;

    pub(crate) const MANY_CYCLES_SHARE: f64 = 0.5;

    pub(crate) const FEW_CYCLES: f64 = 3.0;

    pub(crate) const FEW_CYCLES_SHARE: f64 = 0.95;

    /// Fewest cycles, of unknown and of known length, that are told from a wander.
    pub(crate) const FEWEST_CYCLES: f64 = 2.4;

    pub(crate) const FEWEST_DAYS: f64 = 1.4;

    /// The share that a daily course must explain where fewer than [`FEW_CYCLES`] were seen.
    pub(crate) const FEW_DAYS_SHARE: f64 = 0.85;

    /// Distance of the lengths that are tried first, in cycles over the series.
    pub(crate) const GRID: f64 = 0.15;

    /// How much less half of the frequency must leave unexplained to be taken instead.
    pub(crate) const HALVED: f64 = 0.8;

    /// Highest peaks of the periodogram that are looked at closely.
    pub(crate) const PEAKS: usize = 3;

    /// What a cycle must explain at a place of the grid, of the share that is wanted, to be looked
    /// at closely. Half a distance away, where the true number of cycles may be, it explains
    /// hardly more: sinc²(π/2·GRID) is 0.98, and 0.93 for the second harmonic.
    pub(crate) const HOPELESS: f64 = 0.75;

    /// Most harmonics that describe a cycle, and the points that each needs in one.
    pub(crate) const MOST_HARMONICS: usize = 6;

    pub(crate) const POINTS_PER_HARMONIC: f64 = 4.0;

    /// How much (in F) the best harmonics beyond the second must explain to be taken in.
    pub(crate) const HARMONIC_GAIN: f64 = 10.0;

    /// Share of the series at its beginning that may be a warm-up and hide the cycle.
    pub(crate) const WARM_UP: f64 = 0.3;
}

/// The line and its precision.
pub(crate) mod line {
    /// Points of the second, coarser look at the noise.
    pub(crate) const COARSE_POINTS: usize = 48;

    /// Cycles from which on an error of their length is told from a slope.
    pub(crate) const DRIFT_CYCLES: f64 = 2.0;
}

/// The end of the warm-up.
pub(crate) mod settled {
    /// Shares of the run at which the settled part may begin.
    pub(crate) const STARTS: [f64; 20] = [
        0.0, 0.02, 0.04, 0.07, 0.1, 0.14, 0.18, 0.22, 0.27, 0.32, 0.37, 0.42, 0.47, 0.52, 0.57,
        0.62, 0.66, 0.7, 0.74, 0.78,
    ];

    /// Shares of the settled part at which its slope is tested for a change.
    pub(crate) const PLACES: [f64; 15] = [
        0.25, 0.54, 0.08, 0.75, 0.4, 0.04, 0.12, 0.18, 0.33, 0.47, 0.61, 0.68, 0.82, 0.88, 0.93,
    ];

    /// Fewest points of a settled part.
    pub(crate) const FEWEST: usize = 8;

    /// Fewest points of a later beginning, and how much narrower its interval must be.
    pub(crate) const LATER_FEWEST: usize = 60;

    pub(crate) const NARROWER: f64 = 0.5;
    /// Part of the budget below which the width of an interval is rounding: a heap that is read
    /// exactly and rests has no noise that could hide anything, and a later beginning has none
    /// less.
    pub(crate) const ROUNDING: f64 = 1e-6;

    /// Probability with which one test of a straight stretch errs, on either side.
    pub(crate) const TEST_ERROR: f64 = 0.0005;

    /// A bend up of so many standard errors may be one, so that the printed interval holds the slope
    /// behind it: growth that begins in the fitted part.
    pub(crate) const SUSPECTED: f64 = 2.0;
    pub(crate) const SUSPECTED_FROM: f64 = 0.25;

    /// From so many standard errors on, what rises behind it beyond the budget keeps `no-leak` back.
    pub(crate) const LIKELY: f64 = 2.7;

    /// The quantile of the normal distribution for it, below that of Student's t: scipy 1.17.1,
    /// `norm.ppf(0.9995)` is 3.29053.
    pub(crate) const NORMAL_QUANTILE: f64 = 3.2905;
}

/// Growth that slows down.
pub(crate) mod slowing {
    /// A curve that keeps more than this share of its mean pace at the end of the run has not
    /// slowed down to speak of: an exponential whose time constant is six runs long.
    pub(crate) const PACE_KEPT: f64 = 0.92;

    /// Points the curves are compared on.
    pub(crate) const POINTS: usize = 200;

    /// How much better (in units of twice the log-likelihood) a lasting slope must explain the
    /// series than any curve that flattens out.
    pub(crate) const MARGIN: f64 = 12.0;

    /// How much more a warm-up of two curves must explain than one of a single curve: it bends as
    /// the noise does.
    pub(crate) const SECOND_CURVE: f64 = 6.0;

    /// How much more a logarithm beside the line must explain than other warm-ups.
    pub(crate) const CACHE_GAIN: f64 = 6.0;
}

/// One stretch without restarts.
pub(crate) mod segment {
    /// How much better (twice the log-likelihood) slowing growth must explain a series that
    /// passes for straight, to veto a leak.
    pub(crate) const LINE_MARGIN: f64 = 6.0;

    /// A warm-up shorter than this share of the run is over at once.
    pub(crate) const AT_ONCE: f64 = 0.05;

    /// A settled part shorter than this share of the growth ahead of it may be the end of a load.
    pub(crate) const LATE: f64 = 0.4;

    /// Share of what lies ahead of the settled part that is looked at: its end may be the bend.
    pub(crate) const AHEAD: f64 = 0.8;

    /// Share of the settled part after which less is left of the warm-up before it, the fewest
    /// points from there on, and the confidence of their slope that the printed interval holds.
    pub(crate) const LATER: f64 = 0.35;

    pub(crate) const FEWEST_LATER: usize = 20;

    pub(crate) const LATER_CONFIDENCE: f64 = 0.9;

    /// A rise that has made less than this share of itself half-way is no warm-up.
    pub(crate) const HALF_WAY: f64 = 0.65;

    /// Where the last step lies in this share of the run, what came before it is left out.
    pub(crate) const EARLY_STEPS: f64 = 0.5;
}

/// Windows of a series that is nowhere straight.
pub(crate) mod windows {
    /// Windows that must agree.
    pub(crate) const WINDOWS: usize = 5;

    /// Share of the run that is left out at its beginning.
    pub(crate) const LEFT_OUT: f64 = 0.3;

    /// Shares at the end of a part that is level as a whole, which must not rise by themselves; the
    /// confidence with which they do, five being looked at in every series; and the fewest
    /// readings in one.
    pub(crate) const ENDS: [f64; 5] = [0.12, 0.18, 0.25, 0.35, 0.5];
    pub(crate) const END_CONFIDENCE: f64 = 0.999;
    pub(crate) const FEWEST_OF_END: usize = 20;

    /// Shares of the fitted part, at its end and at its beginning, that must not contradict a leak.
    pub(crate) const LAST: [f64; 3] = [0.25, 0.35, 0.5];

    pub(crate) const FIRST: f64 = 0.35;

    /// Groups in which a late rise is compared with the falls of the series, and how many times
    /// the deepest of these it must be: of random walks, 18 in 1,000 are called a leak with four,
    /// 23 with two, and not fewer with more.
    pub(crate) const FALL_GROUPS: usize = 48;

    pub(crate) const ABOVE_FALLS: f64 = 4.0;

    /// How deep the means of [`FALL_GROUPS`] groups of independent noise fall, in their standard
    /// deviations, at most in nineteen of twenty series: numpy 2.4.6, the 0.95 quantile of
    /// `(maximum.accumulate(y, 1) - y).max(1)` for 20,000 rows `y` of 48 standard normal values.
    pub(crate) const FALL_OF_NOISE: f64 = 5.4;

    /// How many times as loud as in the fitted part the noise before it must have been to be held
    /// against its own falls: what wanders is no louder within a group than about a line.
    pub(crate) const LOUDER: f64 = 2.0;

    /// Groups that growth which never falls is looked at in, the share of what they rise by that
    /// they may fall, and how fast its later half must be beside the earlier.
    pub(crate) const RATCHET_GROUPS: usize = 60;
    pub(crate) const FALLS_BACK: f64 = 0.05;
    pub(crate) const AS_FAST: f64 = 0.9;

    /// The same where so many steps were found: of few large ones, one more or less lies in a half.
    pub(crate) const AS_FAST_IN_STEPS: f64 = 0.75;
    pub(crate) const FEWEST_OF_RATCHET: usize = 3;

    /// Share of the mean of lives that may be their warm-up, and the standard errors by which the rest
    /// must bend down: of straight growth one in ten does, because a program that is started anew
    /// warms up, and to be wrong here is to call that a leak.
    pub(crate) const WARM_UP_OF_LIVES: f64 = 0.2;
    pub(crate) const SLOWS_BY: f64 = 1.28;

    /// The slope of u² in the middle of the last tenth of 0 to 1.
    pub(crate) const LAST_TENTH: f64 = 1.9;

    /// How small the range must be beside what the budget allows in the time.
    pub(crate) const STANDSTILL: f64 = 0.4;
}

/// Growth that comes in steps.
pub(crate) mod staircase {
    /// Steps that are looked at, the last ones.
    pub(crate) const LOOKED_AT: usize = 16;

    /// Points that their sizes are fitted to, at most.
    pub(crate) const TREND_POINTS: usize = 400;

    /// The last step is one of at least this share of the largest.
    pub(crate) const CHAIN: f64 = 0.25;

    /// A step belongs to the one that follows it if it is at least this share of it:
    /// containers grow by a factor of two at most, and sizes are known to within the noise.
    pub(crate) const PREDECESSOR: f64 = 0.35;

    /// The least factor from one step of a container to the next: they grow by 1.25 at least,
    /// and sizes are known to within the noise.
    pub(crate) const GROWING: f64 = 1.15;

    /// Fewer steps than this may be chance: the interval of their growth then holds none.
    pub(crate) const FEW_STEPS: usize = 4;

    /// Three steps are no chance where the paces at which they were filled differ by less than
    /// this factor, and the level ahead of the first rose at about that pace, too: at all of it, or
    /// less where the container held something before.
    pub(crate) const SAME_PACE: f64 = 1.15;
    pub(crate) const PACE_AHEAD: std::ops::RangeInclusive<f64> = 0.4..=1.3;
    pub(crate) const FEWEST_AHEAD: usize = 3;

    /// The level must be higher at the end by this share of what the steps come to.
    pub(crate) const NET: f64 = 0.5;

    /// The least error of growth that comes in steps, in shares of it.
    pub(crate) const LEAST_ERROR: f64 = 0.04;

    /// Share of the distance between the first two steps that is looked at ahead of the first.
    pub(crate) const HEAD: f64 = 0.5;

    /// A rise of this share of a step ahead of it is that of smaller steps before.
    pub(crate) const HEAD_RISE: f64 = 0.25;

    /// How many times over the next step must be overdue before what rose in steps has ended:
    /// sizes and distances of two steps are each known to a fifth at worst.
    pub(crate) const OVERDUE: f64 = 1.5;

    /// A leak is said only within this share of the time that the last step asks for: later,
    /// what rose may have ended as well.
    pub(crate) const NOT_YET_DUE: f64 = 1.0;

    /// Share of the budget, kept since the beginning, by which what grew late may be a container:
    /// it is known to within the time between two readings and the noise.
    pub(crate) const ROOM: f64 = 0.5;

    /// Share of the record from which on growth is late: half, and what a container may have been
    /// filled ahead of it.
    pub(crate) const LATE: f64 = 0.4;

    /// The rate of the last rest must be at least this share of the usual one for a leak.
    pub(crate) const STILL_AS_FAST: f64 = 0.6;
}

/// The least time in which a metric can show a leak.
pub(crate) mod grain {
    /// Grains that a leak at the budget must have made before its absence is one: at 128 KiB
    /// and half a percent an hour that is 45 minutes for a program of 100 MiB.
    pub(crate) const SEVERAL: f64 = 3.0;

    /// New highs from which on the step of a series is learned from it.
    pub(crate) const RECORDS: usize = 8;
}

/// Work that was done, and the time without.
pub(crate) mod work {
    /// Below this share of the usual rate of work a program is idle.
    pub(crate) const IDLE: f64 = 0.2;

    /// Below this share of the usual rate at the end, the load is over.
    pub(crate) const OVER: f64 = 0.5;

    /// From where on the rate stays below this share of the usual one, such an end has begun.
    pub(crate) const GOING_DOWN: f64 = 0.97;

    /// Share of what a slow end takes down to [`OVER`] that lies ahead of where it is seen: of a
    /// load that goes down evenly, 3 parts of a hundred beside 47, and half as much again.
    pub(crate) const UNSEEN: f64 = 0.1;

    /// The usual rate is this quantile of all.
    pub(crate) const USUAL: f64 = 0.75;

    /// Operations in one stretch of which a rate is told, at least, and stretches at most.
    pub(crate) const OPERATIONS: f64 = 20.0;
    pub(crate) const STRETCHES: usize = 200;
}

/// What comes by the clock.
pub(crate) mod calendar {
    pub(crate) const DAY_S: f64 = 86_400.0;

    /// Lengths that a schedule repeats in: quarters of an hour to days, as those of cron(8) and
    /// logrotate(8).
    pub(crate) const PERIODS_S: [f64; 11] = [
        900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0, 14_400.0, 21_600.0, 28_800.0, 43_200.0,
        86_400.0, 604_800.0,
    ];

    /// Readings that a fall may be off its time: between two of them it is anywhere, as is the
    /// first.
    pub(crate) const OFF_TIME: f64 = 2.5;

    /// Fewest falls, and the share of those due that must be there.
    pub(crate) const FEWEST_FALLS: usize = 3;

    pub(crate) const SEEN: f64 = 0.9;

    /// Fewest falls that show a period which no clock has, most that are compared with each other, and
    /// the standard errors by which the height of teeth must not change: their floors then rise
    /// otherwise than their means.
    pub(crate) const FEWEST_PERIODIC: usize = 12;
    pub(crate) const MOST_PERIODIC: usize = 1_000;
    pub(crate) const HEIGHT_CHANGES: f64 = 3.0;

    /// The share that these may leave: a twentieth of the height as noise.
    pub(crate) const STRICT_LEFT: f64 = 0.03;

    /// The share of the variance about a line that teeth all alike may leave: a tenth of the
    /// height as noise is an eighth of it.
    pub(crate) const TEETH_LEFT: f64 = 0.12;

    /// Fewest weeks, and the shares of the variance about a line, and of what days leave, that
    /// weeks may leave.
    pub(crate) const WEEKS: f64 = 2.0;

    pub(crate) const WEEK_LEFT: f64 = 0.4;

    pub(crate) const WEEK_OF_DAY_LEFT: f64 = 0.5;

    /// Parts of two hours that a week and a day are looked at in.
    pub(crate) const BINS_OF_WEEK: usize = 84;

    pub(crate) const BINS_OF_DAY: usize = 12;

    /// Parts of half an hour and of an hour, where readings are enough for their means.
    pub(crate) const FINER_BINS_OF_WEEK: [usize; 2] = [336, 168];
}

/// Two levels whose readings come in no order.
pub(crate) mod mixture {
    /// Fewest readings in which they are looked for; of stretches, and the most in one.
    pub(crate) const FEWEST: usize = 40;
    pub(crate) const LEAST: usize = 40;
    pub(crate) const MOST: usize = 128;

    /// Stretches that are looked at, at most.
    pub(crate) const WINDOWS: usize = 16;

    /// The least share of readings at either level.
    pub(crate) const SHARE: f64 = 0.08;

    /// How wide the gap between both must be, in standard deviations of the wider one: of 40
    /// normal values the widest gap of the inner nine tenths is below 1.2 of their own, and below
    /// half of it in nineteen of twenty.
    pub(crate) const APART: f64 = 1.5;

    /// Values that differ by a few grains only have gaps of that size: the widest must be so many
    /// times the smallest, or a share of the level, as processes differ by.
    pub(crate) const GRAINS: f64 = 8.0;
    pub(crate) const OF_LEVEL: f64 = 0.05;

    /// Share of the changes that independent draws make from one level to the other: load that is
    /// switched keeps each for many readings.
    pub(crate) const UNORDERED: f64 = 0.6;

    /// Longer parts are grouped as other series are.
    pub(crate) const MOST_POINTS: usize = super::prepare::FINE_POINTS;
}

/// A level that is left and come back to.
pub(crate) mod levels {
    /// Fewest readings in which it is looked for.
    pub(crate) const FEWEST: usize = 100;

    /// Rounds in which groups, their edge and the slope are found in turn.
    pub(crate) const ROUNDS: usize = 4;

    /// How far apart both groups must lie at first, in standard deviations within them: halves of a
    /// normal distribution lie 2.65 of theirs apart, which is 2√(2/π) / √(1 − 2/π).
    pub(crate) const HALVES: f64 = 2.8;

    /// How far off the others must lie, in standard deviations of the level.
    pub(crate) const SEPARATION: f64 = 12.0;

    /// Readings within so many standard deviations are at the level.
    pub(crate) const NEAR: f64 = 4.0;

    /// Readings beyond this share of the distance are away from it.
    pub(crate) const AWAY: f64 = 0.5;

    /// Share of readings that may lie in between, those beside a move aside.
    pub(crate) const TRANSITION: f64 = 0.03;

    /// How often the level must be left and come back to.
    pub(crate) const LEAST_SWITCHES: usize = 4;

    /// Share of the readings off the level that may lie on the side where the other level is not.
    pub(crate) const BEYOND: f64 = 0.1;

    /// How many times as long as before the level may be left at the end.
    pub(crate) const LEFT_FOR: f64 = 1.25;

    /// The least share of readings at the level.
    pub(crate) const KEPT: f64 = 0.4;

    /// Beside excursions of any height: parts whose low readings show the slope of the level, and
    /// the quantile that is low in each.
    pub(crate) const LOW_PARTS: usize = 16;
    pub(crate) const LOW: f64 = 0.15;

    /// Fewest excursions where this share of the readings is at the level; twice as many where
    /// it is less, down to the least.
    pub(crate) const FLOOR_LEFT: usize = 3;
    pub(crate) const FLOOR_KEPT: f64 = 0.35;
    pub(crate) const FLOOR_LEAST: f64 = 0.12;

    /// Shares of readings that must be away from the level, and may lie below it.
    pub(crate) const FLOOR_AWAY: f64 = 0.01;
    pub(crate) const FLOOR_BELOW: f64 = 0.005;

    /// Share of those away that may be less than [`SEPARATION`] off.
    pub(crate) const HALF_WAY: f64 = 0.33;

    /// Fewest readings of an excursion whose front is looked at, and the share of them in which
    /// it may climb to half of its height.
    pub(crate) const EXCURSION: usize = 4;
    pub(crate) const CLIMBING: f64 = 0.25;

    /// By which part of its width the printed interval reaches further on either side: what an
    /// excursion has not given back lies on the level.
    pub(crate) const FLOOR_WIDER: f64 = 0.15;

    /// Share of the time that one excursion may take.
    pub(crate) const LONGEST: f64 = 0.25;
}
