//! Workloads that send messages between tasks.

use std::hint::black_box;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// Sends and receives in turn, in one task.
pub(crate) async fn mpsc_uncontended(n: u64) {
    let (sender, mut receiver) = mpsc::channel(64);
    let mut sum = 0;
    for at in 0..n.div_ceil(32) {
        for _ in 0..32 {
            sender.send(at).await.unwrap();
        }
        for _ in 0..32 {
            sum += receiver.recv().await.unwrap() - at + 1;
        }
    }
    assert_eq!(sum, n.div_ceil(32) * 32);
}

/// Five tasks send to one, through a channel that is mostly full.
pub(crate) async fn mpsc_contended(n: u64) {
    // Not the type of the workload above: whether the compiler inlines what both use would else be
    // a matter of which of them it comes to first.
    let (sender, mut receiver) = mpsc::channel::<u32>(100);
    for _ in 0..5 {
        let sender = sender.clone();
        tokio::spawn(async move {
            for _ in 0..n.div_ceil(5) {
                sender.send(1).await.unwrap();
            }
        });
    }
    drop(sender);
    let mut sum = 0;
    while let Some(one) = receiver.recv().await {
        sum += u64::from(one);
    }
    assert_eq!(sum, n.div_ceil(5) * 5);
}

/// Five tasks send to one, without a bound.
pub(crate) async fn mpsc_unbounded(n: u64) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<u64>();
    for _ in 0..5 {
        let sender = sender.clone();
        tokio::spawn(async move {
            for _ in 0..n.div_ceil(5) {
                sender.send(1).unwrap();
            }
        });
    }
    drop(sender);
    let mut sum = 0;
    while let Some(one) = receiver.recv().await {
        sum += one;
    }
    assert_eq!(sum, n.div_ceil(5) * 5);
}

/// A channel for one message, to a waiting task.
pub(crate) async fn oneshot_pairs(n: u64) {
    let mut sum = 0;
    for at in 0..n {
        let (sender, receiver) = oneshot::channel();
        let task = tokio::spawn(receiver);
        tokio::task::yield_now().await;
        sender.send(at).unwrap();
        sum += task.await.unwrap().unwrap();
    }
    assert_eq!(sum, n * n.saturating_sub(1) / 2);
}

/// Every message to six tasks.
pub(crate) async fn broadcast_all(n: u64) {
    let (sender, _) = broadcast::channel::<u64>(1024);
    let mut tasks = JoinSet::new();
    for _ in 0..6 {
        let mut receiver = sender.subscribe();
        tasks.spawn(async move {
            let mut sum = 0;
            while let Ok(one) = receiver.recv().await {
                sum += one;
            }
            sum
        });
    }
    for at in 0..n {
        sender.send(1).unwrap();
        if at % 32 == 31 {
            // On several threads a receiver may still be behind.
            while sender.len() > 512 {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
        }
    }
    drop(sender);
    assert_eq!(tasks.join_all().await, [n; 6]);
}

/// A value that ten tasks watch.
pub(crate) async fn watch_all(n: u64) {
    let (sender, _) = watch::channel(0_u64);
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let mut receiver = sender.subscribe();
        tasks.spawn(async move {
            while receiver.changed().await.is_ok() {
                black_box(*receiver.borrow_and_update());
            }
            *receiver.borrow()
        });
    }
    for at in 1..=n {
        sender.send(at).unwrap();
        tokio::task::yield_now().await;
    }
    drop(sender);
    assert_eq!(tasks.join_all().await, [n; 10]);
}
