//! Tables as strangers bring them: restarts in a column of their own, names in their language,
//! swap, memory beside the heap, rows of several programs, answers with a hole, times that count
//! hours or days. None of them is green that leaks, and none is accused that does not.

use leaklab_judge::Verdict;
use leaklab_reports::cell::{Readings, VerdictOptions};
use leaklab_reports::foreign::{ReadOptions, Recording, read_recording};
use std::fmt::Write;

const ROWS: usize = 600;
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

/// Six lives of a program that is killed at its limit.
fn killed(row: usize) -> f64 {
    120e6 + 3e5 * (row % 100) as f64 + 2e4 * noise(row)
}

fn unix(row: usize) -> usize {
    START_S + 15 * row
}

fn table(header: &str, rows: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = format!("{header}\n");
    for row in 0..rows {
        let _ = writeln!(text, "{}", line(row));
    }
    text
}

fn read(text: &str) -> Result<Recording, String> {
    read_recording(text.as_bytes(), &ReadOptions::default()).map_err(|error| error.to_string())
}

fn verdicts(recording: Recording) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for table in recording.tables {
        let names: Vec<String> = table.metrics.iter().map(|m| m.name.clone()).collect();
        let readings = Readings::of_foreign(table, &VerdictOptions::default()).expect("a unit");
        for name in names {
            verdicts.push(readings.judge_alone(&name).expect("a series").verdict);
        }
    }
    verdicts
}

/// The verdicts on all that a table holds.
fn judged(text: &str) -> Vec<Verdict> {
    verdicts(read(text).expect("a recording"))
}

#[test]
fn a_column_that_changes_with_each_life_tells_restarts() {
    let life = |row: usize| row / 100;
    type Field = fn(usize) -> String;
    let columns: [(&str, Field); 12] = [
        ("pid", |life| (4_000 + 17 * life).to_string()),
        ("pod", |life| {
            format!("shop-7d9f-{}", ["ab", "cd", "ef", "gh", "ij", "kl"][life])
        }),
        ("container id", |life| {
            format!("{:012x}", (life + 3) * 519_024_639)
        }),
        ("start_time", |life| (START_S + 1_500 * life).to_string()),
        ("started_at", |life| format!("2026-11-21T{life:02}:25:00Z")),
        ("boot_id", |life| format!("b{life}-77")),
        ("restarts", |life| life.to_string()),
        ("k8s.pod.name", |life| format!("shop-{life}-x")),
        ("worker_pid", |life| (90 + life).to_string()),
        ("Restart Count", |life| life.to_string()),
        ("container_start_time_seconds", |life| {
            (START_S + 1_500 * life).to_string()
        }),
        ("instance_id", |life| format!("i-0{life}af")),
    ];
    for (name, field) in columns {
        let text = table(&format!("time,{name},rss_bytes"), ROWS, |i| {
            format!("{},{},{:.0}", unix(i), field(life(i)), killed(i))
        });
        let recording = read(&text).expect(name);
        let said = format!("a table; lives by `{name}`");
        assert_eq!(recording.read_as.as_deref(), Some(&said[..]));
        assert_eq!(recording.tables.len(), 1, "{name}");
        // The first rows of the five later lives.
        let restarts = [100, 200, 300, 400, 500].map(|row| 15.0 * f64::from(row));
        assert_eq!(recording.tables[0].restarts, restarts, "{name}");
        assert_eq!(verdicts(recording), [Verdict::Leak], "{name}");
        // Every other row with quotes, so that both ways through the reader are taken.
        let quoted = table(&format!("time,{name},rss_bytes"), ROWS, |i| match i % 2 {
            0 => format!("{},{},{:.0}", unix(i), field(life(i)), killed(i)),
            _ => format!("{},\"{}\",\"{:.0}\"", unix(i), field(life(i)), killed(i)),
        });
        assert_eq!(read(&quoted), read(&text), "{name}");
    }
}

#[test]
fn an_uptime_that_falls_is_another_life() {
    let clock = |seconds: usize| format!("{:02}:{:02}", seconds / 60, seconds % 60);
    for (name, text) in [
        ("uptime", (|age| age.to_string()) as fn(usize) -> String),
        ("etime", clock),
    ] {
        let text = table(&format!("time,{name},rss_bytes"), ROWS, |i| {
            format!("{},{},{:.0}", unix(i), text(15 * (i % 100) + 3), killed(i))
        });
        let recording = read(&text).expect(name);
        assert_eq!(recording.tables[0].restarts.len(), 5, "{name}");
        assert!(
            recording
                .read_as
                .as_deref()
                .is_some_and(|words| words.contains("; lives by"))
        );
        assert_eq!(verdicts(recording), [Verdict::Leak], "{name}");
    }
}

