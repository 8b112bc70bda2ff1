//! Times as files write them: seconds, other units, Unix stamps, dates, times of day.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Unit of numeric times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Nanoseconds.
    Nanoseconds,
    /// Tenths of microseconds, in which Windows and .NET count.
    Ticks,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Weeks.
    Weeks,
}

impl TimeUnit {
    /// Seconds in one.
    pub fn seconds(self) -> f64 {
        match self {
            Self::Nanoseconds => 1e-9,
            Self::Ticks => 1e-7,
            Self::Microseconds => 1e-6,
            Self::Milliseconds => 1e-3,
            Self::Seconds => 1.0,
            Self::Minutes => 60.0,
            Self::Hours => 3_600.0,
            Self::Days => 86_400.0,
            Self::Weeks => 604_800.0,
        }
    }

    /// The unit that the name of a column is or ends in: `ms`, `elapsed_ms`, `time (min)`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let name = name
            .trim()
            .trim_end_matches([')', ']'])
            .to_ascii_lowercase();
        let last = name.rsplit([' ', '_', '(', '[', '-', '.']).next()?;
        // A single letter is a name like any other, but hours have no other.
        if last == name && name.len() < 2 && name != "h" {
            return None;
        }
        last.parse().ok().or_else(|| Self::of_bare_name(&name))
    }

    /// The unit that a name as a whole is, in the languages of spreadsheets: `hour`, `Stunden`.
    pub(super) fn of_bare_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_lowercase().as_str() {
            "h" | "hr" | "hrs" | "hour" | "hours" | "stunde" | "stunden" | "heure" | "heures"
            | "horas" | "ore" | "uur" | "timmar" | "часы" | "小时" | "時間" => Self::Hours,
            "min" | "mins" | "minute" | "minutes" | "minuten" | "minuto" | "minutos" | "minuti"
            | "минуты" | "分钟" | "分" => Self::Minutes,
            "sec" | "secs" | "second" | "seconds" | "sekunde" | "sekunden" | "seconde"
            | "secondes" | "segundos" | "secondi" | "секунды" | "秒" => Self::Seconds,
            "day" | "days" | "tag" | "tage" | "jour" | "jours" | "día" | "días" | "dias"
            | "giorni" | "dag" | "dagen" | "дни" | "天" | "mjd" | "jd" | "julian"
            | "julian_day" | "julian day" => Self::Days,
            "week" | "weeks" | "woche" | "wochen" | "semaine" | "semaines" | "semanas" => {
                Self::Weeks
            }
            _ => return None,
        })
    }

    /// The unit of Unix stamps of this size; smaller numbers are seconds. Between 10¹⁷ and 10¹⁸
    /// nanoseconds since 1970 would be before 2002: there .NET and Windows count tenths of
    /// microseconds, since the years 1 and 1601.
    pub(super) fn of_size(first: f64) -> Self {
        match first.abs() {
            size if size >= 1e18 => Self::Nanoseconds,
            size if size >= 1e17 => Self::Ticks,
            size if size >= 1e14 => Self::Microseconds,
            size if size >= 1e11 => Self::Milliseconds,
            _ => Self::Seconds,
        }
    }
}

impl std::str::FromStr for TimeUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "ns" | "nanoseconds" => Self::Nanoseconds,
            "us" | "µs" | "microseconds" => Self::Microseconds,
            "ms" | "msec" | "millis" | "milliseconds" => Self::Milliseconds,
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Seconds,
            "min" | "mins" | "minute" | "minutes" => Self::Minutes,
            "h" | "hour" | "hours" => Self::Hours,
            "d" | "day" | "days" => Self::Days,
            "w" | "week" | "weeks" => Self::Weeks,
            "ticks" => Self::Ticks,
            _ => {
                return Err(format!(
                    "`{text}` is no unit of time; known are ns, us, ms, s, min, h, d, w and ticks (of 100 ns)"
                ));
            }
        })
    }
}

/// A time as text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stamp {
    /// Seconds since 1970.
    At(f64),
    /// Seconds since midnight, of a day that is not said.
    OfDay(f64),
}

