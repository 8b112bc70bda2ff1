//! Columns beside the memory: those that tell restarts, those that only follow the memory, those
//! that stop half-way, and memory that no program's own column holds. What leaks is never green,
//! and what does not is never accused.

mod support;

use leaklab_judge::{Unit, Verdict};
use leaklab_reports::cell::{Readings, VerdictOptions};
use leaklab_reports::foreign::{
    ReadOptions, Recording, RestartSource, read_recording, restart_columns,
};
use std::fmt::Write;
use support::is_documented;

const ROWS: usize = 1_200;
const START_S: usize = 1_763_700_000;

/// Noise without memory that needs no generator: the fractions of multiples of a surd.
fn noise(row: usize) -> f64 {
    (row as f64 * 0.618_033_988_75).fract() - 0.5
}

/// Lives of a program that is killed at its limit, so many rows each.
fn killed(row: usize, life: usize) -> f64 {
    120e6 + 6e7 * (row % life) as f64 / life as f64 + 2e5 * noise(row)
}

fn leaking(row: usize) -> f64 {
    120e6 + 50_000.0 * row as f64 + 4e5 * noise(row)
}

/// A cache that has filled after a third of the record.
fn filling(row: usize) -> f64 {
    60e6 + 6e7 * (row as f64 / 400.0).min(1.0) + 4e5 * noise(row)
}

/// Teeth of a healthy program.
fn teeth(row: usize) -> f64 {
    120e6 + 2e6 * (row % 30) as f64 + 4e5 * noise(row)
}

fn table(header: &str, line: impl Fn(usize) -> String) -> String {
    let mut text = format!("time,{header}\n");
    for row in 0..ROWS {
        let _ = writeln!(text, "{},{}", START_S + 60 * row, line(row));
    }
    text
}

fn read_with(text: &str, options: &ReadOptions) -> Recording {
    read_recording(text.as_bytes(), options).expect("a recording")
}

fn read(text: &str) -> Recording {
    read_with(text, &ReadOptions::default())
}

/// Memory of a program, row by row.
type Course = fn(usize) -> f64;

/// The verdicts on what a recording holds, each with its reason.
fn judged(recording: Recording) -> Vec<(Verdict, String)> {
    let mut verdicts = Vec::new();
    for table in recording.tables {
        let names: Vec<String> = table.metrics.iter().map(|m| m.name.clone()).collect();
        let readings = Readings::of_foreign(table, &VerdictOptions::default()).expect("a unit");
        for name in names {
            let judgement = readings.judge_column(&name).expect("a series");
            verdicts.push((judgement.verdict, judgement.reason));
        }
    }
    verdicts
}

fn verdicts(text: &str) -> Vec<Verdict> {
    judged(read(text))
        .into_iter()
        .map(|(verdict, _)| verdict)
        .collect()
}

#[test]
fn what_changes_where_memory_falls_back_tells_restarts() {
    type Field = fn(usize, usize) -> String;
    let columns: [(&str, Field); 14] = [
        ("instance", |life, _| format!("i-{life:04x}")),
        ("hostname", |life, _| format!("web-{life:03}x")),
        ("task_arn", |life, _| {
            format!("arn:aws:ecs:t/{:07x}", 7_919 * life)
        }),
        ("image", |life, _| format!("shop:1.{life}")),
        ("deploy", |life, _| format!("r{life}")),
        ("slot", |life, _| ["blue", "green"][life % 2].to_owned()),
        ("generation", |life, _| life.to_string()),
        ("run", |life, _| (life + 1).to_string()),
        ("age", |_, row| format!("{row}m")),
        ("process_uptime_ms", |_, row| (60_000 * row).to_string()),
        ("requests_total", |_, row| (100 * row).to_string()),
        ("iteration", |_, row| row.to_string()),
        ("etime", |_, row| {
            format!("{:02}:{:02}:00", row / 60, row % 60)
        }),
        ("event", |_, row| {
            if row == 0 { "start" } else { "sample" }.to_owned()
        }),
    ];
    // Lives longer than what is looked at first, and so short that the same counts come again.
    for life in [300, 60, 24] {
        for (name, field) in columns {
            let text = table(&format!("{name},rss_bytes"), |row| {
                format!("{},{:.0}", field(row / life, row % life), killed(row, life))
            });
            let recording = read(&text);
            let what = format!("{name}, lives of {life}");
            assert_eq!(recording.tables.len(), 1, "{what}");
            let said = format!("a table; lives by `{name}`");
            assert_eq!(recording.read_as.as_deref(), Some(&said[..]), "{what}");
            let times: Vec<f64> = (life..ROWS)
                .step_by(life)
                .map(|row| 60.0 * row as f64)
                .collect();
            assert_eq!(recording.tables[0].restarts, times, "{what}");
            assert_eq!(judged(recording)[0].0, Verdict::Leak, "{what}");
            // Both ways through the reader.
            let quoted: String = text
                .lines()
                .map(|line| format!("\"{}\"\n", line.replace(',', "\",\"")))
                .collect();
            assert_eq!(read(&quoted), read(&text), "{what}");
        }
    }
}

