//! The workloads of the section `runtime`: names and numbers of operations.
//!
//! A counted run has fewer operations than a timed one: callgrind is some fifty times slower, and
//! counts the same number each time. The numbers of timed runs are chosen so that a run takes some
//! tens of milliseconds or more.

/// A workload, and how many operations are counted and timed.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// The name, as in `projects/workloads`.
    pub name: &'static str,
    /// The number of operations of a counted run.
    pub counted: u64,
    /// The number of operations of a timed run.
    pub timed: u64,
    /// Whether the workload is more than a single call, and so goes into the mean.
    pub whole: bool,
}

/// A workload that goes into the mean.
const fn workload(name: &'static str, counted: u64, timed: u64) -> Workload {
    Workload {
        name,
        counted,
        timed,
        whole: true,
    }
}

/// All workloads.
pub const WORKLOADS: &[Workload] = &[
    workload("spawn_local", 2_000, 50_000),
    workload("spawn_remote", 2_000, 25_000),
    workload("spawn_join", 2_000, 25_000),
    workload("yield_now", 4_000, 125_000),
    workload("ping_pong", 1_000, 12_500),
    workload("chained_spawn", 2_000, 50_000),
    workload("mpsc_uncontended", 3_200, 125_000),
    workload("mpsc_contended", 3_000, 125_000),
    workload("mpsc_unbounded", 3_000, 250_000),
    workload("oneshot_pairs", 1_000, 12_500),
    workload("broadcast_all", 640, 25_000),
    workload("watch_all", 500, 3_750),
    workload("timers", 10_000, 12_500),
    workload("timeouts", 2_000, 25_000),
    workload("sleep", 400, 400),
    workload("blocking", 1_000, 25_000),
    workload("tcp_echo", 300, 1_250),
    workload("fs_files", 200, 1_250),
    Workload {
        whole: false,
        ..workload("try_id", 5_000, 6_250_000)
    },
    Workload {
        whole: false,
        ..workload("try_current", 5_000, 1_250_000)
    },
];
