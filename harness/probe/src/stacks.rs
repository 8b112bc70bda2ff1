//! Births, deaths and ages of sampled blocks per stack, counted by `native/stacks.c` inside
//! jemalloc's hooks.

use std::ffi::{c_char, c_int, c_void};

/// Longest text of one stack: one page, as the lines of a preloaded object.
const LONGEST: usize = 4096;

type Mallctl =
    unsafe extern "C" fn(*const c_char, *mut c_void, *mut usize, *mut c_void, usize) -> c_int;

unsafe extern "C" {
    fn leaklab_stacks_start(mallctl: Mallctl) -> bool;
    fn leaklab_stacks_text(text: *mut u8, room: usize, first: bool) -> usize;
    fn leaklab_stacks_not_taken();
}

/// Starts to count if this program's jemalloc samples (`prof:true` in `MALLOC_CONF`). To be
/// called once.
pub fn start() -> bool {
    // SAFETY: the function is jemalloc's own, and the hooks that it registers stay for the life
    // of the program.
    unsafe { leaklab_stacks_start(tikv_jemalloc_sys::mallctl) }
}

/// One round through all stacks whose counts have changed, in as many parts as it takes.
pub struct Round {
    text: [u8; LONGEST],
    goes_on: bool,
}

impl Round {
    /// A round that has not begun.
    pub const fn new() -> Self {
        Round {
            text: [0; LONGEST],
            goes_on: false,
        }
    }

    /// Whether it has begun and not ended.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// The next stack as `"stacks":{…}`; `None` at the end of the round.
    pub fn next_text(&mut self) -> Option<&str> {
        let first = !self.goes_on;
        // SAFETY: the text is written to for at most its length, which is returned.
        let length = unsafe { leaklab_stacks_text(self.text.as_mut_ptr(), LONGEST, first) };
        self.goes_on = length > 0;
        let text = self.text.get(..length).filter(|text| !text.is_empty())?;
        std::str::from_utf8(text).ok()
    }

    /// Says that the last one was not written: it comes again.
    pub fn not_taken(&mut self) {
        // SAFETY: it marks an entry of a fixed table under the table's own lock.
        unsafe { leaklab_stacks_not_taken() }
    }
}
