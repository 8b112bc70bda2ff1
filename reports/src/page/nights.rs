//! The page over nights: a row per series, a picture per figure with its changes named, and the
//! nights in a table. One HTML file that works offline.

use super::PageError;
use super::render::render_nights_page;
use crate::cell::{MetricUnit, thinned};
use crate::history::words::{self, Points, value_text};
use crate::history::{FigureStory, MissingNight, SeriesState, SeriesStory, Tolerance, picture};
use leaklab_judge::amount::{count_text, plural};
use serde::Serialize;
use std::fmt::Write as _;

/// Nights that a series shows in its table; all are in the pictures.
const ROWS: usize = 60;
/// Series whose pictures and nights are on the page; the gravest are.
const DETAILED: usize = 120;
/// Width and height of a picture over nights, in its own units.
const SIZE: (f64, f64) = (720.0, 200.0);
/// Room for labels: left, right, above and below.
const ROOM: [f64; 4] = [92.0, 10.0, 30.0, 20.0];
/// Size of the small picture in the row of a series.
const SMALL: (f64, f64) = (140.0, 26.0);

/// What is said of one series in its row.
#[derive(Debug, Clone, Serialize)]
pub struct SeriesRow {
    #[serde(skip)]
    state: SeriesState,
    #[serde(skip)]
    position: usize,
    anchor: String,
    name: String,
    host: String,
    sign: &'static str,
    class: &'static str,
    words: &'static str,
    nights: String,
    last: String,
    /// The level of each shown figure: its name and value.
    figures: Vec<(&'static str, String)>,
    trend: Option<Drawing>,
    /// The newest change.
    change: String,
}

impl SeriesRow {
    /// The row of `story`, which stands at `position` among its like.
    fn of(
        position: usize,
        story: &SeriesStory,
        tolerance: &Tolerance,
        missing: &[MissingNight],
    ) -> Self {
        let state = SeriesState::of(story, tolerance, missing);
        let told = told_first(story);
        let level = |figure: &FigureStory| {
            let now = figure.course.now?;
            Some((
                figure.figure.name(),
                value_text(figure.figure, now.mean.value),
            ))
        };
        let change = told.and_then(|figure| Some((figure, figure.course.changes.last()?)));
        SeriesRow {
            state,
            position,
            anchor: format!("s{position}"),
            name: story.series.clone(),
            host: story.host_class.clone(),
            sign: state.sign(),
            class: state.class(),
            words: state.words(),
            nights: plural(story.nights.len() as u64, "night"),
            last: story
                .nights
                .last()
                .map_or_else(String::new, words::night_name),
            figures: words::shown_figures(story).filter_map(level).collect(),
            trend: told.and_then(|figure| Drawing::of(story, figure, SMALL, [2.0; 4])),
            change: change.map_or_else(String::new, |(figure, change)| {
                words::change_text(story, figure, change)
            }),
        }
    }
}

/// The figure that says most: with the newest confirmed harm, with the newest change, or growth.
fn told_first(story: &SeriesStory) -> Option<&FigureStory> {
    let rank = |figure: &&FigureStory| {
        let last = figure.course.changes.last()?;
        Some((
            last.is_harm,
            last.confirmed_on.is_some(),
            figure.night_of(last),
        ))
    };
    let changed = story.figures.iter().filter(|figure| rank(figure).is_some());
    changed.max_by_key(rank).or_else(|| story.figures.first())
}

/// A row for each series, the gravest first.
#[must_use]
pub fn series_rows(
    stories: &[SeriesStory],
    tolerance: &Tolerance,
    missing: &[MissingNight],
) -> Vec<SeriesRow> {
    let mut rows: Vec<SeriesRow> = stories
        .iter()
        .enumerate()
        .map(|(position, story)| SeriesRow::of(position, story, tolerance, missing))
        .collect();
    rows.sort_by_key(|row| row.state);
    rows
}

/// Everything that is shown of one series.
#[derive(Debug, Serialize)]
struct SeriesView {
    #[serde(flatten)]
    row: SeriesRow,
    findings: Vec<(&'static str, String)>,
    pictures: Vec<FigureView>,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    rows_left_out: usize,
}

/// A figure over nights.
#[derive(Debug, Serialize)]
struct FigureView {
    name: &'static str,
    level: String,
    changes: Vec<String>,
    drawing: Option<Drawing>,
}

impl SeriesView {
    fn of(
        row: SeriesRow,
        story: &SeriesStory,
        tolerance: &Tolerance,
        missing: &[MissingNight],
    ) -> Self {
        let class = |points| match points {
            Points::Worse => "bad",
            Points::PerhapsWorse => "unsure",
            Points::Better => "good",
            Points::Accepted => "open",
            Points::Level => "",
        };
        let findings = words::closing_lines(story, tolerance, missing)
            .into_iter()
            .map(|(points, text)| (class(points), text))
            .collect();
        let mut order: Vec<&FigureStory> = story.figures.iter().collect();
        // What changed is seen first.
        order.sort_by_key(|figure| figure.course.changes.is_empty());
        let picture = |figure: &FigureStory| FigureView {
            name: figure.figure.name(),
            level: words::level_text(figure).unwrap_or_default(),
            changes: (figure.course.changes.iter())
                .map(|change| words::change_text(story, figure, change))
                .collect(),
            drawing: Drawing::of(story, figure, SIZE, ROOM),
        };
        let first = story.nights.len().saturating_sub(ROWS);
        SeriesView {
            row,
            findings,
            pictures: order.into_iter().map(picture).collect(),
            columns: words::night_columns(story),
            rows: (first..story.nights.len())
                .rev()
                .map(|night| words::night_row(story, night))
                .collect(),
            rows_left_out: first,
        }
    }
}

/// A figure over nights as the paths of a drawing.
#[derive(Debug, Clone, Serialize)]
struct Drawing {
    width: f64,
    height: f64,
    title: String,
    left: f64,
    right: f64,
    bottom: f64,
    band: String,
    line: String,
    level: String,
    /// Height and label of each line of the grid.
    grid: Vec<(f64, String)>,
    /// Place, anchor, class and text of the dates below.
    dates: Vec<(f64, &'static str, &'static str, String)>,
    /// Left end and width of where a change may lie as well.
    ranges: Vec<(f64, f64)>,
    /// Place of a change, height and anchor of its name, and the name.
    marks: Vec<(f64, f64, &'static str, String)>,
}

impl Drawing {
    fn of(
        story: &SeriesStory,
        figure: &FigureStory,
        (width, height): (f64, f64),
        [left, right, top, below]: [f64; 4],
    ) -> Option<Self> {
        let overlay = picture(story, figure)?;
        let [nights, levels] = &overlay.series[..] else {
            return None;
        };
        let (times, band) = (&nights.times_s, nights.band.as_ref()?);
        let (first, last) = (*times.first()?, *times.last()?);
        let span = (last - first).max(1.0);
        let (low, high) = extent(&nights.values, band);
        let x = |time: f64| left + (time - first) / span * (width - left - right);
        let floor = height - below;
        let y = |value: f64| {
            let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
            floor - share * (floor - top)
        };
        let columns = (width - left - right) as usize / 2;
        let kept = thinned(times, &nights.values, first, last, columns.max(2));
        let upper = kept.iter().map(|&i| (x(times[i]), y(band[1][i])));
        let lower = kept.iter().rev().map(|&i| (x(times[i]), y(band[0][i])));
        let name = |night: usize| story.nights.get(figure.of_night[night]);
        let day = |night| name(night).map_or_else(String::new, |one| one.day().to_owned());
        Some(Drawing {
            width,
            height,
            title: overlay.title,
            left,
            right: width - right,
            bottom: floor,
            band: path(upper.chain(lower)) + "Z",
            line: path(kept.iter().map(|&i| (x(times[i]), y(nights.values[i])))),
            level: level_path(&levels.values, |night, value| (x(times[night]), y(value))),
            grid: round_values(
                low,
                high,
                figure.figure.unit(MetricUnit::Bytes) == MetricUnit::Bytes,
            )
            .into_iter()
            .map(|value| (y(value), value_text(figure.figure, value)))
            .collect(),
            dates: dates(times.len(), |night| x(times[night]), day),
            ranges: (figure.course.changes.iter())
                .filter(|change| change.earliest < change.latest)
                .map(|change| {
                    let from = x(times[change.earliest.saturating_sub(1)]);
                    (from, x(times[change.latest]) - from)
                })
                .collect(),
            marks: (overlay.marks.iter().enumerate())
                .map(|(number, mark)| {
                    let place = x(mark.from_s);
                    let anchor = if place > width * 0.6 { "end" } else { "start" };
                    let row = top - 5.0 - 12.0 * (number % 2) as f64;
                    (place, row, anchor, mark.name.clone())
                })
                .collect(),
        })
    }
}

/// Values between two others at round steps, three to six of them; of bytes the steps are round in
/// the unit that people read.
fn round_values(low: f64, high: f64, of_bytes: bool) -> Vec<f64> {
    let size = low.abs().max(high.abs()).max(1.0);
    let unit = match of_bytes {
        true => 1024_f64.powf((size.ln() / 1024_f64.ln()).floor()),
        false => 1.0,
    };
    let rough = (high - low) / unit / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| *step >= rough);
    let step = unit * step.unwrap_or(rough);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    (0..=(last - first).clamp(0.0, 12.0) as usize)
        .map(|number| (first + number as f64) * step)
        .collect()
}

/// Dates at both ends, and three between them where there is room for their days.
fn dates(
    nights: usize,
    x: impl Fn(usize) -> f64,
    day: impl Fn(usize) -> String,
) -> Vec<(f64, &'static str, &'static str, String)> {
    const PARTS: usize = 4;
    let last = nights - 1;
    let mut dates = vec![(x(0), "start", "", day(0))];
    if last >= 2 * PARTS {
        let between = (1..PARTS).map(|part| part * last / PARTS);
        dates.extend(between.map(|night| (x(night), "middle", "minor", day(night))));
    }
    if last > 0 {
        dates.push((x(last), "end", "", day(last)));
    }
    dates
}

/// Lowest and highest value of the axis: all nights, their usual interval around them, and never
/// so little that noise of a per cent fills the picture.
fn extent(values: &[f64], [lows, highs]: &[Vec<f64>; 2]) -> (f64, f64) {
    let mut halves: Vec<f64> = lows.iter().zip(highs).map(|(l, h)| (h - l) / 2.0).collect();
    halves.sort_unstable_by(f64::total_cmp);
    let half = halves.get(halves.len() / 2).copied().unwrap_or(0.0);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min) - half;
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max) + half;
    let pad = ((most - least) * 0.08)
        .max(least.abs().max(most.abs()) * 0.02)
        .max(1e-9);
    (least - pad, most + pad)
}

