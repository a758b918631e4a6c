//! The workloads and the accesses in a module.

use bench_access::{PLAIN, Row};
use bench_workloads::Times;

/// `std::thread_local!`.
mod own {
    bench_access::accesses!(std::thread_local);
}

/// Our `thread_local!`.
mod slots {
    bench_access::accesses!(tls_keys::thread_local);
    bench_access::process_access!(tls_keys::process_local);
}

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
        _ => &[PLAIN, slots::PROCESS, slots::CONST, slots::LAZY],
    };
    bench_access::time(tables, &row, times)
}
