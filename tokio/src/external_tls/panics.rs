//! Panics, which may be another image's.

/// Where upstream catches panics, code of another image may have run: a task's future, a waker, a
/// closure. std would abort on that image's panic; `tls_keys::panic` explains why.
#[cfg(feature = "external-tls")]
#[allow(unused_imports)] // which features use it varies
pub(crate) use tls_keys::panic::{catch_unwind, own_panics};

#[cfg(not(feature = "external-tls"))]
#[allow(unused_imports)]
pub(crate) use std::panic::catch_unwind;

/// A function that catches a panic where there may be one.
///
/// std's `catch_unwind` costs nothing until there is a panic. Ours is two calls and their frames
/// (see `tls_keys::panic`). So it is left out where the condition says that nothing but tokio's own
/// code runs, and that this code does not panic.
#[cfg(feature = "external-tls")]
#[allow(unused_macros)] // which features use it varies
macro_rules! catch_where {
    ($condition:expr, $catch:path) => {
        $crate::external_tls::panics::catch_if($condition)
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

/// Whether a waker's code is that of tokio's tasks.
#[cfg(all(feature = "external-tls", feature = "rt"))]
#[allow(unused_imports)] // which features use it varies
pub(crate) use crate::runtime::task::is_task_waker;

/// Without a runtime there are no tasks.
#[cfg(all(feature = "external-tls", not(feature = "rt")))]
#[allow(dead_code)] // which features use it varies
pub(crate) fn is_task_waker(_: &std::task::Waker) -> bool {
    false
}

/// Whether the waker that is kept of a waker is made by code that is not tokio's, and so may panic.
#[allow(dead_code)] // which features use it varies
pub(crate) trait ClonesByOthers {
    #[cfg(feature = "external-tls")]
    fn clones_by_others(&self) -> bool;
}

/// It is moved.
impl ClonesByOthers for std::task::Waker {
    #[cfg(feature = "external-tls")]
    #[inline(always)]
    fn clones_by_others(&self) -> bool {
        false
    }
}

/// It is cloned.
impl ClonesByOthers for &std::task::Waker {
    #[cfg(feature = "external-tls")]
    #[inline(always)]
    fn clones_by_others(&self) -> bool {
        !is_task_waker(self)
    }
}

/// For code that runs below a `catch_unwind` that is not ours: that of `block_on`'s caller, or
/// std's at the top of a thread.
#[cfg(not(feature = "external-tls"))]
#[allow(dead_code)] // which features use it varies
#[inline(always)]
pub(crate) fn own_panics<R>(f: impl FnOnce() -> R) -> R {
    f()
}