#[test]
fn processes_that_come_in_turn_are_series_and_no_lives() {
    let value = |i: usize| {
        if i.is_multiple_of(2) {
            3.0 * level(i)
        } else {
            leaking(i)
        }
    };
    for text in [
        table("time,pid,rss_bytes", ROWS, |i| {
            format!("{},{},{:.0}", unix(i), 4_000 + i % 2, value(i))
        }),
        table("time,pid,rss_bytes", ROWS, |i| {
            format!("{},{},{:.0}", unix(i / 2), 4_000 + i % 2, value(i))
        }),
        // Two pods side by side; one of them is started anew in the middle.
        table("time,pod,restarts,rss_bytes", ROWS, |i| {
            let restarts = usize::from(i >= 300 && i.is_multiple_of(2));
            format!("{},p{},{restarts},{:.0}", unix(i), i % 2, value(i))
        }),
    ] {
        let found = judged(&text);
        assert_eq!(found.len(), 2);
        assert_eq!(found.iter().filter(|v| **v == Verdict::Leak).count(), 1);
    }
}

#[test]
fn logs_and_listings_know_another_process() {
    let mut node = String::new();
    let (mut jvm, mut docker) = (String::new(), String::new());
    for row in 0..ROWS {
        let (life, age) = (row / 100, row % 100);
        let mib = killed(row) / 1_048_576.0;
        let _ = writeln!(
            node,
            "[{}:0x2f1b3c00]{:9} ms: Scavenge {:.1} (200.0) -> {mib:.1} (200.0) MB, 1.2 / 0.0 ms  allocation failure",
            7_788 + life,
            1_000 + age * 15_000,
            mib + 3.0,
        );
        let _ = writeln!(
            jvm,
            "[2026-11-21T{:02}:{:02}:{:02}.000+0000][{:.3}s][info][gc] GC({age}) Pause Young (Normal) (G1 Evacuation Pause) {:.0}M->{mib:.0}M(512M) 3.2ms",
            row / 240,
            row / 4 % 60,
            row % 4 * 15,
            15.0 * age as f64 + 2.1,
            mib + 30.0,
        );
        let _ = writeln!(
            docker,
            "{}\nCONTAINER ID   NAME   CPU %   MEM USAGE / LIMIT   MEM %\n{:012x}   web   0.50%   {mib:.1}MiB / 512MiB   5.0%",
            unix(row),
            (life + 3) * 519_024_639,
        );
    }
    for (text, said) in [
        (node, "lives by pid"),
        (jvm, "lives by"),
        (docker, "lives by `CONTAINER ID`"),
    ] {
        let recording = read(&text).expect(said);
        assert!(
            recording
                .read_as
                .as_deref()
                .is_some_and(|words| words.contains(said))
        );
        assert_eq!(recording.tables[0].restarts.len(), 5, "{said}");
        assert_eq!(verdicts(recording), [Verdict::Leak], "{said}");
    }
}

#[test]
fn two_processes_in_one_log_are_two_series() {
    let mut node = String::new();
    for row in 0..400 {
        let mib = if row % 2 == 0 {
            leaking(row)
        } else {
            3.0 * level(row)
        } / 1_048_576.0;
        let _ = writeln!(
            node,
            "[{}:0x2f1b3c00]{:9} ms: Scavenge {:.1} (200.0) -> {mib:.1} (200.0) MB, 1.2 / 0.0 ms  allocation failure",
            7_788 + row % 2,
            1_000 + row * 15_000,
            mib + 3.0,
        );
    }
    let recording = read(&node).expect("a log");
    assert_eq!(recording.tables.len(), 2);
    assert_eq!(verdicts(recording)[0], Verdict::Leak);
}

