//! What the values of a column count: by the tool, the name, the field, the user, and else by
//! what is possible.

use super::InputError;
use super::role::is_called_like_memory;
use super::things::is_count;
use leaklab_judge::Unit;
use leaklab_judge::amount::bytes_text;

/// The unit of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueUnit {
    /// So many bytes each.
    Bytes(f64),
    /// Shares in percent.
    Percent,
    /// Things.
    Count,
}

const KIB: f64 = 1_024.0;
const MIB: f64 = KIB * KIB;
const GIB: f64 = MIB * KIB;

/// Levels from here on are bytes: as KiB it would be 64 GiB in one process.
pub(super) const SURELY_BYTES: f64 = 64.0 * MIB;

/// The least memory that a process on Linux has, its libraries counted, is about 1 MiB.
const LEAST_PLAUSIBLE_BYTES: f64 = MIB;

/// Resident memory comes in pages.
const PAGE_BYTES: f64 = 4_096.0;

impl ValueUnit {
    /// Bytes, or things, in one.
    pub fn factor(self) -> f64 {
        match self {
            Self::Bytes(factor) => factor,
            Self::Percent | Self::Count => 1.0,
        }
    }

    /// What the judge calls it.
    pub fn of_judge(self) -> Unit {
        match self {
            Self::Bytes(_) => Unit::Bytes,
            Self::Percent => Unit::Percent,
            Self::Count => Unit::Count,
        }
    }

    /// The unit behind a number in a field. What tools of memory call `kB` is 1,024 bytes
    /// (`/proc`), and a letter alone is a power of 1,024 (`top`, `free -h`).
    pub(super) fn of_field(text: &str) -> Option<Self> {
        Some(match text {
            "B" | "b" | "bytes" | "Bytes" | "o" | "octets" | "байт" => Self::Bytes(1.0),
            "kB" | "KiB" | "Ki" | "K" | "k" | "kiB" | "kb" | "ko" | "Ko" | "Kio" | "kio" | "КБ"
            | "Кб" | "КиБ" => Self::Bytes(KIB),
            "MiB" | "Mi" | "M" | "m" | "Mio" | "МиБ" => Self::Bytes(MIB),
            "GiB" | "Gi" | "G" | "g" | "Gio" | "ГиБ" => Self::Bytes(GIB),
            "TiB" | "Ti" | "T" | "t" | "Tio" => Self::Bytes(GIB * KIB),
            "KB" => Self::Bytes(1e3),
            "MB" | "mb" | "Mo" | "МБ" | "Мб" => Self::Bytes(1e6),
            "GB" | "gb" | "Go" | "ГБ" | "Гб" => Self::Bytes(1e9),
            "TB" | "tb" | "To" => Self::Bytes(1e12),
            "%" => Self::Percent,
            _ => return None,
        })
    }

