//! Pictures of runs as PNG and SVG, both from one layout.
//!
//! [`draw_run`] draws what a finished run leaves in `charts/`. A picture is laid out as a
//! scene of shapes in pixels and painted by plotters into either format, with an embedded
//! font, so that it is the same on every machine; it holds no time of drawing, so that the
//! same run gives the same bytes. Series are thinned to the pixel columns by their extremes.

mod axes;
mod costs;
mod dash;
mod font;
mod growth;
mod kinds;
mod letters;
mod overlay;
mod paint;
mod palette;
mod panels;
mod raster;
mod run;
mod scene;
mod series;
pub mod terminal;
mod ticks;

pub use growth::{Growth, title as finding};
pub use overlay::{Overlay, style_numbers};
pub use palette::Theme;
pub use run::{draw_cells, draw_run};
pub use series::{Phases, Series, TimeMark, marks_of};

use crate::cell::Metric;
use leaklab_run::write_atomically;
use std::path::{Path, PathBuf};

/// How pictures are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartOptions {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Light or dark.
    pub theme: Theme,
    /// Which kinds of picture; empty for the overlay alone.
    pub kinds: Vec<Kind>,
    /// What is drawn against time; empty for the live heap, or what comes closest to it.
    pub metrics: Vec<Metric>,
    /// How lines of very different size share a picture.
    pub scale: Scale,
    /// Lines in one picture; further cells are left out, and the picture says so.
    pub most_series: usize,
    /// Scenarios of one run that get pictures; further ones are left out.
    pub most_scenarios: usize,
    /// Share of the width that titles take, by the measure of the embedded font: less than 1 where
    /// a browser draws them in a wider one.
    pub text_room: f64,
}

/// How lines of very different size share a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scale {
    /// One axis; where lines differ by 30 times or more, the small ones are drawn again below at
    /// their own scale.
    #[default]
    Auto,
    /// One axis from zero.
    Linear,
    /// One axis on which equal ratios are equally high.
    Log,
    /// As `Auto`, already where lines differ by three times; plots of one variant each have
    /// axes of their own.
    Free,
}

impl Scale {
    /// The scale of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let names = [
            ("auto", Scale::Auto),
            ("linear", Scale::Linear),
            ("log", Scale::Log),
            ("free", Scale::Free),
        ];
        let found = names.into_iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }

    /// How many times as high as the small lines the largest is before they are drawn again.
    fn parted_from(self) -> Option<f64> {
        match self {
            Scale::Auto => Some(30.0),
            Scale::Free => Some(3.0),
            Scale::Linear | Scale::Log => None,
        }
    }
}

/// A kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All variants in one plot against time.
    Overlay,
    /// One plot per variant, all with the same axes.
    Multiples,
    /// Resident memory in layers: allocated, fragmentation, allocator cache, outside.
    Breakdown,
    /// Growth against operations.
    PerOperation,
    /// The program's own numbers, one plot each.
    Gauges,
    /// Latency and throughput.
    Performance,
    /// The variants as a table with bars: memory, losses, descriptors, throughput.
    Remedies,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 7] = [
        Kind::Overlay,
        Kind::Multiples,
        Kind::Breakdown,
        Kind::PerOperation,
        Kind::Gauges,
        Kind::Performance,
        Kind::Remedies,
    ];

    /// The word used on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Overlay => "overlay",
            Kind::Multiples => "multiples",
            Kind::Breakdown => "breakdown",
            Kind::PerOperation => "per-operation",
            Kind::Gauges => "gauges",
            Kind::Performance => "performance",
            Kind::Remedies => "remedies",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Default for ChartOptions {
    fn default() -> Self {
        ChartOptions {
            width: 1600,
            height: 900,
            theme: Theme::Light,
            kinds: Vec::new(),
            metrics: Vec::new(),
            scale: Scale::Auto,
            most_series: 12,
            most_scenarios: 24,
            text_room: 1.0,
        }
    }
}

/// Smallest and largest side of a picture in pixels.
pub const SIDE_LIMITS: (u32, u32) = (200, 8000);

