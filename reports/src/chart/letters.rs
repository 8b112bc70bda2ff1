//! Texts in the letters of the embedded font, for pictures that carry no font of the viewer's.

use std::borrow::Cow;
use std::fmt::Write;

/// The characters that both embedded fonts have.
const DRAWN: [(u32, u32); 25] = [
    (0x20, 0x7e),
    (0xa0, 0x24f),
    (0x370, 0x377),
    (0x37a, 0x37f),
    (0x384, 0x38a),
    (0x38c, 0x38c),
    (0x38e, 0x3a1),
    (0x3a3, 0x3e1),
    (0x3f0, 0x3ff),
    (0x2010, 0x2027),
    (0x2030, 0x203a),
    (0x2070, 0x2071),
    (0x2074, 0x208e),
    (0x2090, 0x209c),
    (0x20ac, 0x20ac),
    (0x2202, 0x2202),
    (0x2206, 0x2206),
    (0x220f, 0x220f),
    (0x2211, 0x2212),
    (0x221a, 0x221a),
    (0x221e, 0x221e),
    (0x222b, 0x222b),
    (0x2248, 0x2248),
    (0x2260, 0x2260),
    (0x2264, 0x2265),
];

/// Cyrillic letters in Latin ones (GOST 7.79-2000, system B, without its marks), small and large
/// alike.
const CYRILLIC: [(char, &str); 41] = [
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('д', "d"),
    ('е', "e"),
    ('ё', "yo"),
    ('ж', "zh"),
    ('з', "z"),
    ('и', "i"),
    ('й', "j"),
    ('к', "k"),
    ('л', "l"),
    ('м', "m"),
    ('н', "n"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('у', "u"),
    ('ф', "f"),
    ('х', "x"),
    ('ц', "cz"),
    ('ч', "ch"),
    ('ш', "sh"),
    ('щ', "shh"),
    ('ъ', "''"),
    ('ы', "y"),
    ('ь', "'"),
    ('э', "e"),
    ('ю', "yu"),
    ('я', "ya"),
    ('і', "i"),
    ('ї', "yi"),
    ('є', "ye"),
    ('ґ', "g"),
    ('ў', "u"),
    ('ј', "j"),
    ('љ', "l"),
    ('њ', "n"),
];

fn is_drawn(c: char) -> bool {
    let code = u32::from(c);
    DRAWN
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&code))
}

/// A text as a picture of pixels can show it: Cyrillic in Latin letters, and any other script by
/// its code points, since boxes would make all names the same. SVG and pages keep the text.
pub(super) fn drawable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_drawn) {
        return text.into();
    }
    let mut drawn = String::new();
    let mut in_codes = false;
    for c in text.chars() {
        let is_code = !is_drawn(c) && latin(c).is_none();
        match (in_codes, is_code) {
            (false, true) => drawn.push_str("[U+"),
            (true, true) => drawn.push(' '),
            (true, false) => drawn.push(']'),
            (false, false) => {}
        }
        in_codes = is_code;
        match latin(c) {
            Some(letters) => drawn.push_str(&letters),
            None if is_code => {
                // Writing to a string cannot fail.
                let _ = write!(drawn, "{:04X}", u32::from(c));
            }
            None => drawn.push(c),
        }
    }
    if in_codes {
        drawn.push(']');
    }
    drawn.into()
}

/// A letter in Latin ones; nothing for a mark that stands above the letter before it.
fn latin(c: char) -> Option<String> {
    const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';
    if MARKS.contains(&c) {
        return Some(String::new());
    }
    if c == '→' {
        return Some("->".to_owned());
    }
    let small = c.to_lowercase().next()?;
    let (_, letters) = CYRILLIC.iter().find(|(letter, _)| *letter == small)?;
    let mut letters = (*letters).to_owned();
    if small != c
        && let Some(first) = letters.get_mut(..1)
    {
        first.make_ascii_uppercase();
    }
    Some(letters)
}

#[cfg(test)]
mod tests {
    use super::drawable;

    #[test]
    fn names_in_other_scripts_stay_apart() {
        for (text, drawn) in [
            ("rss_bytes", "rss_bytes"),
            ("Größe, µs × 2 ≥ 1…", "Größe, µs × 2 ≥ 1…"),
            ("Память shop", "Pamyat' shop"),
            ("メモリ (MB)", "[U+30E1 30E2 30EA] (MB)"),
            ("内存-a", "[U+5185 5B58]-a"),
            ("cafe\u{301}", "cafe"),
            ("500/s → 90/s", "500/s -> 90/s"),
        ] {
            assert_eq!(drawable(text), drawn);
        }
    }
}
