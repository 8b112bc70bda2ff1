//! Colours, dashes and sizes.
//!
//! Line colours are those of Okabe and Ito ("Color Universal Design", 2008), which stay apart
//! for every common form of colour blindness; on the light background the pale ones are
//! darkened for contrast. Each colour has a dash pattern of its own, so that the lines stay
//! apart in black and white.

use super::paint::{faint, opaque};
use super::scene::{Colour, Lettering, Stroke};

/// Light or dark background.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white; also for print.
    #[default]
    Light,
    /// Light on near-black.
    Dark,
}

/// Colours of everything but the lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub(super) background: Colour,
    pub(super) text: Colour,
    pub(super) quiet_text: Colour,
    pub(super) grid: Colour,
    pub(super) axis: Colour,
    pub(super) shade: Colour,
    pub(super) mark: Colour,
    pub(super) theme: Theme,
}

/// One line style: a colour and its dashes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LineStyle {
    pub(super) colour: Colour,
    pub(super) dashes: &'static [f64],
}

const VERMILLION: usize = 0;
const BLUE: usize = 1;
const GREEN: usize = 2;
const ORANGE: usize = 3;
const SKY: usize = 4;
const PURPLE: usize = 5;
const GREY: usize = 6;
const YELLOW: usize = 7;

/// In the order of the constants above: on light, on dark.
const COLOURS: [(u32, u32); 8] = [
    (0x00D5_5E00, 0x00F0_7A2B),
    (0x0000_72B2, 0x004A_A3DF),
    (0x0000_9E73, 0x0020_C198),
    (0x00C9_8A00, 0x00E6_9F00),
    (0x003B_9FD8, 0x0084_CBF2),
    (0x00B8_5F93, 0x00E0_9AC4),
    (0x0040_4040, 0x00D0_D0D0),
    (0x009C_9200, 0x00F0_E442),
];

const DASHES: [&[f64]; 8] = [
    &[],
    &[14.0, 6.0],
    &[3.0, 5.0],
    &[20.0, 5.0, 4.0, 5.0],
    &[8.0, 4.0],
    &[14.0, 4.0, 3.0, 4.0, 3.0, 4.0],
    &[2.0, 3.0],
    &[26.0, 8.0],
];

impl Palette {
    pub(super) fn new(theme: Theme) -> Self {
        match theme {
            Theme::Light => Palette {
                background: opaque(0x00FF_FFFF),
                text: opaque(0x0018_1B20),
                quiet_text: opaque(0x0055_5B66),
                grid: opaque(0x00E3_E6EA),
                axis: opaque(0x0078_7F8A),
                shade: faint(0x0060_6874, 0.10),
                mark: opaque(0x0078_7F8A),
                theme,
            },
            Theme::Dark => Palette {
                background: opaque(0x0014_171C),
                text: opaque(0x00F0_F2F5),
                quiet_text: opaque(0x00A9_B1BD),
                grid: opaque(0x002B_3038),
                axis: opaque(0x0080_8996),
                shade: faint(0x00C0_C8D4, 0.10),
                mark: opaque(0x0090_99A6),
                theme,
            },
        }
    }

    /// The style with this number; colours repeat after eight with other dashes.
    pub(super) fn style(&self, number: usize) -> LineStyle {
        let (light, dark) = COLOURS[number % COLOURS.len()];
        let rgb = match self.theme {
            Theme::Light => light,
            Theme::Dark => dark,
        };
        LineStyle {
            colour: opaque(rgb),
            dashes: DASHES[(number + number / COLOURS.len()) % DASHES.len()],
        }
    }
}

/// Fills of the four layers of resident memory, the lowest first.
pub(super) struct AreaColours(pub(super) [Colour; 4]);

impl AreaColours {
    pub(super) fn of(palette: &Palette) -> Self {
        // Rising in lightness as well as changing in hue, for black and white.
        AreaColours(match palette.theme {
            Theme::Light => [0x0000_5C8F, 0x00D5_5E00, 0x00E8_B64C, 0x00C4_CAD2].map(opaque),
            Theme::Dark => [0x002B_87C2, 0x00E0_6A1A, 0x00F0_C463, 0x005A_626E].map(opaque),
        })
    }
}

/// Gives every variant a style: the buggy ones warm colours, the fixed ones cool ones.
pub(super) fn numbers_for_roles(roles: &[&str]) -> Vec<usize> {
    let mut used = Vec::new();
    roles
        .iter()
        .map(|role| {
            let wishes: &[usize] = match *role {
                "buggy" => &[VERMILLION, ORANGE, PURPLE],
                "fixed" => &[BLUE, GREEN, SKY],
                "control" => &[GREY, SKY, GREEN],
                "partial" => &[ORANGE, PURPLE, SKY, GREEN, YELLOW],
                _ => &[],
            };
            let number = wishes
                .iter()
                .copied()
                .chain(0..)
                .find(|number| !used.contains(number))
                .unwrap_or(0);
            used.push(number);
            number
        })
        .collect()
}

/// Sizes that follow from the size of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// One hundredth of a picture of 1600 × 900; everything is a multiple of it.
    pub(super) unit: f64,
}

impl Sizes {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let unit = (f64::from(width) / 1600.0).min(f64::from(height) / 900.0);
        Sizes {
            unit: unit.clamp(0.4, 8.0),
        }
    }

    pub(super) fn title(self, palette: &Palette) -> Lettering {
        self.lettering(31.0, true, palette.text)
    }

    pub(super) fn subtitle(self, palette: &Palette) -> Lettering {
        self.lettering(19.0, false, palette.quiet_text)
    }

    pub(super) fn label(self, palette: &Palette) -> Lettering {
        self.lettering(19.0, false, palette.text)
    }

    pub(super) fn strong_label(self, palette: &Palette) -> Lettering {
        self.lettering(20.0, true, palette.text)
    }

    pub(super) fn small(self, palette: &Palette) -> Lettering {
        self.lettering(17.0, false, palette.quiet_text)
    }

    fn lettering(self, em: f64, bold: bool, colour: Colour) -> Lettering {
        Lettering {
            em: em * self.unit,
            bold,
            colour,
        }
    }

    /// The stroke of a series.
    pub(super) fn series(self, style: LineStyle) -> Stroke {
        Stroke {
            colour: style.colour,
            width: (2.6 * self.unit).max(1.0),
            dashes: style.dashes,
        }
    }

    /// A thin line of one colour.
    pub(super) fn hairline(self, colour: Colour) -> Stroke {
        Stroke {
            colour,
            width: (1.0 * self.unit).max(0.5),
            dashes: &[],
        }
    }
}
