//! Goes through V8's `.heapsnapshot` once, without holding it: a JSON object whose long arrays are
//! handed on number by number and string by string.

use std::io::Read;

/// Longest description of the fields at the file's beginning.
const LONGEST_META: usize = 1 << 20;
/// Longest string that is handed on; of a longer one its beginning is.
const LONGEST_STRING: usize = 400;
/// Deepest nesting of what is passed over.
const DEEPEST: usize = 64;

/// Places of the fields of nodes and edges, and the names of their types.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    /// Numbers per node.
    pub node_width: usize,
    /// Place of a node's type.
    pub node_type: usize,
    /// Place of its name.
    pub node_name: usize,
    /// Place of its id.
    pub node_id: usize,
    /// Place of its own size.
    pub node_size: usize,
    /// Place of the number of its edges.
    pub node_edges: usize,
    /// Names of the types of nodes.
    pub node_types: Vec<String>,
    /// Numbers per edge.
    pub edge_width: usize,
    /// Place of an edge's type.
    pub edge_type: usize,
    /// Place of its name or index.
    pub edge_name: usize,
    /// Place of where it leads.
    pub edge_to: usize,
    /// Names of the types of edges.
    pub edge_types: Vec<String>,
}

/// Takes what a snapshot holds, in the order of the file.
pub trait Visitor {
    /// A node, its numbers in the order of [`Fields`].
    fn node(&mut self, fields: &Fields, numbers: &[u64]) -> Result<(), String>;
    /// An edge.
    fn edge(&mut self, fields: &Fields, numbers: &[u64]) -> Result<(), String>;
    /// The strings begin: nodes and edges are complete.
    fn strings_begin(&mut self, _fields: &Fields) -> Result<(), String> {
        Ok(())
    }
    /// A string and its number.
    fn string(&mut self, number: usize, text: &str) -> Result<(), String>;
    /// Whether edges are wanted; otherwise they are passed over.
    fn wants_edges(&self) -> bool {
        false
    }
}

/// Goes through a snapshot.
///
/// # Errors
///
/// Words on what is wrong with it, or those of the visitor.
pub fn scan(file: impl Read, visitor: &mut dyn Visitor) -> Result<(), String> {
    let mut bytes = Bytes::new(file);
    let mut fields = None;
    let mut had_strings = false;
    bytes.expect(b'{')?;
    loop {
        match bytes.token()? {
            b'"' => {}
            b',' => continue,
            b'}' => break,
            _ => return Err(bytes.damaged()),
        }
        let key = bytes.string()?;
        bytes.expect(b':')?;
        let known = || {
            fields
                .as_ref()
                .ok_or("it has nodes before it says what they are")
        };
        match key.as_str() {
            "snapshot" => fields = Some(bytes.fields()?),
            "nodes" => {
                let fields: &Fields = known()?;
                bytes.numbers(fields.node_width, |node| visitor.node(fields, node))?;
            }
            "edges" if visitor.wants_edges() => {
                let fields: &Fields = known()?;
                bytes.numbers(fields.edge_width, |edge| visitor.edge(fields, edge))?;
            }
            "strings" => {
                visitor.strings_begin(known()?)?;
                bytes.strings(visitor)?;
                had_strings = true;
            }
            _ => bytes.pass_over()?,
        }
    }
    match had_strings {
        true => Ok(()),
        false => Err("it has no strings, so nothing in it has a name".to_owned()),
    }
}

/// The bytes of a file, one after the other.
struct Bytes<R> {
    file: R,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    passed: u64,
}

impl<R: Read> Bytes<R> {
    fn new(file: R) -> Self {
        Bytes {
            file,
            buffer: vec![0; 1 << 16],
            at: 0,
            end: 0,
            passed: 0,
        }
    }

    #[inline]
    fn next(&mut self) -> Result<u8, String> {
        if self.at == self.end {
            self.fill()?;
        }
        let byte = self.buffer[self.at];
        self.at += 1;
        Ok(byte)
    }

