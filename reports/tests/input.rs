//! Tables as they come: from tools, from spreadsheets, cut off, and wrong.

use leaklab_reports::foreign::{InputError, Metric, ReadOptions, Table, TimeUnit, read_recording};

fn read_table(source: impl std::io::Read, options: &ReadOptions) -> Result<Table, InputError> {
    read_recording(source, options)?.into_only_table()
}

fn read(text: &str) -> Table {
    read_table(text.as_bytes(), &ReadOptions::default()).expect("a table")
}

fn error(text: &str) -> String {
    read_table(text.as_bytes(), &ReadOptions::default())
        .expect_err("no table")
        .to_string()
}

#[test]
fn psrecord_is_read_with_its_unit() {
    let table = read(
        "# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)\n       0.000        0.000        1.500     10.0\n       0.010       99.000        2.000     10.0\n",
    );
    assert_eq!(table.time_s, [0.0, 0.01]);
    assert_eq!(table.metrics.len(), 1);
    let Metric { name, values, .. } = &table.metrics[0];
    assert_eq!(name, "Real (MB)");
    assert_eq!(values, &[1_572_864.0, 2_097_152.0]);
    assert!(
        table.notes[0].text.contains("converted to bytes"),
        "{:?}",
        table.notes
    );
}

#[test]
fn spreadsheets_with_semicolons_and_decimal_commas_are_read() {
    let table = read("\u{feff}time;value\r\n0,5;1000,25\r\n1,5;1001\r\n");
    assert_eq!(table.time_s, [0.0, 1.0]);
    assert_eq!(table.metrics[0].values, [1_000.25, 1_001.0]);
}

#[test]
fn stamps_and_dates_count_from_the_first_row() {
    for text in [
        "timestamp,value\n1795233600,5\n1795233660,6\n",
        "timestamp,value\n1795233600000,5\n1795233660000,6\n",
        "timestamp,value\n2026-11-21T04:00:00Z,5\n2026-11-21T04:01:00Z,6\n",
        "Time,\"my, value\"\n2026-11-21 04:00:00,5\n2026-11-21 04:01:00,6\n",
        "elapsed_ms,value\n0,5\n60000,6\n",
    ] {
        assert_eq!(read(text).time_s, [0.0, 60.0], "{text}");
    }
    let options = ReadOptions {
        time_unit: Some(TimeUnit::Minutes),
        ..ReadOptions::default()
    };
    let table = read_table(&b"t,v\n0,1\n1,2\n"[..], &options).expect("a table");
    assert_eq!(table.time_s, [0.0, 60.0]);
}

#[test]
fn a_table_of_samples_says_when_the_load_was() {
    let rows = "500,warmup,9\n1000,load,1\n1500,load,2\n2500,load,3\n3000,drain,0\n";
    let load = |header: &str| read(&format!("{header}\n{rows}")).load;
    let window = load("elapsed_ms,phase,allocated_bytes").expect("a load");
    assert_eq!((window.start_s, window.end_s), (0.5, 2.0));
    // Other programs' phases mean something else.
    assert_eq!(load("ms,phase,allocated_bytes"), None);
    assert_eq!(load("elapsed_ms,stage,allocated_bytes"), None);
}

#[test]
fn a_table_without_header_has_numbered_columns() {
    let table = read("0,100\n1,101\n");
    let Metric { name, values, .. } = &table.metrics[0];
    assert_eq!((name.as_str(), &values[..]), ("2", &[100.0, 101.0][..]));
}

#[test]
fn readings_that_were_not_taken_are_empty() {
    let table = read("t,value\n0,1\n1,\n2,NaN\n3,null\n4,5\n");
    assert_eq!(
        table.metrics[0]
            .values
            .iter()
            .filter(|v| v.is_nan())
            .count(),
        3
    );
}

#[test]
fn readings_that_were_not_taken_are_counted_for_each_metric() {
    let table = read(
        "t_s,ops_total,rss_bytes,heap_bytes,swap_bytes\n0,0,1,5,\n1,,,6,\n2,9,NaN,7,\n3,9,4,8,\n",
    );
    let of_swap = "`swap_bytes` has no readings and was left out";
    let of_operations =
        "1 of 4 counts of operations is empty or NaN; a budget per operation leaves such rows out";
    assert_eq!(
        table.notes_of("rss_bytes"),
        [
            "2 of 4 readings of `rss_bytes` are empty or NaN and were left out",
            of_operations
        ]
    );
    assert_eq!(table.notes_of("heap_bytes"), [of_operations]);
    assert_eq!(table.notes_of("swap_bytes"), [of_swap, of_operations]);
    assert_eq!(table.metrics.len(), 2);
}

#[test]
fn a_column_that_was_asked_for_stays_though_it_is_empty() {
    let options = ReadOptions {
        values: vec!["swap".to_owned(), "rss".to_owned()],
        ..ReadOptions::default()
    };
    let table = read_table(&b"t,rss,swap\n0,1,\n1,2,\n"[..], &options).expect("a table");
    assert_eq!(table.metrics[0].name, "swap");
    assert_eq!(read("t,rss,swap\n0,,\n1,,\n").metrics.len(), 2);
}