#[test]
fn memory_that_is_left_is_turned_round_in_any_language() {
    for name in [
        "libre_octets",
        "Speicher frei (Bytes)",
        "pamiec_wolna_bytes",
        "空きメモリ bytes",
        "memoria_disponibile_bytes",
        "Verfügbarer Speicher (Bytes)",
        "memoire_disponible_bytes",
        "доступно_байт",
        "Available Bytes",
        "可用内存 bytes",
    ] {
        let falling = table(&format!("time,{name}"), ROWS, |i| {
            format!("{},{:.0}", unix(i), 8e9 - 20.0 * leaking(i))
        });
        let rising = table(&format!("time,{name}"), ROWS, |i| {
            format!("{},{:.0}", unix(i), 1e9 + 20.0 * leaking(i))
        });
        assert_eq!(judged(&falling), [Verdict::Leak], "{name}");
        assert_eq!(judged(&rising), [Verdict::NoLeak], "{name}");
        // A total beside it is no memory in use, and does not hide it.
        let beside = table(&format!("time,Speicher gesamt (Bytes),{name}"), ROWS, |i| {
            format!("{},16000000000,{:.0}", unix(i), 8e9 - 20.0 * leaking(i))
        });
        assert_eq!(judged(&beside), [Verdict::Leak], "{name}");
    }
    let counter = table(
        "\"(PDH-CSV 4.0)\",\"\\\\HOST\\Memory\\Available MBytes\"",
        ROWS,
        |i| {
            format!(
                "\"11/21/2026 {:02}:{:02}:{:02}.125\",\"{:.3}\"",
                i / 240,
                i / 4 % 60,
                i % 4 * 15,
                (8e9 - 20.0 * leaking(i)) / 1e6
            )
        },
    );
    assert_eq!(judged(&counter), [Verdict::Leak]);
}

#[test]
fn swap_counts_with_what_is_resident() {
    let kib = |bytes: f64| (bytes / 1_024.0) as u64;
    let aside = |i: usize| 2e7 + 50_000.0 * i as f64;
    let vmstat = " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st gu                 UTC";
    for (name, text) in [
        (
            "columns",
            table("time,rss_kb,swap_kb", ROWS, |i| {
                format!("{},{},{}", unix(i), kib(level(i)), kib(aside(i)))
            }),
        ),
        (
            "no units",
            table("time,RSS,SWAP", ROWS, |i| {
                format!("{},{},{}", unix(i), kib(level(i)), kib(aside(i)))
            }),
        ),
        (
            "free memory and swap",
            table("time,mem_free_kb,swap_used_kb", ROWS, |i| {
                format!("{},{},{}", unix(i), kib(1e9 + level(i)), kib(aside(i)))
            }),
        ),
        (
            "status",
            table("", ROWS, |i| {
                format!(
                    "{}\nVmRSS:\t{} kB\nVmSwap:\t{} kB",
                    unix(i),
                    kib(level(i)),
                    kib(aside(i))
                )
            }),
        ),
        (
            "vmstat",
            table(vmstat, ROWS, |i| {
                format!(
                    " 0  0 {} {} 20000 30000 0 0 1 2 10 20 1 0 99 0 0 0 2026-11-21 {:02}:{:02}:{:02}",
                    kib(aside(i)),
                    kib(1e9 + level(i)),
                    i / 240,
                    i / 4 % 60,
                    i % 4 * 15
                )
            }),
        ),
        (
            "free",
            table("", ROWS, |i| {
                format!(
                    "{}\n      total used free shared buff/cache available\nMem: 8000000 {} 3000000 1000 3000000 5500000\nSwap: 4000000 {} 3000000",
                    unix(i),
                    kib(level(i)),
                    kib(aside(i))
                )
            }),
        ),
        (
            "smem",
            table("", ROWS, |i| {
                format!(
                    "{}\n  PID User     Command   Swap  USS  PSS  RSS\n 7575 root     python3 leak.py  {} 20000 {} 25000",
                    unix(i),
                    kib(aside(i)),
                    kib(level(i))
                )
            }),
        ),
    ] {
        let recording = read(&text).expect(name);
        let notes: Vec<&str> = recording.tables[0]
            .notes
            .iter()
            .map(|n| &n.text[..])
            .collect();
        assert!(
            notes
                .iter()
                .any(|n| n.contains("what lies in swap is still held")),
            "{name}: {notes:?}"
        );
        assert_eq!(verdicts(recording), [Verdict::Leak], "{name}");
    }
    // What only moves into swap is no growth.
    let moved = table("time,rss_bytes,swap_bytes", ROWS, |i| {
        format!(
            "{},{:.0},{}",
            unix(i),
            level(i) - 1e5 * i as f64,
            100_000 * i
        )
    });
    assert_eq!(judged(&moved), [Verdict::NoLeak]);
}

