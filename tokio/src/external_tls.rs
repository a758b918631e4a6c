//! The one seam between tokio and the state that a host shares with its modules.
//!
//! # The problem
//!
//! Each binary that links tokio has a copy of tokio's thread-locals and statics. A module that runs
//! on its host's runtime must use the host's.
//!
//! # How this fits
//!
//! Upstream's code is changed in as few places as possible, and only to call what stands here:
//!
//! | here | feature `external-tls` off | on |
//! | --- | --- | --- |
//! | [`thread_local!`] | `std::thread_local!` | `tls_keys::thread_local!` |
//! | [`LocalKey`], [`AccessError`] | std's | those of `tls_keys` |
//! | `process_local!` | the `static` as it stands | `tls_keys::process_local!` |
//! | `layout` | nothing | layouts for the image's manifest |
//! | `current_thread_id` | `std::thread::current().id()` | the id that the host's std gives the thread |
//! | `on_host!` | nothing | leaves the rest of a function to the host's copy of it |
//! | `catch_unwind` | `std::panic::catch_unwind` | `tls_keys::panic::catch_unwind`: the panics of all images |
//! | `catch_where!` | the function that is named | `catch_unwind` where the condition holds, a plain call elsewhere |
//! | `own_panics` | calls the function | makes another image's panic one of this image |
//! | `unload` | not there | what the host must know to unload a module |
//! | `or_pending!` | its argument | or a module is being unloaded |
//! | `cfg_each_task!` | upstream's condition | always |
//! | `held!`, `text_name!`, `default_name!` | the function in an `Arc` | it holds its image, or is the host's |
//!
//! So with the feature off the crate compiles to what upstream compiles to.

/// As [`std::thread_local!`], in the host's storage where the feature says so. Public because
/// `task_local!` expands to it in other crates.
#[doc(hidden)]
#[cfg(feature = "external-tls")]
pub use tls_keys::{thread_local, AccessError, LocalKey};

#[doc(hidden)]
#[cfg(not(feature = "external-tls"))]
pub use std::{
    thread::{AccessError, LocalKey},
    thread_local,
};

#[cfg(feature = "external-tls")]
#[allow(unused_imports)] // which features use it varies
pub(crate) use tls_keys::process_local;

/// The static as it stands.
#[cfg(not(feature = "external-tls"))]
#[allow(unused_macros)] // which features use it varies
macro_rules! process_local {
    ($item:item) => {
        $item
    };
}
#[cfg(not(feature = "external-tls"))]
#[allow(unused_imports)]
pub(crate) use process_local;

/// The calling thread's id, the same in every copy of tokio: each copy of std gives a thread another
/// id, and a runtime's owner may have been written down by one and be compared by the other.
#[cfg(all(feature = "external-tls", feature = "rt"))]
pub(crate) fn current_thread_id() -> std::thread::ThreadId {
    thread_local! {
        static THREAD_ID: std::thread::ThreadId = std::thread::current().id();
    }
    // While a thread ends, no copy spawns on its runtimes any more; any id of this thread does.
    THREAD_ID
        .try_with(|id| *id)
        .unwrap_or_else(|_| std::thread::current().id())
}

#[cfg(all(not(feature = "external-tls"), feature = "rt"))]
#[inline(always)]
pub(crate) fn current_thread_id() -> std::thread::ThreadId {
    std::thread::current().id()
}

#[cfg(feature = "external-tls")]
pub(crate) mod layout;

#[cfg(feature = "external-tls")]
#[allow(dead_code, unused_imports)] // which features use it varies
pub(crate) mod unload;

/// A condition for a thread to end; also while a module waits for threads that have nothing to do.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! or_pending {
    ($condition:expr) => {
        ($condition || $crate::external_tls::unload::is_pending())
    };
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! or_pending {
    ($condition:expr) => {
        $condition
    };
}
#[allow(unused_imports)]
pub(crate) use or_pending;

