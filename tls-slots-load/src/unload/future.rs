//! Unloading with a deadline: [`Module::unload`], a future and a thread.
//!
//! The problem: unloading waits for others, and a host's runtime must go on meanwhile, of whatever
//! kind it is. So a thread does the work (`work.rs`), and the future waits for it. The future
//! itself does three things. It polls the module's `shutdown` entry. It lets the thread that polls
//! it drop its values of the module. And it unmaps the module, when the thread has found that it
//! may: so a future that is dropped has unloaded nothing, at whatever moment that happens.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tls_slots::loader::lock;

use super::error::{UnloadError, UnloadProblem};
use super::gate::Gate;
use super::work::{Shared, work};
use crate::clock::after;
use crate::entry::{Call, CountedCall, Shutdown};
use crate::module::Module;

impl Module {
    /// Refuses new calls, waits until nothing of the module is in use, and unmaps it.
    ///
    /// This happens in the following order. `deadline` is the time that all of it may take, counted
    /// from now.
    ///
    /// 1. New calls give [`CallError::Closed`](crate::CallError). The host waits until the other
    ///    [`Module`]s of the image are dropped.
    /// 2. If the module has an entry `shutdown` without arguments and result, it is called.
    /// 3. The host waits for calls, tasks, blocking calls, threads and holds. After half of the
    ///    time (see [`Unload::abort_after`]) it aborts the tasks on tokio's runtimes. Tasks of a
    ///    `LocalSet`, blocking calls that run, and threads cannot be aborted.
    /// 4. Threads of tokio's runtimes drop their values of the module's thread-locals. Idle threads
    ///    of the blocking pool end. Other threads of the host cannot be asked, so the host waits
    ///    until they have no such value any more.
    /// 5. When every thread has left the module's code, the file is unmapped.
    ///
    /// A thread of its own does the work up to the last step, and ends with it. Any executor may
    /// poll the future, and the poll that returns the result has unmapped the file. If the future
    /// is dropped before, the work stops at the next step, and the module stays loaded.
    ///
    /// An entry `shutdown` that is no `async fn` runs on a thread of its own. If it takes longer
    /// than the deadline, the call is what is in use.
    ///
    /// # Errors
    ///
    /// The future gives an [`UnloadError`], as [`try_unload`](Self::try_unload) does.
    ///
    /// # Panics
    ///
    /// The future panics if it is polled after it has ended.
    ///
    /// # Safety
    ///
    /// What [`try_unload`](Self::try_unload) asks for must hold when the future gives `Ok`. And
    /// while the future runs, a thread that sleeps in a runtime of tokio, or that polls the future,
    /// must not have, further up its stack, a reference to a value of one of the module's
    /// thread-locals.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(module: tls_slots_load::Module) {
    /// use std::time::Duration;
    ///
    /// // SAFETY: its entries take and give plain data.
    /// let unload = unsafe { module.unload(Duration::from_secs(10)) };
    /// match unload.abort_after(Duration::from_secs(1)).await {
    ///     Ok(()) => println!("gone"),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// # }
    /// ```
    pub unsafe fn unload(self, deadline: Duration) -> Unload {
        let now = Instant::now();
        Unload {
            abort_at: after(now, deadline / 2),
            deadline: after(now, deadline),
            begun: now,
            step: Step::New(self),
        }
    }
}

/// A future that unloads a module, see [`Module::unload`].
#[must_use = "futures do nothing unless polled"]
pub struct Unload {
    begun: Instant,
    abort_at: Instant,
    deadline: Instant,
    step: Step,
}

enum Step {
    New(Module),
    Running {
        /// Ends when there is a result.
        thread: JoinHandle<()>,
        shared: Arc<Shared>,
        /// The call of the module's entry `shutdown`, until it has ended.
        shutdown: Option<Call<()>>,
    },
    Over,
}

impl Unload {
    /// Aborts tasks after this time, instead of after half of the deadline. Both are counted from
    /// the call of [`Module::unload`].
    #[must_use = "futures do nothing unless polled"]
    pub fn abort_after(mut self, time: Duration) -> Self {
        self.abort_at = after(self.begun, time);
        self
    }
}

impl fmt::Debug for Unload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unload").finish_non_exhaustive()
    }
}

