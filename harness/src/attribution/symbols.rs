//! Names of the places in files at which blocks were allocated, looked up after the run.

use addr2line::Loader;
use leaklab_reports::attribution::Place;
use object::{Object, ObjectSegment, ReadCache};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// Part of the name of what leaklab preloads.
const OUR_OBJECT: &str = "/libleaklab-";
/// Functions by which every block is allocated, whoever asks for it.
const ALLOCATING: [&str; 30] = [
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "mallocx",
    "rallocx",
    "strdup",
    "strndup",
    "asprintf",
    "vasprintf",
    "operator new",
    "_Zn",
    "__rust_",
    "__rdl_",
    "__rg_",
    "__rustc",
    "_rjem_",
    "je_",
    "zmalloc",
    "zcalloc",
    "zrealloc",
    "g_malloc",
    "g_realloc",
    "xmalloc",
    "xrealloc",
];
/// Prefixes of jemalloc's own names.
const JEMALLOC: [&str; 2] = ["_rjem_", "je_"];
/// Frames that jemalloc has inside of itself, at most.
const JEMALLOC_FRAMES: usize = 16;
/// Beginnings of names of standard and base libraries, for what has no source file.
const LIBRARIES: [&str; 16] = [
    "alloc::",
    "<alloc::",
    "core::",
    "<core::",
    "std::",
    "<std::",
    "hashbrown::",
    "<hashbrown::",
    "tikv_jemalloc",
    "<tikv_jemalloc",
    "__gnu_cxx::",
    "void std::",
    "_PyMem",
    "_PyObject_",
    "PyObject_Malloc",
    "PyMem_",
];
/// Parts of the paths of source files that belong to a library and not to the program.
const LIBRARY_SOURCES: [&str; 8] = [
    "/rustc/",
    "/.cargo/registry/",
    "/.cargo/git/",
    "/library/alloc/",
    "/usr/include/",
    "/bits/",
    "/tikv-jemalloc",
    "/jemalloc/",
];
/// Words in the names of functions with which a container makes itself larger.
const GROWING: [&str; 9] = [
    "finish_grow",
    "grow_one",
    "grow_amortized",
    "do_reserve",
    "reserve_rehash",
    "_M_realloc",
    "_M_rehash",
    "dictExpand",
    "list_resize",
];

/// Whether a place is in what allocates for everybody.
fn allocates(place: &Place) -> bool {
    let is_ours = place.module.contains(OUR_OBJECT);
    is_ours
        || ALLOCATING
            .iter()
            .any(|name| place.function.starts_with(name))
}

/// Whether a function makes a container larger, for whoever owns it.
fn grows(place: &Place) -> bool {
    GROWING.iter().any(|word| place.function.contains(word))
}

fn is_of_a_library(place: &Place) -> bool {
    let source = place.file.as_deref().unwrap_or_default();
    LIBRARY_SOURCES.iter().any(|part| source.contains(part))
        || LIBRARIES
            .iter()
            .any(|name| place.function.starts_with(name))
        || (place.file.is_none() && is_system_library(&place.module))
}

fn is_system_library(module: &str) -> bool {
    let is_library = module.contains(".so");
    is_library && (module.starts_with("/lib") || module.starts_with("/usr/lib"))
}

/// A stack without what jemalloc does inside: functions of it that have no prefix are told from
/// the program's by those further out that have one.
fn outside_jemalloc(places: &[Place]) -> &[Place] {
    let is_entry = |place: &Place| {
        place.module.contains(OUR_OBJECT)
            || JEMALLOC
                .iter()
                .any(|prefix| place.function.starts_with(prefix))
    };
    let first = &places[..places.len().min(JEMALLOC_FRAMES)];
    let inside = first.iter().rposition(is_entry).map_or(0, |at| at + 1);
    &places[inside..]
}

