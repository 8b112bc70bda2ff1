//! Tables in which a leak of 12 MB an hour hides: units that names and numbers leave open, times
//! of other forms, marks between digits, several series in one. None of them is `no-leak`, and
//! where nothing says what is meant, words lead on.

use leaklab_judge::Verdict;
use leaklab_reports::cell::{Readings, VerdictOptions};
use leaklab_reports::foreign::{ReadOptions, read_recording};
use std::fmt::Write;

const ROWS: usize = 400;
const STEP_S: usize = 15;
const START_S: usize = 1_763_700_000;

/// Noise without memory that needs no generator: the fractions of multiples of a surd.
fn noise(row: usize) -> f64 {
    (row as f64 * 0.618_033_988_75).fract() - 0.5
}

/// 120 MB that grow by 50,000 bytes with each row.
fn leaking(row: usize) -> f64 {
    120e6 + 50_000.0 * row as f64 + 4e4 * noise(row)
}

fn level(row: usize) -> f64 {
    120e6 + 4e5 * noise(row)
}

fn unix(row: usize) -> usize {
    START_S + STEP_S * row
}

fn table(header: &str, line: impl Fn(usize) -> String) -> String {
    let mut text = format!("{header}\n");
    for row in 0..ROWS {
        let _ = writeln!(text, "{}", line(row));
    }
    text
}

/// The verdicts on all that a table holds, or why there is none.
fn judged(text: &str, options: &ReadOptions) -> Result<Vec<Verdict>, String> {
    let recording = read_recording(text.as_bytes(), options).map_err(|error| error.to_string())?;
    let mut verdicts = Vec::new();
    for table in recording.tables {
        let names: Vec<String> = table.metrics.iter().map(|m| m.name.clone()).collect();
        let readings = Readings::of_foreign(table, &VerdictOptions::default())?;
        for name in names {
            let judged = readings.judge_alone(&name).map_err(|e| e.to_string())?;
            verdicts.push(judged.verdict);
        }
    }
    Ok(verdicts)
}

fn grouped(number: f64, mark: &str) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> = [(0, 3), (3, 6), (6, 9)]
        .into_iter()
        .filter_map(|(from, to)| digits.get(from..to.min(digits.len())))
        .filter(|group| !group.is_empty())
        .collect();
    groups.join(mark)
}

