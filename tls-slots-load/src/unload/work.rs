//! What the unloading thread does, and what it shares with the future.

use std::sync::Mutex;
use std::task::Waker;
use std::time::{Duration, Instant};

use tls_slots::loader::lock;

use super::ask;
use super::error::{UnloadError, UnloadProblem};
use super::gate::Gate;
use super::outside::{self, SOON};
use crate::alive::holds;
use crate::loaded::Loaded;
use crate::usage::Usage;

/// The wait between two looks at what is alive grows from the first to the second.
const PAUSES: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(2)];

/// What the future and its thread share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) result: Option<Result<(), UnloadError>>,
    pub(super) waker: Option<Waker>,
    /// The future is gone.
    pub(super) is_cancelled: bool,
    /// The entry `shutdown` has ended, or there is none.
    pub(super) is_shut_down: bool,
}

impl Shared {
    /// Wakes the task that polls the future: its thread may have something to drop.
    pub(super) fn wake(&self) {
        let waker = lock(&self.state).waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What the thread does.
pub(super) fn work(
    gate: &Gate,
    shared: &Shared,
    abort_at: Instant,
    deadline: Instant,
) -> Result<(), UnloadProblem> {
    let loaded = &gate.loaded;
    let image = loaded.image.start();
    let memory = &loaded.image.memory;
    loop {
        wait_until(shared, deadline, loaded, |usage| {
            if Instant::now() >= abort_at && usage.tasks > 0 {
                ask::abort(memory);
            }
            usage.is_only_on_threads() && lock(&shared.state).is_shut_down
        })?;
        loaded.run_deferred();
        if loaded.counts(1).is_on_no_thread() {
            break;
        }
        gate.keep_closed();
        // SAFETY: nothing is alive of it, and no call can begin; it stays loaded until no thread visits
        // it any more, below.
        let asked = unsafe { ask::ask(image, memory.clone()) };
        let dropped = wait_until(shared, deadline, loaded, |usage| {
            ask::wake();
            shared.wake();
            // What other threads have given up is for anybody to run.
            loaded.run_deferred();
            !usage.is_only_on_threads() || usage.is_on_no_thread()
        });
        drop(asked);
        while ask::is_visited(image) {
            // A destructor of the module is running, and cannot be left alone.
            std::thread::sleep(PAUSES[0]);
        }
        dropped?;
        // A destructor may have started something: then all begins anew.
    }
    outside::wait(
        memory,
        holds::last_end(image),
        deadline.max(Instant::now() + SOON),
    )
    .map_err(UnloadProblem::NotSeenOutside)?;
    if lock(&shared.state).is_cancelled {
        return Err(UnloadProblem::Cancelled);
    }
    // From here on, it is open no more, even if it is mapped.
    gate.keep_closed();
    // SAFETY: nothing of it is alive, every thread has left it, and who called `unload` promises the
    // rest.
    unsafe { loaded.unmap() }
}

/// Looks at what is alive until it is as wanted, the deadline, or the future's end.
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
        let mut usage = loaded.counts(1);
        if usage.is_only_on_threads() {
            // What takes longer to know, when it matters.
            usage = loaded.usage(1);
        }
        if is_enough(&usage) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(UnloadProblem::InUse(Box::new(usage)));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSES[1]);
    }
}
