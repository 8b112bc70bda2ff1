//! What keeps what, in one line.
mod probe;

fn main() {
    probe::run(2_000.0, || {
        // one operation
    })
}
