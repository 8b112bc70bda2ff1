//! What the name of a column says: whether it is memory, and what its growth would mean.
//!
//! People name columns in their own language, and so do the tools of a system that speaks it:
//! `free`, the counters of Windows, exports of spreadsheets.

use super::moved;

/// What growth of a column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// More is more used.
    Used,
    /// More is less used: free, available.
    Free,
    /// Buffers, caches, what is given back when it is needed; addresses without memory behind
    /// them; shares of what another column says in bytes.
    Beside,
    /// Limits, totals, highest marks: what is in use may rise or fall under them.
    Bound,
}

/// Parts of the names of memory columns.
const MEMORY: [&str; 46] = [
    "bytes",
    "rss",
    "pss",
    "uss",
    "mem",
    "heap",
    "alloc",
    "resident",
    "working_set",
    "working set",
    "workingset",
    "real (",
    "used",
    "private",
    "value",
    "swap",
    "swpd",
    "vms",
    "vsz",
    "avail",
    "arraybuffer",
    "array_buffer",
    "metaspace",
    "vram",
    "paged",
    "mapped",
    "mmap",
    "codecache",
    "code_cache",
    "footprint",
    "octet",
    "speicher",
    "mém",
    "памят",
    "байт",
    "メモリ",
    "内存",
    "記憶體",
    "메모리",
    "pamięć",
    "pamiec",
    "paměť",
    "minne",
    "muisti",
    "geheugen",
    "bellek",
];

/// Whole words of the names of memory columns: parts of other words, too.
const MEMORY_WORDS: [&str; 18] = [
    "direct",
    "native",
    "external",
    "ram",
    "anon",
    "shmem",
    "committed",
    "offheap",
    "malloc",
    "arena",
    "eden",
    "survivor",
    "oldgen",
    "tenured",
    "permgen",
    "nonheap",
    "hukommelse",
    "slab",
];

/// Words of memory that is left.
const LEFT: [&str; 50] = [
    "free",
    "memfree",
    "kbmemfree",
    "swapfree",
    "kbswpfree",
    "unused",
    "headroom",
    "remaining",
    "left",
    "frei",
    "freie",
    "freier",
    "freies",
    "libre",
    "libres",
    "livre",
    "livres",
    "libero",
    "libera",
    "liberi",
    "wolna",
    "wolne",
    "wolny",
    "wolnej",
    "volná",
    "volna",
    "volné",
    "volný",
    "volny",
    "voľná",
    "vapaa",
    "vapaana",
    "vapaat",
    "ledig",
    "ledigt",
    "fri",
    "fritt",
    "frie",
    "vrij",
    "vrije",
    "boş",
    "bos",
    "szabad",
    "liber",
    "liberă",
    "slobodno",
    "slobodna",
    "restant",
    "restante",
    "verbleibend",
];

/// Beginnings of words of memory that is left.
const LEFT_STEMS: [&str; 36] = [
    "avail",
    "freeable",
    "freemem",
    "freeram",
    "freephys",
    "ramfree",
    "verfügbar",
    "verfuegbar",
    "verfugbar",
    "unbenutzt",
    "ungenutzt",
    "unbelegt",
    "disponib",
    "disponív",
    "dostępn",
    "dostepn",
    "dostupn",
    "доступ",
    "свобод",
    "вільн",
    "налич",
    "tillgänglig",
    "tillganglig",
    "tilgjengelig",
    "tilgængelig",
    "saatavill",
    "käytettäv",
    "beschikba",
    "elérhet",
    "elerhet",
    "kullanılab",
    "kullanilab",
    "inutiliz",
    "inutilis",
    "rimanent",
    "остал",
];

/// What stands in names of memory that is left where words are not parted.
const LEFT_PARTS: [&str; 14] = [
    "空き",
    "空闲",
    "空閒",
    "可用",
    "剩余",
    "剩餘",
    "残り",
    "未使用",
    "利用可能",
    "使用可能",
    "여유",
    "가용",
    "사용 가능",
    "사용가능",
];

