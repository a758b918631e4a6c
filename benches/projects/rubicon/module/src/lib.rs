//! The accesses in a module, to state that the exports library holds.

use bench_rubicon_keys::{CONST, LAZY, PROCESS};

bench_access::export!(bench_access::PLAIN, CONST, LAZY, PROCESS);
