//! Sizes as jemalloc hands them out, for the formulas of retained bytes.
//!
//! Live heap counts the size class of an allocation, not the bytes that were asked for.
//!
//! Source: jemalloc manual, "IMPLEMENTATION NOTES", table of size classes for 64-bit
//! systems with 4 KiB pages and a 16-byte quantum.

/// The size class that an allocation of `bytes` falls into; 0 for 0, which allocates nothing.
pub const fn size_class(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => {
            // Four classes in each doubling.
            let spacing = (bytes - 1).ilog2() - 2;
            bytes.next_multiple_of(1 << spacing)
        }
    }
}

/// Heap bytes of a `Box<T>`.
pub const fn boxed<T>() -> usize {
    size_class(size_of::<T>())
}

/// Heap bytes of an `Arc<T>` or `Rc<T>`: the value behind two counters.
pub const fn counted<T>() -> usize {
    let align = if align_of::<T>() > 8 {
        align_of::<T>()
    } else {
        8
    };
    let header = (2 * size_of::<usize>()).next_multiple_of(align);
    size_class((header + size_of::<T>()).next_multiple_of(align))
}

/// Heap bytes of an `Arc<[u8]>` of the given length.
pub const fn counted_bytes(length: usize) -> usize {
    size_class((2 * size_of::<usize>() + length).next_multiple_of(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_those_of_the_jemalloc_manual() {
        // jemalloc 5.3 manual, table 1: 8, 16 … 128, 160 … 256, 320 …, 16 KiB, 20 KiB …
        for (bytes, class) in [
            (1, 8),
            (9, 16),
            (17, 32),
            (113, 128),
            (129, 160),
            (161, 192),
            (257, 320),
            (1025, 1280),
            (4097, 5120),
            (14337, 16_384),
            (16_385, 20_480),
            (1 << 20, 1 << 20),
            ((1 << 20) + 1, (1 << 20) + (1 << 18)),
        ] {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
    }

    #[test]
    fn counted_values_carry_two_counters() {
        assert_eq!(counted::<u64>(), 32);
        assert_eq!(counted::<[u8; 112]>(), 128);
        assert_eq!(counted_bytes(4096), 5120);
    }
}
