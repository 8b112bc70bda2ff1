//! Numbers for people.

pub use leaklab_judge::amount::{amount_text as growth_text, bytes_text, count_text, plural};
pub use leaklab_judge::nearest;

/// The words of a command line, split as a shell splits them: blanks, quotes, backslashes.
/// Nothing is expanded. `None` if a quote is not closed.
pub fn shell_words(text: &str) -> Option<Vec<String>> {
    shlex::split(text)
}

/// A pattern over names: `*` and `?`, `[abc]`, `{one,other}`.
pub struct Glob(regex_lite::Regex);

impl Glob {
    /// Whether a text is a pattern rather than a name.
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '[', '{'])
    }

    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// What is not closed.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let mut regex = String::from("^");
        let mut braces = 0;
        let mut characters = pattern.chars();
        while let Some(c) = characters.next() {
            match c {
                '*' => regex.push_str(".*"),
                '?' => regex.push('.'),
                '[' => {
                    let class: String = characters.by_ref().take_while(|c| *c != ']').collect();
                    let class = class.replace('\\', r"\\").replace('[', r"\[");
                    let class = class
                        .strip_prefix('!')
                        .map_or(class.clone(), |c| format!("^{c}"));
                    regex.push_str(&format!("[{class}]"));
                }
                '{' => {
                    braces += 1;
                    regex.push_str("(?:");
                }
                '}' if braces > 0 => {
                    braces -= 1;
                    regex.push(')');
                }
                ',' if braces > 0 => regex.push('|'),
                other => regex.push_str(&regex_lite::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        regex.push('$');
        let compiled = regex_lite::Regex::new(&regex);
        let refused = |_| format!("`{pattern}` is not a pattern: is a `[` or a `{{` not closed?");
        compiled.map(Glob).map_err(refused)
    }

    /// Whether the whole of a name fits.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (pattern, name, fits) in [
            ("*::fixed*", "shape::fixed-2", true),
            ("a::{b,c}", "a::c", true),
            ("a::{b,c}", "a::d", false),
            ("a?c", "a.c", true),
            ("a[!x]c", "axc", false),
            ("a[xy]c", "ayc", true),
            ("a.c*", "abc", false),
            ("shape", "shape::flat", false),
        ] {
            let glob = Glob::new(pattern).expect(pattern);
            assert_eq!(glob.matches(name), fits, "{pattern} {name}");
        }
        for pattern in ["a{b", "a[", "[z-a]"] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        assert_eq!(
            shell_words(r#"wrk -H 'a: b' "c \"d\"" e\ f"#).expect("closed quotes"),
            ["wrk", "-H", "a: b", r#"c "d""#, "e f"]
        );
        assert_eq!(shell_words("a 'b"), None);
    }
}
