//! What numbers that nobody names a unit for count: seconds, days of a spreadsheet, hours.

use super::InputError;
use super::quote;
use super::time::TimeUnit;
use leaklab_judge::amount::count_text;

const DAY_S: f64 = 86_400.0;

/// Numbers from here on are stamps since 1970 or another year: they tell their unit by their
/// size.
const LONGEST_SINCE_A_START_S: f64 = 3e8;

/// Steps that people set, in seconds: they part a minute, an hour or a day.
const USUAL_S: [f64; 32] = [
    1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 12.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 150.0,
    180.0, 240.0, 300.0, 360.0, 600.0, 720.0, 900.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0,
    14_400.0, 21_600.0, 28_800.0, 43_200.0,
];

/// Steps of less than a second that people set, in seconds.
const USUAL_PARTS_S: [f64; 11] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5,
];

/// What times count, and what is said of it.
pub(super) struct Counted {
    /// `None` goes by the size of the first.
    pub unit: Option<TimeUnit>,
    pub note: Option<String>,
}

impl Counted {
    /// A unit that name or user say.
    pub fn told(unit: TimeUnit) -> Self {
        Self {
            unit: Some(unit),
            note: None,
        }
    }

    fn assumed(unit: Option<TimeUnit>, name: &str, words: &str) -> Self {
        Self {
            unit,
            note: Some(format!(
                "the times in `{}` are taken as {words}; --time-unit says another unit",
                quote::cut(name)
            )),
        }
    }
}

/// The unit of the times under a name that says none. `in_turn`: whether rows of several series
/// stand among each other, so that steps say little.
pub(super) fn of_numbers(name: &str, times: &[f64], in_turn: bool) -> Result<Counted, InputError> {
    // psrecord counts seconds, and no other name is as common.
    const OF_TOOLS: [&str; 2] = ["elapsed time", "elapsed_time"];
    let nothing = Counted {
        unit: None,
        note: None,
    };
    let Some(&first) = times.first() else {
        return Ok(nothing);
    };
    if first.abs() > LONGEST_SINCE_A_START_S {
        if let Some(units) = belies_a_stamp(name, times) {
            return Err(InputError::NoStamp {
                column: quote::cut(name),
                units,
            });
        }
        return Ok(match TimeUnit::of_size(first) {
            TimeUnit::Ticks => Counted::assumed(
                Some(TimeUnit::Ticks),
                name,
                "tenths of microseconds, as .NET and Windows count",
            ),
            _ => nothing,
        });
    }
    if OF_TOOLS.contains(
        &name
            .trim()
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .as_str(),
    ) {
        return Ok(nothing);
    }
    let step = usual_step(times).filter(|_| !in_turn);
    if let Some(step) = step.filter(|step| is_doubtful(*step)) {
        return Err(doubt(name, step, "--time-unit s, or --time-unit ms"));
    }
    if let Some(step) = step.filter(|step| *step < 0.99) {
        let is_day_number = DAY_NUMBERS.iter().any(|days| days.contains(&first));
        let is_round = is_near_one_of(&USUAL_PARTS_S, step, 0.005);
        let is_usual_in = |seconds: f64| is_near_one_of(&USUAL_S, step * seconds, 0.005);
        if is_day_number && (step < SHORTEST_STEP_S || is_usual_in(DAY_S) && !is_round) {
            let words = "days, as spreadsheets and astronomers number them";
            return Ok(Counted::assumed(Some(TimeUnit::Days), name, words));
        }
        let is_other = [60.0, 3_600.0, DAY_S, 7.0 * DAY_S]
            .into_iter()
            .any(is_usual_in);
        let is_in_doubt = is_other && !is_round || is_day_number && is_usual_in(DAY_S);
        if is_in_doubt && is_regular(times, step) {
            return Err(doubt(name, step, "--time-unit s, min, h, d or w"));
        }
    }
    Ok(Counted::assumed(
        None,
        name,
        "seconds: nothing says their unit",
    ))
}