/// Which of day and month stands first between slashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum DayOrder {
    /// As `11/21/2025`, which is how `date` and `sar` print it in most locales with slashes.
    #[default]
    MonthFirst,
    /// As `21/11/2025`.
    DayFirst,
}

/// Reads a time: RFC 3339 and its relatives, times of day with and without AM and PM, dates
/// between slashes or points, the form of `date`. Without a zone it is UTC.
pub(super) fn stamp(text: &str, order: DayOrder) -> Option<Stamp> {
    const LONGEST: usize = 64;
    let text = text.trim();
    if text.len() > LONGEST || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if let Some(seconds) = standard(text).or_else(|| run_together(text)) {
        return Some(Stamp::At(seconds));
    }
    let mut parts = Parts {
        order,
        ..Parts::default()
    };
    for token in words(text) {
        parts.add(token)?;
    }
    parts.stamp()
}

/// The words of a time. A `T` between digits parts date and time of day.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_ascii_whitespace().flat_map(|word| {
        let is_joined = word.starts_with(|c: char| c.is_ascii_digit()) && word.contains(':');
        let (date, time) = match word.split_once('T') {
            Some((date, time)) if is_joined => (date, Some(time)),
            _ => (word, None),
        };
        std::iter::once(date).chain(time)
    })
}

/// Whether somebody would take the text for a time, and not for a number.
pub(super) fn is_stamp(text: &str) -> bool {
    stamp(text, DayOrder::default()).is_some()
}