#[test]
fn rows_with_the_newest_first_tell_the_same() {
    for (name, life) in [
        ("hostname", 300),
        ("image", 60),
        ("slot", 60),
        ("uptime_s", 100),
    ] {
        let mut lines = Vec::new();
        for row in (0..ROWS).rev() {
            let field = match name {
                "slot" => ["blue", "green"][row / life % 2].to_owned(),
                "uptime_s" => (60 * (row % life)).to_string(),
                _ => format!("x-{:03}", row / life),
            };
            let at = START_S + 60 * row;
            lines.push(format!("{at},{field},{:.0}", killed(row, life)));
        }
        let recording = read(&format!("time,{name},rss_bytes\n{}\n", lines.join("\n")));
        let times: Vec<f64> = (life..ROWS)
            .step_by(life)
            .map(|row| 60.0 * row as f64)
            .collect();
        assert_eq!(recording.tables.len(), 1, "{name}");
        assert_eq!(recording.tables[0].restarts, times, "{name}");
        assert_eq!(judged(recording)[0].0, Verdict::Leak, "{name}");
    }
}

#[test]
fn a_count_beside_the_time_tells_restarts_and_is_no_time() {
    let text = table("elapsed,rss_bytes", |row| {
        let clock = format!("{:02}:{:02}:00", row % 100 / 60, row % 100 % 60);
        format!("{clock},{:.0}", killed(row, 100))
    });
    let text = text.replacen("time,", "timestamp,", 1);
    let stamped: String = text
        .lines()
        .enumerate()
        .map(|(row, line)| match line.split_once(',') {
            Some((_, rest)) if row > 0 => {
                let (hour, minute) = ((row - 1) / 60, (row - 1) % 60);
                format!(
                    "2026-11-{:02}T{:02}:{minute:02}:00Z,{rest}\n",
                    1 + hour / 24,
                    hour % 24
                )
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(read(&stamped).tables[0].restarts.len(), 11);
    assert_eq!(verdicts(&stamped), [Verdict::Leak]);
}

#[test]
fn a_number_of_any_name_that_may_tell_restarts_leaves_green_open() {
    let text = table("ration,rss_bytes", |row| {
        format!("{},{:.0}", row / 50, killed(row, 50))
    });
    let (verdict, reason) = judged(read(&text)).swap_remove(0);
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(reason.contains("--restarts ration"), "{reason}");
    let with = |restarts: RestartSource| {
        let options = ReadOptions {
            restarts: Some(restarts),
            ..ReadOptions::default()
        };
        judged(read_with(&text, &options)).swap_remove(0)
    };
    assert_eq!(
        with(RestartSource::Column("ration".to_owned())).0,
        Verdict::Leak
    );
    assert!(!with(RestartSource::Never).1.contains("--restarts ration"));
}

#[test]
fn work_in_turns_and_what_is_held_meanwhile_tell_no_restarts() {
    for (name, field) in [
        (
            "gc_count",
            (|row| (row / 30).to_string()) as fn(usize) -> String,
        ),
        ("batch", |row| format!("b{}", row / 30)),
        ("queue_depth", |row| (10 * (row % 30)).to_string()),
        ("temperature", |row| (40 + row % 7).to_string()),
        ("image", |row| format!("shop:1.{}", row / 500)),
    ] {
        let text = table(&format!("{name},rss_bytes"), |row| {
            format!("{},{:.0}", field(row), teeth(row))
        });
        let recording = read(&text);
        assert_eq!(recording.tables[0].restarts, [0.0; 0], "{name}");
        assert_eq!(judged(recording)[0].0, Verdict::NoLeak, "{name}");
    }
}

#[test]
fn a_text_that_follows_the_memory_parts_no_file() {
    let value: [(&str, Course, Verdict); 3] = [
        ("teeth", teeth, Verdict::NoLeak),
        ("filling", filling, Verdict::NoLeak),
        ("leaking", leaking, Verdict::Leak),
    ];
    for (what, value, verdict) in value {
        let level = |row: usize| if value(row) > 140e6 { "high" } else { "low" };
        for text in [
            table("pressure,rss_bytes", |row| {
                format!("{},{:.0}", level(row), value(row))
            }),
            table("band,rss_bytes", |row| {
                format!("p{},{:.0}", (value(row) / 5e6) as usize, value(row))
            }),
        ] {
            let recording = read(&text);
            assert_eq!(recording.tables.len(), 1, "{what}");
            assert_eq!(judged(recording)[0].0, verdict, "{what}");
        }
    }
    // Two programs that report in turn stay two, whatever their levels.
    for level in [1.0, 1.5, 4.0] {
        let text = table("unit_name,rss_bytes", |row| match row % 2 {
            0 => format!("a,{:.0}", leaking(row)),
            _ => format!("b,{:.0}", level * 160e6 + 4e5 * noise(row)),
        });
        let found = judged(read(&text));
        assert_eq!(
            found.iter().filter(|(v, _)| *v == Verdict::Leak).count(),
            1,
            "{level}"
        );
        assert_eq!(found.len(), 2, "{level}");
    }
}

#[test]
fn a_process_number_that_is_not_written_any_more_leaves_green_open() {
    let pid = |row: usize, life: usize| match row {
        0..600 => (100 + 7 * (row / life)).to_string(),
        _ => String::new(),
    };
    for life in [100, 50, 25] {
        let text = table("pid,rss_bytes", |row| {
            format!("{},{:.0}", pid(row, life), killed(row, life))
        });
        let (verdict, reason) = judged(read(&text)).swap_remove(0);
        assert_ne!(verdict, Verdict::NoLeak, "{life}: {reason}");
    }
    // Without a fall there was no restart to be missed.
    let text = table("pid,rss_bytes", |row| {
        format!("{},{:.0}", pid(row, 2_000), 120e6 + 4e5 * noise(row))
    });
    assert_eq!(verdicts(&text), [Verdict::NoLeak]);
}

#[test]
fn a_total_or_a_swap_that_is_not_read_any_more_ends_nothing() {
    let filled: [fn(usize) -> bool; 3] = [|row| row < 240, |row| row % 50 == 0, |row| row >= 500];
    for is_filled in filled {
        for (value, verdict) in [
            (filling as Course, Verdict::NoLeak),
            (leaking, Verdict::Leak),
        ] {
            let only = |row: usize, text: &str| {
                if is_filled(row) {
                    text.to_owned()
                } else {
                    String::new()
                }
            };
            let total = table("mem_total_kb,mem_available_kb", |row| {
                format!(
                    "{},{:.0}",
                    only(row, "4194304"),
                    4_194_304.0 - value(row) / 1_024.0
                )
            });
            assert_eq!(verdicts(&total), [verdict]);
            let swap = table("rss_kb,swap_kb", |row| {
                format!("{:.0},{}", value(row) / 1_024.0, only(row, "200"))
            });
            assert_eq!(verdicts(&swap), [verdict]);
        }
    }
    // Swap that grew while it was read may have gone on to.
    let text = table("rss_kb,swap_kb", |row| {
        let swap = match row {
            0..240 => (1_000 + 50 * row).to_string(),
            _ => String::new(),
        };
        format!("{:.0},{swap}", 120_000.0 + 300.0 * noise(row))
    });
    assert_ne!(verdicts(&text), [Verdict::NoLeak]);
}

#[test]
fn minus_one_is_a_reading_that_was_not_taken() {
    let text = table("rss_bytes", |row| match row % 40 {
        7 => "-1".to_owned(),
        _ => format!("{:.0}", leaking(row)),
    });
    let recording = read(&text);
    let notes = recording.tables[0].notes_of("rss_bytes").join("; ");
    assert!(notes.contains("-1 each"), "{notes}");
    assert_eq!(judged(recording)[0].0, Verdict::Leak);
}

#[test]
fn fields_of_influxdb_and_metrics_of_cloudwatch_are_judged_in_their_unit() {
    let mut text = "_time,_measurement,host,_field,_value\n".to_owned();
    for row in 0..ROWS {
        let at = format!(
            "2026-11-{:02}T{:02}:{:02}:00Z",
            1 + row / 1_440,
            row / 60 % 24,
            row % 60
        );
        let share = leaking(row) / 4e7;
        let _ = writeln!(
            text,
            "{at},mem,h1,used,{:.0}\n{at},mem,h1,used_percent,{share:.4}",
            leaking(row)
        );
    }
    let recording = read(&text);
    assert_eq!(recording.tables.len(), 1);
    assert_eq!(judged(recording)[0].0, Verdict::Leak);
    let points: Vec<String> = (0..300)
        .map(|row| {
            let at = format!(
                "2026-11-{:02}T{:02}:{:02}:00Z",
                1 + row / 288,
                row / 12 % 24,
                row % 12 * 5
            );
            format!(
                "{{\"Timestamp\":\"{at}\",\"Average\":{:.3}}}",
                leaking(4 * row) / 8e6
            )
        })
        .collect();
    let points = points.join(",");
    let text = format!("{{\"Label\":\"MemoryUtilization\",\"Datapoints\":[{points}]}}");
    let recording = read(&text);
    assert_eq!(recording.tables[0].metrics[0].unit, Unit::Percent);
    assert_eq!(judged(recording)[0].0, Verdict::Leak);
    // A part of one is a share as well.
    let text = table("memory_utilization", |row| {
        format!("{:.5}", leaking(row) / 1e9)
    });
    let recording = read(&text);
    let first = recording.tables[0].metrics[0].values[0];
    assert!((11.0..13.0).contains(&first), "{first} %");
    assert_eq!(judged(recording)[0].0, Verdict::Leak);
}

#[test]
fn the_memory_of_the_kernel_is_watched_beside_that_of_programs() {
    let options = ReadOptions {
        counts_beside: true,
        ..ReadOptions::default()
    };
    let text = table("anon,file,kernel,SUnreclaim,sock", |row| {
        let level = 300e6 + 4e5 * noise(row);
        format!(
            "{level:.0},700000000,{:.0},{:.0},0",
            leaking(row),
            leaking(row + 5)
        )
    });
    let recording = read_with(&text, &options);
    let of = |name: &str| {
        let metric = recording.tables[0].metrics.iter().find(|m| m.name == name);
        metric.map(|m| (m.is_beside, m.holds_caches))
    };
    assert_eq!(of("anon"), Some((false, false)));
    assert_eq!(of("kernel"), Some((true, true)));
    assert_eq!(of("SUnreclaim"), Some((true, false)));
    // Files in memory are used memory.
    let mut free = String::new();
    for row in 0..ROWS {
        let used = 300_000.0 + 300.0 * noise(row);
        let shared = leaking(row) / 1_024.0;
        let available = 8_000_000.0 - used - shared;
        let _ = writeln!(
            free,
            "{:02}:{:02}:00\n        total used free shared buff/cache available\nMem: 8000000 {used:.0} {:.0} {shared:.0} {:.0} {available:.0}\nSwap: 0 0 0",
            row / 60 % 24,
            row % 60,
            available - 200_000.0,
            shared + 200_000.0,
        );
    }
    assert_eq!(verdicts(&free), [Verdict::Leak]);
}

#[test]
fn the_documentation_lists_what_tells_restarts() {
    let mut table = "| a column that … | names |\n|---|---|\n".to_owned();
    for (when, names) in restart_columns() {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(table, "| {when} | {} |", names.join(", "));
    }
    is_documented("restarts", &table);
}