    /// The unit that the name of a column says. psrecord's `MB` is 2²⁰, and that is the unit of
    /// the two memory columns of its CSV.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        const PSRECORD: [&str; 4] = ["mem_real", "mem_virtual", "real (mb)", "virtual (mb)"];
        // `/proc/PID/status` and `smaps_rollup`, whose figures are kB.
        const PROC: [&str; 9] = [
            "VmRSS", "VmSize", "VmPeak", "VmHWM", "VmData", "VmSwap", "RssAnon", "RssFile",
            "RssShmem",
        ];
        let name = name.trim();
        if PROC.contains(&name) {
            return Some(Self::Bytes(KIB));
        }
        let lower = name.to_lowercase();
        if PSRECORD.contains(&lower.as_str()) {
            return Some(Self::Bytes(MIB));
        }
        if lower.contains('%') || lower.ends_with("percent") || lower.ends_with("_pct") {
            return Some(Self::Percent);
        }
        if is_share_of_one(name) {
            return Some(Self::Percent);
        }
        if is_count(name) {
            return Some(Self::Count);
        }
        if lower
            .strip_prefix("kb")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            return Some(Self::Bytes(KIB));
        }
        // `go_memstats_alloc_bytes`, `rss_bytes_total`: the unit need not stand at the end.
        // Behind it another may stand, which counts then: `GC Committed Bytes (MB)`.
        let mut words = lower
            .split(|c: char| !(c.is_alphanumeric() || c == 'µ'))
            .filter(|word| !word.is_empty());
        let is_bytes = |word: &str| matches!(word, "bytes" | "byte" | "octets" | "octet");
        let is_larger = |word: &str| {
            matches!(
                word,
                "kb" | "mb" | "gb" | "kib" | "mib" | "gib" | "ko" | "mio" | "gio"
            )
        };
        let last = words.clone().next_back().unwrap_or("");
        if words.any(is_bytes) && !is_larger(last) {
            return Some(Self::Bytes(1.0));
        }
        // A counter of Windows, whose megabytes are 2²⁰ bytes.
        if lower.ends_with("\\available mbytes") {
            return Some(Self::Bytes(MIB));
        }
        let last = lower
            .trim_end_matches([')', ']'])
            .rsplit([' ', '_', '(', '[', '-', '.'])
            .next()
            .unwrap_or("");
        if let Some(unit) = Self::of_end(name.trim_end_matches([')', ']'])) {
            return Some(unit);
        }
        if last == lower && !matches!(last, "kib" | "mib" | "gib" | "kb" | "mb" | "gb") {
            return None;
        }
        Some(match last {
            "b" if lower.ends_with(')') || lower.ends_with(']') => Self::Bytes(1.0),
            "kb" | "kib" | "ko" | "kio" | "кб" | "киб" => Self::Bytes(KIB),
            "mo" if is_called_like_memory(name) => Self::Bytes(1e6),
            "go" if is_called_like_memory(name) => Self::Bytes(1e9),
            "mio" => Self::Bytes(MIB),
            "gio" => Self::Bytes(GIB),
            "mb" | "мб" => Self::Bytes(1e6),
            "gb" | "гб" => Self::Bytes(1e9),
            "mib" | "миб" => Self::Bytes(MIB),
            "gib" | "гиб" => Self::Bytes(GIB),
            _ => return None,
        })
    }

    /// The unit behind a name in humps, and units written out: `heapUsedMB`, `rss_mbytes`,
    /// `Memory (Megabytes)`, `resident_pages`.
    fn of_end(name: &str) -> Option<Self> {
        const WORDS: [(&str, f64); 10] = [
            ("kilobytes", KIB),
            ("kbytes", KIB),
            ("kibibytes", KIB),
            ("megabytes", 1e6),
            ("mbytes", 1e6),
            ("mebibytes", MIB),
            ("gigabytes", 1e9),
            ("gbytes", 1e9),
            ("gibibytes", GIB),
            ("pages", PAGE_BYTES),
        ];
        const HUMPS: [(&str, f64); 9] = [
            ("KiB", KIB),
            ("MiB", MIB),
            ("GiB", GIB),
            ("KB", KIB),
            ("Kb", KIB),
            ("MB", 1e6),
            ("Mb", 1e6),
            ("GB", 1e9),
            ("Gb", 1e9),
        ];
        let lower = name.to_ascii_lowercase();
        let word = lower.rsplit([' ', '_', '(', '[', '-', '.']).next()?;
        if let Some((_, factor)) = WORDS.iter().find(|(unit, _)| *unit == word) {
            return Some(Self::Bytes(*factor));
        }
        HUMPS.iter().find_map(|(unit, factor)| {
            let rest = name.strip_suffix(unit)?;
            rest.ends_with(|c: char| c.is_ascii_lowercase())
                .then_some(Self::Bytes(*factor))
        })
    }
}

impl std::str::FromStr for ValueUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match text.to_ascii_lowercase().as_str() {
            "count" | "things" => return Ok(Self::Count),
            "percent" => return Ok(Self::Percent),
            "kib" => return Ok(Self::Bytes(KIB)),
            "mib" => return Ok(Self::Bytes(MIB)),
            "gib" => return Ok(Self::Bytes(GIB)),
            "kb" if text != "kB" => return Ok(Self::Bytes(1e3)),
            "mb" => return Ok(Self::Bytes(1e6)),
            "gb" => return Ok(Self::Bytes(1e9)),
            "pages" => return Ok(Self::Bytes(PAGE_BYTES)),
            _ => {}
        }
        Self::of_field(text).ok_or_else(|| {
            format!(
                "`{text}` is no unit of values; known are B, KiB (kB in /proc), MiB, GiB, KB, MB, GB, pages, % and count"
            )
        })
    }
}

/// Whether a name is that of a share that may be written as a part of one: 0.25 for 25 %.
pub(super) fn is_share_of_one(name: &str) -> bool {
    let lower = name.to_lowercase();
    let is_share = |part| lower.contains(part);
    is_called_like_memory(name) && ["utilization", "utilisation"].into_iter().any(is_share)
}

/// What the readings of a column count, and why it is taken to be so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settled {
    pub unit: ValueUnit,
    pub is_known: bool,
    /// Why, where the readings themselves had to say it.
    pub why: Option<&'static str>,
}