/// Seconds since 1970 between which people write stamps: October 1999 to the year 2286.
const STAMPS_S: std::ops::Range<f64> = 9.4e8..1e10;

/// Numbers as large as stamps that are none, and what else they may count: no one wrote them in
/// the year that they would be of, their name says that they count from a start, or their steps
/// are a thousand times what people set.
fn belies_a_stamp(name: &str, times: &[f64]) -> Option<&'static str> {
    const SINCE_A_START: [&str; 8] = [
        "monotonic",
        "uptime",
        "boottime",
        "hrtime",
        "perf",
        "elapsed",
        "since",
        "ticks",
    ];
    /// Steps from here on nobody takes who does not take one of the usual ones.
    const LONG_STEP_S: f64 = 1e4;
    let first = *times.first()?;
    let unit = TimeUnit::of_size(first);
    if unit == TimeUnit::Ticks || is_date_of_digits(first) {
        return None;
    }
    let lower = name.to_lowercase();
    let counts = SINCE_A_START.iter().any(|word| lower.contains(word));
    let factor = unit.seconds();
    let is_stamp = STAMPS_S.contains(&(first.abs() * factor));
    let step = usual_step(times).map(|step| step * factor);
    let is_thousandfold = |step: f64| {
        step >= LONG_STEP_S && is_doubtful(step) && is_near_one_of(&USUAL_S, step / 1e3, 0.02)
    };
    let is_belied = counts || !is_stamp || step.is_some_and(is_thousandfold);
    is_belied.then_some(match first.abs() {
        size if size < 1e12 => "--time-unit ms, us or ns",
        _ => "--time-unit us or ns",
    })
}