/// Why nothing could be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// No cell has a row of samples with what is to be drawn.
    #[error("nothing to draw in `{}`: {reason}", folder.display())]
    NothingToDraw {
        /// The run.
        folder: PathBuf,
        /// What is missing, and what is there instead.
        reason: String,
    },
    /// The size is not drawable.
    #[error("a picture of {width}x{height} cannot be drawn: each side must be {} to {} pixels", SIDE_LIMITS.0, SIDE_LIMITS.1)]
    Size {
        /// The width that was asked for.
        width: u32,
        /// The height that was asked for.
        height: u32,
    },
    /// The embedded font cannot be used.
    #[error("{0}")]
    Font(String),
    /// plotters or the PNG encoder failed.
    #[error("the picture could not be painted: {0}")]
    Drawing(String),
    /// A file could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl ChartOptions {
    fn kinds_or_default(&self) -> impl Iterator<Item = Kind> + '_ {
        let overlay = self.kinds.is_empty().then_some(Kind::Overlay);
        self.kinds.iter().copied().chain(overlay)
    }

    fn check(&self) -> Result<(), ChartError> {
        let drawable = SIDE_LIMITS.0..=SIDE_LIMITS.1;
        if drawable.contains(&self.width) && drawable.contains(&self.height) {
            return Ok(());
        }
        Err(ChartError::Size {
            width: self.width,
            height: self.height,
        })
    }
}

/// A finished picture, to be painted in either format.
#[derive(Debug, Clone)]
pub struct Picture {
    scene: scene::Scene,
}

impl Picture {
    /// The before/after picture.
    ///
    /// # Errors
    ///
    /// [`ChartError::Size`] and [`ChartError::Font`].
    pub fn overlay(overlay: &Overlay, options: &ChartOptions) -> Result<Self, ChartError> {
        options.check()?;
        font::register()?;
        Ok(Picture {
            scene: overlay::scene(overlay, options),
        })
    }

    /// The bytes of a PNG file.
    ///
    /// # Errors
    ///
    /// [`ChartError::Drawing`].
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        paint::png(&self.scene)
    }

    /// The text of an SVG file.
    ///
    /// # Errors
    ///
    /// [`ChartError::Drawing`].
    pub fn svg(&self) -> Result<String, ChartError> {
        paint::svg(&self.scene)
    }

    /// Writes like [`Picture::write`], but never over another picture: where there is one,
    /// `-2`, `-3` and so on are put behind the stem.
    ///
    /// # Errors
    ///
    /// As [`Picture::write`].
    pub fn write_new(&self, folder: &Path, stem: &str) -> Result<[PathBuf; 2], ChartError> {
        let svg = self.svg()?;
        let same_or_free = |stem: &str| {
            let path = folder.join(format!("{stem}.svg"));
            leaklab_run::read_whole(&path).map_or(!path.exists(), |old| old == svg.as_bytes())
        };
        let numbered = |number: u32| match number {
            1 => stem.to_owned(),
            number => format!("{stem}-{number}"),
        };
        let free = (1..).map(numbered).find(|stem| same_or_free(stem));
        self.write(folder, &free.unwrap_or_else(|| stem.to_owned()))
    }

    /// Writes `<stem>.png` and `<stem>.svg` into a folder, which is made if it is missing.
    ///
    /// # Errors
    ///
    /// [`ChartError::Drawing`] and [`ChartError::Write`].
    pub fn write(&self, folder: &Path, stem: &str) -> Result<[PathBuf; 2], ChartError> {
        let write = |path: &Path, contents: &[u8]| {
            write_atomically(path, contents).map_err(|source| ChartError::Write {
                path: path.to_owned(),
                source,
            })
        };
        std::fs::create_dir_all(folder)
            .and_then(|()| refuse_link_of_run(folder))
            .map_err(|source| ChartError::Write {
                path: folder.to_owned(),
                source,
            })?;
        let paths = ["png", "svg"].map(|ending| folder.join(format!("{stem}.{ending}")));
        write(&paths[0], &self.png()?)?;
        write(&paths[1], self.svg()?.as_bytes())?;
        Ok(paths)
    }
}
/// A run that somebody sent may hold a link in the place of its charts: nothing is written
/// through it. A folder that the user names may be one.
fn refuse_link_of_run(folder: &Path) -> std::io::Result<()> {
    let is_link = std::fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_symlink());
    let of_run = folder
        .parent()
        .is_some_and(|run| run.join("run.json").is_file());
    match is_link && of_run {
        true => Err(std::io::Error::other("it is a link out of the run folder")),
        false => Ok(()),
    }
}