/// Settles the unit of a column that nothing names one for.
///
/// A resident set (`rss`, `vsz`, `res`, …) counts KiB in every tool that prints it without a
/// unit, but programs write bytes under the same name. What is possible decides: no process has
/// under 1 MiB, and none 64 GiB; in between, pages of 4,096 bytes tell bytes from KiB.
pub(super) fn settle(name: &str, values: &[f64]) -> Result<Settled, InputError> {
    let highest = values.iter().copied().fold(f64::NAN, f64::max);
    let bytes = |is_known, why| Settled {
        unit: ValueUnit::Bytes(1.0),
        is_known,
        why,
    };
    let kib = |why| Settled {
        unit: ValueUnit::Bytes(KIB),
        is_known: true,
        why: Some(why),
    };
    let are_multiples = |of: f64| {
        let mut known = values.iter().filter(|value| value.is_finite());
        known.all(|value| value % of == 0.0)
    };
    // Nothing was read, or nothing but zeros: nothing to be mistaken about.
    if highest.is_nan() || highest == 0.0 {
        return Ok(bytes(false, None));
    }
    if highest >= LEAST_PLAUSIBLE_BYTES && are_multiples(PAGE_BYTES) {
        return Ok(bytes(true, None));
    }
    if highest >= SURELY_BYTES {
        return Ok(bytes(false, None));
    }
    if is_resident_set(name) {
        let (in_bytes, in_kib) = (highest, highest * KIB);
        let has_fractions = values.iter().any(|value| value.fract() != 0.0);
        if in_kib >= LEAST_PLAUSIBLE_BYTES && !has_fractions {
            if in_bytes < LEAST_PLAUSIBLE_BYTES {
                return Ok(kib("as bytes it would be less than any process has"));
            }
            if are_multiples(PAGE_BYTES / KIB) {
                return Ok(kib("the readings are pages counted in KiB, not in bytes"));
            }
            return Err(InputError::TwoUnits {
                column: name.to_owned(),
                as_bytes: bytes_text(in_bytes),
                as_kib: bytes_text(in_kib),
            });
        }
    }
    if highest < LEAST_PLAUSIBLE_BYTES {
        return Err(InputError::Implausible {
            column: name.to_owned(),
            level: bytes_text(highest),
        });
    }
    Ok(bytes(false, None))
}

/// The highest level, in bytes, at which what is called the memory of a process belies its name:
/// a static program that does nothing has some 300 KiB.
const BELIED_BELOW_BYTES: f64 = 256.0 * KIB;

/// Says what is wrong with a unit that a name said, where the readings belie it: a process with
/// less than any has, or pages that are counted in KiB under a name in bytes.
pub(super) fn check_named(name: &str, unit: ValueUnit, values: &[f64]) -> Result<(), InputError> {
    let ValueUnit::Bytes(factor) = unit else {
        return Ok(());
    };
    if !is_of_process(name) {
        return Ok(());
    }
    let known = || values.iter().copied().filter(|value| *value > 0.0);
    let highest = known().fold(0.0, f64::max);
    if highest == 0.0 {
        return Ok(());
    }
    if highest < BELIED_BELOW_BYTES {
        return Err(InputError::Belied {
            column: name.to_owned(),
            level: bytes_text(highest),
        });
    }
    let first = known().next().unwrap_or(0.0);
    let are = |of: f64| known().all(|value| value % of == 0.0);
    let change_by = |of: f64| known().all(|value| (value - first) % of == 0.0);
    let mut distinct: Vec<u64> = known().map(f64::to_bits).take(1_000).collect();
    distinct.sort_unstable();
    distinct.dedup();
    const SEVERAL: usize = 8;
    // Numbers that somebody rounded.
    const ROUND: f64 = 20.0;
    let is_resident = name.to_ascii_lowercase().contains("rss");
    if factor == 1.0
        && is_resident
        && highest < SURELY_BYTES
        && distinct.len() >= SEVERAL
        && are(PAGE_BYTES / KIB)
        && !change_by(PAGE_BYTES)
        && !are(ROUND)
    {
        return Err(InputError::TwoUnits {
            column: name.to_owned(),
            as_bytes: bytes_text(highest),
            as_kib: bytes_text(highest * KIB),
        });
    }
    Ok(())
}

/// Whether a name is that of all the memory of a process.
pub(super) fn is_of_process(name: &str) -> bool {
    const WORDS: [&str; 10] = [
        "rss", "pss", "uss", "vsz", "vmrss", "resident", "working", "mem", "memory", "speicher",
    ];
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.any(|word| WORDS.contains(&word))
}

