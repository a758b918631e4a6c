//! Whether this program can load modules at all.

use super::error::HostProblem;

/// What of a host's symbols is looked for: if it is there, the linker was told of all.
#[cfg(unix)]
const SYMBOL: &str = "tls_slots_register_v1";

/// Checks that modules will find the host's symbols, and find them here.
pub(crate) fn check() -> Result<(), HostProblem> {
    if cfg!(all(unix, target_feature = "crt-static")) {
        return Err(HostProblem::Static);
    }
    exported()
}

#[cfg(unix)]
fn exported() -> Result<(), HostProblem> {
    use tls_slots::loader::file;

    // The program and what is in the global scope: where a module's symbols are looked for.
    let program = libloading::os::unix::Library::this();
    // SAFETY: only its address is used.
    let Ok(symbol) = (unsafe { program.get::<*const u8>(SYMBOL) }) else {
        return Err(HostProblem::NotExported {
            symbol: SYMBOL.to_owned(),
        });
    };
    let address: *const u8 = *symbol;
    if file::is_here(address) {
        return Ok(());
    }
    Err(HostProblem::OtherHost {
        file: file::of(address),
    })
}

/// A module asks the executable by itself, and says what is missing.
#[cfg(not(unix))]
fn exported() -> Result<(), HostProblem> {
    Ok(())
}