    fn fill(&mut self) -> Result<(), String> {
        self.passed += self.end as u64;
        self.at = 0;
        self.end = loop {
            match self.file.read(&mut self.buffer) {
                Ok(0) => return Err("it ends in its middle".to_owned()),
                Ok(read) => break read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        };
        Ok(())
    }

    fn damaged(&self) -> String {
        let at = self.passed + self.at as u64;
        format!("it is no heap snapshot of V8, or damaged at byte {at}")
    }

    /// The next byte that is no blank.
    fn token(&mut self) -> Result<u8, String> {
        loop {
            let byte = self.next()?;
            if !byte.is_ascii_whitespace() {
                return Ok(byte);
            }
        }
    }

    fn expect(&mut self, wanted: u8) -> Result<(), String> {
        match self.token()? == wanted {
            true => Ok(()),
            false => Err(self.damaged()),
        }
    }

    /// The rest of a string whose quote was read, its beginning as text.
    fn string(&mut self) -> Result<String, String> {
        let mut raw = Vec::new();
        let mut put = |byte: u8| {
            if raw.len() < LONGEST_STRING {
                raw.push(byte);
            }
        };
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => match self.next()? {
                    b'n' | b't' | b'r' | b'b' | b'f' => put(b' '),
                    b'u' => {
                        let mut code = 0;
                        for _ in 0..4 {
                            let digit = char::from(self.next()?).to_digit(16);
                            code = code * 16 + digit.ok_or_else(|| self.damaged())?;
                        }
                        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                        c.encode_utf8(&mut [0; 4]).bytes().for_each(&mut put);
                    }
                    byte => put(byte),
                },
                byte => put(byte),
            }
        }
        Ok(String::from_utf8_lossy(&raw).into_owned())
    }

    /// An array of whole numbers, handed on by so many.
    fn numbers(
        &mut self,
        width: usize,
        mut take: impl FnMut(&[u64]) -> Result<(), String>,
    ) -> Result<(), String> {
        self.expect(b'[')?;
        let mut group = Vec::with_capacity(width);
        let mut number: Option<u64> = None;
        loop {
            let byte = self.next()?;
            match byte {
                b'0'..=b'9' => {
                    let before = number.unwrap_or(0);
                    let next = before
                        .saturating_mul(10)
                        .saturating_add(u64::from(byte - b'0'));
                    number = Some(next);
                }
                b',' | b']' => {
                    group.extend(number.take());
                    if group.len() == width {
                        take(&group)?;
                        group.clear();
                    }
                    if byte == b']' {
                        break;
                    }
                }
                // A negative number or a fraction stands nowhere in it.
                byte if byte.is_ascii_whitespace() => {}
                _ => return Err(self.damaged()),
            }
        }
        match group.is_empty() {
            true => Ok(()),
            false => Err(self.damaged()),
        }
    }

    fn strings(&mut self, visitor: &mut dyn Visitor) -> Result<(), String> {
        self.expect(b'[')?;
        let mut number = 0;
        loop {
            match self.token()? {
                b'"' => {
                    let text = self.string()?;
                    visitor.string(number, &text)?;
                    number += 1;
                }
                b',' => {}
                b']' => return Ok(()),
                _ => return Err(self.damaged()),
            }
        }
    }

    /// Passes over a value.
    fn pass_over(&mut self) -> Result<(), String> {
        self.copy_value(&mut |_| Ok(()))
    }

    /// Hands on the bytes of a list or an object, or passes over a string.
    fn copy_value(&mut self, put: &mut dyn FnMut(u8) -> Result<(), String>) -> Result<(), String> {
        let first = self.token()?;
        put(first)?;
        match first {
            b'"' => return self.string().map(drop),
            b'{' | b'[' => {}
            _ => return Err(self.damaged()),
        }
        let (mut depth, mut in_string, mut escaped) = (1_usize, false, false);
        while depth > 0 {
            let byte = self.next()?;
            put(byte)?;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            if depth > DEEPEST {
                return Err(self.damaged());
            }
        }
        Ok(())
    }

    /// What the numbers mean.
    fn fields(&mut self) -> Result<Fields, String> {
        let mut text = Vec::new();
        self.copy_value(&mut |byte| {
            text.push(byte);
            match text.len() > LONGEST_META {
                true => Err("its description is too long".to_owned()),
                false => Ok(()),
            }
        })?;
        let value: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let meta = &value["meta"];
        let names = |value: &serde_json::Value| -> Vec<String> {
            let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect()
        };
        let (nodes, edges) = (names(&meta["node_fields"]), names(&meta["edge_fields"]));
        let place = |of: &[String], name: &str| {
            let at = of.iter().position(|one| one == name);
            at.ok_or_else(|| format!("its nodes or edges have no `{name}`"))
        };
        Ok(Fields {
            node_width: nodes.len(),
            node_type: place(&nodes, "type")?,
            node_name: place(&nodes, "name")?,
            node_id: place(&nodes, "id")?,
            node_size: place(&nodes, "self_size")?,
            node_edges: place(&nodes, "edge_count")?,
            node_types: names(&meta["node_types"][0]),
            edge_width: edges.len(),
            edge_type: place(&edges, "type")?,
            edge_name: place(&edges, "name_or_index")?,
            edge_to: place(&edges, "to_node")?,
            edge_types: names(&meta["edge_types"][0]),
        })
    }
}
