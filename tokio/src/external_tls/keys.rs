//! Thread-locals and statics: the host's where the feature says so, and plain ones elsewhere.

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

/// [`std::thread`], but for the types of its keys.
pub(crate) mod thread {
    // Stronger than the names of the glob.
    #[allow(unused_imports)] // which features use them varies
    pub(crate) use super::{AccessError, LocalKey};
    #[allow(unused_imports)]
    pub(crate) use std::thread::*;
}

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

/// The calling thread's id, the same in every copy of tokio: each copy of std gives a thread
/// another id, and a runtime's owner may have been written down by one and be compared by the
/// other.
#[cfg(all(feature = "external-tls", feature = "rt"))]
#[allow(dead_code)] // which releases use it varies
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
#[allow(dead_code)] // which releases use it varies
#[inline(always)]
pub(crate) fn current_thread_id() -> std::thread::ThreadId {
    std::thread::current().id()
}
