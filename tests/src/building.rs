//! One build at a time in each folder of a profile, and each build once.
//!
//! The test binaries of a run share what they build. Under `cargo test` they run one after another,
//! with several threads each; under nextest every test is a process. File locks keep the builds
//! apart, and `once_per_run` remembers which builds were made.
//!
//! A build begins by [`Building`], for its target folder and its profile, as cargo's own lock is
//! for these two. So a dev build and a release build are made at the same time. A build copies
//! sources and makes forks while it has `Preparing` besides, as all builds use the same sources and
//! forks.

use std::collections::HashMap;
use std::fs::{self, File};
use std::sync::{Arc, LazyLock, Mutex, Once, PoisonError};

use crate::sources::scratch;

/// The target folder of all projects that have none of their own.
pub(crate) const SHARED: &str = "target";

/// Held while a project is built in a target folder: cargo would wait for its own locks in silence.
pub struct Building(#[expect(dead_code, reason = "held for its lock")] File);

impl Building {
    /// Waits for the other threads and the other test processes that build in the dev profile, in
    /// the target folder which most projects share.
    pub fn begin() -> Self {
        Self::begin_in(SHARED, false)
    }

    /// As [`begin`](Self::begin), for the target folder of that name, and the release profile or
    /// the dev profile.
    fn begin_in(folder: &str, release: bool) -> Self {
        let profile = if release { "release" } else { "debug" };
        Self(locked(&format!("building-{folder}-{profile}")))
    }
}

/// Held while sources are copied and forks are made, which all target folders share.
pub(crate) struct Preparing(#[expect(dead_code, reason = "held for its lock")] File);

impl Preparing {
    /// Waits for the other threads and the other test processes that prepare a build.
    pub(crate) fn begin() -> Self {
        Self(locked("preparing"))
    }
}

/// A file of ours, locked.
fn locked(name: &str) -> File {
    let file = File::create(scratch().join(name)).expect("the target folder is ours");
    file.lock().expect("a file can be locked");
    file
}

/// Builds something in the target folder of that name, in the release profile or in the dev
/// profile, once per test run, whichever process comes first.
///
/// Under `cargo test` every test binary does it again, as cargo's own check costs little; nextest
/// names its runs. Who asks for work that was done is not kept waiting by other work.
///
/// # Panics
///
/// If the work panicked, for this caller or an earlier one.
pub(crate) fn once_per_run(name: &str, folder: &str, release: bool, work: impl FnOnce(&Building)) {
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
        let building = Building::begin_in(folder, release);
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
