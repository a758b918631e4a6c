//! Workloads that use the pool for blocking work, closures and files.
//!
//! The problem: whether the pool's thread or the runtime's is faster changes what each of them
//! does, and so how many instructions are counted. So all is queued behind a [`Gate`] first, and
//! then run.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::countdown::batches;
use crate::gate::Gate;

/// Closures on the pool for blocking work, queued and then run.
pub(crate) async fn blocking(n: u64) {
    let mut sum: u64 = 0;
    for batch in batches(n) {
        let gate = Gate::close().await;
        let tasks: Vec<_> = (0..batch)
            .map(|at| tokio::task::spawn_blocking(move || black_box(at)))
            .collect();
        gate.open().await;
        for task in tasks {
            sum += task.await.unwrap();
        }
    }
    assert_eq!(sum, batches(n).map(|batch| batch * (batch - 1) / 2).sum());
}

/// Files of a kilobyte, written and read by many tasks.
pub(crate) async fn fs_files(n: u64) {
    let folder = std::env::temp_dir().join(format!("tls-slots-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for batch in batches(n) {
        let batch = batch.min(100);
        let files: Vec<_> = (0..batch).map(|at| folder.join(at.to_string())).collect();
        at_once(files.iter().cloned().map(|file| async move {
            tokio::fs::write(file, [7; 1024]).await.unwrap();
        }))
        .await;
        at_once(files.into_iter().map(|file| async move {
            assert_eq!(tokio::fs::read(file).await.unwrap(), [7; 1024]);
        }))
        .await;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Spawns all of these; what they queue on the pool is run when all have queued something.
async fn at_once(futures: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) {
    let gate = Gate::close().await;
    let begun = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = futures
        .map(|future| {
            let begun = begun.clone();
            tokio::spawn(async move {
                let mut future = std::pin::pin!(future);
                let mut first = true;
                std::future::poll_fn(|cx| {
                    let polled = future.as_mut().poll(cx);
                    if std::mem::take(&mut first) {
                        begun.fetch_add(1, Ordering::AcqRel);
                    }
                    polled
                })
                .await;
            })
        })
        .collect();
    while begun.load(Ordering::Acquire) < tasks.len() as u64 {
        tokio::task::yield_now().await;
    }
    gate.open().await;
    for task in tasks {
        task.await.unwrap();
    }
}