#[test]
fn memory_beside_the_heap_is_judged_or_named() {
    for name in [
        "external",
        "array_buffers",
        "arrayBuffers",
        "metaspace",
        "vram",
        "paged_pool",
        "nonpaged_pool",
        "native",
        "direct",
        "mapped",
        "codeCache",
    ] {
        let text = table(&format!("time,heap_used_bytes,{name}"), ROWS, |i| {
            format!("{},{:.0},{:.0}", unix(i), level(i), leaking(i))
        });
        assert_eq!(judged(&text), [Verdict::NoLeak, Verdict::Leak], "{name}");
    }
    let text = table("time,heap_used_bytes,scratch", 40, |i| {
        format!("{},{:.0},{i}", unix(i), level(i))
    });
    let notes = read(&text).expect("a table").tables[0].notes_of("heap_used_bytes");
    assert!(
        notes
            .iter()
            .any(|n| n.contains("`scratch`") && n.contains("--value")),
        "{notes:?}"
    );
}

#[test]
fn rows_of_several_programs_are_refused_with_words() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut mixed = |share: f64, step: usize| {
        let mut text = "time,rss_bytes\n".to_owned();
        let mut counts = [0, 0];
        for row in 0..1_200 {
            let which = usize::from(random.f64() < share);
            counts[which] += 1;
            let value = if which == 1 {
                leaking(counts[1])
            } else {
                4.0 * level(counts[0])
            };
            let _ = writeln!(text, "{},{value:.0}", unix(row / step));
        }
        text
    };
    for text in [mixed(0.5, 1), mixed(0.3, 1), mixed(0.7, 1), mixed(0.5, 2)] {
        let message = read(&text).expect_err("a mixture");
        assert!(message.contains("--by"), "{message}");
    }
    let options = ReadOptions {
        by: vec!["none".to_owned()],
        ..ReadOptions::default()
    };
    read_recording(mixed(0.5, 1).as_bytes(), &options).expect("whoever says that it is one series");
}

#[test]
fn an_answer_with_a_hole_carries_no_verdict() {
    let answer = |extra: &str| {
        let points: Vec<String> = (0..2_400)
            .map(|i| format!("[{},\"{:.0}\"]", unix(i), level(i)))
            .collect();
        format!(
            "{{\"status\":\"success\"{extra},\"data\":{{\"resultType\":\"matrix\",\"result\":[{{\"metric\":{{\"__name__\":\"process_resident_memory_bytes\"}},\"values\":[{}]}}]}}}}",
            points.join(",")
        )
    };
    assert_eq!(judged(&answer("")), [Verdict::NoLeak]);
    for extra in [
        ",\"warnings\":[\"store 2 did not answer\"]",
        ",\"isPartial\":true",
    ] {
        let table = read(&answer(extra))
            .expect("an answer")
            .into_only_table()
            .expect("one");
        let readings = Readings::of_foreign(table, &VerdictOptions::default()).expect("bytes");
        let judged = readings
            .judge_alone("process_resident_memory_bytes")
            .expect("a series");
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{extra}");
        assert!(judged.reason.contains("the server"), "{}", judged.reason);
    }
    let told = read(&answer(
        ",\"infos\":[\"may be a counter\"],\"warnings\":null",
    ))
    .expect("an answer");
    assert!(
        told.tables[0]
            .notes
            .iter()
            .any(|note| note.text.contains("may be a counter"))
    );
    assert_eq!(verdicts(told), [Verdict::NoLeak]);
}