impl Future for Unload {
    type Output = Result<(), UnloadError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Step::New(_) = this.step {
            let Step::New(module) = std::mem::replace(&mut this.step, Step::Over) else {
                unreachable!("just looked at");
            };
            // SAFETY: who called `unload` promises it.
            this.step = match unsafe { start(module, this.abort_at, this.deadline) } {
                Ok(step) => step,
                Err(error) => return Poll::Ready(Err(error)),
            };
        }
        // A thread that belongs to no runtime of tokio drops its values here.
        // SAFETY: who called `unload` promises that no thread that polls this refers to a value of
        // the module's thread-locals further up its stack.
        unsafe { tls_keys::quiescence::quiescent_state() }
        let Step::Running {
            shared, shutdown, ..
        } = &mut this.step
        else {
            panic!("`Unload` was polled after it had ended");
        };
        if let Some(call) = shutdown {
            // A panic in `shutdown` is not a reason to stay loaded.
            if Pin::new(call).poll(cx).is_ready() {
                *shutdown = None;
                lock(&shared.state).is_shut_down = true;
            }
        }
        let mut state = lock(&shared.state);
        let Some(result) = state.result.take() else {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        drop(state);
        if let Step::Running { thread, .. } = std::mem::replace(&mut this.step, Step::Over) {
            // The thread has nothing left to do. It is joined so that an unloaded module has left
            // no thread. An executor may poll inside of `wake`, and then this is that thread.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
        let result = result.and_then(|(module, gate)| {
            // From here on the library is closed, even if the memory stays mapped.
            gate.stay_closed();
            // SAFETY: nothing of the module is alive, and every thread was seen outside of its code
            // after its gate was closed. Who called `unload` promises that nobody uses what belongs
            // to it.
            let result = unsafe { gate.loaded.unmap() };
            drop(gate);
            result.map_err(|problem| module.stays(problem))
        });
        Poll::Ready(result)
    }
}

impl Drop for Unload {
    fn drop(&mut self) {
        if let Step::Running {
            shared, shutdown, ..
        } = &mut self.step
        {
            drop(shutdown.take());
            let mut state = lock(&shared.state);
            state.is_cancelled = true;
            let unwanted = state.result.take();
            drop(state);
            // Opens the gate.
            drop(unwanted);
        }
    }
}

/// Closes the gate, calls the module's `shutdown`, and starts the thread.
///
/// # Errors
///
/// The module stays: there is no gate on this target, or no thread to be had.
///
/// # Safety
///
/// As [`Module::unload`].
unsafe fn start(module: Module, abort_at: Instant, deadline: Instant) -> Result<Step, UnloadError> {
    let loaded = Arc::clone(&module.loaded);
    let gate = match Gate::close(&loaded) {
        Ok(gate) => gate,
        Err(problem) => return Err(module.stays(problem)),
    };
    let shared = Arc::new(Shared::default());
    let shutdown = match module.shutdown() {
        Shutdown::None => {
            lock(&shared.state).is_shut_down = true;
            None
        }
        Shutdown::Async(call) => Some(call),
        Shutdown::Sync(call) => {
            if let Err(error) = run_shutdown(call, &shared) {
                drop(gate);
                return Err(module.stays(no_thread(&error)));
            }
            None
        }
    };
    let for_thread = Arc::clone(&shared);
    // Both come back from here if no thread can be started.
    let handover = Arc::new(Mutex::new(Some((module, gate))));
    let of_thread = Arc::clone(&handover);
    let unload = move || {
        let Some((module, gate)) = lock(&of_thread).take() else {
            return;
        };
        // SAFETY: who called `unload` promises it.
        let result = match unsafe { work(&gate, &for_thread, abort_at, deadline) } {
            Ok(()) => Ok((module, gate)),
            Err(problem) => {
                drop(gate);
                Err(module.stays(problem))
            }
        };
        let mut state = lock(&for_thread.state);
        let unwanted = match state.is_cancelled {
            true => Some(result),
            false => {
                state.result = Some(result);
                None
            }
        };
        drop(state);
        drop(unwanted);
        for_thread.wake();
    };
    let thread = std::thread::Builder::new().name("tls-slots-unload".to_owned());
    let error = match thread.spawn(unload) {
        Ok(thread) => {
            return Ok(Step::Running {
                thread,
                shared,
                shutdown,
            });
        }
        Err(error) => error,
    };
    drop(shutdown);
    let (module, gate) = lock(&handover)
        .take()
        .expect("there is no thread that took it");
    drop(gate);
    Err(module.stays(no_thread(&error)))
}

/// Calls a synchronous `shutdown` on a thread of its own. The call is counted until it is over.
///
/// # Errors
///
/// There is no thread to be had. The call is not made.
fn run_shutdown(call: CountedCall<fn()>, shared: &Arc<Shared>) -> io::Result<()> {
    let shared = Arc::clone(shared);
    let thread = std::thread::Builder::new().name("tls-slots-shutdown".to_owned());
    let run = move || {
        // A panic in `shutdown` is not a reason to stay loaded.
        let _ = call.call(());
        lock(&shared.state).is_shut_down = true;
    };
    thread.spawn(run).map(drop)
}

fn no_thread(error: &io::Error) -> UnloadProblem {
    UnloadProblem::NotSeenOutside(format!("a thread to do it could not be started: {error}"))
}
