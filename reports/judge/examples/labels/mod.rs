//! Folders of recordings: `labels.csv`, and the series of two columns that it names.

#![allow(dead_code, reason = "each example uses its own part")]

use std::error::Error;
use std::path::Path;

/// A series with what is known of it.
pub struct Recording {
    pub file: String,
    pub truth: String,
    pub budget_per_hour: f64,
    pub time_s: Vec<f64>,
    pub value: Vec<f64>,
}

/// Gives each series of a folder, with the labels of the columns that are asked for besides.
pub fn for_each<const N: usize>(
    folder: &Path,
    besides: [&str; N],
    mut take: impl FnMut(Recording, [&str; N]) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut labels = csv::Reader::from_path(folder.join("labels.csv"))?;
    let headers = labels.headers()?.clone();
    let column = |name: &str| {
        let found = headers.iter().position(|header| header == name);
        found.ok_or(format!("labels.csv has no column {name}"))
    };
    let (file, truth) = (column("file")?, column("truth")?);
    let budget = column("budget_bytes_per_hour")?;
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(besides) {
        *place = column(name)?;
    }
    for label in labels.records() {
        let label = label?;
        let (mut time_s, mut value) = (Vec::new(), Vec::new());
        for row in csv::Reader::from_path(folder.join(&label[file]))?.records() {
            let row = row?;
            time_s.push(row[0].parse()?);
            value.push(row[1].parse()?);
        }
        let recording = Recording {
            file: label[file].to_owned(),
            truth: label[truth].to_owned(),
            budget_per_hour: label[budget].parse()?,
            time_s,
            value,
        };
        take(recording, places.map(|place| &label[place]))?;
    }
    Ok(())
}
