//! What the variants are compared by: tokio's own benchmarks, written as functions.
//!
//! Each workload does `n` operations of one kind on the runtime that it is called on. It checks its
//! own result, so that a variant that does nothing cannot win. [`run`] is what every variant calls:
//! the static programs directly, a module by its entry.

mod blocking;
mod channels;
mod context;
mod countdown;
mod gate;
mod net;
mod spawning;
mod timers;

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use blocking::{blocking, fs_files};
use channels::{
    broadcast_all, mpsc_contended, mpsc_unbounded, mpsc_uncontended, oneshot_pairs, watch_all,
};
use context::{try_current, try_id};
use net::tcp_echo;
use spawning::{chained_spawn, ping_pong, spawn_join, spawn_local, spawn_remote, yield_now};
use timers::{sleep, timeouts, timers};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name on the command line.
    pub name: &'static str,
    work: fn(u64) -> Work,
}

macro_rules! workloads {
    ($($name:ident)+) => {
        /// All workloads.
        pub const WORKLOADS: &[Workload] = &[
            $(Workload { name: stringify!($name), work: |n| Box::pin($name(n)) }),+
        ];
    };
}

workloads! {
    spawn_local spawn_remote spawn_join yield_now ping_pong chained_spawn
    mpsc_uncontended mpsc_contended mpsc_unbounded oneshot_pairs broadcast_all watch_all
    timers timeouts sleep blocking tcp_echo fs_files
    try_id try_current
}

/// How long the operations of a run took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The time by the clock, in nanoseconds.
    pub wall: u64,
    /// The time that the process had processors, in nanoseconds.
    pub cpu: u64,
}

/// Runs a workload on the calling task's runtime.
///
/// # Errors
///
/// If there is no workload of that name.
pub async fn run(name: String, n: u64) -> Result<Times, String> {
    let workload = WORKLOADS
        .iter()
        .find(|workload| workload.name == name)
        .ok_or_else(|| format!("there is no workload `{name}`"))?;
    // A warm-up that is always the same, so that a run of 2 N operations differs from one of N by N
    // operations.
    (workload.work)(100).await;
    let (wall, cpu) = (Instant::now(), cpu_time());
    (workload.work)(n).await;
    Ok(Times {
        wall: u64::try_from(wall.elapsed().as_nanos()).unwrap_or(u64::MAX),
        cpu: cpu_time() - cpu,
    })
}

/// The processor time of this process, in nanoseconds.
pub fn cpu_time() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