/// The places of a stack, innermost first, that are the program's own code; those that are
/// nobody's library where that cannot be told.
pub fn own_places(places: &[Place]) -> Vec<&Place> {
    let places = match outside_jemalloc(places) {
        [] => places,
        outside => outside,
    };
    let of = |wanted: &dyn Fn(&Place) -> bool| -> Vec<&Place> {
        places.iter().filter(|place| wanted(place)).collect()
    };
    let own = |place: &Place| !allocates(place) && !is_of_a_library(place) && !grows(place);
    let choices: [&dyn Fn(&Place) -> bool; 5] = [
        &|place| place.file.is_some() && own(place),
        &|place| place.named && own(place),
        &|place| !allocates(place) && !is_system_library(&place.module),
        &|place| !allocates(place),
        &|_| true,
    ];
    let mut found = choices.iter().map(|wanted| of(wanted));
    found.find(|found| !found.is_empty()).unwrap_or_default()
}

/// What stacks have in common that come the same way through the program's own code: its places
/// in their order, a recursion once.
pub fn way(places: &[Place]) -> Vec<String> {
    let mut way: Vec<String> = Vec::new();
    for place in own_places(places) {
        let step = format!("{} {}", place.function, place.location());
        if !way.contains(&step) {
            way.push(step);
        }
    }
    way
}

/// A stack without what is inside the allocator, which is the same for all.
pub fn outside_allocator(places: &[Place]) -> &[Place] {
    let outside = outside_jemalloc(places);
    let inside = outside.iter().take_while(|place| allocates(place)).count();
    match inside == outside.len() {
        true => places,
        false => &outside[inside..],
    }
}

/// The place that owns the blocks of a stack with these places of its own ([`own_places`]): the
/// innermost, without the helpers by which blocks of `others` come too. What comes the same way as
/// others through the same functions differs by its lines, and what differs by nothing has the
/// innermost for owner.
pub fn owner<'a>(own: &'a [Place], others: &[&[Place]]) -> Option<&'a Place> {
    let beyond = |is_same: &dyn Fn(&Place, &Place) -> bool| {
        let shared = others.iter().map(|other| {
            let pairs = own.iter().zip(*other);
            pairs.take_while(|(one, other)| is_same(one, other)).count()
        });
        own.get(shared.max().unwrap_or(0))
    };
    beyond(&|one, other| one.function == other.function)
        .or_else(|| beyond(&|one, other| one == other))
        .or(own.first())
}

/// Whether a container of the owner grew, rather than the owner keeping a block.
pub fn is_container_growth(places: &[Place]) -> bool {
    let Some(innermost) = own_places(places).first().copied() else {
        return false;
    };
    let inside = places.iter().take_while(|place| *place != innermost);
    inside.into_iter().any(grows)
}

/// Looks places up; each file is opened once.
#[derive(Default)]
pub struct Symbols {
    files: HashMap<String, Option<Symbolised>>,
    places: HashMap<String, Vec<Place>>,
    /// Files that could not be read, with the reason.
    pub unresolved: Vec<(String, String)>,
}

struct Symbolised {
    loader: Loader,
    /// Of each segment: where it begins in the file and how long it is there, and its address.
    segments: Vec<(u64, u64, u64)>,
}

impl Symbols {
    /// The functions of a stack, the innermost first, from frames as `stacks.json` has them.
    pub fn places(&mut self, frames: &[String]) -> Vec<Place> {
        let mut places = Vec::new();
        for frame in frames {
            if !self.places.contains_key(frame) {
                let found = self.look_up(frame);
                self.places.insert(frame.clone(), found);
            }
            places.extend_from_slice(&self.places[frame]);
        }
        places
    }