/// What must come of a table that leaks.
enum Must {
    /// Exactly so many series leak.
    Leak(usize),
    /// Refused, with these words.
    Say(&'static str),
    /// Nothing is decided.
    StayOpen,
}

#[test]
fn no_table_that_leaks_is_green() {
    use Must::{Leak, Say, StayOpen};
    let kib = |row: usize| (leaking(row) / 4_096.0).floor() * 4.0;
    let clock = |row: usize| {
        let seconds = STEP_S * row;
        format!(
            "{:02}:{:02}:{:02}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )
    };
    let minutes = |row: usize| format!("{:02}:{:02}", STEP_S * row / 60, STEP_S * row % 60);
    let cases: Vec<(&str, String, Must)> = vec![
        (
            "ps in KiB",
            table("time,rss", |i| format!("{},{}", unix(i), kib(i))),
            Leak(1),
        ),
        (
            "KiB without a name",
            table("time,used", |i| format!("{},{}", unix(i), kib(i))),
            Say("--unit"),
        ),
        (
            "MiB without a name",
            table("time,memory", |i| {
                format!("{},{:.1}", unix(i), leaking(i) / 1_048_576.0)
            }),
            Say("--unit"),
        ),
        (
            "bytes by name, KiB by number",
            table("time,rss_bytes", |i| format!("{},{}", unix(i), kib(i))),
            Say("no process has"),
        ),
        (
            "pages in KiB under bytes",
            table("time,rss_bytes", |i| {
                format!("{},{}", unix(i), 41.0 * kib(i))
            }),
            Say("either may be"),
        ),
        (
            "MB by name, GB by number",
            table("time,mem_mb", |i| {
                format!("{},{:.4}", unix(i), leaking(i) / 1e9)
            }),
            Say("no process has"),
        ),
        (
            "humps",
            table("time,heapUsedMB", |i| {
                format!("{},{:.2}", unix(i), leaking(i) / 1e6)
            }),
            Leak(1),
        ),
        (
            "pages",
            table("time,resident_pages", |i| {
                format!("{},{:.0}", unix(i), leaking(i) / 4_096.0)
            }),
            Leak(1),
        ),
        (
            "whole GiB",
            table("time,mem_gib", |i| {
                format!("{},{:.0}", unix(i), leaking(i) / 1e8)
            }),
            StayOpen,
        ),
        (
            "tenths of GiB in the field",
            table("time,mem", |i| {
                format!("{},{:.1}GiB", unix(i), leaking(i) / 1e9)
            }),
            StayOpen,
        ),
        (
            "tenths of a percent",
            table("time,mem_percent", |i| {
                format!("{},{:.1}", unix(i), leaking(i) / 64e7)
            }),
            StayOpen,
        ),
        (
            "groups between semicolons",
            table("time;mem_kb", |i| {
                format!("{};{}", unix(i), grouped(kib(i), ","))
            }),
            Say("in groups"),
        ),
        (
            "points between groups",
            table("time;rss_bytes", |i| {
                format!("{};{}", unix(i), grouped(leaking(i), "."))
            }),
            Leak(1),
        ),
        (
            "one point between groups",
            table("time;heap_kb", |i| {
                format!("{};{}", unix(i), grouped(kib(i), "."))
            }),
            Say("in groups"),
        ),
        (
            "decimal commas between tabs",
            table("time\tmem_mb", |i| {
                format!(
                    "{}\t{}",
                    unix(i),
                    format!("{:.2}", leaking(i) / 1e6).replace('.', ",")
                )
            }),
            Leak(1),
        ),
        (
            "milliseconds without a name",
            table("time,rss_bytes", |i| {
                format!("{},{:.0}", 1_000 * STEP_S * i, leaking(i))
            }),
            Say("--time-unit"),
        ),
        (
            "milliseconds with a jitter",
            table("elapsed,rss_bytes", |i| {
                format!("{},{:.0}", 1_000 * i + i * 7 % 10, leaking(i))
            }),
            Say("--time-unit"),
        ),
        (
            "rows by number",
            table("index,rss_bytes", |i| format!("{i},{:.0}", leaking(i))),
            Say("--every"),
        ),
        (
            "minutes and seconds",
            table("time,rss_bytes", |i| {
                format!("{},{:.0}", minutes(i), leaking(i))
            }),
            Leak(1),
        ),
        (
            "a few minutes and seconds",
            table("time,rss_bytes", |i| {
                format!("{},{:.0}", minutes(i % 90), leaking(i))
            }),
            Say("00:00"),
        ),
        (
            "elapsed as ps says it",
            table("ELAPSED,RSS", |i| format!("{},{}", minutes(i), kib(i))),
            Leak(1),
        ),
        (
            "times of day",
            table("time,rss_bytes", |i| {
                format!("{},{:.0}", clock(i), leaking(i))
            }),
            Leak(1),
        ),
        (
            "the newest first",
            table("time,rss_bytes", |i| {
                format!("{},{:.0}", unix(ROWS - 1 - i), leaking(ROWS - 1 - i))
            }),
            Leak(1),
        ),
        (
            "zeros after the end",
            table("time,rss_bytes", |i| {
                format!("{},{:.0}", unix(i), if i > 250 { 0.0 } else { leaking(i) })
            }),
            Leak(1),
        ),
        (
            "one name twice",
            table("time,rss,rss", |i| {
                format!("{},{:.0},{:.0}", unix(i), 3.0 * level(i), leaking(i))
            }),
            Leak(1),
        ),
        (
            "a limit beside",
            table("time,mem_limit_bytes,x", |i| {
                format!("{},4000000000,{:.0}", unix(i), leaking(i))
            }),
            Leak(1),
        ),
        (
            "a limit alone",
            table("time,mem_limit_bytes", |i| {
                format!("{},4000000000", unix(i))
            }),
            Say("--value"),
        ),
        (
            "the highest mark alone",
            table("time,peak_rss_kb", |i| format!("{},500000", unix(i))),
            Say("--value"),
        ),
        (
            "what remains",
            table("time,memory_remaining_bytes", |i| {
                format!("{},{:.0}", unix(i), 4e9 - 20.0 * leaking(i))
            }),
            Leak(1),
        ),
        (
            "workers in turn",
            table("time,w,rss_bytes", |i| {
                let worker = i % 4;
                let grown = if worker == 2 {
                    2e5 * (i / 4) as f64
                } else {
                    0.0
                };
                format!(
                    "{},{worker},{:.0}",
                    unix(i),
                    (2.0 + worker as f64) * 1e8 + grown + 1e5 * noise(i)
                )
            }),
            Leak(1),
        ),
        (
            "free memory by a metric's name",
            {
                let mut text = "time,metric,value\n".to_owned();
                for row in 0..ROWS {
                    let free = 4e9 - 20.0 * leaking(row);
                    let _ = writeln!(
                        text,
                        "{},mem_available_bytes,{free:.0}\n{},cpu,7",
                        unix(row),
                        unix(row)
                    );
                }
                text
            },
            Leak(1),
        ),
        (
            "rows within rows",
            format!(
                "[{{\"target\":\"a\",\"datapoints\":[{}]}}]",
                (0..ROWS)
                    .map(|i| format!("[{:.0},{}]", leaking(i), unix(i)))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            Say("jq"),
        ),
    ];
    let mut wrong = String::new();
    for (name, text, must) in cases {
        let found = judged(&text, &ReadOptions::default());
        let is_right = match (&must, &found) {
            (Leak(count), Ok(verdicts)) => {
                verdicts.iter().filter(|v| **v == Verdict::Leak).count() == *count
            }
            (Say(words), Err(message)) => message.contains(words),
            (StayOpen, Ok(verdicts)) => verdicts.iter().all(|v| *v == Verdict::Inconclusive),
            _ => false,
        };
        if !is_right {
            let _ = writeln!(wrong, "{name}: {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The same doubts, where nothing leaks: what is read is read as it is meant.
#[test]
fn tables_that_stand_level_are_not_accused() {
    let cases = [
        (
            "humps",
            table("time,heapUsedMB", |i| {
                format!("{},{:.2}", unix(i), level(i) / 1e6)
            }),
        ),
        (
            "points between groups",
            table("time;rss_bytes", |i| {
                format!("{};{}", unix(i), grouped(level(i), "."))
            }),
        ),
        (
            "the newest first",
            table("time,rss_bytes", |i| {
                format!("{},{:.0}", unix(ROWS - i), level(i))
            }),
        ),
        (
            "date and time of digits",
            table("time,rss_bytes", |i| {
                let seconds = STEP_S * i;
                format!(
                    "20261121{:02}{:02}{:02},{:.0}",
                    seconds / 3_600,
                    seconds / 60 % 60,
                    seconds % 60,
                    level(i)
                )
            }),
        ),
        (
            "the end of summer time",
            table("time,rss_bytes", |i| {
                let minutes = if i < 180 { i + 30 } else { i - 30 };
                format!(
                    "2026-10-25 {:02}:{:02}:00,{:.0}",
                    minutes / 60,
                    minutes % 60,
                    level(i)
                )
            }),
        ),
        (
            "steps of five minutes",
            table("time,rss_bytes", |i| format!("{},{:.0}", 300 * i, level(i))),
        ),
    ];
    for (name, text) in cases {
        let verdicts = judged(&text, &ReadOptions::default());
        let accused = verdicts.as_ref().is_ok_and(|v| v.contains(&Verdict::Leak));
        assert!(verdicts.is_ok() && !accused, "{name}: {verdicts:?}");
    }
}

/// 64 GB, of which 60 are left and 240 MB an hour go: far more than 0.5 % of what is in use, and
/// less than that of what is left.
#[test]
fn memory_that_is_left_is_judged_as_what_is_in_use() {
    const ALL: f64 = 64e9;
    let used = |row: usize| 4e9 + 20.0 * (leaking(row) - 120e6);
    let steady = |row: usize| 4e9 + 20.0 * (level(row) - 120e6);
    let none = ReadOptions::default();
    let total = ReadOptions {
        total_bytes: Some(ALL),
        ..ReadOptions::default()
    };
    let left = |used: &dyn Fn(usize) -> f64, header: &str| {
        table(header, |i| match header.matches(',').count() {
            1 => format!("{},{:.0}", unix(i), ALL - used(i)),
            _ => format!("{},{:.0},{ALL:.0}", unix(i), ALL - used(i)),
        })
    };
    for header in [
        "time,mem_available_bytes,mem_total_bytes",
        "time,MemAvailable_bytes,MemTotal_bytes",
        "time,node_memory_MemAvailable_bytes,node_memory_MemTotal_bytes",
        "time,Speicher frei (Bytes),Speicher gesamt (Bytes)",
    ] {
        assert_eq!(
            judged(&left(&used, header), &none),
            Ok(vec![Verdict::Leak]),
            "{header}"
        );
        assert_eq!(
            judged(&left(&steady, header), &none),
            Ok(vec![Verdict::NoLeak]),
            "{header}"
        );
    }
    let alone = left(&used, "time,mem_available_bytes");
    assert_eq!(judged(&alone, &none), Ok(vec![Verdict::Inconclusive]));
    assert_eq!(judged(&alone, &total), Ok(vec![Verdict::Leak]));
    let level_alone = left(&steady, "time,mem_available_bytes");
    assert_eq!(judged(&level_alone, &total), Ok(vec![Verdict::NoLeak]));
    let less = ReadOptions {
        total_bytes: Some(8e9),
        ..ReadOptions::default()
    };
    let refused = judged(&alone, &less).expect_err("less than is left");
    assert!(refused.contains("--total"), "{refused}");
    // Shares are of a hundred; what is free beside what is available is left out.
    let percent = table("time,memory_available_percent", |i| {
        format!("{},{:.4}", unix(i), 100.0 * (1.0 - used(i) / ALL))
    });
    assert_eq!(judged(&percent, &none), Ok(vec![Verdict::Leak]));
    let cached = table("time,MemFree,MemAvailable,MemTotal,Buffers,Cached", |i| {
        let kib = |bytes: f64| (bytes / 1_024.0) as u64;
        let free = ALL - steady(i) - 2e6 * i as f64;
        format!(
            "{},{},{},{},0,{}",
            unix(i),
            kib(free),
            kib(ALL - steady(i)),
            kib(ALL),
            2_000 * i
        )
    });
    let kib = ReadOptions {
        unit: Some("KiB".parse().expect("a unit")),
        ..ReadOptions::default()
    };
    assert_eq!(judged(&cached, &kib), Ok(vec![Verdict::NoLeak]));
    // Without a column of what is available, caches are given back.
    let caches = |used: &dyn Fn(usize) -> f64| {
        table(
            "time,free_bytes,buffers_bytes,cached_bytes,total_bytes",
            |i| {
                let cached = 1e9 + 3e6 * i as f64;
                format!(
                    "{},{:.0},1000000,{cached:.0},{ALL:.0}",
                    unix(i),
                    ALL - used(i) - cached
                )
            },
        )
    };
    assert_eq!(judged(&caches(&steady), &none), Ok(vec![Verdict::NoLeak]));
    assert_eq!(judged(&caches(&used), &none), Ok(vec![Verdict::Leak]));
    // Two series of an answer of Prometheus.
    let values = |of: &dyn Fn(usize) -> f64| {
        let points: Vec<String> = (0..ROWS)
            .map(|i| format!("[{},\"{:.0}\"]", unix(i), of(i)))
            .collect();
        points.join(",")
    };
    let answer = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{{\"metric\":{{\"__name__\":\"node_memory_MemAvailable_bytes\",\"instance\":\"a\"}},\"values\":[{}]}},{{\"metric\":{{\"__name__\":\"node_memory_MemTotal_bytes\",\"instance\":\"a\"}},\"values\":[{}]}}]}}}}",
        values(&|i| ALL - used(i)),
        values(&|_| ALL),
    );
    assert_eq!(judged(&answer, &none), Ok(vec![Verdict::Leak]));
}

/// A title above a table, and units in Cyrillic letters.
#[test]
fn what_stands_above_a_table_and_units_in_other_letters_are_read() {
    let none = ReadOptions::default();
    let titled = table("Memory of the shop\n\ntime,rss_bytes", |i| {
        format!("{},{:.0}", unix(i), leaking(i))
    });
    assert_eq!(judged(&titled, &none), Ok(vec![Verdict::Leak]));
    let megabytes = table("время;память, МБ", |i| {
        format!(
            "{};{}",
            unix(i),
            format!("{:.2}", leaking(i) / 1e6).replace('.', ",")
        )
    });
    assert_eq!(judged(&megabytes, &none), Ok(vec![Verdict::Leak]));
}

/// Counts are read beside memory where that is asked for, and keep nobody from judging it.
#[test]
fn counts_beside_memory_are_read_and_hide_nothing() {
    let text = table("time,rss_bytes,goroutines,connections_total,threads", |i| {
        format!(
            "{},{:.0},{},{},{}",
            unix(i),
            level(i),
            100 + i,
            7 * i,
            if i == 5 { "?" } else { "12" }
        )
    });
    let beside = ReadOptions {
        counts_beside: true,
        ..ReadOptions::default()
    };
    let recording = read_recording(text.as_bytes(), &beside).expect("a table");
    let metrics: Vec<(&str, bool)> = recording.tables[0]
        .metrics
        .iter()
        .map(|metric| (metric.name.as_str(), metric.is_beside))
        .collect();
    assert_eq!(
        metrics,
        [
            ("rss_bytes", false),
            ("goroutines", true),
            ("threads", true)
        ]
    );
    assert_eq!(
        judged(&text, &ReadOptions::default()),
        Ok(vec![Verdict::NoLeak])
    );
    // A level that no process has is refused, whatever stands beside it.
    let doubtful = table("time,used,threads", |i| {
        format!("{},{},{}", unix(i), 114 + i / 100, 12)
    });
    judged(&doubtful, &beside).expect_err("114 bytes");
}

#[test]
fn sums_are_judged_and_totals_that_stand_are_not() {
    let options = ReadOptions::default();
    let part = |row: usize| level(row + 7);
    let grows = |row: usize| level(row) + part(row) + 50_000.0 * row as f64;
    // What is missing among the parts leaks, and the sum alone shows it.
    for header in [
        "time,native_heap_bytes,dalvik_heap_bytes,total_pss_bytes",
        "time,processes_bytes,binary_memory_bytes,total_bytes",
        "time,rss_bytes,private_bytes,rss_total_bytes",
        "time,main_process_memory_bytes,helper_memory_bytes,total_memory_bytes",
    ] {
        let sum = |total: &dyn Fn(usize) -> f64| {
            let line =
                |row: usize| format!("{},{},{},{}", unix(row), level(row), part(row), total(row));
            judged(&table(header, line), &options).expect("verdicts")
        };
        assert!(sum(&grows).contains(&Verdict::Leak), "{header}");
        let stands = sum(&|row| level(row) + part(row));
        assert!(!stands.contains(&Verdict::Leak), "{header}: {stands:?}");
        // A capacity does not move, and one that is raised once is none that leaks.
        let capacity = sum(&|row| if row < ROWS / 2 { 4e9 } else { 8e9 });
        assert!(
            capacity.iter().all(|verdict| *verdict == Verdict::NoLeak),
            "{header}: {capacity:?}"
        );
    }
}

#[test]
fn swap_that_is_told_by_what_is_left_of_it_leaves_green_open() {
    let options = ReadOptions {
        counts_beside: true,
        ..ReadOptions::default()
    };
    let left = |header: &str, left: &dyn Fn(usize) -> f64| {
        let line = |row: usize| format!("{},{},{}", unix(row), level(row), left(row));
        judged(&table(header, line), &options).expect("verdicts")
    };
    let header = "time,rss_bytes,swap_free_bytes";
    let falls = left(header, &|row| 8e9 - leaking(row));
    assert_ne!(falls, [Verdict::NoLeak, Verdict::NoLeak]);
    assert_eq!(falls.len(), 2);
    let stands = left(header, &|_| 8e9);
    assert!(!stands.contains(&Verdict::Leak), "{stands:?}");
}

#[test]
fn bytes_that_were_moved_are_no_memory() {
    let options = ReadOptions::default();
    for name in [
        "net_rx_bytes",
        "read_bytes",
        "write_bytes",
        "bytes_sent",
        "bytes_recv",
        "io_read_bytes",
        "disk_used_bytes",
        "db_size_bytes",
        "Mallocs",
    ] {
        let line =
            |row: usize| format!("{},{},{}", unix(row), level(row), 3_145_728 * row + row % 7);
        let verdicts = judged(&table(&format!("time,rss_bytes,{name}"), line), &options);
        assert_eq!(verdicts, Ok(vec![Verdict::NoLeak]), "{name}");
    }
    // Memory that is called after what it holds is judged.
    for name in ["net_heap_bytes", "db_index_memory_mb", "io_pool_bytes"] {
        let line = |row: usize| {
            let bytes = if name.ends_with("mb") { 1e6 } else { 1.0 };
            format!("{},{},{}", unix(row), level(row), leaking(row) / bytes)
        };
        let verdicts = judged(&table(&format!("time,rss_bytes,{name}"), line), &options);
        assert!(
            verdicts
                .as_ref()
                .is_ok_and(|all| all.contains(&Verdict::Leak)),
            "{name}: {verdicts:?}"
        );
    }
}

#[test]
fn nodes_are_read_like_pods() {
    // As `kubectl top node` writes them: a header, and a share behind each amount.
    let mut text = String::new();
    for row in 0..ROWS {
        let _ = writeln!(
            text,
            "{}\nNAME      CPU(cores)   CPU%   MEMORY(bytes)   MEMORY%\nnode-1    250m         6%     {}Mi          18%\nnode-2    1250m        31%    {}Mi          22%",
            START_S + 900 * row,
            6_025 + 20 * row,
            7_021 + row * 7 % 5,
        );
    }
    let verdicts = judged(&text, &ReadOptions::default());
    assert_eq!(verdicts, Ok(vec![Verdict::Leak, Verdict::NoLeak]));
}
