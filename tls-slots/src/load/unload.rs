//! Unloading: a module is unmapped for real, or stays and says why.
//!
//! The problem: `dlclose` unmaps code whoever is still to run it, which is a crash a second later; or it leaves
//! the file mapped, silently. So a module is first made idle, then seen to be idle, then unmapped, and
//! then seen to be gone:
//!
//! | step | what | who may say no |
//! | --- | --- | --- |
//! | close | new calls are refused; a new `load` of the file gives a new image | other [`Module`]s of this image |
//! | shut down | the module's entry `shutdown`, if it has one (`unload` only) | |
//! | drain | calls, tasks, blocking calls, threads, holds end; tasks are aborted (`unload` only) | whatever is alive |
//! | drop | destructors of thread-locals run on the threads that they belong to | threads that cannot be asked |
//! | leave | every thread has left the last instructions (`quiesce.rs`) | threads that were not seen outside |
//! | unmap | `dlclose`, and a look at what is mapped | whoever else keeps it open |
//!
//! Up to the fourth step nothing has happened to the module, and a failure gives it back as it was.
//! From the fourth on its thread-locals are gone on some threads, so it takes no calls any more; unloading it
//! can be tried again.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Call, Inner, Module, Usage, lock, open, quiesce};
use crate::sync::discard_panic;
use crate::{idle, image_file, image_memory, interpose, on_unload, usage};

/// How long `try_unload` waits for threads to leave the module's last instructions.
const SOON: Duration = Duration::from_secs(1);

/// A wait between two looks at what is alive grows from the first to the second.
const PAUSES: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(2)];

/// Why a module was not unloaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnloadProblem {
    /// Something of it is alive.
    InUse(Box<Usage>),
    /// Some thread may be running its last instructions, or cannot be looked at.
    NotSeenOutside(String),
    /// The system has not unmapped it.
    StillMapped {
        /// What is known to keep it, each with a sentence.
        pins: Vec<String>,
    },
    /// On this target it is not known how to see that it can be unmapped.
    Unsupported,
    /// The [`Unload`] was dropped before it had ended. Nobody gets to see this but in a debugger.
    Cancelled,
}

/// A module was not unloaded: gives it back, and says why.
///
/// Its text is one sentence that names the file and lists what is alive.
pub struct UnloadError {
    module: Module,
    problem: UnloadProblem,
}

impl UnloadError {
    /// Why it was not unloaded.
    pub fn problem(&self) -> &UnloadProblem {
        &self.problem
    }

    /// What is alive of it, if that is why.
    pub fn usage(&self) -> Option<&Usage> {
        match &self.problem {
            UnloadProblem::InUse(usage) => Some(usage),
            _ => None,
        }
    }

    /// The module, as it is now: see [`Module::is_closed`].
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The module, as it is now: see [`Module::is_closed`].
    pub fn into_module(self) -> Module {
        self.module
    }
}

impl fmt::Debug for UnloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnloadError")
            .field("module", &self.module)
            .field("problem", &self.problem)
            .finish()
    }
}

