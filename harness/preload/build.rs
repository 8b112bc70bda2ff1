//! Links the two shared objects that `leaklab` embeds.
//!
//! A Rust library cannot export the archive's `malloc`: the compiler's version script hides
//! what Rust did not define. So the C compiler, which the build of jemalloc needs anyway, links
//! the archive whole with a small sampler. The objects end up in `OUT_DIR`, from where
//! `include_bytes!` takes them: they go wherever the binary goes.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=native");
    // What the probe, which is linked into programs, shares with the preloaded object.
    let shared = PathBuf::from(variable("DEP_LEAKLAB_PROBE_NATIVE"));
    let out = PathBuf::from(variable("OUT_DIR"));
    // The archive goes in whole, or `malloc`, which nothing here calls, would be left out.
    let jemalloc = Path::new(&variable("DEP_JEMALLOC_ROOT")).join("lib/libjemalloc_pic.a");
    let archive = [
        "-Wl,--whole-archive".to_owned(),
        jemalloc.display().to_string(),
        "-Wl,--no-whole-archive".to_owned(),
    ];
    // Preloading is a matter of glibc's dynamic linker: a leaklab for another one says so.
    let glibc =
        variable("CARGO_CFG_TARGET_ENV") == "gnu" && variable("CARGO_CFG_TARGET_OS") == "linux";
    let stacks = shared.join("stacks.c").display().to_string();
    let own = [stacks, "native/threads.c".to_owned()];
    let with_stacks: Vec<String> = own.into_iter().chain(archive).collect();
    for (name, libraries) in [("jemalloc", &with_stacks[..]), ("mallinfo", &[])] {
        let object = out.join(format!("{name}.so"));
        if glibc {
            link(name, &shared, libraries, &object);
        } else {
            std::fs::write(&object, []).expect("the build's own folder can be written");
        }
    }
}

fn link(name: &str, shared: &Path, libraries: &[String], object: &Path) {
    let mut command: Command = cc::Build::new()
        .pic(true)
        .opt_level(2)
        .debug(false)
        .warnings(true)
        .extra_warnings(true)
        .get_compiler()
        .to_command();
    command
        .arg("-I")
        .arg(shared)
        .args(["-std=gnu11", "-fvisibility=hidden", "-shared", "-o"])
        .arg(object)
        .args(["native/sampler.c", "native/inject.c"])
        .arg(format!("native/{name}.c"))
        .args(libraries)
        .arg(format!("-Wl,--version-script=native/{name}.map"))
        // Calls from inside stay inside, whatever the program exports.
        .args(["-Wl,-Bsymbolic", "-Wl,--as-needed", "-Wl,-z,relro,-z,now"])
        // No line of the program's own may change because another library is loaded: what
        // jemalloc needs of libgcc is linked in.
        .args(["-static-libgcc", "-pthread", "-lm", "-ldl", "-Wl,-s"]);
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} could not be started: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for warning in String::from_utf8_lossy(&output.stderr).lines() {
        println!("cargo:warning={warning}");
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}
