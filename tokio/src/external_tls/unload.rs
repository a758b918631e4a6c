//! What the host must know, and ask of the runtimes, to unload a module.
//!
//! # The problem
//!
//! Functions of a module run its tasks on threads of the host. Before the module is unmapped, all
//! of its tasks must have ended, and these threads must have dropped the module's thread-locals.
//!
//! # How this fits
//!
//! | upstream | here |
//! | --- | --- |
//! | a task's cell is allocated, deallocated | [`task_begins`], [`TaskEnds`]: the task counts for the image that does it |
//! | a worker, or a thread in `block_on`, is about to sleep | [`quiescent_state`], [`block_on_parks`] |
//! | a runtime is made | [`add_multi_thread`], [`add_current_thread`]: the host can wake it, and abort tasks |
//!
//! The counterparts are `tls_keys::counters` and `tls_keys::quiescence`.

use std::marker::PhantomData;

use tls_keys::counters::{begin, end, Counted};

pub(crate) use tls_keys::quiescence::is_pending;

#[cfg(feature = "rt")]
use crate::runtime::task::Schedule;

/// A worker, or a thread in `block_on`, is about to sleep.
#[inline(always)]
pub(crate) fn quiescent_state() {
    // SAFETY: upstream calls this where a thread goes to sleep, without a lock of its own. Whoever
    // unloads a module promises that no such thread has a reference to a value of the module's
    // thread-locals further up its stack (`Module::unload` of tls-slots-load).
    unsafe { tls_keys::quiescence::quiescent_state() }
}

/// What a task of this scheduler counts as.
#[cfg(feature = "rt")]
const fn counted<S: Schedule>() -> Counted {
    if S::IS_BLOCKING {
        Counted::Blocking
    } else {
        Counted::Task
    }
}

/// The cell of a task is allocated.
#[cfg(feature = "rt")]
#[inline(always)]
pub(crate) fn task_begins<S: Schedule>() {
    // SAFETY: `TaskEnds` of the same type is made once, where the cell is deallocated.
    unsafe { begin(counted::<S>()) }
}

/// Lives while the cell of a task is deallocated. What the task owns may run code as it is dropped,
/// and panic.
#[cfg(feature = "rt")]
pub(crate) struct TaskEnds<S: Schedule>(PhantomData<S>);

#[cfg(feature = "rt")]
impl<S: Schedule> TaskEnds<S> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

#[cfg(feature = "rt")]
impl<S: Schedule> Drop for TaskEnds<S> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: `task_begins` was called for the cell, by the image whose functions the cell's
        // vtable has, and these deallocate it.
        unsafe { end(counted::<S>()) }
    }
}

// loom's `Arc` has no weak references, and its models load no modules.
#[cfg(all(feature = "rt", not(loom)))]
mod runtime {
    use std::ops::Range;
    use std::sync::{Arc, Weak};

    use crate::external_tls::on_host::on_host;
    use crate::runtime::scheduler::current_thread;
    #[cfg(feature = "rt-multi-thread")]
    use crate::runtime::scheduler::multi_thread;

    struct Known<T>(Weak<T>);

    /// One implementation for the handles of both schedulers, whose functions have the same names.
    macro_rules! known {
        ($handle:ty) => {
            impl tls_keys::quiescence::Runtime for Known<$handle> {
                fn is_alive(&self) -> bool {
                    self.0.strong_count() > 0
                }

                fn wake(&self) {
                    if let Some(handle) = self.0.upgrade() {
                        handle.wake_for_unload();
                    }
                }

                fn abort(&self, image: Range<usize>) -> usize {
                    let handle = self.0.upgrade();
                    handle.map_or(0, |handle| handle.abort_for_unload(&image))
                }
            }
        };
    }
    known!(current_thread::Handle);
    #[cfg(feature = "rt-multi-thread")]
    known!(multi_thread::Handle);

    /// Makes a runtime known to the host.
    pub(crate) fn add_current_thread(handle: &Arc<current_thread::Handle>) {
        on_host!(ADD_CURRENT_THREAD:
            fn(&Arc<current_thread::Handle>) = add_current_thread; (handle));
        // SAFETY: `on_host!` has seen to it that this is the host's copy.
        unsafe { tls_keys::quiescence::add_runtime(Box::new(Known(Arc::downgrade(handle)))) }
    }

    /// Makes a runtime known to the host.
    #[cfg(feature = "rt-multi-thread")]
    pub(crate) fn add_multi_thread(handle: &Arc<multi_thread::Handle>) {
        on_host!(ADD_MULTI_THREAD:
            fn(&Arc<multi_thread::Handle>) = add_multi_thread; (handle));
        // SAFETY: `on_host!` has seen to it that this is the host's copy.
        unsafe { tls_keys::quiescence::add_runtime(Box::new(Known(Arc::downgrade(handle)))) }
    }
}
#[cfg(all(feature = "rt", not(loom)))]
pub(crate) use runtime::add_current_thread;
#[cfg(all(feature = "rt-multi-thread", not(loom)))]
pub(crate) use runtime::add_multi_thread;

#[cfg(not(loom))]
mod parker {
    use std::cell::Cell;
    use std::ops::Range;

    use crate::external_tls::keys::thread_local;
    use crate::external_tls::on_host::on_host;
    use crate::runtime::park::{UnparkThread, WeakUnparkThread};

    struct Parker(WeakUnparkThread);

    impl tls_keys::quiescence::Runtime for Parker {
        fn is_alive(&self) -> bool {
            self.0.is_alive()
        }

        fn wake(&self) {
            self.0.unpark();
        }

        fn abort(&self, _: Range<usize>) -> usize {
            0
        }
    }

    fn add(unpark: UnparkThread) {
        on_host!(ADD_PARKER: fn(UnparkThread) = add; (unpark));
        // SAFETY: `on_host!` has seen to it that this is the host's copy.
        unsafe { tls_keys::quiescence::add_runtime(Box::new(Parker(unpark.downgrade()))) }
    }

    /// A thread in `block_on` is about to sleep: it can be woken from now on.
    pub(crate) fn block_on_parks<E>(unpark: impl FnOnce() -> Result<UnparkThread, E>) {
        thread_local! {
            static IS_KNOWN: Cell<bool> = const { Cell::new(false) };
        }
        super::quiescent_state();
        if !IS_KNOWN
            .try_with(|known| known.replace(true))
            .unwrap_or(true)
        {
            if let Ok(unpark) = unpark() {
                add(unpark);
            }
        }
    }
}
#[cfg(not(loom))]
pub(crate) use parker::block_on_parks;
