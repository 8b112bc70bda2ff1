//! A figure over nights as a picture: each night with its interval, the levels between changes,
//! and where they changed.

use super::change::Night;
use super::story::{FigureStory, SeriesStory};
use super::words;
use crate::cell::{Metric, MetricUnit};
use crate::chart::{Overlay, Phases, Series, TimeMark};
use crate::compare::ratio::Z;

/// The picture of one figure; `None` where fewer than two nights have a time that can be read.
#[must_use]
pub fn picture(story: &SeriesStory, figure: &FigureStory) -> Option<Overlay> {
    let nights = nights_of(story, figure);
    let first = nights.first()?.0;
    let times_s: Vec<f64> = nights.iter().map(|(time_s, _)| time_s - first).collect();
    if times_s.len() < 2 || times_s.len() != figure.of_night.len() {
        return None;
    }
    let values: Vec<f64> = nights.iter().map(|(_, night)| night.value).collect();
    let end = |sign: f64| -> Vec<f64> {
        let of = |(_, night): &(f64, Night)| night.value + sign * Z * night.standard_error;
        nights.iter().map(of).collect()
    };
    let levels = levels(figure, &values);
    let changes = || figure.course.changes.iter();
    let title = changes()
        .next_back()
        .map(|change| words::change_text(story, figure, change));
    let named = |name: &str, role: &str, values: Vec<f64>, band| Series {
        name: name.to_owned(),
        variant: name.to_owned(),
        role: role.to_owned(),
        times_s: times_s.clone(),
        load_end: values.last().copied().unwrap_or(0.0),
        values,
        band,
        ..Series::default()
    };
    Some(Overlay {
        title: title.unwrap_or_else(|| {
            format!(
                "{}: no change over {} nights",
                figure.figure.name(),
                nights.len()
            )
        }),
        subtitle: format!("{} on {}", story.series, story.host_class),
        metric: Metric {
            column: figure.figure.name().to_owned(),
            label: figure.figure.name().to_owned(),
            unit: figure.figure.unit(MetricUnit::Bytes),
            is_total: false,
        },
        series: vec![
            named("each night", "", values, Some([end(-1.0), end(1.0)])),
            named("level", "", levels, None),
        ],
        phases: Phases::default(),
        marks: changes()
            .map(|change| {
                let at = times_s[change.night];
                let night = story.nights.get(figure.night_of(change));
                TimeMark {
                    name: night.map_or_else(String::new, words::night_name),
                    from_s: at,
                    to_s: at,
                }
            })
            .collect(),
        note: String::new(),
    })
}

/// Seconds and reading of each night that has the figure and a time.
fn nights_of(story: &SeriesStory, figure: &FigureStory) -> Vec<(f64, Night)> {
    let of_night =
        |(&index, reading): (&usize, &Night)| Some((story.nights.get(index)?.began_s()?, *reading));
    let nights = figure.of_night.iter().zip(&figure.readings);
    nights.filter_map(of_night).collect()
}

/// The mean of the nights between two confirmed changes, at each night.
fn levels(figure: &FigureStory, values: &[f64]) -> Vec<f64> {
    let confirmed = figure.course.changes.iter();
    let confirmed = confirmed.filter(|change| change.confirmed_on.is_some());
    let mut ends: Vec<usize> = confirmed.map(|change| change.night).collect();
    ends.push(values.len());
    let mut levels = Vec::with_capacity(values.len());
    for end in ends {
        let part = &values[levels.len().min(end)..end];
        let mean = part.iter().sum::<f64>() / part.len().max(1) as f64;
        levels.extend(part.iter().map(|_| mean));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Figure, Measured, NightRecord, stories};

    #[test]
    fn a_picture_over_nights_has_levels_and_a_mark_where_they_change() {
        let record = |day: usize| NightRecord {
            time_utc: format!("2026-11-{day:02}T03:00:00Z"),
            series: "shop".to_owned(),
            labels: [("commit".to_owned(), format!("c{day:02}"))].into(),
            figures: [(
                Figure::GrowthPerOperation,
                Measured {
                    value: if day >= 9 { 100.0 } else { 0.0 } + (day % 2) as f64,
                    standard_error: 2.0,
                },
            )]
            .into(),
            ..NightRecord::default()
        };
        let story = &stories((1..=14).map(record).collect())[0];
        let overlay = picture(story, &story.figures[0]).expect("a picture");
        assert!(
            overlay.title.contains("commit c08..c09"),
            "{}",
            overlay.title
        );
        assert_eq!(overlay.marks.len(), 1);
        assert_eq!(overlay.marks[0].from_s, 8.0 * 86_400.0);
        let levels = &overlay.series[1].values;
        assert!(
            (levels[0] - 0.5).abs() < 1e-9 && (levels[13] - 100.5).abs() < 1e-9,
            "{levels:?}"
        );
    }
}