impl fmt::Display for UnloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.module.path().display();
        match &self.problem {
            UnloadProblem::InUse(usage) => write!(
                f,
                "{path} was not unloaded, as this host still has of it: {usage}; end these, or wait for \
                 them, and unload it again"
            )?,
            UnloadProblem::NotSeenOutside(why) => {
                write!(
                    f,
                    "{path} was not unloaded by this host: {why}; unload it again"
                )?;
            }
            UnloadProblem::StillMapped { pins } => {
                write!(
                    f,
                    "{path} was closed by this host, and the system keeps it mapped: "
                )?;
                match pins.is_empty() {
                    true => f.write_str(
                        "something else in this process has opened it, or depends on it; close that",
                    )?,
                    false => f.write_str(&pins.join("; "))?,
                }
            }
            UnloadProblem::Unsupported => write!(
                f,
                "{path} was not unloaded: on this target the host cannot see whether its code is in \
                 use; keep it loaded"
            )?,
            UnloadProblem::Cancelled => write!(
                f,
                "{path} was not unloaded, as the host has dropped the future that was to unload it"
            )?,
        }
        if self.module.is_closed() {
            f.write_str("; it takes no calls any more, as some of its thread-locals are gone")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnloadError {}

impl Module {
    /// What of this module is alive in the process. Of the [`Module`]s of its image, all but this one are
    /// counted.
    ///
    /// Exact for what has happened before this is called, as far as the calling thread knows of it; other
    /// threads go on meanwhile.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(module: &tls_slots::Module) {
    /// let usage = module.usage();
    /// println!("{} tasks; in all: {usage}", usage.tasks);
    /// # }
    /// ```
    pub fn usage(&self) -> Usage {
        self.inner.usage(1)
    }

    /// Whether it takes no calls any more: it is being unloaded, or was nearly.
    pub fn is_closed(&self) -> bool {
        self.inner.closed.load(Ordering::SeqCst)
    }

    /// Unmaps the module if nothing of it is alive but what the calling thread can drop: its own values of the
    /// module's thread-locals.
    ///
    /// [`Entry`](crate::Entry)s and [`Function`](crate::Function)s of it may live on; their calls give
    /// [`CallError::Closed`](crate::CallError).
    ///
    /// # Errors
    ///
    /// An [`UnloadError`] that gives the module back, with what is alive.
    ///
    /// # Safety
    ///
    /// When this returns `Ok`, nobody may use what was the module's and is not counted by
    /// [`usage`](Self::usage):
    ///
    /// - values that an entry has returned, or that were sent to the host, and that have a function or a
    ///   `'static` reference of the module in them: trait objects, `&'static str`, function pointers, panic
    ///   payloads, `tracing` spans; also those that hide one, such as `Box<dyn Error>`, an `io::Error` with a
    ///   message of its own, or `bytes::Bytes`. Plain data is not concerned, nor are channels, locks and other
    ///   types of tokio;
    /// - futures, streams and iterators of the module that did not come from an [`Entry`](crate::Entry);
    /// - memory that a global allocator of the module's own has given (`host_allocator!` is the host's);
    /// - what C code of the module has registered elsewhere, but for TLS destructors, pthread keys and
    ///   signal actions, which are counted.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(module: tls_slots::Module) {
    /// // SAFETY: its entries take and give plain data.
    /// if let Err(error) = unsafe { module.try_unload() } {
    ///     eprintln!("{error}");
    ///     let module = error.into_module(); // goes on as before
    /// #   drop(module);
    /// }
    /// # }
    /// ```
    pub unsafe fn try_unload(self) -> Result<(), UnloadError> {
        let inner = Arc::clone(&self.inner);
        // SAFETY: the caller's promise.
        let result = Gate::close(&inner).and_then(|gate| unsafe { unload_idle(&gate) });
        result.map_err(|problem| self.stays(problem))
    }

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
    /// # async fn example(module: tls_slots::Module) {
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

    fn stays(self, problem: UnloadProblem) -> UnloadError {
        UnloadError {
            module: self,
            problem,
        }
    }
}

/// Who has closed an image.
#[derive(Default)]
pub(super) struct Closed {
    /// How many [`Gate`]s there are.
    gates: usize,
    /// Some thread-locals are gone: it stays closed.
    is_spoilt: bool,
}

/// A closed gate: while it exists, no call of the image begins.
struct Gate {
    inner: Arc<Inner>,
}

impl Gate {
    /// Closes it, and takes the image from those that `load` finds.
    fn close(inner: &Arc<Inner>) -> Result<Self, UnloadProblem> {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            return Err(UnloadProblem::Unsupported);
        }
        let mut images = lock(&inner.images);
        images.retain(|image| !Arc::ptr_eq(image, inner));
        lock(&inner.gate).gates += 1;
        // A call counts, and then looks: one of the two sees the other.
        inner.closed.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        Ok(Self {
            inner: Arc::clone(inner),
        })
    }

    /// From now on the module cannot go on.
    fn spoil(&self) {
        lock(&self.inner.gate).is_spoilt = true;
    }
}

impl Drop for Gate {
    /// As if nothing had happened, unless something has.
    fn drop(&mut self) {
        let mut images = lock(&self.inner.images);
        let mut gate = lock(&self.inner.gate);
        gate.gates -= 1;
        if gate.gates == 0 && !gate.is_spoilt {
            self.inner.closed.store(false, Ordering::SeqCst);
            images.push(Arc::clone(&self.inner));
        }
    }
}

/// What `try_unload` does when the gate is closed.
///
/// # Safety
///
/// As [`Module::try_unload`].
unsafe fn unload_idle(gate: &Gate) -> Result<(), UnloadProblem> {
    let inner = &gate.inner;
    inner.bring_forward();
    let usage = inner.usage(1);
    if !usage.is_idle() {
        return Err(UnloadProblem::InUse(Box::new(usage)));
    }
    if !usage.is_dropped() {
        gate.spoil();
        // SAFETY: nothing of it runs on any thread, as nothing is alive and no call can begin.
        unsafe { idle::drop_here(inner.image.start(), &inner.image.memory) }
        // A destructor may have started something.
        let usage = inner.usage(1);
        if !(usage.is_quiet() && usage.is_dropped()) {
            return Err(UnloadProblem::InUse(Box::new(usage)));
        }
    }
    let let_go = usage::last_let_go(inner.image.start());
    quiesce::wait(&inner.image.memory, let_go, Instant::now() + SOON)
        .map_err(UnloadProblem::NotSeenOutside)?;
    // From here on, it is open no more, even if it is mapped.
    gate.spoil();
    // SAFETY: nothing of it is alive, every thread has left it, and the caller promises the rest.
    unsafe { inner.unmap() }
}

