//! Recordings as tools write them. Files under `fixtures/recordings` were written by the tools
//! themselves, watching a program that keeps what it allocates; `docker-stats.*`, `k6.csv`,
//! `kubectl-top.txt`, `grafana-*.csv`, `influx-*`, `cloudwatch-*`, `long.csv` and `gc-old.log`
//! were made after the documented formats.

mod support;

use leaklab_judge::Unit;
use leaklab_reports::foreign::{ReadOptions, Recording, ValueUnit, read_recording};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use support::is_documented;

const KIB: f64 = 1_024.0;
const MIB: f64 = 1_048_576.0;

/// A file and what must be read out of it.
struct Case {
    file: &'static str,
    tool: &'static str,
    options: ReadOptions,
    read_as: &'static str,
    series: usize,
    /// Of the first series: its name, its metric, its rows, and its first reading in bytes.
    name: &'static str,
    metric: &'static str,
    rows: usize,
    first: f64,
    /// Seconds from its first to its last row.
    seconds: f64,
}

fn every(seconds: f64) -> ReadOptions {
    ReadOptions {
        every_s: Some(seconds),
        ..ReadOptions::default()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings")
}

fn read(file: &str, options: &ReadOptions) -> Result<Recording, String> {
    let source = std::fs::File::open(folder().join(file)).expect(file);
    read_recording(source, options).map_err(|error| error.to_string())
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let none = ReadOptions::default;
    let case = |file, tool, options, read_as, series, name, metric, rows, first, seconds| Case {
        file, tool, options, read_as, series, name, metric, rows, first, seconds,
    };
    vec![
        case("pidstat.txt", "`pidstat -r -p PID 1`", none(), "pidstat: RSS in KiB", 1, "", "RSS", 24, 16_156.0 * KIB, 23.0),
        case("pidstat-h.txt", "`pidstat -h -r -p PID 1`", none(), "pidstat: RSS in KiB", 1, "", "RSS", 24, 16_156.0 * KIB, 23.0),
        case("sar.txt", "`sar -r 1`", none(), "sar: kbmemused", 1, "", "kbmemused", 20, 922_184.0 * KIB, 19.0),
        case("sadf-d.csv", "`sadf -d FILE -- -r`", none(), "", 1, "", "kbmemused", 20, 922_744.0 * KIB, 19.0),
        case("sadf-dU.csv", "`sadf -d -U FILE -- -r`", none(), "", 1, "", "kbmemused", 20, 922_744.0 * KIB, 19.0),
        case("sadf.json", "`sadf -j FILE -- -r`", none(), "sadf -j", 1, "", "kbmemused", 20, 922_744.0 * KIB, 19.0),
        case("vmstat-t.txt", "`vmstat -t 1`", none(), "vmstat", 1, "", "free+buff+cache, turned round", 20, f64::NAN, 19.0),
        case("free-m.txt", "`free -m -s 1`", every(1.0), "free: used in MiB", 1, "", "used", 20, 1_281.0 * MIB, 19.0),
        case("free-h.txt", "`free -h -s 1`", every(1.0), "free: used", 1, "", "used", 14, 1.2 * KIB * MIB, 13.0),
        case("free-de.txt", "`free` in German, and `date +%T`", none(), "free: used in KiB", 1, "", "used", 14, 2_234_848.0 * KIB, f64::NAN),
        case("free-fr.txt", "`free -m` in French, and `date +%T`", none(), "free: used in MiB", 1, "", "used", 14, f64::NAN, f64::NAN),
        case("top-b.txt", "`top -b -d 1 -p PID`", none(), "top: RES in KiB", 1, "", "RES", 16, 14_656.0 * KIB, f64::NAN),
        case("smem.txt", "`smem` in a loop", ReadOptions { only: vec![("PID".to_owned(), "7575".to_owned())], ..every(1.0) }, "smem: PSS in KiB", 1, "", "PSS", 12, 15_003.0 * KIB, 11.0),
        case("ps-headers.txt", "`ps -o pid,rss,vsz,comm` in a loop", every(1.0), "ps: RSS in KiB", 1, "", "RSS", 20, 15_244.0 * KIB, 19.0),
        case("ps-date-blocks.txt", "`date; ps …` in a loop", none(), "ps: RSS in KiB", 1, "", "RSS", 20, 14_656.0 * KIB, f64::NAN),
        case("ps-epoch.csv", "`date +%s`,`ps -o rss=` in a loop", ReadOptions { unit: Some(ValueUnit::Bytes(KIB)), ..none() }, "", 1, "", "2", 20, f64::NAN, f64::NAN),
        case("ps-date.txt", "`date` and `ps -o rss=` in a loop", ReadOptions { unit: Some(ValueUnit::Bytes(KIB)), ..none() }, "", 1, "", "2", 20, 15_244.0 * KIB, f64::NAN),
        case("ps-bare.txt", "`ps -o rss=` in a loop", ReadOptions { unit: Some(ValueUnit::Bytes(KIB)), ..every(1.0) }, "", 1, "", "1", 20, f64::NAN, 19.0),
        case("status-times.txt", "`date +%T; grep VmRSS /proc/PID/status`", none(), "/proc/PID/status: VmRSS in KiB", 1, "", "VmRSS", 20, 14_068.0 * KIB, f64::NAN),
        case("status.txt", "`grep VmRSS /proc/PID/status`", every(1.0), "/proc/PID/status: VmRSS in KiB", 1, "", "VmRSS", 20, 14_068.0 * KIB, 19.0),
        case("status-full.txt", "`cat /proc/PID/status`", every(1.0), "/proc/PID/status: VmRSS in KiB", 1, "", "VmRSS", 12, f64::NAN, 11.0),
        case("cgroup-memory-stat.txt", "`date +%s; cat memory.stat`", none(), "memory.stat of a cgroup", 1, "", "rss", 10, 16_297_984.0, f64::NAN),
        case("psrecord.txt", "`psrecord --log`", none(), "", 1, "", "Real (MB)", 20, 26.945 * MIB, f64::NAN),
        case("psrecord.csv", "`psrecord --log-format csv`", none(), "", 1, "", "mem_real", 19, 28.09375 * MIB, f64::NAN),
        case("mprof.dat", "`mprof run`", none(), "mprof: MEM in MiB", 1, "", "MEM", 27, 4.308594 * MIB, f64::NAN),
        case("jvm-gc.log", "`java -Xlog:gc`", none(), "log of a JVM: heap after collections", 1, "", "heap after collections", 123, MIB, f64::NAN),
        case("jvm-serial.log", "`java -XX:+UseSerialGC -Xlog:gc`", none(), "log of a JVM: heap after collections", 1, "", "heap after collections", 111, 0.0, f64::NAN),
        case("jvm-parallel-star.log", "`java -XX:+UseParallelGC -Xlog:gc*`", none(), "log of a JVM: heap after collections", 1, "", "heap after collections", 26, 0.0, f64::NAN),
        case("jvm-mixed.log", "`java -XX:+UseG1GC -Xlog:gc*`", none(), "log of a JVM: old generation after mixed and full", 1, "", "old generation after mixed and full collections", 30, 10.0 * MIB, f64::NAN),
        case("gc-old.log", "`java -Xloggc` before Java 9", none(), "log of a JVM before 9", 1, "", "heap after collections", 30, 12_345.0 * KIB, 580.0),
        case("jstat-gc-t.txt", "`jstat -gc -t PID 1s`", none(), "jstat -gc", 1, "", "OU", 22, 11_778.5 * KIB, 21.1),
        case("jstat-gcutil.txt", "`jstat -gcutil PID 1s`", every(1.0), "jstat -gcutil", 1, "", "O", 22, 26.95, 21.0),
        case("node-gc.txt", "`node --trace-gc`", none(), "log of node --trace-gc: heap after collections", 1, "", "heap after collections", 32, 3.7 * MIB, f64::NAN),
        case("go-gctrace.txt", "`GODEBUG=gctrace=1`", none(), "GODEBUG=gctrace=1", 1, "", "live heap", 28, 0.0, f64::NAN),
        case("massif.out", "`valgrind --tool=massif --time-unit=ms`", none(), "massif", 1, "", "heap", 59, 0.0, f64::NAN),
        case("heaptrack-massif.out", "`heaptrack_print -M`", none(), "massif", 1, "", "heap", 534, f64::NAN, f64::NAN),
        case("heaptrack.txt", "`zstd -dc heaptrack.….zst`", none(), "heaptrack", 1, "", "live heap", 533, f64::NAN, f64::NAN),
        case("docker-stats.txt", "`docker stats`", every(2.0), "docker stats: MEM USAGE", 2, "web", "MEM USAGE", 24, 114.6 * MIB, 46.0),
        case("docker-stats.jsonl", "`docker stats --format json`", every(2.0), "docker stats as JSON", 2, "Name=web", "MemUsage", 24, 114.6 * MIB, 46.0),
        case("redis-info.txt", "`date +%s; redis-cli info memory`", none(), "redis info", 1, "", "used_memory", 20, 914_504.0, f64::NAN),
        case("kubectl-top.txt", "`date +%s; kubectl top pod -A`", none(), "kubectl top: MEMORY", 2, "shop web-7d9", "MEMORY", 24, 115.0 * MIB, 345.0),
        case("k6.csv", "`k6 run --out csv`", none(), "", 1, "", "metric_value", 40, 124e6, 585.0),
        case("grafana-long.csv", "Grafana, Series to rows", none(), "", 2, "Series=shop-1", "Value", 40, f64::NAN, 2_340.0),
        case("grafana-units.csv", "Grafana, with units", none(), "", 1, "", "shop-1 memory", 40, 114.6 * MIB, 2_340.0),
        case("prometheus-range.json", "Prometheus `query_range`, JSON", none(), "Prometheus query_range", 1, "", "process_resident_memory_bytes", 29, 44_294_144.0, 28.0),
        case("promtool-range.txt", "`promtool query range`", none(), "promtool", 1, "", "process_resident_memory_bytes", 29, 44_294_144.0, 28.0),
        case("node-memory-usage.jsonl", "`process.memoryUsage()` of Node, a JSON line each", none(), "JSON rows", 1, "", "rss", 24, 59_711_488.0, f64::NAN),
        case("influx-annotated.csv", "`influx query --raw`, annotated CSV", none(), "", 2, "host=web-1", "_value", 40, 3_000_653_159.0, 2_340.0),
        case("cloudwatch-statistics.json", "`aws cloudwatch get-metric-statistics`", none(), "CloudWatch", 1, "", "mem_used", 40, 1_500_981_249.0, 11_700.0),
        case("cloudwatch-data.json", "`aws cloudwatch get-metric-data`", none(), "CloudWatch", 1, "", "FreeableMemory, turned round", 40, f64::NAN, 11_700.0),
        case("long.csv", "a row for each pod and time", none(), "", 20, "pod=shop-0", "rss_bytes", 60, 50_000_000.0, 3_540.0),
    ]
}

#[test]
fn every_tool_is_recognised_and_read_in_its_unit() {
    let mut wrong = String::new();
    for case in cases() {
        let said = match read(case.file, &case.options) {
            Ok(recording) => problem(&case, &recording),
            Err(message) => Some(message),
        };
        if let Some(said) = said {
            let _ = writeln!(wrong, "{}: {said}", case.file);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn problem(case: &Case, recording: &Recording) -> Option<String> {
    let read_as = recording.read_as.as_deref().unwrap_or("");
    let table = recording.tables.first()?;
    let metric = table.metrics.first()?;
    let seconds = table.time_s.last()? - table.time_s.first()?;
    let first = metric.values.first()?;
    let is_near =
        |found: f64, wanted: f64| wanted.is_nan() || (found - wanted).abs() <= 0.5 + wanted * 1e-12;
    // Those of which two figures are judged, and the one that counts shares.
    let metrics = match case.file {
        "jstat-gc-t.txt" | "redis-info.txt" => 2,
        // rss, heapUsed, external, arrayBuffers.
        "node-memory-usage.jsonl" => 4,
        _ => 1,
    };
    let unit = match case.file {
        "jstat-gcutil.txt" => Unit::Percent,
        _ => Unit::Bytes,
    };
    let is_right = read_as.starts_with(case.read_as)
        && (read_as.is_empty() == case.read_as.is_empty() || read_as == "JSON rows")
        && recording.tables.len() == case.series
        && table.name == case.name
        && table.metrics.len() == metrics
        && metric.name == case.metric
        && table.time_s.len() == case.rows
        && metric.unit == unit
        && metric.doubt.is_none()
        && is_near(*first, case.first)
        && is_near(seconds, case.seconds);
    (!is_right).then(|| {
        format!(
            "read as `{read_as}`, {} series, `{}`, {} metrics, `{}`, {} rows, first {first}, {seconds} s, doubt {:?}, notes {:?}",
            recording.tables.len(), table.name, table.metrics.len(), metric.name, table.time_s.len(), metric.doubt, table.notes
        )
    })
}

/// What a refusal must say, so that it leads on.
#[test]
fn what_cannot_be_read_says_what_was_expected_and_how_to_get_it() {
    for (file, words) in [
        ("massif-instructions.out", "--time-unit=ms"),
        ("ps-headers.txt", "--every 15s"),
        ("free-m.txt", "--every 15s"),
    ] {
        let message = read(file, &ReadOptions::default()).expect_err(file);
        assert!(message.contains(words), "{file}: {message}");
    }
    for (bytes, words) in [
        (&b"\x1f\x8b\x08\0"[..], "zcat"),
        (b"\x28\xb5\x2f\xfd\0", "zstd -dc"),
        (b"{\"a\":1}\n", "jq -r"),
        (b"{\"status\":\"error\",\"data\":{\"resultType\":\"\"},\"error\":\"bad query\"}", "bad query"),
        (
            b"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1,\"2\"]}]}}",
            "query_range",
        ),
    ] {
        let message = read_recording(bytes, &ReadOptions::default())
            .map(|recording| format!("{recording:?}"))
            .unwrap_or_else(|error| error.to_string());
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn the_table_of_the_documentation_is_what_these_tests_read() {
    let mut table = "| made by | said | metric | times |\n|---|---|---|---|\n".to_owned();
    for case in cases() {
        let times = match case.options.every_s {
            Some(_) => "`--every`",
            None => "in the file",
        };
        let said = if case.read_as.is_empty() {
            "a table"
        } else {
            case.read_as
        };
        let unit = if case.options.unit.is_some() {
            ", with `--unit KiB`"
        } else {
            ""
        };
        let _ = writeln!(
            table,
            "| {} | {said}{unit} | {} | {times} |",
            case.tool, case.metric
        );
    }
    is_documented("table", &table);
}

/// What the judge takes for granted holds whatever the bytes are.
#[test]
fn no_cut_and_no_damage_makes_a_reader_fail() {
    let mut random = fastrand::Rng::with_seed(7);
    for case in cases() {
        let whole = std::fs::read(folder().join(case.file)).expect(case.file);
        for round in 0..40 {
            let mut bytes = whole[..random.usize(..=whole.len().min(8_192))].to_vec();
            for _ in 0..round {
                if !bytes.is_empty() {
                    let place = random.usize(..bytes.len());
                    bytes[place] = *random.choice(b"0;,:\n\"{[-9\xff. ").expect("a byte");
                }
            }
            let Ok(recording) = read_recording(&bytes[..], &case.options) else {
                continue;
            };
            for table in &recording.tables {
                let rises = table.time_s.windows(2).all(|pair| pair[0] <= pair[1]);
                assert!(rises, "{}: {}", case.file, String::from_utf8_lossy(&bytes));
                for metric in &table.metrics {
                    assert_eq!(metric.values.len(), table.time_s.len(), "{}", case.file);
                    let is_one =
                        |value: &f64| value.is_nan() || (*value >= 0.0 && value.is_finite());
                    assert!(metric.values.iter().all(is_one), "{}", case.file);
                }
            }
        }
    }
}
