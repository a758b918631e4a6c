//! Many modules and many threads, in one process.
//!
//! ```text
//! load checked|opened FILE…   nanoseconds for all, for the last quarter of them, and kB for all
//! access FILE…                nanoseconds of an access in the last module: to a thread-local of
//!                             its own, and to tokio's context
//! ```

use std::time::Instant;

use bench_access::memory;
use tls_slots_load::Module;

use crate::modules::{load, text};

/// Makes one measurement, and returns its numbers.
pub(crate) fn measure(args: &[&str]) -> Result<String, String> {
    match args {
        ["load", how, files @ ..] => {
            let before = memory();
            let start = Instant::now();
            let mut late = start;
            for (at, file) in files.iter().enumerate() {
                if at == files.len() - files.len().div_ceil(4) {
                    late = Instant::now();
                }
                match *how {
                    // A module stays loaded when its `Module` is dropped. SAFETY: the driver has
                    // built the file for this host, and does not write to it.
                    "checked" => drop(unsafe { Module::load(file) }.map_err(text)?),
                    _ => std::mem::forget(open(file)?),
                }
            }
            let (all, late) = (start.elapsed(), late.elapsed());
            let memory = memory().saturating_sub(before);
            Ok(format!("{} {} {memory}", all.as_nanos(), late.as_nanos()))
        }
        ["access", files @ ..] => {
            let modules = files
                .iter()
                .map(|file| load(file))
                .collect::<Result<Vec<Module>, _>>()?;
            for module in &modules {
                let touch = module.function::<fn() -> u64>("touch").map_err(text)?;
                touch.call(()).map_err(text)?;
            }
            let last = modules.last().ok_or("no module")?;
            let time = last
                .function::<fn(u64) -> (u64, u64)>("time")
                .map_err(text)?;
            let (own, tokios) = time.call((ACCESSES,)).map_err(text)?;
            Ok(format!(
                "{} {}",
                own as f64 / ACCESSES as f64,
                tokios as f64 / ACCESSES as f64
            ))
        }
        _ => Err("unknown arguments of scale".to_owned()),
    }
}

/// How many accesses a run makes.
const ACCESSES: u64 = 5_000_000;

/// Opens a file as the loader does, without the loader's checks.
fn open(file: &str) -> Result<libloading::Library, String> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the driver has built the file for this host, and does not write to it.
    let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) };
    library.map(Into::into).map_err(text)
}