impl Inner {
    /// Runs what was put off, as far as this thread can: garbage that nobody reads any more.
    fn bring_forward(&self) {
        let mut left = self.counts(1).deferred;
        while left != 0 {
            discard_panic(|| on_unload::idle(&self.image.memory));
            let now = self.counts(1).deferred;
            if now >= left {
                // Other threads have it, or stand in the way.
                break;
            }
            left = now;
        }
    }

    /// Closes the library, and looks whether it is gone. Gives it back if not.
    ///
    /// # Safety
    ///
    /// No code of the image may run any more but its destructors, and nobody use what is its.
    unsafe fn unmap(&self) -> Result<(), UnloadProblem> {
        // From here on no thread begins to run a destructor of a pthread key's value. One may have begun just
        // before, as threads end when they like.
        interpose::forget(&self.image.memory);
        if !interpose::threads(&self.image.memory).is_empty() {
            return Err(UnloadProblem::InUse(Box::new(self.usage(1))));
        }
        let Some(library) = lock(&self.library).take() else {
            return Ok(());
        };
        let start: *const u8 = self.image.start().cast();
        // An error says that the system knows no such image, which is what is wanted.
        let _ = library.close();
        let opened_as = self.place.open_as.to_string_lossy();
        let is_there = image_memory::of(start).is_some()
            && image_file::opened_as(start).is_some_and(|opened| opened == opened_as);
        if !is_there {
            image_file::not_copied(&opened_as);
            super::forget_list(&self.images);
            return Ok(());
        }
        *lock(&self.library) = open::again(&self.place.open_as);
        Err(UnloadProblem::StillMapped {
            pins: self.image.pins.clone(),
        })
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

/// What the future and its thread share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    result: Option<Result<(), UnloadError>>,
    waker: Option<Waker>,
    /// The future is gone.
    is_cancelled: bool,
    /// The entry `shutdown` has ended, or there is none.
    is_shut_down: bool,
}

impl Shared {
    /// Wakes who polls the future: its thread may have something to drop.
    fn wake(&self) {
        let waker = lock(&self.state).waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
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
    let inner = Arc::clone(&module.inner);
    let gate = match Gate::close(&inner) {
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

/// What the thread does.
fn work(
    gate: &Gate,
    shared: &Shared,
    abort_at: Instant,
    deadline: Instant,
) -> Result<(), UnloadProblem> {
    let inner = &gate.inner;
    let image = inner.image.start();
    let memory = &inner.image.memory;
    loop {
        wait_until(shared, deadline, inner, |usage| {
            if Instant::now() >= abort_at && usage.tasks > 0 {
                idle::abort(memory);
            }
            usage.is_quiet() && lock(&shared.state).is_shut_down
        })?;
        inner.bring_forward();
        if inner.counts(1).is_dropped() {
            break;
        }
        gate.spoil();
        // SAFETY: nothing is alive of it, and no call can begin; it stays loaded until no thread visits
        // it any more, below.
        let asked = unsafe { idle::ask(image, memory.clone()) };
        let dropped = wait_until(shared, deadline, inner, |usage| {
            idle::wake();
            shared.wake();
            // What other threads have given up is for anybody to run.
            inner.bring_forward();
            !usage.is_quiet() || usage.is_dropped()
        });
        drop(asked);
        while idle::is_visited(image) {
            // A destructor of the module is running, and cannot be left alone.
            std::thread::sleep(PAUSES[0]);
        }
        dropped?;
        // A destructor may have started something: then all begins anew.
    }
    quiesce::wait(
        memory,
        usage::last_let_go(image),
        deadline.max(Instant::now() + SOON),
    )
    .map_err(UnloadProblem::NotSeenOutside)?;
    if lock(&shared.state).is_cancelled {
        return Err(UnloadProblem::Cancelled);
    }
    // From here on, it is open no more, even if it is mapped.
    gate.spoil();
    // SAFETY: nothing of it is alive, every thread has left it, and who called `unload` promises the
    // rest.
    unsafe { inner.unmap() }
}

/// Looks at what is alive until it is as wanted, the deadline, or the future's end.
fn wait_until(
    shared: &Shared,
    deadline: Instant,
    inner: &Arc<Inner>,
    mut is_enough: impl FnMut(&Usage) -> bool,
) -> Result<(), UnloadProblem> {
    let mut pause = PAUSES[0];
    loop {
        if lock(&shared.state).is_cancelled {
            return Err(UnloadProblem::Cancelled);
        }
        let mut usage = inner.counts(1);
        if usage.is_quiet() {
            // What takes longer to know, when it matters.
            usage = inner.usage(1);
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
