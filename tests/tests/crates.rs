//! Crates that hold one state per process, used by a host and a module that were built apart: as
//! published, patched to their forks; and, as the control, without the patches.
//!
//! A row of the table is one case of `fixtures/crates_host`, which says what it does; the control
//! says how the same case fails with the crates of the registry.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::Tokio;
use tls_slots_tests::chosen::Chosen;
use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);
/// A hang of a control costs this much.
const HANG: Duration = Duration::from_secs(5);

/// Host and module.
fn built(tokio: Tokio) -> [PathBuf; 2] {
    let chosen = Chosen::of_environment();
    let host = Project::new("crates_host").tokio(tokio).chosen(chosen);
    let host = match tokio {
        Tokio::Fork => host.features("patched"),
        Tokio::Registry => host,
    };
    let module = Project::new("crates_module").tokio(tokio).chosen(chosen);
    [host.built(), module.built()]
}

fn run(tokio: Tokio, case: &str, deadline: Duration, env: &[(&str, &str)]) -> Ended {
    let [host, module] = built(tokio);
    let mut command = Command::new(host);
    command
        .arg(case)
        .arg(module)
        .envs(env.iter().copied())
        .env_remove("RUST_LOG");
    process::run(&mut command, deadline)
}

/// What the crates of the registry do with a case.
enum Control {
    /// Fails with this text.
    Says(&'static str),
    /// Never ends, or ends with this text or a signal: a race.
    Breaks(&'static str),
    /// Works: the crate needs nothing.
    Works,
}
use Control::{Breaks, Says, Works};

macro_rules! cases {
    ($($name:ident: $control:expr;)*) => {
        mod shared {
            $(#[test]
            fn $name() {
                let ended = super::run(super::Tokio::Fork, stringify!($name), super::DEADLINE, &[]);
                ended.assert_ok();
            })*
        }

        mod control {
            use super::Control::*;

            $(#[test]
            fn $name() {
                super::check(stringify!($name), &$control);
            })*
        }

        /// No case of the host is left out, and none is made up.
        #[test]
        fn the_table_is_complete() {
            let [host, _] = built(Tokio::Fork);
            let ended = process::run(Command::new(host).arg("list"), DEADLINE);
            let mut names = vec![$(stringify!($name)),*];
            let mut known: Vec<&str> = ended.stdout.lines().collect();
            names.sort_unstable();
            known.sort_unstable();
            assert_eq!(names, known);
        }
    };
}

fn check(case: &str, control: &Control) {
    let text = match control {
        Says(text) | Breaks(text) => text,
        Works => {
            run(Tokio::Registry, case, DEADLINE, &[]).assert_ok();
            return;
        }
    };
    // What the case waits for does not come, so the case need not wait long.
    let ended = run(Tokio::Registry, case, HANG, &[("RUN_BOUND_MS", "50")]);
    let says = ended.result().is_some_and(|result| result.contains(text));
    let fine = match ended.status {
        Some(status) => says || matches!(control, Breaks(_)) && status.code().is_none(),
        None => matches!(control, Breaks(_)),
    };
    assert!(fine && !ended.success(), "{ended}");
}

cases! {
    // A module's events and spans go to nobody.
    tracing_global: Says(r#"recorder.take() is ["of the host"]"#);
    tracing_parents: Says(r#"recorder.take() is ["host: a host's event in a module's span", "host: out again"]"#);
    tracing_scoped: Says("recorder.take() is []");
    tracing_with_default_in_module: Says(r#"own is ["of the module, to its own"]"#);
    tracing_set_by_module: Says("recorder.take() is []");
    tracing_instrumented_future: Says(r#"recorder.take() is ["thread: polled", "thread>inner: first""#);
    tracing_interest_is_cached: Says(r#"*asked.lock().expect("no panic") is []"#);
    tracing_events_before_the_subscriber: Says("recorder.take() is []");
    tracing_module_after_the_subscriber: Says(r#"recorder.take() is ["before the module"]"#);
    tracing_reload: Says("(module.tracing.max_level)() is LevelFilter::OFF");
    tracing_env_filter: Says(r#"recorder.take() is ["the host's error"]"#);
    tracing_env_filter_of_spans: Says("recorder.take() is []");
    tracing_two_modules: Says("recorder.take() is []");
    tracing_threads: Says(r#"of("module: of the host") is 0"#);
    // Nor do its records.
    log_set_by_host: Says("(module.log.max_level)() is Off");
    log_set_by_module: Says("*lines.lock() is []");
    log_to_tracing: Says("recorder.take() is []");
    // Who wakes looks in a table that nobody waits in.
    parking_lot_wake_a_module: Breaks("found is 0, expected 40");
    parking_lot_wake_the_host: Breaks("found is 0, expected 40");
    parking_lot_mutex: Breaks("total(&shared) is");
    parking_lot_rwlock: Breaks("total(&shared) is");
    // One registry, provider or pool for each copy.
    signal_hook_registry_one_handler: Says(r#"file_of_handler(libc::SIGUSR1) is "libcrates_module.so""#);
    metrics_recorder: Says(r#"counters.get() is [("requests", 1)]"#);
    metrics_local_recorder: Says("counters.get() is []");
    opentelemetry_context: Says("(module.globals.context)() is None");
    opentelemetry_propagator: Says("(module.globals.propagated)() is []");
    rustls_default_provider: Says("(module.globals.random)() is None");
    rayon_core_pool_of_the_host: Says("(module.globals.pool_threads)() is");
    rayon_core_pool_used_by_the_module_first: Says("second.is_err() is false");
    // Values that need what stands outside of them.
    dashmap_entries: Breaks("total is");
    arc_swap_read_while_stored: Says("while_read is 1");
    crossbeam_epoch_pinned: Says("while_pinned is 1");
    crossbeam_channel_rendezvous: Says("lost is");
    crossbeam_utils_atomic_cell: Says("STORED_INSIDE.load(SeqCst) is true");
    sharded_slab_threads: Says("(mine & 0xff, other & 0xff) is (0, 1)");
    thread_local_one_slot_a_thread: Says("(other, mine, again) is (1,");
    regex_automata_pool: Says("other == mine is true");
    // Of a thousand keys, one may be where the other seed puts it.
    hashbrown_keys_are_found: Says("(module.values.found)(&map, 1_000) is ");
    send_wrapper_owner: Says("(owners, strangers) is");
    string_cache_atoms_are_equal: Says("own is");
    futures_executor_nested: Says("inside is true");
    moka_cache: Breaks("");
    event_listener_both_ways: Works;
    async_channel_both_ways: Works;
    once_cell_made_once: Works;
}
