//! Signal actions: finds the signals that would run a module's code.
//!
//! A module may install a signal action by itself, past tokio and the host. After `dlclose` the
//! next such signal is a crash. The actions are not taken over. They are asked for, and reported.

use std::ffi::{c_int, c_void};

use crate::alive::libc::types::Span;

/// One more than the last signal: `_NSIG` of `<signal.h>`.
const SIGNALS: c_int = 65;

/// `struct sigaction`. The handler comes first on all targets but MIPS, and in no libc more than
/// this follows it.
#[repr(C, align(16))]
struct Action {
    handler: usize,
    rest: [usize; 31],
}

unsafe extern "C" {
    fn sigaction(signal: c_int, new: *const c_void, old: *mut Action) -> c_int;
}

/// The signals whose action is a function of the image.
pub(super) fn of(span: Span) -> Vec<c_int> {
    if cfg!(any(target_arch = "mips64", target_arch = "mips64r6")) {
        return Vec::new();
    }
    (1..SIGNALS)
        .filter(|signal| {
            let mut action = Action {
                handler: 0,
                rest: [0; 31],
            };
            // SAFETY: null as the new action changes nothing, and `action` has room for libc's
            // structure. For the signals that libc keeps for itself this is an error, and nothing
            // is written.
            let failed = unsafe { sigaction(*signal, std::ptr::null(), &mut action) };
            let _ = action.rest;
            failed == 0 && span.contains(action.handler)
        })
        .collect()
}
