//! The grandchild of a token that was cancelled is never freed: its parent's count went wrong.
mod probe;

use tokio_util::sync::CancellationToken;

fn main() {
    probe::run(5_000.0, || {
        let parent = CancellationToken::new();
        let grandchild = parent.child_token().child_token();
        parent.cancel();
        drop((parent, grandchild));
    })
}
