//! Loads modules, and says in a sentence what is wrong with them.

use tls_slots_load::{LoadOptions, Module, Source};

/// Loads a module: the file itself and no private copy of it, so that callgrind and perf find its
/// symbols.
pub(crate) fn load(file: &str) -> Result<Module, String> {
    // SAFETY: the driver has built the file with the compiler, the profile and the fork that it
    // built this program with, and does not write to it while it is in use.
    unsafe { LoadOptions::new().source(Source::Path).load(file) }.map_err(text)
}

/// An error with all that caused it, on one line.
pub(crate) fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