/// The commands of a line through points.
fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut text = String::new();
    for (number, (x, y)) in points.enumerate() {
        let _ = write!(text, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
    }
    text
}

/// A level line for each run of equal values.
fn level_path(values: &[f64], place: impl Fn(usize, f64) -> (f64, f64)) -> String {
    let mut text = String::new();
    let mut start = 0;
    for end in 1..=values.len() {
        if end < values.len() && values[end] == values[start] {
            continue;
        }
        let (x, y) = place(start, values[start]);
        let (to, _) = place(end - 1, values[start]);
        let _ = write!(text, "M{x:.1} {y:.1}H{to:.1}");
        start = end;
    }
    text
}

/// What the page shows.
#[derive(Debug, Serialize)]
pub(super) struct NightsContext {
    place: String,
    home_url: Option<String>,
    headline: String,
    missing: Vec<MissingNight>,
    rows: Vec<SeriesRow>,
    series: Vec<SeriesView>,
    left_out: usize,
}

/// The page over nights as HTML: `place` is where the history lies, `missing` what is said of
/// nights that are not there, `home_url` the list of runs where the page is served.
///
/// # Errors
///
/// [`PageError::Template`] if it cannot be put together.
pub fn render_nights(
    place: &str,
    stories: &[SeriesStory],
    tolerance: &Tolerance,
    missing: &[MissingNight],
    home_url: Option<&str>,
) -> Result<String, PageError> {
    let rows = series_rows(stories, tolerance, missing);
    let series = (rows.iter().take(DETAILED))
        .map(|row| SeriesView::of(row.clone(), &stories[row.position], tolerance, missing))
        .collect();
    let html = render_nights_page(NightsContext {
        place: place.to_owned(),
        home_url: home_url.map(str::to_owned),
        headline: headline(&rows),
        missing: missing.to_vec(),
        left_out: rows.len().saturating_sub(DETAILED),
        rows,
        series,
    })?;
    Ok(super::handed_on(&html))
}