    fn look_up(&mut self, frame: &str) -> Vec<Place> {
        let unknown = |module: &str| {
            vec![Place {
                function: frame.rsplit('/').next().unwrap_or(frame).to_owned(),
                module: module.to_owned(),
                ..Place::default()
            }]
        };
        let Some((file, offset)) = frame.rsplit_once("+0x") else {
            return unknown("");
        };
        // The preloaded object is gone with its run, and its names are of no use to anybody.
        let is_ours = file.contains(OUR_OBJECT);
        let Some(offset) = u64::from_str_radix(offset, 16).ok().filter(|_| !is_ours) else {
            return unknown(file);
        };
        if !self.files.contains_key(file) {
            let opened = Symbolised::open(Path::new(file));
            if let Err(reason) = &opened {
                self.unresolved.push((file.to_owned(), reason.clone()));
            }
            self.files.insert(file.to_owned(), opened.ok());
        }
        let Some(Some(symbols)) = self.files.get(file) else {
            return unknown(file);
        };
        let found = symbols.places(offset, file);
        match found.is_empty() {
            true => unknown(file),
            false => found,
        }
    }
}

impl Symbolised {
    fn open(file: &Path) -> Result<Self, String> {
        let opened = File::open(file).map_err(|error| error.to_string())?;
        let cache = ReadCache::new(opened);
        let object = object::File::parse(&cache).map_err(|error| error.to_string())?;
        let segments = object.segments().map(|segment| {
            let (start, length) = segment.file_range();
            (start, length, segment.address())
        });
        Ok(Symbolised {
            segments: segments.collect(),
            loader: Loader::new(file).map_err(|error| error.to_string())?,
        })
    }

    /// The functions at an offset of the file, inlined ones first.
    fn places(&self, offset: u64, module: &str) -> Vec<Place> {
        let in_segment = |(start, length, _): &&(u64, u64, u64)| {
            offset
                .checked_sub(*start)
                .is_some_and(|within| within < *length)
        };
        let Some((start, _, address)) = self.segments.iter().find(in_segment) else {
            return Vec::new();
        };
        // What was recorded is where the call returns to, which may be another line already.
        let address = (offset - start + address).saturating_sub(1);
        let symbol = self
            .loader
            .find_symbol(address)
            .map(|name| addr2line::demangle_auto(name.into(), None).into_owned());
        let mut places = Vec::new();
        if let Ok(mut frames) = self.loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next() {
                let name = frame
                    .function
                    .as_ref()
                    .and_then(|name| name.demangle().ok())
                    .map(|name| name.into_owned());
                let location = frame.location.as_ref();
                places.push(Place {
                    named: name.is_some(),
                    function: name.unwrap_or_default(),
                    file: location.and_then(|at| at.file).map(str::to_owned),
                    line: location.and_then(|at| at.line),
                    module: module.to_owned(),
                });
            }
        }
        // The outermost of the inlined functions is the one that the symbol names.
        match (places.last_mut(), symbol) {
            (Some(last), Some(symbol)) if !last.named => {
                last.function = symbol;
                last.named = true;
            }
            (None, Some(symbol)) => places.push(Place {
                function: symbol,
                named: true,
                module: module.to_owned(),
                ..Place::default()
            }),
            _ => {}
        }
        places
            .iter_mut()
            .for_each(|place| place.function = short_name(&place.function));
        places
    }
}

