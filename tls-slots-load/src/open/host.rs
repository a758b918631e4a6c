//! Checks that this program can load modules at all.
//!
//! The problem: a module finds its host by exported symbols. If the host's build script does not
//! call `tls_slots_build::host()`, there are none. If another library has them, the module would
//! register with that one. Both must be found out before the first module runs.

use super::error::HostProblem;

/// The host's symbol that is looked for. If it is exported, all are: one linker argument names
/// them.
#[cfg(unix)]
const SYMBOL: &str = "tls_slots_register_v1";

/// Checks that modules will find the host's symbols, and will find them in this image.
///
/// # Errors
///
/// What is missing, or where the symbols are instead.
pub(crate) fn check() -> Result<(), HostProblem> {
    if cfg!(all(unix, target_feature = "crt-static")) {
        return Err(HostProblem::Static);
    }
    exported()
}

#[cfg(unix)]
fn exported() -> Result<(), HostProblem> {
    use tls_slots::loader::file;

    // The program and the libraries of the global scope. There the system looks for a module's
    // symbols.
    let program = libloading::os::unix::Library::this();
    // SAFETY: any type of pointer's size is right, as only the address is used.
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

/// On this system a module looks for the symbols by itself, and says what is missing.
#[cfg(not(unix))]
fn exported() -> Result<(), HostProblem> {
    Ok(())
}
