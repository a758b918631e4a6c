//! The workloads and the accesses in a module.

use std::sync::atomic::{AtomicU64, Ordering};

use bench_access::{PLAIN, Row};
use bench_workloads::Times;

/// `std::thread_local!`.
mod own {
    bench_access::accesses!(std::thread_local);
}

/// Our `thread_local!`.
mod slots {
    bench_access::accesses!(tls_keys::thread_local);
}

#[inline(never)]
fn process_local() -> u64 {
    tls_keys::process_local!(static COUNT: AtomicU64 = AtomicU64::new(1));
    COUNT.load(Ordering::Relaxed)
}

const PROCESS: &[Row] = &[("process_local!", process_local)];

/// Runs a workload.
#[tokio::module]
pub async fn run(name: String, n: u64) -> Result<Times, String> {
    bench_workloads::run(name, n).await
}

/// Makes accesses.
#[tokio::module]
pub fn access(set: String, row: String, times: u64) -> u64 {
    let tables: &[&[Row]] = match &*set {
        "std" => &[PLAIN, own::CONST, own::LAZY],
        _ => &[PLAIN, PROCESS, slots::CONST, slots::LAZY],
    };
    bench_access::time(tables, &row, times)
}
