//! A blocking task is counted once too often and never freed.
mod probe;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    probe::run(2_000.0, || {
        runtime.block_on(async {
            tokio::task::spawn_blocking(|| ()).await.expect("the task does not panic");
        });
    })
}