/// A name without the hash that Rust's compiler adds.
fn short_name(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((short, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            short.to_owned()
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(function: &str, file: Option<&str>, module: &str) -> Place {
        Place {
            function: function.to_owned(),
            file: file.map(str::to_owned),
            line: file.map(|_| 7),
            module: module.to_owned(),
            named: true,
        }
    }

    fn own_of(places: &[Place]) -> Vec<Place> {
        own_places(places).into_iter().cloned().collect()
    }

    #[test]
    fn the_owner_is_the_innermost_code_of_the_program() {
        let library = Some("/rustc/0/library/alloc/src/raw_vec/mod.rs");
        let stack = [
            place("malloc", None, "/tmp/libleaklab-jemalloc.so"),
            place(
                "alloc::raw_vec::RawVecInner<A>::finish_grow",
                library,
                "/home/a/shop",
            ),
            place(
                "serde_json::to_vec",
                Some("/home/a/.cargo/registry/src/x/serde_json/ser.rs"),
                "/home/a/shop",
            ),
            place(
                "shop::sessions::keep",
                Some("/home/a/shop/src/sessions.rs"),
                "/home/a/shop",
            ),
            place(
                "shop::main",
                Some("/home/a/shop/src/main.rs"),
                "/home/a/shop",
            ),
        ];
        let own = own_of(&stack);
        let found = owner(&own, &[]).expect("an owner");
        assert_eq!(found.function, "shop::sessions::keep");
        assert_eq!(found.location(), "src/sessions.rs:7");
        assert!(is_container_growth(&stack));
        assert!(!is_container_growth(&stack[2..]));
        // A helper by which others come too is not to blame.
        let other = [
            stack[3].clone(),
            place(
                "shop::answer",
                Some("/home/a/shop/src/answer.rs"),
                "/home/a/shop",
            ),
        ];
        let found = owner(&own, &[&other]).expect("an owner");
        assert_eq!(found.function, "shop::main");
        // Two calls of one function are told apart by their lines.
        let mut elsewhere = stack.clone();
        elsewhere[3].line = Some(8);
        let elsewhere = own_of(&elsewhere);
        let found = owner(&own, &[&elsewhere]).expect("an owner");
        assert_eq!(found.location(), "src/sessions.rs:7");
        assert_eq!(outside_allocator(&stack).len(), 4);
        let deeper: Vec<Place> = [&stack[3..4], &stack[..]].concat();
        assert_eq!(
            way(&deeper),
            way(&stack),
            "a recursion is gone through once"
        );
    }

    #[test]
    fn functions_inside_jemalloc_are_nobodys_own_whatever_their_names() {
        let stack = [
            "prof_backtrace_impl",
            "_rjem_je_prof_backtrace",
            "_rjem_je_malloc_default",
            "shop::sessions::keep",
            "main",
        ]
        .map(|function| place(function, None, "/home/a/shop"));
        assert_eq!(own_of(&stack)[0].function, "shop::sessions::keep");
        assert_eq!(outside_allocator(&stack), &stack[3..]);
    }

    #[test]
    fn without_source_files_names_decide_and_without_names_the_module() {
        let stack = [
            place("strdup", None, "/usr/lib/x86_64-linux-gnu/libc.so.6"),
            place("handle_request", None, "/usr/sbin/server"),
        ];
        assert_eq!(own_of(&stack)[0].function, "handle_request");
        let mut stripped = place("server+0x1234", None, "/usr/sbin/server");
        stripped.named = false;
        let stack = [stack[0].clone(), stripped];
        assert_eq!(own_of(&stack)[0].function, "server+0x1234");
        assert_eq!(owner(&own_of(&[]), &[]), None);
    }

    #[inline(never)]
    fn a_function_of_this_test() -> usize {
        std::hint::black_box(a_function_of_this_test as *const () as usize)
    }

    #[test]
    fn an_address_of_this_program_has_its_function_file_and_line() {
        let address = a_function_of_this_test() as u64 + 1;
        let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
        let frame = maps
            .lines()
            .find_map(|line| {
                let (range, rest) = line.split_once(' ')?;
                let (start, end) = range.split_once('-')?;
                let number = |text: &str| u64::from_str_radix(text, 16).expect("hexadecimal");
                let fields: Vec<&str> = rest.split_whitespace().collect();
                let offset = number(fields[1]) + address.checked_sub(number(start))?;
                (address < number(end)).then(|| format!("{}+{offset:#x}", fields[4]))
            })
            .expect("a mapping of this program");
        let places = Symbols::default().places(&[frame]);
        let place = places.last().expect("a place");
        assert!(
            place.function.ends_with("a_function_of_this_test"),
            "{place:?}"
        );
        assert!(
            place.location().starts_with("attribution/symbols.rs:"),
            "{place:?}"
        );
    }
}