fn headline(rows: &[SeriesRow]) -> String {
    let of = |state: SeriesState| {
        let amount = rows.iter().filter(|row| row.state == state).count();
        (amount > 0).then(|| format!("{} {}", count_text(amount as u64), state.counted()))
    };
    let told = SeriesState::ALL.into_iter();
    let told = told.filter(|state| *state != SeriesState::Good);
    let parts: Vec<String> = told.filter_map(of).collect();
    let all = count_text(rows.len() as u64);
    match parts.is_empty() {
        true => format!("No change for the worse in {all} series"),
        false => format!("Of {all} series {}", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Figure, Measured, NightRecord, stories};
    use leaklab_judge::Verdict;

    fn nights(leak: f64) -> Vec<SeriesStory> {
        let record = |day: usize| NightRecord {
            time_utc: format!("2026-11-{day:02}T03:00:00Z"),
            series: "<shop>".to_owned(),
            cell: "shop".to_owned(),
            verdict: Verdict::NoLeak,
            labels: [("commit".to_owned(), format!("<i>{day}</i>"))].into(),
            figures: [(
                Figure::GrowthPerOperation,
                Measured {
                    value: if day >= 9 { leak } else { 0.0 } + (day % 2) as f64,
                    standard_error: 2.0,
                },
            )]
            .into(),
            ..NightRecord::default()
        };
        stories((1..=14).map(record).collect())
    }

    #[test]
    fn a_leak_is_in_the_headline_in_the_row_and_at_its_place_in_the_picture() {
        let stories = nights(100.0);
        let missing = [MissingNight::of_all("<late>")];
        let page =
            render_nights("out", &stories, &Tolerance::default(), &missing, None).expect("a page");
        assert!(page.contains("Of 1 series 1 became worse"), "{page}");
        assert!(page.contains("since 2026-11-09"), "{page}");
        for hostile in ["<shop>", "<i>9", "<late>"] {
            assert!(!page.contains(hostile), "{hostile} in {page}");
        }
        let drawing = Drawing::of(&stories[0], &stories[0].figures[0], SIZE, ROOM);
        let drawing = drawing.expect("a drawing");
        let [(place, ..)] = &drawing.marks[..] else {
            panic!("one mark: {:?}", drawing.marks)
        };
        // The ninth of fourteen nights.
        let right = SIZE.0 - ROOM[1];
        let wanted = ROOM[0] + 8.0 / 13.0 * (right - ROOM[0]);
        assert!((place - wanted).abs() < 0.1, "{place} for {wanted}");
        assert_eq!(drawing.level.matches('M').count(), 2, "{}", drawing.level);
    }

    #[test]
    fn values_of_the_axis_are_round() {
        assert_eq!(round_values(-14.1, 114.0, true), [0.0, 50.0, 100.0]);
        let values = round_values(490.0, 510.0, false);
        assert_eq!(values, [490.0, 495.0, 500.0, 505.0, 510.0]);
        assert_eq!(round_values(0.0, 1.0, false).len(), 3);
        let mebibyte = 1_048_576.0;
        let values = round_values(27.7 * mebibyte, 29.6 * mebibyte, true);
        assert_eq!(values, [28.0, 28.5, 29.0, 29.5].map(|one| one * mebibyte));
    }

    #[test]
    fn nights_without_a_change_say_so() {
        let stories = nights(0.0);
        let page = render_nights("out", &stories, &Tolerance::default(), &[], Some("./"));
        let page = page.expect("a page");
        assert!(
            page.contains("No change for the worse in 1 series"),
            "{page}"
        );
    }

    #[test]
    fn a_missing_night_is_in_the_headline_and_no_tick_stands_beside_it() {
        let stories = nights(0.0);
        let missing = [MissingNight::of_all("nothing was run for 3 days")];
        let page = render_nights("out", &stories, &Tolerance::default(), &missing, None);
        let page = page.expect("a page");
        assert!(
            page.contains("Of 1 series 1 without the last night"),
            "{page}"
        );
        assert!(!page.contains('✓'), "{page}");
    }
}
