//! Unloading with a deadline: [`Module::unload`], a future and a thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tls_slots::loader::lock;

use super::error::{UnloadError, UnloadProblem};
use super::gate::Gate;
use super::work::{Shared, work};
use crate::entry::Call;
use crate::module::Module;

impl Module {
    /// Stops taking calls, makes the module idle, and unmaps it.
    ///
    /// In this order, until the deadline, which is counted from now:
    ///
    /// 1. new calls give [`CallError::Closed`](crate::CallError). Other [`Module`]s of the image are waited for;
    /// 2. an entry `shutdown` without arguments and result is called, if the module has one;
    /// 3. calls, blocking calls, threads and holds are waited for; tasks too, and after half of the time
    ///    ([`Unload::abort_after`]) those on a runtime of tokio are aborted. Tasks of a `LocalSet`,
    ///    blocking calls that run, and threads cannot be aborted;
    /// 4. threads of tokio's runtimes drop their values of the module's thread-locals; idle threads of the
    ///    blocking pool end. Other threads of the host cannot be asked: what they have is waited for;
    /// 5. when every thread has left its code, the file is unmapped.
    ///
    /// The work is done by a thread of its own, which ends with it; the future may be polled by any
    /// executor. Dropping the future stops the work at the next step, and the module stays.
    ///
    /// # Errors
    ///
    /// The future gives an [`UnloadError`] as [`try_unload`](Self::try_unload) does.
    ///
    /// # Safety
    ///
    /// As [`try_unload`](Self::try_unload), for when the future gives `Ok`. And while it runs, no thread that
    /// sleeps in a runtime of tokio may have, further up its stack, a reference to a value of a thread-local of
    /// the module.
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
            abort_at: now + deadline / 2,
            deadline: now + deadline,
            begun: now,
            step: Step::New(self),
        }
    }
}

/// A module on its way out, see [`Module::unload`].
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
        /// The module's own entry, dropped when it has ended.
        shutdown: Option<Call<()>>,
    },
    Over,
}

impl Unload {
    /// Aborts tasks after that time, counted as the deadline is, and not after half of it.
    #[must_use = "futures do nothing unless polled"]
    pub fn abort_after(mut self, time: Duration) -> Self {
        self.abort_at = self.begun + time;
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
            this.step = match start(module, this.abort_at, this.deadline) {
                Ok(step) => step,
                Err(error) => return Poll::Ready(Err(error)),
            };
        }
        // A thread that no runtime of tokio knows has its turn here.
        tls_keys::quiescence::quiescent_state();
        let Step::Running {
            shared, shutdown, ..
        } = &mut this.step
        else {
            panic!("`Unload` was polled after it had ended");
        };
        if let Some(call) = shutdown {
            // What a module's shutdown has to say is its own affair: it is unloaded all the same.
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
            // It has nothing left to do, and so a module that is gone has left no thread either. An
            // executor might poll from inside of `wake`, which is that thread.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
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
            lock(&shared.state).is_cancelled = true;
        }
    }
}

/// Closes the gate, calls the module's `shutdown`, and starts the thread.
fn start(module: Module, abort_at: Instant, deadline: Instant) -> Result<Step, UnloadError> {
    let loaded = Arc::clone(&module.loaded);
    let gate = match Gate::close(&loaded) {
        Ok(gate) => gate,
        Err(problem) => return Err(module.stays(problem)),
    };
    let shutdown = module.shutdown();
    let shared = Arc::new(Shared::default());
    lock(&shared.state).is_shut_down = shutdown.is_none();
    let for_thread = Arc::clone(&shared);
    // In case there is no thread.
    let slot = Arc::new(Mutex::new(Some((module, gate))));
    let of_thread = Arc::clone(&slot);
    let unload = move || {
        let Some((module, gate)) = lock(&of_thread).take() else {
            return;
        };
        let result = work(&gate, &for_thread, abort_at, deadline);
        drop(gate);
        let result = result.map_err(|problem| module.stays(problem));
        let mut state = lock(&for_thread.state);
        state.result = Some(result);
        drop(state);
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
    let (module, gate) = lock(&slot).take().expect("there is no thread that took it");
    drop(gate);
    let why = format!("a thread to do it could not be started: {error}");
    Err(module.stays(UnloadProblem::NotSeenOutside(why)))
}
