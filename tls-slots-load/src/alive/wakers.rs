//! Whose code a waker is.
//!
//! The problem: tokio keeps wakers in sockets, timers and channels, and a module may poll these
//! with a waker of its own. `tls_keys::wakers` counts such a waker for the module, and asks here
//! which module it is. tokio's own wakers are code of the executable, and are never asked about.

use tls_keys::wakers::CountsAt;
use tls_slots::loader::memory;

use super::{counters, libc};

/// Makes the executable's memory known, and the function that knows the modules.
pub(crate) fn start() {
    let own = memory::of((start as fn()) as *const u8);
    // Where the system does not tell, no module is unloaded either.
    if let Some(executable) = own {
        // SAFETY: `owner_of` gives the row that `counters` has given to the module.
        unsafe { tls_keys::wakers::set_owner(executable.all, owner_of) }
    }
}

/// Where the module counts in whose memory an address is. `None` if it is in no module.
fn owner_of(address: usize) -> Option<CountsAt> {
    let row = counters::row_in(&libc::module_at(address)?)?;
    Some(row.counts_at())
}