/// Names under which `ps`, `pidstat`, `top` and `smem` print KiB.
fn is_resident_set(name: &str) -> bool {
    const NAMES: [&str; 8] = ["rss", "vsz", "res", "virt", "uss", "pss", "rsz", "vmrss"];
    let lower = name.trim().to_ascii_lowercase();
    NAMES.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_unit() {
        for (name, unit) in [
            ("rss_bytes", Some(ValueUnit::Bytes(1.0))),
            ("GC Committed Bytes (MB)", Some(ValueUnit::Bytes(1e6))),
            ("Bytes in use (KiB)", Some(ValueUnit::Bytes(1_024.0))),
            (
                "go_memstats_heap_inuse_bytes{job=\"a\"}",
                Some(ValueUnit::Bytes(1.0)),
            ),
            ("VmRSS_kB", Some(ValueUnit::Bytes(1_024.0))),
            ("VmRSS", Some(ValueUnit::Bytes(1_024.0))),
            ("kbmemused", Some(ValueUnit::Bytes(1_024.0))),
            ("Real (MB)", Some(ValueUnit::Bytes(1_048_576.0))),
            ("Speicher (MB)", Some(ValueUnit::Bytes(1e6))),
            ("mémoire (Mo)", Some(ValueUnit::Bytes(1e6))),
            ("mem_ko", Some(ValueUnit::Bytes(1_024.0))),
            ("libre_octets", Some(ValueUnit::Bytes(1.0))),
            (
                "Memory\\Available MBytes",
                Some(ValueUnit::Bytes(1_048_576.0)),
            ),
            ("mem_used_mb", Some(ValueUnit::Bytes(1e6))),
            ("memory_percent", Some(ValueUnit::Percent)),
            ("%memused", Some(ValueUnit::Percent)),
            ("MEM %", Some(ValueUnit::Percent)),
            ("open_fds", Some(ValueUnit::Count)),
            ("heapUsedMB", Some(ValueUnit::Bytes(1e6))),
            ("rss_mbytes", Some(ValueUnit::Bytes(1e6))),
            ("Memory (Megabytes)", Some(ValueUnit::Bytes(1e6))),
            ("resident_pages", Some(ValueUnit::Bytes(4_096.0))),
            ("GMB", None),
            ("rss", None),
            ("used", None),
            ("club", None),
        ] {
            assert_eq!(ValueUnit::of_name(name), unit, "{name}");
        }
    }

    #[test]
    fn a_resident_set_without_a_unit_is_what_is_possible() {
        let kib = settle("rss", &[117_644.0, 117_696.0]).expect("KiB");
        assert_eq!(kib.unit, ValueUnit::Bytes(1_024.0));
        // 2 GiB, as ps prints it; 2 MiB would be pages of 4,096 bytes.
        let kib = settle("RSS", &[2_097_156.0, 2_097_160.0]).expect("KiB");
        assert_eq!(kib.unit, ValueUnit::Bytes(1_024.0));
        let bytes = settle("rss", &[2_097_152.0, 2_101_248.0]).expect("bytes");
        assert_eq!((bytes.unit, bytes.is_known), (ValueUnit::Bytes(1.0), true));
        let bytes = settle("rss", &[120_464_001.0]).expect("bytes");
        assert_eq!(bytes.unit, ValueUnit::Bytes(1.0));
        settle("rss", &[2_097_153.0]).expect_err("either");
        settle("rss", &[114.0, 115.0]).expect_err("neither");
        settle("used", &[117_644.0]).expect_err("no process");
        settle("memory", &[114.5]).expect_err("no process");
    }

    #[test]
    fn readings_belie_a_unit_that_a_name_says() {
        let bytes = ValueUnit::Bytes(1.0);
        check_named("rss_bytes", bytes, &[117_644.0]).expect_err("115 KiB");
        check_named("mem_kb", ValueUnit::Bytes(KIB), &[120_000.0]).expect_err("117 KiB");
        check_named("heap_bytes", bytes, &[117_644.0]).expect("a small heap");
        check_named("rss_bytes", bytes, &[120_464_000.0]).expect("115 MiB");
        let pages: Vec<f64> = (0..20).map(|i| 1_176_440.0 + 4.0 * f64::from(i)).collect();
        check_named("rss_bytes", bytes, &pages).expect_err("pages in KiB");
        let odd: Vec<f64> = (0..20).map(|i| 1_176_441.0 + 3.0 * f64::from(i)).collect();
        check_named("rss_bytes", bytes, &odd).expect("an average");
    }
}
