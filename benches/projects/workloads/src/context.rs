//! Workloads that only look at tokio's context.

use std::hint::black_box;

use tokio::runtime::Handle;

/// One look at the context: which task is this?
pub(crate) async fn try_id(n: u64) {
    let task = tokio::spawn(async move {
        for _ in 0..n {
            black_box(tokio::task::try_id());
        }
        tokio::task::try_id()
    });
    assert!(task.await.unwrap().is_some());
}

/// One look at the context: which runtime is this?
pub(crate) async fn try_current(n: u64) {
    for _ in 0..n {
        black_box(Handle::try_current()).unwrap();
    }
}