/// A function that a runtime keeps, and that is the code of whoever builds it: it holds that image.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! held {
    ($function:ident $(, $argument:ident)?) => {{
        let hold = ::tls_keys::Hold::new("callback of a runtime");
        // The function is the first to be taken in, and so the first to be dropped.
        std::sync::Arc::new(move |$($argument: &crate::runtime::TaskMeta<'_>)?| {
            let result = $function($($argument)?);
            let _ = &hold;
            result
        })
    }};
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! held {
    ($function:ident $(, $argument:ident)?) => {
        std::sync::Arc::new($function)
    };
}
#[allow(unused_imports)]
pub(crate) use held;

/// The names of a runtime's threads, as a function of the host's.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! text_name {
    ($name:ident) => {
        $crate::external_tls::unload::name_on_host($name)
    };
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! text_name {
    ($name:ident) => {
        std::sync::Arc::new(move || $name.clone())
    };
}
#[allow(unused_imports)]
pub(crate) use text_name;

/// Likewise, where nobody has chosen a name.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! default_name {
    ($function:expr) => {{
        let name: fn() -> String = $function;
        $crate::external_tls::unload::name_on_host(name())
    }};
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! default_name {
    ($function:expr) => {
        std::sync::Arc::new($function)
    };
}
#[allow(unused_imports)]
pub(crate) use default_name;

/// Functions that visit each task, which upstream has for its task dumps only.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! cfg_each_task {
    ($($item:item)*) => {
        $(
            #[cfg(feature = "rt")]
            $item
        )*
    };
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! cfg_each_task {
    ($($item:item)*) => {
        cfg_taskdump! { $($item)* }
    };
}
#[allow(unused_imports)]
pub(crate) use cfg_each_task;

/// At the start of a function: in a module, lets the host's copy of that function do the work.
///
/// For functions that leave code behind in shared state: a thread's main function, a waker's vtable,
/// a signal action. What stays is then the host's, which is never unloaded.
///
/// The function's address is itself a process-wide key, so it is the host's wherever the key is
/// shared, and this image's own otherwise.
#[allow(unused_macros)] // which features use it varies
macro_rules! on_host {
    ($name:ident: $signature:ty = $function:path; ($($argument:expr),* $(,)?)) => {
        #[cfg(feature = "external-tls")]
        {
            $crate::external_tls::process_local! {
                static $name: $signature = $function;
            }
            if !::tls_keys::ProcessLocal::is_own(&$name) {
                let host = *$name;
                // SAFETY: the host's copy of the very function that this was called from, with
                // the very arguments that its caller vouched for, where it is an unsafe one.
                #[allow(unused_unsafe)]
                return unsafe { host($($argument),*) };
            }
        }
    };
}
#[allow(unused_imports)]
pub(crate) use on_host;

/// Where upstream catches panics, code of another image may have run: a task's future, a waker, a
/// closure. std would abort on that image's panic, `tls_keys::panic` explains why.
#[cfg(feature = "external-tls")]
#[allow(unused_imports)] // which features use it varies
pub(crate) use tls_keys::panic::{catch_unwind, own_panics};

#[cfg(not(feature = "external-tls"))]
#[allow(unused_imports)]
pub(crate) use std::panic::catch_unwind;

/// A function that catches a panic where there may be one.
///
/// std's `catch_unwind` costs nothing until there is a panic. Ours is two calls and their frames (see
/// `tls_keys::panic`), so it is left out where the condition says that nothing but tokio's own code
/// runs, and that this code does not panic.
#[cfg(feature = "external-tls")]
#[allow(unused_macros)] // which features use it varies
macro_rules! catch_where {
    ($condition:expr, $catch:path) => {
        $crate::external_tls::catch_if($condition)
    };
}
#[cfg(not(feature = "external-tls"))]
#[allow(unused_macros)]
macro_rules! catch_where {
    ($condition:expr, $catch:path) => {
        $catch
    };
}
#[allow(unused_imports)]
pub(crate) use catch_where;

#[cfg(feature = "external-tls")]
#[allow(dead_code)] // which features use it varies
#[inline(always)]
pub(crate) fn catch_if<R, F: FnOnce() -> R>(
    condition: bool,
) -> impl FnOnce(F) -> std::thread::Result<R> {
    move |f| match condition {
        true => catch_unwind(std::panic::AssertUnwindSafe(f)),
        false => Ok(f()),
    }
}

