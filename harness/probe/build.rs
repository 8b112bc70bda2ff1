//! Builds the counters of sampled blocks, which run inside the allocator's hooks, and says where
//! their source is, for the preloaded object.

fn main() {
    println!("cargo:rerun-if-changed=native");
    cc::Build::new()
        .file("native/stacks.c")
        .std("gnu11")
        // Also in debug builds: they run inside the allocator.
        .opt_level(2)
        .warnings(true)
        .extra_warnings(true)
        .compile("leaklab_stacks");
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:native={folder}/native");
}
