//! A module that is loaded many times, under many names.
//!
//! No host has this module's own keys, so the keys are private to each image. Every image takes
//! slots of its own, until the tables of the threads are full.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

tls_keys::thread_local! {
    static OWN: Cell<u64> = const { Cell::new(1) };
}

/// Spawns so many tasks and waits for them.
#[tokio::module]
pub async fn spawn(tasks: u64) -> u64 {
    let mut left = tasks;
    let mut sum = 0;
    while left > 0 {
        let batch = left.min(1_000);
        let tasks: Vec<_> = (0..batch)
            .map(|at| tokio::spawn(async move { black_box(at) }))
            .collect();
        for task in tasks {
            sum += u64::from(task.await.is_ok());
        }
        left -= batch;
    }
    sum
}

/// Uses the module's own thread-local on the calling thread.
#[tokio::module]
pub fn touch() -> u64 {
    own()
}

#[inline(never)]
fn own() -> u64 {
    OWN.get()
}

#[inline(never)]
fn tokios() -> u64 {
    u64::from(tokio::runtime::Handle::try_current().is_ok())
}

/// Nanoseconds of `times` accesses to the module's own thread-local, and to tokio's context.
#[tokio::module]
pub fn time(times: u64) -> (u64, u64) {
    (time_of(own, times), time_of(tokios, times))
}

fn time_of(access: fn() -> u64, times: u64) -> u64 {
    let access = black_box(access);
    access();
    let start = Instant::now();
    for _ in 0..times {
        black_box(access());
    }
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
