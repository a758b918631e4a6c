//! Wakers that tokio keeps: in sockets, timers, channels, join handles.
//!
//! A waker may be code of a module, which leaves the process before the waker does.
//! `tls_keys::wakers` says what becomes of such a waker. Most wakers are those of tokio's tasks
//! and of `block_on`, whose code is the host's: for these there is a comparison more.

use std::task::Waker;

/// A clone of a waker, to be kept.
#[cfg(feature = "external-tls")]
#[allow(unused_imports)] // which features use it varies
pub(crate) use tls_keys::wakers::keep as keep_waker;

#[cfg(not(feature = "external-tls"))]
#[allow(dead_code)]
#[inline(always)]
pub(crate) fn keep_waker(waker: &Waker) -> Waker {
    waker.clone()
}

/// [`keep_waker`] in the place of a waker that is kept, unless that one wakes the same.
#[cfg(feature = "external-tls")]
#[allow(dead_code)] // which features use it varies
#[inline]
pub(crate) fn keep_waker_from(kept: &mut Waker, waker: &Waker) {
    if !will_wake(kept, waker) {
        *kept = keep_waker(waker);
    }
}

#[cfg(not(feature = "external-tls"))]
#[allow(dead_code)]
#[inline(always)]
pub(crate) fn keep_waker_from(kept: &mut Waker, waker: &Waker) {
    kept.clone_from(waker);
}

/// Whether both wake the same: a waker that is kept, and one that may be.
#[cfg(feature = "external-tls")]
#[allow(unused_imports)] // which features use it varies
pub(crate) use tls_keys::wakers::will_wake;

#[cfg(not(feature = "external-tls"))]
#[allow(dead_code)]
#[inline(always)]
pub(crate) fn will_wake(one: &Waker, other: &Waker) -> bool {
    one.will_wake(other)
}
