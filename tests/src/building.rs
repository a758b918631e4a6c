//! One build at a time, and each build once.
//!
//! The test binaries of a run share what they build. Under `cargo test` they run one after another,
//! with several threads each; under nextest every test is a process. A file lock keeps the builds
//! apart, and `once_per_run` remembers which builds were made.

use std::collections::HashMap;
use std::fs::{self, File};
use std::sync::{Arc, LazyLock, Mutex, Once, PoisonError};

use crate::sources::scratch;

/// Held while a project is copied or built: cargo would wait for its own locks in silence, and
/// two builds at a time are no faster.
pub struct Building(#[expect(dead_code, reason = "held for its lock")] File);

impl Building {
    /// Waits for the other threads and the other test processes.
    pub fn begin() -> Self {
        let file = File::create(scratch().join("building")).expect("the target folder is ours");
        file.lock().expect("a file can be locked");
        Self(file)
    }
}

/// Does something once per test run, whichever process comes first.
///
/// Under `cargo test` every test binary does it again, as cargo's own check costs little; nextest
/// names its runs. Who asks for work that was done is not kept waiting by other work.
///
/// # Panics
///
/// If the work panicked, for this caller or an earlier one.
pub(crate) fn once_per_run(name: &str, work: impl FnOnce(&Building)) {
    static ASKED_FOR: LazyLock<Mutex<HashMap<String, Arc<Once>>>> = LazyLock::new(Mutex::default);
    let once = {
        let mut asked_for = ASKED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = asked_for.entry(name.to_owned());
        Arc::clone(entry.or_insert_with(|| Arc::new(Once::new())))
    };
    once.call_once_force(|state| {
        assert!(
            !state.is_poisoned(),
            "{name} was not built: see the first test that failed"
        );
        let building = Building::begin();
        let stamp = scratch().join(format!("{name}.run"));
        let run = std::env::var("NEXTEST_RUN_ID").ok();
        if run.is_some() && fs::read_to_string(&stamp).ok() == run {
            return;
        }
        work(&building);
        if let Some(run) = run {
            fs::write(&stamp, run).expect("a folder of ours");
        }
    });
}