/// Whether a waker's code is that of tokio's tasks; see there.
#[cfg(all(feature = "external-tls", feature = "rt"))]
#[allow(unused_imports)] // which features use it varies
pub(crate) use crate::runtime::task::is_task_waker;

/// Without a runtime there are no tasks.
#[cfg(all(feature = "external-tls", not(feature = "rt")))]
#[allow(dead_code)] // which features use it varies
pub(crate) fn is_task_waker(_: &std::task::Waker) -> bool {
    false
}

/// For code that runs below a `catch_unwind` that is not ours: the caller's of `block_on`, std's at the
/// top of a thread.
#[cfg(not(feature = "external-tls"))]
#[allow(dead_code)] // which features use it varies
#[inline(always)]
pub(crate) fn own_panics<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// What `#[tokio::module]` expands to calls of.
#[doc(hidden)]
#[cfg(all(feature = "external-tls", feature = "macros", feature = "rt"))]
pub mod entry {
    //! Calls of a module's functions by its host, with panics caught on the module's side.
    //!
    //! A panic that leaves the image it was raised in is a foreign exception to the next one, which
    //! aborts the process. It is caught here, in code that is compiled into the module: around
    //! each poll, around the drop of the future, and around the drop of the panic's payload. The
    //! panic may also be the host's, whose code the function may call back.

    use std::any::Any;
    use std::future::Future;
    use std::panic::AssertUnwindSafe;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use pin_project_lite::pin_project;

    use tls_keys::panic::{catch_unwind, discard_panic};

    pub use tls_keys::entry::{Entry, EntryFuture, EntryPanic};

    /// Runs a function on behalf of the host.
    pub fn call<R>(function: impl FnOnce() -> R) -> Result<R, EntryPanic> {
        catch_unwind(AssertUnwindSafe(function)).map_err(caught)
    }

    /// Runs a future on behalf of the host.
    pub fn call_async<F>(future: F) -> EntryFuture<F::Output>
    where
        F: Future + Send + 'static,
    {
        Box::pin(Guarded {
            future: Some(future),
        })
    }

    pin_project! {
        /// A future whose panics are results.
        struct Guarded<F> {
            // `None` once it has ended.
            #[pin]
            future: Option<F>,
        }

        impl<F> PinnedDrop for Guarded<F> {
            fn drop(this: Pin<&mut Self>) {
                let mut this = this.project();
                // Nobody waits for the result of a future that is dropped: the panic hook has
                // printed the message.
                let _ = call(|| this.future.set(None));
            }
        }
    }

    impl<F: Future> Future for Guarded<F> {
        type Output = Result<F::Output, EntryPanic>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let mut this = self.project();
            let mut output = None;
            // What comes back fits a register, which `catch_unwind` makes use of.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                match this.future.as_mut().as_pin_mut() {
                    Some(future) => match future.poll(cx) {
                        Poll::Ready(ready) => {
                            output = Some(ready);
                            true
                        }
                        Poll::Pending => false,
                    },
                    None => panic!("a module's entry was polled after it had ended"),
                }
            }));
            match polled {
                Ok(false) => Poll::Pending,
                Ok(true) => Poll::Ready(ended(this.future, Ok(output))),
                Err(payload) => Poll::Ready(ended(this.future, Err(payload))),
            }
        }
    }

    /// The result of a future that has ended. Apart, so that the polls before carry none of it.
    #[inline(never)]
    fn ended<F: Future>(
        mut future: Pin<&mut Option<F>>,
        polled: std::thread::Result<Option<F::Output>>,
    ) -> Result<F::Output, EntryPanic> {
        let dropped = call(|| future.set(None));
        match polled {
            Err(payload) => Err(caught(payload)),
            // It was ready.
            Ok(None) => unreachable!("a module's entry ended without a result"),
            Ok(Some(output)) => dropped.map(|()| output),
        }
    }

    fn caught(payload: Box<dyn Any + Send>) -> EntryPanic {
        let message = if let Some(text) = payload.downcast_ref::<&str>() {
            (*text).to_owned()
        } else if let Some(text) = payload.downcast_ref::<String>() {
            text.clone()
        } else {
            "(a panic without a text)".to_owned()
        };
        // A payload may panic when it is dropped.
        discard_panic(|| drop(payload));
        EntryPanic::new(message)
    }
}
