//! Snapshots that are text: class histograms, tracemalloc, folded stacks, keys with counts.

use super::counts::Counts;
use leaklab_run::read_bounded_line;
use std::io::BufRead;

/// Calls `take` with each line, without its end; of one that is too long with its beginning.
fn each_line(mut file: &mut dyn BufRead, mut take: impl FnMut(&str)) -> Result<(), String> {
    let mut line = Vec::new();
    while read_bounded_line(&mut file, &mut line).map_err(|error| error.to_string())? {
        take(String::from_utf8_lossy(&line).trim_end());
    }
    Ok(())
}

/// `   1:   12345   678900  [B (java.base@17.0.15)`: number, instances, bytes, class and module.
pub fn class_histogram(file: &mut dyn BufRead) -> Result<Counts, String> {
    let mut counts = Counts::default();
    each_line(file, |line| {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.strip_suffix(':'));
        let is_numbered = number.is_some_and(|digits| digits.parse::<u64>().is_ok());
        let mut figure = || words.next().and_then(|word| word.parse().ok());
        let (count, bytes): (Option<u64>, Option<u64>) = (figure(), figure());
        if let (true, Some(count), Some(bytes), Some(class)) =
            (is_numbered, count, bytes, words.next())
        {
            counts.add(class, count, bytes);
        }
    })?;
    Ok(counts)
}

/// `FILE<tab>LINE<tab>COUNT<tab>BYTES`, as three lines of Python write it from
/// `tracemalloc.take_snapshot().statistics("lineno")`.
pub fn tracemalloc(file: &mut dyn BufRead) -> Result<Counts, String> {
    let mut counts = Counts::default();
    each_line(file, |line| {
        let mut fields = line.rsplitn(4, '\t');
        let mut figure = || {
            fields
                .next()
                .and_then(|field| field.trim().parse::<u64>().ok())
        };
        let (bytes, count, at) = (figure(), figure(), figure());
        if let (Some(bytes), Some(count), Some(at), Some(name)) = (bytes, count, at, fields.next())
        {
            counts.add(&format!("{name}:{at}"), count, bytes);
        }
    })?;
    Ok(counts)
}

/// `main;serve;handle 4096`: the number is taken for bytes, and the key is the innermost frame
/// with the one that called it.
pub fn folded(file: &mut dyn BufRead) -> Result<Counts, String> {
    let mut counts = Counts::default();
    each_line(file, |line| {
        let Some((stack, number)) = line.rsplit_once([' ', '\t']) else {
            return;
        };
        let number = number.parse::<f64>().ok();
        let is_amount = |number: &f64| number.is_finite() && *number >= 0.0;
        if let Some(number) = number.filter(is_amount) {
            let mut frames = stack.trim().rsplit(';');
            let inner = frames.next().unwrap_or_default();
            let key = match frames.next() {
                Some(caller) => format!("{inner} < {caller}"),
                None => inner.to_owned(),
            };
            counts.add(&key, 1, number as u64);
        }
    })?;
    Ok(counts)
}

/// `KEY,COUNT,BYTES` or the same with tabs; a key may be quoted. Lines that are not that, such as
/// a header, are left out.
pub fn csv(file: &mut dyn BufRead) -> Result<Counts, String> {
    let mut counts = Counts::default();
    each_line(file, |line| {
        let separator = if line.contains('\t') { '\t' } else { ',' };
        let mut fields = line.rsplitn(3, separator);
        let mut figure = || {
            fields
                .next()
                .and_then(|field| field.trim().parse::<u64>().ok())
        };
        let (bytes, count) = (figure(), figure());
        if let (Some(bytes), Some(count), Some(key)) = (bytes, count, fields.next()) {
            let key = key.trim();
            let quoted = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
            let key = quoted.map_or_else(|| key.to_owned(), |key| key.replace("\"\"", "\""));
            counts.add(&key, count, bytes);
        }
    })?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::super::{Amount, Format};

    fn read(format: Format, text: &str) -> Vec<(String, u64, u64)> {
        let counts = format.read(text.as_bytes()).expect("a snapshot");
        let all = counts.iter();
        all.map(|(key, Amount { count, bytes })| (key.to_owned(), count, bytes))
            .collect()
    }

    #[test]
    fn histograms_of_a_jvm_are_read() {
        // The form of jcmd of OpenJDK 17 and of jmap of OpenJDK 8.
        let text = "4711:\n num     #instances         #bytes  class name (module)\n\
                    -------------------------------------------------------\n\
                    \x20  1:         12345        1234567  [B (java.base@17.0.15)\n\
                    \x20  2:           100           2400  shop.Session\n\
                    Total         12445        1236967\n";
        let expected = [
            ("[B".to_owned(), 12_345, 1_234_567),
            ("shop.Session".to_owned(), 100, 2_400),
        ];
        assert_eq!(read(Format::ClassHistogram, text), expected);
    }

    #[test]
    fn lines_of_keys_counts_and_bytes_are_read() {
        let expected = [("a".to_owned(), 2, 30), ("b,\"c\"".to_owned(), 1, 5)];
        let csv = "key,count,bytes\na,1,10\n\"b,\"\"c\"\"\",1,5\na,1,20\n";
        assert_eq!(read(Format::Csv, csv), expected);
        let text = "/app/shop.py\t12\t3\t900\nnonsense\n";
        let expected = [("/app/shop.py:12".to_owned(), 3, 900)];
        assert_eq!(read(Format::Tracemalloc, text), expected);
        let text = "main;serve;handle 64\nmain;other;handle 1\nalone 7\n# comment\n";
        let keys: Vec<_> = read(Format::Folded, text);
        let expected = [
            ("alone".to_owned(), 1, 7),
            ("handle < other".to_owned(), 1, 1),
            ("handle < serve".to_owned(), 1, 64),
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn what_is_no_snapshot_says_so() {
        for format in super::super::FORMATS {
            let error = format.0.read(&b"<html>busy</html>"[..]);
            assert!(error.is_err(), "{}", format.1);
        }
        let error = "heapsnapshots".parse::<Format>().expect_err("none");
        assert!(error.contains("did you mean `heapsnapshot`?"), "{error}");
    }
}