/// Words of memory in use: a limit or a total beside them says what it is a part of.
const IN_USE: [&str; 28] = [
    "used",
    "usage",
    "rss",
    "inuse",
    "resident",
    "allocated",
    "benutzt",
    "belegt",
    "verwendet",
    "genutzt",
    "utilisé",
    "utilise",
    "utilisée",
    "usada",
    "usado",
    "usato",
    "usata",
    "utilizado",
    "utilizada",
    "utilizzata",
    "uso",
    "użyta",
    "uzyta",
    "zajęta",
    "занято",
    "использовано",
    "gebruikt",
    "brukt",
];

/// Words of highest marks.
const MARKS: [&str; 17] = [
    "max",
    "maximum",
    "peak",
    "hwm",
    "maxrss",
    "vmpeak",
    "vmhwm",
    "watermark",
    "spitze",
    "höchstwert",
    "maximal",
    "massimo",
    "máximo",
    "maximo",
    "pico",
    "picco",
    "пик",
];

/// Words of limits.
const LIMITS: [&str; 15] = [
    "limit",
    "limits",
    "capacity",
    "quota",
    "requests",
    "request",
    "reservation",
    "threshold",
    "grenze",
    "grenzwert",
    "limite",
    "límite",
    "limiet",
    "лимит",
    "kapazität",
];

/// Words of totals.
const TOTALS: [&str; 17] = [
    "total",
    "memtotal",
    "gesamt",
    "gesamter",
    "insgesamt",
    "totale",
    "totales",
    "totaux",
    "totaal",
    "totalt",
    "łącznie",
    "całkowita",
    "celkem",
    "yhteensä",
    "toplam",
    "всего",
    "összes",
];

/// What stands in names of totals and limits where words are not parted.
const BOUND_PARTS: [&str; 8] = [
    "合計", "总计", "总量", "總計", "最大", "上限", "전체", "합계",
];

/// Words of units, which say nothing about what is counted.
const UNITS: [&str; 9] = [
    "bytes", "kb", "mb", "gb", "kib", "mib", "gib", "b", "percent",
];