#[test]
fn a_last_line_without_a_line_end_is_left_out_and_said_so() {
    // Torn between fields, inside a number, and not at all: the last two look the same.
    for last in ["2,3", "2,3,2", "2", "2,", "2,3,2000000"] {
        let table = read(&format!("t_s,rss_bytes,threads\n0,1,2\n1,2,2\n{last}"));
        assert_eq!(table.time_s, [0.0, 1.0], "{last}");
        assert_eq!(table.metrics[0].values, [1.0, 2.0], "{last}");
        let said = "the last line has no line end; it may be torn and was left out";
        assert_eq!(table.notes_of("rss_bytes"), [said], "{last}");
    }
    let ended = read("t_s,value\n0,1\n1,2\n");
    assert_eq!((ended.time_s.len(), ended.notes.len()), (2, 0));
}

#[test]
fn a_single_row_without_a_line_end_is_refused_with_the_reason() {
    for text in ["t,value\n0,5", "0,5"] {
        let message = error(text);
        assert!(message.contains("no line end"), "{text:?}: {message}");
    }
}

#[test]
fn what_cannot_be_read_is_named_by_line_and_column() {
    for (text, words) in [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("t,value\n", "a header, but no rows"),
        (
            "t,value\n0,1\n1,many\n2,3\n",
            "line 3, column `value`: `many` is not a number",
        ),
        (
            "t,value\n0,1\nsoon,2\n2,3\n",
            "line 3, column `t`: `soon` is not a time",
        ),
        (
            "t,value\n0,1\n,2\n2,3\n",
            "line 3 has no time in column `t`",
        ),
        (
            "t,value\n0,1\n1,-5\n2,3\n",
            "line 3, column `value`: -5 is negative",
        ),
        (
            "t,value\n0,1\n1,inf\n2,3\n",
            "line 3, column `value`: `inf` is not a number",
        ),
        (
            "t,value\n5,1\n9,2\n7,3\n6,4\n5.5,5\n",
            "line 4: time goes backwards, from 9 to 7",
        ),
        (
            "t,value\n0,1\n1,2,3\n2,3\n",
            "line 3 has 3 fields, the header has 2",
        ),
        ("t\n0\n1\n", "no value beside the time `t`"),
    ] {
        let message = error(text);
        assert!(message.contains(words), "{text:?}: {message}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_without_a_panic() {
    for bytes in [
        &b"\xff\xfe\x00\x01"[..],
        b"t,value\n\xff,\xfe\n1,2\n",
        b"\"\"\"\n",
        b",,,\n,,,\n",
    ] {
        let _ = read_table(bytes, &ReadOptions::default()).map(|table| table.time_s.len());
    }
}

#[test]
fn a_message_shows_no_raw_bytes_of_a_file_and_not_too_many() {
    let mut program = b"\x7fELF,\x02\x01\x1b[31m\n1,".to_vec();
    program.extend([0x1b; 10_000]);
    program.push(b'\n');
    let read = |options| read_table(&program[..], &options).expect_err("no table");
    let wanted = ReadOptions {
        values: vec!["rss".to_owned()],
        ..ReadOptions::default()
    };
    for (message, words) in [
        (
            read(ReadOptions::default()).to_string(),
            r"line 2, column `\x02\x01\x1b[31m`: `\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b…` is not a number",
        ),
        (
            read(wanted).to_string(),
            r"there is no column `rss`; the columns are `\x7fELF`, `\x02\x01\x1b[31m`",
        ),
    ] {
        assert_eq!(message, words);
    }
}

/// Plain rows and rows between quotes take two ways through the reader.
#[test]
fn plain_rows_are_read_as_those_between_quotes() {
    let (mut plain, mut quoted) = ("t_s,x,a,b_kb\n".to_owned(), "t_s,x,a,b_kb\n".to_owned());
    for row in 0..2_000 {
        let (whole, part) = (row / 4, 25 * (row % 4));
        // Now and then a reading is missing, or a line ends as on Windows.
        let a = if row % 97 == 0 {
            String::new()
        } else {
            (9_000_000 + row * row).to_string()
        };
        let end = if row % 31 == 0 { "\r\n" } else { "\n" };
        let time = if part == 0 {
            format!("{whole}")
        } else {
            format!("{whole}.{part:02}")
        };
        let b = format!("{}.5", 70_000 + row % 13);
        plain += &format!("{time},text,{a},{b}{end}");
        quoted += &format!("\"{time}\",\"text\",\"{a}\",\"{b}\"{end}");
    }
    let options = ReadOptions {
        values: vec!["a".to_owned(), "b_kb".to_owned()],
        by: vec!["none".to_owned()],
        ..ReadOptions::default()
    };
    let read = |text: &str| read_table(text.as_bytes(), &options).expect("a table");
    let (plain, quoted) = (read(&plain), read(&quoted));
    assert_eq!(plain.time_s, quoted.time_s);
    assert_eq!(plain.time_s.len(), 2_000);
    assert_eq!(plain.notes, quoted.notes);
    for (a, b) in plain.metrics.iter().zip(&quoted.metrics) {
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&a.values), bits(&b.values), "{}", a.name);
    }
}
