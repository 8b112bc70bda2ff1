//! One line of the pipe protocol, built in a buffer that is used again.

use std::io::Write;

/// A JSON object on one line; keys are written in the order of the calls.
pub struct Line {
    bytes: Vec<u8>,
}

impl Line {
    /// An empty object in a buffer with room for a usual line.
    pub fn with_capacity(bytes: usize) -> Self {
        Line {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Starts a new object, keeping the buffer.
    pub fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.push(b'{');
    }

    /// Adds a whole number.
    pub fn integer(&mut self, key: &str, value: u64) {
        self.key(key);
        // Writing to a Vec cannot fail.
        let _ = write!(self.bytes, "{value}");
    }

    /// Adds a number; one that JSON has no word for becomes `null`.
    pub fn number(&mut self, key: &str, value: f64) {
        self.key(key);
        if value.is_finite() {
            let _ = write!(self.bytes, "{value}");
        } else {
            self.bytes.extend_from_slice(b"null");
        }
    }

    /// Adds `true`.
    pub fn yes(&mut self, key: &str) {
        self.key(key);
        self.bytes.extend_from_slice(b"true");
    }

    /// Adds a string.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        push_string(&mut self.bytes, value);
    }

    /// Adds a key with its value, as JSON without a comma.
    pub fn raw(&mut self, json: &str) {
        if self.bytes.last() != Some(&b'{') {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// Opens an object inside; close it with [`Line::close`].
    pub fn open(&mut self, key: &str) {
        self.key(key);
        self.bytes.push(b'{');
    }

    /// Closes the object that was opened last.
    pub fn close(&mut self) {
        self.bytes.push(b'}');
    }

    /// Closes the line and gives its bytes, newline included.
    pub fn finish(&mut self) -> &[u8] {
        self.bytes.extend_from_slice(b"}\n");
        &self.bytes
    }

    fn key(&mut self, key: &str) {
        if self.bytes.last() != Some(&b'{') {
            self.bytes.push(b',');
        }
        push_string(&mut self.bytes, key);
        self.bytes.push(b':');
    }
}

fn push_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                bytes.push(b'\\');
                bytes.push(character as u8);
            }
            control if (control as u32) < 0x20 => {
                let _ = write!(bytes, "\\u{:04x}", control as u32);
            }
            other => {
                let mut utf8 = [0; 4];
                bytes.extend_from_slice(other.encode_utf8(&mut utf8).as_bytes());
            }
        }
    }
    bytes.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_json_that_another_parser_reads() {
        let mut line = Line::with_capacity(64);
        line.begin();
        line.integer("ops", u64::MAX);
        line.open("gauges");
        line.number("a \"b\"\n\u{1}é", -0.5);
        line.number("nan", f64::NAN);
        line.close();
        line.yes("ready");
        line.text("mark", "tab\there");
        let read: serde_json::Value =
            serde_json::from_slice(line.finish()).expect("serde_json reads it");
        assert_eq!(
            read,
            serde_json::json!({
                "ops": u64::MAX,
                "gauges": {"a \"b\"\n\u{1}é": -0.5, "nan": null},
                "ready": true,
                "mark": "tab\there",
            })
        );
    }
}
