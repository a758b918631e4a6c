//! Workloads that spawn tasks.

use std::hint::black_box;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::countdown::{Countdown, batches};

/// Spawns from a task of the runtime.
pub(crate) async fn spawn_local(n: u64) {
    for batch in batches(n) {
        let (countdown, done) = Countdown::new(batch);
        for _ in 0..batch {
            let countdown = countdown.clone();
            tokio::spawn(async move { countdown.one() });
        }
        done.await.unwrap();
    }
}

/// Spawns from a thread that is not of the runtime.
pub(crate) async fn spawn_remote(n: u64) {
    let (countdowns, to_spawn) = std::sync::mpsc::channel::<(u64, Arc<Countdown>)>();
    let (spawned, is_spawned) = std::sync::mpsc::channel();
    let handle = Handle::current();
    let spawner = std::thread::spawn(move || {
        for (batch, countdown) in to_spawn {
            for _ in 0..batch {
                let countdown = countdown.clone();
                handle.spawn(async move { countdown.one() });
            }
            spawned.send(()).unwrap();
        }
    });
    for batch in batches(n) {
        let (countdown, done) = Countdown::new(batch);
        countdowns.send((batch, countdown)).unwrap();
        // With the runtime's thread blocked, as no task can run before the last one is spawned: so
        // a single-threaded runtime does the same each time.
        is_spawned.recv().unwrap();
        done.await.unwrap();
    }
    drop(countdowns);
    spawner.join().unwrap();
}

/// Spawns, and waits for the result.
pub(crate) async fn spawn_join(n: u64) {
    let mut sum = 0;
    for at in 0..n {
        sum += tokio::spawn(async move { black_box(at) }).await.unwrap();
    }
    assert_eq!(sum, n * n.saturating_sub(1) / 2);
}

/// Ten tasks that yield.
pub(crate) async fn yield_now(n: u64) {
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        tasks.spawn(async move {
            for _ in 0..n.div_ceil(10) {
                tokio::task::yield_now().await;
            }
        });
    }
    assert_eq!(tasks.join_all().await.len(), 10);
}

/// A task spawns another, and each wakes the other once.
pub(crate) async fn ping_pong(n: u64) {
    for batch in batches(n) {
        let (countdown, done) = Countdown::new(batch);
        for _ in 0..batch {
            let countdown = countdown.clone();
            tokio::spawn(async move {
                let (ping, pinged) = oneshot::channel();
                let (pong, ponged) = oneshot::channel();
                tokio::spawn(async move {
                    pinged.await.unwrap();
                    pong.send(()).unwrap();
                });
                ping.send(()).unwrap();
                ponged.await.unwrap();
                countdown.one();
            });
        }
        done.await.unwrap();
    }
}

/// A task spawns a task, which spawns a task.
pub(crate) async fn chained_spawn(n: u64) {
    fn link(done: oneshot::Sender<()>, n: u64) {
        if n == 0 {
            done.send(()).unwrap();
        } else {
            tokio::spawn(async move { link(done, n - 1) });
        }
    }
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move { link(sender, n) });
    receiver.await.unwrap();
}