/// Words of a name, in small letters: `mem_limit`, `MemAvailable`, `kbmemfree`, `buff/cache`.
/// Labels behind it (`{limit="a"}`) say nothing about it.
pub(super) fn words(name: &str) -> Vec<String> {
    let name = match name.find('{') {
        Some(at) if at > 0 => name.get(..at).unwrap_or(name),
        _ => name,
    };
    let mut spaced = String::new();
    let mut before_is_small = false;
    for c in name.chars() {
        if c.is_uppercase() && before_is_small {
            spaced.push(' ');
        }
        before_is_small = c.is_lowercase();
        match c.is_alphanumeric() {
            true => spaced.extend(c.to_lowercase()),
            false => spaced.push(' '),
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// What growth of a column means, by the words of its name.
pub(super) fn role_of(name: &str) -> Role {
    let lower = name.to_lowercase();
    let words: Vec<String> = words(name)
        .into_iter()
        .filter(|word| !UNITS.contains(&word.as_str()))
        .collect();
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let starts = |wanted: &[&str]| {
        words.iter().any(|word| {
            let word = word.strip_prefix("kb").unwrap_or(word);
            wanted.iter().any(|part| word.starts_with(part))
        })
    };
    let holds = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&LEFT) || starts(&LEFT_STEMS) || holds(&LEFT_PARTS) || lower.ends_with("memavailable") {
        return Role::Free;
    }
    let is_used = has(&IN_USE);
    let is_mark = has(&MARKS) || !is_used && has(&LIMITS);
    let is_last = words.last().is_some_and(|word| word == "total") && words.len() > 1;
    let is_total = is_last && !lower.starts_with("total")
        || has(&TOTALS) && !is_used
        || lower.ends_with("_total");
    let is_bound = is_mark || is_total || !is_used && holds(&BOUND_PARTS);
    // What a runtime holds of its own under such names nobody gives back.
    const HELD: [&str; 6] = [
        "arraybuffers",
        "arraybuffer",
        "array",
        "direct",
        "code",
        "codecache",
    ];
    let is_called_cache = starts(&[
        "cache", "buff", "slab", "puffer", "tampon", "caché", "кэш", "кеш",
    ]) || holds(&["缓存", "缓冲", "キャッシュ"]);
    let is_cache = is_called_cache && !is_used && !has(&HELD);
    let is_address = starts(&["virt", "vsz", "vms", "vmsize"]) || has(&["virtual"]);
    if is_bound {
        Role::Bound
    } else if is_cache || is_address {
        Role::Beside
    } else {
        Role::Used
    }
}

/// Whether memory that is left is all that a program could have, caches included.
pub(super) fn is_available(name: &str) -> bool {
    let lower = name.to_lowercase();
    role_of(name) == Role::Free
        && ["avail", "verfügbar", "dispon", "доступ"]
            .iter()
            .any(|part| lower.contains(part))
}

/// Whether a name is that of the kernel's caches of files: `Cached`, `buffers`, `buff/cache`.
pub(super) fn is_page_cache(name: &str) -> bool {
    const CACHES: [&str; 8] = [
        "cached",
        "cache",
        "buffers",
        "buff",
        "buffered",
        "kbcached",
        "kbbuffers",
        "buffer",
    ];
    let words = words(name);
    let is_one = |word: &String| CACHES.contains(&word.as_str());
    words.iter().any(is_one) && !is_swap_left(name)
}

/// Whether memory that is left is that of swap.
pub(super) fn is_swap_left(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.contains("swap") || lower.contains("swp")
}

/// Whether a name is that of a highest mark, which is no bound of anything.
pub(super) fn is_mark(name: &str) -> bool {
    words(name)
        .iter()
        .any(|word| MARKS.contains(&word.as_str()))
}

/// Whether a name says that it is a total, and not of what.
pub(super) fn is_bare_total(name: &str) -> bool {
    let words = words(name);
    let is_said = |word: &String| {
        let word = word.as_str();
        TOTALS.contains(&word) || LIMITS.contains(&word) || UNITS.contains(&word)
    };
    !words.is_empty() && words.iter().all(is_said)
}

/// What a name says beside that it is of memory, of what is left, of a total, and in which unit:
/// names of which it is the same speak of the same memory.
pub(super) fn family_of(name: &str) -> String {
    const OF_MEMORY: [&str; 6] = ["mem", "memory", "ram", "physical", "phys", "real"];
    const PREFIXED: [&str; 4] = ["kbmem", "mem", "kb", "ram"];
    let (name, labels) = match name.find('{') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    };
    let mut plain = name.to_owned();
    for part in LEFT_PARTS.iter().chain(&BOUND_PARTS) {
        plain = plain.replace(part, " ");
    }
    let is_said = |word: &str| {
        LEFT.contains(&word)
            || TOTALS.contains(&word)
            || LIMITS.contains(&word)
            || UNITS.contains(&word)
            || LEFT_STEMS.iter().any(|stem| word.starts_with(stem))
            || word.is_empty()
    };
    let rest: Vec<String> = words(&plain)
        .into_iter()
        .filter(|word| {
            let prefixed = PREFIXED.iter().find_map(|prefix| word.strip_prefix(prefix));
            !is_said(word) && !OF_MEMORY.contains(&word.as_str()) && !prefixed.is_some_and(is_said)
        })
        .collect();
    format!("{}{labels}", rest.join(" "))
}

/// Whether a text is called like memory.
pub(super) fn is_called_like_memory(name: &str) -> bool {
    let lower = name.to_lowercase();
    let lower = lower.replace("memcache", "").replace("member", "");
    if moved::is_traffic(name) {
        return false;
    }
    let is_word = |word: &String| MEMORY_WORDS.contains(&word.as_str());
    MEMORY.iter().any(|part| lower.contains(part))
        || words(name).iter().any(is_word)
        || role_of(name) == Role::Free
        || ["res", "virt"].contains(&lower.trim())
}

/// Whether a name is that of a total or a sum, and of no limit or highest mark. A runtime's
/// `heapTotal` is what it has reserved for its heap: it moves as collections do.
pub(super) fn is_total(name: &str) -> bool {
    const HEAP: [&str; 1] = ["heap"];
    let words = words(name);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    role_of(name) == Role::Bound
        && has(&TOTALS)
        && !has(&MARKS)
        && !has(&LIMITS)
        && !has(&HEAP)
        && !is_swap_left(name)
}

/// Whether a column is the kernel's own memory, which no program's holds: of its objects, and of
/// files that live in memory.
pub(super) fn is_of_kernel(name: &str) -> bool {
    const OWN: [&str; 17] = [
        "slab",
        "kstack",
        "pgtbl",
        "vmused",
        "sunreclaim",
        "sreclaimable",
        "kernel",
        "kernelstack",
        "kmem",
        "pagetables",
        "percpu",
        "vmalloc",
        "vmallocused",
        "shmem",
        "shared",
        "tmpfs",
        "unreclaimable",
    ];
    let lower = name.to_lowercase();
    // `kbslab`, as sar calls it.
    let is_one = |word: &String| OWN.contains(&word.strip_prefix("kb").unwrap_or(word));
    let is_bound = role_of(name) == Role::Bound || lower.contains('%') || lower.contains("version");
    !is_bound
        && (words(name).iter().any(is_one)
            || ["sunreclaim", "sreclaimable"].contains(&lower.trim()))
}

/// Whether part of the kernel's memory may be caches: of what cannot be reclaimed, none is.
pub(super) fn may_hold_caches(name: &str) -> bool {
    const HELD: [&str; 11] = [
        "pgtbl",
        "vmused",
        "sunreclaim",
        "unreclaim",
        "shmem",
        "shared",
        "tmpfs",
        "kernelstack",
        "stack",
        "pagetables",
        "percpu",
    ];
    let lower = name.to_lowercase();
    is_of_kernel(name) && !HELD.iter().any(|part| lower.contains(part))
}

/// Whether a column is what was put aside into swap, and is no rate of it.
pub(super) fn is_swap(name: &str) -> bool {
    const RATES: [&str; 8] = ["in", "out", "si", "so", "rate", "s", "sec", "cached"];
    let words = words(name);
    let is_rate = words.iter().any(|word| RATES.contains(&word.as_str()));
    let of_swap = |word: &String| {
        let word = word.strip_prefix("kb").unwrap_or(word);
        ["swap", "swp", "vmswap", "auslager", "échange"]
            .iter()
            .any(|part| word.starts_with(part))
    };
    !is_rate && role_of(name) == Role::Used && words.iter().any(of_swap)
}

/// Whether a column is memory that is resident, so that swap counts with it: all of a process,
/// or all that a machine uses.
pub(super) fn is_resident(name: &str) -> bool {
    const HEAPS: [&str; 7] = [
        "heap",
        "alloc",
        "external",
        "native",
        "direct",
        "metaspace",
        "gpu",
    ];
    const WHOLE: [&str; 9] = [
        "rss", "pss", "uss", "res", "vmrss", "resident", "used", "memory", "mem",
    ];
    let lower = name.to_lowercase();
    let words = words(name);
    let is_whole = |word: &String| {
        let word = word.strip_prefix("kb").unwrap_or(word);
        WHOLE.contains(&word) || ["memused", "working", "speicher"].contains(&word)
    };
    matches!(role_of(name), Role::Used | Role::Free)
        && !is_swap(name)
        && !HEAPS.iter().any(|part| lower.contains(part))
        && (words.iter().any(is_whole) || role_of(name) == Role::Free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_about_use_is_told_by_its_words() {
        for (name, role) in [
            ("mem_available_bytes", Role::Free),
            ("node_memory_MemAvailable_bytes{instance=\"a\"}", Role::Free),
            ("kbmemfree", Role::Free),
            ("kbavail", Role::Free),
            ("free", Role::Free),
            ("freed_bytes", Role::Used),
            ("memory_limit", Role::Bound),
            ("mem_total", Role::Bound),
            ("headroom_bytes", Role::Free),
            ("memory_left", Role::Free),
            ("peak_rss", Role::Bound),
            ("total_rss", Role::Used),
            ("go_memstats_alloc_bytes_total", Role::Bound),
            ("container_memory_max_usage_bytes", Role::Bound),
            ("buff/cache", Role::Beside),
            ("kbbuffers", Role::Beside),
            ("container_memory_cache", Role::Beside),
            ("container_memory_working_set_bytes{max=\"1\"}", Role::Used),
            ("Virtual (MB)", Role::Beside),
            ("array_buffers", Role::Used),
            ("arrayBuffers", Role::Used),
            ("code_cache", Role::Used),
            ("direct_buffers", Role::Used),
            ("kbmemused", Role::Used),
            ("MEM USAGE / LIMIT", Role::Used),
            ("heap_used", Role::Used),
        ] {
            assert_eq!(role_of(name), role, "{name}");
        }
    }

    #[test]
    fn memory_that_is_left_and_bounds_are_known_in_other_languages() {
        for (name, role) in [
            ("mémoire libre (Mo)", Role::Free),
            ("Mémoire disponible", Role::Free),
            ("Speicher frei (MB)", Role::Free),
            ("VERFÜGBARER SPEICHER", Role::Free),
            ("pamięć wolna", Role::Free),
            ("空きメモリ", Role::Free),
            ("可用内存", Role::Free),
            ("memoria_disponibile_bytes", Role::Free),
            ("доступно", Role::Free),
            ("Свободная память", Role::Free),
            ("\\\\HOST\\Memory\\Available MBytes", Role::Free),
            ("Available Bytes", Role::Free),
            ("Speicher gesamt", Role::Bound),
            ("всего", Role::Bound),
            ("内存上限", Role::Bound),
            ("límite de memoria", Role::Bound),
            ("Speicher benutzt", Role::Used),
            ("内存使用量", Role::Used),
            ("использовано", Role::Used),
        ] {
            assert_eq!(role_of(name), role, "{name}");
            assert!(
                role == Role::Bound
                    || name.len() < 5
                    || is_called_like_memory(name)
                    || role == Role::Used,
                "{name}"
            );
        }
    }

    #[test]
    fn swap_is_what_is_held_there_and_not_its_traffic() {
        for (name, is) in [
            ("swap", true),
            ("VmSwap", true),
            ("swpd", true),
            ("swap_used_kb", true),
            ("SwapPss", true),
            ("kbswpused", true),
            ("swap_in", false),
            ("swap_free_bytes", false),
            ("swap_total", false),
            ("swap_out_per_s", false),
            ("rss", false),
        ] {
            assert_eq!(is_swap(name), is, "{name}");
        }
        for (name, is) in [
            ("VmRSS", true),
            ("rss_kb", true),
            ("used", true),
            ("mem_used_mb", true),
            ("PSS", true),
            ("heap_used_bytes", false),
            ("heapUsed", false),
            ("swap_used", false),
            ("mem_limit", false),
        ] {
            assert_eq!(is_resident(name), is, "{name}");
        }
    }

    #[test]
    fn memory_beside_the_heap_is_called_like_memory() {
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
            "nonHeap",
            "ram",
        ] {
            assert!(is_called_like_memory(name), "{name}");
        }
        for name in [
            "members",
            "direction",
            "requests_per_second",
            "threads",
            "latency_ms",
        ] {
            assert!(!is_called_like_memory(name), "{name}");
        }
    }
}
