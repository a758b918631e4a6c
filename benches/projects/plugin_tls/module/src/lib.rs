//! The accesses in a plugin.

bench_access::lazy_accesses!(plugin_tls::thread_local);
bench_access::export!(LAZY);

/// Takes the host's context.
#[unsafe(no_mangle)]
pub extern "C" fn bench_initialize(context: plugin_tls::Context) {
    // SAFETY: called once, by the host, before anything else of this library.
    unsafe { context.initialize() }
}
