//! The unloading thread: waits, has others drop their values, and sees all threads outside.
//!
//! The problem: this takes as long as the module's tasks and threads take, and must not block a
//! runtime. So a thread of its own does it, step by step (see `mod.rs`) up to the step *see*. The
//! future (`future.rs`) waits for that, and unmaps.

use std::sync::Mutex;
use std::task::Waker;
use std::time::{Duration, Instant};

use tls_slots::loader::lock;

use super::error::{UnloadError, UnloadProblem};
use super::gate::Gate;
use super::outside::{self, SOON};
use super::requests::{self, Progress};
use crate::loaded::Loaded;
use crate::module::Module;
use crate::usage::Usage;

/// The pause between two looks at what is alive grows from the first to the second.
const PAUSES: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(2)];

/// What the future and the thread share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The module and its closed gate, if it may be unmapped.
    pub(super) result: Option<Result<(Module, Gate), UnloadError>>,
    pub(super) waker: Option<Waker>,
    /// The future is gone.
    pub(super) is_cancelled: bool,
    /// The entry `shutdown` has ended, or there is none.
    pub(super) is_shut_down: bool,
}

impl Shared {
    /// Wakes the task that polls the future. The thread that polls it may have values to drop.
    pub(super) fn wake(&self) {
        let waker = lock(&self.state).waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Does the steps *wait*, *drop* and *see*. If it succeeds, the module may be unmapped.
///
/// # Errors
///
/// Why the module stays.
///
/// # Safety
///
/// As [`Module::unload`](crate::Module::unload). The gate is closed.
pub(super) unsafe fn work(
    gate: &Gate,
    shared: &Shared,
    abort_at: Instant,
    deadline: Instant,
) -> Result<(), UnloadProblem> {
    let loaded = &gate.loaded;
    let image = loaded.image.start();
    outside::can_be_seen().map_err(UnloadProblem::NotSeenOutside)?;
    loop {
        wait_until(shared, deadline, loaded, |usage| {
            if Instant::now() >= abort_at && usage.has_tasks() {
                requests::abort_tasks(&loaded.groups());
            }
            usage.is_only_on_threads() && lock(&shared.state).is_shut_down
        })?;
        loaded.run_deferred_functions();
        if loaded.counts(1).is_on_no_thread() {
            break;
        }
        gate.stay_closed();
        // SAFETY: nothing of the module is alive but thread-locals, and no call can begin, so no
        // code of it runs. It stays loaded until no thread is dropping its values, as the loop
        // below waits for that.
        let request = unsafe { requests::Request::to_all_threads(loaded.groups()) };
        let dropped = wait_until(shared, deadline, loaded, |usage| {
            requests::wake_runtimes();
            shared.wake();
            // What other threads have deferred, any thread can run.
            loaded.run_deferred_functions();
            !usage.is_only_on_threads() || usage.is_on_no_thread()
        });
        drop(request);
        while requests::is_a_thread_dropping(image) {
            // A destructor of the module is running there.
            std::thread::sleep(PAUSES[0]);
        }
        dropped?;
        // A destructor may have started something. Then all begins again.
    }
    outside::wait(
        &loaded.all_ranges(&loaded.companions()),
        loaded.last_hold(),
        deadline.max(Instant::now() + SOON),
    )
    .map_err(UnloadProblem::NotSeenOutside)
}

/// Looks at what is alive again and again, until `is_enough` says so. What takes long to find out
/// is looked at last, when the rest is enough.
///
/// # Errors
///
/// The deadline has passed, or the future was dropped.
fn wait_until(
    shared: &Shared,
    deadline: Instant,
    loaded: &Loaded,
    mut is_enough: impl FnMut(&Usage) -> bool,
) -> Result<(), UnloadProblem> {
    let mut pause = PAUSES[0];
    loop {
        if lock(&shared.state).is_cancelled {
            return Err(UnloadProblem::Cancelled);
        }
        let progress = Progress::now();
        if is_enough(&loaded.counts(1)) && is_enough(&loaded.usage(1)) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(UnloadProblem::InUse(Box::new(loaded.usage(1))));
        }
        progress.wait(pause);
        pause = (pause * 2).min(PAUSES[1]);
    }
}
