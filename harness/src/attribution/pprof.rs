//! A profile in the form of pprof: <https://github.com/google/pprof/blob/main/proto/profile.proto>.

use flate2::Compression;
use flate2::write::GzEncoder;
use leaklab_reports::attribution::{Answer, Place};
use std::collections::HashMap;
use std::io::Write;

/// The answer's stacks as a profile, compressed as its readers expect.
///
/// # Errors
///
/// Those of the compression, which writes into memory.
pub fn pprof(answer: &Answer) -> std::io::Result<Vec<u8>> {
    let mut profile = Profile::new(answer.sample_bytes);
    for stack in &answer.stacks {
        // What shrank has not grown: speedscope refuses a file with a value below zero.
        let values = [stack.growth_bytes.max(0.0), stack.live_bytes].map(|bytes| bytes as i64);
        profile.add(answer.places_of(stack), values);
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&profile.encode())?;
    packed.finish()
}

/// A profile under construction, with the growth and the life of each stack in bytes.
struct Profile {
    sample_bytes: u64,
    strings: Vec<String>,
    string_ids: HashMap<String, u64>,
    functions: Vec<(u64, u64)>,
    function_ids: HashMap<(String, String), u64>,
    locations: Vec<(u64, u64)>,
    location_ids: HashMap<(u64, u64), u64>,
    samples: Vec<(Vec<u64>, [i64; 2])>,
}

impl Profile {
    /// An empty profile of samples that stand for so many bytes.
    fn new(sample_bytes: u64) -> Self {
        let mut profile = Profile {
            sample_bytes,
            strings: Vec::new(),
            string_ids: HashMap::new(),
            functions: Vec::new(),
            function_ids: HashMap::new(),
            locations: Vec::new(),
            location_ids: HashMap::new(),
            samples: Vec::new(),
        };
        // The first string is the empty one, by the format.
        profile.string("");
        profile
    }

    /// Adds a stack, its innermost place first.
    fn add<'a>(&mut self, places: impl Iterator<Item = &'a Place>, values: [i64; 2]) {
        if values != [0, 0] {
            let locations = places.map(|place| self.location(place)).collect();
            self.samples.push((locations, values));
        }
    }

    fn string(&mut self, text: &str) -> u64 {
        if let Some(id) = self.string_ids.get(text) {
            return *id;
        }
        let id = self.strings.len() as u64;
        self.strings.push(text.to_owned());
        self.string_ids.insert(text.to_owned(), id);
        id
    }

    fn location(&mut self, place: &Place) -> u64 {
        let file = place.file.as_deref().unwrap_or(&place.module).to_owned();
        let key = (place.function.clone(), file);
        let function = match self.function_ids.get(&key) {
            Some(id) => *id,
            None => {
                let strings = (self.string(&key.0), self.string(&key.1));
                self.functions.push(strings);
                let id = self.functions.len() as u64;
                self.function_ids.insert(key, id);
                id
            }
        };
        let key = (function, u64::from(place.line.unwrap_or(0)));
        if let Some(id) = self.location_ids.get(&key) {
            return *id;
        }
        self.locations.push(key);
        let id = self.locations.len() as u64;
        self.location_ids.insert(key, id);
        id
    }

    /// The profile's bytes.
    fn encode(mut self) -> Vec<u8> {
        let mut profile = Message::default();
        let bytes = self.string("bytes");
        for name in ["growth", "live"] {
            let name = self.string(name);
            profile.message(1, &Message::of(&[(1, name), (2, bytes)]));
        }
        for (locations, values) in &self.samples {
            let mut sample = Message::default();
            sample.packed(1, locations.iter().copied());
            sample.packed(2, values.iter().map(|value| value.cast_unsigned()));
            profile.message(2, &sample);
        }
        for (id, (function, line)) in (1..).zip(&self.locations) {
            let mut location = Message::of(&[(1, id)]);
            location.message(4, &Message::of(&[(1, *function), (2, *line)]));
            profile.message(4, &location);
        }
        for (id, (name, file)) in (1..).zip(&self.functions) {
            // No system name: `go tool pprof` would take one that is the same for mangled C++, and
            // cut `<Shop as Service>::call` down to `::call`.
            let function = Message::of(&[(1, id), (2, *name), (4, *file)]);
            profile.message(5, &function);
        }
        let space = self.string("space");
        let growth = self.string("growth");
        for text in &self.strings {
            profile.bytes(6, text.as_bytes());
        }
        profile.message(11, &Message::of(&[(1, space), (2, bytes)]));
        profile.number(12, self.sample_bytes);
        // What readers show at first.
        profile.number(14, growth);
        profile.0
    }
}

/// A message of protocol buffers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn of(numbers: &[(u64, u64)]) -> Self {
        let mut message = Message::default();
        for (field, value) in numbers {
            message.number(*field, *value);
        }
        message
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.0);
    }

    fn packed(&mut self, field: u64, values: impl Iterator<Item = u64>) {
        let mut list = Message::default();
        values.for_each(|value| list.varint(value));
        self.message(field, &list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_encoded_as_the_format_has_them() {
        // The example of protobuf.dev, "Encoding": field 1 with 150 is 08 96 01.
        assert_eq!(Message::of(&[(1, 150)]).0, [0x08, 0x96, 0x01]);
        let mut text = Message::default();
        text.bytes(2, b"testing");
        assert_eq!(text.0, b"\x12\x07testing");
    }
}