/// Seconds since 1970 of a date and time: RFC 3339, or the same with a space and without a
/// zone, which is then UTC.
fn standard(text: &str) -> Option<f64> {
    let timestamp = text.parse::<Timestamp>().ok().or_else(|| {
        let plain: DateTime = text.parse().ok()?;
        // A bare date is one, but a bare number is none.
        text.contains('-').then_some(())?;
        Some(plain.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    // Whole seconds and their parts apart: a stamp in f64 has a grain of a quarter microsecond.
    Some(timestamp.as_second() as f64 + f64::from(timestamp.subsec_nanosecond()) * 1e-9)
}

/// Seconds since 1970 of a date and time of day without anything between: `20261121160738`. A
/// number of milliseconds or microseconds since 1970 has 13 or 16 digits.
pub(super) fn run_together(text: &str) -> Option<f64> {
    if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<i8>().ok();
    let year = text[..4]
        .parse()
        .ok()
        .filter(|y| (1_970..2_100).contains(y))?;
    let date = Date::new(year, part(4, 6)?, part(6, 8)?).ok()?;
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    let of_day = f64::from(hour) * 3_600.0 + f64::from(minute) * 60.0 + f64::from(second);
    Some(midnight as f64 + of_day)
}

/// What the words of a time have said so far.
#[derive(Debug, Default)]
struct Parts {
    order: DayOrder,
    of_day_s: Option<f64>,
    is_afternoon: Option<bool>,
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    zone_s: Option<f64>,
    /// Whether the month so far may be a day of the week.
    may_be_tuesday: bool,
}

impl Parts {
    /// Takes one word; `None` if it has no place in a time.
    fn add(&mut self, token: &str) -> Option<()> {
        // `22.` and `nov.` as `date` prints them in German and French.
        let token = token.trim_matches(',');
        let token = token.strip_suffix('.').unwrap_or(token);
        if token.is_empty() {
            return Some(());
        }
        let upper = token.to_uppercase();
        if matches!(upper.as_str(), "AM" | "PM" | "A.M." | "P.M.") {
            return set(&mut self.is_afternoon, upper.starts_with('P'));
        }
        if token.contains(':') && token.starts_with(|c: char| c.is_ascii_digit()) {
            return self.add_time(&upper);
        }
        if let Some(zone) = zone_seconds(&upper) {
            return set(&mut self.zone_s, zone);
        }
        if token.bytes().all(|b| b.is_ascii_digit()) {
            return match token.len() {
                4 => set(&mut self.year, token.parse().ok()?),
                1 | 2 => set(&mut self.day, token.parse().ok()?),
                _ => None,
            };
        }
        if let Some(month) = month_of(&upper) {
            // A French and Spanish Tuesday begins as March does, and stands before the month.
            if self.may_be_tuesday {
                self.may_be_tuesday = false;
                self.month = None;
            }
            self.may_be_tuesday = upper == "MAR" && self.day.is_none();
            return set(&mut self.month, month);
        }
        if is_weekday(&upper) {
            return Some(());
        }
        // `22 de nov`.
        if upper == "DE" && self.day.is_some() {
            return Some(());
        }
        self.add_date(token)
    }

    /// `16:07:38`, `16:07:38.125`, `16:07:38,125`, `04:40`, with AM, PM or a zone behind.
    fn add_time(&mut self, upper: &str) -> Option<()> {
        let mut text = upper;
        for (ending, is_afternoon) in [("AM", false), ("PM", true)] {
            if let Some(rest) = text.strip_suffix(ending) {
                set(&mut self.is_afternoon, is_afternoon)?;
                text = rest;
            }
        }
        let zone_at = text.find(['Z', '+', '-']).filter(|at| *at > 2);
        if let Some(at) = zone_at {
            set(&mut self.zone_s, zone_seconds(&text[at..])?)?;
            text = &text[..at];
        }
        let mut fields = text.split(':');
        let (hour, minute) = (two_digits(fields.next()?)?, two_digits(fields.next()?)?);
        let second = match fields.next() {
            Some(seconds) => seconds_of(seconds)?,
            None => 0.0,
        };
        if fields.next().is_some() || hour > 24.0 || minute >= 60.0 || second > 60.999_999_999 {
            return None;
        }
        set(&mut self.of_day_s, hour * 3_600.0 + minute * 60.0 + second)
    }

    /// `11/21/2025`, `21.11.2025`, `2025/11/21`, `11/21/25`, `21-Nov-2025`, `21/Nov/2025`.
    fn add_date(&mut self, token: &str) -> Option<()> {
        let separator = token.chars().find(|c| matches!(c, '/' | '.' | '-'))?;
        let mut fields = token.split(separator);
        let (first, second, third) = (fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() {
            return None;
        }
        let small =
            |text: &str| -> Option<i8> { (text.len() <= 2).then(|| text.parse().ok()).flatten() };
        if first.len() == 4 {
            set(&mut self.year, first.parse().ok()?)?;
            set(&mut self.month, small(second)?)?;
            return set(&mut self.day, small(third)?);
        }
        let year: i16 = third.parse().ok()?;
        set(
            &mut self.year,
            if third.len() == 2 { 2_000 + year } else { year },
        )?;
        if let Some(month) = month_of(&second.to_ascii_uppercase()) {
            set(&mut self.month, month)?;
            return set(&mut self.day, small(first)?);
        }
        let (first, second) = (small(first)?, small(second)?);
        let day_first = separator != '/' || self.order == DayOrder::DayFirst || first > 12;
        let (day, month) = match day_first && second <= 12 {
            true => (first, second),
            false => (second, first),
        };
        set(&mut self.month, month)?;
        set(&mut self.day, day)
    }

    fn stamp(&self) -> Option<Stamp> {
        let mut of_day_s = self.of_day_s;
        if let (Some(seconds), Some(is_afternoon)) = (&mut of_day_s, self.is_afternoon) {
            if *seconds >= 13.0 * 3_600.0 {
                return None;
            }
            *seconds = *seconds % 43_200.0 + if is_afternoon { 43_200.0 } else { 0.0 };
        }
        let (Some(month), Some(day)) = (self.month, self.day) else {
            // A lone weekday, year or zone beside the time of day says nothing more.
            let nothing_else = self.month.is_none() && self.day.is_none() && self.year.is_none();
            return of_day_s.filter(|_| nothing_else).map(Stamp::OfDay);
        };
        // Without a year (syslog) any will do: times count from the first.
        let date = Date::new(self.year.unwrap_or(2_000), month, day).ok()?;
        let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        Some(Stamp::At(
            midnight as f64 + of_day_s.unwrap_or(0.0) - self.zone_s.unwrap_or(0.0),
        ))
    }
}

/// Says a part once; `None` if it was said before.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

fn two_digits(text: &str) -> Option<f64> {
    let is_one = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_one.then(|| text.parse().ok()).flatten()
}

/// `38`, `38.125`, `38,125`.
fn seconds_of(text: &str) -> Option<f64> {
    let is_one = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b',');
    is_one
        .then(|| text.replacen(',', ".", 1).parse().ok())
        .flatten()
}

fn month_of(upper: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "JANUARY",
        "FEBRUARY",
        "MARCH",
        "APRIL",
        "MAY",
        "JUNE",
        "JULY",
        "AUGUST",
        "SEPTEMBER",
        "OCTOBER",
        "NOVEMBER",
        "DECEMBER",
    ];
    let place = MONTHS
        .iter()
        .position(|month| upper.len() >= 3 && month.starts_with(upper))
        .or_else(|| {
            const LONGEST: usize = 4;
            (upper.chars().count() <= LONGEST).then_some(())?;
            let is_one = |names: &&str| names.split(' ').any(|name| upper.starts_with(name));
            OTHER_MONTHS.iter().position(is_one)
        })?;
    i8::try_from(place + 1).ok()
}

/// Beginnings of the names of months in German, French, Spanish, Portuguese, Italian, Dutch,
/// Polish and Swedish, where they are not those of English.
const OTHER_MONTHS: [&str; 12] = [
    "JÄN ENE GEN STY",
    "FÉV FEV LUT",
    "MÄR MRZ MRT MAA",
    "AVR ABR KWI",
    "MAI MAG MAJ MEI",
    "JUIN GIU CZE",
    "JUIL LUG LIP",
    "AOÛ AOU AGO SIE",
    "SET WRZ",
    "OKT OUT OTT PAŹ",
    "LIS",
    "DEZ DÉC DIC GRU",
];

fn is_weekday(upper: &str) -> bool {
    const DAYS: [&str; 7] = [
        "MONDAY",
        "TUESDAY",
        "WEDNESDAY",
        "THURSDAY",
        "FRIDAY",
        "SATURDAY",
        "SUNDAY",
    ];
    // In German, French, Spanish, Portuguese, Italian, Dutch, Polish and Swedish, as `date`
    // shortens them.
    const OTHERS: [&str; 45] = [
        "MO", "DI", "MI", "DO", "FR", "SA", "SO", "LUN", "MER", "JEU", "VEN", "SAM", "DIM", "MIÉ",
        "JUE", "VIE", "SÁB", "DOM", "SEG", "TER", "QUA", "QUI", "SEX", "GIO", "SAB", "MA", "WO",
        "VR", "ZA", "ZO", "PON", "PN", "WTO", "WT", "ŚRO", "ŚR", "CZW", "CZ", "PIĄ", "PT", "SOB",
        "NIE", "MÅN", "TIS", "LÖR",
    ];
    upper.len() >= 3 && DAYS.iter().any(|day| day.starts_with(upper)) || OTHERS.contains(&upper)
}

/// Seconds east of Greenwich of a zone by its offset or its usual name.
fn zone_seconds(upper: &str) -> Option<f64> {
    // Letters as `date` prints them; where two zones share some, the one with more people who
    // write software in it. A series stays in its zone, so that only changes matter.
    const ZONES: [(&str, f64); 26] = [
        ("Z", 0.0),
        ("UTC", 0.0),
        ("GMT", 0.0),
        ("WET", 0.0),
        ("WEST", 1.0),
        ("BST", 1.0),
        ("CET", 1.0),
        ("CEST", 2.0),
        ("EET", 2.0),
        ("EEST", 3.0),
        ("MSK", 3.0),
        ("IST", 5.5),
        ("SGT", 8.0),
        ("AWST", 8.0),
        ("JST", 9.0),
        ("KST", 9.0),
        ("AEST", 10.0),
        ("AEDT", 11.0),
        ("EST", -5.0),
        ("EDT", -4.0),
        ("CST", -6.0),
        ("PST", -8.0),
        ("PDT", -7.0),
        ("CDT", -5.0),
        ("MST", -7.0),
        ("MDT", -6.0),
    ];
    if let Some((_, hours)) = ZONES.iter().find(|(name, _)| *name == upper) {
        return Some(hours * 3_600.0);
    }
    let (sign, digits) = match upper.split_at_checked(1)? {
        ("+", digits) => (1.0, digits),
        ("-", digits) => (-1.0, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let is_offset = matches!(digits.len(), 2 | 4) && digits.bytes().all(|b| b.is_ascii_digit());
    let (hours, minutes) = is_offset.then(|| digits.split_at(2))?;
    let minutes: f64 = if minutes.is_empty() {
        0.0
    } else {
        minutes.parse().ok()?
    };
    Some(sign * (hours.parse::<f64>().ok()? * 3_600.0 + minutes * 60.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_is_read_in_all_its_forms() {
        // date -u -d 2026-11-21T16:07:38Z +%s == 1795277258
        for text in [
            "2026-11-21T16:07:38Z",
            "2026-11-21T17:07:38+01:00",
            "2026-11-21 16:07:38",
            "2026-11-21 16:07:38 UTC",
            "2026-11-21 17:07:38 CET",
            "2026-11-21 11:07:38 -0500",
            "2026/11/21 16:07:38",
            "11/21/2026 04:07:38 PM",
            "11/21/26 16:07:38",
            "21/11/2026 16:07:38",
            "21.11.2026 16:07:38",
            "21-Nov-2026 16:07:38",
            "Sat Nov 21 16:07:38 UTC 2026",
            "Sat Nov 21 05:07:38 PM CET 2026",
            "Sat 21 Nov 2026 04:07:38 PM UTC",
            "Sat, 21 Nov 2026 16:07:38 +0000",
            // As `date` of GNU prints it in German, French, Polish and Portuguese.
            "Sa 21. Nov 16:07:38 UTC 2026",
            "sam. 21 nov. 2026 16:07:38 UTC",
            "sob, 21 lis 2026, 16:07:38 UTC",
            "sáb 21 nov 2026 16:07:38 UTC",
        ] {
            let read = stamp(text, DayOrder::default());
            assert_eq!(read, Some(Stamp::At(1_795_277_258.0)), "{text}");
        }
        // date -u -d 2026-11-24T16:07:38Z +%s == 1795536458, a Tuesday.
        let tuesday = stamp("Tue Nov 24 11:07:38 EST 2026", DayOrder::default());
        assert_eq!(tuesday, Some(Stamp::At(1_795_536_458.0)));
        let tuesday = stamp("mar. 24 nov. 2026 16:07:38 UTC", DayOrder::default());
        assert_eq!(tuesday, Some(Stamp::At(1_795_536_458.0)));
        for (text, seconds) in [
            ("04:40:00", 16_800.0),
            ("04:40:00 AM", 16_800.0),
            ("4:40", 16_800.0),
            ("04:40:00PM", 60_000.0),
            ("12:00:30 AM", 30.0),
            ("12:00:30 PM", 43_230.0),
            ("16:07:38,125", 58_058.125),
        ] {
            let read = stamp(text, DayOrder::default());
            assert_eq!(read, Some(Stamp::OfDay(seconds)), "{text}");
        }
        for text in [
            "yesterday",
            "12",
            "1.5",
            "python3",
            "1795277258",
            "1:2:3:4",
            "10.0.0.1:80",
        ] {
            assert_eq!(stamp(text, DayOrder::default()), None, "{text}");
        }
        let day_first = stamp("02/11/2026 16:07:38", DayOrder::DayFirst);
        let plain = stamp("2026-11-02 16:07:38", DayOrder::default());
        assert_eq!(day_first, plain);
    }

    #[test]
    fn names_and_sizes_tell_the_unit() {
        assert_eq!(
            TimeUnit::of_name("elapsed_ms"),
            Some(TimeUnit::Milliseconds)
        );
        assert_eq!(TimeUnit::of_name("time (min)"), Some(TimeUnit::Minutes));
        assert_eq!(TimeUnit::of_name("timestamp"), None);
        assert_eq!(TimeUnit::of_name("s"), None);
        assert_eq!(
            TimeUnit::of_size(1_795_233_600_000.0),
            TimeUnit::Milliseconds
        );
        assert_eq!(TimeUnit::of_size(1_795_233_600.0), TimeUnit::Seconds);
        assert_eq!(TimeUnit::of_size(0.0), TimeUnit::Seconds);
    }
}
