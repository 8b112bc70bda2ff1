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
            width: (2.6 * self.unit).max(1.4),
            dashes: style.dashes,
            dash_scale: self.unit,
        }
    }

    /// A thin line of one colour.
    pub(super) fn hairline(self, colour: Colour) -> Stroke {
        Stroke {
            colour,
            width: (1.0 * self.unit).max(0.5),
            dashes: &[],
            dash_scale: self.unit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear light of a colour: red, green, blue.
    fn linear(colour: Colour) -> [f64; 3] {
        [colour.0, colour.1, colour.2].map(|channel| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.040_45 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    fn luminance(colour: Colour) -> f64 {
        let [r, g, b] = linear(colour);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Contrast as WCAG 2.1 defines it.
    fn contrast(a: Colour, b: Colour) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn text_has_contrast_aa_and_lines_stand_out() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = Palette::new(theme);
            assert!(contrast(palette.text, palette.background) >= 4.5);
            assert!(contrast(palette.quiet_text, palette.background) >= 4.5);
            for number in 0..COLOURS.len() {
                let found = contrast(palette.style(number).colour, palette.background);
                assert!(found >= 2.9, "{theme:?} {number}: {found:.2}");
            }
        }
    }

    #[test]
    fn no_two_of_sixteen_lines_share_colour_and_dashes() {
        let palette = Palette::new(Theme::Light);
        let styles: Vec<LineStyle> = (0..16).map(|number| palette.style(number)).collect();
        for (index, style) in styles.iter().enumerate() {
            assert!(!styles[..index].contains(style), "{index}");
        }
    }

    #[test]
    fn the_style_sheet_of_the_page_has_the_same_colours() {
        let sheet = include_str!("../page/templates/style.css");
        for (number, (light, dark)) in COLOURS.into_iter().enumerate() {
            for colour in [light, dark] {
                let line = format!("--variant{number}: #{colour:06x};");
                assert!(sheet.contains(&line), "no `{line}`");
            }
        }
    }

    #[test]
    fn the_fix_is_told_from_the_leak_under_every_colour_blindness() {
        // Severe protanopia, deuteranopia, tritanopia in linear light: G. M. Machado,
        // M. M. Oliveira, L. A. F. Fernandes, IEEE TVCG 15 (2009), 1291-1298, table 1.
        const SEEN: [[[f64; 3]; 3]; 3] = [
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ];
        for theme in [Theme::Light, Theme::Dark] {
            let palette = Palette::new(theme);
            let (leak, fix) = (
                linear(palette.style(VERMILLION).colour),
                linear(palette.style(BLUE).colour),
            );
            for matrix in SEEN {
                let seen = |colour: [f64; 3]| {
                    matrix.map(|row| {
                        let light: f64 = row.iter().zip(colour).map(|(weight, c)| weight * c).sum();
                        light.clamp(0.0, 1.0).powf(1.0 / 2.4)
                    })
                };
                let distance: f64 = seen(leak)
                    .iter()
                    .zip(seen(fix))
                    .map(|(a, b)| (a - b).powi(2))
                    .sum::<f64>()
                    .sqrt();
                assert!(distance > 0.3, "{theme:?}: {distance:.2}");
            }
        }
    }
}