/// Whether a number is a date and a time of digits alone: 20261121160738, or without the seconds.
fn is_date_of_digits(number: f64) -> bool {
    let digits = number.abs() as u64;
    let minutes = match digits {
        190_001_010_000..=299_912_312_359 => digits,
        19_000_101_000_000..=29_991_231_235_959 => digits / 100,
        _ => return false,
    };
    let (month, day) = (minutes / 1_000_000 % 100, minutes / 10_000 % 100);
    let (hour, minute) = (minutes / 100 % 100, minutes % 100);
    (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60
}

/// Numbers of days on calendars: those of spreadsheets (1982 to 2119), Modified Julian Days,
/// Matlab's since the year 0, and Julian Days.
const DAY_NUMBERS: [std::ops::Range<f64>; 3] = [
    30_000.0..80_000.0,
    720_000.0..760_000.0,
    2_440_000.0..2_500_000.0,
];

/// Nobody reads memory a thousand times a second for as long as a number of days is large.
const SHORTEST_STEP_S: f64 = 0.001;

fn doubt(name: &str, step: f64, units: &'static str) -> InputError {
    let step = match step {
        whole if whole >= 1.0 => count_text(whole.round() as u64),
        part => {
            let digits = (2.0 - part.log10()).ceil().clamp(0.0, 12.0) as usize;
            format!("{part:.digits$}")
        }
    };
    InputError::TwoTimeUnits {
        column: quote::cut(name),
        step,
        units,
    }
}

fn steps(times: &[f64]) -> impl Iterator<Item = f64> {
    let steps = times.windows(2).map(|pair| pair[1] - pair[0]);
    steps.filter(|step| *step > 0.0)
}

/// The median step; `None` of too few.
fn usual_step(times: &[f64]) -> Option<f64> {
    const FEWEST: usize = 3;
    let mut steps: Vec<f64> = steps(times).collect();
    steps.sort_by(f64::total_cmp);
    (steps.len() >= FEWEST).then(|| steps[steps.len() / 2])
}

/// Whether most steps are the usual one: people who write hours or days take readings by a timer.
fn is_regular(times: &[f64], usual: f64) -> bool {
    const NEAR: f64 = 0.05;
    const MOST: f64 = 0.8;
    let near = steps(times).filter(|step| (step - usual).abs() <= NEAR * usual);
    near.count() as f64 >= MOST * steps(times).count() as f64
}

fn is_near_one_of(list: &[f64], step: f64, share: f64) -> bool {
    list.iter()
        .any(|usual| (step - usual).abs() <= share * usual)
}

/// Whether a step is one that nobody takes between readings in seconds: the times may be parts of
/// seconds.
fn is_doubtful(step: f64) -> bool {
    const NEAR: f64 = 0.02;
    let days = (step / DAY_S).round();
    let is_near = |usual: f64| (step - usual).abs() <= NEAR * usual;
    let is_usual = step < 55.0
        || is_near_one_of(&USUAL_S, step, NEAR)
        || (1.0..=31.0).contains(&days) && is_near(days * DAY_S);
    !is_usual
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(from: f64, step: f64) -> Vec<f64> {
        (0..20).map(|i| from + step * f64::from(i)).collect()
    }

    #[test]
    fn steps_that_nobody_takes_in_seconds_are_in_doubt() {
        for (from, step, doubtful) in [
            (0.0, 1.0, false),
            (0.0, 15.0, false),
            (0.0, 300.0, false),
            (0.0, 86_400.0, false),
            (0.0, 1_000.0, true),
            (500.0, 15_000.0, true),
            (0.0, 1e6, true),
            (1_763_700_000.0, 1_000.0, false),
            // 10 ms, 100 ms and what a busy loop takes.
            (0.0, 0.01, false),
            (0.0, 0.1, false),
            (0.0, 0.0137, false),
            // 15 s in hours and in days, a minute in hours, 5 s in minutes.
            (0.0, 15.0 / 3_600.0, true),
            (0.0, 15.0 / 86_400.0, true),
            (0.0, 1.0 / 60.0, true),
            (0.0, 5.0 / 60.0, true),
            // A clock since the machine was started, read four times a second; or every 6 h.
            (45_982.5, 0.25, true),
            (45_982.5, 0.1, false),
        ] {
            let found = of_numbers("time", &times(from, step), false);
            assert_eq!(found.is_err(), doubtful, "{from} + {step}");
        }
    }

    #[test]
    fn numbers_as_large_as_stamps_may_count_from_a_start() {
        for (name, from, step, doubtful) in [
            ("time", 1_763_700_000.0, 15.0, false),
            ("time", 1.7637e12, 15e3, false),
            ("time", 1.7637e15, 15e6, false),
            ("time", 1.7637e18, 15e9, false),
            ("monotonic", 1.23e11, 1e9, true),
            ("t", 1.23e11, 1e9, true),
            ("t", 5e14, 60e9, true),
            // 15 days in nanoseconds would be a stamp in microseconds, but for its steps.
            ("t", 1.3e15, 60e9, true),
            ("uptime_ns", 1.3e15, 1e9, true),
            // Five days in milliseconds.
            ("t", 4.3e8, 15e3, true),
        ] {
            let found = of_numbers(name, &times(from, step), false);
            assert_eq!(found.is_err(), doubtful, "{name}: {from} + {step}");
        }
    }

    #[test]
    fn day_numbers_and_ticks_are_known_by_their_size() {
        for (from, step, unit) in [
            (45_982.5, 15.0 / 86_400.0, Some(TimeUnit::Days)),
            (45_982.5, 1.0 / 24.0, Some(TimeUnit::Days)),
            (2_460_000.5, 60.0 / 86_400.0, Some(TimeUnit::Days)),
            (739_900.5, 60.0 / 86_400.0, Some(TimeUnit::Days)),
            (45_982.5, 15.0, None),
            (6.39e17, 1.5e8, Some(TimeUnit::Ticks)),
            (1.34e17, 1.5e8, Some(TimeUnit::Ticks)),
            (1.7637e18, 1.5e10, None),
        ] {
            let counted = of_numbers("time", &times(from, step), false).expect("a unit");
            assert_eq!(counted.unit, unit, "{from} + {step}");
            assert_eq!(counted.note.is_some(), from < 1e18, "{from} + {step}");
        }
    }
}