#[test]
fn times_are_read_in_the_unit_that_name_or_size_says() {
    let hours = |i: usize| i as f64 / 240.0;
    let span_s = 15.0 * (ROWS - 1) as f64;
    type Time = Box<dyn Fn(usize) -> String>;
    let cases: Vec<(&str, Time)> = vec![
        ("hour", Box::new(move |i| format!("{:.6}", hours(i)))),
        ("h", Box::new(move |i| format!("{:.6}", hours(i)))),
        ("Stunde", Box::new(move |i| format!("{:.6}", hours(i)))),
        ("minute", Box::new(|i| format!("{:.2}", i as f64 / 4.0))),
        ("day", Box::new(move |i| format!("{:.8}", hours(i) / 24.0))),
        (
            "week",
            Box::new(move |i| format!("{:.10}", hours(i) / 168.0)),
        ),
        (
            "time",
            Box::new(move |i| format!("{:.8}", 45_982.5 + hours(i) / 24.0)),
        ),
        (
            "time",
            Box::new(move |i| format!("{:.8}", 2_460_000.5 + hours(i) / 24.0)),
        ),
        (
            "time",
            Box::new(|i| (639_000_000_000_000_000 + 150_000_000 * i).to_string()),
        ),
        (
            "time",
            Box::new(|i| (134_000_000_000_000_000 + 150_000_000 * i).to_string()),
        ),
        (
            "Datum;Uhrzeit",
            Box::new(|i| {
                let minute = 15 * i / 60 + 1_380;
                format!(
                    "{}.11.2026;{:02}:{:02}:{:02}",
                    21 + minute / 1_440,
                    minute / 60 % 24,
                    minute % 60,
                    15 * i % 60
                )
            }),
        ),
    ];
    for (name, time) in cases {
        for value in [leaking as fn(usize) -> f64, level] {
            let text = table(&format!("{name};rss_bytes"), ROWS, |i| {
                format!("{};{:.0}", time(i), value(i))
            });
            let table = read(&text).expect(name).into_only_table().expect("one");
            let found = table.time_s.last().copied().expect("rows");
            assert!((found - span_s).abs() < 0.01 * span_s, "{name}: {found} s");
        }
    }
    // A column that numbers the rows is no time beside one that is.
    for header in [",zeitpunkt,rss_bytes", "Unnamed: 0,clock,rss_bytes"] {
        let text = table(header, ROWS, |i| format!("{i},{},{:.0}", unix(i), level(i)));
        let table = read(&text).expect(header).into_only_table().expect("one");
        assert_eq!(table.time_s.last(), Some(&span_s), "{header}");
        assert_eq!(table.metrics.len(), 1, "{header}");
    }
    for (header, words) in [("t,rss_bytes", "--time-unit"), (",rss_bytes", "--every")] {
        let text = table(header, ROWS, |i| match header.len() {
            11 => format!("{:.6},{:.0}", hours(i), level(i)),
            _ => format!("{i},{:.0}", level(i)),
        });
        let message = read(&text).expect_err(header);
        assert!(message.contains(words), "{header}: {message}");
    }
}

#[test]
fn a_unit_of_time_that_is_assumed_is_said() {
    let text = table("t,rss_bytes", 40, |i| format!("{},{:.0}", 15 * i, level(i)));
    let notes = read(&text).expect("a table").tables[0].notes_of("rss_bytes");
    assert!(
        notes
            .iter()
            .any(|n| n.contains("taken as seconds") && n.contains("--time-unit")),
        "{notes:?}"
    );
}

#[test]
fn a_line_break_within_quotes_is_part_of_its_field() {
    let text = table("time,\"what\nhappened\",rss_bytes", ROWS, |i| {
        format!("{},\"first\nsecond, line\",{:.0}", unix(i), leaking(i))
    });
    let table = read(&text)
        .expect("a table")
        .into_only_table()
        .expect("one");
    assert_eq!(
        (table.time_s.len(), &table.metrics[0].name[..]),
        (ROWS, "rss_bytes")
    );
    let torn = read(&format!("{text}9,\"begun\nnot ended,7\n")).expect("a table");
    assert!(
        torn.tables[0]
            .notes
            .iter()
            .any(|note| note.text.contains("torn"))
    );
}

#[test]
fn octets_are_bytes() {
    let comma = |text: String| text.replace('.', ",");
    for text in [
        table("temps;mémoire (Mo)", ROWS, |i| {
            comma(format!("{};{:.2}", unix(i), leaking(i) / 1e6))
        }),
        table("temps;mémoire", ROWS, |i| {
            comma(format!("{};{:.2} Mo", unix(i), leaking(i) / 1e6))
        }),
        table("temps;mem_ko", ROWS, |i| {
            format!("{};{:.0}", unix(i), leaking(i) / 1_024.0)
        }),
    ] {
        let table = read(&text)
            .expect("a table")
            .into_only_table()
            .expect("one");
        let first = table.metrics[0].values[0];
        assert!((first - 120e6).abs() < 2e5, "{first}");
        assert!(table.metrics[0].unit_is_known);
    }
}

#[test]
fn times_that_nobody_wrote_are_told_in_seconds() {
    // A Prometheus whose points go back and forth.
    let points: Vec<String> = (0..20)
        .map(|i| format!("[{},\"5000000\"]", START_S + 15 * i - 40 * (i % 3)))
        .collect();
    let text = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{{\"metric\":{{}},\"values\":[{}]}}]}}}}",
        points.join(",")
    );
    let message = read(&text).expect_err("times that fall");
    assert!(message.contains("from 0.000 s to -25.000 s"), "{message}");
}
