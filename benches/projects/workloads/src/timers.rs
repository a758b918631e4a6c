//! Workloads that set timers.

use std::time::Duration;

use crate::countdown::Countdown;

/// Tasks that sleep, 10,000 at a time, each at its own moment of the next ten milliseconds.
pub(crate) async fn timers(n: u64) {
    const TIMERS: u64 = 10_000;
    for at in 0..n.div_ceil(TIMERS) {
        let (countdown, done) = Countdown::new(TIMERS.min(n - at * TIMERS));
        let start = tokio::time::Instant::now();
        for at in 0..TIMERS.min(n - at * TIMERS) {
            let countdown = countdown.clone();
            tokio::spawn(async move {
                tokio::time::sleep_until(start + Duration::from_micros(at)).await;
                countdown.one();
            });
        }
        done.await.unwrap();
    }
}

/// Timers that are set and never fire.
pub(crate) async fn timeouts(n: u64) {
    for _ in 0..n {
        let work = tokio::time::timeout(Duration::from_secs(60), tokio::task::yield_now());
        work.await.unwrap();
    }
}

/// A sleep that is over at once.
pub(crate) async fn sleep(n: u64) {
    for _ in 0..n {
        tokio::time::sleep(Duration::ZERO).await;
    }
}
